//! The fracture classifier per slice, as its paper counts (Sci Rep 2025, s41598-025-10448-6): of each vertebra, is it fractured
//! in this slice? Pure.
//!
//! A vertebra counts as fractured in a slice that shows it and has a box, where the study's labels say that it is fractured.
//! The paper's split is by slice, so that neighbours of a test slice were trained on: these figures are harder.

use super::ranked::Ranked;
use super::vertebrae::Counts;
use super::{SliceResult, StudyResult};

/// Which vertebrae are fractured in a slice; `None` where nobody can tell.
fn truth(study: &StudyResult, slice: &SliceResult) -> Option<[bool; 7]> {
    if slice.true_boxes.is_empty() {
        return study.boxes_known.then_some([false; 7]);
    }
    let visible = slice.visible?;
    Some(std::array::from_fn(|level| visible[level] && study.fractured[level]))
}

/// Counts over the slices of one study of which truth and opinion are known.
pub(super) fn counts(study: &StudyResult) -> Counts {
    let mut counts = Counts::default();
    for slice in &study.slices {
        if let (Some(opinion), Some(truth)) = (&slice.opinion, truth(study, slice)) {
            counts.add(&opinion.probabilities, opinion.said, truth);
        }
    }
    counts
}

/// Slices by the probability of a fracture of one level.
pub(super) fn ranked(studies: &[StudyResult], level: usize) -> Ranked {
    Ranked::of(studies.iter().enumerate().flat_map(move |(number, study)| {
        let known = study
            .slices
            .iter()
            .filter_map(move |slice| Some((slice.opinion.as_ref()?.probabilities[level], truth(study, slice)?[level])));
        known.map(move |(probability, fractured)| (number, probability, fractured))
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::figures::tests::study;
    use super::super::{FractureOpinion, TrueBox};
    use super::*;

    const SHOWS_C4_C5: [bool; 7] = [false, false, false, true, true, false, false];
    const C5: [bool; 7] = [false, false, false, false, true, false, false];

    fn slice(boxed: bool, visible: Option<[bool; 7]>, c5: f32) -> SliceResult {
        let probabilities = [0.1, 0.1, 0.1, 0.1, c5, 0.1, 0.1];
        SliceResult {
            number: 1,
            visible,
            vertebrae: [0.0; 7],
            counted: [false; 7],
            true_boxes: boxed.then_some(TrueBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0 }).into_iter().collect(),
            boxes: vec![],
            opinion: Some(FractureOpinion { probabilities, said: probabilities.map(|p| p >= 0.5) }),
        }
    }

    #[test]
    fn a_vertebra_is_fractured_where_it_is_shown_in_a_slice_with_a_box() {
        let slices = vec![
            slice(true, Some(SHOWS_C4_C5), 0.9),
            slice(true, Some(SHOWS_C4_C5), 0.2),
            slice(false, Some(SHOWS_C4_C5), 0.8),
            slice(false, None, 0.1),
            slice(true, None, 0.9),
        ];
        let counts = counts(&study(C5, slices));
        assert_eq!(counts.slices, 4, "a box in a slice of which nobody says what it shows tells nothing");
        assert_eq!((counts.sensitivity(4), counts.specificity(4)), (Some(0.5), Some(0.5)));
        assert_eq!((counts.shown[3], counts.f1(4)), (0, 0.5));
    }

    #[test]
    fn slices_without_an_opinion_or_of_studies_without_boxes_do_not_count() {
        let silent = SliceResult { opinion: None, ..slice(true, Some(SHOWS_C4_C5), 0.9) };
        let unknown = StudyResult { boxes_known: false, ..study(C5, vec![slice(false, Some(SHOWS_C4_C5), 0.9)]) };
        assert_eq!((counts(&study(C5, vec![silent])).slices, counts(&unknown).slices), (0, 0));
    }
}
