//! A CT console that writes a study into a folder: when it does what, and the doing of one step.
//!
//! The plan is values; the clock is the caller's. Never reads what it wrote, never writes outside its folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::companions::{dose_report, scout};
use super::dicom_writer::{EncodeError, encode, encode_multi_frame};
use super::habits::Habits;
use super::noise::hash;
use super::study::Study;

/// The manner in which a console writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Manner {
    /// File after file, each in one go.
    Sequential,
    /// Each file gets its final size first, full of zeros, and its content later, as Windows Explorer does.
    Preallocated,
    /// Each file is written under a temporary name and then renamed.
    Renamed,
    /// In no order at all.
    OutOfOrder,
    /// Each file grows in four bites.
    Slow,
    /// Scout first, then the slices in turn with those of a second series, a dose report last.
    Interleaved,
    /// One enhanced multi-frame file.
    MultiFrame,
}

impl Manner {
    /// Every manner.
    pub const ALL: [Self; 7] = [
        Self::Sequential,
        Self::Preallocated,
        Self::Renamed,
        Self::OutOfOrder,
        Self::Slow,
        Self::Interleaved,
        Self::MultiFrame,
    ];
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A slice of the study.
    Slice(usize),
    /// A slice of the second series.
    Second(usize),
    /// The whole study as one multi-frame instance.
    Frames,
    /// The scout.
    Scout,
    /// The dose report.
    DoseReport,
}

/// A part of a file: bite `bite` of `of` equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 0.
    pub bite: usize,
    /// How many there are.
    pub of: usize,
}

impl Part {
    const WHOLE: Self = Self { bite: 0, of: 1 };

    fn range(self, length: usize) -> std::ops::Range<usize> {
        length * self.bite / self.of..length * (self.bite + 1) / self.of
    }
}

/// One thing that the console does to its folder. Paths are relative to the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Gives a new file its final size, full of zeros.
    Reserve {
        /// Where.
        path: PathBuf,
        /// What it will hold.
        content: Content,
    },
    /// Writes a part into its place in a reserved file.
    Fill {
        /// Where.
        path: PathBuf,
        /// What it holds.
        content: Content,
        /// Which part.
        part: Part,
    },
    /// Appends a part; the first one makes the file.
    Append {
        /// Where.
        path: PathBuf,
        /// What it holds.
        content: Content,
        /// Which part.
        part: Part,
    },
    /// Gives a file its final name.
    Rename {
        /// The temporary name.
        from: PathBuf,
        /// The final name.
        to: PathBuf,
    },
}

impl Step {
    /// What this step completes under its final name, if it completes a file.
    pub fn completes(&self) -> Option<&Path> {
        match self {
            Self::Fill { path, part, .. } | Self::Append { path, part, .. } => {
                let last = part.bite + 1 == part.of && path.extension().is_none_or(|e| e != TEMPORARY);
                last.then_some(path)
            }
            Self::Rename { to, .. } => Some(to),
            Self::Reserve { .. } => None,
        }
    }
}

/// The extension of temporary names.
const TEMPORARY: &str = "part";

/// A study, how its files look, and what runs beside it.
pub struct Console {
    study: Study,
    second: Option<Study>,
    habits: Habits,
    /// The file last encoded, for files that are written in several steps.
    last: Option<(Content, Vec<u8>)>,
}

impl Console {
    /// `second` is the series that [`Manner::Interleaved`] mixes in.
    pub const fn new(study: Study, second: Option<Study>, habits: Habits) -> Self {
        Self { study, second, habits, last: None }
    }

    /// The study that is written.
    pub const fn study(&self) -> &Study {
        &self.study
    }

    /// What happens when, counted from the start; `rate` is in files a second. In order of time.
    pub fn plan(&self, manner: Manner, rate: f64) -> Vec<(Duration, Step)> {
        let due = |place: usize, share: f64| Duration::from_secs_f64((place as f64 + share) / rate.max(1e-3));
        let contents = self.contents(manner);
        contents.iter().enumerate().flat_map(|(place, content)| steps(manner, *content, |t| due(place, t))).collect()
    }

