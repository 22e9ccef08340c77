//! When to ask the server again: its own wish within the configured limits, or longer and longer waits while it is in trouble.
//! Pure; chance is an argument.

use std::time::Duration;

use crate::publish::backoff::Backoff;

/// Where the server wishes nothing.
const USUAL: Duration = Duration::from_secs(300);

/// The waiting times of one device.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    shortest: Duration,
    longest: Duration,
    backoff: Backoff,
}

impl Schedule {
    pub(super) const fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, backoff: Backoff::new(shortest, longest) }
    }

    /// After an answer: what the server wishes, within the limits, up to a tenth earlier so that a fleet that was switched on
    /// together does not ask together for ever. `soon`: something is about to be decided.
    pub(super) fn answered(&mut self, wish: Option<Duration>, soon: bool, unit: f64) -> Duration {
        self.backoff.reset();
        let wish = if soon { self.shortest } else { wish.unwrap_or(USUAL) };
        let wish = wish.clamp(self.shortest, self.longest);
        wish.mul_f64(0.1_f64.mul_add(-unit.clamp(0.0, 1.0), 1.0)).max(self.shortest)
    }

    /// After trouble: doubles from the shortest to the longest, with jitter.
    pub(super) fn troubled(&mut self, unit: f64) -> Duration {
        self.backoff.next(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn the_server_s_wish_counts_within_the_limits() {
        let mut schedule = Schedule::new(secs(30), secs(3600));
        assert_eq!(schedule.answered(Some(secs(600)), false, 0.0), secs(600));
        assert_eq!(schedule.answered(Some(secs(600)), false, 1.0), secs(540));
        assert_eq!(schedule.answered(Some(Duration::ZERO), false, 1.0), secs(30));
        assert_eq!(schedule.answered(Some(secs(1_000_000)), false, 0.0), secs(3600));
        assert_eq!(schedule.answered(None, false, 0.0), USUAL);
        assert_eq!(schedule.answered(Some(secs(600)), true, 0.5), secs(30));
    }

    #[test]
    fn trouble_makes_the_waits_longer_until_an_answer_comes() {
        let mut schedule = Schedule::new(secs(30), secs(100));
        let waits: Vec<_> = (0..4).map(|_| schedule.troubled(1.0)).collect();
        assert_eq!(waits, [secs(30), secs(60), secs(100), secs(100)]);
        schedule.answered(None, false, 0.0);
        assert_eq!(schedule.troubled(0.0), secs(15));
    }
}
