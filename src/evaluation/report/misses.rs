//! Where the networks are most wrong: which slices a person should look at first. Pure; the pixels are read elsewhere.

use crate::evaluation::boxes::iou;
use crate::evaluation::{SliceResult, StudyResult, TrueBox};
use crate::triage::{FractureBox, Level, Verdict};

/// A box touches a fracture from this IoU on: below it, it alarms for something else.
const TOUCHES: f64 = 0.1;
/// A box meets a fracture.
const MEETS: f64 = 0.5;
/// Boxes fainter than this are not drawn.
const DRAWN: f32 = 0.05;

/// One slice to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// Which study, in the order of the results.
    pub study: usize,
    /// Number of its slice.
    pub slice: u32,
    /// What went wrong, in a few words.
    pub what: String,
    /// What the study was said to be.
    pub verdict: &'static str,
    /// Fractures.
    pub truth: Vec<TrueBox>,
    /// What was found there, best first; those that do not count too.
    pub found: Vec<FractureBox>,
    /// The largest miss first.
    weight: f64,
}

/// Fractures without a box that counts, the largest of each study; studies that were not suspected come first.
pub fn overlooked(studies: &[StudyResult], score: f32, most: usize) -> Vec<Miss> {
    worst(studies, most, |study, slice| {
        let best = |truth: &TrueBox| {
            let meets = slice.boxes.iter().filter(|b| iou(b, truth) >= MEETS);
            meets.map(|b| b.score).fold(0.0, f32::max)
        };
        let unmet = slice.true_boxes.iter().filter(|truth| best(truth) < score);
        let largest = unmet.max_by(|a, b| (a.width * a.height).total_cmp(&(b.width * b.height)))?;
        let levels = fractured_here(study, slice);
        let nearest = slice.boxes.iter().map(|b| (b.score, iou(b, largest))).max_by(|a, b| a.1.total_cmp(&b.1));
        let words = match (best(largest), nearest) {
            (faint, _) if faint > 0.0 => format!("best box {faint:.2}"),
            (_, Some((score, overlap))) if overlap >= TOUCHES => {
                format!("nearest box {score:.2} overlaps by {overlap:.2}")
            }
            _ => "no box".to_owned(),
        };
        let unseen = if study.assessment.verdict == Verdict::Suspected { 0.0 } else { 1e9 };
        Some((format!("{levels} fractured: {words}"), unseen + f64::from(largest.width * largest.height)))
    })
}

/// Boxes that count where no fracture is, the strongest of each study; studies without any fracture come first.
pub fn false_alarms(studies: &[StudyResult], score: f32, most: usize) -> Vec<Miss> {
    worst(studies, most, |study, slice| {
        let alarm = |b: &&FractureBox| b.score >= score && slice.true_boxes.iter().all(|t| iou(b, t) < TOUCHES);
        let strongest = slice.boxes.iter().filter(alarm).map(|b| b.score).reduce(f32::max)?;
        let intact = if study.fractured.contains(&true) { 0.0 } else { 1.0 };
        let said = names(&said(slice));
        Some((format!("box {strongest:.2} at {said}, no fracture there"), intact + f64::from(strongest)))
    })
}

fn worst(
    studies: &[StudyResult],
    most: usize,
    judge: impl Fn(&StudyResult, &SliceResult) -> Option<(String, f64)>,
) -> Vec<Miss> {
    let of_study = |(number, study): (usize, &StudyResult)| {
        let each = study.slices.iter().filter_map(|slice| Some((slice, judge(study, slice)?)));
        let (slice, (what, weight)) = each.max_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
        let found = slice.boxes.iter().copied().filter(|b| b.score >= DRAWN).collect();
        let (verdict, truth) = (study.assessment.verdict.name(), slice.true_boxes.clone());
        Some(Miss { study: number, slice: slice.number, what, verdict, truth, found, weight })
    };
    let known = studies.iter().enumerate().filter(|(_, study)| study.boxes_known);
    let mut misses: Vec<Miss> = known.filter_map(of_study).collect();
    misses.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    misses.truncate(most);
    misses
}

/// The fractured vertebrae that a slice shows; where nobody has said what it shows, those of the study.
fn fractured_here(study: &StudyResult, slice: &SliceResult) -> String {
    let here = |level: &Level| slice.visible.is_none_or(|visible| visible[*level as usize]);
    let fractured = Level::ALL.into_iter().filter(|level| study.fractured[*level as usize]);
    let (here, elsewhere): (Vec<Level>, Vec<Level>) = fractured.partition(here);
    names(if here.is_empty() { &elsewhere } else { &here })
}

/// The vertebra that the classifier is surest of.
fn said(slice: &SliceResult) -> Vec<Level> {
    let best =
        Level::ALL.into_iter().max_by(|a, b| slice.vertebrae[*a as usize].total_cmp(&slice.vertebrae[*b as usize]));
    best.into_iter().collect()
}

fn names(levels: &[Level]) -> String {
    levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::super::super::figures::tests::study;
    use super::*;

    const C5: [bool; 7] = [false, false, false, false, true, false, false];

    fn slice(number: u32, side: Option<f32>, boxes: &[(f32, f32)]) -> SliceResult {
        SliceResult {
            number,
            visible: Some([false, false, false, true, true, false, false]),
            vertebrae: [0.0, 0.0, 0.0, 0.9, 0.2, 0.0, 0.0],
            counted: [false; 7],
            true_boxes: side.map(|side| TrueBox { x: 0.0, y: 0.0, width: side, height: side }).into_iter().collect(),
            boxes: boxes
                .iter()
                .map(|&(x, score)| FractureBox { x, y: 0.0, width: 20.0, height: 20.0, score })
                .collect(),
            opinion: None,
        }
    }

    #[test]
    fn the_largest_fracture_without_a_box_that_counts_is_shown_once_a_study() {
        let slices =
            vec![slice(1, Some(20.0), &[(0.0, 0.9)]), slice(2, Some(20.0), &[(1.0, 0.2)]), slice(3, Some(15.0), &[])];
        let found = overlooked(&[study([false; 7], vec![]), study(C5, slices)], 0.25, 9);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].study, found[0].slice), (1, 2));
        assert_eq!(found[0].what, "C5 fractured: best box 0.20");
        let beside = study(C5, vec![slice(1, Some(20.0), &[(10.0, 0.9)])]);
        assert_eq!(overlooked(&[beside], 0.25, 1)[0].what, "C5 fractured: nearest box 0.90 overlaps by 0.33");
    }

    #[test]
    fn an_alarm_in_an_intact_study_comes_first() {
        let fractured = study(C5, vec![slice(1, Some(20.0), &[(100.0, 0.9)])]);
        let intact = study([false; 7], vec![slice(4, None, &[(100.0, 0.3)])]);
        let found = false_alarms(&[fractured.clone(), intact], 0.25, 1);
        assert_eq!((found[0].slice, found[0].what.as_str()), (4, "box 0.30 at C4, no fracture there"));
        let near = study(C5, vec![slice(1, Some(20.0), &[(2.0, 0.9)])]);
        assert_eq!(false_alarms(&[near], 0.25, 9), []);
    }
}
