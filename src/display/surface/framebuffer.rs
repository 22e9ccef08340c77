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
    /// When the device or its geometry cannot be read, or its pixels are neither RGB565 nor XRGB8888.
    pub fn open(device: &Path, graphics: &Path) -> io::Result<Self> {
        let info = graphics.join(device.file_name().unwrap_or_default());
        let read = |name: &str| fs::read_to_string(info.join(name)).map_err(|e| named(&e, &info.join(name)));
        let size = visible_size(&read("virtual_size")?, fs::read_to_string(info.join("modes")).ok().as_deref())
            .ok_or_else(|| invalid(format!("{}/virtual_size is not WIDTH,HEIGHT", info.display())))?;
        let format = match read("bits_per_pixel")?.trim() {
            "16" => Format::Rgb565,
            "32" => Format::Xrgb8888,
            other => {
                return Err(invalid(format!(
                    "{} has {other} bits per pixel; 16 and 32 are supported",
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
}
