//! Panels that this process drives itself, on SPI or I2C: takes in frames, sends one rectangle for what has changed.
//!
//! After an error the panel is opened and set up anew, and all of the frame is sent. SPI panels say nothing: a cable that was
//! pulled and put back leaves a blank panel without an error, so they are set up anew every now and then as well, without a
//! reset, which a panel that is well does not show.

mod oled;
mod spi;
mod wire;

use std::io;
use std::time::{Duration, Instant};

use embedded_graphics::geometry::{OriginDimensions, Size};

pub use self::oled::Oled;
pub use self::spi::{SpiParts, spi_glass};
use super::Surface;
use crate::config::{Controller, PanelSettings};
use crate::display::Frame;
use crate::display::area::Area;

/// A panel that is set up.
pub trait Glass {
    /// Shows one rectangle of a frame.
    ///
    /// # Errors
    /// When the bus or a line fails; the panel is set up anew then.
    fn draw(&mut self, frame: &Frame, area: Area) -> io::Result<()>;

    /// Sets the panel up again without a reset; what it shows may be lost.
    ///
    /// # Errors
    /// As [`Self::draw`].
    fn renew(&mut self) -> io::Result<()>;
}

/// Opens a panel and sets it up.
pub type OpenPanel = Box<dyn FnMut() -> io::Result<Box<dyn Glass + Send>> + Send>;

/// A panel on SPI or I2C as a surface.
pub struct DrivenPanel {
    size: Size,
    open: OpenPanel,
    glass: Option<Box<dyn Glass + Send>>,
    renew_every: Option<Duration>,
    renewed: Duration,
    clock: Box<dyn Fn() -> Duration + Send>,
}

impl DrivenPanel {
    /// The panel of the configuration, set up.
    ///
    /// # Errors
    /// When its bus or a line cannot be had, or it does not answer (an OLED does, an SPI panel never).
    pub fn of_settings(settings: &PanelSettings, size: Size) -> io::Result<Self> {
        let from = settings.clone();
        let open: OpenPanel = match settings.controller {
            Controller::Ssd1306 => Box::new(move || Ok(Box::new(oled::open(&from)?) as Box<dyn Glass + Send>)),
            _ => Box::new(move || spi::open(&from, size)),
        };
        let started = Instant::now();
        let every = Some(Duration::from_secs(settings.renew_secs)).filter(|every| !every.is_zero());
        Self::new(size, open, every, Box::new(move || started.elapsed()))
    }

    /// A panel that `open` opens, set up anew after errors and every `renew_every` of `clock`.
    ///
    /// # Errors
    /// What `open` says.
    pub fn new(
        size: Size,
        mut open: OpenPanel,
        renew_every: Option<Duration>,
        clock: Box<dyn Fn() -> Duration + Send>,
    ) -> io::Result<Self> {
        let glass = Some(open()?);
        Ok(Self { size, open, glass, renew_every, renewed: clock(), clock })
    }

    /// The panel, set up where that is due, and whether all of it is to be sent.
    fn ready(&mut self) -> io::Result<(Box<dyn Glass + Send>, bool)> {
        let now = (self.clock)();
        // taken out: what fails from here on is opened anew by the next call
        let Some(mut glass) = self.glass.take() else {
            let glass = (self.open)()?;
            self.renewed = now;
            return Ok((glass, true));
        };
        let due = self.renew_every.is_some_and(|every| now.saturating_sub(self.renewed) >= every);
        if due {
            glass.renew()?;
            self.renewed = now;
        }
        Ok((glass, due))
    }
}

impl Surface for DrivenPanel {
    fn size(&self) -> Size {
        self.size
    }

    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        if frame.size() != self.size {
            let words = format!("a frame of {} for a panel of {}", frame.size(), self.size);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        }
        let (mut glass, whole) = self.ready()?;
        let area = if whole { Area::of(self.size) } else { frame.dirty() };
        if !area.is_empty() {
            glass.draw(frame, area)?;
        }
        self.glass = Some(glass);
        Ok(())
    }
}
