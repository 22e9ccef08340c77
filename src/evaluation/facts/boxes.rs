//! How large the fracture boxes are, and where they lie: in pixels of a slice of 512 x 512. Pure.

use super::statistics::{mean, percentile, share};
use super::{Facts, Known};
use crate::evaluation::TrueBox;
use crate::evaluation::boxes::iou;
use crate::published;
use crate::triage::FractureBox;

/// Key, name, and 5th, 50th and 95th percentile as published.
const SIZES: [(&str, &str, [f64; 3]); 5] = [
    ("width", "width, px", published::BOX_WIDTH),
    ("height", "height, px", published::BOX_HEIGHT),
    ("centre_x", "centre x, px", published::BOX_CENTRE_X),
    ("centre_y", "centre y, px", published::BOX_CENTRE_Y),
    ("aspect", "width over height", published::BOX_ASPECT),
];

pub(super) fn add(facts: &mut Facts, studies: &[Known]) {
    facts.group = "fracture boxes, on 512 x 512";
    let boxes: Vec<TrueBox> = studies.iter().flat_map(scaled).collect();
    let measures: [fn(&TrueBox) -> f32; 5] =
        [|b| b.width, |b| b.height, |b| b.x + b.width / 2.0, |b| b.y + b.height / 2.0, |b| b.width / b.height];
    for ((key, name, sources), measure) in SIZES.into_iter().zip(measures) {
        let values: Vec<f64> = boxes.iter().map(|b| f64::from(measure(b))).collect();
        for (percent, source) in [5_u8, 50, 95].into_iter().zip(sources) {
            let value = percentile(&values, f64::from(percent));
            facts.add(&format!("boxes.{key}_p{percent}"), &format!("{name}, p{percent}"), Some(source), value);
        }
    }
    let boxed: Vec<&Known> = studies.iter().filter(|study| !study.truth.boxes.is_empty()).collect();
    let per_slice: Vec<f64> = boxed.iter().flat_map(|s| s.truth.boxes.values().map(|list| list.len() as f64)).collect();
    facts.add("boxes.per_slice", "boxes per boxed slice, mean", Some(published::BOXES_PER_SLICE), mean(&per_slice));
    let slices: Vec<f64> = boxed.iter().map(|study| study.truth.boxes.len() as f64).collect();
    facts.add(
        "boxes.slices_p50",
        "boxed slices per boxed study, median",
        Some(published::BOXED_SLICES),
        percentile(&slices, 50.0),
    );
    facts.add(
        "boxes.contiguous",
        "boxed studies without a gap between boxes",
        Some(published::BOXES_CONTIGUOUS),
        share(&boxed, is_contiguous),
    );
    facts.add(
        "boxes.constant_iou",
        "mean IoU of a constant median box",
        Some(published::CONSTANT_BOX_IOU),
        constant(&boxes),
    );
}

/// The boxes of a study, as if its slices were 512 x 512.
fn scaled(study: &Known) -> Vec<TrueBox> {
    let factor = |side: u16| 512.0 / f32::from(side.max(1));
    let (right, down) = study.scan.map_or((1.0, 1.0), |scan| (factor(scan.columns), factor(scan.rows)));
    let of = |b: &TrueBox| TrueBox { x: b.x * right, y: b.y * down, width: b.width * right, height: b.height * down };
    study.truth.boxes.values().flatten().map(of).collect()
}

fn is_contiguous(study: &&Known) -> bool {
    let numbers: Vec<u32> = study.truth.boxes.keys().copied().collect();
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// What a guess that knows only the median scores.
fn constant(boxes: &[TrueBox]) -> Option<f64> {
    let median =
        |of: fn(&TrueBox) -> f32| percentile(&boxes.iter().map(|b| f64::from(of(b))).collect::<Vec<_>>(), 50.0);
    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    let [x, y, width, height] =
        [median(|b| b.x)?, median(|b| b.y)?, median(|b| b.width)?, median(|b| b.height)?].map(|v| v as f32);
    let guess = FractureBox { x, y, width, height, score: 1.0 };
    mean(&boxes.iter().map(|b| iou(&guess, b)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::facts;
    use super::super::tests::{studies, value};

    #[test]
    fn boxes_are_measured_as_if_slices_were_512_by_512() {
        let facts = facts(&studies());
        assert_eq!((value(&facts, "boxes.width_p50"), value(&facts, "boxes.height_p95")), (Some(20.0), Some(10.0)));
        assert_eq!((value(&facts, "boxes.centre_x_p5"), value(&facts, "boxes.aspect_p50")), (Some(110.0), Some(2.0)));
        assert_eq!((value(&facts, "boxes.per_slice"), value(&facts, "boxes.slices_p50")), (Some(1.0), Some(2.0)));
        assert_eq!(value(&facts, "boxes.contiguous"), Some(0.5), "slices 2 and 3, not 1 and 4");
        assert_eq!(value(&facts, "boxes.constant_iou"), Some(1.0), "all are alike");
    }
}
