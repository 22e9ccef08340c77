//! `spinewatch phantom`: data sets, series and a console, all synthetic.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::phantom::dataset::{self, DatasetSpec};

/// Make synthetic cervical CT with ground truth.
#[derive(Debug, Args)]
pub struct PhantomArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write many studies with their truth, in the layout of the published challenge data.
    Dataset(DatasetArgs),
}

#[derive(Debug, Args)]
struct DatasetArgs {
    /// Number of studies; about half have fractures.
    #[arg(long, default_value_t = 10)]
    studies: u64,
    /// The same seed gives the same data set.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Distance between slices in mm, drawn per study.
    #[arg(long, value_name = "MIN..MAX", default_value = "0.8..2.5", value_parser = range)]
    slice_spacing: RangeInclusive<f32>,
    /// Difficulty of the fractures: 0 wide and displaced, 1 hair lines.
    #[arg(long, value_name = "MIN..MAX", default_value = "0..0.4", value_parser = range)]
    difficulty: RangeInclusive<f32>,
    /// Rows and columns of a slice.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(16..=2048))]
    matrix: u16,
    /// Threads; 0 means one for each core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Folder to write into.
    out: PathBuf,
}

fn range(text: &str) -> Result<RangeInclusive<f32>, String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |part: &str| part.parse::<f32>().map_err(|e| format!("{part:?} is no number: {e}"));
    let (low, high) = (number(low)?, number(high)?);
    if low.is_finite() && high.is_finite() && low <= high { Ok(low..=high) } else { Err("want MIN..MAX".into()) }
}

/// Runs the verb.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: PhantomArgs) -> anyhow::Result<()> {
    match args.what {
        What::Dataset(args) => write_dataset(args),
    }
}

fn write_dataset(args: DatasetArgs) -> anyhow::Result<()> {
    let spec = DatasetSpec {
        studies: args.studies,
        seed: args.seed,
        spacing_mm: args.slice_spacing,
        difficulty: args.difficulty,
        matrix: args.matrix,
    };
    let bar = ProgressBar::no_length()
        .with_style(ProgressStyle::with_template("{wide_bar} study {msg} {pos}/{len} slices {per_sec} {elapsed}")?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.workers).build()?;
    pool.install(|| {
        dataset::write(&spec, &args.out, &|study, slices| {
            let message = format!("{}/{}", study + 1, spec.studies);
            if bar.message() != message {
                bar.set_message(message);
                bar.reset();
            }
            bar.set_length(slices as u64);
            bar.inc(1);
        })
    })?;
    bar.finish_and_clear();
    Ok(())
}
