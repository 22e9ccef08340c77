//! All figures of a set of studies with their intervals, in the order in which a report shows them. Pure.

use serde::Serialize;

use super::boxes::{Boxes, Ranking};
use super::interval::{draws, interval};
use super::studies::{Drawn, Judged};
use super::vertebrae::Counts;
use super::{Cuts, StudyResult};
use crate::triage::Level;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Slices: the vertebra classifier.
    Slices,
    /// Boxes: the fracture detector.
    Boxes,
    /// Studies: the verdict.
    Studies,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it counts.
    pub group: Group,
    /// Its name, as the field has it.
    pub name: String,
    /// `None` where there is nothing to count.
    pub value: Option<f64>,
    /// The middle 95 % over resampled studies.
    pub interval: Option<[f64; 2]>,
}

/// Every figure that the truth at hand allows.
pub fn figures(studies: &[StudyResult], cuts: &Cuts) -> Vec<Figure> {
    let counts: Vec<Counts> = studies.iter().map(|study| Counts::of(study, &cuts.point.thresholds)).collect();
    let ranking = Ranking::of(&studies.iter().map(Boxes::of).collect::<Vec<_>>());
    let judged: Vec<Judged> = studies.iter().map(Judged::of).collect();
    let resamples = draws(studies.len(), cuts.resamples, cuts.seed);
    let once = vec![1; studies.len()];
    let mut figures = Vec::new();
    let mut add = |group, name: &str, figure: &dyn Fn(&[u32]) -> Option<f64>| {
        let value = figure(&once);
        let interval = value.and_then(|_| interval(&resamples, figure));
        figures.push(Figure { group, name: name.to_owned(), value, interval });
    };

    let slices = |of: fn(&Counts) -> Option<f64>| {
        let counts = &counts;
        move |drawn: &[u32]| of(&Counts::sum(counts, drawn))
    };
    add(Group::Slices, "macro F1", &slices(Counts::macro_f1));
    add(Group::Slices, "exact match ratio", &slices(Counts::exact_match));
    add(Group::Slices, "exact match ratio, slices with a vertebra", &slices(Counts::exact_match_with_vertebra));
    add(Group::Slices, "coverage error, slices with a vertebra", &slices(Counts::coverage_error));
    for level in Level::ALL {
        let index = level as usize;
        let sum = |drawn: &[u32]| Counts::sum(&counts, drawn);
        let known = |counts: Counts| (counts.slices > 0).then_some(counts);
        add(Group::Slices, &format!("F1 {}", level.name()), &|drawn| Some(known(sum(drawn))?.f1(index)));
        add(Group::Slices, &format!("sensitivity {}", level.name()), &|drawn| sum(drawn).sensitivity(index));
        add(Group::Slices, &format!("specificity {}", level.name()), &|drawn| sum(drawn).specificity(index));
    }

    let score = cuts.point.score;
    add(Group::Boxes, "mAP50", &|drawn| ranking.map50(drawn));
    add(Group::Boxes, "mAP50-95", &|drawn| ranking.map50_95(drawn));
    add(Group::Boxes, "precision at IoU 0.5", &|drawn| ranking.precision(drawn, score));
    add(Group::Boxes, "recall at IoU 0.5", &|drawn| ranking.recall(drawn, score));

    let site = |of: fn(&Drawn) -> Option<f64>| {
        let studies = &judged;
        move |times: &[u32]| of(&Drawn { studies, times })
    };
    add(Group::Studies, "sensitivity", &site(|drawn| drawn.sensitivity()));
    add(Group::Studies, "specificity", &site(|drawn| drawn.specificity()));
    add(Group::Studies, "positive predictive value at a prevalence of 10 %", &site(|drawn| drawn.predictive_value()));
    add(Group::Studies, "alarms per 100 studies at a prevalence of 10 %", &site(|drawn| drawn.alarms_per_100()));
    add(Group::Studies, "named vertebrae that are fractured", &site(|drawn| drawn.level_precision()));
    add(Group::Studies, "fractured vertebrae that are named", &site(|drawn| drawn.level_recall()));
    add(Group::Studies, "studies with all levels right", &site(|drawn| drawn.all_levels_right()));
    add(Group::Studies, "weighted log loss", &site(|drawn| drawn.log_loss()));
    figures
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use super::*;
    use crate::evaluation::{SliceResult, TrueBox};
    use crate::triage::synthetic::OPERATING_POINT;
    use crate::triage::{Assessment, FractureBox, SeriesContext, Verdict, assess};

    /// A study of which the device says nothing.
    pub fn study(fractured: [bool; 7], slices: Vec<SliceResult>) -> StudyResult {
        let assessment = Assessment {
            verdict: Verdict::NoneSuspected,
            ..assess(&[], &SeriesContext::complete(0), &OPERATING_POINT)
        };
        StudyResult { study: "1.2.3".into(), fractured, boxes_known: true, slices, assessment }
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
            visible: known.then_some([true, false, false, false, false, false, false]),
            vertebrae: [0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
            true_boxes: vec![TrueBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0 }],
            boxes: vec![FractureBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0, score: 0.9 }],
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
}
