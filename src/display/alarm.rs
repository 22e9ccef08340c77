//! Alarm conventions of IEC 60601-1-8: takes in a clock, hands on whether the signal is lit and in which colours. Pure.
//!
//! Never flashes three times a second or faster, and never hides a word: a flash only swaps ink and paper.

use std::time::Duration;

use embedded_graphics::pixelcolor::{Rgb888, RgbColor};

/// How urgently a screen asks to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Nothing to signal.
    None,
    /// Information: cyan, steady.
    Low,
    /// Not looked at, and known to somebody: yellow, steady.
    MediumSeen,
    /// Not looked at: yellow, flashing slowly.
    Medium,
    /// Suspected, and acknowledged: red, steady.
    HighSeen,
    /// Suspected: red, flashing.
    High,
}

/// High priority: 2 flashes a second, within 1.4 to 2.8.
const HIGH_PERIOD: Duration = Duration::from_millis(500);
/// Medium priority: 0.6 flashes a second, within 0.4 to 0.8.
const MEDIUM_PERIOD: Duration = Duration::from_millis(1600);

impl Alarm {
    /// Time from flash to flash; `None` where the signal is steady.
    pub const fn period(self) -> Option<Duration> {
        match self {
            Self::High => Some(HIGH_PERIOD),
            Self::Medium => Some(MEDIUM_PERIOD),
            Self::None | Self::Low | Self::MediumSeen | Self::HighSeen => None,
        }
    }

    /// True in the first half of a period, and always where the signal is steady.
    pub const fn lit(self, now: Duration) -> bool {
        match self.period() {
            Some(period) => now.as_micros() % period.as_micros() < period.as_micros() / 2,
            None => true,
        }
    }

    /// When `lit` changes next, counted from `now`.
    pub fn next_change(self, now: Duration) -> Option<Duration> {
        let half = self.period()?.as_micros() / 2;
        Some(Duration::from_micros(u64::try_from(half - now.as_micros() % half).unwrap_or(u64::MAX)))
    }

    /// Colours of the banner at `now`.
    pub const fn pair(self, now: Duration) -> Pair {
        let pair = match self {
            Self::High | Self::HighSeen => Pair { ink: WHITE, paper: RED },
            Self::Medium | Self::MediumSeen => Pair { ink: BLACK, paper: YELLOW },
            Self::Low => Pair { ink: BLACK, paper: CYAN },
            Self::None => Pair { ink: SOFT, paper: SLATE },
        };
        if self.lit(now) { pair } else { pair.swapped() }
    }
}

/// A colour on a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The letters.
    pub ink: Rgb888,
    /// What they stand on.
    pub paper: Rgb888,
}

impl Pair {
    const fn swapped(self) -> Self {
        Self { ink: self.paper, paper: self.ink }
    }
}

/// High priority.
pub const RED: Rgb888 = Rgb888::new(0xD0, 0x00, 0x00);
/// Medium priority.
pub const YELLOW: Rgb888 = Rgb888::new(0xFF, 0xD6, 0x00);
/// Low priority.
pub const CYAN: Rgb888 = Rgb888::new(0x5C, 0xD6, 0xF0);
/// Banner without an alarm.
pub const SLATE: Rgb888 = Rgb888::new(0x24, 0x32, 0x40);
/// Ground of every screen.
pub const NIGHT: Rgb888 = Rgb888::new(0x0A, 0x0E, 0x13);
/// Cards and strips on the ground.
pub const PANEL: Rgb888 = Rgb888::new(0x15, 0x1D, 0x26);
/// Hairlines and unlit lamps.
pub const LINE: Rgb888 = Rgb888::new(0x3A, 0x48, 0x57);
/// First text.
pub const WHITE: Rgb888 = Rgb888::WHITE;
/// Second text.
pub const SOFT: Rgb888 = Rgb888::new(0xB4, 0xC0, 0xCC);
/// Text on yellow and cyan.
pub const BLACK: Rgb888 = Rgb888::BLACK;
