//! `spinewatch evaluate`: a data set with its truth in, the papers' figures out, by the very stages of the daemon.

mod output;
mod passage;
mod printed;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::model_folders::ModelFolders;
use super::workers::Workers;
use crate::evaluation::dataset;
use crate::evaluation::{Beside, Cuts, Figure, Stratum, StudyResult, beside, figures, strata};
use crate::inference::{Analyser, Choice, Quantised, SecondOpinion, TractEngine, load, load_all};
use crate::publish::{NOTICE, PHANTOM_NOTICE};
use crate::triage::Level;
use passage::Passage;

/// Boxes from this score on make the curve of precision against recall.
const FAINT: f32 = 0.01;
/// Version of what `--json` prints.
const FORMAT: u32 = 1;

/// Evaluate the packages on studies with a known truth.
///
/// The layout is that of the RSNA 2022 challenge: train.csv, train_bounding_boxes.csv,
/// train_images/<StudyInstanceUID>/<n>.dcm; which vertebrae a slice shows is read from slices.csv, and how difficult a
/// fracture is from fractures.csv, which `spinewatch phantom dataset` writes. Use studies that no network was trained on.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Folder of the data set.
    #[arg(long, value_name = "DIR")]
    dataset: PathBuf,
    #[command(flatten)]
    models: ModelFolders,
    /// Folder of one package, in place of the folder of packages; once for the classifier, once for the detector, and
    /// once for a fracture classifier where there is one.
    #[arg(long, value_name = "DIR")]
    package: Vec<PathBuf>,
    /// Name of the vertebra classifier, where the folder holds several.
    #[arg(long, value_name = "NAME")]
    classifier: Option<String>,
    /// Name of the fracture detector, where the folder holds several.
    #[arg(long, value_name = "NAME")]
    detector: Option<String>,
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
    /// Run the networks as they were trained too, and give each figure's difference: DIR holds their packages in single
    /// precision (training writes them to out/float32). Without DIR the same packages, with activations in single
    /// precision; their weights stay rounded.
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "not asked for, asked for, asked for with a folder")]
    float32: Option<Option<PathBuf>>,
    /// Write a page with tables, curves and the worst misses as pictures: DIR/index.html, which needs nothing else.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write what the networks said of each slice and study as lines of JSON.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints. Fields are added, never renamed; `format` rises when one changes its meaning.
#[derive(Serialize)]
struct Report {
    format: u32,
    not_for_diagnosis: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limitation: Option<&'static str>,
    models: Vec<String>,
    engine: String,
    studies: usize,
    fractured: usize,
    slices: usize,
    resamples: usize,
    seed: u64,
    figures: Vec<Figure>,
    strata: Vec<Stratum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    float32: Option<Float32>,
    misjudged: Vec<Misjudged>,
}

/// The networks in single precision.
#[derive(Serialize)]
struct Float32 {
    engine: String,
    /// Quantised less single precision.
    figures: Vec<Beside>,
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
/// When the data set or the packages cannot be read, or an output cannot be written.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let mut truths = dataset::read(&args.dataset)?;
    truths.truncate(args.studies.unwrap_or(usize::MAX));
    let mut quantised = args.passage(&TractEngine::default(), None)?;
    let studies = quantised.run(&truths, args.workers.count())?;
    let float32 = args.float32.as_ref().map(|folder| {
        let mut passage = args.passage(&TractEngine { quantised: Quantised::Reals }, folder.as_deref())?;
        let engine = match folder {
            Some(_) => format!("float32, {}", passage.engine),
            None => format!("int8 weights, float32 activations, {}", passage.engine),
        };
        anyhow::Ok((passage.run(&truths, args.workers.count())?, engine))
    });
    let float32 = float32.transpose()?;
    let cuts = Cuts { point: quantised.point, resamples: args.resamples, seed: args.seed };
    let report = Report {
        format: FORMAT,
        not_for_diagnosis: NOTICE,
        limitation: quantised.phantom.then_some(PHANTOM_NOTICE),
        models: quantised.models.clone(),
        engine: quantised.engine.clone(),
        studies: studies.len(),
        fractured: studies.iter().filter(|study| study.fractured.contains(&true)).count(),
        slices: studies.iter().map(|study| study.slices.len()).sum(),
        resamples: args.resamples,
        seed: args.seed,
        figures: figures(&studies, &cuts),
        strata: strata(&studies, &cuts),
        float32: float32
            .as_ref()
            .map(|(others, engine)| Float32 { engine: engine.clone(), figures: beside(&studies, others, &cuts) }),
        misjudged: studies.iter().filter_map(misjudged).collect(),
    };
    if let Some(path) = &args.predictions {
        output::predictions(path, &report, &cuts.point, &studies)?;
    }
    if let Some(folder) = &args.report {
        let others = float32.as_ref().map(|(others, _)| others.as_slice());
        output::page(folder, &args.dataset, &report, &cuts, &truths, &studies, others)?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        printed::print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

impl EvaluateArgs {
    /// The packages by an engine, with boxes down to faint ones; all of those in `folder` where there is one.
    fn passage(&self, engine: &TractEngine, folder: Option<&Path>) -> anyhow::Result<Passage> {
        let choice = Choice { classifier: self.classifier.clone(), detector: self.detector.clone() };
        let keys = self.models.trusted()?;
        let outcomes = match folder {
            Some(folder) => load_all(folder, &keys, engine),
            None if self.package.is_empty() => load_all(&self.models.dir(), &keys, engine),
            None => self.package.iter().map(|folder| load(folder, &keys, engine)).collect(),
        };
        let (mut loaded, mut refused) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(model) => loaded.push(model),
                Err(refusal) => refused.push(refusal),
            }
        }
        for refusal in &refused {
            tracing::warn!(package = %refusal.package, why = %refusal.why, "a package is left out");
        }
        let second = SecondOpinion::take(&mut loaded).map_err(anyhow::Error::msg)?;
        let analyser = Analyser::assemble(loaded, refused, &choice).context("the packages cannot be evaluated")?;
        Ok(Passage::open(analyser.with_faint_boxes(FAINT), second, engine))
    }
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
