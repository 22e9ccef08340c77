//! Figures of the fracture detector per box, as the COCO evaluation defines them (`pycocotools`): average precision over 101
//! recall points at IoU 0.5, and its mean over 0.50 to 0.95; one class, all sizes, best box first.

use super::ranked::Ranked;
use super::vertebrae::ratio;
use super::{StudyResult, TrueBox};
use crate::triage::FractureBox;

/// IoU thresholds 0.50, 0.55 ... 0.95.
const THRESHOLDS: usize = 10;
/// Boxes of one slice that count, best first.
const MOST_BOXES: usize = 100;

/// A threshold to the last bit as NumPy's `linspace` gives it to `pycocotools`: an IoU of exactly 0.6 decides.
fn threshold(t: usize) -> f64 {
    if t + 1 == THRESHOLDS { 0.95 } else { 0.5 + (0.95 - 0.5) / 9.0 * t as f64 }
}

/// A found box, and at which of the thresholds it meets a fracture.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    score: f32,
    /// Bit `t` for threshold `t`.
    hits: u16,
    /// Its slice shows a fracture.
    slice_is_fractured: bool,
}

/// The boxes of one study.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Boxes {
    found: Vec<Found>,
    there: u32,
}

impl Boxes {
    /// Of all slices, where the boxes are known.
    pub fn of(study: &StudyResult) -> Self {
        let mut boxes = Self::default();
        if study.boxes_known {
            for slice in &study.slices {
                boxes.there += u32::try_from(slice.true_boxes.len()).unwrap_or(u32::MAX);
                boxes.found.extend(matched(&slice.boxes, &slice.true_boxes));
            }
        }
        boxes
    }
}

/// Each fracture is met once at most, by the best-scored box that overlaps it enough; a box takes the fracture that it
/// overlaps most of those still free.
fn matched(found: &[FractureBox], truth: &[TrueBox]) -> Vec<Found> {
    let mut order: Vec<&FractureBox> = found.iter().collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    order.truncate(MOST_BOXES);
    let slice_is_fractured = !truth.is_empty();
    let mut result: Vec<Found> = order.iter().map(|b| Found { score: b.score, hits: 0, slice_is_fractured }).collect();
    for t in 0..THRESHOLDS {
        let mut free = vec![true; truth.len()];
        for (b, found) in order.iter().zip(&mut result) {
            let candidates = truth.iter().enumerate().filter(|(i, _)| free[*i]).map(|(i, truth)| (i, iou(b, truth)));
            let best = candidates.filter(|(_, iou)| *iou >= threshold(t)).max_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((i, _)) = best {
                free[i] = false;
                found.hits |= 1 << t;
            }
        }
    }
    result
}

/// Intersection over union.
pub(super) fn iou(a: &FractureBox, b: &TrueBox) -> f64 {
    let a = [a.x, a.y, a.width, a.height].map(f64::from);
    let b = [b.x, b.y, b.width, b.height].map(f64::from);
    let side = |i: usize| ((a[i] + a[i + 2]).min(b[i] + b[i + 2]) - a[i].max(b[i])).max(0.0);
    let both = side(0) * side(1);
    both / (a[2] * a[3] + b[2] * b[3] - both).max(f64::MIN_POSITIVE)
}

/// All studies' boxes, best first, so that a resample costs one walk.
pub(super) struct Ranking {
    /// Study and box.
    found: Vec<(usize, Found)>,
    there: Vec<u32>,
}

impl Ranking {
    pub fn of(studies: &[Boxes]) -> Self {
        let each = studies.iter().enumerate().flat_map(|(i, boxes)| boxes.found.iter().map(move |found| (i, *found)));
        let mut found: Vec<(usize, Found)> = each.collect();
        found.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
        Self { found, there: studies.iter().map(|boxes| boxes.there).collect() }
    }

    /// Of the slices with a fracture only, as the papers choose most of theirs.
    pub fn on_fractured_slices(&self) -> Self {
        let found = self.found.iter().filter(|(_, found)| found.slice_is_fractured).copied().collect();
        Self { found, there: self.there.clone() }
    }

    fn there(&self, drawn: &[u32]) -> u32 {
        self.there.iter().zip(drawn).map(|(there, times)| there * times).sum()
    }

    /// Average precision at one threshold.
    fn average_precision(&self, drawn: &[u32], threshold: usize) -> Option<f64> {
        let there = self.there(drawn);
        if there == 0 {
            return None;
        }
        let mut curve = self.curve(drawn, threshold);
        let mut best = 0.0_f64;
        for (_, precision) in curve.iter_mut().rev() {
            best = best.max(*precision);
            *precision = best;
        }
        let at = |point: u32| {
            let recall = f64::from(point) * 0.01;
            curve.get(curve.partition_point(|(r, _)| *r < recall)).map_or(0.0, |(_, precision)| *precision)
        };
        Some((0..=100).map(at).sum::<f64>() / 101.0)
    }

