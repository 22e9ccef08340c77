//! Ranked answers in, charts out: receiver operating characteristic, precision against recall, reliability. Pure.

use super::html::places;
use super::svg::{Chart, Line};
use crate::evaluation::measured::Measured;
use crate::evaluation::ranked::{Ranked, Step};
use crate::evaluation::reliability::{bins, calibration_error};
use crate::triage::Level;

/// What was measured, and, where there is one, the same studies by other packages, drawn dashed.
pub(super) struct Pair<'a> {
    pub ours: &'a Measured,
    pub other: Option<&'a Measured>,
    /// 1 for each study.
    pub once: &'a [u32],
}

/// The charts of all parts, each with its heading.
pub(super) fn sections(pair: &Pair) -> Vec<(&'static str, Vec<String>)> {
    let mut sections = vec![
        (
            "Vertebra classifier: receiver operating characteristic, per slice",
            pair.levels(|m| &m.all_levels, level, roc),
        ),
        ("Vertebra classifier: precision against recall, per slice", pair.levels(|m| &m.all_levels, level, recall)),
        ("Fracture detector: boxes and images", vec![pair.boxes(), pair.chart("images", |m| &m.image_scores, roc)]),
        ("Studies: receiver operating characteristic", pair.levels(|m| &m.study_scores, study_level, roc)),
        ("Studies: precision against recall", pair.levels(|m| &m.study_scores, study_level, recall)),
        (
            "Reliability: what a score is worth",
            vec![
                pair.reliability("vertebrae", |m| &m.all_levels),
                pair.reliability("boxes", |m| &m.box_scores),
                pair.reliability("studies", |m| &m.study_scores),
            ],
        ),
    ];
    if pair.ours.has_opinions() {
        let charts = Level::ALL.map(|level| pair.chart(level.name(), |m| fractured_level(m, level as usize), roc));
        sections.push(("Fracture classifier: receiver operating characteristic, per slice", charts.to_vec()));
    }
    sections
}

fn fractured_level(measured: &Measured, level: usize) -> &Ranked {
    &measured.fractured_levels[level]
}

fn level(measured: &Measured, level: usize) -> &Ranked {
    &measured.levels[level]
}

fn study_level(measured: &Measured, level: usize) -> &Ranked {
    &measured.study_levels[level]
}

/// Title, axes and points of a kind of curve.
type Kind = fn(&Ranked, &[u32]) -> Drawing;

struct Drawing {
    axes: [&'static str; 2],
    value: String,
    diagonal: bool,
    points: Vec<[f64; 2]>,
}

fn roc(ranked: &Ranked, once: &[u32]) -> Drawing {
    let (yes, no) = ranked.there(once);
    let point = |s: Step| [f64::from(s.false_alarms) / f64::from(no), f64::from(s.hits) / f64::from(yes)];
    let known = yes > 0 && no > 0;
    let steps = ranked.steps(once).filter(|_| known).map(point);
    Drawing {
        axes: ["1 − specificity", "sensitivity"],
        value: format!("area {}", places(ranked.area(once))),
        diagonal: true,
        points: std::iter::once([0.0, 0.0]).filter(|_| known).chain(steps).collect(),
    }
}

fn recall(ranked: &Ranked, once: &[u32]) -> Drawing {
    let (yes, _) = ranked.there(once);
    let point = |s: Step| [f64::from(s.hits) / f64::from(yes), f64::from(s.hits) / f64::from(s.hits + s.false_alarms)];
    Drawing {
        axes: ["recall", "precision"],
        value: format!("AP {}", places(ranked.average_precision(once))),
        diagonal: false,
        points: ranked.steps(once).filter(|_| yes > 0).map(point).collect(),
    }
}

impl Pair<'_> {
    /// One chart for all levels together and one for each.
    fn levels(&self, all: fn(&Measured) -> &Ranked, of: fn(&Measured, usize) -> &Ranked, kind: Kind) -> Vec<String> {
        let mut charts = vec![self.chart("overall", all, kind)];
        charts.extend(Level::ALL.map(|level| self.chart(level.name(), |m| of(m, level as usize), kind)));
        charts
    }

    fn chart(&self, title: &str, of: impl Fn(&Measured) -> &Ranked, kind: Kind) -> String {
        let ours = kind(of(self.ours), self.once);
        let other = self.other.map(|other| Line { class: "other", points: kind(of(other), self.once).points });
        let [x, y] = ours.axes;
        Chart {
            title,
            words: &ours.value,
            x,
            y,
            diagonal: ours.diagonal,
            lines: other.into_iter().chain([Line { class: "ours", points: ours.points }]).collect(),
            dots: Vec::new(),
            mark: None,
        }
        .draw()
    }

    fn boxes(&self) -> String {
        let points =
            |m: &Measured| m.boxes.curve50(self.once).into_iter().map(|(recall, precision)| [recall, precision]);
        let other = self.other.map(|other| Line { class: "other", points: points(other).collect() });
        let score = self.ours.score;
        let mark = self.ours.boxes.recall(self.once, score).zip(self.ours.boxes.precision(self.once, score));
        Chart {
            title: "boxes",
            words: &format!("AP50 {}", places(self.ours.boxes.map50(self.once))),
            x: "recall",
            y: "precision",
            diagonal: false,
            lines: other.into_iter().chain([Line { class: "ours", points: points(self.ours).collect() }]).collect(),
            dots: Vec::new(),
            mark: mark.map(|(recall, precision)| [recall, precision]),
        }
        .draw()
    }

    fn reliability(&self, title: &str, of: fn(&Measured) -> &Ranked) -> String {
        let ranked = of(self.ours);
        let bins = bins(ranked, self.once);
        let all = bins.iter().map(|bin| bin.answers).sum::<u64>().max(1) as f64;
        let held = bins.iter().filter(|bin| bin.answers > 0);
        let dots: Vec<([f64; 2], f64)> =
            held.map(|bin| ([bin.score(), bin.share()], bin.answers as f64 / all)).collect();
        Chart {
            title,
            words: &format!("ECE {}", places(calibration_error(ranked, self.once))),
            x: "mean score",
            y: "share that is a yes",
            diagonal: true,
            lines: vec![Line { class: "ours", points: dots.iter().map(|(place, _)| *place).collect() }],
            dots,
            mark: None,
        }
        .draw()
    }
}
