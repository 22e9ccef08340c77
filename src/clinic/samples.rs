//! Events as devices send them, for the tests of this module: made by the real publishing code.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::board::{Board, Heard, Now, Rules};
use super::view::{StudyView, View};
use crate::publish::samples as wire;
use crate::publish::{
    self, AckPayload, CloudEvent, DeviceState, EventKind, KeyImage, Limits, NOTICE, Received, StatusPayload, Topics,
    VerdictContext, tell,
};
use crate::store::{Acknowledgement, NextRevision, OutboxMessage, SeriesAssessment, StandingAlert, ToldVerdict};
use crate::triage::{Assessment, Level, Missing, Verdict};

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The two clocks, so long after the beginning.
pub fn now(monotonic: Duration) -> Now {
    Now { monotonic, wall: wire::at() + SignedDuration::try_from(monotonic).unwrap() }
}

/// A message as it comes.
pub fn received(message: &OutboxMessage, retained: bool) -> Received {
    let properties = &message.properties;
    let slice_key = properties.user.iter().find(|(name, _)| name == "slicekey").map(|(_, value)| value.clone());
    Received {
        arrived: Instant::now(),
        topic: message.topic.clone(),
        event: CloudEvent::parse(&properties.user, Some(&properties.content_type)).unwrap(),
        payload: message.payload.clone().into(),
        retained,
        response_topic: properties.response_topic.clone(),
        correlation_data: properties.correlation_data.clone(),
        slice_key,
    }
}

/// Devices that tell, and a board that hears. Everything happens at `at`.
pub struct Story {
    pub board: Board,
    pub at: Duration,
    pub clock_trusted: bool,
    told: BTreeMap<String, ToldVerdict>,
    alerts: BTreeMap<String, StandingAlert>,
}

impl Default for Story {
    fn default() -> Self {
        Self::with(Rules::default())
    }
}

impl Story {
    pub fn with(rules: Rules) -> Self {
        let mut board = Board::new(rules);
        board.link(Ok(()), now(Duration::ZERO));
        Self { board, at: Duration::ZERO, clock_trusted: true, told: BTreeMap::new(), alerts: BTreeMap::new() }
    }

    pub fn view(&self, at: Duration) -> View {
        self.board.view(now(at))
    }

    /// The study of that name as it stands.
    pub fn study(&self, name: &str, at: Duration) -> StudyView {
        self.board.study(&id(name), now(at)).unwrap()
    }

    pub fn hear(&mut self, message: &OutboxMessage) -> Heard {
        self.board.hear(&received(message, false), now(self.at))
    }

    pub fn lost(&mut self, reason: &str) {
        self.board.link(Err(reason.into()), now(self.at));
    }

    pub fn suspected(&mut self, name: &str, levels: &[Level]) {
        let messages = self.messages(name, &wire::suspected(levels));
        messages.iter().for_each(|message| drop(self.hear(message)));
    }

    pub fn none(&mut self, name: &str) {
        let messages = self.messages(name, &wire::none_suspected());
        messages.iter().for_each(|message| drop(self.hear(message)));
    }

    pub fn partly(&mut self, name: &str) {
        let missing = vec![Missing::Levels { levels: vec![Level::C7] }];
        let mut partly = wire::none_suspected();
        partly.coverage.levels_seen.pop();
        partly.verdict = Verdict::PartlyAnalysed { missing: missing.clone() };
        let messages = self.messages(name, &Assessment { missing, ..partly });
        messages.iter().for_each(|message| drop(self.hear(message)));
    }

