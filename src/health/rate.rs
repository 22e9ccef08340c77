//! Events in, events per second over the last ten seconds out. Pure.

use std::time::Duration;

/// Length of the window, s.
const WINDOW: usize = 10;
const WINDOW_SECS: u64 = WINDOW as u64;

/// Counts events in whole seconds of a sliding window.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    /// Of the last ten seconds: which second since start, and how many events.
    seconds: [(u64, u32); WINDOW],
    total: u64,
}

impl Rate {
    pub fn count(&mut self, now: Duration) {
        self.total = self.total.saturating_add(1);
        let second = now.as_secs();
        let slot = &mut self.seconds[slot(second)];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 = slot.1.saturating_add(1);
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// Mean over the ten whole seconds before this one.
    pub fn per_second(&self, now: Duration) -> f64 {
        let this = now.as_secs();
        let recent = |(second, _): &&(u64, u32)| *second < this && *second + WINDOW_SECS >= this;
        let events: u64 = self.seconds.iter().filter(recent).map(|(_, events)| u64::from(*events)).sum();
        events as f64 / this.clamp(1, WINDOW_SECS) as f64
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % WINDOW_SECS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    #[test]
    fn twenty_a_second_are_twenty_a_second() {
        let mut rate = Rate::default();
        for i in 0..600 {
            rate.count(at(f64::from(i) / 20.0));
            let shown = rate.per_second(at(f64::from(i) / 20.0));
            // The oldest of the ten seconds is overwritten by the present one.
            assert!(i < 40 || (17.9..=20.0).contains(&shown), "{shown} after {i}");
        }
        assert_eq!(rate.total(), 600);
    }

    #[test]
    fn the_rate_falls_to_nothing_when_nothing_comes() {
        let mut rate = Rate::default();
        (0..50).for_each(|_| rate.count(at(3.5)));
        let falling: Vec<f64> = [4.0, 8.0, 13.0, 14.0, 1e6].iter().map(|s| rate.per_second(at(*s))).collect();
        assert_eq!(falling, [12.5, 6.25, 5.0, 0.0, 0.0]);
    }

    #[test]
    fn before_anything_the_rate_is_nothing() {
        assert!(Rate::default().per_second(Duration::ZERO).abs() < f64::EPSILON);
    }
}
