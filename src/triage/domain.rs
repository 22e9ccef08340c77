//! The words that triage shares with the store, the wire and the screen.
//!
//! Every type serialises to the names used in the MQTT payload. Nothing here says "diagnosis" or "clear".

use serde::{Deserialize, Serialize};

/// A cervical vertebra.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Atlas.
    C1,
    /// Axis.
    C2,
    /// Third cervical vertebra.
    C3,
    /// Fourth cervical vertebra.
    C4,
    /// Fifth cervical vertebra.
    C5,
    /// Sixth cervical vertebra.
    C6,
    /// Vertebra prominens.
    C7,
}

impl Level {
    /// From head to foot; `ALL[i] as usize == i`.
    pub const ALL: [Self; 7] = [Self::C1, Self::C2, Self::C3, Self::C4, Self::C5, Self::C6, Self::C7];

    /// `"C1"` to `"C7"`.
    pub const fn name(self) -> &'static str {
        ["C1", "C2", "C3", "C4", "C5", "C6", "C7"][self as usize]
    }
}

/// A suspected fracture in one slice, in pixels of the slice as stored (not of the network's input).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FractureBox {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width, > 0.
    pub width: f32,
    /// Height, > 0.
    pub height: f32,
    /// Detector score, 0 to 1.
    pub score: f32,
}

/// What the networks say of one slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Keyed hash of SOPInstanceUID and frame, as `store::Keys::slice` gives it.
    pub slice_key: String,
    /// InstanceNumber, so that a person finds the slice on the console.
    pub instance_number: Option<i32>,
    /// Position along the series normal in mm, growing towards the head.
    pub z_mm: f64,
    /// Rows and columns of the slice as stored.
    pub matrix: [u16; 2],
    /// Probability that the slice shows C1 to C7, 0 to 1.
    pub vertebrae: [f32; 7],
    /// Suspected fractures in the slice, best score first. Empty when the detector did not have to run.
    pub boxes: Vec<FractureBox>,
}

/// The slice to look at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestSlice {
    /// Keyed hash of SOPInstanceUID and frame.
    pub slice_key: String,
    /// InstanceNumber, where the header has one.
    pub instance_number: Option<i32>,
    /// Position along the series normal in mm.
    pub z_mm: f64,
    /// The box in that slice.
    #[serde(rename = "box")]
    pub fracture_box: FractureBox,
    /// Rows and columns of that slice.
    pub matrix: [u16; 2],
}

/// A suspected fracture of one vertebra.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The vertebra.
    pub level: Level,
    /// Strength of the evidence, 0 to 1; not a probability. See `triage::rule`.
    pub score: f32,
    /// The slice to look at first.
    pub best_slice: BestSlice,
    /// Lowest and highest z of the slices joined into this finding, mm.
    pub z_range_mm: [f64; 2],
    /// How many slices carry a box of this finding.
    pub slices: u32,
}

/// A stretch without slices inside a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Position of the slice above the gap, mm.
    pub from_mm: f64,
    /// Position of the slice below the gap, mm.
    pub to_mm: f64,
    /// How many slices are missing in it, at the series' spacing.
    pub missing_slices: u32,
}

impl Gap {
    /// Extent of the gap in mm, > 0.
    pub fn extent_mm(&self) -> f64 {
        (self.from_mm - self.to_mm).abs()
    }
}

/// Why a series counts as finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Slices still arrive.
    Receiving,
    /// The count that the header gave is reached.
    CountReached,
    /// Contiguous and quiet for `series_quiet_secs`.
    Quiet,
    /// `series_limit_secs` has passed.
    LimitReached,
}

/// What of the neck was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// C1 to C7: seen by the classifier at its threshold in enough slices.
    pub levels_seen: Vec<Level>,
    /// Slices analysed.
    pub slices_analysed: u32,
    /// Slices known to be missing: gaps, and the shortfall against the expected count.
    pub slices_missing: u32,
    /// Slices of this series that could not be read or not be analysed.
    pub slices_unreadable: u32,
    /// Stretches without slices.
    pub gaps: Vec<Gap>,
    /// Highest minus lowest slice, mm.
    pub extent_mm: f64,
}

