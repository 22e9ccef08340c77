//! The wire to an SPI panel: a bus device, the line that tells data from commands, the line that resets.
//!
//! Never sends more than `chunk` bytes at once: spidev refuses a longer transfer.

use std::fs;

use embedded_hal::digital::{ErrorType, OutputPin};
use embedded_hal::spi::SpiDevice;
use mipidsi::interface::{Interface, InterfaceKind, SpiError, SpiInterface};

/// What spidev takes in one transfer unless it was told otherwise, bytes.
const BUFSIZ: usize = 4096;

/// What spidev takes in one transfer on this device, bytes.
pub fn bufsiz() -> usize {
    let told = fs::read_to_string("/sys/module/spidev/parameters/bufsiz").ok();
    told.and_then(|text| text.trim().parse().ok()).map_or(BUFSIZ, |bytes: usize| bytes.clamp(64, 1 << 16))
}

/// Keeps what [`SpiInterface`] borrows.
pub struct Wire<S, D> {
    spi: S,
    data_command: D,
    chunk: Vec<u8>,
}

impl<S: SpiDevice, D: OutputPin> Wire<S, D> {
    /// Sends at most `chunk` bytes at once, at least a few pixels.
    pub fn new(spi: S, data_command: D, chunk: usize) -> Self {
        Self { spi, data_command, chunk: vec![0; chunk.max(64)] }
    }

    fn borrowed(&mut self) -> SpiInterface<'_, &mut S, &mut D> {
        SpiInterface::new(&mut self.spi, &mut self.data_command, &mut self.chunk)
    }
}

impl<S: SpiDevice, D: OutputPin> Interface for Wire<S, D> {
    type Word = u8;
    type Error = SpiError<S::Error, D::Error>;

    const KIND: InterfaceKind = InterfaceKind::Serial4Line;

    fn send_command(&mut self, command: u8, args: &[u8]) -> Result<(), Self::Error> {
        self.borrowed().send_command(command, args)
    }

    fn send_pixels<const N: usize>(&mut self, pixels: impl IntoIterator<Item = [u8; N]>) -> Result<(), Self::Error> {
        self.borrowed().send_pixels(pixels)
    }

    fn send_repeated_pixel<const N: usize>(&mut self, pixel: [u8; N], count: u32) -> Result<(), Self::Error> {
        self.borrowed().send_repeated_pixel(pixel, count)
    }
}

/// The line that resets, where there is one; held still while a panel is set up again.
pub struct Reset<R> {
    /// The line; low resets.
    pub line: Option<R>,
    /// Nothing is reset.
    pub still: bool,
}

impl<R: ErrorType> ErrorType for Reset<R> {
    type Error = R::Error;
}

impl<R: OutputPin> OutputPin for Reset<R> {
    fn set_low(&mut self) -> Result<(), R::Error> {
        self.line.as_mut().filter(|_| !self.still).map_or(Ok(()), OutputPin::set_low)
    }

    fn set_high(&mut self) -> Result<(), R::Error> {
        self.line.as_mut().filter(|_| !self.still).map_or(Ok(()), OutputPin::set_high)
    }
}
