//! A GPIO line as the configuration writes it: `gpiochip1/9`, or the name that the board gave it; `!` in front where it is
//! active low.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinePlace {
    /// Its number on `/dev/gpiochipN`.
    Offset {
        /// Name of the chip's device below `/dev`.
        chip: String,
        /// From 0.
        offset: u32,
    },
    /// Its name (`gpio-line-names` of the device tree), on whichever chip has it.
    Name(String),
}

/// A line and its polarity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GpioLine {
    /// Which line.
    pub place: LinePlace,
    /// Low means pressed, lit or sounding.
    pub active_low: bool,
}

impl FromStr for GpioLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no GPIO line: give \"gpiochip1/9\" or a line's name, \"!\" in front where low is active"
            )
        };
        let (place, active_low) = text.strip_prefix('!').map_or((text, false), |rest| (rest, true));
        let is_word = |word: &str| {
            (1..=31).contains(&word.len())
                && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
        };
        let place = match place.split_once('/') {
            Some((chip, offset)) => {
                let numbered = chip.strip_prefix("gpiochip").is_some_and(|n| n.parse::<u16>().is_ok());
                let offset = offset.parse().map_err(|_| wrong())?;
                numbered.then(|| LinePlace::Offset { chip: chip.to_owned(), offset }).ok_or_else(wrong)?
            }
            None => is_word(place).then(|| LinePlace::Name(place.to_owned())).ok_or_else(wrong)?,
        };
        Ok(Self { place, active_low })
    }
}

impl TryFrom<String> for GpioLine {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for GpioLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.active_low { "!" } else { "" };
        match &self.place {
            LinePlace::Offset { chip, offset } => write!(f, "{sign}{chip}/{offset}"),
            LinePlace::Name(name) => write!(f, "{sign}{name}"),
        }
    }
}

impl From<GpioLine> for String {
    fn from(line: GpioLine) -> Self {
        line.to_string()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for text in ["gpiochip1/9", "!gpiochip0/31", "PIN_18", "!spinewatch-next"] {
            assert_eq!(text.parse::<GpioLine>().unwrap().to_string(), text);
        }
        let line: GpioLine = "!gpiochip3/21".parse().unwrap();
        assert_eq!(line.place, LinePlace::Offset { chip: "gpiochip3".into(), offset: 21 });
        assert!(line.active_low);
    }

    #[test]
    fn what_is_no_line_is_refused_with_the_two_ways_to_write_one() {
        for text in
            ["", "!", "gpiochip/1", "gpiochip1/", "gpiochip1/-2", "../../dev/sda/1", "mem/0", "a line", "gpio/chip/1"]
        {
            let error = text.parse::<GpioLine>().unwrap_err();
            assert!(error.contains("gpiochip1/9") && error.contains("active"), "{error}");
        }
    }
}
