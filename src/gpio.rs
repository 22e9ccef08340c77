//! GPIO lines of the kernel's character device: takes in a line of the configuration, hands on a pin of embedded-hal.
//!
//! Never sets a bias: pull-ups belong to the board or its device-tree overlay (GPIO v1 of the character device, which the
//! crate speaks, has none).

use std::io;
use std::path::Path;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin};
use linux_embedded_hal::CdevPin;
use linux_embedded_hal::gpio_cdev::{self, Chip, Line, LineRequestFlags};

use crate::config::{GpioLine, LinePlace};

/// Who the kernel says holds the line.
const CONSUMER: &str = "spinewatch";

/// A pin whose "high" means active, whatever its polarity.
#[derive(Debug)]
pub struct Pin<P> {
    pin: P,
    active_low: bool,
}

impl<P> Pin<P> {
    /// `active_low`: active is a low level.
    pub const fn new(pin: P, active_low: bool) -> Self {
        Self { pin, active_low }
    }
}

impl<P: ErrorType> ErrorType for Pin<P> {
    type Error = P::Error;
}

impl<P: OutputPin> OutputPin for Pin<P> {
    fn set_low(&mut self) -> Result<(), P::Error> {
        if self.active_low { self.pin.set_high() } else { self.pin.set_low() }
    }

    fn set_high(&mut self) -> Result<(), P::Error> {
        if self.active_low { self.pin.set_low() } else { self.pin.set_high() }
    }
}

impl<P: InputPin> InputPin for Pin<P> {
    fn is_high(&mut self) -> Result<bool, P::Error> {
        self.pin.is_high().map(|high| high != self.active_low)
    }

    fn is_low(&mut self) -> Result<bool, P::Error> {
        self.is_high().map(|active| !active)
    }
}

/// Takes a line as an input.
///
/// # Errors
/// When there is no such chip or line, or something else holds it.
pub fn input(line: &GpioLine) -> io::Result<Pin<CdevPin>> {
    request(line, LineRequestFlags::INPUT, 0)
}

/// Takes a line as an output, active or not from the start.
///
/// # Errors
/// As [`input`].
pub fn output(line: &GpioLine, active: bool) -> io::Result<Pin<CdevPin>> {
    request(line, LineRequestFlags::OUTPUT, u8::from(active != line.active_low))
}

fn request(line: &GpioLine, flags: LineRequestFlags, level: u8) -> io::Result<Pin<CdevPin>> {
    let named = |error: gpio_cdev::Error| io::Error::other(format!("GPIO line {line}: {error}"));
    let handle = find(&line.place)?.request(flags, level, CONSUMER).map_err(named)?;
    Ok(Pin::new(CdevPin::new(handle).map_err(named)?, line.active_low))
}

fn find(place: &LinePlace) -> io::Result<Line> {
    match place {
        LinePlace::Offset { chip, offset } => {
            let path = Path::new("/dev").join(chip);
            let named = |error: gpio_cdev::Error| io::Error::other(format!("{}: {error}", path.display()));
            Chip::new(&path).map_err(named)?.get_line(*offset).map_err(named)
        }
        LinePlace::Name(name) => {
            let chips = gpio_cdev::chips().map_err(io::Error::other)?;
            let mut lines = chips.flatten().flat_map(|chip| chip.lines());
            let called = |line: &Line| line.info().is_ok_and(|info| info.name() == Some(name));
            lines.find(called).ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("no GPIO line is called {name:?}: gpioinfo lists them"))
            })
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    use super::*;

    #[test]
    fn an_active_low_line_is_active_when_it_is_low() {
        let mut mock = Mock::new(&[
            Transaction::set(State::Low),
            Transaction::set(State::High),
            Transaction::get(State::Low),
            Transaction::get(State::High),
        ]);
        let mut pin = Pin::new(mock.clone(), true);
        pin.set_high().unwrap();
        pin.set_low().unwrap();
        assert!(pin.is_high().unwrap());
        assert!(pin.is_low().unwrap());
        mock.done();
    }

    #[test]
    fn a_line_that_is_not_there_is_named() {
        let error = |text: &str| input(&text.parse().unwrap()).err().unwrap().to_string();
        assert!(error("gpiochip999/3").contains("/dev/gpiochip999"));
        assert!(error("spinewatch-no-such-line").contains("gpioinfo"));
    }
}
