//! All figures of a set of studies with their intervals, and those of two sets of packages on the same studies beside each
//! other. Pure.

use serde::Serialize;

use super::catalogue::{Name, each};
use super::interval::{draws, interval};
use super::measured::Measured;
use super::{Cuts, StudyResult};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Slices: the vertebra classifier.
    Slices,
    /// Slices: the fracture classifier, where there is one.
    FractureSlices,
    /// Boxes: the fracture detector.
    Boxes,
    /// Images with and without a box: the fracture detector.
    Images,
    /// Studies: the verdict.
    Studies,
}

impl Group {
    /// In the order of a report.
    pub const ALL: [Self; 5] = [Self::Slices, Self::FractureSlices, Self::Boxes, Self::Images, Self::Studies];

    /// For a heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Slices => "slices: vertebra classifier",
            Self::FractureSlices => "slices: fracture classifier",
            Self::Boxes => "boxes: fracture detector",
            Self::Images => "images: a box or none",
            Self::Studies => "studies: verdict",
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// For machines: stays what it is.
    pub key: String,
    /// What it counts.
    pub group: Group,
    /// Its name, as the field has it.
    pub name: String,
    /// `None` where there is nothing to count.
    pub value: Option<f64>,
    /// The middle 95 % over resampled studies.
    pub interval: Option<[f64; 2]>,
}

/// One figure of these packages less that of others, on the same studies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beside {
    /// That of the figure.
    pub key: String,
    /// The others' figure.
    pub other: Option<f64>,
    /// These less the others.
    pub difference: Option<f64>,
    /// The middle 95 % of the difference, both drawn from the same studies each time.
    pub interval: Option<[f64; 2]>,
}

/// Every figure that the truth at hand allows.
pub fn figures(studies: &[StudyResult], cuts: &Cuts) -> Vec<Figure> {
    let measured = Measured::of(studies, &cuts.point);
    let resamples = draws(studies.len(), cuts.resamples, cuts.seed);
    let once = vec![1; studies.len()];
    let mut figures = Vec::new();
    each(&mut |Name { group, key, name }, figure| {
        if group == Group::FractureSlices && !measured.has_opinions() {
            return;
        }
        let value = figure(&measured, &once);
        let interval = value.and_then(|_| interval(&resamples, |drawn| figure(&measured, drawn)));
        figures.push(Figure { key, group, name, value, interval });
    });
    figures
}

