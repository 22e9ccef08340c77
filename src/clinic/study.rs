//! One study on the board: its latest verdict, its picture, who has acknowledged it. Pure.

mod shown;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::board::{Now, age_of};
use super::view::Group;
use crate::display::Since;
use crate::publish::{
    AckPayload, AcknowledgedPayload, EventKind, EventOrder, Received, TriagePayload, ack_name, ack_note, event_order,
};
use crate::triage::{Level, Revision};

/// Acknowledgements that are remembered of one study.
const ACKS: usize = 8;

/// See the module.
#[derive(Debug)]
pub struct Study {
    told: TriagePayload,
    order: EventOrder,
    /// Event id of the last alert, or of the verdict where there is none.
    event_id: String,
    urgency: u8,
    sent_again: u32,
    since: Since,
    /// Levels of the suspicion that was retracted.
    was: Option<Vec<Level>>,
    image: Option<(String, Bytes)>,
    recorded: Option<(AcknowledgedPayload, Since)>,
    heard: VecDeque<Given>,
    sent: Option<Given>,
}

/// An acknowledgement that somebody gave.
#[derive(Clone, Debug)]
struct Given {
    by: String,
    note: Option<String>,
    revision: Option<(u64, u32)>,
    at: Duration,
}

impl Study {
    /// A study of which nothing was known; `None` where its event id is none of its own.
    pub fn new(told: TriagePayload, since: Since) -> Option<Self> {
        Some(Self {
            order: event_order(&told.event_id, &told.study_key)?,
            event_id: told.event_id.clone(),
            urgency: told.urgency.unwrap_or(1).clamp(1, 3),
            sent_again: told.sent_again.unwrap_or(0),
            was: (told.change == Revision::Retracts).then(Vec::new),
            since,
            told,
            image: None,
            recorded: None,
            heard: VecDeque::new(),
            sent: None,
        })
    }

    /// A later word on the study takes the place of the one before; returns whether it was later.
    pub fn revise(&mut self, told: TriagePayload, since: Since, now: Now) -> bool {
        let Some(order) = event_order(&told.event_id, &told.study_key) else { return false };
        let same_revision = (order.epoch, order.revision) == (self.order.epoch, self.order.revision);
        if order < self.order || (order == self.order && (told.urgency.is_none() || told.event_id == self.event_id)) {
            return false;
        }
        if told.urgency.is_some() {
            self.urgency = told.urgency.unwrap_or(1).clamp(1, 3);
            self.sent_again = told.sent_again.unwrap_or(0);
        }
        self.event_id.clone_from(&told.event_id);
        self.order = order;
        if !same_revision {
            self.follow(told, since, now);
        }
        true
    }

    /// The age goes on while the same kind of verdict stands and nobody has acknowledged it.
    fn follow(&mut self, told: TriagePayload, since: Since, now: Now) {
        let (before, seen) = (self.levels(), self.is_acknowledged());
        if told.change == Revision::Retracts {
            self.was = Some(before);
        } else if is_suspected(&told) {
            self.was = None;
        }
        let kind_differs = told.verdict != self.told.verdict;
        self.told = told;
        let wants_another = seen && !self.is_acknowledged();
        if kind_differs || wants_another || since.age(now.monotonic) > self.since.age(now.monotonic) {
            self.since = since;
        }
        if !self.is_alarm() {
            (self.urgency, self.sent_again) = (1, 0);
        }
    }

    /// Picture, acknowledgement, record of one; returns whether it was news.
    pub fn hear(&mut self, received: &Received, now: Now) -> bool {
        match received.event.kind {
            EventKind::Image => self.hear_image(received),
            EventKind::Ack => serde_json::from_slice(&received.payload).is_ok_and(|ack| self.hear_ack(&ack, now)),
            EventKind::Acknowledged => serde_json::from_slice(&received.payload)
                .is_ok_and(|recorded| self.hear_acknowledged(recorded, age_of(received, now))),
            _ => false,
        }
    }

