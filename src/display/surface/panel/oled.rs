//! The 128 x 64 OLED through ssd1306, on I2C.
//!
//! It answers on its bus: a cable that was pulled is an error. Pixels are lit from half brightness on.

use std::io;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_hal::i2c::I2c;
use linux_embedded_hal::I2cdev;
use ssd1306::mode::{BufferedGraphicsMode, DisplayConfig};
use ssd1306::prelude::I2CInterface;
use ssd1306::rotation::DisplayRotation;
use ssd1306::size::DisplaySize128x64;
use ssd1306::{I2CDisplayInterface, Ssd1306};

use super::Glass;
use crate::config::PanelSettings;
use crate::display::Frame;
use crate::display::area::Area;

/// Opens the bus of the settings and sets the panel up.
pub fn open(settings: &PanelSettings) -> io::Result<Oled<I2cdev>> {
    let named = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", settings.i2c.display()));
    let bus = I2cdev::new(&settings.i2c).map_err(|error| named(&error))?;
    Oled::new(bus, settings)
}

/// An OLED that is set up.
pub struct Oled<B>(Ssd1306<I2CInterface<B>, DisplaySize128x64, BufferedGraphicsMode<DisplaySize128x64>>);

impl<B: I2c> Oled<B> {
    /// Sets an OLED up.
    ///
    /// # Errors
    /// When it does not answer at its address.
    pub fn new(bus: B, settings: &PanelSettings) -> io::Result<Self> {
        let rotation = if settings.rotation == 180 { DisplayRotation::Rotate180 } else { DisplayRotation::Rotate0 };
        let interface = I2CDisplayInterface::new_custom_address(bus, settings.i2c_address);
        let mut oled = Self(Ssd1306::new(interface, DisplaySize128x64, rotation).into_buffered_graphics_mode());
        oled.renew()?;
        Ok(oled)
    }
}

impl<B: I2c> Glass for Oled<B> {
    fn draw(&mut self, frame: &Frame, area: Area) -> io::Result<()> {
        // the sum of red, green and blue
        let lit = |[r, g, b]: [u8; 3]| u16::from(r) + u16::from(g) + u16::from(b) >= 3 * 128;
        let pixels = frame.pixels_in(area).map(|pixel| BinaryColor::from(lit(pixel)));
        self.0.fill_contiguous(&area.into(), pixels).map_err(|error| silent(&error))?;
        self.0.flush().map_err(|error| silent(&error))
    }

    fn renew(&mut self) -> io::Result<()> {
        self.0.init().map_err(|error| silent(&error))
    }
}

fn silent(error: &dyn std::fmt::Debug) -> io::Error {
    io::Error::other(format!("the OLED does not answer: {error:?}"))
}