    /// (recall, precision) after each box that meets a fracture: between two of them precision only falls.
    fn curve(&self, drawn: &[u32], threshold: usize) -> Vec<(f64, f64)> {
        let there = f64::from(self.there(drawn));
        let mut curve = Vec::new();
        let (mut hits, mut all) = (0, 0);
        for (study, found) in &self.found {
            let hit = found.hits >> threshold & 1 == 1;
            for _ in 0..drawn[*study] {
                all += 1;
                if hit {
                    hits += 1;
                    curve.push((f64::from(hits) / there, f64::from(hits) / f64::from(all)));
                }
            }
        }
        curve
    }

    /// (recall, precision) at IoU 0.5 down the ranking, for a drawing.
    pub fn curve50(&self, drawn: &[u32]) -> Vec<(f64, f64)> {
        self.curve(drawn, 0)
    }

    /// Every box with its score, and whether it meets a fracture at IoU 0.5.
    pub fn ranked(&self) -> Ranked {
        Ranked::of(self.found.iter().map(|(study, found)| (*study, found.score, found.hits & 1 == 1)))
    }

    pub fn map50(&self, drawn: &[u32]) -> Option<f64> {
        self.average_precision(drawn, 0)
    }

    pub fn map50_95(&self, drawn: &[u32]) -> Option<f64> {
        let each: Option<Vec<f64>> = (0..THRESHOLDS).map(|t| self.average_precision(drawn, t)).collect();
        Some(each?.iter().sum::<f64>() / THRESHOLDS as f64)
    }

    /// Boxes from `score` on at IoU 0.5: (those that meet a fracture, all).
    fn at(&self, drawn: &[u32], score: f32) -> (u32, u32) {
        let above = self.found.iter().take_while(|(_, found)| found.score >= score);
        above.fold((0, 0), |(hits, all), (study, found)| {
            (hits + drawn[*study] * u32::from(found.hits & 1), all + drawn[*study])
        })
    }

    pub fn precision(&self, drawn: &[u32], score: f32) -> Option<f64> {
        let (hits, all) = self.at(drawn, score);
        ratio(hits, all)
    }

    pub fn recall(&self, drawn: &[u32], score: f32) -> Option<f64> {
        ratio(self.at(drawn, score).0, self.there(drawn))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn found(x: f32, score: f32) -> FractureBox {
        FractureBox { x, y: 0.0, width: 10.0, height: 10.0, score }
    }

    fn there(x: f32) -> TrueBox {
        TrueBox { x, y: 0.0, width: 10.0, height: 10.0 }
    }

    fn ranking(slices: &[(&[FractureBox], &[TrueBox])]) -> Ranking {
        let of = |(found, truth): &(&[FractureBox], &[TrueBox])| Boxes {
            found: matched(found, truth),
            there: u32::try_from(truth.len()).unwrap(),
        };
        Ranking::of(&slices.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn perfect_boxes_have_an_average_precision_of_one() {
        let ranking = ranking(&[(&[found(0.0, 0.9)], &[there(0.0)]), (&[], &[])]);
        assert_eq!(ranking.map50(&[1, 1]), Some(1.0));
        assert_eq!(ranking.map50_95(&[1, 1]), Some(1.0));
        assert_eq!(ranking.map50(&[0, 1]), None, "no fracture, no figure");
    }

    #[test]
    fn precision_is_interpolated_over_101_points_as_coco_does() {
        // hit, miss, hit of three fractures: recall 1/3 at precision 1, 2/3 at 2/3; pycocotools 2.0.11 says 0.5544554455
        let ranking = ranking(&[
            (&[found(0.0, 0.9)], &[there(0.0)]),
            (&[found(50.0, 0.8)], &[]),
            (&[found(0.0, 0.7)], &[there(0.0), there(100.0)]),
        ]);
        let expected = (34.0 + 33.0 * 2.0 / 3.0) / 101.0;
        assert!((ranking.map50(&[1, 1, 1]).unwrap() - expected).abs() < 1e-12);
        assert_eq!(
            (ranking.precision(&[1, 1, 1], 0.75), ranking.recall(&[1, 1, 1], 0.75)),
            (Some(0.5), Some(1.0 / 3.0))
        );
    }

    #[test]
    fn an_overlap_of_exactly_the_threshold_meets() {
        // 10 x 10 and 10 x 6: IoU 0.6
        let low = TrueBox { x: 0.0, y: 0.0, width: 10.0, height: 6.0 };
        assert_eq!(matched(&[found(0.0, 0.9)], &[low])[0].hits, 0b111, "0.50, 0.55 and 0.60");
    }

    #[test]
    fn a_fracture_is_met_once_and_by_the_box_that_overlaps_it_most() {
        let two = matched(&[found(1.0, 0.9), found(0.0, 0.8)], &[there(0.0)]);
        assert_eq!(two.iter().map(|f| f.hits & 1).collect::<Vec<_>>(), [1, 0]);
        let shifted = matched(&[found(2.0, 0.9)], &[there(0.0), there(3.0)]);
        // IoU 8/12 and 9/11
        assert_eq!(shifted[0].hits, 0b111_1111, "0.818: up to 0.80");
    }
}
