//! `spinewatch bench scale`: what a slice costs as a study grows, what a look at the share costs as its folder grows.

mod remembered;
mod share;
mod study;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use self::share::ShareCost;
use self::study::StudyCost;
use crate::cli::demo::ALLOCATOR;
use crate::cli::model_folders::ModelFolders;
use crate::cli::table::Table;
use crate::display::{Chart, ChartLine, draw_charts, encode_png};

/// Cost of a slice by the size of its study, cost of a poll by the files in the folder: a table and a picture.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    #[command(flatten)]
    models: ModelFolders,
    /// Folder for the picture.
    #[arg(long, value_name = "DIR", default_value = "out/bench")]
    out: PathBuf,
    /// Slices of the studies.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "100,200,500,1000,2000,5000")]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=10_000))]
    slices: Vec<u16>,
    /// Files of the folders.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "10,100,1000,10000,100000")]
    files: Vec<usize>,
    /// Leave the runs with networks out: all else is still measured, with what the networks said before.
    #[arg(long)]
    without_networks: bool,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Measure one study in this process and print it as JSON.
    #[arg(long, hide = true, value_name = "N")]
    one_study: Option<usize>,
}

#[derive(Serialize)]
struct Report {
    studies: Vec<StudyRow>,
    shares: Vec<ShareCost>,
    picture: PathBuf,
}

#[derive(Serialize)]
struct StudyRow {
    slices: u16,
    /// With the networks.
    whole: Option<StudyCost>,
    /// Without.
    rest: StudyCost,
}

/// Runs the verb.
///
/// # Errors
/// When the packages do not hold, or a folder cannot be written.
pub fn run(args: &ScaleArgs) -> anyhow::Result<()> {
    if let Some(slices) = args.one_study {
        let cost = study::measure(slices, &args.models, args.without_networks)?;
        println!("{}", serde_json::to_string(&cost)?);
        return Ok(());
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let style = ProgressStyle::with_template("{wide_bar} {msg} {elapsed}")?;
    let bar = ProgressBar::new((args.slices.len() + args.files.len()) as u64).with_style(style);
    let studies = args.slices.iter().map(|&slices| {
        bar.set_message(format!("study of {slices} slices"));
        let whole = (!args.without_networks).then(|| in_a_process_of_its_own(args, slices, false)).transpose()?;
        let rest = in_a_process_of_its_own(args, slices, true)?;
        bar.inc(1);
        Ok(StudyRow { slices, whole, rest })
    });
    let studies: Vec<StudyRow> = studies.collect::<anyhow::Result<_>>()?;
    let shares = args.files.iter().map(|&files| {
        bar.set_message(format!("folder of {files} files"));
        let cost = share::measure(files);
        bar.inc(1);
        cost
    });
    let shares: Vec<ShareCost> = shares.collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    let picture = args.out.join("scale.png");
    let mut charts = charts(&studies, &shares);
    charts.retain(|chart| !chart.lines.is_empty());
    let frame = draw_charts(&charts);
    std::fs::write(&picture, encode_png(&frame)?).with_context(|| format!("cannot write {}", picture.display()))?;
    let report = Report { studies, shares, picture };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

/// So that the memory of one study is not hidden by what another one left; the allocator is set as on the device.
fn in_a_process_of_its_own(args: &ScaleArgs, slices: u16, without_networks: bool) -> anyhow::Result<StudyCost> {
    let path = |path: PathBuf| std::path::absolute(path);
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "scale", "--one-study", &slices.to_string()]);
    command.arg("--models").arg(path(args.models.dir())?).arg("--keys").arg(path(args.models.keys())?);
    command.envs(ALLOCATOR);
    if without_networks {
        command.arg("--without-networks");
    }
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the process that measures {slices} slices ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("cannot read what the measuring process said")
}

fn charts(studies: &[StudyRow], shares: &[ShareCost]) -> Vec<Chart> {
    let line = |name: &str, points: Vec<[f64; 2]>| ChartLine { name: name.to_owned(), points };
    let whole = |of: fn(&StudyCost) -> f64| -> Vec<[f64; 2]> {
        studies.iter().filter_map(|row| row.whole.as_ref().map(|cost| [cost.analysed as f64, of(cost)])).collect()
    };
    let rest = |of: fn(&StudyCost) -> f64| -> Vec<[f64; 2]> {
        studies.iter().map(|row| [row.rest.analysed as f64, of(&row.rest)]).collect()
    };
    let share = |of: fn(&ShareCost) -> f64| shares.iter().map(|cost| [cost.files as f64, of(cost)]).collect();
    let with_points = |lines: Vec<ChartLine>| lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    let chart = |title: &str, x: &str, y: &str, lines| Chart {
        title: title.to_owned(),
        x: x.to_owned(),
        y: y.to_owned(),
        lines: with_points(lines),
    };
    // what the remembered answers take would count as memory of the study, so that of the whole path is shown
    vec![
        chart(
            "Cost of a slice",
            "slices analysed of the study",
            "processor time per slice, ms",
            vec![
                line("from file to verdict", whole(|cost| cost.cpu_ms_per_slice)),
                line("without the networks", rest(|cost| cost.cpu_ms_per_slice)),
            ],
        ),
        chart(
            "Memory of a study",
            "slices analysed of the study",
            "growth while it is analysed, MiB",
            vec![line("from file to verdict", whole(|cost| cost.growth_mib))],
        ),
        chart(
            "Cost of a look at the share",
            "files in the folder",
            "processor time per poll, ms",
            vec![
                line("nothing new, median", share(|cost| cost.quiet_median_ms)),
                line("nothing new, mean", share(|cost| cost.quiet_mean_ms)),
                line("a file arrives", share(|cost| cost.arrival_ms)),
            ],
        ),
    ]
}

fn print(report: &Report) {
    let mut table = Table::new(["slices", "analysed", "with", "CPU ms a slice", "of the last tenth", "memory growth"]);
    for row in &report.studies {
        let sides = [("networks", row.whole.as_ref()), ("what they said before", Some(&row.rest))];
        for (with, cost) in sides.into_iter().filter_map(|(with, cost)| Some((with, cost?))) {
            table.row([
                row.slices.to_string(),
                cost.analysed.to_string(),
                with.to_owned(),
                format!("{:.2}", cost.cpu_ms_per_slice),
                format!("{:.2}", cost.last_tenth_ms),
                format!("{:.1} MiB", cost.growth_mib),
            ]);
        }
    }
    println!("{table}");
    let mut table = Table::new([
        "files",
        "poll, nothing new: median",
        "mean",
        "largest",
        "poll while a file arrives",
        "polls a file",
    ]);
    for cost in &report.shares {
        table.row([
            cost.files.to_string(),
            format!("{:.3} ms", cost.quiet_median_ms),
            format!("{:.3} ms", cost.quiet_mean_ms),
            format!("{:.3} ms", cost.quiet_largest_ms),
            format!("{:.3} ms", cost.arrival_ms),
            format!("{:.1}", cost.arrival_polls),
        ]);
    }
    println!("{table}");
    println!("Processor time. Picture: {}", report.picture.display());
}
