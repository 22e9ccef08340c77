//! What stands in the messages: one struct a kind, each held against a JSON Schema in `schema/`.
//!
//! Numbers are rounded here (scores to 0.001, positions and boxes to 0.1), and what is not a number becomes 0, because
//! JSON has no other word for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Topics;
use crate::triage::{Completeness, Finding, FractureBox, Gap, Level, Missing, Priority, Revision};

/// Stands in every payload that speaks of a study.
pub const NOTICE: &str = "suspected finding for prioritisation; not for diagnosis";

/// Stands beside [`NOTICE`] when a model has never seen a patient.
pub const PHANTOM_NOTICE: &str = "models trained on synthetic phantoms only; not validated on patients";

/// Payload of `triage/<study-key>` and `alert/<study-key>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriagePayload {
    /// Id of this event.
    pub event_id: String,
    /// Id of the event of the same kind that this one takes the place of.
    pub supersedes: Option<String>,
    /// 1 for the first of the study.
    pub revision: u32,
    /// What this revision is to the one before.
    pub change: Revision,
    /// Keyed hash of StudyInstanceUID.
    pub study_key: String,
    /// Only where the site switched clear identifiers on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_instance_uid: Option<String>,
    /// Site.
    pub site: String,
    /// Device.
    pub device: String,
    /// `suspected`, `none_suspected`, `partly_analysed` or `not_analysed`.
    pub verdict: String,
    /// Why not analysed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Priority.
    pub priority: Priority,
    /// Slices still arrive.
    pub provisional: bool,
    /// Which rule ended the series.
    pub completeness: Completeness,
    /// Suspected findings, highest score first.
    pub findings: Vec<FindingPayload>,
    /// Fracture score of C1 to C7.
    pub vertebrae: BTreeMap<Level, f32>,
    /// What was seen.
    pub coverage: CoveragePayload,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// How long it took.
    pub timings: Timings,
    /// What analysed it.
    pub models: Vec<ModelTag>,
    /// Of an alert: 1, and one more each time that it is sent again without an acknowledgement, up to 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<u8>,
    /// Of an alert: how often it was sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_again: Option<u32>,
    /// Times are to be trusted.
    pub clock_trusted: bool,
    /// Lists or texts were cut so that the payload stays within its limit.
    pub truncated: bool,
    /// [`NOTICE`].
    pub not_for_diagnosis: String,
    /// [`PHANTOM_NOTICE`] where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limitation: Option<String>,
}

/// A suspected fracture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingPayload {
    /// Vertebra.
    pub level: Level,
    /// 0 to 1.
    pub score: f32,
    /// The slice to look at first.
    pub best_slice: BestSlicePayload,
    /// Lowest and highest z, mm.
    pub z_range_mm: [f64; 2],
    /// Slices that carry a box of it.
    pub slices: u32,
}

/// The slice to look at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestSlicePayload {
    /// Keyed hash of SOPInstanceUID and frame.
    pub slice_key: String,
    /// InstanceNumber.
    pub instance_number: Option<i32>,
    /// Position along the series normal, mm.
    pub z_mm: f64,
    /// Box in pixels of the slice; left out when the payload had to be cut.
    #[serde(default, rename = "box", skip_serializing_if = "Option::is_none")]
    pub fracture_box: Option<FractureBox>,
    /// Rows and columns.
    pub matrix: [u16; 2],
}

/// What of the neck was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoveragePayload {
    /// Vertebrae seen.
    pub levels_seen: Vec<Level>,
    /// Slices analysed.
    pub slices_analysed: u32,
    /// Slices known to be missing.
    pub slices_missing: u32,
    /// Slices that could not be read or not be analysed.
    pub slices_unreadable: u32,
    /// The same by reason code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, u32>,
    /// Stretches without slices.
    pub gaps: Vec<GapPayload>,
    /// Highest minus lowest slice, mm.
    pub extent_mm: f64,
}

/// A stretch without slices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GapPayload {
    /// Slice above it, mm.
    pub from_mm: f64,
    /// Slice below it, mm.
    pub to_mm: f64,
    /// Its extent, mm.
    pub extent_mm: f64,
    /// Slices missing in it.
    pub missing_slices: u32,
}

/// How long it took. Times are RFC 3339 in UTC, by the device's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// First slice claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_slice_at: Option<String>,
    /// Last slice claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_slice_at: Option<String>,
    /// Verdict taken.
    pub decided_at: String,
    /// From the last slice to the verdict by the monotonic clock, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_slice_to_verdict_ms: Option<u32>,
    /// Per stage.
    pub stages: Vec<StageTiming>,
}

/// Time of one stage over the slices of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTiming {
    /// `decode`, `preprocess`, `classify`, `detect`, ...
    pub stage: String,
    /// Slices that passed it.
    pub slices: u32,
    /// Mean per slice, ms.
    pub mean_ms: f32,
    /// Slowest slice, ms.
    pub max_ms: f32,
}

/// A model package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTag {
    /// Name of the package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its digest file, hexadecimal.
    pub digest: String,
    /// Trained on synthetic phantoms only.
    pub phantom_trained: bool,
}

/// State of the device as `status` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// All is well.
    Online,
    /// It runs, and something does not.
    Degraded,
    /// It is gone: orderly, or by the last will.
    Offline,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Snake case: `share_lost`, `disk_full`, `model_refused`, ...
    pub code: String,
    /// One line for a technician.
    pub words: String,
}

/// Payload of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPayload {
    /// Online, degraded, offline.
    pub state: DeviceState,
    /// Why degraded or offline, at most eight.
    pub reasons: Vec<Reason>,
    /// Site.
    pub site: String,
    /// Device.
    pub device: String,
    /// Version of the program.
    pub version: String,
    /// Active model packages.
    pub models: Vec<ModelTag>,
    /// When the program started, RFC 3339; absent while the clock is not trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// How the last update of the system ended, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update: Option<LastUpdate>,
    /// [`NOTICE`].
    pub not_for_diagnosis: String,
}

