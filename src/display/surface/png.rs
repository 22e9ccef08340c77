//! Frames as numbered PNG files: one whenever what the picture says has changed.
//!
//! Never writes a file for a moving clock or a flash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use embedded_graphics::geometry::{OriginDimensions, Size};

use super::Surface;
use crate::display::Frame;

/// `0001.png`, `0002.png`, ... in one folder.
#[derive(Debug)]
pub struct PngFiles {
    dir: PathBuf,
    size: Size,
    written: u32,
    meaning: Option<u64>,
}

impl PngFiles {
    /// Makes the folder.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(dir: &Path, size: Size) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned(), size, written: 0, meaning: None })
    }

    /// How many files were written.
    pub const fn written(&self) -> u32 {
        self.written
    }
}

impl Surface for PngFiles {
    fn size(&self) -> Size {
        self.size
    }

    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        if self.meaning == Some(frame.meaning()) {
            return Ok(());
        }
        let path = self.dir.join(format!("{:04}.png", self.written + 1));
        fs::write(path, encode_png(frame)?)?;
        self.written += 1;
        self.meaning = Some(frame.meaning());
        Ok(())
    }
}

/// A frame as an 8-bit RGB PNG.
///
/// # Errors
/// When the encoder refuses; never for a frame with pixels.
pub fn encode_png(frame: &Frame) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, frame.size().width, frame.size().height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(frame.bytes())?;
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::display::{Display, Panel, samples};

    #[test]
    fn a_picture_is_written_when_the_words_change_and_not_for_a_clock_or_a_flash() {
        let dir = tempfile::tempdir().unwrap();
        let panel = Panel::ALL[1];
        let mut display = Display::new(panel, Box::new(PngFiles::new(dir.path(), panel.size).unwrap()));
        let written = || fs::read_dir(dir.path()).unwrap().count();
        let samples = samples::all();
        let suspected = samples.iter().find(|s| s.name == "suspected").unwrap();
        for ms in [0, 250, 500, 1000, 2000] {
            display.tick(&suspected.state, suspected.now + Duration::from_millis(ms)).unwrap();
        }
        assert_eq!(written(), 1, "an age that grows and a flash are the same picture");
        let mut seen = suspected.state.clone();
        seen.acknowledge("7f3a", "clinic", suspected.now);
        display.tick(&seen, suspected.now).unwrap();
        assert_eq!(written(), 2);
        assert!(dir.path().join("0002.png").exists());
    }
}
