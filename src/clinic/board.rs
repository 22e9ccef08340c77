//! Events in, the state of every study and device out. Pure: the time is an argument.
//!
//! Revisions take the place of what they supersede, whatever the order in which they come; retained verdicts fill the list of a
//! clinic that connects late. Room is fixed: what nobody needs to look at goes first, and what does not fit is counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::device::Device;
use super::study::Study;
use super::view::{DeviceView, LinkView, StudyView, View};
use crate::display::Since;
use crate::publish::{EventKind, Received};

/// The two clocks, read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the program started.
    pub monotonic: Duration,
    /// UTC.
    pub wall: Timestamp,
}

/// What the board goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// An alert that nobody has acknowledged for so long is overdue.
    pub overdue: Duration,
    /// An acknowledgement that the device has not recorded after so long is called unconfirmed.
    pub unconfirmed: Duration,
    /// Silent intervals after which a device is called silent.
    pub silent_intervals: u32,
    /// What is settled leaves the list after so long.
    pub settled: Duration,
    /// Most studies in the list.
    pub studies: usize,
    /// Most devices.
    pub devices: usize,
}

impl Default for Rules {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            overdue: secs(300),
            unconfirmed: secs(20),
            silent_intervals: 3,
            settled: secs(72 * 3600),
            studies: 200,
            devices: 500,
        }
    }
}

/// `site/device`.
type DeviceId = String;
/// `site/device/study-key`.
type StudyId = String;

/// What an event has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// This study.
    Study(String),
    /// This device.
    Device(String),
    /// The connection to the broker.
    Link,
    /// Nothing: an event that was superseded before it came, or none of ours.
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub struct Board {
    rules: Rules,
    studies: BTreeMap<StudyId, Study>,
    devices: BTreeMap<DeviceId, Device>,
    /// Alerts that found no room.
    beyond: BTreeSet<StudyId>,
    link: (Result<(), String>, Duration),
    /// What came before the verdict that it belongs to: a broker hands out what it kept in any order.
    early: VecDeque<(StudyId, Received)>,
}

/// Alerts beyond the list that are counted.
const BEYOND: usize = 10_000;

/// Events that may wait for their verdict.
const EARLY: usize = 128;

/// Where an event belongs, by its topic: the part that the broker's access rules hold.
struct Place<'a> {
    site: &'a str,
    device: &'a str,
    study_key: &'a str,
}

impl Board {
    /// Nothing is known yet, and there is no connection.
    pub fn new(rules: Rules) -> Self {
        let link = (Err("connecting".to_owned()), Duration::ZERO);
        Self {
            rules,
            studies: BTreeMap::new(),
            devices: BTreeMap::new(),
            beyond: BTreeSet::new(),
            link,
            early: VecDeque::new(),
        }
    }

    /// The connection to the broker stands, or why it does not.
    pub fn link(&mut self, state: Result<(), String>, now: Now) {
        if self.link.0.is_ok() != state.is_ok() {
            self.link.1 = now.monotonic;
        }
        self.link.0 = state;
    }

    /// The connection stands.
    pub const fn is_online(&self) -> bool {
        self.link.0.is_ok()
    }

    /// Takes an event in.
    pub fn hear(&mut self, received: &Received, now: Now) -> Heard {
        let Some(place) = place(received) else { return Heard::Nothing };
        let device = format!("{}/{}", place.site, place.device);
        let study = format!("{device}/{}", place.study_key);
        let changed = match received.event.kind {
            EventKind::Status | EventKind::Health => self.hear_device(&device, received, now),
            EventKind::Triage | EventKind::Alert => self.hear_verdict(&study, &place, received, now),
            EventKind::Image | EventKind::Ack | EventKind::Acknowledged => self.hear_more(&study, received, now),
        };
        match (changed, received.event.kind) {
            (false, _) => Heard::Nothing,
            (true, EventKind::Status | EventKind::Health) => Heard::Device(device),
            (true, _) => Heard::Study(study),
        }
    }

    /// Somebody here has acknowledged a study, and the message is under way.
    pub fn sent(&mut self, id: &str, by: &str, note: Option<&str>, now: Now) {
        if let Some(study) = self.studies.get_mut(id) {
            study.sent(by, note, now);
        }
    }

    /// Whether the device has recorded an acknowledgement of what is shown now.
    pub fn is_acknowledged(&self, id: &str) -> bool {
        self.studies.get(id).is_some_and(Study::is_acknowledged)
    }

    /// The event that an acknowledgement of what a person saw answers now: it may have been sent again meanwhile.
    /// `None` where the study is gone, `Some(None)` where it was revised.
    pub fn to_acknowledge(&self, id: &str, seen: &str) -> Option<Option<String>> {
        let study = self.studies.get(id)?;
        Some(study.is_current(seen).then(|| study.event_id().to_owned()))
    }