    /// What the device sends for its next word on a study, not heard yet.
    pub fn messages(&mut self, name: &str, assessment: &Assessment) -> Vec<OutboxMessage> {
        let study_key = key(name);
        let previous = self.told.get(name).cloned();
        let revision = previous.as_ref().map_or(1, |told| told.revision + 1);
        let next = NextRevision {
            event_id: format!("{study_key}-{revision}"),
            study_key: study_key.clone(),
            revision,
            previous,
            series: vec![SeriesAssessment { series_key: "s".into(), assessment: assessment.clone() }],
            alert: self.alerts.get(name).cloned(),
        };
        let at: Timestamp = now(self.at).wall;
        let picture = assessment.findings.first().map(|finding| KeyImage {
            slice_key: finding.best_slice.slice_key.clone(),
            side: 2,
            grey: vec![0, 80, 160, 255],
        });
        let context = VerdictContext { at, clock_trusted: self.clock_trusted, key_image: picture, ..wire::context() };
        let told = tell(&next, &wire::topics(), &Limits::default(), &context).unwrap();
        self.told.insert(
            name.to_owned(),
            ToldVerdict {
                study_key: study_key.clone(),
                revision,
                event_id: next.event_id,
                supersedes: None,
                assessment: told.assessment,
                committed_at: at,
                acknowledged: None,
            },
        );
        if let Some(alert) = told.messages.iter().find(|message| message.topic.contains("/alert/")) {
            let (event_id, payload) = (alert.event_id.clone(), alert.payload.clone());
            let waited = Duration::ZERO;
            let standing =
                StandingAlert { study_key, event_id, payload, sent_again: 0, waited, open: true, delivered: true };
            self.alerts.insert(name.to_owned(), standing);
        }
        told.messages
    }

    /// The device sends its alert again.
    pub fn again(&mut self, name: &str) -> OutboxMessage {
        let alert = self.alerts.get_mut(name).unwrap();
        let message = publish::again(alert, &wire::topics(), &Limits::default(), Some(now(self.at).wall)).unwrap();
        alert.event_id.clone_from(&message.event_id);
        alert.payload.clone_from(&message.payload);
        alert.sent_again += 1;
        self.hear(&message);
        message
    }

    /// The device has recorded an acknowledgement of its last word; not heard yet.
    pub fn record(&self, name: &str, by: &str) -> OutboxMessage {
        let told = &self.told[name];
        let (study_key, revision) = (told.study_key.clone(), told.revision);
        let recorded = Acknowledgement { study_key, revision, by: by.into(), at: now(self.at).wall };
        publish::acknowledged(told, &recorded, &wire::topics(), &Limits::default(), true)
    }

    pub fn recorded(&mut self, name: &str, by: &str) {
        let message = self.record(name, by);
        self.hear(&message);
    }

    /// Some clinic says that it acknowledges.
    pub fn ack(&mut self, name: &str, by: &str, note: &str) {
        let note = Some(note.to_owned());
        let event_id = Some(self.told[name].event_id.clone());
        let payload = AckPayload { acknowledged_by: by.into(), event_id, note };
        let event = CloudEvent {
            id: format!("ack {by}"),
            source: "/spinewatch/clinic/x".into(),
            kind: EventKind::Ack,
            time: None,
            subject: None,
        };
        let message = OutboxMessage {
            topic: wire::topics().ack(&key(name)),
            payload: serde_json::to_vec(&payload).unwrap(),
            properties: event.properties(),
            ..self.record(name, by)
        };
        self.hear(&message);
    }

    pub fn online(&mut self, device: &str) {
        self.status(device, DeviceState::Online);
    }

    pub fn offline(&mut self, device: &str) {
        self.status(device, DeviceState::Offline);
    }

    fn status(&mut self, device: &str, state: DeviceState) {
        let (site, name) = device.split_once('/').unwrap();
        let status = StatusPayload {
            state,
            reasons: vec![],
            site: site.into(),
            device: name.into(),
            version: "0.1.0".into(),
            models: vec![],
            started_at: None,
            last_update: None,
            not_for_diagnosis: NOTICE.into(),
        };
        let topics = Topics::new(site, name).unwrap();
        let message = publish::status(&status, format!("{device} {:?}", self.at), Some(now(self.at).wall), &topics);
        self.hear(&message);
    }

    pub fn health(&mut self, device: &str) {
        let (site, name) = device.split_once('/').unwrap();
        let health = publish::HealthPayload { clock_trusted: true, ..Default::default() };
        let topics = Topics::new(site, name).unwrap();
        let message = publish::health(&health, format!("h {:?}", self.at), Some(now(self.at).wall), &topics);
        self.hear(&message);
    }
}

/// Key of the study of that name.
pub fn key(name: &str) -> String {
    format!("{name:0<32}")
}

/// Id of the study of that name on the board.
pub fn id(name: &str) -> String {
    format!("north/ct-2/{}", key(name))
}
