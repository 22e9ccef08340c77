//! What the service screen shows: the health report and the board in, facts for the field engineer out.
//!
//! Remembers what was wrong last, also of the life of the process before this one. Never holds anything of a study.

use std::path::Path;
use std::time::Duration;

use crate::display::{ServiceFacts, Since, Words};
use crate::health::board::Board;
use crate::health::{HealthReport, Temperature};
use crate::store::AuditEntry;
use crate::update::{Entry, Outcome, Records};

/// Gathers the facts of one device.
pub struct Service {
    board: Board,
    serial: Option<Words>,
    slot: Option<String>,
    records: Records,
    last_error: LastError,
}

impl Service {
    /// Of the device `board`, whose updater keeps its records in `state_dir`; `trail` is the end of the audit trail, newest
    /// first.
    pub fn new(board: Board, state_dir: &Path, trail: &[AuditEntry]) -> Self {
        let serial = board.serial().map(Words::from);
        let slot = board.slot().map(|slot| slot.name);
        let last_error = LastError { words: previous_end(trail), over: None };
        Self { board, serial, slot, records: Records::within(state_dir), last_error }
    }

    /// The facts at `now`.
    pub fn facts(&mut self, report: &HealthReport, now: Duration) -> ServiceFacts {
        self.last_error.observe(report.degraded.first().map(ToString::to_string), now);
        let waits = self.records.pending().is_ok_and(|pending| pending.is_some_and(|pending| pending.written));
        let standing = if waits { ", not proved yet" } else { "" };
        let hottest = report.temperatures.iter().map(|Temperature { celsius, .. }| *celsius);
        ServiceFacts {
            slot: self.slot.as_ref().map(|slot| Words::from(format!("{slot}{standing}"))),
            serial: self.serial.clone(),
            addresses: self.board.addresses().iter().map(|(name, at)| Words::from(format!("{name} {at}"))).collect(),
            last_error: self.last_error.told(now).map(Words::from),
            share: Words::from(share(report)),
            broker: Words::from(broker(report)),
            models: Words::from(models(report)),
            update: last_update(&self.records).map(Words::from),
            up: Some(Duration::from_secs(u64::try_from(rustix::system::sysinfo().uptime).unwrap_or(0))),
            celsius: hottest.max_by(f64::total_cmp),
            ..ServiceFacts::default()
        }
    }
}

fn share(report: &HealthReport) -> String {
    match (report.share.state, &report.share.reason) {
        (state, Some(reason)) => format!("{state}: {reason}"),
        (state, None) => state.replace('_', " "),
    }
}

fn broker(report: &HealthReport) -> String {
    let waiting = match report.queues.outbox {
        0 => String::new(),
        messages => format!(", {messages} waiting"),
    };
    match &report.broker.trouble {
        _ if report.broker.connected => format!("connected{waiting}"),
        Some(trouble) => format!("offline{waiting}: {}", trouble.cause.words()),
        None => format!("offline{waiting}"),
    }
}

fn models(report: &HealthReport) -> String {
    let word = |model: &crate::health::Model| match &model.refused {
        Some(why) => format!("{} refused: {why}", model.name),
        None => model.name.clone(),
    };
    // what is refused goes first: a row has an end
    let (refused, used): (Vec<_>, Vec<_>) = report.models.iter().partition(|model| model.refused.is_some());
    let words: Vec<String> = refused.into_iter().chain(used).map(word).collect();
    if words.is_empty() { "none: nothing is analysed".into() } else { words.join(", ") }
}

/// How the last update ended, in one line; `None` where there was none.
pub fn last_update(records: &Records) -> Option<String> {
    records.history().last().map(update_words)
}

fn update_words(entry: &Entry) -> String {
    let version = entry.version.as_deref().unwrap_or("a bundle");
    let day = entry.at.strftime("%Y-%m-%d");
    match &entry.why {
        Some(why) if entry.outcome != Outcome::Proved => format!("{version} {}: {why}", entry.outcome.words()),
        _ => format!("{version} {} on {day}", entry.outcome.words()),
    }
}

