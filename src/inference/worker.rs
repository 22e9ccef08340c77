//! The two networks together on one thread: a prepared slice with its neighbours in, evidence with timings out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dicom::Slice;
use crate::inference::{DetectorPoint, EngineError, Loaded, Manifest, Model, yolo};
use crate::preprocess::{Plane, PlaneError, SlicePosition, image_tensor, metadata, plane};
use crate::triage::{Evidence, FractureBox};

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
    /// Text is part of the picture: it must not leave the device.
    pub burned_in_annotation: bool,
    classifier: Plane,
    detector: Option<Plane>,
}

impl PreparedSlice {
    /// A slice without a picture, for tests of what happens around the networks.
    #[cfg(test)]
    pub(crate) fn blank(slice_key: &str, z_mm: f64) -> Self {
        let classifier = Plane { size: 1, pixels: vec![0] };
        Self {
            slice_key: slice_key.into(),
            instance_number: None,
            z_mm,
            matrix: [512, 512],
            burned_in_annotation: false,
            classifier,
            detector: None,
        }
    }

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

impl PreparedSlice {
    pub(super) fn new(
        slice: &Slice,
        slice_key: String,
        classifier: &Manifest,
        detector: Option<&Manifest>,
    ) -> Result<Self, PlaneError> {
        let plane_for = |manifest: &Manifest| plane(slice, &manifest.preprocessing, manifest.input.size());
        Ok(Self {
            slice_key,
            instance_number: slice.header.instance_number,
            z_mm: slice.header.position_along_normal(),
            matrix: [slice.header.rows, slice.header.columns],
            burned_in_annotation: slice.burned_in_annotation,
            classifier: plane_for(classifier)?,
            detector: detector.map(plane_for).transpose()?,
        })
    }
}

impl Worker {
    pub(super) fn new(classifier: Loaded, gate: f32, detector: Option<(Loaded, DetectorPoint)>) -> Self {
        Self { classifier: classifier.into(), gate, detector: detector.map(|(model, point)| (model.into(), point)) }
    }

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

    /// Boxes are handed out from this score on.
    pub(super) fn lower_score(&mut self, score: f32) {
        if let Some((_, point)) = &mut self.detector {
            point.score = point.score.min(score);
        }
    }

    /// The same networks for another thread.
    pub(super) fn fork(&self) -> Self {
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