    /// The slice on which the suspicion rests.
    fn hear_image(&mut self, received: &Received) -> bool {
        let Some(slice_key) = received.slice_key.clone() else { return false };
        self.image = Some((slice_key, received.payload.clone()));
        true
    }

    /// Somebody, here or elsewhere, has said that they acknowledge.
    fn hear_ack(&mut self, payload: &AckPayload, now: Now) -> bool {
        let Ok(by) = ack_name(&payload.acknowledged_by) else { return false };
        let note = payload.note.as_deref().and_then(|note| ack_note(note).ok()).flatten();
        let order = payload.event_id.as_deref().and_then(|id| event_order(id, &self.told.study_key));
        let revision = order.map(|order| (order.epoch, order.revision));
        let known = |given: &Given| given.by == by && given.note == note && given.revision == revision;
        if self.heard.iter().any(known) {
            return false;
        }
        if self.heard.len() >= ACKS {
            self.heard.pop_front();
        }
        self.heard.push_back(Given { by, note, revision, at: now.monotonic });
        true
    }

    /// The device has recorded an acknowledgement.
    fn hear_acknowledged(&mut self, payload: AcknowledgedPayload, since: Since) -> bool {
        if self.recorded.as_ref().is_some_and(|(before, _)| before.event_id == payload.event_id) {
            return false;
        }
        self.recorded = Some((payload, since));
        if self.is_acknowledged() {
            self.sent = None;
        }
        true
    }

    /// An acknowledgement from here is under way.
    pub fn sent(&mut self, by: &str, note: Option<&str>, now: Now) {
        let revision = Some((self.order.epoch, self.order.revision));
        self.sent = Some(Given { by: by.to_owned(), note: note.map(str::to_owned), revision, at: now.monotonic });
    }

    /// The device has recorded an acknowledgement, and no other level is suspected since.
    pub fn is_acknowledged(&self) -> bool {
        self.recorded.as_ref().is_some_and(|(recorded, _)| {
            let order = event_order(&recorded.verdict_event_id, &self.told.study_key);
            let this = order.is_some_and(|o| (o.epoch, o.revision) >= (self.order.epoch, self.order.revision));
            let covered = recorded.verdict == "suspected" && self.levels().iter().all(|l| recorded.levels.contains(l));
            this || covered
        })
    }

    /// Suspected, and nobody has acknowledged it.
    pub fn is_alarm(&self) -> bool {
        is_suspected(&self.told) && !self.is_acknowledged()
    }

    /// Where it stands in the list.
    pub fn group(&self) -> Group {
        match (self.told.verdict.as_str(), self.is_acknowledged()) {
            ("suspected", false) => Group::Alarm,
            ("suspected", true) => Group::Seen,
            ("none_suspected", _) => Group::Information,
            (_, false) => Group::Unread,
            (_, true) => Group::Read,
        }
    }

    /// How long its verdict stands.
    pub fn age(&self, now: Now) -> Duration {
        self.since.age(now.monotonic)
    }

    /// The event that an acknowledgement answers.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// The revision that stands is the one that an event tells.
    pub fn is_current(&self, event_id: &str) -> bool {
        let seen = event_order(event_id, &self.told.study_key);
        seen.is_some_and(|seen| (seen.epoch, seen.revision) == (self.order.epoch, self.order.revision))
    }

    /// Its picture, where it belongs to the verdict that stands.
    pub fn image(&self) -> Option<Bytes> {
        let best = &self.told.findings.first()?.best_slice;
        self.image.as_ref().filter(|(key, _)| *key == best.slice_key).map(|(_, png)| png.clone())
    }

    /// Levels with a suspected finding, from head to foot.
    fn levels(&self) -> Vec<Level> {
        let found = |level: &Level| self.told.findings.iter().any(|finding| finding.level == *level);
        Level::ALL.into_iter().filter(found).collect()
    }
}

fn is_suspected(told: &TriagePayload) -> bool {
    told.verdict == "suspected"
}
