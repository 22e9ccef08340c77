//! What page, terminal and `--json` show: plain values, ready to be written as JSON.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::triage::Level;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// Suspected findings that nobody has acknowledged.
    pub unacknowledged: usize,
    /// In the order in which a person should look at them.
    pub studies: Vec<StudyView>,
    /// By site and name.
    pub devices: Vec<DeviceView>,
    /// Alerts that found no room in the list.
    pub beyond: usize,
    /// To the broker.
    pub link: LinkView,
}

/// The connection to the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkView {
    /// It stands.
    pub online: bool,
    /// How long it has been so.
    pub for_secs: u64,
    /// Why it does not stand.
    pub reason: Option<String>,
}

/// Where a study stands in the list; the first one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Suspected, not acknowledged.
    Alarm,
    /// Partly or not analysed, not acknowledged.
    Unread,
    /// Suspected, acknowledged.
    Seen,
    /// Partly or not analysed, acknowledged.
    Read,
    /// None suspected.
    Information,
}

/// How firm a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Slices still arrive.
    Provisional,
    /// The series has ended.
    Final,
    /// It says something else than before.
    Revised,
    /// A suspicion was told and no longer stands.
    Retracted,
}

/// How an acknowledgement stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AckView {
    /// Nobody has acknowledged.
    None,
    /// Under way to the device.
    Sent {
        /// Who.
        by: String,
        /// What they wrote.
        note: Option<String>,
        /// How long ago.
        age_secs: u64,
    },
    /// Under way for too long: the device may not have it.
    Unconfirmed {
        /// Who.
        by: String,
        /// What they wrote.
        note: Option<String>,
        /// How long ago.
        age_secs: u64,
    },
    /// The device has it, and shows it on its screen.
    Recorded {
        /// Who.
        by: String,
        /// What they wrote.
        note: Option<String>,
        /// Who else acknowledged.
        others: Vec<String>,
        /// How long ago.
        age_secs: u64,
    },
}

/// One study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StudyView {
    /// `site/device/study-key`.
    pub id: String,
    /// Four digits of its key.
    pub name: String,
    /// Site.
    pub site: String,
    /// Device.
    pub device: String,
    /// The event that an acknowledgement answers.
    pub event_id: String,
    /// Where it stands in the list.
    pub group: Group,
    /// `suspected`, `none_suspected`, `partly_analysed` or `not_analysed`.
    pub verdict: String,
    /// The same for people.
    pub headline: String,
    /// Levels with a suspected finding.
    pub levels: Vec<Level>,
    /// Levels that were seen.
    pub seen: Vec<Level>,
    /// Fracture score of each level.
    pub scores: BTreeMap<Level, f32>,
    /// How firm it is.
    pub certainty: Certainty,
    /// Levels of the suspicion that was retracted, where they are known.
    pub was: Vec<Level>,
    /// Its revision.
    pub revision: u32,
    /// Suspected, and nobody has acknowledged it.
    pub alarm: bool,
    /// 1 to 3.
    pub urgency: u8,
    /// How often it was sent again.
    pub sent_again: u32,
    /// Nobody has acknowledged it in time.
    pub overdue: bool,
    /// How long the verdict stands.
    pub age_secs: u64,
    /// It is older than that, nobody knows how much.
    pub at_least: bool,
    /// Why not analysed.
    pub why: Option<String>,
    /// InstanceNumber of the slice to look at first.
    pub slice_number: Option<i32>,
    /// Path of the key image.
    pub image: Option<String>,
    /// Left, top, width, height of the suspected finding, as shares of the picture.
    pub fracture_box: Option<[f32; 4]>,
    /// Findings in words.
    pub findings: Vec<String>,
    /// What was seen, in words.
    pub coverage: Vec<String>,
    /// What is missing, in words.
    pub missing: Vec<String>,
    /// Label and time.
    pub timings: Vec<(String, String)>,
    /// Models in words.
    pub models: Vec<String>,
    /// What must be said with it.
    pub notices: Vec<String>,
    /// Who has acknowledged it.
    pub ack: AckView,
}

impl StudyView {
    /// Alarms by urgency, then the one that waits longest; what is settled by age, the newest first.
    pub(super) fn before(&self, other: &Self) -> Ordering {
        let waits = matches!(self.group, Group::Alarm | Group::Unread);
        let age = |study: &Self| if waits { -i128::from(study.age_secs) } else { i128::from(study.age_secs) };
        let key = |study: &Self| (study.group, Reverse(study.urgency), age(study));
        key(self).cmp(&key(other)).then_with(|| self.id.cmp(&other.id))
    }
}

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceView {
    /// `site/device`.
    pub id: String,
    /// Site.
    pub site: String,
    /// Device.
    pub device: String,
    /// `online`, `degraded`, `offline`, `silent` or `unknown`.
    pub state: String,
    /// How long it has been so.
    pub age_secs: u64,
    /// Why it is not well.
    pub reasons: Vec<String>,
    /// Of the program.
    pub version: Option<String>,
    /// Last sign of life.
    pub heard_secs: Option<u64>,
    /// Messages that wait at the device.
    pub waiting: u32,
    /// Messages that it gave up.
    pub given_up: u32,
    /// Series that are arriving.
    pub open_series: u32,
    /// Over the last minute.
    pub slices_per_second: f32,
    /// Its times are to be trusted.
    pub clock_trusted: bool,
}
