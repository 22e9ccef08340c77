//! From a folder of packages to the two networks in use; what is missing is said in words.
//!
//! Hands out prepared slices and workers; the work itself is in `worker`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::dicom::Slice;
use crate::inference::selftest::load_all;
use crate::inference::{
    ClassifierPoint, DetectorPoint, Engine, Head, Kind, Loaded, Manifest, ModelSummary, PreparedSlice, Refusal,
    TrustedKeys, Worker,
};
use crate::preprocess::PlaneError;
use crate::triage::OperatingPoint;

/// Which packages to use, where a folder holds several of one kind; by the name in the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The vertebra classifier.
    pub classifier: Option<String>,
    /// The fracture detector.
    pub detector: Option<String>,
}

/// Why this device does not analyse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no vertebra classifier to analyse with: {why}")]
pub struct AnalyserError {
    /// Every reason in one line.
    pub why: String,
    /// The packages that were refused.
    pub refused: Vec<Refusal>,
}

/// The networks in use. Shared by all threads; each works with its own [`Worker`].
pub struct Analyser {
    prototype: Mutex<Worker>,
    classifier: (Arc<Manifest>, ClassifierPoint),
    detector: Option<(Arc<Manifest>, DetectorPoint)>,
    detector_missing: Option<String>,
    models: Vec<ModelSummary>,
    refused: Vec<Refusal>,
}

impl Analyser {
    /// Verifies, prepares and proves the packages of a folder, and takes one classifier and one detector from them.
    ///
    /// # Errors
    /// When there is no usable classifier: the device does not analyse.
    pub fn open(
        models_dir: &Path,
        choice: &Choice,
        keys: &TrustedKeys,
        engine: &dyn Engine,
    ) -> Result<Self, AnalyserError> {
        let mut loaded = Vec::new();
        let mut refused = Vec::new();
        for outcome in load_all(models_dir, keys, engine) {
            match outcome {
                Ok(model) => loaded.push(model),
                Err(refusal) => refused.push(refusal),
            }
        }
        Self::assemble(loaded, refused, choice)
    }

    /// Takes one classifier and one detector from models that were loaded before.
    ///
    /// Without a detector the analyser still tells which vertebrae are seen; see [`Analyser::detector_missing`].
    ///
    /// # Errors
    /// When there is no usable classifier, or several and no choice.
    pub fn assemble(mut loaded: Vec<Loaded>, refused: Vec<Refusal>, choice: &Choice) -> Result<Self, AnalyserError> {
        let classifier = take(&mut loaded, Kind::VertebraClassifier, Head::classifier, &choice.classifier, &refused);
        let detector = take(&mut loaded, Kind::FractureDetector, Head::detector, &choice.detector, &refused);
        let (classifier, point) = match classifier {
            Ok(picked) => picked,
            Err(why) => return Err(AnalyserError { why, refused }),
        };
        let (detector, detector_missing) = match detector {
            Ok((model, point)) => (Some((model, point)), None),
            Err(why) => (None, Some(why)),
        };
        let models = std::iter::once(&classifier).chain(detector.iter().map(|(model, _)| model));
        Ok(Self {
            models: models.map(|model| model.summary.clone()).collect(),
            classifier: (classifier.manifest.clone(), point),
            detector: detector.as_ref().map(|(model, point)| (model.manifest.clone(), *point)),
            detector_missing,
            refused,
            prototype: Mutex::new(Worker::new(classifier, point.gate, detector)),
        })
    }

    /// Windows and resizes a slice for both networks; afterwards its Hounsfield units can be dropped.
    ///
    /// # Errors
    /// When the slice's pixels do not match its header.
    pub fn prepare(&self, slice: &Slice, slice_key: String) -> Result<PreparedSlice, PlaneError> {
        PreparedSlice::new(
            slice,
            slice_key,
            &self.classifier.0,
            self.detector.as_ref().map(|(manifest, _)| &**manifest),
        )
    }

    /// Hands out boxes down to a score far below the operating point, for a curve of precision against recall. Triage
    /// goes by the operating point as before.
    #[must_use]
    pub fn with_faint_boxes(self, score: f32) -> Self {
        self.prototype.lock().unwrap_or_else(PoisonError::into_inner).lower_score(score);
        self
    }

    /// The networks with working memory for one more thread.
    pub fn worker(&self) -> Worker {
        self.prototype.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }

    /// Where the classifier's probabilities are cut.
    pub const fn classifier_point(&self) -> ClassifierPoint {
        self.classifier.1
    }

    /// Where the detector's scores are cut; `None` without a detector.
    pub fn detector_point(&self) -> Option<DetectorPoint> {
        self.detector.as_ref().map(|(_, point)| *point)
    }

    /// Thresholds of both networks, for triage. Without a detector its thresholds cannot be reached.
    pub fn operating_point(&self) -> OperatingPoint {
        let classifier = self.classifier_point();
        let detector = self.detector_point();
        OperatingPoint {
            thresholds: classifier.thresholds,
            gate: classifier.gate,
            score: detector.map_or(1.0, |point| point.score),
            finding_score: detector.map_or(1.0, |point| point.finding_score),
        }
    }

    /// Why there is no detector: no study may then be reported as free of suspicion. `None` when there is one.
    pub fn detector_missing(&self) -> Option<&str> {
        self.detector_missing.as_deref()
    }

    /// The models in use.
    pub fn models(&self) -> &[ModelSummary] {
        &self.models
    }

    /// One of the models at least was trained on a phantom only.
    pub fn is_phantom_trained(&self) -> bool {
        self.models.iter().any(|model| model.phantom_trained)
    }

    /// The packages that were refused.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }
}

/// Takes the one model of a kind, or the chosen one, with its operating point; otherwise says why there is none.
fn take<P>(
    loaded: &mut Vec<Loaded>,
    kind: Kind,
    point: impl Fn(&Head) -> Option<P>,
    choice: &Option<String>,
    refused: &[Refusal],
) -> Result<(Loaded, P), String> {
    let chosen = |model: &Loaded| choice.as_ref().is_none_or(|name| *name == model.manifest.name);
    let mut found: Vec<(usize, P)> = loaded
        .iter()
        .enumerate()
        .filter(|(_, model)| chosen(model))
        .filter_map(|(index, model)| Some((index, point(&model.manifest.head)?)))
        .collect();
    let names = found.iter().map(|(index, _)| loaded[*index].manifest.name.as_str()).collect::<Vec<_>>().join(", ");
    match (found.pop(), found.is_empty()) {
        (Some((index, point)), true) => Ok((loaded.swap_remove(index), point)),
        (Some(_), false) => {
            Err(format!("several {} packages ({names}): keep one or name it in the configuration", kind.name()))
        }
        (None, _) => {
            let named = choice.as_ref().map(|name| format!(" named {name}")).unwrap_or_default();
            let reasons: String = refused.iter().map(|refusal| format!("; refused: {}", refusal.why)).collect();
            Err(format!("no {} package{named} is usable{reasons}", kind.name()))
        }
    }
}