    fn contents(&self, manner: Manner) -> Vec<Content> {
        let slices = (0..self.study.len()).map(Content::Slice);
        match manner {
            Manner::MultiFrame => vec![Content::Frames],
            Manner::OutOfOrder => {
                let mut slices: Vec<Content> = slices.collect();
                slices.sort_by_key(|content| match content {
                    Content::Slice(index) => hash(self.study.seed() ^ hash(*index as u64)),
                    _ => 0,
                });
                slices
            }
            Manner::Interleaved => {
                let mut contents = vec![Content::Scout];
                let seconds = self.second.as_ref().map_or(0, Study::len);
                for index in 0..self.study.len().max(seconds) {
                    contents.extend((index < self.study.len()).then_some(Content::Slice(index)));
                    contents.extend((index < seconds).then_some(Content::Second(index)));
                }
                contents.push(Content::DoseReport);
                contents
            }
            _ => slices.collect(),
        }
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When the writer refuses it: a multi-frame file in a compressed transfer syntax.
    pub fn bytes(&self, content: Content) -> Result<Vec<u8>, EncodeError> {
        let slice = |study: &Study, index| encode(study, index, &study.render(index).hounsfield, &self.habits);
        match content {
            Content::Slice(index) => slice(&self.study, index),
            Content::Second(index) => slice(self.second.as_ref().unwrap_or(&self.study), index),
            Content::Frames => encode_multi_frame(&self.study, &self.habits),
            Content::Scout => scout(&self.study, &self.habits),
            Content::DoseReport => dose_report(&self.study, &self.habits),
        }
    }

    /// Does one step in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written, or the file cannot be encoded.
    pub fn perform(&mut self, step: &Step, folder: &Path) -> anyhow::Result<()> {
        match step {
            Step::Reserve { path, content } => {
                let length = self.cached(*content)?.len();
                let at = folder.join(path);
                create(&at).and_then(|file| file.set_len(length as u64)).with_context(|| could_not("reserve", &at))
            }
            Step::Fill { path, content, part } => {
                let at = folder.join(path);
                let bytes = self.cached(*content)?;
                let range = part.range(bytes.len());
                fill(&at, range.start as u64, &bytes[range]).with_context(|| could_not("fill", &at))
            }
            Step::Append { path, content, part } => {
                let at = folder.join(path);
                let bytes = self.cached(*content)?;
                let bite = &bytes[part.range(bytes.len())];
                append(&at, part.bite == 0, bite).with_context(|| could_not("write", &at))
            }
            Step::Rename { from, to } => {
                let to = folder.join(to);
                fs::rename(folder.join(from), &to).with_context(|| could_not("rename", &to))
            }
        }
    }

    fn cached(&mut self, content: Content) -> Result<&[u8], EncodeError> {
        if self.last.as_ref().is_none_or(|(of, _)| *of != content) {
            self.last = Some((content, self.bytes(content)?));
        }
        Ok(self.last.as_ref().map_or(&[], |(_, bytes)| bytes.as_slice()))
    }

    /// Runs a whole plan: `wait_until` returns when a step is due, `done` hears of each step afterwards.
    ///
    /// # Errors
    /// As [`Self::perform`]; what was written stays.
    pub fn run(
        &mut self,
        plan: &[(Duration, Step)],
        folder: &Path,
        mut wait_until: impl FnMut(Duration),
        mut done: impl FnMut(&Step),
    ) -> anyhow::Result<()> {
        for (due, step) in plan {
            wait_until(*due);
            self.perform(step, folder)?;
            done(step);
        }
        Ok(())
    }
}

/// The steps that write one file; `due` gives the time of a share 0 to 1 of the file's turn.
fn steps(manner: Manner, content: Content, due: impl Fn(f64) -> Duration) -> Vec<(Duration, Step)> {
    let path = name(content);
    let whole = |path: PathBuf| Step::Append { path, content, part: Part::WHOLE };
    match manner {
        Manner::Preallocated => vec![
            (due(0.25), Step::Reserve { path: path.clone(), content }),
            (due(0.6), Step::Fill { path: path.clone(), content, part: Part { bite: 0, of: 2 } }),
            (due(1.0), Step::Fill { path, content, part: Part { bite: 1, of: 2 } }),
        ],
        Manner::Renamed => {
            let from = path.with_extension(TEMPORARY);
            vec![(due(0.7), whole(from.clone())), (due(1.0), Step::Rename { from, to: path })]
        }
        Manner::Slow => (0..4)
            .map(|bite| {
                let share = 0.25 * (bite as f64 + 1.0);
                (due(share), Step::Append { path: path.clone(), content, part: Part { bite, of: 4 } })
            })
            .collect(),
        _ => vec![(due(1.0), whole(path))],
    }
}

/// Where a file lies in the folder of its study.
fn name(content: Content) -> PathBuf {
    match content {
        Content::Slice(index) => format!("SE000002/IM{:06}.dcm", index + 1).into(),
        Content::Second(index) => format!("SE000003/IM{:06}.dcm", index + 1).into(),
        Content::Frames => "SE000002/IM000001.dcm".into(),
        Content::Scout => "SE000001/IM000001.dcm".into(),
        Content::DoseReport => "SE000099/IM000001.dcm".into(),
    }
}

fn could_not(what: &str, path: &Path) -> String {
    format!("could not {what} {}", path.display())
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path)
}

