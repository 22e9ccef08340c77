//! The rule of triage on what the two packages say of studies that they were not trained on.
//!
//! `python -m spinewatch_training evidence ... --csv evidence.csv` writes the evidence (models/training), and
//! `SPINEWATCH_EVIDENCE=evidence.csv cargo test --release --test triage_rule -- --ignored --nocapture` prints what
//! `src/triage/rule.rs` quotes: the shipped rule, its neighbours, the reliability of its scores and the delay of its alerts.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::BTreeMap;

use spinewatch::triage::rule::Rule;
use spinewatch::triage::{
    Assessment, Completeness, Evidence, FractureBox, Level, OperatingPoint, Revision, SeriesContext, Verdict,
    assess_with, vertebrae_shown,
};

/// As the shipped packages have it; `SPINEWATCH_FINDING_SCORE` and `SPINEWATCH_BOX_SCORE` try others.
fn operating_point() -> OperatingPoint {
    let number = |key: &str| std::env::var(key).ok().map(|value| value.parse::<f32>().unwrap());
    OperatingPoint {
        thresholds: [0.5; 7],
        gate: 0.3,
        score: number("SPINEWATCH_BOX_SCORE").unwrap_or(0.25),
        finding_score: number("SPINEWATCH_FINDING_SCORE").unwrap_or(0.37),
    }
}

/// One held-out study: its slices from head to foot, and which vertebrae are fractured.
struct Study {
    name: String,
    truth: Vec<Level>,
    evidence: Vec<Evidence>,
    /// Which of C1 to C7 each slice shows, where that is known.
    shown: Vec<Option<[bool; 7]>>,
    /// Index of the first slice that shows a fracture.
    first_true_box: Option<usize>,
}

fn numbers(text: &str) -> Vec<f32> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect()
}

/// Columns: study, n, z_mm, C1 to C7, true_C1 to true_C7, boxes, true_boxes, fractured.
fn studies(csv: &str, gate: f32) -> Vec<Study> {
    let mut rows: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        assert_eq!(columns.len(), 20, "{line}");
        rows.entry(columns[0]).or_default().push(columns);
    }
    let study = |(name, mut rows): (&str, Vec<Vec<&str>>)| {
        let z = |row: &[&str]| row[2].parse::<f64>().unwrap();
        rows.sort_by(|a, b| z(b).total_cmp(&z(a)));
        let evidence = rows.iter().map(|row| {
            let vertebrae: [f32; 7] = std::array::from_fn(|i| row[3 + i].parse().unwrap());
            let gated = vertebrae.iter().all(|p| *p < gate);
            let boxes = row[17].split(';').filter(|words| !words.is_empty() && !gated).map(|words| {
                let [x, y, width, height, score] = numbers(words).try_into().unwrap();
                FractureBox { x, y, width, height, score }
            });
            let boxes = boxes.collect();
            let instance_number = row[1].parse().ok();
            Evidence { slice_key: row[1].into(), instance_number, z_mm: z(row), matrix: [512, 512], vertebrae, boxes }
        });
        Study {
            name: name.into(),
            truth: Level::ALL.into_iter().filter(|l| rows[0][19].split(' ').any(|word| word == l.name())).collect(),
            evidence: evidence.collect(),
            shown: rows
                .iter()
                .map(|row| (row[10] != "-1").then(|| std::array::from_fn(|i| row[10 + i] == "1")))
                .collect(),
            first_true_box: rows.iter().position(|row| !row[18].is_empty()),
        }
    };
    rows.into_iter().map(study).collect()
}

fn context(study: &Study, slices: usize, completeness: Completeness) -> SeriesContext {
    let distances = study.evidence.windows(2).map(|w| w[0].z_mm - w[1].z_mm);
    let spacing_mm = distances.min_by(f64::total_cmp);
    SeriesContext { completeness, spacing_mm, ..SeriesContext::complete(u32::try_from(slices).unwrap()) }
}

fn judge(rule: &Rule, study: &Study, point: &OperatingPoint) -> Assessment {
    assess_with(rule, &study.evidence, &context(study, study.evidence.len(), Completeness::Quiet), point)
}

