//! Takes in what the stages report, keeps what the screen may show, in fixed room. Pure.
//!
//! Never drops an alert silently: what does not fit is counted and shown as "+N more".

use std::sync::Arc;
use std::time::Duration;

use heapless::{HistoryBuf, Vec};
use jiff::SignedDuration;
use jiff::civil::Time;

use super::view::View;
use super::{Acknowledged, Delivery, Fault, ServiceFacts, Since, StudyName, StudyReport, Words};
use crate::triage::{Level, Verdict};

/// Alerts that are kept with all that is needed to show them; further ones are counted.
pub const ALERTS: usize = 8;
/// Studies in the list of the last results.
pub const RECENT: usize = 8;
/// Series that are shown while they arrive.
pub const ARRIVING: usize = 4;
/// Events that are remembered.
pub const EVENTS: usize = 32;

/// The longest name of whoever acknowledged that the screens show in full.
const NAME_LIMIT: usize = 40;

/// What the device is doing as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The self-test runs.
    Starting {
        /// Steps in the order in which they run.
        steps: Vec<SelfTest, 8>,
    },
    /// Start-up failed; the process will end.
    Failed {
        /// Why, in one line.
        reason: Words,
    },
    /// At work.
    Running,
    /// An update is being installed; the device works on until it restarts.
    Updating {
        /// What is installed.
        what: Words,
        /// What is done: checking, writing, restarting.
        step: Words,
        /// How far, 0 to 100.
        percent: Option<u8>,
    },
}

/// One step of the self-test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// What is tested, in a word or two.
    pub name: Words,
    /// How it stands.
    pub outcome: Outcome,
}

/// How a step of the self-test stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Good.
    Passed,
    /// Not good.
    Failed,
}

/// A series that is still arriving or being analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its study.
    pub study: StudyName,
    /// Slices that have arrived.
    pub received: u32,
    /// Slices that have been analysed, at most `received`.
    pub analysed: u32,
    /// How many there will be, where a header said so.
    pub expected: Option<u32>,
    /// Vertebrae seen so far.
    pub levels_seen: std::vec::Vec<Level>,
    /// Files of this series that could not be read.
    pub unreadable: u32,
}

/// Something worth remembering, newest last in [`DeviceState::events`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Duration,
    /// What, in one line.
    pub what: Words,
}

/// All that the screen may show.
#[derive(Clone, Debug)]
pub struct DeviceState {
    /// What the device is doing.
    pub phase: Phase,
    pub(super) alerts: Vec<StudyReport, ALERTS>,
    pub(super) alerts_beyond: std::collections::BTreeSet<Arc<str>>,
    pub(super) recent: Vec<StudyReport, RECENT>,
    pub(super) arriving: Vec<Progress, ARRIVING>,
    pub(super) arriving_beyond: u32,
    pub(super) faults: Vec<Fault, 24>,
    events: HistoryBuf<Event, EVENTS>,
    events_lost: u32,
    clock: Option<(Time, Duration)>,
    pub(super) beat: Duration,
    pub(super) service: Arc<ServiceFacts>,
    pub(super) view: View,
    pub(super) sound_paused_until: Duration,
}

impl DeviceState {
    /// A device that is starting; nothing is known yet.
    pub fn new(now: Duration) -> Self {
        Self {
            phase: Phase::Starting { steps: Vec::new() },
            alerts: Vec::new(),
            alerts_beyond: std::collections::BTreeSet::new(),
            recent: Vec::new(),
            arriving: Vec::new(),
            arriving_beyond: 0,
            faults: Vec::new(),
            events: HistoryBuf::new(),
            events_lost: 0,
            clock: None,
            beat: now,
            service: Arc::default(),
            view: View::Automatic,
            sound_paused_until: Duration::ZERO,
        }
    }

    /// The work ticks: without a beat for [`super::STALE_AFTER`] the screen says that it is stale.
    pub const fn beat(&mut self, now: Duration) {
        self.beat = now;
    }

