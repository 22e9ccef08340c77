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
