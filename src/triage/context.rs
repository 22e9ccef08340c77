//! What triage must know besides the evidence: how the series stands, and where the models' thresholds lie.

use serde::{Deserialize, Serialize};

use super::{Completeness, Gap};

/// The operating point that the model packages were calibrated at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Classifier: probability from which C1 to C7 counts as shown, each 0 to 1.
    pub thresholds: [f32; 7],
    /// Classifier: the detector runs where any probability reaches this, 0 to 1.
    pub gate: f32,
    /// Detector: boxes with a lower score are dropped, 0 to 1.
    pub score: f32,
    /// Detector: finding score from which a study is suspected, 0 to 1.
    pub finding_score: f32,
}

impl OperatingPoint {
    /// Of a device without models: no threshold is ever reached.
    pub const NONE: Self = Self { thresholds: [1.0; 7], gate: 1.0, score: 1.0, finding_score: 1.0 };
}

/// How the series stands at the moment of the assessment, as `study`, `dicom` and `inference` know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesContext {
    /// Why the series counts as finished, or that it does not yet.
    pub completeness: Completeness,
    /// Distance between neighbouring slices in mm as `study` measured it; estimated from the evidence when absent.
    pub spacing_mm: Option<f64>,
    /// Slices of the series that arrived, analysed or not.
    pub slices_arrived: u32,
    /// Slices that the header promised.
    pub slices_expected: Option<u32>,
    /// Files that belong to the series and could not be read.
    pub slices_unreadable: u32,
    /// Stretches without slices.
    pub gaps: Vec<Gap>,
    /// Why nothing could be analysed (no model, not a CT of the neck ...): one line that a technologist can act on.
    /// Used when there is no evidence at all.
    pub not_analysed: Option<String>,
    /// Why the fracture detector could not run, in one line; absent when it ran.
    pub detector_missing: Option<String>,
}

impl SeriesContext {
    /// A series of `slices` slices that all arrived and nothing is missing from; a start to deviate from.
    pub const fn complete(slices: u32) -> Self {
        Self {
            completeness: Completeness::Quiet,
            spacing_mm: None,
            slices_arrived: slices,
            slices_expected: None,
            slices_unreadable: 0,
            gaps: Vec::new(),
            not_analysed: None,
            detector_missing: None,
        }
    }
}
