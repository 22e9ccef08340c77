//! Studies, counted and ranked once, so that a resample costs one walk. Pure.

use super::boxes::{Boxes, Ranking};
use super::fractured_slices;
use super::images::{self, Images};
use super::ranked::Ranked;
use super::studies::{self, Drawn, Judged};
use super::vertebrae::{Counts, counted, said};
use super::{SliceResult, StudyResult};
use crate::triage::OperatingPoint;

/// The vertebrae of each study as one of the two names them: the classifier slice by slice, or the count along the neck.
pub(super) struct Named {
    shown: Vec<Counts>,
    within: Vec<Counts>,
}

impl Named {
    fn of(studies: &[StudyResult], named: impl Fn(&SliceResult) -> [bool; 7]) -> Self {
        Self {
            shown: studies.iter().map(|study| Counts::with_vertebra(study, &named)).collect(),
            within: studies.iter().map(|study| Counts::within_vertebrae(study, &named)).collect(),
        }
    }

    /// Over the slices that show a vertebra.
    pub fn shown(&self, drawn: &[u32]) -> Counts {
        Counts::sum(&self.shown, drawn)
    }

    /// Over those that lie away from a vertebra's ends.
    pub fn within(&self, drawn: &[u32]) -> Counts {
        Counts::sum(&self.within, drawn)
    }
}

/// What every figure is made of.
pub(super) struct Measured {
    /// Scores of the detector count from here on.
    pub score: f32,
    counts: Vec<Counts>,
    /// What the classifier says of slices by themselves.
    pub said: Named,
    /// What the device counts along the neck.
    pub counted: Named,
    /// Slices by the classifier's probability of each level.
    pub levels: [Ranked; 7],
    /// The same, all levels in one.
    pub all_levels: Ranked,
    fractured: Vec<Counts>,
    /// Slices by the fracture classifier's probability of each level.
    pub fractured_levels: [Ranked; 7],
    /// Boxes of the detector.
    pub boxes: Ranking,
    /// The same of the slices with a fracture only, as the papers choose most of theirs.
    pub boxes_fractured: Ranking,
    /// The same, each with whether it meets a fracture.
    pub box_scores: Ranked,
    images: Vec<Images>,
    /// Slices by their best box.
    pub image_scores: Ranked,
    judged: Vec<Judged>,
    /// Studies by their strongest vertebra.
    pub study_scores: Ranked,
    /// Studies by the score of each vertebra.
    pub study_levels: [Ranked; 7],
}

impl Measured {
    pub fn of(studies: &[StudyResult], point: &OperatingPoint) -> Self {
        let judged: Vec<Judged> = studies.iter().map(Judged::of).collect();
        let boxes = Ranking::of(&studies.iter().map(Boxes::of).collect::<Vec<_>>());
        let said = &said(&point.thresholds);
        let levels = std::array::from_fn(|level| Ranked::of(probabilities(studies, level)));
        Self {
            score: point.score,
            counts: studies.iter().map(|study| Counts::of(study, said)).collect(),
            said: Named::of(studies, said),
            counted: Named::of(studies, counted),
            all_levels: Ranked::of((0..7).flat_map(|level| probabilities(studies, level))),
            levels,
            fractured: studies.iter().map(fractured_slices::counts).collect(),
            fractured_levels: std::array::from_fn(|level| fractured_slices::ranked(studies, level)),
            box_scores: boxes.ranked(),
            boxes_fractured: boxes.on_fractured_slices(),
            boxes,
            images: studies.iter().map(|study| Images::of(study, point.score)).collect(),
            image_scores: images::ranked(studies),
            study_scores: studies::ranked(&judged),
            study_levels: std::array::from_fn(|level| studies::ranked_level(&judged, level)),
            judged,
        }
    }

    pub fn counts(&self, drawn: &[u32]) -> Counts {
        Counts::sum(&self.counts, drawn)
    }

    /// Those of the fracture classifier.
    pub fn fractured(&self, drawn: &[u32]) -> Counts {
        Counts::sum(&self.fractured, drawn)
    }

    /// A fracture classifier was asked.
    pub fn has_opinions(&self) -> bool {
        self.fractured.iter().any(|counts| counts.slices > 0)
    }

    pub fn images(&self, drawn: &[u32]) -> Images {
        Images::sum(&self.images, drawn)
    }

    pub fn studies<'a>(&'a self, times: &'a [u32]) -> Drawn<'a> {
        Drawn { studies: &self.judged, times }
    }

    /// Mean of a figure over the levels that have it.
    pub fn mean(levels: &[Ranked; 7], figure: impl Fn(&Ranked) -> Option<f64>) -> Option<f64> {
        let each: Vec<f64> = levels.iter().filter_map(figure).collect();
        (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
    }
}

/// (study, probability, shown) of each slice whose truth is known.
fn probabilities(studies: &[StudyResult], level: usize) -> impl Iterator<Item = (usize, f32, bool)> {
    studies.iter().enumerate().flat_map(move |(number, study)| {
        let known = study.slices.iter().filter_map(move |slice| Some((slice.vertebrae[level], slice.visible?[level])));
        known.map(move |(probability, shown)| (number, probability, shown))
    })
}
