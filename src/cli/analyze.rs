//! `spinewatch analyze`: files in, verdicts out, with the very stages of the daemon and without its share, store and wire.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use super::documents;
use super::heatmaps::{self, Heatmap};
use super::model_folders::ModelFolders;
use super::table::Table;
use super::workers::Workers;
use crate::appliance::desk::Statement;
use crate::appliance::{Offline, Rejected, model_tags, stage_timings};
use crate::config::ResultFormat;
use crate::inference::{Analyser, AnalyserError, Choice, SecondOpinion, TractEngine, load_all};
use crate::publish::{NOTICE, PHANTOM_NOTICE, StageTiming};
use crate::triage::{Assessment, Verdict};

/// Analyse DICOM files or folders on this machine and print a verdict per series.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Files, or folders that are searched for files.
    #[arg(required = true, value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    models: ModelFolders,
    #[command(flatten)]
    workers: Workers,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Write documents for archive and hospital system into this folder, to look at: under names that no other run gives.
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Which documents; all of them without this. Those of DICOM name the study by its UID.
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', requires = "results", value_parser = format)]
    formats: Vec<ResultFormat>,
    /// Write the best slice of each suspected finding into this folder as a picture, with what a fracture-classifier
    /// package looks at. No verdict rests on it.
    #[arg(long, value_name = "DIR")]
    heatmaps: Option<PathBuf>,
}

const FORMATS: [ResultFormat; 4] =
    [ResultFormat::Fhir, ResultFormat::DicomSr, ResultFormat::DicomSc, ResultFormat::Hl7];

fn format(name: &str) -> Result<ResultFormat, String> {
    let known = || FORMATS.map(ResultFormat::name).join(", ");
    FORMATS.into_iter().find(|format| format.name() == name).ok_or_else(|| format!("{name}: allowed are {}", known()))
}

#[derive(Serialize)]
struct Report {
    not_for_diagnosis: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limitation: Option<&'static str>,
    series: Vec<SeriesReport>,
    rejected: Vec<RejectedFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    documents: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heatmaps: Vec<Heatmap>,
}

#[derive(Serialize)]
struct SeriesReport {
    study: String,
    series: String,
    #[serde(flatten)]
    assessment: Assessment,
    stages: Vec<StageTiming>,
}

#[derive(Serialize)]
struct RejectedFile {
    file: String,
    fate: &'static str,
    code: String,
    reason: String,
}

