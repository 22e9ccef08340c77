//! The figures of `spinewatch evaluate` are those of scikit-learn and pycocotools on the same predictions, hard cases included.
//!
//! `tests/evaluation/reference.json` holds what `tests/peer/reference_metrics.py` said of the predictions that are drawn here.
//! With SPINEWATCH_METRICS_PYTHON set to a Python that has `tests/peer/requirements-metrics.txt`, it is asked again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use spinewatch::evaluation::predictions::{self, Run};
use spinewatch::evaluation::{Cuts, FractureOpinion, SliceResult, StudyResult, TrueBox, figures};
use spinewatch::triage::{
    Assessment, BestSlice, Completeness, Coverage, Finding, FractureBox, Level, OperatingPoint, Verdict,
};

const POINT: OperatingPoint =
    OperatingPoint { thresholds: [0.5, 0.4, 0.5, 0.6, 0.5, 0.5, 0.5], gate: 0.3, score: 0.25, finding_score: 0.55 };
const CLOSE: f64 = 1e-6;

type Figures = BTreeMap<String, Option<f64>>;

/// Probabilities on a coarse grid, so that many are equal, some to their thresholds and to edges of bins.
fn coarse(random: &mut Xoshiro256PlusPlus) -> f32 {
    f32::from(random.random_range(0..=20_u8)) / 20.0
}

fn boxes(random: &mut Xoshiro256PlusPlus, truth: &[TrueBox]) -> Vec<FractureBox> {
    let mut found: Vec<FractureBox> = Vec::new();
    for t in truth {
        // none, one or several boxes around each; sides in whole pixels, so that an IoU can be exactly a threshold
        for _ in 0..random.random_range(0..4_u8) {
            let mut off = || f32::from(random.random_range(-3..=3_i8));
            let (x, y, width, height) = (t.x + off(), t.y + off(), t.width + off(), t.height + off());
            found.push(FractureBox { x, y, width, height, score: coarse(random).max(0.05) });
        }
    }
    for _ in 0..random.random_range(0..3_u8) {
        let mut side = || f32::from(random.random_range(5..60_u8));
        let (x, y, width, height) = (side(), side(), side(), side());
        found.push(FractureBox { x, y, width, height, score: coarse(random) * 0.6 + 0.01 });
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

fn slice(random: &mut Xoshiro256PlusPlus, number: u32, fractured: bool, truth_known: bool) -> SliceResult {
    // C4 is never shown, C6 is never said, and a third of the slices shows nothing
    let top: usize = random.random_range(0..10);
    let visible: [bool; 7] = std::array::from_fn(|i| i != 3 && (i == top || (i == top + 1 && random.random_bool(0.6))));
    let vertebrae = std::array::from_fn(|i| match i {
        5 => coarse(random) * 0.45,
        _ if visible[i] => coarse(random).max(0.3),
        _ => coarse(random) * 0.7,
    });
    let many = if fractured { random.random_range(0..4_u8).saturating_sub(1) } else { 0 };
    let mut side = |low: u8, high: u8| f32::from(random.random_range(low..high));
    let mut true_boxes: Vec<TrueBox> = (0..many)
        .map(|_| TrueBox { x: side(10, 200), y: side(10, 200), width: side(10, 60), height: side(10, 60) })
        .collect();
    if let [first, second, ..] = true_boxes.as_mut_slice() {
        // two fractures that overlap: which one does a box between them meet?
        *second = TrueBox { x: first.x + 2.0, ..*first };
    }
    let boxes = boxes(random, &true_boxes);
    let shows = visible;
    let visible = truth_known.then_some(visible);
    // C7 is never said, and of some slices nobody was asked
    let probabilities = std::array::from_fn(|i| if i == 6 { coarse(random) * 0.45 } else { coarse(random) });
    let opinion = FractureOpinion { probabilities, said: probabilities.map(|p| p >= 0.5) };
    let opinion = random.random_bool(0.9).then_some(opinion);
    let counted = shows.map(|shown| shown != random.random_bool(0.1));
    SliceResult { number, visible, vertebrae, counted, true_boxes, boxes, opinion }
}

fn finding(level: Level, score: f32) -> Finding {
    let fracture_box = FractureBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0, score };
    let best_slice =
        BestSlice { slice_key: "k".into(), instance_number: None, z_mm: 0.0, fracture_box, matrix: [512, 512] };
    Finding { level, score, best_slice, z_range_mm: [0.0, 1.0], slices: 1 }
}

fn study(random: &mut Xoshiro256PlusPlus, number: u32) -> StudyResult {
    // C3 is never fractured
    let broken = random.random_bool(0.5);
    let fractured: [bool; 7] = std::array::from_fn(|i| broken && i != 2 && random.random_bool(0.3));
    let vertebrae: [f32; 7] =
        std::array::from_fn(|i| if fractured[i] { coarse(random).max(0.2) } else { coarse(random) * 0.6 });
    let mut findings: Vec<Finding> = Level::ALL
        .into_iter()
        .filter(|level| vertebrae[*level as usize] >= POINT.finding_score)
        .map(|level| finding(level, vertebrae[level as usize]))
        .collect();
    findings.sort_by(|a, b| b.score.total_cmp(&a.score));
    let none = if number == 6 { Verdict::PartlyAnalysed { missing: vec![] } } else { Verdict::NoneSuspected };
    let verdict = if findings.is_empty() { none } else { Verdict::Suspected };
    // one study has no slice, one no truth per slice, one no truth per box
    let slices = if number == 3 { 0 } else { random.random_range(4..14) };
    let mut slices: Vec<SliceResult> =
        (1..=slices).map(|n| slice(random, n, fractured.contains(&true), number != 4)).collect();
    if number % 4 == 1 {
        // a run of slices that show the same vertebrae, longer than what lies within the ends of one
        let long = slices.len().saturating_sub(2);
        for slice in &mut slices[..long] {
            slice.visible = Some([false, number % 8 == 1, true, false, false, false, false]);
        }
    }
    let coverage = Coverage {
        levels_seen: Level::ALL.to_vec(),
        slices_analysed: 0,
        slices_missing: 0,
        slices_unreadable: 0,
        gaps: vec![],
        extent_mm: 200.0,
    };
    let completeness = Completeness::Quiet;
    let (provisional, missing) = (false, vec![]);
    let assessment = Assessment { verdict, provisional, completeness, findings, vertebrae, coverage, missing };
    let study = format!("1.2.826.0.1.{number}");
    StudyResult { study, fractured, fractures: vec![], boxes_known: number != 5, slices, assessment }
}

/// The fixture: always the same.
fn studies() -> Vec<StudyResult> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(20_221_027);
    (0..24).map(|number| study(&mut random, number)).collect()
}

