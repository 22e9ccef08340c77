//! SPI panels through mipidsi: which controller, how it is set up, and how a rectangle of a frame gets there.
//!
//! Never reads from a panel: most modules do not wire that line.

use std::fmt::{self, Debug};
use std::io;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::Size;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use embedded_hal::spi::SpiDevice;
use linux_embedded_hal::spidev::{SpiModeFlags, SpidevOptions};
use linux_embedded_hal::{Delay, SpidevDevice};
use mipidsi::interface::{Interface, InterfacePixelFormat};
use mipidsi::models::{ILI9341Rgb565, ILI9486Rgb666, ILI9488Rgb666, Model, ST7789};
use mipidsi::options::{ColorInversion, ColorOrder, Orientation, Rotation};
use mipidsi::{Builder, Display};

use super::Glass;
use super::wire::{Reset, Wire, bufsiz};
use crate::config::{ColourOrder, Controller, PanelSettings};
use crate::display::Frame;
use crate::display::area::Area;
use crate::gpio;

/// Software reset of the display command set.
const SWRESET: u8 = 0x01;

/// What an SPI panel hangs on.
pub struct SpiParts<S, D, R, T> {
    /// The bus device with its chip select.
    pub spi: S,
    /// High for data, low for commands.
    pub data_command: D,
    /// Low resets; by a command where there is none.
    pub reset: Option<R>,
    /// Waits.
    pub delay: T,
    /// Most bytes in one transfer.
    pub chunk: usize,
}

/// Opens the devices of the settings and sets the panel up.
pub fn open(settings: &PanelSettings, size: Size) -> io::Result<Box<dyn Glass + Send>> {
    let named = |error: &dyn fmt::Display| io::Error::other(format!("{}: {error}", settings.spi.display()));
    let mut spi = SpidevDevice::open(&settings.spi).map_err(|error| named(&error))?;
    let mut options = SpidevOptions::new();
    let options = options.bits_per_word(8).max_speed_hz(settings.spi_speed_hz).mode(SpiModeFlags::SPI_MODE_0);
    spi.configure(options).map_err(|error| named(&error))?;
    let missing = || io::Error::new(io::ErrorKind::InvalidInput, "panel.data_command is not given");
    let data_command = gpio::output(settings.data_command.as_ref().ok_or_else(missing)?, false)?;
    let reset = settings.reset.as_ref().map(|line| gpio::output(line, true)).transpose()?;
    let parts = SpiParts { spi, data_command, reset, delay: Delay, chunk: bufsiz() };
    spi_glass(parts, settings, size)
}

/// The panel of the settings, set up. ILI9486 and ILI9488 take 18 bits a pixel on SPI, the others 16.
///
/// # Errors
/// When the bus or a line fails, or the controller is not one for SPI.
pub fn spi_glass<S, D, R, T>(
    parts: SpiParts<S, D, R, T>,
    settings: &PanelSettings,
    size: Size,
) -> io::Result<Box<dyn Glass + Send>>
where
    S: SpiDevice + Send + 'static,
    D: OutputPin + Send + 'static,
    R: OutputPin + Send + 'static,
    T: DelayNs + Send + 'static,
{
    Ok(match settings.controller {
        Controller::Ili9341 => Box::new(SpiGlass::new(ILI9341Rgb565, parts, settings, size)?),
        Controller::St7789 => Box::new(SpiGlass::new(ST7789, parts, settings, size)?),
        Controller::Ili9486 => Box::new(SpiGlass::new(ILI9486Rgb666, parts, settings, size)?),
        Controller::Ili9488 => Box::new(SpiGlass::new(ILI9488Rgb666, parts, settings, size)?),
        Controller::Ssd1306 => return Err(io::Error::new(io::ErrorKind::InvalidInput, "an SSD1306 is on I2C")),
    })
}

/// How a controller is set up.
#[derive(Clone, Copy, Debug)]
struct Setup {
    size: (u16, u16),
    offset: (u16, u16),
    orientation: Orientation,
    order: ColorOrder,
    inversion: ColorInversion,
}

