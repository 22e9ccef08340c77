//! The alarm sound: takes in what asks to be heard and the time, hands on whether the buzzer sounds. Pure.
//!
//! Bursts of IEC 60601-1-8: ten pulses for high priority, three for medium; low is silent. A pause ends by itself, and at
//! once for a condition that it was not asked for. Never decides what is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::display::{Alarm, DeviceState, Fault, HELD, Phase, STALE_AFTER};
use crate::triage::Level;

/// A medium condition sounds for so long; it may stand for hours, and the screen shows it.
pub const MEDIUM_SOUNDS: Duration = Duration::from_secs(120);

/// Something that asks to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Fractures are suspected, and no clinic has acknowledged it.
    Suspected {
        /// Key of the study.
        study: Arc<str>,
        /// Where; another level is another condition.
        levels: Vec<Level>,
    },
    /// A study was not or only partly analysed.
    Unread {
        /// Key of the study.
        study: Arc<str>,
    },
    /// The device does not analyse: the rank of its fault, or 255 where it does not start or does not move.
    Down {
        /// See [`Fault::rank`].
        rank: u8,
    },
}

impl Condition {
    /// How urgently it asks.
    pub const fn alarm(&self) -> Alarm {
        match self {
            Self::Suspected { .. } => Alarm::High,
            Self::Unread { .. } | Self::Down { .. } => Alarm::Medium,
        }
    }
}

