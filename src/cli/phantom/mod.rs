//! `spinewatch phantom`: data sets, series and a console, all synthetic.

mod study_args;
mod values;

use std::io::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use self::study_args::StudyArgs;
use self::values::{difficulty, excerpt, rate, refuse_outside_the_neck, spacing};
use super::facts::{self, FactsArgs};
use crate::phantom::console::{Console, Manner};
use crate::phantom::dataset::{self, DatasetSpec};
use crate::phantom::{Fractures, Profile, Region, SliceTruth, Study, StudySpec};

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
    /// Write one series and print which slices show a fracture.
    Series(SeriesArgs),
    /// Write one study into a folder over time, as a CT console does.
    Console(ConsoleArgs),
    /// Print what a data set is like beside what is published of the real data.
    Facts(FactsArgs),
}

/// How the files of a data set lie.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    /// As the RSNA 2022 Cervical Spine Fracture Detection challenge: train_images, train.csv, segmentations ...
    Rsna,
}

/// Share of the studies with a fracture in a balanced data set.
const BALANCED_RATE: f64 = 0.6;

#[derive(Debug, Args)]
struct DatasetArgs {
    /// Number of studies. As in the published data 48 % have fractures; 60 % with --balanced.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    studies: u64,
    /// The same seed gives the same data set.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which patients and scanners.
    #[arg(long, value_enum, default_value_t = Profile::Standard)]
    profile: Profile,
    /// How the files lie.
    #[arg(long, value_enum, default_value_t = Layout::Rsna)]
    layout: Layout,
    /// Distance between slices in mm, drawn per study; without it, as the scanners of the profile are set. With the standard
    /// profile it replaces thickness, length and field of view too, by ones that are quick to render; with the others it
    /// replaces the distance only.
    #[arg(long, value_name = "MIN..MAX", value_parser = spacing)]
    slice_spacing: Option<RangeInclusive<f32>>,
    /// Difficulty of the fractures: 0 wide and displaced, 1 hair lines.
    #[arg(long, value_name = "MIN..MAX", default_value = "0..1", value_parser = difficulty)]
    difficulty: RangeInclusive<f32>,
    /// Levels that seldom break are raised, so that a network learns them: for training, never for evaluation.
    #[arg(long)]
    balanced: bool,
    /// Part of the body: heads and chests teach a network to stay silent. Fractures are in the neck only.
    #[arg(long, value_enum, default_value_t = Region::Neck)]
    region: Region,
    /// Only a stretch of this many mm of each study, around a fracture where there is one: for training.
    #[arg(long, value_name = "MM", value_parser = excerpt, conflicts_with = "segmentations")]
    excerpt: Option<f32>,
    /// Rows and columns of a slice; without it 512, and 768 in a few studies.
    #[arg(long, value_parser = clap::value_parser!(u16).range(16..=2048))]
    matrix: Option<u16>,
    /// Masks of the vertebrae for this many studies; without it, for all. Excerpts have none.
    #[arg(long, value_name = "STUDIES")]
    segmentations: Option<u64>,
    /// Threads; 0 means one for each core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Folder to write into: a new one, or an empty one.
    out: PathBuf,
}

#[derive(Debug, Args)]
struct SeriesArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Folder to write into; it must hold no .dcm files.
    out: PathBuf,
}

#[derive(Debug, Args)]
struct ConsoleArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// The manner of writing.
    #[arg(long, value_enum, default_value_t = Manner::Sequential)]
    manner: Manner,
    /// Files a second.
    #[arg(long, default_value_t = 20.0, value_parser = rate)]
    rate: f64,
    /// Folder to write into.
    dir: PathBuf,
}

impl DatasetArgs {
    /// What they ask for.
    fn spec(&self) -> anyhow::Result<DatasetSpec> {
        if self.balanced {
            refuse_outside_the_neck(self.region, "--balanced")?;
        }
        let usual = DatasetSpec::new(self.studies, self.seed);
        Ok(DatasetSpec {
            profile: self.profile,
            fractures: if self.balanced { Fractures::Balanced(BALANCED_RATE) } else { usual.fractures.clone() },
            region: self.region,
            spacing_mm: self.slice_spacing.clone(),
            difficulty: self.difficulty.clone(),
            matrix: self.matrix,
            segmentations: self.segmentations,
            excerpt_mm: self.excerpt,
            ..usual
        })
    }
}

/// Runs the verb.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: PhantomArgs) -> anyhow::Result<()> {
    match args.what {
        What::Dataset(args) => write_dataset(&args),
        What::Series(args) => write_series(&args),
        What::Console(args) => run_console(&args),
        What::Facts(args) => facts::run(&args),
    }
}

