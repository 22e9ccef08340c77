//! Golden cases: inputs with the outputs that the network gave where it was made. An engine that computes something
//! else (a fused operator gone wrong, another rounding, a broken accelerator) is noticed before it sees a patient.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::inference::npy::{self, Element};
use crate::inference::{EngineError, Fault, Head, LinearHead, Manifest, Model, Package};

/// One input with its expected output.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenCase {
    /// Channels x rows x columns before normalisation.
    pub image: Vec<u8>,
    /// The numbers beside the image, where the network takes them.
    pub metadata: Option<Vec<f32>>,
    /// The output where the network was made.
    pub expected: Vec<f32>,
}

/// What a run of all golden cases gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GoldenReport {
    /// Number of cases.
    pub cases: usize,
    /// Largest difference of an output, in the unit of `tolerance`.
    pub max_difference: f32,
    /// Largest difference allowed.
    pub tolerance: f32,
    /// Mean time of a case.
    pub per_case: Duration,
}

/// A golden case that does not hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GoldenFault {
    /// The output is another one.
    #[error(
        "golden case {case} differs by {difference:.4}, more than {tolerance}: this engine computes another network; \
         do not use it here"
    )]
    Different {
        /// Counted from 0.
        case: usize,
        /// Largest difference of an output.
        difference: f32,
        /// Largest difference allowed.
        tolerance: f32,
    },
    /// The engine failed.
    #[error("golden case {case}: {error}")]
    Engine {
        /// Counted from 0.
        case: usize,
        /// Why.
        error: EngineError,
    },
}

impl GoldenCase {
    /// Reads the cases that the manifest names, and sees to it that they can prove something.
    pub(super) fn read_all(files: &BTreeMap<String, Vec<u8>>, manifest: &Manifest) -> Result<Vec<Self>, Fault> {
        let cases: Vec<Self> =
            (0..manifest.golden.cases).map(|case| Self::read(files, manifest, case)).collect::<Result<_, _>>()?;
        if tell_apart(&cases, manifest) {
            return Ok(cases);
        }
        let why = match manifest.head {
            Head::Classifier(_) => "never expect a vertebra that is shown and one that is not",
            Head::Detector(_) => "never expect a box that reaches [operating_point] score",
            Head::Fractures(_) => "never expect a vertebra that is fractured and one that is not",
        };
        Err(Fault::Golden { file: "golden/".to_owned(), why: format!("{why}, so they prove nothing") })
    }

    fn read(files: &BTreeMap<String, Vec<u8>>, manifest: &Manifest, case: usize) -> Result<Self, Fault> {
        let metadata = manifest.metadata.as_ref();
        Ok(Self {
            image: array(files, case, "image", &manifest.input.shape)?,
            metadata: metadata.map(|input| array(files, case, "metadata", &input.shape)).transpose()?,
            expected: array(files, case, "expected", &manifest.output.shape)?,
        })
    }
}

/// `golden/<case>/<name>.npy`; a leading dimension of 1 may be left out.
fn array<T: Element>(
    files: &BTreeMap<String, Vec<u8>>,
    case: usize,
    name: &str,
    shape: &[usize],
) -> Result<Vec<T>, Fault> {
    let file = format!("golden/{case}/{name}.npy");
    let bytes = files.get(&file).ok_or_else(|| Fault::Missing(file.clone()))?;
    let unbatched = shape.strip_prefix(&[1]).unwrap_or(shape);
    npy::read(bytes, shape)
        .or_else(|why| npy::read(bytes, unbatched).map_err(|_| why))
        .map_err(|why| Fault::Golden { file, why })
}

/// Whether a network that always says the same would fail these cases.
fn tell_apart(cases: &[GoldenCase], manifest: &Manifest) -> bool {
    let thresholds = match &manifest.head {
        Head::Detector(point) => {
            return cases.iter().any(|case| best_scores(&case.expected, manifest).any(|score| score >= point.score));
        }
        Head::Classifier(point) => point.thresholds,
        Head::Fractures(point) => point.thresholds,
    };
    let said = || cases.iter().flat_map(|case| case.expected.iter().zip(thresholds).map(|(&p, t)| p >= t));
    said().any(|said| said) && said().any(|said| !said)
}

/// The best score of each of a detector's boxes.
fn best_scores<'a>(output: &'a [f32], manifest: &Manifest) -> impl Iterator<Item = f32> + use<'a> {
    let boxes = manifest.output.shape.last().copied().unwrap_or(0);
    let scores = output.get(4 * boxes..).unwrap_or(&[]);
    (0..boxes).map(move |n| scores.iter().skip(n).step_by(boxes).copied().fold(0.0, f32::max))
}

/// Runs every case.
pub(super) fn check(model: &mut dyn Model, package: &Package) -> Result<GoldenReport, GoldenFault> {
    let Package { manifest, golden: cases, last_layer, .. } = package;
    let tolerance = manifest.golden.tolerance;
    let mut report = GoldenReport { cases: cases.len(), max_difference: 0.0, tolerance, per_case: Duration::ZERO };
    for (number, case) in cases.iter().enumerate() {
        let image = manifest.preprocessing.normalised(&case.image);
        let started = Instant::now();
        let output =
            model.run(&image, case.metadata.as_deref()).map_err(|error| GoldenFault::Engine { case: number, error })?;
        report.per_case += started.elapsed();
        let difference = match last_layer {
            None => difference(manifest, &case.expected, &output),
            Some(head) => difference_with_features(manifest, head, &case.expected, &output),
        };
        if difference > tolerance {
            return Err(GoldenFault::Different { case: number, difference, tolerance });
        }
        report.max_difference = report.max_difference.max(difference);
    }
    report.per_case /= u32::try_from(cases.len().max(1)).unwrap_or(u32::MAX);
    Ok(report)
}

/// As [`difference`], and the last layer must find the same probabilities in the feature map: where a network gives a map
/// that does not lead to what it says, the heat drawn from it would show another network's mind.
fn difference_with_features(manifest: &Manifest, head: &LinearHead, expected: &[f32], output: &[f32]) -> f32 {
    let Some((said, features)) = output.split_at_checked(expected.len()) else { return f32::INFINITY };
    difference(manifest, expected, said).max(difference(manifest, expected, &head.probabilities(features)))
}

/// Largest difference of an output. Coordinates of a detector's box count as fractions of the input's size, and only
/// where the box reaches the score from which anybody reads it. What is not a number differs without limit.
fn difference(manifest: &Manifest, expected: &[f32], output: &[f32]) -> f32 {
    if expected.len() != output.len() {
        return f32::INFINITY;
    }
    let largest = |pairs: &mut dyn Iterator<Item = (&f32, &f32)>| {
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, |most, d| if d.is_nan() { f32::INFINITY } else { d.max(most) })
    };
    let Head::Detector(point) = &manifest.head else {
        return largest(&mut expected.iter().zip(output));
    };
    let boxes = manifest.output.shape.last().copied().unwrap_or(0);
    let scores = largest(&mut expected.iter().zip(output).skip(4 * boxes));
    let read: Vec<bool> = best_scores(expected, manifest)
        .zip(best_scores(output, manifest))
        .map(|(wanted, got)| wanted.max(got) >= point.score)
        .collect();
    let mut coordinates = expected.iter().zip(output).take(4 * boxes).zip(read.iter().cycle());
    let coordinates = largest(&mut coordinates.by_ref().filter(|(_, read)| **read).map(|(pair, _)| pair));
    scores.max(coordinates / manifest.input.size() as f32)
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod tests;