fn fill(path: &Path, from: u64, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(from))?;
    file.write_all(bytes)
}

fn append(path: &Path, first: bool, bytes: &[u8]) -> io::Result<()> {
    let mut file = if first { create(path)? } else { OpenOptions::new().append(true).open(path)? };
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::phantom::{Region, StudySpec};

    fn console() -> Console {
        let spec = StudySpec { matrix: 32, slices: Some(9), ..StudySpec::new(21) };
        let second = StudySpec { region: Region::Head, slices: Some(5), ..spec.clone() };
        Console::new(Study::generate(&spec), Some(Study::generate(&second)), Habits::console())
    }

    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for series in fs::read_dir(folder).unwrap() {
            for file in fs::read_dir(series.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
        found
    }

    #[test]
    fn every_manner_writes_the_whole_set_of_files_and_nothing_else() {
        for manner in Manner::ALL {
            let folder = tempfile::tempdir().unwrap();
            let mut console = console();
            let plan = console.plan(manner, 20.0);
            let mut completed = BTreeSet::new();
            console
                .run(&plan, folder.path(), |_| (), |step| completed.extend(step.completes().map(Path::to_owned)))
                .unwrap();
            let mut expected = BTreeMap::new();
            for content in console.contents(manner) {
                expected.insert(name(content), console.bytes(content).unwrap());
            }
            let found = files(folder.path());
            assert!(found == expected, "{manner:?}: {:?} for {:?}", found.keys(), expected.keys());
            assert!(completed.iter().eq(expected.keys()), "{manner:?}");
            let count = match manner {
                Manner::MultiFrame => 1,
                Manner::Interleaved => 9 + 5 + 2,
                _ => 9,
            };
            assert_eq!(expected.len(), count, "{manner:?}");
        }
    }

    #[test]
    fn steps_come_in_order_of_time_at_the_rate() {
        for manner in Manner::ALL {
            let plan = console().plan(manner, 4.0);
            assert!(plan.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{manner:?}");
            let contents = console().contents(manner).len();
            assert_eq!(plan.last().unwrap().0, Duration::from_secs_f64(contents as f64 / 4.0), "{manner:?}");
        }
    }

    #[test]
    fn a_preallocated_file_has_its_size_before_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let mut console = console();
        let plan = console.plan(Manner::Preallocated, 1.0);
        let path = folder.path().join("SE000002/IM000001.dcm");
        let whole = console.bytes(Content::Slice(0)).unwrap();
        console.perform(&plan[0].1, folder.path()).unwrap();
        assert!(fs::read(&path).unwrap().iter().all(|b| *b == 0));
        console.perform(&plan[1].1, folder.path()).unwrap();
        let half = fs::read(&path).unwrap();
        assert!(half.len() == whole.len() && half != whole);
        console.perform(&plan[2].1, folder.path()).unwrap();
        assert!(fs::read(&path).unwrap() == whole);
    }

    #[test]
    fn out_of_order_is_out_of_order() {
        let console = console();
        let (shuffled, straight) = (console.contents(Manner::OutOfOrder), console.contents(Manner::Sequential));
        assert_ne!(shuffled, straight);
        assert_eq!(shuffled.iter().copied().map(name).collect::<BTreeSet<_>>().len(), straight.len());
    }
}
