//! Promises of the decoding: where boxes land, which survive, and that no output can break it.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const POINT: DetectorPoint = DetectorPoint { score: 0.25, nms_iou: 0.5, finding_score: 0.5 };

/// An output of one class from boxes of centre x, centre y, width, height, score.
fn output(boxes: &[[f32; 5]]) -> Vec<f32> {
    (0..5).flat_map(|row| boxes.iter().map(move |b| b[row])).collect()
}

fn decoded(boxes: &[[f32; 5]], matrix: [u16; 2]) -> Vec<FractureBox> {
    decode(&output(boxes), boxes.len(), 256, View::whole(matrix), &POINT)
}

#[test]
fn a_box_lands_on_the_pixels_of_the_slice() {
    // 512 rows, 768 columns: factors 2 and 3
    let found = decoded(&[[100.0, 50.0, 20.0, 10.0, 0.9]], [512, 768]);
    assert_eq!(found, [FractureBox { x: 270.0, y: 90.0, width: 60.0, height: 20.0, score: 0.9 }]);
}

#[test]
fn a_box_in_the_middle_of_a_wide_slice_lands_there() {
    let view = View { row: 100, column: 40, rows: 256, columns: 512 };
    let found = decode(&output(&[[100.0, 50.0, 20.0, 10.0, 0.9]]), 1, 256, view, &POINT);
    assert_eq!(found, [FractureBox { x: 220.0, y: 145.0, width: 40.0, height: 10.0, score: 0.9 }]);
}

#[test]
fn a_box_below_the_score_is_dropped_and_one_at_it_is_kept() {
    let found = decoded(&[[50.0, 50.0, 20.0, 10.0, 0.249], [150.0, 50.0, 20.0, 10.0, 0.25]], [256, 256]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].x, 140.0);
}

#[test]
fn of_two_boxes_on_one_place_the_better_stays() {
    let found = decoded(
        &[[50.0, 50.0, 20.0, 20.0, 0.6], [52.0, 50.0, 20.0, 20.0, 0.8], [90.0, 50.0, 20.0, 20.0, 0.7]],
        [256, 256],
    );
    assert_eq!(found.iter().map(|b| b.score).collect::<Vec<_>>(), [0.8, 0.7]);
}

#[test]
fn a_box_is_clipped_to_the_image_and_one_outside_is_dropped() {
    let found = decoded(&[[0.0, 250.0, 40.0, 40.0, 0.9], [400.0, 400.0, 40.0, 40.0, 0.9]], [256, 256]);
    assert_eq!(found, [FractureBox { x: 0.0, y: 230.0, width: 20.0, height: 26.0, score: 0.9 }]);
}

#[test]
fn of_several_classes_the_best_score_counts() {
    let rows = [[50.0], [50.0], [20.0], [20.0], [0.1], [0.7], [0.3]].concat();
    assert_eq!(decode(&rows, 1, 256, View::whole([256, 256]), &POINT)[0].score, 0.7);
}

#[test]
fn an_output_full_of_boxes_gives_the_best_sixteen() {
    let many: Vec<[f32; 5]> = (0..64_u8)
        .map(|n| {
            [f32::from(n % 8) * 30.0 + 15.0, f32::from(n / 8) * 30.0 + 15.0, 20.0, 20.0, 0.3 + f32::from(n) / 100.0]
        })
        .collect();
    let found = decoded(&many, [256, 256]);
    assert_eq!(found.len(), MAX_BOXES);
    assert_eq!(found[0].score, 0.93);
    assert_eq!(found[15].score, 0.78);
}

fn any_box() -> impl Strategy<Value = [f32; 5]> {
    [-50.0_f32..300.0, -50.0_f32..300.0, -20.0_f32..150.0, -20.0_f32..150.0, 0.0_f32..1.0]
}

fn candidate() -> impl Strategy<Value = Candidate> {
    [-50.0_f32..300.0, -50.0_f32..300.0, 0.1_f32..150.0, 0.1_f32..150.0].prop_map(|[left, top, width, height]| {
        Candidate { left, top, right: left + width, bottom: top + height, score: 0.5 }
    })
}

proptest! {
    #[test]
    fn every_box_is_good_inside_and_in_order(boxes in proptest::collection::vec(any_box(), 0..60)) {
        let found = decoded(&boxes, [512, 519]);
        prop_assert!(found.len() <= MAX_BOXES);
        prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        for b in &found {
            prop_assert!(b.score >= POINT.score && b.score <= 1.0);
            prop_assert!(b.width > 0.0 && b.height > 0.0 && b.x >= 0.0 && b.y >= 0.0);
            prop_assert!(b.x + b.width <= 519.01 && b.y + b.height <= 512.01, "{b:?}");
        }
    }

    #[test]
    fn what_is_kept_does_not_overlap_and_what_is_dropped_does(boxes in proptest::collection::vec(any_box(), 0..40)) {
        let mut all: Vec<Candidate> = candidates(&output(&boxes), boxes.len(), POINT.score);
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        let kept = suppressed(all.iter().copied(), POINT.nms_iou);
        for (i, a) in kept.iter().enumerate() {
            prop_assert!(kept[i + 1..].iter().all(|b| a.iou(b) <= POINT.nms_iou));
        }
        if !kept.is_full() {
            for dropped in all.iter().filter(|c| !kept.contains(c)) {
                prop_assert!(kept.iter().any(|k| k.score >= dropped.score && k.iou(dropped) > POINT.nms_iou));
            }
        }
    }

    #[test]
    fn overlap_is_symmetric_and_whole_with_itself(a in candidate(), b in candidate()) {
        prop_assert!((a.iou(&b) - b.iou(&a)).abs() < 1e-6);
        prop_assert!((0.0..=1.0001).contains(&a.iou(&b)));
        prop_assert!((a.iou(&a) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn no_output_breaks_the_decoding(values in proptest::collection::vec(any::<f32>(), 0..200), boxes in 0_usize..50) {
        let _ = decode(&values, boxes, 256, View::whole([512, 512]), &POINT);
    }
}
