//! The Linux frame buffer: takes in frames, writes the rows that have changed into `/dev/fbN`.
//!
//! Geometry comes from `/sys/class/graphics/fbN`. Never maps memory, never changes the mode.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use embedded_graphics::geometry::{OriginDimensions, Size};

use super::Surface;
use crate::display::Frame;
use crate::display::area::index;

/// How a pixel lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// 16 bits, little endian.
    Rgb565,
    /// 24 bits: blue, green, red.
    Rgb888,
    /// 32 bits, little endian: blue, green, red, unused.
    Xrgb8888,
}

/// An open frame buffer device.
#[derive(Debug)]
pub struct FrameBuffer {
    device: File,
    size: Size,
    stride: u64,
    format: Format,
}

impl FrameBuffer {
    /// Opens `device` (such as `/dev/fb0`) with the geometry of `graphics/<name>` (such as `/sys/class/graphics/fb0`).
    ///
    /// # Errors
    /// When the device or its geometry cannot be read, or its pixels are none of RGB565, RGB888 and XRGB8888.
    pub fn open(device: &Path, graphics: &Path) -> io::Result<Self> {
        let info = graphics.join(device.file_name().unwrap_or_default());
        let read = |name: &str| fs::read_to_string(info.join(name)).map_err(|e| named(&e, &info.join(name)));
        let size = visible_size(&read("virtual_size")?, fs::read_to_string(info.join("modes")).ok().as_deref())
            .ok_or_else(|| invalid(format!("{}/virtual_size is not WIDTH,HEIGHT", info.display())))?;
        let format = match read("bits_per_pixel")?.trim() {
            "16" => Format::Rgb565,
            "24" => Format::Rgb888,
            "32" => Format::Xrgb8888,
            other => {
                return Err(invalid(format!(
                    "{} has {other} bits per pixel; 16, 24 and 32 are supported",
                    device.display()
                )));
            }
        };
        let stride = read("stride")?
            .trim()
            .parse()
            .map_err(|_| invalid(format!("{}/stride is not a number", info.display())))?;
        if stride < u64::from(size.width) * format.bytes() {
            return Err(invalid(format!("{}/stride is shorter than a row", info.display())));
        }
        let file = OpenOptions::new().write(true).open(device).map_err(|e| named(&e, device))?;
        Ok(Self { device: file, size, stride, format })
    }
}

/// The size of the current mode, `U:800x480p-60`, where there is one; `virtual_size` may hold several screens.
fn visible_size(virtual_size: &str, modes: Option<&str>) -> Option<Size> {
    let pair = |text: &str, by: char| {
        let (width, height) = text.trim().split_once(by)?;
        let height: String = height.chars().take_while(char::is_ascii_digit).collect();
        Some(Size::new(width.parse().ok()?, height.parse().ok()?))
    };
    let mode =
        modes.and_then(|m| m.lines().next()).and_then(|line| line.split_once(':')).and_then(|(_, m)| pair(m, 'x'));
    mode.or_else(|| pair(virtual_size, ',')).filter(|s| s.width > 0 && s.height > 0)
}

