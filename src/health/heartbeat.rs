//! Ticks of the stages in; whether the watchdog may be fed out. The decision is pure; the counters are shared atomics.
//!
//! A stage ticks in its loop, also while it has nothing to do. The thread that reads the share takes no part: a dead network
//! mount blocks it in the kernel, and a restart would not unblock it. Health reports the lost share instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A stage's own counter.
#[derive(Clone, Debug)]
pub struct Beat(Arc<AtomicU64>);

impl Beat {
    /// The stage is alive. Wait-free.
    pub fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// All stages that must tick.
#[derive(Debug, Default)]
pub struct Heartbeats {
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
struct Stage {
    name: &'static str,
    /// Longest time between two ticks.
    limit: Duration,
    ticks: Arc<AtomicU64>,
}

impl Heartbeats {
    /// Adds a stage that ticks at least every `limit`.
    pub fn stage(&mut self, name: &'static str, limit: Duration) -> Beat {
        let ticks = Arc::new(AtomicU64::new(0));
        self.stages.push(Stage { name, limit, ticks: Arc::clone(&ticks) });
        Beat(ticks)
    }

    /// The watchdog over the stages added so far, which counts their silence from `now` on.
    pub fn watchdog(&self, now: Duration) -> Watchdog {
        Watchdog { seen: self.stages.iter().map(|stage| Seen { stage: stage.clone(), ticks: 0, at: now }).collect() }
    }
}

/// Whether systemd may be told that the device is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// All stages tick.
    Feed,
    /// At least one does not: let systemd restart the device.
    Starve {
        /// The one that has been silent for longest beyond its limit.
        stage: &'static str,
        /// For how long.
        silent: Duration,
    },
}

/// Remembers when each stage was last seen to tick.
#[derive(Debug)]
pub struct Watchdog {
    seen: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    stage: Stage,
    ticks: u64,
    at: Duration,
}

impl Watchdog {
    /// Looks at all counters at `now`.
    pub fn decide(&mut self, now: Duration) -> Decision {
        for seen in &mut self.seen {
            let ticks = seen.stage.ticks.load(Ordering::Relaxed);
            if ticks != seen.ticks {
                (seen.ticks, seen.at) = (ticks, now);
            }
        }
        let over = |seen: &Seen| {
            let silent = now.saturating_sub(seen.at);
            let over = silent.checked_sub(seen.stage.limit).filter(|over| !over.is_zero())?;
            Some((over, seen.stage.name, silent))
        };
        match self.seen.iter().filter_map(over).max_by_key(|(over, ..)| *over) {
            None => Decision::Feed,
            Some((_, stage, silent)) => Decision::Starve { stage, silent },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn the_watchdog_is_fed_while_every_stage_ticks() {
        let mut heartbeats = Heartbeats::default();
        let beats = [heartbeats.stage("triage", s(5)), heartbeats.stage("publish", s(5))];
        let mut watchdog = heartbeats.watchdog(s(100));
        for now in 100..160 {
            beats.iter().for_each(Beat::tick);
            assert_eq!(watchdog.decide(s(now)), Decision::Feed);
        }
    }

    #[test]
    fn one_silent_stage_starves_it_however_busy_the_others_are() {
        let mut heartbeats = Heartbeats::default();
        let (busy, silent) = (heartbeats.stage("triage", s(5)), heartbeats.stage("publish", s(3)));
        let mut watchdog = heartbeats.watchdog(s(0));
        silent.tick();
        let decisions: Vec<Decision> = (1..=6)
            .map(|now| {
                busy.tick();
                watchdog.decide(s(now))
            })
            .collect();
        let starve = |secs| Decision::Starve { stage: "publish", silent: s(secs) };
        assert_eq!(decisions, [Decision::Feed, Decision::Feed, Decision::Feed, Decision::Feed, starve(4), starve(5)]);
        silent.tick();
        assert_eq!(watchdog.decide(s(7)), Decision::Feed);
    }

    #[test]
    fn a_stage_that_never_starts_is_noticed_after_its_limit() {
        let mut heartbeats = Heartbeats::default();
        let _never = heartbeats.stage("store", s(10));
        let mut watchdog = heartbeats.watchdog(s(50));
        assert_eq!(watchdog.decide(s(60)), Decision::Feed);
        assert_eq!(watchdog.decide(s(61)), Decision::Starve { stage: "store", silent: s(11) });
    }

    #[test]
    fn the_stage_furthest_over_its_limit_is_named() {
        let mut heartbeats = Heartbeats::default();
        let _slow = heartbeats.stage("inference", s(20));
        let _quick = heartbeats.stage("triage", s(2));
        let mut watchdog = heartbeats.watchdog(s(0));
        assert_eq!(watchdog.decide(s(21)), Decision::Starve { stage: "triage", silent: s(21) });
    }

    #[test]
    fn a_clone_of_a_beat_ticks_the_same_stage() {
        let mut heartbeats = Heartbeats::default();
        let beat = heartbeats.stage("inference", s(1));
        let mut watchdog = heartbeats.watchdog(s(0));
        let worker = beat.clone();
        std::thread::spawn(move || worker.tick()).join().ok();
        assert_eq!(watchdog.decide(s(5)), Decision::Feed);
    }
}
