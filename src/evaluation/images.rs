//! The fracture detector per image: does a slice with a fracture have a box, wherever it lies, and one without none. Pure.

use super::StudyResult;
use super::ranked::Ranked;
use super::vertebrae::ratio;

/// Slices of one study whose boxes are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Images {
    /// With a fracture and a box.
    pub hits: u32,
    /// With a fracture, without a box.
    pub misses: u32,
    /// Without a fracture, with a box.
    pub false_alarms: u32,
    /// With neither.
    pub quiet: u32,
}

impl Images {
    /// Boxes count from `score` on.
    pub fn of(study: &StudyResult, score: f32) -> Self {
        let mut images = Self::default();
        if study.boxes_known {
            for slice in &study.slices {
                let said = slice.boxes.iter().any(|b| b.score >= score);
                match (!slice.true_boxes.is_empty(), said) {
                    (true, true) => images.hits += 1,
                    (true, false) => images.misses += 1,
                    (false, true) => images.false_alarms += 1,
                    (false, false) => images.quiet += 1,
                }
            }
        }
        images
    }

    /// The sum of the studies, each as often as it was drawn.
    pub fn sum(studies: &[Self], drawn: &[u32]) -> Self {
        studies.iter().zip(drawn).fold(Self::default(), |sum, (images, times)| Self {
            hits: sum.hits + times * images.hits,
            misses: sum.misses + times * images.misses,
            false_alarms: sum.false_alarms + times * images.false_alarms,
            quiet: sum.quiet + times * images.quiet,
        })
    }

    pub fn sensitivity(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.misses)
    }

    pub fn specificity(&self) -> Option<f64> {
        ratio(self.quiet, self.quiet + self.false_alarms)
    }

    pub fn precision(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.false_alarms)
    }

    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.hits + self.quiet, self.hits + self.misses + self.false_alarms + self.quiet)
    }
}

/// Every such slice by its best box; 0 without one.
pub(super) fn ranked(studies: &[StudyResult]) -> Ranked {
    let known = studies.iter().enumerate().filter(|(_, study)| study.boxes_known);
    Ranked::of(known.flat_map(|(number, study)| {
        study.slices.iter().map(move |slice| {
            let best = slice.boxes.iter().map(|b| b.score).fold(0.0, f32::max);
            (number, best, !slice.true_boxes.is_empty())
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::study;
    use super::super::{SliceResult, TrueBox};
    use super::*;
    use crate::triage::FractureBox;

    fn slice(broken: bool, score: Option<f32>) -> SliceResult {
        let true_box = TrueBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0 };
        SliceResult {
            number: 1,
            visible: None,
            vertebrae: [0.0; 7],
            counted: [false; 7],
            true_boxes: if broken { vec![true_box] } else { vec![] },
            boxes: score
                .map(|score| FractureBox { x: 90.0, y: 0.0, width: 9.0, height: 9.0, score })
                .into_iter()
                .collect(),
            opinion: None,
        }
    }

    #[test]
    fn a_slice_counts_once_by_whether_it_has_a_box_from_the_score_on() {
        let slices = vec![slice(true, Some(0.3)), slice(true, Some(0.2)), slice(false, Some(0.25)), slice(false, None)];
        let images = Images::of(&study([true; 7], slices), 0.25);
        assert_eq!(images, Images { hits: 1, misses: 1, false_alarms: 1, quiet: 1 });
        let twice = Images::sum(&[images], &[2]);
        assert_eq!((twice.hits, twice.sensitivity(), twice.specificity()), (2, Some(0.5), Some(0.5)));
        assert_eq!((twice.precision(), twice.accuracy()), (Some(0.5), Some(0.5)));
    }

    #[test]
    fn a_study_without_known_boxes_does_not_count() {
        let unknown = StudyResult { boxes_known: false, ..study([true; 7], vec![slice(false, Some(0.9))]) };
        assert_eq!(Images::of(&unknown, 0.25), Images::default());
        assert_eq!(ranked(&[unknown]).there(&[1]), (0, 0));
    }
}
