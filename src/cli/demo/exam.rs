//! One phantom study on the demo's console: what it shows, and its files, written one after another.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::dicom::Uid;
use crate::phantom::dicom_writer::{encode, study_instance_uid};
use crate::phantom::{Fractures, Habits, Study, StudySpec};
use crate::store::Keys;
use crate::triage::Level;

/// A study whose files are ready to be written.
pub struct Exam {
    seed: u64,
    levels: Vec<Level>,
    kinds: String,
    files: Vec<Vec<u8>>,
    first_with_fracture: Option<usize>,
}

/// What the daemon should say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Keyed hash of its StudyInstanceUID.
    pub study_key: String,
    /// Fractured vertebrae, from head to foot.
    pub levels: Vec<Level>,
    kinds: String,
    seed: u64,
    slices: usize,
}

/// When the console wrote what.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The first slice that shows a fracture.
    pub first_evidence: Option<Instant>,
    /// The last slice.
    pub last: Instant,
}

impl Exam {
    /// Renders and encodes all slices of a study. Rendering is not part of what the demo measures.
    pub fn prepare(seed: u64, fractured: bool, slices: usize) -> anyhow::Result<Self> {
        let fractures = if fractured { Fractures::Fractured } else { Fractures::Intact };
        let study = Study::generate(&StudySpec { fractures, slices: Some(slices), ..StudySpec::new(seed) });
        let habits = Habits::research(seed);
        let bar =
            ProgressBar::new(study.len() as u64).with_style(style("rendering")).with_message(format!("phantom {seed}"));
        let render = |index| {
            let rendered = study.render(index);
            let file = encode(&study, index, &rendered.hounsfield, &habits)?;
            bar.inc(1);
            anyhow::Ok((file, !rendered.truth.boxes.is_empty()))
        };
        let rendered = (0..study.len()).into_par_iter().map(render).collect::<anyhow::Result<Vec<_>>>()?;
        bar.finish_and_clear();
        let first_with_fracture = rendered.iter().position(|(_, fractured)| *fractured);
        let truth = study.truth();
        Ok(Self {
            seed,
            levels: Level::ALL.into_iter().filter(|level| truth[*level as usize]).collect(),
            kinds: study
                .fractures()
                .iter()
                .map(|f| format!("{} {:?}", f.level.name(), f.kind))
                .collect::<Vec<_>>()
                .join(", "),
            files: rendered.into_iter().map(|(file, _)| file).collect(),
            first_with_fracture,
        })
    }

    /// What the daemon should say.
    pub fn expected(&self, keys: &Keys) -> Expected {
        Expected {
            study_key: keys.study(&Uid::new(&study_instance_uid(self.seed))),
            levels: self.levels.clone(),
            kinds: self.kinds.clone(),
            seed: self.seed,
            slices: self.files.len(),
        }
    }

    /// A progress bar for the console.
    pub fn bar(&self) -> ProgressBar {
        ProgressBar::new(self.files.len() as u64)
            .with_style(style("writing"))
            .with_message(format!("study {}", self.seed))
    }

    /// Writes the files at `rate` a second.
    pub fn write(self, share: &Path, rate: f64, bar: &ProgressBar) -> anyhow::Result<Written> {
        let folder = share.join(format!("study-{}", self.seed));
        fs::create_dir_all(&folder)?;
        let began = Instant::now();
        let mut written = Written { first_evidence: None, last: began };
        for (index, file) in self.files.iter().enumerate() {
            let due = began + Duration::from_secs_f64(index as f64 / rate.max(0.1));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            fs::write(folder.join(format!("IM{:05}.dcm", index + 1)), file)?;
            written.last = Instant::now();
            if self.first_with_fracture == Some(index) {
                written.first_evidence = Some(written.last);
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(written)
    }
}

impl Expected {
    /// `suspected C5 C6`, or `none_suspected`.
    pub fn words(&self) -> String {
        words(if self.levels.is_empty() { "none_suspected" } else { "suspected" }, &self.levels)
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let truth = if self.kinds.is_empty() { "intact" } else { &self.kinds };
        write!(f, "phantom {}, {} slices, truth: {truth}", self.seed, self.slices)
    }
}

/// A verdict with its levels.
pub fn words(verdict: &str, levels: &[Level]) -> String {
    std::iter::once(verdict).chain(levels.iter().map(|level| level.name())).collect::<Vec<_>>().join(" ")
}

fn style(verb: &str) -> ProgressStyle {
    ProgressStyle::with_template(&format!("  {{msg}} {verb} [{{bar:40}}] {{pos}}/{{len}} {{eta}}"))
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
}