fn found(assessment: &Assessment) -> Vec<Level> {
    let mut levels: Vec<Level> = assessment.levels().collect();
    levels.sort();
    levels
}

fn is_right(study: &Study, assessment: &Assessment) -> bool {
    match study.truth.is_empty() {
        true => assessment.verdict == Verdict::NoneSuspected,
        false => assessment.verdict == Verdict::Suspected,
    }
}

#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
struct Score {
    right_verdicts: usize,
    right_levels: usize,
    missed: usize,
    false_alarms: usize,
    partly: usize,
    levels_missed: usize,
    levels_too_many: usize,
}

fn measure(rule: &Rule, studies: &[Study], point: &OperatingPoint) -> Score {
    let mut score = Score::default();
    for study in studies {
        let assessment = judge(rule, study, point);
        let (levels, suspected) = (found(&assessment), assessment.verdict == Verdict::Suspected);
        score.right_verdicts += usize::from(is_right(study, &assessment));
        score.right_levels += usize::from(levels == study.truth);
        score.missed += usize::from(!study.truth.is_empty() && !suspected);
        score.false_alarms += usize::from(study.truth.is_empty() && suspected);
        score.partly += usize::from(!matches!(assessment.verdict, Verdict::Suspected | Verdict::NoneSuspected));
        score.levels_missed += study.truth.iter().filter(|level| !levels.contains(level)).count();
        score.levels_too_many += levels.iter().filter(|level| !study.truth.contains(level)).count();
    }
    score
}

/// Of the slices that show a vertebra, the share of which all seven answers are right: by the classifier alone, and as counted
/// along the neck.
fn counted(rule: &Rule, studies: &[Study], point: &OperatingPoint) -> [f64; 2] {
    let (mut all, mut right) = (0_u32, [0_u32; 2]);
    for study in studies {
        let counted = vertebrae_shown(rule, &study.evidence, point);
        for (evidence, shown) in study.evidence.iter().zip(&study.shown) {
            let Some(shown) = shown.filter(|shown| shown.contains(&true)) else { continue };
            let alone: [bool; 7] = std::array::from_fn(|i| evidence.vertebrae[i] >= point.thresholds[i]);
            all += 1;
            right[0] += u32::from(alone == shown);
            right[1] += u32::from(counted[&evidence.slice_key] == shown);
        }
    }
    right.map(|right| f64::from(right) / f64::from(all.max(1)))
}

/// How often a vertebra with a score in each tenth is fractured.
fn reliability(studies: &[Study], point: &OperatingPoint) {
    let mut tenths = [(0_u32, 0_u32); 10];
    for study in studies {
        let assessment = judge(&Rule::SHIPPED, study, point);
        for level in Level::ALL {
            let score = assessment.vertebrae[level as usize];
            let tenth = (0..10_u8).rev().find(|t| score >= f32::from(*t) / 10.0).unwrap();
            let (fractured, all) = &mut tenths[usize::from(tenth)];
            *fractured += u32::from(study.truth.contains(&level));
            *all += 1;
        }
    }
    for (tenth, (fractured, all)) in tenths.iter().enumerate() {
        println!("score from 0.{tenth}: {fractured:4} of {all:4} vertebrae are fractured");
    }
}

/// Slices one by one: how long after the first slice with a fracture the alert comes, and how often it is told again.
fn delays(studies: &[Study], point: &OperatingPoint) {
    let (mut delays_mm, mut words) = (Vec::new(), BTreeMap::new());
    for study in studies {
        let mut told: Option<Assessment> = None;
        let mut tell = |n: usize, now: Assessment| {
            let Some(revision) = Revision::between(told.as_ref(), &now) else { return };
            *words.entry(format!("{revision:?}{}", if now.provisional { ", provisional" } else { "" })).or_insert(0) +=
                1;
            if let (true, Revision::First, Some(first)) = (now.provisional, revision, study.first_true_box) {
                delays_mm.push(study.evidence[first].z_mm - study.evidence[n - 1].z_mm);
            }
            told = Some(now);
        };
        for n in 1..=study.evidence.len() {
            let context = context(study, n, Completeness::Receiving);
            tell(n, assess_with(&Rule::SHIPPED, &study.evidence[..n], &context, point));
        }
        tell(study.evidence.len(), judge(&Rule::SHIPPED, study, point));
    }
    delays_mm.sort_by(f64::total_cmp);
    let part = |percent: usize| delays_mm[(delays_mm.len() - 1) * percent / 100];
    println!("told: {words:?}");
    if !delays_mm.is_empty() {
        println!("first alert, mm after the first slice with a fracture: p50 {:.1}, p95 {:.1}", part(50), part(95));
    }
}

