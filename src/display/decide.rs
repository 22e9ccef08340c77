//! Takes in the device's state and the time, hands on the one screen that is shown. Pure.
//!
//! Never lets a screen of lower priority hide an unacknowledged alert. Within one rank, screens take turns.

use std::time::Duration;

use super::state::{DeviceState, Phase, SelfTest};
use super::view::View;
use super::{Alarm, Fault, Progress, ServiceFacts, StudyReport, Words};
use crate::triage::Verdict;

/// Without a beat for this long, what is known is out of date.
pub const STALE_AFTER: Duration = Duration::from_secs(10);
/// How long a partly or not analysed study keeps the screen although the next one is arriving.
pub const ATTENTION: Duration = Duration::from_secs(120);
/// How long an acknowledged, partly or not analysed study stays on an otherwise idle screen.
pub const HELD: Duration = Duration::from_secs(30 * 60);
/// How long "none suspected" stays on an otherwise idle screen.
pub const NONE_SUSPECTED_HELD: Duration = Duration::from_secs(180);
/// How long one screen stands before another of the same rank takes its turn.
pub const TURN: Duration = Duration::from_secs(5);

/// Which of several screens of the same rank this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// From 1.
    pub number: usize,
    /// How many take turns.
    pub of: usize,
    /// How many more there are that cannot be shown.
    pub beyond: usize,
}

impl Turn {
    /// `1 of 3`, `1 of 8 +2 more`; nothing for a single one.
    pub fn words(&self) -> Option<String> {
        match (self.of, self.beyond) {
            (0 | 1, 0) => None,
            (of, 0) => Some(format!("{} of {of}", self.number)),
            (of, beyond) => Some(format!("{} of {of} +{beyond} more", self.number)),
        }
    }
}

/// What is shown, with all that it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Screen<'a> {
    /// Fractures are suspected in a study.
    Suspected {
        /// The study.
        report: &'a StudyReport,
        /// Which of several.
        turn: Turn,
    },
    /// Start-up failed.
    StartupFailed {
        /// Why.
        reason: &'a Words,
    },
    /// No news from the analyser.
    Stale {
        /// For how long.
        silent_for: Duration,
    },
    /// An engineer has asked for the device's own facts.
    Service {
        /// The facts.
        facts: &'a ServiceFacts,
    },
    /// Something is wrong with the device; never empty.
    Degraded {
        /// The worst first.
        faults: &'a [Fault],
    },
    /// A study was not analysed.
    NotAnalysed {
        /// The study.
        report: &'a StudyReport,
        /// Why.
        why: &'a str,
        /// Which of several.
        turn: Turn,
    },
    /// A study was analysed in part.
    PartlyAnalysed {
        /// The study.
        report: &'a StudyReport,
        /// Which of several.
        turn: Turn,
    },
    /// An update is being installed.
    Updating {
        /// What.
        what: &'a Words,
        /// What is done.
        step: &'a Words,
        /// How far, 0 to 100.
        percent: Option<u8>,
    },
    /// The self-test runs.
    Starting {
        /// Its steps.
        steps: &'a [SelfTest],
    },
    /// A series arrives and is analysed.
    Receiving {
        /// How far.
        progress: &'a Progress,
        /// Which of several.
        turn: Turn,
    },
    /// All seven vertebrae were analysed, none is suspected. Not a clearance.
    NoneSuspected {
        /// The study.
        report: &'a StudyReport,
    },
    /// Nothing to do.
    Idle {
        /// The last results, newest first.
        recent: &'a [StudyReport],
    },
}

