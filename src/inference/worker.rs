//! The two networks together on one thread: a prepared slice with its neighbours in, evidence with timings out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dicom::Slice;
use crate::inference::{DetectorPoint, EngineError, Loaded, Manifest, Model, yolo};
use crate::preprocess::{Plane, PlaneError, SlicePosition, View, image_tensor, metadata, plane};
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
    classifier: Seen,
    detector: Option<Seen>,
    /// All of the slice, where the larger input shows a part only.
    whole: Option<Plane>,
}

/// A network's input, and what it shows of the slice.
#[derive(Clone, Debug)]
struct Seen {
    plane: Plane,
    view: View,
}

impl Seen {
    fn of(slice: &Slice, manifest: &Manifest) -> Result<Self, PlaneError> {
        let (header, recipe) = (&slice.header, &manifest.preprocessing);
        let view = View::of([header.rows, header.columns], header.pixel_spacing, recipe);
        Ok(Self { plane: plane(slice, view, recipe, manifest.input.size())?, view })
    }
}

impl PreparedSlice {
    /// A slice without a picture, for tests of what happens around the networks.
    #[cfg(test)]
    pub(crate) fn blank(slice_key: &str, z_mm: f64) -> Self {
        let plane = Plane { size: 1, pixels: vec![0] };
        Self {
            slice_key: slice_key.into(),
            instance_number: None,
            z_mm,
            matrix: [512, 512],
            burned_in_annotation: false,
            classifier: Seen { plane, view: View::whole([512, 512]) },
            detector: None,
            whole: None,
        }
    }

    /// All of the slice as a grey picture in the networks' window, for screen and key image, as large as the larger of the
    /// two inputs.
    pub const fn picture(&self) -> &Plane {
        match (&self.whole, &self.detector) {
            (Some(whole), _) => whole,
            (None, Some(seen)) if seen.plane.size > self.classifier.plane.size => &seen.plane,
            _ => &self.classifier.plane,
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
        let matrix = [slice.header.rows, slice.header.columns];
        let larger = detector.filter(|other| other.input.size() > classifier.input.size()).unwrap_or(classifier);
        let all = View::whole(matrix);
        let classifier = Seen::of(slice, classifier)?;
        let detector = detector.map(|manifest| Seen::of(slice, manifest)).transpose()?;
        let is_part = View::of(matrix, slice.header.pixel_spacing, &larger.preprocessing) != all;
        let whole = is_part.then(|| plane(slice, all, &larger.preprocessing, larger.input.size())).transpose()?;
        Ok(Self {
            slice_key,
            instance_number: slice.header.instance_number,
            z_mm: slice.header.position_along_normal(),
            matrix,
            burned_in_annotation: slice.burned_in_annotation,
            classifier,
            detector,
            whole,
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
        let output = self.classifier.run(input, |slice| Some(&slice.classifier.plane))?;
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
        let Some(view) = input.this.detector.as_ref().map(|seen| seen.view) else { return Err(foreign()) };
        let output = net.run(input, |slice| slice.detector.as_ref().map(|seen| &seen.plane))?;
        let boxes = net.manifest.output.shape.last().copied().unwrap_or(0);
        Ok(yolo::decode(&output, boxes, net.manifest.input.size(), view, point))
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
            return Err(foreign());
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

fn foreign() -> EngineError {
    EngineError::Run("slice was prepared for other models".to_owned())
}

impl From<Loaded> for Net {
    fn from(loaded: Loaded) -> Self {
        Self { manifest: loaded.manifest, model: loaded.model }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::dicom::{SliceHeader, Uid};
    use crate::inference::manifest::tests::{CLASSIFIER, detector};

    /// Bone within 215 mm of a field of 430 mm, air around it.
    fn wide() -> Slice {
        let header = SliceHeader {
            study_instance_uid: Uid::new("1.2"),
            series_instance_uid: Uid::new("1.2.3"),
            sop_instance_uid: Uid::new("1.2.3.4"),
            frame: 0,
            rows: 512,
            columns: 512,
            pixel_spacing: [430.0 / 512.0; 2],
            image_position_patient: [0.0; 3],
            image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            slice_thickness: None,
            instance_number: None,
            expected_slices: None,
            image_type: Vec::new(),
        };
        let middle = 128..384;
        let value = |n: usize| if middle.contains(&(n / 512)) && middle.contains(&(n % 512)) { 1300 } else { -1000 };
        Slice { header, hounsfield: (0..512 * 512).map(value).collect(), burned_in_annotation: false }
    }

    #[test]
    fn of_a_wide_slice_the_networks_see_the_middle_and_people_all() {
        let limited = |text: &str| Manifest::parse(&text.replace("std = 0.25", "std = 0.25\nwidest_field_mm = 215"));
        let (classifier, detector) = (limited(CLASSIFIER).unwrap(), limited(&detector()).unwrap());
        let prepared = PreparedSlice::new(&wide(), String::new(), &classifier, Some(&detector)).unwrap();
        let seen = prepared.detector.as_ref().unwrap();
        assert_eq!(seen.view, View { row: 128, column: 128, rows: 256, columns: 256 });
        assert!(prepared.classifier.plane.pixels.iter().chain(&seen.plane.pixels).all(|&value| value == 255));
        let picture = prepared.picture();
        assert_eq!((picture.size, picture.pixels[0], picture.pixels[128 * 256 + 128]), (256, 0, 255));
        assert_eq!(picture.pixels.iter().filter(|&&value| value == 255).count(), 128 * 128);
    }

    #[test]
    fn a_slice_that_is_seen_as_a_whole_is_kept_once() {
        let (classifier, detector) = (Manifest::parse(CLASSIFIER).unwrap(), Manifest::parse(&detector()).unwrap());
        let prepared = PreparedSlice::new(&wide(), String::new(), &classifier, Some(&detector)).unwrap();
        assert!(prepared.whole.is_none());
        assert_eq!(prepared.picture(), &prepared.detector.as_ref().unwrap().plane);
    }
}