/// Every figure of `studies` less that of `others`, which are the same studies by other packages.
pub fn beside(studies: &[StudyResult], others: &[StudyResult], cuts: &Cuts) -> Vec<Beside> {
    let (ours, theirs) = (Measured::of(studies, &cuts.point), Measured::of(others, &cuts.point));
    let resamples = draws(studies.len(), cuts.resamples, cuts.seed);
    let once = vec![1; studies.len()];
    let mut result = Vec::new();
    each(&mut |Name { group, key, .. }, figure| {
        if group == Group::FractureSlices && !ours.has_opinions() {
            return;
        }
        let less = |drawn: &[u32]| Some(figure(&ours, drawn)? - figure(&theirs, drawn)?);
        let difference = less(&once);
        let interval = difference.and_then(|_| interval(&resamples, less));
        result.push(Beside { key, other: figure(&theirs, &once), difference, interval });
    });
    result
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use super::*;
    use crate::evaluation::{FractureOpinion, SliceResult, TrueBox};
    use crate::triage::Level;
    use crate::triage::synthetic::OPERATING_POINT;
    use crate::triage::{Assessment, FractureBox, SeriesContext, Verdict, assess};

    /// A study of which the device says nothing.
    pub fn study(fractured: [bool; 7], slices: Vec<SliceResult>) -> StudyResult {
        let assessment = Assessment {
            verdict: Verdict::NoneSuspected,
            ..assess(&[], &SeriesContext::complete(0), &OPERATING_POINT)
        };
        StudyResult { study: "1.2.3".into(), fractured, fractures: vec![], boxes_known: true, slices, assessment }
    }

    /// The same, with findings.
    pub fn suspects(mut study: StudyResult, levels: &[Level]) -> StudyResult {
        let finding = |level| {
            let found = crate::triage::synthetic::Scan::fractured(Level::C4).evidence();
            let context = SeriesContext::complete(u32::try_from(found.len()).unwrap());
            crate::triage::Finding { level, ..assess(&found, &context, &OPERATING_POINT).findings[0].clone() }
        };
        study.assessment.findings = levels.iter().copied().map(finding).collect();
        study.assessment.verdict = Verdict::Suspected;
        study
    }

    #[test]
    fn figures_come_with_intervals_and_only_where_the_truth_is_known() {
        let slice = |known: bool| SliceResult {
            number: 1,
            visible: known.then_some([true, false, false, false, false, false, false]),
            vertebrae: [0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
            counted: [false; 7],
            true_boxes: vec![TrueBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0 }],
            boxes: vec![FractureBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0, score: 0.9 }],
            opinion: None,
        };
        let cuts = Cuts { point: OPERATING_POINT, resamples: 50, seed: 1 };
        let value = |figures: &[Figure], name: &str| figures.iter().find(|f| f.name == name).unwrap().clone();
        let known = figures(&vec![study([false; 7], vec![slice(true)]); 3], &cuts);
        assert_eq!(value(&known, "exact match ratio").value, Some(1.0));
        assert_eq!(value(&known, "exact match ratio").interval, Some([1.0, 1.0]));
        assert_eq!(value(&known, "mAP50-95").value, Some(1.0));
        assert_eq!(value(&known, "sensitivity").value, None);
        let unknown = StudyResult { boxes_known: false, ..study([false; 7], vec![slice(false)]) };
        let figures = figures(&[unknown], &cuts);
        for name in ["macro F1", "F1 C1", "exact match ratio", "mAP50", "recall at IoU 0.5"] {
            assert_eq!(value(&figures, name).value, None, "{name}");
        }
        assert_eq!(value(&figures, "specificity").value, Some(1.0));
    }

    #[test]
    fn networks_beside_themselves_do_not_differ_and_a_worse_one_does() {
        let slice = |score: f32| SliceResult {
            number: 1,
            visible: Some([true, false, false, false, false, false, false]),
            vertebrae: [score, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
            counted: [false; 7],
            true_boxes: vec![],
            boxes: vec![],
            opinion: None,
        };
        let cuts = Cuts { point: OPERATING_POINT, resamples: 40, seed: 1 };
        let good = vec![study([false; 7], vec![slice(0.9)]); 4];
        let same = beside(&good, &good, &cuts);
        assert_eq!(same.len(), figures(&good, &cuts).len());
        assert!(same.iter().all(|b| b.difference.is_none_or(|d| d == 0.0)));
        let mut worse = good.clone();
        worse[0].slices[0] = slice(0.1);
        let exact = |b: &&Beside| b.key == "slices.exact_match";
        let differing = beside(&worse, &good, &cuts);
        let exact = differing.iter().find(exact).unwrap();
        assert_eq!((exact.other, exact.difference), (Some(1.0), Some(-0.25)));
        let [low, high] = exact.interval.unwrap();
        assert!(low < -0.25 && high <= 0.0, "{low} {high}");
    }

    #[test]
    fn a_fracture_classifier_has_figures_of_its_own_where_there_is_one() {
        let slice = |opinion| SliceResult {
            number: 1,
            visible: Some([true, false, false, false, false, false, false]),
            vertebrae: [0.1; 7],
            counted: [false; 7],
            true_boxes: vec![TrueBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0 }],
            boxes: vec![],
            opinion,
        };
        let cuts = Cuts { point: OPERATING_POINT, resamples: 10, seed: 1 };
        let c1 = [true, false, false, false, false, false, false];
        let opinion = FractureOpinion { probabilities: [0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], said: c1 };
        let with = figures(&[study(c1, vec![slice(Some(opinion))])], &cuts);
        let value = |key: &str| with.iter().find(|figure| figure.key == key).unwrap().value;
        assert_eq!(value("fracture_slices.c1.sensitivity"), Some(1.0));
        assert_eq!(value("fracture_slices.c2.specificity"), Some(1.0));
        assert_eq!(value("fracture_slices.accuracy"), Some(1.0));
        let without = figures(&[study(c1, vec![slice(None)])], &cuts);
        assert!(without.iter().all(|figure| figure.group != Group::FractureSlices));
        let others = with.into_iter().filter(|figure| figure.group != Group::FractureSlices);
        assert!(others.eq(without), "all other figures are as before");
    }

    #[test]
    fn every_figure_has_a_key_of_its_own() {
        let cuts = Cuts { point: OPERATING_POINT, resamples: 0, seed: 1 };
        let keys: Vec<String> = figures(&[], &cuts).into_iter().map(|figure| figure.key).collect();
        let unique: std::collections::BTreeSet<&String> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len());
    }
}