impl<'a> Screen<'a> {
    /// A name for files and tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Suspected { report, .. } if report.acknowledged.is_some() => "suspected-acknowledged",
            Self::Suspected { .. } => "suspected",
            Self::StartupFailed { .. } => "startup-failed",
            Self::Stale { .. } => "stale",
            Self::Service { .. } => "service",
            Self::Degraded { .. } => "degraded",
            Self::NotAnalysed { .. } => "not-analysed",
            Self::PartlyAnalysed { .. } => "partly-analysed",
            Self::Updating { .. } => "updating",
            Self::Starting { .. } => "starting",
            Self::Receiving { .. } => "receiving",
            Self::NoneSuspected { .. } => "none-suspected",
            Self::Idle { .. } => "idle",
        }
    }

    /// How urgently it asks to be looked at, after IEC 60601-1-8. What was acknowledged, and what is only held, no longer flashes.
    pub const fn alarm(&self) -> Alarm {
        match self {
            Self::Suspected { report, .. } if report.acknowledged.is_some() => Alarm::HighSeen,
            Self::Suspected { .. } => Alarm::High,
            Self::NotAnalysed { report, .. } | Self::PartlyAnalysed { report, .. } if report.acknowledged.is_some() => {
                Alarm::MediumSeen
            }
            Self::StartupFailed { .. }
            | Self::Stale { .. }
            | Self::NotAnalysed { .. }
            | Self::PartlyAnalysed { .. } => Alarm::Medium,
            Self::Degraded { faults } => match faults.first() {
                Some(fault) if fault.stops_analysis() => Alarm::Medium,
                Some(fault) if fault.stops_sending() => Alarm::MediumSeen,
                _ => Alarm::Low,
            },
            Self::NoneSuspected { .. } => Alarm::Low,
            Self::Service { .. }
            | Self::Updating { .. }
            | Self::Starting { .. }
            | Self::Receiving { .. }
            | Self::Idle { .. } => Alarm::None,
        }
    }

    /// The study that it is about.
    pub const fn study(&self) -> Option<&'a StudyReport> {
        match self {
            Self::Suspected { report, .. }
            | Self::NotAnalysed { report, .. }
            | Self::PartlyAnalysed { report, .. }
            | Self::NoneSuspected { report } => Some(report),
            _ => None,
        }
    }
}

/// The one screen that is shown at `now`.
///
/// In this order: an unacknowledged alert; a device that failed or is out of date; the service screen where it was asked for,
/// unless a study was just not or only partly analysed; a device that does not analyse; the study that was asked for; and
/// then what [`automatic`] finds.
pub fn decide(state: &DeviceState, now: Duration) -> Screen<'_> {
    let asked = || state.page(now).map(|(report, at, of)| of_report(report, Turn { number: at + 1, of, beyond: 0 }));
    if let Some(alert) = unacknowledged(state, now) {
        return asked().unwrap_or(alert);
    }
    not_to_be_trusted(state, now)
        .or_else(|| service(state, now))
        .or_else(|| does_not_analyse(state))
        .or_else(asked)
        .unwrap_or_else(|| automatic(state, now))
}

/// The screen that the state calls for, whatever a person has asked to see: lights and sound go by it.
///
/// In this order: an unacknowledged alert; a device that failed, is out of date or does not analyse; a study that was just
/// not or only partly analysed; update and self-test; a series that arrives; what is held (acknowledged alerts, studies not or
/// partly analysed); the last "none suspected"; lesser faults in turn with idle; idle.
pub fn automatic(state: &DeviceState, now: Duration) -> Screen<'_> {
    unacknowledged(state, now)
        .or_else(|| not_to_be_trusted(state, now))
        .or_else(|| does_not_analyse(state))
        .or_else(|| left_unread(state, now, ATTENTION))
        .or_else(|| busy(state, now))
        .or_else(|| held(state, now))
        .or_else(|| none_suspected(state, now))
        .unwrap_or_else(|| resting(state, now))
}

fn unacknowledged(state: &DeviceState, now: Duration) -> Option<Screen<'_>> {
    let waiting: Vec<&StudyReport> = state.alerts.iter().filter(|a| a.acknowledged.is_none()).collect();
    let newest = waiting.iter().map(|a| a.since.at()).max()?;
    let (report, turn) = pick(&waiting, newest, now, state.alerts_beyond.len())?;
    Some(Screen::Suspected { report, turn })
}

fn not_to_be_trusted(state: &DeviceState, now: Duration) -> Option<Screen<'_>> {
    if let Phase::Failed { reason } = &state.phase {
        return Some(Screen::StartupFailed { reason });
    }
    let silent_for = state.silent_for(now);
    (silent_for > STALE_AFTER).then_some(Screen::Stale { silent_for })
}