fn ours() -> Figures {
    let cuts = Cuts { point: POINT, resamples: 0, seed: 1 };
    figures(&studies(), &cuts).into_iter().map(|figure| (figure.key, figure.value)).collect()
}

fn compare(reference: &Figures) {
    let ours = ours();
    assert_eq!(ours.keys().collect::<Vec<_>>(), reference.keys().collect::<Vec<_>>());
    let differs = |(key, value): &(&String, &Option<f64>)| match (value, reference[*key]) {
        (Some(value), Some(reference)) => (value - reference).abs() > CLOSE,
        (value, reference) => value.is_some() != reference.is_some(),
    };
    let wrong: Vec<String> = ours
        .iter()
        .filter(differs)
        .map(|(key, value)| format!("{key}: ours {value:?}, the peers' {:?}", reference[key]))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn write_predictions(path: &Path) {
    let run = Run::new("drawn for a test".into(), vec![], "none", &POINT);
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    predictions::write(&mut file, &run, &studies()).unwrap();
}

#[test]
fn figures_are_those_of_scikit_learn_and_pycocotools_on_the_same_predictions() {
    compare(&serde_json::from_str(include_str!("evaluation/reference.json")).unwrap());
}

#[test]
fn the_fixture_has_the_hard_cases() {
    let (studies, figures) = (studies(), ours());
    let slices = || studies.iter().flat_map(|study| &study.slices);
    assert!(studies.iter().any(|study| study.slices.is_empty()), "a study without slices");
    assert!(slices().any(|slice| slice.visible.is_none()), "slices of unknown truth");
    assert!(slices().any(|slice| slice.visible == Some([false; 7])), "slices that show nothing");
    assert!(slices().all(|slice| !slice.visible.is_some_and(|visible| visible[3])), "a class without a positive");
    assert!(slices().any(|slice| slice.true_boxes.len() > 1 && slice.boxes.len() > 3), "several boxes");
    let tied = |slice: &SliceResult| slice.boxes.windows(2).any(|pair| pair[0].score == pair[1].score);
    assert!(slices().any(tied), "ties");
    for none in ["slices.c4.sensitivity", "slices.c4.auc", "slices.c6.precision", "studies.c3.sensitivity"] {
        assert_eq!(figures[none], None, "{none}");
    }
    let useful = |key: &str| (0.02..0.98).contains(&figures[key].unwrap());
    assert!(
        ["slices.macro_f1", "slices.exact_match_within", "boxes.map50", "boxes.map50_95", "studies.sensitivity"]
            .into_iter()
            .all(useful)
    );
}

#[test]
fn the_peers_say_the_same_today() {
    let Some(python) = std::env::var_os("SPINEWATCH_METRICS_PYTHON") else {
        println!("skipped: SPINEWATCH_METRICS_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.jsonl");
    write_predictions(&path);
    let output = Command::new(python).arg("tests/peer/reference_metrics.py").arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if std::env::var_os("SPINEWATCH_METRICS_KEEP").is_some() {
        std::fs::write("tests/evaluation/reference.json", &output.stdout).unwrap();
    }
    compare(&serde_json::from_slice(&output.stdout).unwrap());
}
