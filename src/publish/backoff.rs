//! How long to wait before the next attempt: doubles from `first` to `longest`, with jitter. Pure.
//!
//! The jitter keeps the devices of a site from returning to a restarted broker in one instant.

use std::time::Duration;

/// A sequence of waiting times.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts at `first`, never exceeds `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The next waiting time: between half and all of the current step, by `unit` (0 to 1, drawn by the caller).
    pub fn next(&mut self, unit: f64) -> Duration {
        let step = step(self.first, self.longest, self.failures);
        self.failures = self.failures.saturating_add(1);
        jittered(step, unit)
    }

    /// The longest waiting time, jittered alike.
    pub fn longest(&self, unit: f64) -> Duration {
        jittered(self.longest, unit)
    }

    /// It worked: the next failure starts anew.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

fn jittered(step: Duration, unit: f64) -> Duration {
    step.mul_f64(0.5 + 0.5 * unit.clamp(0.0, 1.0))
}

/// `first` doubled `times` times, at most `longest`.
pub fn step(first: Duration, longest: Duration, times: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_its_limit_and_starts_anew_after_success() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 15 * second);
        let waits: Vec<_> = (0..6).map(|_| backoff.next(1.0)).collect();
        assert_eq!(waits, [second, 2 * second, 4 * second, 8 * second, 15 * second, 15 * second]);
        backoff.reset();
        assert_eq!(backoff.next(1.0), second);
        for _ in 0..100 {
            assert!(backoff.next(0.5) <= 15 * second);
        }
    }

    #[test]
    fn jitter_takes_at_most_half() {
        let mut backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(4));
        assert_eq!(backoff.next(0.0), Duration::from_secs(2));
        assert_eq!(backoff.next(0.5), Duration::from_secs(3));
        assert_eq!(Backoff::new(Duration::ZERO, Duration::from_secs(4)).longest(0.0), Duration::from_secs(2));
    }
}