/// An engineer asks while a device is ill, so a fault does not hide it; a study that nobody has looked at does.
fn service(state: &DeviceState, now: Duration) -> Option<Screen<'_>> {
    let asked = matches!(state.view(now), View::Service { .. }) && matches!(state.phase, Phase::Running);
    let shown = asked && left_unread(state, now, ATTENTION).is_none();
    shown.then_some(Screen::Service { facts: &state.service })
}

fn does_not_analyse(state: &DeviceState) -> Option<Screen<'_>> {
    let stopped = state.faults.first().is_some_and(Fault::stops_analysis) && matches!(state.phase, Phase::Running);
    stopped.then_some(Screen::Degraded { faults: &state.faults })
}

/// Studies that were not or only partly analysed, not acknowledged, younger than `limit`; not analysed goes first.
fn left_unread(state: &DeviceState, now: Duration, limit: Duration) -> Option<Screen<'_>> {
    let mut waiting: Vec<&StudyReport> = state.recent.iter().filter(|r| r.is_left_unread(now, limit)).collect();
    waiting.sort_by_key(|r| !matches!(r.assessment.verdict, Verdict::NotAnalysed { .. }));
    let newest = waiting.iter().map(|r| r.since.at()).max()?;
    let (report, turn) = pick(&waiting, newest, now, 0)?;
    Some(of_report(report, turn))
}

fn busy(state: &DeviceState, now: Duration) -> Option<Screen<'_>> {
    match &state.phase {
        Phase::Updating { what, step, percent } => {
            return Some(Screen::Updating { what, step, percent: *percent });
        }
        Phase::Starting { steps } => return Some(Screen::Starting { steps }),
        Phase::Running | Phase::Failed { .. } => {}
    }
    let arriving: Vec<&Progress> = state.arriving.iter().collect();
    let beyond = usize::try_from(state.arriving_beyond).unwrap_or(usize::MAX);
    let (progress, turn) = pick(&arriving, Duration::ZERO, now, beyond)?;
    Some(Screen::Receiving { progress, turn })
}

fn held(state: &DeviceState, now: Duration) -> Option<Screen<'_>> {
    let seen = |r: &&StudyReport| match &r.acknowledged {
        Some(acknowledged) => {
            acknowledged.at.age(now) < HELD && !matches!(r.assessment.verdict, Verdict::NoneSuspected)
        }
        None => false,
    };
    let seen: Vec<&StudyReport> = state.alerts.iter().filter(seen).collect();
    match pick(&seen, Duration::ZERO, now, 0) {
        Some((report, turn)) => Some(of_report(report, turn)),
        None => left_unread(state, now, HELD),
    }
}

fn none_suspected(state: &DeviceState, now: Duration) -> Option<Screen<'_>> {
    let report = state.recent.first()?;
    let shown =
        matches!(report.assessment.verdict, Verdict::NoneSuspected) && report.since.age(now) < NONE_SUSPECTED_HELD;
    shown.then_some(Screen::NoneSuspected { report })
}

fn resting(state: &DeviceState, now: Duration) -> Screen<'_> {
    let turn = (now.as_millis() / TURN.as_millis()).is_multiple_of(2);
    if turn && state.faults.iter().any(Fault::takes_screen) {
        return Screen::Degraded { faults: &state.faults };
    }
    Screen::Idle { recent: &state.recent }
}

fn of_report(report: &StudyReport, turn: Turn) -> Screen<'_> {
    match &report.assessment.verdict {
        Verdict::Suspected => Screen::Suspected { report, turn },
        Verdict::NotAnalysed { why } => Screen::NotAnalysed { report, why, turn },
        Verdict::PartlyAnalysed { .. } => Screen::PartlyAnalysed { report, turn },
        Verdict::NoneSuspected => Screen::NoneSuspected { report },
    }
}

/// Takes turns, beginning with the first at `from`.
fn pick<'a, T>(among: &[&'a T], from: Duration, now: Duration, beyond: usize) -> Option<(&'a T, Turn)> {
    let count = u128::try_from(among.len()).unwrap_or(1).max(1);
    let at = usize::try_from(now.saturating_sub(from).as_millis() / TURN.as_millis() % count).unwrap_or(0);
    let chosen = among.get(at)?;
    Some((chosen, Turn { number: at + 1, of: among.len(), beyond }))
}