#[test]
#[ignore = "needs SPINEWATCH_EVIDENCE, the models' evidence on held-out studies"]
fn the_shipped_rule_is_measured_on_held_out_studies() {
    let path = std::env::var("SPINEWATCH_EVIDENCE").unwrap();
    let point = operating_point();
    let studies = studies(&std::fs::read_to_string(path).unwrap(), point.gate);
    let shipped = Rule::SHIPPED;
    println!("{} studies, {} fractured", studies.len(), studies.iter().filter(|s| !s.truth.is_empty()).count());
    println!("shipped: {:?}", measure(&shipped, &studies, &point));
    let [alone, along_the_neck] = counted(&shipped, &studies, &point);
    println!("slices with all vertebrae named: {alone:.3} by the classifier alone, {along_the_neck:.3} counted");
    let neighbours = |by: f64| {
        let Rule { most_for, most_against, pitch_weight, end_weight, size_weight, .. } = shipped;
        [
            ("most_for", Rule { most_for: by * most_for, ..shipped }),
            ("most_against", Rule { most_against: by * most_against, ..shipped }),
            ("pitch_weight", Rule { pitch_weight: by * pitch_weight, ..shipped }),
            ("end_weight", Rule { end_weight: by * end_weight, ..shipped }),
            ("size_weight", Rule { size_weight: by * size_weight, ..shipped }),
        ]
    };
    for by in [0.5, 2.0] {
        for (name, rule) in neighbours(by) {
            let [_, along_the_neck] = counted(&rule, &studies, &point);
            println!("{name} times {by}: {along_the_neck:.3} counted, {:?}", measure(&rule, &studies, &point));
        }
    }
    for mass_scale_mm in [0.8, 1.1, 1.7, 2.0] {
        println!("mass_scale_mm {mass_scale_mm}: {:?}", measure(&Rule { mass_scale_mm, ..shipped }, &studies, &point));
    }
    for level_cost_mm in [1.0, 1.5, 2.5, 3.0] {
        println!("level_cost_mm {level_cost_mm}: {:?}", measure(&Rule { level_cost_mm, ..shipped }, &studies, &point));
    }
    for longest_in_one in [0.0, 1.3, 1.4, 1.5, 1.6] {
        let rule = Rule { longest_in_one, ..shipped };
        println!("longest_in_one {longest_in_one}: {:?}", measure(&rule, &studies, &point));
    }
    for link_iou in [0.2, 0.3, 0.4] {
        println!("link_iou {link_iou}: {:?}", measure(&Rule { link_iou, ..shipped }, &studies, &point));
    }
    for link_distance in [0.2, 0.3, 0.8] {
        println!("link_distance {link_distance}: {:?}", measure(&Rule { link_distance, ..shipped }, &studies, &point));
    }
    for link_mm in [1.5, 2.0, 4.0] {
        println!("link_mm {link_mm}: {:?}", measure(&Rule { link_mm, ..shipped }, &studies, &point));
    }
    reliability(&studies, &point);
    delays(&studies, &point);
    for study in &studies {
        let assessment = judge(&shipped, study, &point);
        if !is_right(study, &assessment) || found(&assessment) != study.truth {
            println!(
                "{}: fractured {:?}, found {:?}, {}, missing {:?}, scores {:.2?}",
                study.name,
                study.truth,
                found(&assessment),
                assessment.verdict.name(),
                assessment.missing,
                assessment.vertebrae
            );
        }
    }
    let right = measure(&shipped, &studies, &point).right_verdicts;
    assert!(right * 100 >= studies.len() * 90, "{right} of {} verdicts", studies.len());
}
