//! `spinewatch phantom`: data sets, series and a console, all synthetic.

use std::io::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::facts::{self, FactsArgs};
use crate::phantom::console::{Console, Manner};
use crate::phantom::dataset::{self, DatasetSpec};
use crate::phantom::{Direction, FractureKind, Fractures, Habits, Profile, Region, SliceTruth, Study, StudySpec};
use crate::triage::Level;

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

/// Share of the studies with a fracture in a data set for training.
const BALANCED_RATE: f64 = 0.6;

#[derive(Debug, Args)]
struct DatasetArgs {
    /// Number of studies; about half have fractures.
    #[arg(long, default_value_t = 10)]
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
    /// Distance between slices in mm, drawn per study; without it, as the scanners of the profile are set.
    #[arg(long, value_name = "MIN..MAX", value_parser = spacing)]
    slice_spacing: Option<RangeInclusive<f32>>,
    /// Difficulty of the fractures: 0 wide and displaced, 1 hair lines.
    #[arg(long, value_name = "MIN..MAX", default_value = "0..1", value_parser = difficulty)]
    difficulty: RangeInclusive<f32>,
    /// Levels that seldom break are raised, so that a network learns them: for training, never for evaluation.
    #[arg(long)]
    balanced: bool,
    /// Part of the body: heads and chests teach a network to stay silent.
    #[arg(long, value_enum, default_value_t = Region::Neck)]
    region: Region,
    /// Only a stretch of this many mm of each study, around a fracture where there is one: for training.
    #[arg(long, value_name = "MM", value_parser = excerpt)]
    excerpt: Option<f32>,
    /// Rows and columns of a slice; without it 512, and 768 in a few studies.
    #[arg(long, value_parser = clap::value_parser!(u16).range(16..=2048))]
    matrix: Option<u16>,
    /// Masks of the vertebrae for this many studies; without it, for all.
    #[arg(long, value_name = "STUDIES")]
    segmentations: Option<u64>,
    /// Threads; 0 means one for each core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Folder to write into.
    out: PathBuf,
}

/// One study and the way in which its files are written.
#[derive(Debug, Args)]
struct StudyArgs {
    /// The same seed gives the same patient.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which patients and scanners.
    #[arg(long, value_enum, default_value_t = Profile::Standard)]
    profile: Profile,
    /// Number of slices; without it the spacing decides.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4000))]
    slices: Option<u16>,
    /// Distance between slices in mm.
    #[arg(long, value_name = "MIN..MAX", default_value = "0.8..2.5", value_parser = spacing)]
    slice_spacing: RangeInclusive<f32>,
    /// A fracture, for example C5:burst; may be repeated. Without it the seed decides.
    #[arg(long, value_name = "LEVEL:KIND", value_parser = fracture)]
    fracture: Vec<(Level, FractureKind)>,
    /// No fracture.
    #[arg(long, conflicts_with = "fracture")]
    intact: bool,
    /// Difficulty of the fractures: 0 wide and displaced, 1 hair lines.
    #[arg(long, value_name = "MIN..MAX", default_value = "0..0.4", value_parser = difficulty)]
    difficulty: RangeInclusive<f32>,
    /// Part of the body.
    #[arg(long, value_enum, default_value_t = Region::Neck)]
    region: Region,
    /// Slices from foot to head.
    #[arg(long)]
    foot_to_head: bool,
    /// Rows and columns of a slice.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(16..=2048))]
    matrix: u16,
    /// How the files are written: transfer syntax, sign, bits, header.
    #[arg(long, default_value = "console", value_parser = Habits::NAMED.map(|(name, _)| name))]
    habits: String,
}

#[derive(Debug, Args)]
struct SeriesArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Folder to write into.
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
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Folder to write into.
    dir: PathBuf,
}

fn range(text: &str, allowed: RangeInclusive<f32>) -> Result<RangeInclusive<f32>, String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |part: &str| part.parse::<f32>().map_err(|e| format!("{part:?} is no number: {e}"));
    let (low, high) = (number(low)?, number(high)?);
    if low <= high && allowed.contains(&low) && allowed.contains(&high) {
        Ok(low..=high)
    } else {
        Err(format!("want MIN..MAX within {} and {}", allowed.start(), allowed.end()))
    }
}

fn spacing(text: &str) -> Result<RangeInclusive<f32>, String> {
    range(text, 0.1..=20.0)
}

fn excerpt(text: &str) -> Result<f32, String> {
    let one = range(text, 5.0..=1000.0)?;
    if text.contains("..") { Err("want one length in mm".into()) } else { Ok(*one.start()) }
}

