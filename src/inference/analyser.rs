//! The two networks together: a prepared slice with its neighbours in, evidence with timings out.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::dicom::Slice;
use crate::inference::selftest::load_all;
use crate::inference::{
    ClassifierPoint, DetectorPoint, Engine, EngineError, Head, Kind, Loaded, Manifest, Model, ModelSummary, Refusal,
    TrustedKeys, yolo,
};
use crate::preprocess::{Plane, PlaneError, SlicePosition, image_tensor, metadata, plane};
use crate::triage::{Evidence, FractureBox, OperatingPoint};

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

/// A slice as the networks need it; its Hounsfield units can be dropped.
#[derive(Clone, Debug)]
pub struct PreparedSlice {
    /// Keyed hash of SOPInstanceUID and frame.
    pub slice_key: String,
    /// InstanceNumber, where the header has one.
    pub instance_number: Option<i32>,
    /// Position along the series normal in mm, growing towards the head.
    pub z_mm: f64,
    /// Rows and columns as stored.
    pub matrix: [u16; 2],
    classifier: Plane,
    detector: Option<Plane>,
}

impl PreparedSlice {
    /// The slice as a grey picture in the networks' window, for screen and key image: the larger of the two inputs.
    pub const fn picture(&self) -> &Plane {
        match &self.detector {
            Some(plane) if plane.size > self.classifier.size => plane,
            _ => &self.classifier,
        }
    }
}

/// A slice to analyse, with the slices beside it.
#[derive(Clone, Debug)]
pub struct SliceInput {
    /// The next slice towards the head; the slice itself stands in where there is none.
    pub above: Option<Arc<PreparedSlice>>,
    /// The slice.
    pub this: Arc<PreparedSlice>,
    /// The next slice towards the feet; the slice itself stands in where there is none.
    pub below: Option<Arc<PreparedSlice>>,
    /// 0 at the head end to 1 at the foot end of the series; `None` while slices still arrive.
    pub slice_ratio: Option<f32>,
}

/// How long the networks took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// The vertebra classifier.
    pub classifier: Duration,
    /// The fracture detector; `None` where no vertebra was seen or there is no detector.
    pub detector: Option<Duration>,
}

/// What the networks say of a slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// For triage.
    pub evidence: Evidence,
    /// For the payload.
    pub timings: Timings,
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

/// The networks with the working memory of one thread.
pub struct Worker {
    classifier: Net,
    gate: f32,
    detector: Option<(Net, DetectorPoint)>,
}

struct Net {
    manifest: Arc<Manifest>,
    model: Box<dyn Model>,
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
            prototype: Mutex::new(Worker {
                classifier: classifier.into(),
                gate: point.gate,
                detector: detector.map(|(model, point)| (model.into(), point)),
            }),
        })
    }

    /// Windows and resizes a slice for both networks; afterwards its Hounsfield units can be dropped.
    ///
    /// # Errors
    /// When the slice's pixels do not match its header.
    pub fn prepare(&self, slice: &Slice, slice_key: String) -> Result<PreparedSlice, PlaneError> {
        let plane_for = |manifest: &Manifest| plane(slice, &manifest.preprocessing, manifest.input.size());
        Ok(PreparedSlice {
            slice_key,
            instance_number: slice.header.instance_number,
            z_mm: slice.header.position_along_normal(),
            matrix: [slice.header.rows, slice.header.columns],
            classifier: plane_for(&self.classifier.0)?,
            detector: self.detector.as_ref().map(|(manifest, _)| plane_for(manifest)).transpose()?,
        })
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

    /// The packages that were refused.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }
}

impl Worker {
    /// Runs the classifier, and the detector where a vertebra may be seen.
    ///
    /// # Errors
    /// When a network fails or gives what no output can be; the slice then counts as not analysed.
    pub fn analyse(&mut self, input: &SliceInput) -> Result<Analysis, EngineError> {
        let started = Instant::now();
        let vertebrae = self.vertebrae(input)?;
        let classifier = started.elapsed();
        let mut boxes = Vec::new();
        let mut detector = None;
        if vertebrae.iter().any(|&probability| probability >= self.gate) && self.detector.is_some() {
            let started = Instant::now();
            boxes = self.boxes(input)?;
            detector = Some(started.elapsed());
        }
        let PreparedSlice { slice_key, instance_number, z_mm, matrix, .. } = &*input.this;
        Ok(Analysis {
            evidence: Evidence {
                slice_key: slice_key.clone(),
                instance_number: *instance_number,
                z_mm: *z_mm,
                matrix: *matrix,
                vertebrae,
                boxes,
            },
            timings: Timings { classifier, detector },
        })
    }

    fn vertebrae(&mut self, input: &SliceInput) -> Result<[f32; 7], EngineError> {
        let output = self.classifier.run(input, |slice| Some(&slice.classifier))?;
        let seven = <[f32; 7]>::try_from(output)
            .map_err(|output| EngineError::Output(format!("{} values instead of 7", output.len())))?;
        // integer kernels may overshoot a sigmoid by a rounding step, never by more
        match seven.iter().find(|p| !(-0.01..=1.01).contains(*p)) {
            Some(p) => Err(EngineError::Output(format!("{p} as a probability"))),
            None => Ok(seven.map(|p| p.clamp(0.0, 1.0))),
        }
    }

    fn boxes(&mut self, input: &SliceInput) -> Result<Vec<FractureBox>, EngineError> {
        let Some((net, point)) = &mut self.detector else { return Ok(Vec::new()) };
        let output = net.run(input, |slice| slice.detector.as_ref())?;
        let boxes = net.manifest.output.shape.last().copied().unwrap_or(0);
        Ok(yolo::decode(&output, boxes, net.manifest.input.size(), input.this.matrix, point))
    }

    fn fork(&self) -> Self {
        Self {
            classifier: self.classifier.fork(),
            gate: self.gate,
            detector: self.detector.as_ref().map(|(net, point)| (net.fork(), *point)),
        }
    }
}

impl Net {
    /// Runs on the planes that `select` takes from the slice and its neighbours.
    fn run(
        &mut self,
        input: &SliceInput,
        select: impl Fn(&PreparedSlice) -> Option<&Plane>,
    ) -> Result<Vec<f32>, EngineError> {
        let Manifest { input: image, metadata: beside, preprocessing, .. } = &*self.manifest;
        let this = &input.this;
        let neighbours = [input.above.as_ref().unwrap_or(this), this, input.below.as_ref().unwrap_or(this)];
        let [Some(above), Some(middle), Some(below)] = neighbours.map(|slice| select(slice)) else {
            return Err(EngineError::Run("slice was prepared for other models".to_owned()));
        };
        if !this.z_mm.is_finite() || !input.slice_ratio.is_none_or(f32::is_finite) {
            // a sigmoid in the engine may turn a NaN into a probability, so it must not get so far
            return Err(EngineError::Run("position of the slice is not a number".to_owned()));
        }
        let position = SlicePosition { z_mm: this.z_mm, slice_ratio: input.slice_ratio };
        let tensor = image_tensor([above, middle, below], preprocessing, image.channels());
        let numbers = beside.as_ref().map(|input| metadata(&input.fields, position));
        self.model.run(&tensor, numbers.as_deref())
    }

    fn fork(&self) -> Self {
        Self { manifest: self.manifest.clone(), model: self.model.fork() }
    }
}

impl From<Loaded> for Net {
    fn from(loaded: Loaded) -> Self {
        Self { manifest: loaded.manifest, model: loaded.model }
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