/// Runs the verb.
///
/// # Errors
/// When a path cannot be read or the workers cannot be started.
pub fn run(args: &AnalyzeArgs) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files).with_context(|| format!("cannot read {}", path.display()))?;
    }
    files.sort();
    if files.is_empty() {
        bail!("no file in {}", args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "));
    }
    let report = analyse(args, &files)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        std::fs::metadata(path)?;
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn analyse(args: &AnalyzeArgs, files: &[PathBuf]) -> anyhow::Result<Report> {
    let (analyser, second) = args.packages()?;
    let analyser = analyser.map(Arc::new);
    let mut offline = Offline::new(analyser.as_ref(), args.workers.count())?;
    let formats: BTreeSet<ResultFormat> =
        if args.formats.is_empty() { FORMATS.into() } else { args.formats.iter().copied().collect() };
    if args.results.is_some() && formats.iter().any(|format| format.needs_clear_identifiers()) {
        offline.keep_uids();
    }
    for file in files {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        offline.read(&file.display().to_string(), &bytes);
    }
    let outcome = offline.finish();
    let phantom = analyser.as_ref().is_ok_and(|analyser| analyser.is_phantom_trained());
    let models = analyser.as_ref().map_or_else(|_| Vec::new(), |analyser| model_tags(analyser));
    let documents = match &args.results {
        Some(dir) => documents::write(&outcome, &models, dir, &formats)?,
        None => Vec::new(),
    };
    let heatmaps = match (&args.heatmaps, second) {
        (Some(dir), Some(mut second)) => {
            let of_phantom = phantom || second.model().phantom_trained;
            let notice = if of_phantom { format!("{NOTICE}. {PHANTOM_NOTICE}.") } else { format!("{NOTICE}.") };
            heatmaps::write(dir, &mut second, &outcome, short, &notice)?
        }
        _ => Vec::new(),
    };
    Ok(Report {
        not_for_diagnosis: NOTICE,
        limitation: phantom.then_some(PHANTOM_NOTICE),
        series: outcome.statements.into_values().map(SeriesReport::from).collect(),
        rejected: outcome.rejected.into_iter().map(RejectedFile::from).collect(),
        documents,
        heatmaps,
    })
}

impl AnalyzeArgs {
    /// The packages that verdicts rest on, and the fracture classifier where pictures are asked for.
    fn packages(&self) -> anyhow::Result<(Result<Analyser, AnalyserError>, Option<SecondOpinion>)> {
        let (keys, dir, engine) = (self.models.trusted()?, self.models.dir(), TractEngine::default());
        if self.heatmaps.is_none() {
            return Ok((Analyser::open(&dir, &Choice::default(), &keys, &engine), None));
        }
        let (mut loaded, mut refused) = (Vec::new(), Vec::new());
        for outcome in load_all(&dir, &keys, &engine) {
            match outcome {
                Ok(model) => loaded.push(model),
                Err(refusal) => refused.push(refusal),
            }
        }
        let second = SecondOpinion::take(&mut loaded).map_err(anyhow::Error::msg)?.with_context(|| {
            let refused: String = refused.iter().map(|refusal| format!("; refused: {}", refusal.why)).collect();
            format!("--heatmaps: {} holds no usable fracture-classifier package{refused}", dir.display())
        })?;
        Ok((Analyser::assemble(loaded, refused, &Choice::default()), Some(second)))
    }
}

impl From<Rejected> for RejectedFile {
    fn from(Rejected { file, fate, code, reason }: Rejected) -> Self {
        Self { file, fate, code, reason }
    }
}

impl From<Statement> for SeriesReport {
    fn from(statement: Statement) -> Self {
        Self {
            study: short(&statement.study_key),
            series: short(&statement.series_key),
            assessment: statement.assessment,
            stages: stage_timings(&statement.stages),
        }
    }
}

/// Keys of a run that keeps nothing: the first digits tell series apart.
fn short(key: &str) -> String {
    key.chars().take(8).collect()
}

fn print(report: &Report) {
    let mut table = Table::new(["study", "series", "slices", "extent", "levels seen", "verdict", "findings"]);
    for series in &report.series {
        let assessment = &series.assessment;
        let coverage = &assessment.coverage;
        let seen = coverage.levels_seen.iter().map(|level| level.name()).collect::<Vec<_>>().join(" ");
        let findings = assessment.findings.iter().map(|finding| {
            let best = &finding.best_slice;
            let slice = best.instance_number.map_or_else(String::new, |number| format!(", slice {number}"));
            format!("{} {:.2} (z {:.1} mm{slice})", finding.level.name(), finding.score, best.z_mm)
        });
        table.row([
            series.study.clone(),
            series.series.clone(),
            coverage.slices_analysed.to_string(),
            format!("{:.0} mm", coverage.extent_mm),
            if seen.is_empty() { "-".into() } else { seen },
            assessment.verdict.name().to_owned(),
            findings.collect::<Vec<_>>().join("; "),
        ]);
    }
    print!("{table}");
    for series in &report.series {
        match &series.assessment.verdict {
            Verdict::NotAnalysed { why } => println!("{}: not analysed: {why}", series.series),
            _ if !series.assessment.missing.is_empty() => {
                println!("{}: missing: {}", series.series, crate::display::missing_words(&series.assessment.missing));
            }
            _ => {}
        }
    }
    for file in &report.rejected {
        println!("{}: {} ({}): {}", file.file, file.fate, file.code, file.reason);
    }
    for name in &report.documents {
        println!("written: {name}");
    }
    for Heatmap { file, level, probability } in &report.heatmaps {
        println!("written: {file}: {level}, second opinion {probability:.2}");
    }
    println!("{}.", report.not_for_diagnosis);
    if let Some(limitation) = report.limitation {
        println!("{limitation}.");
    }
}