/// How an update of the system ended. Names no file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUpdate {
    /// `proved`, `rolled_back`, `undone`, `refused` or `failed`.
    pub outcome: String,
    /// Version of the bundle, where it was read so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Which refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was rolled back, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Payload of `health`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthPayload {
    /// When, RFC 3339.
    pub at: String,
    /// Since the start of the program.
    pub uptime_secs: u64,
    /// Times are to be trusted.
    pub clock_trusted: bool,
    /// `available`, `lost` or `not_mounted`.
    pub share: PartPayload,
    /// `online`, `refusing` or `offline`.
    pub broker: PartPayload,
    /// How often the connection was lost since start.
    #[serde(default)]
    pub broker_losses: u32,
    /// Code of the cause of the last loss or failed connection since start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker_last_trouble: Option<String>,
    /// `ready` or `refused`.
    pub models: PartPayload,
    /// Free space on the state folder's disk.
    pub disk_free_bytes: u64,
    /// Messages that wait for the broker.
    pub queue_waiting: u32,
    /// Messages that were given up.
    pub queue_dead: u32,
    /// Messages that the broker has refused and that are not sent, given up or not.
    #[serde(default)]
    pub queue_refused: u32,
    /// Series that are open.
    pub open_series: u32,
    /// Over the last minute.
    pub slices_per_second: f32,
    /// By sensor, degrees Celsius.
    pub temperatures_celsius: BTreeMap<String, f32>,
    /// Files that could not be read, by reason code.
    pub files_quarantined: BTreeMap<String, u32>,
    /// Intact files that are not for the networks, by reason code.
    pub files_excluded: BTreeMap<String, u32>,
    /// Resident memory of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Where the audit trail ends, `<sequence>:<hash>`: a trail that is written anew no longer holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<String>,
    /// Version of the program; empty from one that does not say it.
    #[serde(default)]
    pub version: String,
    /// How the last update of the system ended, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update: Option<LastUpdate>,
}

/// State of one part of the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartPayload {
    /// One word.
    pub state: String,
    /// How long it has been so.
    pub for_secs: u64,
    /// Why, when it is not well: a code that never changes, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why, when it is not well, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Payload of `ack/<study-key>`, written by a clinic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AckPayload {
    /// Who acknowledges: a role or a workplace, shown on the screen; 1 to 64 characters.
    pub acknowledged_by: String,
    /// The event that is acknowledged; may also stand in the correlation data. The latest one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// A word to those who audit, at most 200 characters; never shown on the device. Nothing that identifies a patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Payload of `acknowledged/<study-key>`: the device has recorded an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedPayload {
    /// Id of this event.
    pub event_id: String,
    /// Keyed hash of StudyInstanceUID.
    pub study_key: String,
    /// Site.
    pub site: String,
    /// Device.
    pub device: String,
    /// Id of the verdict that was acknowledged.
    pub verdict_event_id: String,
    /// Its revision.
    pub revision: u32,
    /// What it was: `suspected`, `none_suspected`, `partly_analysed` or `not_analysed`.
    pub verdict: String,
    /// Levels that were suspected; the acknowledgement holds until another one is.
    pub levels: Vec<Level>,
    /// Who, as it is shown on the screen.
    pub acknowledged_by: String,
    /// When the device recorded it, RFC 3339.
    pub acknowledged_at: String,
    /// That time is to be trusted.
    pub clock_trusted: bool,
}

impl StatusPayload {
    /// All is well, nothing analyses: what a simulated device says.
    pub fn online(topics: &Topics) -> Self {
        Self {
            state: DeviceState::Online,
            reasons: Vec::new(),
            site: topics.site().to_owned(),
            device: topics.device().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            models: Vec::new(),
            started_at: None,
            last_update: None,
            not_for_diagnosis: NOTICE.to_owned(),
        }
    }
}

impl FindingPayload {
    /// Rounded for the wire.
    pub fn of(finding: &Finding) -> Self {
        let best = &finding.best_slice;
        let b = best.fracture_box;
        let fracture_box = FractureBox {
            x: round(b.x, 10.0),
            y: round(b.y, 10.0),
            width: round(b.width, 10.0),
            height: round(b.height, 10.0),
            score: round(b.score, 1000.0),
        };
        Self {
            level: finding.level,
            score: round(finding.score, 1000.0),
            best_slice: BestSlicePayload {
                slice_key: best.slice_key.clone(),
                instance_number: best.instance_number,
                z_mm: tenth_mm(best.z_mm),
                fracture_box: Some(fracture_box),
                matrix: best.matrix,
            },
            z_range_mm: finding.z_range_mm.map(tenth_mm),
            slices: finding.slices,
        }
    }
}

impl GapPayload {
    /// Rounded for the wire.
    pub fn of(gap: &Gap) -> Self {
        Self {
            from_mm: tenth_mm(gap.from_mm),
            to_mm: tenth_mm(gap.to_mm),
            extent_mm: tenth_mm(gap.extent_mm()),
            missing_slices: gap.missing_slices,
        }
    }
}

/// RFC 3339 in UTC with milliseconds.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// `steps` = 10 rounds to tenths.
pub(super) fn round(value: f32, steps: f32) -> f32 {
    if value.is_finite() { (value * steps).round() / steps } else { 0.0 }
}

pub(super) fn tenth_mm(value: f64) -> f64 {
    if value.is_finite() { (value * 10.0).round() / 10.0 } else { 0.0 }
}