fn bar(length: usize, what: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{wide_bar} {msg} {pos}/{len} {per_sec} {elapsed}")?;
    Ok(ProgressBar::new(length as u64).with_style(style).with_message(what.to_owned()))
}

fn write_dataset(args: &DatasetArgs) -> anyhow::Result<()> {
    let Layout::Rsna = args.layout;
    let spec = args.spec()?;
    let bar = bar(0, "")?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.workers).build()?;
    pool.install(|| {
        dataset::write(&spec, &args.out, &|study, slices| {
            let message = format!("study {}/{}, slices", study + 1, spec.studies);
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

fn write_series(args: &SeriesArgs) -> anyhow::Result<()> {
    let study = Study::generate(&args.study.spec()?);
    let bar = bar(study.len(), "slices")?;
    let truths = dataset::write_series(&study, &args.study.habits(), &args.out, &|| bar.inc(1))?;
    bar.finish_and_clear();
    print_truth(&study, &truths, &mut std::io::stdout().lock())?;
    Ok(())
}

fn print_truth(study: &Study, truths: &[SliceTruth], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{} slices, {:.2} mm apart", study.len(), study.geometry().spacing_mm)?;
    for fracture in study.fractures() {
        let boxed = |t: &SliceTruth| t.fractured[fracture.level as usize];
        let ends = truths.iter().position(boxed).zip(truths.iter().rposition(boxed));
        let shown = ends.map_or("in no slice".into(), |(first, last)| format!("slices {} to {}", first + 1, last + 1));
        writeln!(out, "{} {}: {shown}", fracture.level.name(), fracture.kind.name())?;
    }
    if study.fractures().is_empty() {
        writeln!(out, "no fracture")?;
    }
    Ok(())
}

fn run_console(args: &ConsoleArgs) -> anyhow::Result<()> {
    let spec = args.study.spec()?;
    let second = (args.manner == Manner::Interleaved)
        .then(|| Study::generate(&StudySpec { region: Region::Head, ..spec.clone() }));
    let mut console = Console::new(Study::generate(&spec), second, args.study.habits());
    let plan = console.plan(args.manner, args.rate);
    let bar = bar(plan.iter().filter(|(_, step)| step.completes().is_some()).count(), "files")?;
    let start = Instant::now();
    let wait_until = |due: Duration| std::thread::sleep(due.saturating_sub(start.elapsed()));
    console.run(&plan, &args.dir, wait_until, |step| bar.inc(u64::from(step.completes().is_some())))?;
    bar.finish_and_clear();
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::phantom::FractureKind;
    use crate::triage::Level;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        phantom: PhantomArgs,
    }

    fn dataset(options: &str) -> Result<DatasetArgs, String> {
        let words = ["phantom", "dataset"].into_iter().chain(options.split_whitespace()).chain(["out"]);
        match Line::try_parse_from(words).map_err(|e| e.to_string())?.phantom.what {
            What::Dataset(args) => Ok(args),
            _ => Err("another verb".into()),
        }
    }

    #[test]
    fn options_of_a_data_set_that_contradict_each_other_are_named() {
        let words = dataset("--excerpt 40 --segmentations 2").unwrap_err();
        assert!(words.contains("--excerpt") && words.contains("--segmentations"), "{words}");
        let words = dataset("--region chest --balanced").unwrap().spec().unwrap_err().to_string();
        assert!(words.contains("--region chest") && words.contains("--balanced"), "{words}");
        assert!(dataset("--studies 0").unwrap_err().contains("--studies"));
        assert_eq!(dataset("--studies 3 --seed 4").unwrap().spec().unwrap(), DatasetSpec::new(3, 4));
    }

    #[test]
    fn a_fracture_that_no_slice_shows_is_told_as_such() {
        let fractures = Fractures::Exactly(vec![(Level::C5, FractureKind::Burst)]);
        let study = Study::generate(&StudySpec { fractures, slices: Some(3), ..StudySpec::new(1) });
        let told = |truths: &[SliceTruth]| {
            let mut out = Vec::new();
            print_truth(&study, truths, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let shown = SliceTruth { fractured: Level::ALL.map(|level| level == Level::C5), ..SliceTruth::default() };
        assert!(told(&[SliceTruth::default(), shown.clone(), shown]).ends_with("C5 burst: slices 2 to 3\n"));
        assert!(told(&vec![SliceTruth::default(); 3]).ends_with("C5 burst: in no slice\n"));
    }
}
