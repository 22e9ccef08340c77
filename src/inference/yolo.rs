//! The output of a YOLOv8 detector, `1 x (4 + classes) x N` with scores after the sigmoid, to boxes in slice pixels.
//!
//! Layout: Ultralytics' default ONNX export; rows are centre x, centre y, width, height in input pixels, then one
//! score per class. All classes are suspected fractures, so the best score of a box is its score.

use crate::inference::DetectorPoint;
use crate::preprocess::View;
use crate::triage::FractureBox;

/// At most this many boxes of one slice are handed on, best first.
pub const MAX_BOXES: usize = 16;

/// A box in input pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
    pub score: f32,
}

impl Candidate {
    fn area(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// Intersection over union, 0 to 1.
    pub fn iou(&self, other: &Self) -> f32 {
        let width = (self.right.min(other.right) - self.left.max(other.left)).max(0.0);
        let height = (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0.0);
        let both = width * height;
        let either = self.area() + other.area() - both;
        if either > 0.0 { both / either } else { 0.0 }
    }

    /// The part inside a `size` x `size` image; `None` when nothing is left.
    fn clipped(self, size: f32) -> Option<Self> {
        let clip = |v: f32| v.clamp(0.0, size);
        let inside = Self {
            left: clip(self.left),
            top: clip(self.top),
            right: clip(self.right),
            bottom: clip(self.bottom),
            ..self
        };
        (inside.area() > 0.0).then_some(inside)
    }

    /// From the square input back to the pixels of the slice.
    fn in_slice(self, size: f32, view: View) -> FractureBox {
        let [x, y] = view.to_slice([self.left / size, self.top / size]);
        let [right, bottom] = view.to_slice([self.right / size, self.bottom / size]);
        FractureBox { x, y, width: right - x, height: bottom - y, score: self.score.min(1.0) }
    }
}

/// Boxes of one slice in its own pixels, best first, at most [`MAX_BOXES`].
///
/// `output` has `(4 + classes) * boxes` values, `size` is the width of the input, `view` what it shows of the slice.
pub(super) fn decode(output: &[f32], boxes: usize, size: usize, view: View, point: &DetectorPoint) -> Vec<FractureBox> {
    let size = size as f32;
    let mut found = candidates(output, boxes, point.score);
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let kept = suppressed(found.into_iter().filter_map(|candidate| candidate.clipped(size)), point.nms_iou);
    kept.iter().map(|candidate| candidate.in_slice(size, view)).collect()
}

/// Every box whose best score reaches `score`.
fn candidates(output: &[f32], boxes: usize, score: f32) -> Vec<Candidate> {
    let rows: Vec<&[f32]> = output.chunks_exact(boxes.max(1)).collect();
    let [x, y, width, height, scores @ ..] = rows.as_slice() else { return Vec::new() };
    (0..boxes)
        .filter_map(|n| {
            let best = scores.iter().map(|row| row[n]).fold(0.0, f32::max);
            (best >= score).then(|| Candidate {
                left: x[n] - width[n] / 2.0,
                top: y[n] - height[n] / 2.0,
                right: x[n] + width[n] / 2.0,
                bottom: y[n] + height[n] / 2.0,
                score: best,
            })
        })
        .collect()
}

/// Greedy non-maximum suppression over candidates that come best first; stops when the result is full.
fn suppressed(candidates: impl Iterator<Item = Candidate>, iou: f32) -> heapless::Vec<Candidate, MAX_BOXES> {
    let mut kept = heapless::Vec::new();
    for candidate in candidates {
        let covered = kept.iter().any(|better: &Candidate| better.iou(&candidate) > iou);
        if !covered && kept.push(candidate).is_err() {
            break;
        }
    }
    kept
}

#[cfg(test)]
#[path = "yolo_tests.rs"]
mod tests;