/// What asks to be looked at in a state at `now`, whatever the screen shows of it.
pub fn conditions(state: &DeviceState, now: Duration) -> BTreeSet<Condition> {
    let open = state.alerts().iter().filter(|alert| alert.acknowledged.is_none());
    let suspected =
        open.map(|a| Condition::Suspected { study: Arc::clone(&a.study.key), levels: a.suspected_levels() });
    let beyond = state.alerts_beyond().map(|key| Condition::Suspected { study: key.into(), levels: Vec::new() });
    let unread = state.recent().iter().filter(|report| report.is_left_unread(now, HELD));
    let unread = unread.map(|report| Condition::Unread { study: Arc::clone(&report.study.key) });
    let failed = matches!(state.phase, Phase::Failed { .. }) || state.silent_for(now) > STALE_AFTER;
    let running = matches!(state.phase, Phase::Running);
    let stopped = state.faults().iter().filter(|fault| running && fault.stops_analysis()).map(Fault::rank);
    let down = stopped.chain(failed.then_some(u8::MAX)).map(|rank| Condition::Down { rank });
    suspected.chain(beyond).chain(unread).chain(down).collect()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One burst: when its pulses begin and how long each lasts, and from burst to burst.
struct Burst {
    pulses: &'static [Duration],
    pulse: Duration,
    period: Duration,
}

/// Ten pulses of 125 ms, 100 ms apart, a longer rest after the third, a long one after the fifth; 5 s between bursts.
const HIGH: Burst = Burst {
    pulses: &[ms(0), ms(225), ms(450), ms(900), ms(1125), ms(1750), ms(1975), ms(2200), ms(2650), ms(2875)],
    pulse: ms(125),
    period: ms(8000),
};
/// Three pulses of 200 ms, 200 ms apart; 10 s between bursts.
const MEDIUM: Burst = Burst { pulses: &[ms(0), ms(400), ms(800)], pulse: ms(200), period: ms(11_000) };

/// Whether the buzzer sounds for an alarm that began `age` ago.
pub fn sounding(alarm: Alarm, age: Duration) -> bool {
    let burst = match alarm {
        Alarm::High => &HIGH,
        Alarm::Medium if age < MEDIUM_SOUNDS => &MEDIUM,
        _ => return false,
    };
    let phase = Duration::from_micros(u64::try_from(age.as_micros() % burst.period.as_micros()).unwrap_or_default());
    burst.pulses.iter().any(|begin| (*begin..*begin + burst.pulse).contains(&phase))
}

/// What is heard, and what was paused.
#[derive(Debug)]
pub struct Sound {
    limit: Duration,
    standing: BTreeMap<Condition, Duration>,
    paused: Option<(Duration, BTreeSet<Condition>)>,
}

impl Sound {
    /// A pause lasts for `limit`.
    pub const fn new(limit: Duration) -> Self {
        Self { limit, standing: BTreeMap::new(), paused: None }
    }

    /// These conditions stand at `now`.
    pub fn stand(&mut self, conditions: &BTreeSet<Condition>, now: Duration) {
        self.standing.retain(|condition, _| conditions.contains(condition));
        for condition in conditions {
            self.standing.entry(condition.clone()).or_insert(now);
        }
        let over = |(until, of): &(Duration, BTreeSet<Condition>)| now >= *until || !conditions.is_subset(of);
        if self.paused.as_ref().is_some_and(over) {
            self.paused = None;
        }
    }

    /// Pauses what is heard or would be. Until when; `None` where nothing asks to be heard or it is paused already.
    pub fn pause(&mut self, now: Duration) -> Option<Duration> {
        if self.paused.is_some() || self.loudest(now).is_none() {
            return None;
        }
        let until = now + self.limit;
        self.paused = Some((until, self.standing.keys().cloned().collect()));
        Some(until)
    }

    /// Until when the sound is paused.
    pub fn paused_until(&self) -> Option<Duration> {
        self.paused.as_ref().map(|(until, _)| *until)
    }

    /// Whether the buzzer sounds at `now`.
    pub fn is_on(&self, now: Duration) -> bool {
        let loudest = self.loudest(now).filter(|_| self.paused.is_none());
        loudest.is_some_and(|(alarm, since)| sounding(alarm, now.saturating_sub(since)))
    }

    /// The most urgent of what asks to be heard, and since when; of several the newest.
    fn loudest(&self, now: Duration) -> Option<(Alarm, Duration)> {
        let audible =
            |(alarm, since): &(Alarm, Duration)| *alarm == Alarm::High || now.saturating_sub(*since) < MEDIUM_SOUNDS;
        self.standing.iter().map(|(condition, since)| (condition.alarm(), *since)).filter(audible).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::samples;

    const LIMIT: Duration = Duration::from_secs(120);

    fn suspected(study: &str, levels: &[Level]) -> Condition {
        Condition::Suspected { study: study.into(), levels: levels.to_vec() }
    }

    fn set(conditions: &[Condition]) -> BTreeSet<Condition> {
        conditions.iter().cloned().collect()
    }

    /// When the buzzer goes on and off within `until` ms.
    fn edges(on: impl Fn(Duration) -> bool, until: u64) -> Vec<u64> {
        (0..until).filter(|at| on(ms(*at)) != (*at > 0 && on(ms(at - 1)))).collect()
    }

    #[test]
    fn bursts_have_the_pulses_and_rests_of_the_standard() {
        for (alarm, burst) in [(Alarm::High, 10), (Alarm::Medium, 3)] {
            let edges = edges(|at| sounding(alarm, at), 22_000);
            let pulses: Vec<(u64, u64)> = edges.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            let rests: Vec<u64> = pulses.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
            let (shortest, longest) = if burst == 10 { (75, 200) } else { (125, 250) };
            assert!(pulses.iter().all(|(on, off)| (shortest..=longest).contains(&(off - on))), "{pulses:?}");
            let between: Vec<u64> = rests.iter().copied().filter(|rest| *rest > 2000).collect();
            assert!(between.iter().all(|rest| (2500..=15_000).contains(rest)) && !between.is_empty(), "{rests:?}");
            assert_eq!(rests.iter().position(|rest| *rest > 2000), Some(burst - 1), "{alarm:?}");
        }
        let high = edges(|at| sounding(Alarm::High, at), 4000);
        let rests: Vec<u64> = high[1..].chunks_exact(2).map(|pair| pair[1] - pair[0]).collect();
        // x, x, 2x + a pulse, x, 0.35 to 1.3 s, and the same again
        assert_eq!(rests, [100, 100, 325, 100, 500, 100, 100, 325, 100]);
    }

    #[test]
    fn low_priority_and_what_a_clinic_has_acknowledged_are_silent() {
        for alarm in [Alarm::None, Alarm::Low, Alarm::MediumSeen, Alarm::HighSeen] {
            assert_eq!(edges(|at| sounding(alarm, at), 20_000), [0_u64; 0], "{alarm:?}");
        }
    }

    #[test]
    fn a_pause_is_silent_ends_by_itself_and_a_second_press_does_not_lengthen_it() {
        let mut sound = Sound::new(LIMIT);
        let standing = set(&[suspected("7f3a", &[Level::C2])]);
        sound.stand(&standing, ms(0));
        assert!(sound.is_on(ms(10)));
        assert_eq!(sound.pause(ms(1000)), Some(ms(121_000)));
        assert_eq!(sound.pause(ms(60_000)), None);
        for at in (1000..121_000).step_by(10) {
            sound.stand(&standing, ms(at));
            assert!(!sound.is_on(ms(at)));
        }
        let again = (121_000..130_000).any(|at| {
            sound.stand(&standing, ms(at));
            sound.is_on(ms(at))
        });
        assert!(again, "an alert that no clinic has acknowledged is heard again");
    }

    #[test]
    fn another_alarm_ends_the_pause_at_once() {
        for new in
            [suspected("b66e", &[Level::C1]), suspected("7f3a", &[Level::C2, Level::C5]), Condition::Down { rank: 2 }]
        {
            let mut sound = Sound::new(LIMIT);
            let first = suspected("7f3a", &[Level::C2]);
            sound.stand(&set(std::slice::from_ref(&first)), ms(0));
            sound.pause(ms(100));
            sound.stand(&set(&[first, new.clone()]), ms(5000));
            assert_eq!(sound.paused_until(), None, "{new:?}");
            assert!((5000..13_000).any(|at| sound.is_on(ms(at))), "{new:?}");
        }
    }

    #[test]
    fn a_medium_condition_does_not_sound_for_a_night() {
        let mut sound = Sound::new(LIMIT);
        sound.stand(&set(&[Condition::Down { rank: 2 }]), ms(0));
        assert!((0..119_000).any(|at| sound.is_on(ms(at))));
        assert!(!(120_000..300_000).step_by(10).any(|at| sound.is_on(ms(at))));
        assert_eq!(sound.pause(ms(200_000)), None, "there is nothing to pause");
    }

    #[test]
    fn every_screen_that_flashes_is_heard_and_no_other() {
        for sample in samples::all() {
            let alarm = crate::display::automatic(&sample.state, sample.now).alarm();
            let loudest = conditions(&sample.state, sample.now).iter().map(Condition::alarm).max();
            let flashes = alarm.period().map(|_| alarm);
            assert_eq!(loudest, flashes, "{}", sample.name);
        }
    }
}
