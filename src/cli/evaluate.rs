//! `spinewatch evaluate`: a data set with its truth in, the papers' figures out, by the very stages of the daemon.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::model_folders::ModelFolders;
use super::table::Table;
use super::workers::Workers;
use crate::appliance::{Offline, Outcome};
use crate::evaluation::dataset::{self, StudyTruth};
use crate::evaluation::{Cuts, Figure, Group, SliceResult, StudyResult, figures};
use crate::inference::{Analyser, Choice, TractEngine};
use crate::publish::{NOTICE, PHANTOM_NOTICE};
use crate::triage::Level;

/// Boxes from this score on make the curve of precision against recall.
const FAINT: f32 = 0.01;

/// Evaluate the packages on studies with a known truth.
///
/// The layout is that of the RSNA 2022 challenge: train.csv, train_bounding_boxes.csv,
/// train_images/<StudyInstanceUID>/<n>.dcm; which vertebrae a slice shows is read from slices.csv, which
/// `spinewatch phantom dataset` writes. Use studies that no network was trained on.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Folder of the data set.
    #[arg(long, value_name = "DIR")]
    dataset: PathBuf,
    #[command(flatten)]
    models: ModelFolders,
    /// Only so many studies, the first of train.csv.
    #[arg(long, value_name = "N")]
    studies: Option<usize>,
    #[command(flatten)]
    workers: Workers,
    /// Resamples for the intervals.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    resamples: usize,
    /// The same seed gives the same intervals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    not_for_diagnosis: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limitation: Option<&'static str>,
    models: Vec<String>,
    studies: usize,
    fractured: usize,
    slices: usize,
    resamples: usize,
    figures: Vec<Figure>,
    misjudged: Vec<Misjudged>,
}

/// A study whose verdict or levels are wrong.
#[derive(Serialize)]
struct Misjudged {
    study: String,
    fractured: String,
    named: String,
    verdict: &'static str,
}

/// Runs the verb.
///
/// # Errors
/// When the data set or the packages cannot be read.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let keys = args.models.trusted()?;
    let analyser = Analyser::open(&args.models.dir(), &Choice::default(), &keys, &TractEngine::default())?;
    let point = analyser.operating_point();
    let models = analyser.models().iter().map(|model| format!("{} {}", model.name, model.version)).collect();
    let phantom = analyser.is_phantom_trained();
    let workers = args.workers.count();
    let analyser = Arc::new(analyser.with_faint_boxes(FAINT));
    let mut truths = dataset::read(&args.dataset)?;
    truths.truncate(args.studies.unwrap_or(usize::MAX));
    let bar = ProgressBar::new(truths.iter().map(|truth| truth.files.len() as u64).sum());
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} slices, {eta} left")?);
    let studies: Vec<StudyResult> =
        truths.iter().map(|truth| evaluate(truth, &analyser, workers, &bar)).collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    let report = Report {
        not_for_diagnosis: NOTICE,
        limitation: phantom.then_some(PHANTOM_NOTICE),
        models,
        studies: studies.len(),
        fractured: studies.iter().filter(|study| study.fractured.contains(&true)).count(),
        slices: studies.iter().map(|study| study.slices.len()).sum(),
        resamples: args.resamples,
        figures: figures(&studies, &Cuts { point, resamples: args.resamples, seed: args.seed }),
        misjudged: studies.iter().filter_map(misjudged).collect(),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

/// One study through the device's own path.
fn evaluate(
    truth: &StudyTruth,
    analyser: &Arc<Analyser>,
    workers: NonZeroUsize,
    bar: &ProgressBar,
) -> anyhow::Result<StudyResult> {
    let mut offline = Offline::new(Ok(analyser), workers)?;
    for (number, path) in &truth.files {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        offline.read(&number.to_string(), &bytes);
        bar.inc(1);
    }
    let outcome = offline.finish();
    let slices = slices(truth, &outcome);
    // of several series in a study's folder the one that says most counts
    let statements = outcome.statements.into_values().map(|statement| statement.assessment);
    let Some(assessment) = statements.max_by_key(|assessment| assessment.verdict.priority()) else {
        bail!("{}: no slice of it could be read", truth.study);
    };
    Ok(StudyResult {
        study: truth.study.clone(),
        fractured: truth.fractured,
        fractures: truth.fractures.clone(),
        boxes_known: truth.boxes_known(),
        slices,
        assessment,
    })
}

/// Slices that the device did not analyse count as ones in which it saw nothing.
fn slices(truth: &StudyTruth, outcome: &Outcome) -> Vec<SliceResult> {
    let slice = |(number, _): &(u32, PathBuf)| {
        let evidence = outcome.evidence.get(&number.to_string()).and_then(|evidence| evidence.first());
        SliceResult {
            number: *number,
            visible: truth.visible.get(number).copied(),
            vertebrae: evidence.map_or([0.0; 7], |evidence| evidence.vertebrae),
            true_boxes: truth.boxes.get(number).cloned().unwrap_or_default(),
            boxes: evidence.map(|evidence| evidence.boxes.clone()).unwrap_or_default(),
        }
    };
    truth.files.iter().map(slice).collect()
}

fn misjudged(study: &StudyResult) -> Option<Misjudged> {
    let mut named: Vec<Level> = study.assessment.levels().collect();
    named.sort();
    let fractured: Vec<Level> = Level::ALL.into_iter().filter(|level| study.fractured[*level as usize]).collect();
    let words = |levels: &[Level]| levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(" ");
    (named != fractured).then(|| Misjudged {
        study: study.study.clone(),
        fractured: words(&fractured),
        named: words(&named),
        verdict: study.assessment.verdict.name(),
    })
}

fn print(report: &Report) {
    println!(
        "{} studies ({} fractured), {} slices; {}; intervals: 95 %, {} resamples of the studies",
        report.studies,
        report.fractured,
        report.slices,
        report.models.join(", "),
        report.resamples
    );
    for group in Group::ALL {
        let mut table = Table::new([
            group.title(),
            "figure",
            "95 % interval",
        ]);
        for figure in report.figures.iter().filter(|figure| figure.group == group) {
            table.row([
                figure.name.clone(),
                figure.value.map_or_else(|| "-".into(), |value| format!("{value:.3}")),
                figure.interval.map_or_else(String::new, |[low, high]| format!("{low:.3} to {high:.3}")),
            ]);
        }
        println!("\n{table}");
    }
    if !report.misjudged.is_empty() {
        let mut table = Table::new(["misjudged study", "fractured", "named", "verdict"]);
        for study in &report.misjudged {
            let dash = |words: &str| if words.is_empty() { "-".to_owned() } else { words.to_owned() };
            table.row([study.study.clone(), dash(&study.fractured), dash(&study.named), study.verdict.to_owned()]);
        }
        println!("{table}");
    }
    println!("{}.", report.not_for_diagnosis);
    if let Some(limitation) = report.limitation {
        println!("{limitation}.");
    }
}