/// What is missing from a study that was analysed only in part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Missing {
    /// Vertebrae that no slice shows.
    Levels {
        /// Which.
        levels: Vec<Level>,
    },
    /// A stretch without slices, or one inside the neck where no vertebra was recognised and no fracture sought.
    Slices {
        /// Where.
        gap: Gap,
    },
    /// Fewer slices came than the header promised.
    Count {
        /// Promised by the header.
        expected: u32,
        /// Arrived.
        arrived: u32,
    },
    /// Slices that could not be read or not be analysed.
    Unreadable {
        /// How many.
        slices: u32,
    },
    /// More slices are still expected. Only in a provisional assessment.
    Receiving,
    /// The series was still arriving when `series_limit_secs` had passed.
    TimeLimit,
    /// The fracture detector could not run.
    Detector {
        /// Why, in one line.
        reason: String,
    },
}

/// The four ways in which a series ends. Nothing is silently clear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// A fracture is suspected: review first.
    Suspected,
    /// All seven vertebrae were analysed, and none is suspected. Not a clearance.
    NoneSuspected,
    /// Analysed in part, none suspected in that part.
    PartlyAnalysed {
        /// What is missing; never empty. Written once, as [`Assessment::missing`].
        #[serde(skip)]
        missing: Vec<Missing>,
    },
    /// Not analysed.
    NotAnalysed {
        /// Why: one line that a technologist can act on.
        why: String,
    },
}

impl Verdict {
    /// The word on the wire: `suspected`, `none_suspected`, `partly_analysed`, `not_analysed`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::NoneSuspected => "none_suspected",
            Self::PartlyAnalysed { .. } => "partly_analysed",
            Self::NotAnalysed { .. } => "not_analysed",
        }
    }

    /// IEC 60601-1-8's three: high for a suspicion, medium for what was not looked at, low otherwise.
    pub const fn priority(&self) -> Priority {
        match self {
            Self::Suspected => Priority::High,
            Self::PartlyAnalysed { .. } | Self::NotAnalysed { .. } => Priority::Medium,
            Self::NoneSuspected => Priority::Low,
        }
    }
}

/// How urgently a person should look. Never lowered below what the study had before it came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Information.
    Low,
    /// Partly or not analysed.
    Medium,
    /// Suspected finding.
    High,
}

/// The result of triage for one series at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Assessment {
    /// One of the four.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// True while slices still arrive: the final assessment confirms or revises it.
    pub provisional: bool,
    /// Which rule ended the series.
    pub completeness: Completeness,
    /// Suspected findings, highest score first. Also filled when the verdict is `Suspected` on a partly seen neck.
    pub findings: Vec<Finding>,
    /// Fracture score of C1 to C7, 0 to 1; 0 where nothing was seen.
    pub vertebrae: [f32; 7],
    /// What was seen.
    pub coverage: Coverage,
    /// What was missing, also when the verdict is `Suspected`.
    pub missing: Vec<Missing>,
}

/// [`Assessment`] as it is read back: what is missing stands in it once.
#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    verdict: Verdict,
    provisional: bool,
    completeness: Completeness,
    findings: Vec<Finding>,
    vertebrae: [f32; 7],
    coverage: Coverage,
    missing: Vec<Missing>,
}

impl From<Written> for Assessment {
    fn from(written: Written) -> Self {
        let Written { verdict, provisional, completeness, findings, vertebrae, coverage, missing } = written;
        let verdict = match verdict {
            Verdict::PartlyAnalysed { .. } => Verdict::PartlyAnalysed { missing: missing.clone() },
            other => other,
        };
        Self { verdict, provisional, completeness, findings, vertebrae, coverage, missing }
    }
}
