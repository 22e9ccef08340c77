//! `spinewatch bench engine`: one image through every contender in turn, round after round.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::clock::Lap;
use super::contender::{Contender, Options, Way};
use super::figures::{Spread, largest_difference, median};
use super::isa::Set;
use super::peak;
use super::python::Peers;
use super::subject::Subject;
use crate::cli::model_folders::ModelFolders;
use crate::cli::table::Table;
use crate::inference::Graph;

/// Time of one image, in pairs of runs that alternate with those of named peers.
#[derive(Debug, Args)]
pub struct EngineArgs {
    #[command(flatten)]
    models: ModelFolders,
    /// Bare ONNX files instead of packages; shapes from the graph, batch 1.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["models", "keys"])]
    onnx: Vec<PathBuf>,
    /// The engine that is measured.
    #[arg(long, value_enum, value_name = "WAY", default_value_t = Way::SHIPPED)]
    engine: Way,
    /// Instruction set of the engine that is measured, where it has a choice. Default: the best one.
    #[arg(long, value_name = "SET")]
    isa: Option<Set>,
    /// A peer to compare with; may be repeated.
    #[arg(long, value_enum, value_name = "WAY")]
    against: Vec<Way>,
    #[command(flatten)]
    peers: Peers,
    /// Measured runs of each contender.
    #[arg(long, value_name = "N", default_value = "20")]
    rounds: NonZeroUsize,
    /// Threads of ONNX Runtime and of the int8 engine for one image; tract uses one.
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZeroUsize,
    /// Leave the share of the peak out: measuring the peak takes as long as the clock says, which is in the way of those
    /// who count instructions.
    #[arg(long)]
    no_peak: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs before the measured ones.
const WARM_UP: usize = 2;

#[derive(Serialize)]
struct Report {
    rounds: usize,
    peak_gmac_s: Option<f64>,
    models: Vec<ModelReport>,
}

#[derive(Serialize)]
struct ModelReport {
    model: String,
    gmac: f64,
    /// The measured engine first.
    contenders: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    cpu_ms: f64,
    wall_ms: f64,
    /// Of the processor's time.
    gmac_s: f64,
    share_of_peak: Option<f64>,
    /// Its time in multiples of the measured engine's, round by round: above 1 the measured engine is faster.
    cpu_ratio: Option<Spread>,
    wall_ratio: Option<Spread>,
    /// Of an output, against the measured engine.
    largest_difference: Option<f32>,
    /// The same in steps of the output's quantisation, where it is quantised.
    difference_steps: Option<f32>,
}

/// Runs the verb; exit code 1 when a network could not be measured.
///
/// # Errors
/// When there is nothing to measure.
pub fn run(args: &EngineArgs) -> anyhow::Result<ExitCode> {
    let scratch = tempfile::tempdir()?;
    let isa = args.isa.map(|set| set.0);
    let options =
        Options { peers: args.peers.clone(), threads: args.threads.get(), isa, scratch: scratch.path().to_owned() };
    // the instruction set is a choice for the measured engine; a peer runs as it runs best
    let best = Options { isa: None, ..options.clone() };
    args.engine.check(&options)?;
    args.against.iter().try_for_each(|way| way.check(&best))?;
    let subjects: Vec<(String, anyhow::Result<Subject>)> = match args.onnx.as_slice() {
        [] => Subject::packages(&args.models)?.into_iter().map(|subject| (subject.name.clone(), Ok(subject))).collect(),
        files => files.iter().map(|file| (file.display().to_string(), Subject::of_file(file))).collect(),
    };
    // the share of it is told of the int8 engine
    let peak = (args.engine == Way::Int8 && !args.no_peak).then(|| peak::of(isa));
    let models = subjects.into_iter().map(|(name, subject)| {
        let measured = subject.and_then(|subject| {
            let contenders = prepare(args, &subject, &options, &best)?;
            Ok(ModelReport {
                model: subject.name.clone(),
                gmac: subject.graph.macs as f64 / 1e9,
                contenders: measure(contenders, &subject, args.rounds.get(), peak)?,
                failure: None,
            })
        });
        measured.unwrap_or_else(|why| ModelReport {
            model: name,
            gmac: 0.0,
            contenders: Vec::new(),
            failure: Some(format!("{why:#}")),
        })
    });
    let report = Report { rounds: args.rounds.get(), peak_gmac_s: peak, models: models.collect() };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    let failed = report.models.iter().any(|model| model.failure.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The measured engine first, then the peers.
fn prepare(
    args: &EngineArgs,
    subject: &Subject,
    options: &Options,
    best: &Options,
) -> anyhow::Result<Vec<Box<dyn Contender>>> {
    let peers = args.against.iter().map(|way| way.prepare(subject, best));
    std::iter::once(args.engine.prepare(subject, options)).chain(peers).collect()
}

fn measure(
    mut contenders: Vec<Box<dyn Contender>>,
    subject: &Subject,
    rounds: usize,
    peak: Option<f64>,
) -> anyhow::Result<Vec<Row>> {
    let laps = race(&mut contenders, rounds)?;
    let outputs = contenders.iter_mut().map(|c| c.output()).collect::<anyhow::Result<Vec<_>>>()?;
    let ran: Vec<Ran> = laps.iter().zip(&outputs).map(|(laps, output)| Ran { laps, output }).collect();
    let rows = contenders.iter().zip(&ran).enumerate();
    Ok(rows
        .map(|(number, (contender, this))| {
            let (peak, ours) = if number == 0 { (peak, None) } else { (None, ran.first()) };
            row(contender.name(), &subject.graph, this, peak, ours)
        })
        .collect())
}

/// Everybody once, in turn, so often; the first rounds do not count.
fn race(contenders: &mut [Box<dyn Contender>], rounds: usize) -> anyhow::Result<Vec<Vec<Lap>>> {
    let mut laps = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..WARM_UP + rounds {
        for (contender, laps) in contenders.iter_mut().zip(&mut laps) {
            let lap = contender.run()?;
            if round >= WARM_UP {
                laps.push(lap);
            }
        }
    }
    Ok(laps)
}

/// What came of the runs of one contender.
struct Ran<'a> {
    laps: &'a [Lap],
    output: &'a [f32],
}

/// A line of the report; a peer's is held against `ours`.
fn row(name: String, graph: &Graph, this: &Ran<'_>, peak: Option<f64>, ours: Option<&Ran<'_>>) -> Row {
    let times = |ran: &Ran<'_>, of: fn(&Lap) -> f64| ran.laps.iter().map(of).collect::<Vec<f64>>();
    let ratio = |of: fn(&Lap) -> f64| Spread::of_ratios(&times(this, of), &times(ours?, of));
    let cpu_ms = median(times(this, |lap| lap.cpu_ms));
    let gmac_s = graph.macs as f64 / 1e6 / cpu_ms;
    let largest = ours.map(|ours| largest_difference(ours.output, this.output));
    Row {
        name,
        cpu_ms,
        wall_ms: median(times(this, |lap| lap.wall_ms)),
        gmac_s,
        share_of_peak: peak.map(|peak| gmac_s / peak),
        cpu_ratio: ratio(|lap| lap.cpu_ms),
        wall_ratio: ratio(|lap| lap.wall_ms),
        largest_difference: largest,
        difference_steps: largest.zip(graph.output_step).map(|(largest, step)| largest / step),
    }
}

fn print(report: &Report) {
    let dash = || "-".to_owned();
    let mut table = Table::new([
        "model",
        "GMAC",
        "engine",
        "CPU ms",
        "wall ms",
        "GMAC/s",
        "of peak",
        "time / ours (quartiles)",
        "difference",
    ]);
    for model in &report.models {
        for (number, row) in model.contenders.iter().enumerate() {
            let first = |text: String| if number == 0 { text } else { String::new() };
            let steps = row.difference_steps.map_or_else(String::new, |steps| format!(" ({steps:.0} steps)"));
            table.row([
                first(model.model.clone()),
                first(format!("{:.3}", model.gmac)),
                row.name.clone(),
                format!("{:.2}", row.cpu_ms),
                format!("{:.2}", row.wall_ms),
                format!("{:.1}", row.gmac_s),
                row.share_of_peak.map_or_else(dash, |share| format!("{:.0} %", 100.0 * share)),
                row.cpu_ratio.map_or_else(dash, |ratio| ratio.words(2)),
                row.largest_difference.map_or_else(dash, |largest| format!("{largest:.2e}{steps}")),
            ]);
        }
    }
    print!("{table}");
    println!("Medians of {} alternating runs of one image; time by the processor's clock.", report.rounds);
    for model in &report.models {
        if let Some(why) = &model.failure {
            println!("{}: not measured: {why}", model.model);
        }
    }
}