impl Setup {
    /// A layout that is wider than high lies on an upright controller: a quarter turn comes on top of the rotation.
    fn new(settings: &PanelSettings, size: Size) -> Self {
        let extent = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
        let (width, height) = (extent(size.width), extent(size.height));
        let lying = if width > height { Rotation::Deg90 } else { Rotation::Deg0 };
        let turned = Rotation::try_from_degree(i32::from(settings.rotation)).unwrap_or(Rotation::Deg0);
        let upright = Orientation::new();
        let upright = if settings.is_mirrored() { upright.flip_horizontal() } else { upright };
        Self {
            size: (width.min(height), width.max(height)),
            offset: settings.offset.into(),
            orientation: upright.rotate(lying.rotate(turned)),
            order: match settings.colour_order() {
                ColourOrder::Rgb => ColorOrder::Rgb,
                ColourOrder::Bgr => ColorOrder::Bgr,
            },
            inversion: if settings.is_inverted() { ColorInversion::Inverted } else { ColorInversion::Normal },
        }
    }
}

type Driver<M, S, D, R> = Display<Wire<S, D>, M, Reset<R>>;

/// A panel that is set up.
struct SpiGlass<M, S, D, R, T>
where
    M: Model,
    M::ColorFormat: InterfacePixelFormat<u8>,
    S: SpiDevice,
    D: OutputPin,
    R: OutputPin,
{
    driver: Option<Driver<M, S, D, R>>,
    delay: T,
    setup: Setup,
}

impl<M, S, D, R, T> SpiGlass<M, S, D, R, T>
where
    M: Model,
    M::ColorFormat: InterfacePixelFormat<u8>,
    S: SpiDevice,
    D: OutputPin,
    R: OutputPin,
    T: DelayNs,
{
    /// Resets a controller and sets it up for a layout of `size`.
    fn new(model: M, parts: SpiParts<S, D, R, T>, settings: &PanelSettings, size: Size) -> io::Result<Self> {
        let SpiParts { spi, data_command, reset, mut delay, chunk } = parts;
        let setup = Setup::new(settings, size);
        let mut wire = Wire::new(spi, data_command, chunk);
        if reset.is_none() {
            wire.send_command(SWRESET, &[]).map_err(|error| silent(&error))?;
        }
        let reset = Reset { line: reset, still: false };
        let driver = set_up(model, wire, reset, setup, &mut delay)?;
        Ok(Self { driver: Some(driver), delay, setup })
    }
}

fn set_up<M, S, D, R>(
    model: M,
    wire: Wire<S, D>,
    reset: Reset<R>,
    setup: Setup,
    delay: &mut impl DelayNs,
) -> io::Result<Driver<M, S, D, R>>
where
    M: Model,
    M::ColorFormat: InterfacePixelFormat<u8>,
    S: SpiDevice,
    D: OutputPin,
    R: OutputPin,
{
    Builder::new(model, wire)
        .display_size(setup.size.0, setup.size.1)
        .display_offset(setup.offset.0, setup.offset.1)
        .orientation(setup.orientation)
        .color_order(setup.order)
        .invert_colors(setup.inversion)
        .reset_pin(reset)
        .init(delay)
        .map_err(|error| silent(&error))
}

fn silent(error: &dyn Debug) -> io::Error {
    io::Error::other(format!("the panel cannot be written: {error:?}"))
}

impl<M, S, D, R, T> Glass for SpiGlass<M, S, D, R, T>
where
    M: Model,
    M::ColorFormat: InterfacePixelFormat<u8> + From<Rgb888>,
    S: SpiDevice,
    D: OutputPin,
    R: OutputPin,
    T: DelayNs,
{
    fn draw(&mut self, frame: &Frame, area: Area) -> io::Result<()> {
        let Some(driver) = &mut self.driver else { return Err(silent(&"it was not set up")) };
        let pixels = frame.pixels_in(area).map(|[r, g, b]| Rgb888::new(r, g, b).into());
        driver.fill_contiguous(&area.into(), pixels).map_err(|error| silent(&error))
    }

    fn renew(&mut self) -> io::Result<()> {
        let Some(driver) = self.driver.take() else { return Err(silent(&"it was not set up")) };
        let (wire, model, reset) = driver.release();
        let reset = Reset { line: reset.and_then(|reset| reset.line), still: true };
        self.driver = Some(set_up(model, wire, reset, self.setup, &mut self.delay)?);
        Ok(())
    }
}