    /// The key image of a study, PNG.
    pub fn image(&self, id: &str) -> Option<Bytes> {
        self.studies.get(id).and_then(Study::image)
    }

    /// One study as it stands.
    pub fn study(&self, id: &str, now: Now) -> Option<StudyView> {
        self.studies.get(id).map(|study| study.view(id, &self.rules, now))
    }

    /// One device as it stands.
    pub fn device(&self, id: &str, now: Now) -> Option<DeviceView> {
        self.devices.get(id).map(|device| device.view(id, &self.rules, now))
    }

    /// Everything, in the order in which a person should look at it.
    pub fn view(&self, now: Now) -> View {
        let mut studies: Vec<StudyView> =
            self.studies.iter().map(|(id, study)| study.view(id, &self.rules, now)).collect();
        studies.sort_by(StudyView::before);
        let devices = self.devices.iter().map(|(id, device)| device.view(id, &self.rules, now)).collect();
        let (state, since) = &self.link;
        let link = LinkView {
            online: state.is_ok(),
            for_secs: now.monotonic.saturating_sub(*since).as_secs(),
            reason: state.clone().err(),
        };
        View {
            unacknowledged: studies.iter().filter(|study| study.alarm).count(),
            studies,
            devices,
            beyond: self.beyond.len(),
            link,
        }
    }

    /// Forgets what is settled and old.
    pub fn tidy(&mut self, now: Now) {
        let settled = self.rules.settled;
        self.studies.retain(|_, study| study.is_alarm() || study.age(now) < settled);
    }

    fn hear_device(&mut self, id: &str, received: &Received, now: Now) -> bool {
        if !self.devices.contains_key(id) && self.devices.len() >= self.rules.devices {
            return false;
        }
        let mut device = self.devices.remove(id).unwrap_or_default();
        let changed = device.hear(received, now);
        if changed || !device.is_empty() {
            self.devices.insert(id.to_owned(), device);
        }
        changed
    }

    fn hear_verdict(&mut self, id: &str, place: &Place<'_>, received: &Received, now: Now) -> bool {
        let Ok(payload) = received.triage() else { return false };
        if payload.study_key != place.study_key {
            return false;
        }
        let age = age_of(received, now);
        let changed = match self.studies.get_mut(id) {
            Some(study) => study.revise(payload, age, now),
            None => match Study::new(payload, age) {
                Some(study) => self.studies.insert(id.to_owned(), study).is_none(),
                None => false,
            },
        };
        self.hear_early(id, now);
        self.beyond.remove(id);
        self.make_room(now);
        changed
    }

    /// What belongs to a verdict: kept where that has not come yet.
    fn hear_more(&mut self, id: &str, received: &Received, now: Now) -> bool {
        if let Some(study) = self.studies.get_mut(id) {
            return study.hear(received, now);
        }
        if received.event.kind == EventKind::Acknowledged {
            self.beyond.remove(id);
        }
        if self.early.len() >= EARLY {
            self.early.pop_front();
        }
        self.early.push_back((id.to_owned(), received.clone()));
        false
    }

    fn hear_early(&mut self, id: &str, now: Now) {
        let Some(study) = self.studies.get_mut(id) else { return };
        self.early.retain(|(of, received)| {
            let ours = of == id;
            if ours {
                study.hear(received, now);
            }
            !ours
        });
    }

    /// What is settled goes first, then what is oldest; an alert that nobody has seen goes last, and is counted.
    fn make_room(&mut self, now: Now) {
        while self.studies.len() > self.rules.studies {
            let least = self.studies.iter().max_by_key(|(_, study)| (study.group(), study.age(now)));
            let Some((id, study)) = least.map(|(id, study)| (id.clone(), study)) else { return };
            if study.is_alarm() && self.beyond.len() < BEYOND {
                self.beyond.insert(id.clone());
            }
            self.studies.remove(&id);
        }
    }
}

/// `spinewatch/v1/<site>/<device>/<kind>[/<study-key>]`, where the kind is that of the event.
fn place(received: &Received) -> Option<Place<'_>> {
    let rest = received.topic.strip_prefix("spinewatch/v1/")?;
    let mut parts = rest.split('/');
    let (site, device, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let study_key = parts.next().unwrap_or_default();
    (kind == received.event.kind.word() && parts.next().is_none()).then_some(Place { site, device, study_key })
}

/// When an event happened: by its time where the device trusts its clock, otherwise now, or before now if it was kept.
pub(super) fn age_of(received: &Received, now: Now) -> Since {
    let time = received.event.time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    match time.map(|time| Duration::try_from(now.wall.duration_since(time)).unwrap_or_default()) {
        Some(age) => Since::aged(now.monotonic, age),
        None if received.retained => Since::older_than(now.monotonic),
        None => Since::new(now.monotonic),
    }
}
