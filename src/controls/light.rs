//! The light stack: takes in the alarm and the time, hands on which lamps burn. Pure.
//!
//! Flashes with the screen (see [`Alarm`]). Never green, and never dark while something asks to be looked at.

use std::time::Duration;

use crate::display::Alarm;

/// Which lamps burn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lamps {
    /// High priority.
    pub red: bool,
    /// Medium priority.
    pub yellow: bool,
    /// Information.
    pub blue: bool,
}

/// The lamps for an alarm at `now`.
pub const fn lamps(alarm: Alarm, now: Duration) -> Lamps {
    let lit = alarm.lit(now);
    let dark = Lamps { red: false, yellow: false, blue: false };
    match alarm {
        Alarm::High | Alarm::HighSeen => Lamps { red: lit, ..dark },
        Alarm::Medium | Alarm::MediumSeen => Lamps { yellow: lit, ..dark },
        Alarm::Low => Lamps { blue: lit, ..dark },
        Alarm::None => dark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lamps over four seconds, every 50 ms.
    fn played(alarm: Alarm) -> Vec<Lamps> {
        (0..80).map(|i| lamps(alarm, Duration::from_millis(i * 50))).collect()
    }

    #[test]
    fn the_lamp_of_the_priority_flashes_as_the_standard_has_it_and_no_other_burns() {
        let (high, medium) = (played(Alarm::High), played(Alarm::Medium));
        assert!(high.iter().all(|l| !l.yellow && !l.blue) && medium.iter().all(|l| !l.red && !l.blue));
        let rises = |on: Vec<bool>| on.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(on[0]);
        assert_eq!(rises(high.iter().map(|l| l.red).collect()), 8, "2 Hz, within 1.4 to 2.8");
        assert_eq!(rises(medium.iter().map(|l| l.yellow).collect()), 3, "0.6 Hz, within 0.4 to 0.8");
    }

    #[test]
    fn what_was_acknowledged_by_a_clinic_burns_steadily() {
        assert!(played(Alarm::HighSeen).iter().all(|l| *l == Lamps { red: true, ..Lamps::default() }));
        assert!(played(Alarm::MediumSeen).iter().all(|l| *l == Lamps { yellow: true, ..Lamps::default() }));
        assert!(played(Alarm::Low).iter().all(|l| *l == Lamps { blue: true, ..Lamps::default() }));
    }

    #[test]
    fn nothing_to_signal_is_dark_and_not_another_colour() {
        assert!(played(Alarm::None).iter().all(|l| *l == Lamps::default()));
    }
}