/// What was wrong last, and since when it is not any more.
#[derive(Clone, Debug, Default)]
struct LastError {
    words: Option<String>,
    over: Option<Since>,
}

impl LastError {
    fn observe(&mut self, wrong: Option<String>, now: Duration) {
        match wrong {
            Some(words) => *self = Self { words: Some(words), over: None },
            None if self.words.is_some() && self.over.is_none() => self.over = Some(Since::new(now)),
            None => {}
        }
    }

    fn told(&self, now: Duration) -> Option<String> {
        let words = self.words.as_ref()?;
        Some(match self.over {
            Some(over) => format!("{words} (ended {})", over.ago(now)),
            None => words.clone(),
        })
    }
}

/// How the life of the process before this one ended, where it did not end in order. The trail is newest first, and
/// holds the start of this life.
fn previous_end(trail: &[AuditEntry]) -> Option<String> {
    let mut lives = trail.iter().filter(|entry| ["start", "stop"].contains(&entry.action.as_str()));
    lives.find(|entry| entry.action == "start")?;
    let before = lives.next()?;
    match (before.action.as_str(), &before.detail) {
        ("stop", detail) => detail.clone(),
        _ => Some("it ended without a word: power cut, or killed".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::health::{Health, Limits};
    use jiff::Timestamp;

    fn entry(action: &str, detail: Option<&str>) -> AuditEntry {
        AuditEntry {
            at: Timestamp::UNIX_EPOCH,
            actor: "device".into(),
            action: action.into(),
            subject: None,
            detail: detail.map(str::to_owned),
        }
    }

    const fn minutes(n: u64) -> Duration {
        Duration::from_secs(60 * n)
    }

    #[test]
    fn an_error_is_told_while_it_lasts_and_when_it_is_over() {
        let mut last = LastError::default();
        last.observe(None, minutes(0));
        assert_eq!(last.told(minutes(0)), None);
        last.observe(Some("the share is lost".into()), minutes(1));
        assert_eq!(last.told(minutes(5)).unwrap(), "the share is lost");
        last.observe(None, minutes(6));
        last.observe(None, minutes(7));
        assert_eq!(last.told(minutes(18)).unwrap(), "the share is lost (ended 12 min ago)");
        last.observe(Some("the broker is offline".into()), minutes(19));
        assert_eq!(last.told(minutes(19)).unwrap(), "the broker is offline");
    }

    #[test]
    fn the_end_of_the_life_before_is_told_unless_it_was_in_order() {
        let end = |entries: &[(&str, Option<&str>)]| {
            previous_end(&entries.iter().map(|(action, detail)| entry(action, *detail)).collect::<Vec<_>>())
        };
        let now = ("start", Some("0.1.0"));
        assert_eq!(end(&[now]), None);
        assert_eq!(end(&[("clock_trusted", None), now, ("stop", None), now]), None);
        let failed = end(&[now, ("stop", Some("stage display has ended: no screen")), now]);
        assert_eq!(failed.unwrap(), "stage display has ended: no screen");
        assert!(end(&[now, ("verdict", None), now]).unwrap().contains("power cut"));
    }

    #[test]
    fn a_device_that_has_just_started_says_what_it_lacks() {
        let dir = tempfile::tempdir().unwrap();
        let mut service = Service::new(Board::at("/nonexistent"), dir.path(), &[]);
        let facts = service.facts(&Health::new(Limits::default()).report(Duration::ZERO), Duration::ZERO);
        assert_eq!((facts.slot, facts.serial, facts.addresses.len(), facts.update), (None, None, 0, None));
        assert_eq!(facts.share.as_str(), "lost: not scanned yet");
        assert_eq!(facts.broker.as_str(), "offline");
        assert_eq!(facts.models.as_str(), "none: nothing is analysed");
        assert!(facts.last_error.is_some() && facts.up.is_some());
    }
}