fn difficulty(text: &str) -> Result<RangeInclusive<f32>, String> {
    range(text, 0.0..=1.0)
}

fn fracture(text: &str) -> Result<(Level, FractureKind), String> {
    let (level, kind) = text.split_once(':').ok_or("want LEVEL:KIND, for example C5:burst")?;
    let level = Level::ALL.into_iter().find(|l| l.name().eq_ignore_ascii_case(level));
    let level = level.ok_or("the level is one of C1 to C7")?;
    let fits: Vec<FractureKind> = FractureKind::ALL.into_iter().filter(|kind| kind.fits(level)).collect();
    FractureKind::from_str(kind, true).ok().filter(|kind| fits.contains(kind)).map(|kind| (level, kind)).ok_or_else(
        || {
            let names: Vec<String> = fits.iter().map(|kind| name(*kind)).collect();
            format!("{} breaks as one of {}", level.name(), names.join(", "))
        },
    )
}

fn name(kind: FractureKind) -> String {
    kind.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
}

impl StudyArgs {
    fn spec(&self) -> StudySpec {
        StudySpec {
            profile: self.profile,
            fractures: match self {
                Self { intact: true, .. } => Fractures::Intact,
                Self { fracture, .. } if fracture.is_empty() => Fractures::Sometimes(0.5),
                Self { fracture, .. } => Fractures::Exactly(fracture.clone()),
            },
            difficulty: self.difficulty.clone(),
            slices: self.slices.map(usize::from),
            spacing_mm: self.slice_spacing.clone(),
            matrix: self.matrix,
            direction: if self.foot_to_head { Direction::FootToHead } else { Direction::HeadToFoot },
            region: self.region,
            ..StudySpec::new(self.seed)
        }
    }

    fn habits(&self) -> Habits {
        Habits::named(&self.habits).unwrap_or(Habits::console())
    }
}

/// Runs the verb.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: PhantomArgs) -> anyhow::Result<()> {
    match args.what {
        What::Dataset(args) => write_dataset(args),
        What::Series(args) => write_series(&args),
        What::Console(args) => run_console(&args),
        What::Facts(args) => facts::run(&args),
    }
}

fn bar(length: usize, what: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{wide_bar} {msg} {pos}/{len} {per_sec} {elapsed}")?;
    Ok(ProgressBar::new(length as u64).with_style(style).with_message(what.to_owned()))
}

fn write_dataset(args: DatasetArgs) -> anyhow::Result<()> {
    let Layout::Rsna = args.layout;
    let usual = DatasetSpec::new(args.studies, args.seed);
    let spec = DatasetSpec {
        profile: args.profile,
        fractures: if args.balanced { Fractures::Balanced(BALANCED_RATE) } else { usual.fractures.clone() },
        region: args.region,
        spacing_mm: args.slice_spacing,
        difficulty: args.difficulty,
        matrix: args.matrix,
        segmentations: args.segmentations,
        excerpt_mm: args.excerpt,
        ..usual
    };
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
    let study = Study::generate(&args.study.spec());
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
        let first = truths.iter().position(boxed).map_or(0, |i| i + 1);
        let last = truths.iter().rposition(boxed).map_or(0, |i| i + 1);
        writeln!(out, "{} {}: slices {first} to {last}", fracture.level.name(), name(fracture.kind))?;
    }
    if study.fractures().is_empty() {
        writeln!(out, "no fracture")?;
    }
    Ok(())
}

fn run_console(args: &ConsoleArgs) -> anyhow::Result<()> {
    let spec = args.study.spec();
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
mod tests {
    use super::*;

    #[test]
    fn a_fracture_that_a_vertebra_cannot_have_is_refused_with_those_that_it_can() {
        assert_eq!(fracture("c5:burst"), Ok((Level::C5, FractureKind::Burst)));
        assert_eq!(
            fracture("C1:dens"),
            Err("C1 breaks as one of jefferson, atlas-arch, lateral-mass, transverse".to_owned())
        );
        assert!(fracture("C8:burst").is_err() && fracture("C5").is_err() && fracture("C5:bust").is_err());
    }

    #[test]
    fn ranges_are_checked() {
        assert_eq!(spacing("0.8..2.5"), Ok(0.8..=2.5));
        assert_eq!(difficulty("0.3"), Ok(0.3..=0.3));
        for bad in ["2..1", "0..1", "x", "", "NaN..1", "1..1000"] {
            assert!(spacing(bad).is_err(), "{bad}");
        }
    }
}