    /// For how long the work has not ticked.
    pub const fn silent_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.beat)
    }

    /// The alarm sound is paused until then; the screen says so.
    pub const fn pause_sound(&mut self, until: Duration) {
        self.sound_paused_until = until;
    }

    /// The local time at `now`, or `None` while the clock is not trusted.
    pub fn set_clock(&mut self, local: Option<Time>, now: Duration) {
        self.clock = local.map(|time| (time, now));
    }

    /// The local time at `now`.
    pub fn clock(&self, now: Duration) -> Option<Time> {
        let (time, at) = self.clock?;
        Some(time.wrapping_add(SignedDuration::try_from(now.saturating_sub(at)).unwrap_or_default()))
    }

    /// The facts of the device, as they are now; shown only when they are asked for.
    pub fn set_service(&mut self, facts: ServiceFacts) {
        self.service = Arc::new(facts);
    }

    /// Takes in a new or revised assessment of a study.
    ///
    /// An acknowledgement is kept as long as no new level is suspected; a newly suspected level demands attention again.
    pub fn report(&mut self, mut report: StudyReport, now: Duration) {
        let key = Arc::clone(&report.study.key);
        let before = self.forget_alert(&key);
        self.alerts_beyond.remove(&key);
        if let Some(before) = &before {
            keep_acknowledgement(before, &mut report);
        }
        self.remember(now, &format!("{} {}", report.study.short(), spoken(&report.assessment.verdict)));
        if report.is_suspected() {
            self.raise(report.clone());
        }
        self.recent.retain(|r| r.study.key != key);
        if !report.assessment.provisional {
            if self.recent.is_full() {
                self.recent.pop();
            }
            let _ = self.recent.insert(0, report);
        }
    }

    /// A study leaves the alerts, because it was settled elsewhere. It stays in the list of the last results.
    pub fn retire_alert(&mut self, study_key: &str) {
        self.forget_alert(study_key);
        self.alerts_beyond.remove(study_key);
    }

    /// A clinic has taken note.
    pub fn acknowledge(&mut self, study_key: &str, by: &str, now: Duration) {
        let by = Words::within(by, NAME_LIMIT);
        let entry = Acknowledged { by: by.clone(), at: Since::new(now) };
        let mut name = None;
        for report in self.of_study(study_key) {
            report.acknowledged = Some(entry.clone());
            name = Some(report.study.short());
        }
        self.alerts_beyond.remove(study_key);
        if let Some(name) = name {
            self.remember(now, &format!("{name} acknowledged by {}", by.as_str()));
        }
    }

    /// The message of a study has moved on.
    pub fn deliver(&mut self, study_key: &str, delivery: Delivery) {
        for report in self.of_study(study_key) {
            report.delivery = delivery;
        }
    }

    /// The alert of a study was sent again, because nobody has acknowledged it.
    pub fn sent_again(&mut self, study_key: &str, times: u32) {
        for report in self.of_study(study_key) {
            report.sent_again = times;
        }
    }

    /// The series that are arriving now, in the order in which they began.
    pub fn set_arriving(&mut self, series: impl IntoIterator<Item = Progress>) {
        self.arriving.clear();
        self.arriving_beyond = 0;
        for progress in series {
            if self.arriving.push(progress).is_err() {
                self.arriving_beyond += 1;
            }
        }
    }

    /// Something is wrong, or wrong in another way than before.
    pub fn set_fault(&mut self, fault: Fault, now: Duration) {
        let news = !self.faults.iter().any(|f| f.rank() == fault.rank());
        if news {
            self.remember(now, fault.headline());
        }
        self.faults.retain(|f| f.rank() != fault.rank());
        let at = self.faults.iter().position(|f| f.rank() > fault.rank()).unwrap_or(self.faults.len());
        let _ = self.faults.insert(at, fault); // one of each rank: always room
    }

    /// What was wrong is right again; `like` says which kind.
    pub fn clear_fault(&mut self, like: &Fault, now: Duration) {
        if self.faults.iter().any(|f| f.rank() == like.rank()) {
            self.faults.retain(|f| f.rank() != like.rank());
            self.remember(now, &format!("{} is over", like.headline()));
        }
    }

    /// Faults, the worst first.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Studies with a suspected finding, newest first.
    pub fn alerts(&self) -> &[StudyReport] {
        &self.alerts
    }

    /// Unacknowledged alerts beyond [`ALERTS`]: counted on the screen; raise them again with [`Self::report`] when there is room.
    pub fn alerts_beyond(&self) -> impl Iterator<Item = &str> {
        self.alerts_beyond.iter().map(AsRef::as_ref)
    }

    /// The last results, newest first.
    pub fn recent(&self) -> &[StudyReport] {
        &self.recent
    }

    /// How many studies were not or only partly analysed, and nobody has taken note for less than `limit`.
    pub fn left_unread(&self, now: Duration, limit: Duration) -> usize {
        self.recent.iter().filter(|r| r.is_left_unread(now, limit)).count()
    }

    /// The last events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.oldest_ordered()
    }

    /// The time of day at which an event happened, where that is known.
    pub fn time_of(&self, event: &Event, now: Duration) -> Option<Time> {
        let ago = SignedDuration::try_from(now.saturating_sub(event.at)).unwrap_or_default();
        self.clock(now).map(|time| time.wrapping_sub(ago))
    }

    /// How many events were overwritten by newer ones.
    pub const fn events_lost(&self) -> u32 {
        self.events_lost
    }

    /// Remembers an event.
    pub fn remember(&mut self, now: Duration, what: &str) {
        self.events_lost += u32::from(self.events.is_full());
        self.events.write(Event { at: now, what: Words::new(what) });
    }

    fn of_study<'a>(&'a mut self, key: &'a str) -> impl Iterator<Item = &'a mut StudyReport> {
        self.alerts.iter_mut().chain(self.recent.iter_mut()).filter(move |r| *r.study.key == *key)
    }

    fn forget_alert(&mut self, key: &str) -> Option<StudyReport> {
        let at = self.alerts.iter().position(|a| *a.study.key == *key)?;
        Some(self.alerts.remove(at))
    }

    /// Puts an alert first. When the list is full, the oldest acknowledged one makes room, else the oldest, which is then counted.
    fn raise(&mut self, alert: StudyReport) {
        if self.alerts.is_full() {
            let last = self.alerts.len() - 1;
            let out = self.alerts.iter().rposition(|a| a.acknowledged.is_some()).unwrap_or(last);
            let out = self.alerts.remove(out);
            if out.acknowledged.is_none() {
                self.alerts_beyond.insert(out.study.key);
            }
        }
        let _ = self.alerts.insert(0, alert);
    }
}

fn keep_acknowledgement(before: &StudyReport, after: &mut StudyReport) {
    let known = before.suspected_levels();
    if after.acknowledged.is_none() && after.suspected_levels().iter().all(|level| known.contains(level)) {
        after.acknowledged.clone_from(&before.acknowledged);
    }
    if before.acknowledged.is_none() {
        after.sent_again = before.sent_again;
    }
}

/// A verdict in small words, for lists and events.
pub(super) const fn spoken(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Suspected => "suspected",
        Verdict::NoneSuspected => "none suspected",
        Verdict::PartlyAnalysed { .. } => "partly analysed",
        Verdict::NotAnalysed { .. } => "not analysed",
    }
}
