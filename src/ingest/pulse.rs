//! Signs of life of the scanner's thread, for others to read: a call to a dead mount can block it for ever.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Beats with every scan and with every call to the share that came back.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: AtomicU64,
    waiting: AtomicU64,
    caught_up: AtomicBool,
}

impl Pulse {
    /// How often it has beaten.
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Files on the share that were seen and are not handed on yet.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Everything that lay on the share when the scanner started was read once, as far as it could be. Stays so.
    pub fn has_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    pub(super) fn caught_up(&self) {
        self.caught_up.store(true, Ordering::Release);
    }

    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_waiting(&self, files: usize) {
        self.waiting.store(u64::try_from(files).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// An observer of a [`Pulse`]: how long has it been silent?
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    beats: u64,
    since: Duration,
}

impl Silence {
    /// How long the pulse has not beaten, as far as this observer's looks can tell. Look every second or so; a share
    /// that has not answered for several seconds is to be shown as lost.
    pub fn observe(&mut self, pulse: &Pulse, now: Duration) -> Duration {
        let beats = pulse.beats();
        if beats != self.beats {
            *self = Self { beats, since: now };
        }
        now.saturating_sub(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_stuck_in_the_kernel_is_noticed_by_others() {
        let (pulse, mut silence) = (Pulse::default(), Silence::default());
        let at = Duration::from_secs;
        pulse.beat();
        assert_eq!(silence.observe(&pulse, at(1)), at(0));
        assert_eq!(silence.observe(&pulse, at(2)), at(1));
        assert_eq!(silence.observe(&pulse, at(7)), at(6));
        pulse.beat();
        assert_eq!(silence.observe(&pulse, at(8)), at(0));
    }
}