fn invalid(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Format {
    const fn bytes(self) -> u64 {
        match self {
            Self::Rgb565 => 2,
            Self::Rgb888 => 3,
            Self::Xrgb8888 => 4,
        }
    }

    fn encode(self, row: &[[u8; 3]], into: &mut Vec<u8>) {
        into.clear();
        for [r, g, b] in row {
            match self {
                Self::Rgb565 => {
                    let value = (u16::from(r >> 3) << 11) | (u16::from(g >> 2) << 5) | u16::from(b >> 3);
                    into.extend_from_slice(&value.to_le_bytes());
                }
                Self::Rgb888 => into.extend_from_slice(&[*b, *g, *r]),
                Self::Xrgb8888 => into.extend_from_slice(&[*b, *g, *r, 0xFF]),
            }
        }
    }
}

impl Surface for FrameBuffer {
    fn size(&self) -> Size {
        self.size
    }

    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        if frame.size() != self.size {
            return Err(invalid(format!("a frame of {} for a frame buffer of {}", frame.size(), self.size)));
        }
        let dirty = frame.dirty();
        let mut bytes = Vec::new();
        for y in dirty.y..dirty.bottom() {
            let row = &frame.row(y)[index(dirty.x)..index(dirty.right())];
            self.format.encode(row, &mut bytes);
            let offset =
                u64::try_from(y).unwrap_or(0) * self.stride + u64::try_from(dirty.x).unwrap_or(0) * self.format.bytes();
            self.device.write_all_at(&bytes, offset)?;
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use embedded_graphics::pixelcolor::Rgb888;
    use embedded_graphics::prelude::{DrawTarget, Point};
    use embedded_graphics::primitives::Rectangle;

    use super::*;

    /// A folder that looks like `/dev` and `/sys/class/graphics` with one 8 x 4 screen.
    fn fake(bits: &str, stride: usize, modes: Option<&str>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let info = root.path().join("graphics/fb0");
        fs::create_dir_all(&info).unwrap();
        fs::write(info.join("virtual_size"), "8,8\n").unwrap();
        fs::write(info.join("bits_per_pixel"), format!("{bits}\n")).unwrap();
        fs::write(info.join("stride"), format!("{stride}\n")).unwrap();
        if let Some(modes) = modes {
            fs::write(info.join("modes"), modes).unwrap();
        }
        fs::write(root.path().join("fb0"), vec![0xEE; stride * 4]).unwrap();
        root
    }

    fn open(root: &tempfile::TempDir) -> io::Result<FrameBuffer> {
        FrameBuffer::open(&root.path().join("fb0"), &root.path().join("graphics"))
    }

    fn orange_corner() -> Frame {
        let mut frame = Frame::new(Size::new(8, 4));
        frame.mark_shown();
        let Ok(()) = frame.fill_solid(&Rectangle::new(Point::new(6, 2), Size::new(2, 1)), Rgb888::new(255, 132, 8));
        frame
    }

    #[test]
    fn only_what_changed_is_written_in_sixteen_bits() {
        let root = fake("16", 20, Some("U:8x4p-60\n"));
        let mut screen = open(&root).unwrap();
        assert_eq!(screen.size(), Size::new(8, 4), "virtual_size holds two screens, the mode says one");
        screen.show(&orange_corner()).unwrap();
        let memory = fs::read(root.path().join("fb0")).unwrap();
        let value = 0b1111_1100_0010_0001_u16.to_le_bytes();
        assert_eq!(memory[2 * 20 + 12..2 * 20 + 16], [value, value].concat());
        assert_eq!(memory.iter().filter(|b| **b == 0xEE).count(), 80 - 4);
    }

    #[test]
    fn thirty_two_bits_are_blue_green_red() {
        let root = fake("32", 32, Some("U:8x4p-60\n"));
        open(&root).unwrap().show(&orange_corner()).unwrap();
        let memory = fs::read(root.path().join("fb0")).unwrap();
        assert_eq!(memory[2 * 32 + 24..2 * 32 + 28], [8, 132, 255, 0xFF]);
    }

    #[test]
    fn twenty_four_bits_are_blue_green_red_without_a_gap() {
        let root = fake("24", 26, Some("U:8x4p-60\n"));
        open(&root).unwrap().show(&orange_corner()).unwrap();
        let memory = fs::read(root.path().join("fb0")).unwrap();
        assert_eq!(memory[2 * 26 + 18..2 * 26 + 24], [8, 132, 255, 8, 132, 255]);
    }

    /// DRM's fbdev emulation leaves `modes` empty, pads rows, and makes room for more than is seen.
    #[test]
    fn the_emulated_frame_buffer_of_a_drm_driver_is_taken_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let info = root.path().join("graphics/fb0");
        fs::create_dir_all(&info).unwrap();
        for (name, text) in
            [("virtual_size", "480,320\n"), ("bits_per_pixel", "32\n"), ("stride", "1920\n"), ("modes", "")]
        {
            fs::write(info.join(name), text).unwrap();
        }
        fs::write(root.path().join("fb0"), vec![0xEE; 1920 * 320]).unwrap();
        let mut screen = open(&root).unwrap();
        assert_eq!(screen.size(), Size::new(480, 320));
        let mut frame = Frame::new(screen.size());
        let Ok(()) = frame.fill_solid(&Rectangle::new(Point::new(479, 319), Size::new(1, 1)), Rgb888::new(1, 2, 3));
        screen.show(&frame).unwrap();
        let memory = fs::read(root.path().join("fb0")).unwrap();
        assert_eq!(memory.len(), 1920 * 320, "nothing is written behind the last pixel");
        assert_eq!(memory[1920 * 320 - 4..], [3, 2, 1, 0xFF]);
        assert_eq!(memory[..4], [0, 0, 0, 0xFF]);
    }

    #[test]
    fn without_a_mode_the_virtual_size_counts() {
        assert_eq!(open(&fake("16", 16, None)).unwrap().size(), Size::new(8, 8));
    }

    #[test]
    fn a_frame_buffer_that_cannot_be_used_says_why() {
        let reason = |root: &tempfile::TempDir| open(root).unwrap_err().to_string();
        assert!(reason(&fake("8", 24, None)).contains("8 bits per pixel"));
        assert!(reason(&fake("16", 4, None)).contains("stride"));
        let empty = tempfile::tempdir().unwrap();
        assert!(reason(&empty).contains("virtual_size"));
    }
}
