//! `spinewatch bench pipeline`: a phantom study from its files to its verdict, in turn with the same path in Python.

mod report;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::report::Report;
use super::clock::{Lap, Moment, ms};
use super::python::{Peers, Python};
use crate::appliance::{Offline, Outcome, StageTimes};
use crate::cli::model_folders::ModelFolders;
use crate::inference::{Analyser, Choice, TractEngine};
use crate::phantom::{Fractures, Habits, Study, StudySpec, dataset};
use crate::publish::embedded_broker::EmbeddedBroker;
use crate::triage::{Evidence, Level};

/// Slices per second from file to verdict, per stage, in rounds that alternate with those of named peers.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    #[command(flatten)]
    models: ModelFolders,
    /// Phantom studies, fractured and intact in turn.
    #[arg(long, value_name = "N", default_value = "2")]
    studies: NonZeroUsize,
    /// Slices a study.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=4000))]
    slices: u16,
    /// Seed of the first study.
    #[arg(long, default_value_t = 90_001)]
    seed: u64,
    /// Threads of the networks, and of the peer's libraries. With 1, everything runs on one thread.
    #[arg(long, value_name = "N", default_value = "1")]
    workers: NonZeroUsize,
    /// A peer to compare with.
    #[arg(long, value_enum, value_name = "PEER")]
    against: Option<Peer>,
    #[command(flatten)]
    peers: Peers,
    /// Measured passes over each study.
    #[arg(long, value_name = "N", default_value = "3")]
    rounds: NonZeroUsize,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// pydicom, ONNX Runtime and paho-mqtt: tests/peer/pipeline.py.
    Python,
}

/// Stages in the order of the path; `assess` is all that is left: series, triage, ledger records.
const STAGES: [&str; 6] = ["read", "decode", "prepare", "classifier", "detector", "assess"];

/// One study, one pass.
#[derive(Deserialize)]
struct Pass {
    lap: Lap,
    /// Wall time, ms. Of several threads all together.
    stages: BTreeMap<String, f64>,
    /// By file: levels seen, and number of boxes.
    slices: BTreeMap<String, (Vec<String>, usize)>,
    suspected: Vec<String>,
    /// Of a peer that publishes.
    #[serde(default)]
    publish: Option<Published>,
}

/// What became of a message.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
enum Published {
    /// Acknowledged after so many ms.
    Ms(f64),
    /// Why there was none.
    Not(String),
}

/// Runs the verb.
///
/// # Errors
/// When a package does not hold, the studies cannot be written, or the peer cannot be started; with the cure.
pub fn run(args: &PipelineArgs) -> anyhow::Result<ExitCode> {
    let keys = args.models.trusted()?;
    let analyser = Arc::new(Analyser::open(&args.models.dir(), &Choice::default(), &keys, &TractEngine::default())?);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let broker = runtime.block_on(EmbeddedBroker::start())?;
    let mut peer = args.against.map(|Peer::Python| start(args, &broker)).transpose()?;
    let studies = write(args, folder.path())?;

    let nothing = || studies.iter().map(|_| Vec::new()).collect::<Vec<Vec<Pass>>>();
    let (mut ours, mut theirs) = (nothing(), nothing());
    // the first round warms up
    for round in 0..=args.rounds.get() {
        for (number, files) in studies.iter().enumerate() {
            let pass = pass(&analyser, args.workers, files)?;
            let other = match &mut peer {
                Some((python, _)) => Some(python.ask::<Pass>(&json!({ "do": "study", "files": files }))?),
                None => None,
            };
            if round > 0 {
                ours[number].push(pass);
                theirs[number].extend(other);
            }
        }
    }
    let peer = peer.map(|(_, version)| (version, theirs.as_slice()));
    let report = Report::of(&ours, peer, args.slices, args.workers.get());
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Ready {
    version: String,
}

fn start(args: &PipelineArgs, broker: &EmbeddedBroker) -> anyhow::Result<(Python, String)> {
    let mut python = Python::start(&args.peers, "pipeline.py", args.workers.get())?;
    let Ready { version } = python.ask(&json!({ "do": "version" }))?;
    let address = broker.address();
    python.ask::<serde_json::Value>(&json!({
        "do": "load", "models": args.models.dir(), "threads": args.workers,
        "broker": [address.ip().to_string(), address.port()],
    }))?;
    Ok((python, format!("Python: {version}")))
}

/// Writes the studies; the files of each in the order of the console.
fn write(args: &PipelineArgs, folder: &Path) -> anyhow::Result<Vec<Vec<PathBuf>>> {
    let study = |number: usize| {
        let fractures = if number.is_multiple_of(2) { Fractures::Fractured } else { Fractures::Intact };
        let spec = StudySpec {
            fractures,
            slices: Some(usize::from(args.slices)),
            ..StudySpec::new(args.seed.wrapping_add(number as u64))
        };
        let folder = folder.join(number.to_string());
        dataset::write_series(&Study::generate(&spec), &Habits::console(), &folder, &|| ())?;
        Ok((1..=args.slices).map(|n| folder.join(format!("{n}.dcm"))).collect())
    };
    (0..args.studies.get()).map(study).collect()
}

/// Ours, once over a study.
fn pass(analyser: &Arc<Analyser>, workers: NonZeroUsize, files: &[PathBuf]) -> anyhow::Result<Pass> {
    let started = Moment::now();
    let mut offline = match workers {
        NonZeroUsize::MIN => Offline::on_this_thread(analyser)?,
        workers => Offline::new(Ok(analyser), workers)?,
    };
    let mut read_ms = 0.0;
    for file in files {
        let began = Moment::now();
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        read_ms += began.elapsed().wall_ms;
        offline.read(&file.display().to_string(), &bytes);
    }
    let outcome = offline.finish();
    let lap = started.elapsed();
    Ok(Pass {
        stages: stages(&outcome, read_ms, lap.wall_ms),
        lap,
        slices: outcome.evidence.iter().map(|(file, said)| (file.clone(), seen(analyser, said))).collect(),
        suspected: suspected(&outcome),
        publish: None,
    })
}

fn stages(outcome: &Outcome, read_ms: f64, wall_ms: f64) -> BTreeMap<String, f64> {
    let mut times = StageTimes::default();
    outcome.statements.values().for_each(|statement| times.merge(&statement.stages));
    let [decode, prepare, classifier, detector] =
        [times.decode, times.prepare, times.classifier, times.detector].map(|stage| ms(stage.total));
    let rest = (wall_ms - read_ms - decode - prepare - classifier - detector).max(0.0);
    let times = [read_ms, decode, prepare, classifier, detector, rest];
    STAGES.into_iter().map(str::to_owned).zip(times).collect()
}

fn seen(analyser: &Analyser, said: &[Evidence]) -> (Vec<String>, usize) {
    let point = analyser.operating_point();
    let shown =
        |evidence: &Evidence, level: Level| evidence.vertebrae[level as usize] >= point.thresholds[level as usize];
    let levels = Level::ALL.into_iter().filter(|level| said.iter().any(|evidence| shown(evidence, *level)));
    let boxes = said.iter().flat_map(|evidence| &evidence.boxes).filter(|found| found.score >= point.score).count();
    (levels.map(|level| level.name().to_owned()).collect(), boxes)
}

fn suspected(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.statements.values().flat_map(|statement| &statement.assessment.findings);
    findings.map(|finding| finding.level.name().to_owned()).collect()
}
