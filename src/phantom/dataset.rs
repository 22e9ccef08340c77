//! Many studies into a folder, in the layout of the published challenge data, for training and evaluation.

use std::fs;
use std::io::Write;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use rand::Rng;
use rand::seq::IndexedRandom;
use rayon::prelude::*;

use super::anatomy::stream;
use super::dicom_writer::{encode, study_instance_uid};
use super::fracture::Fracture;
use super::geometry::index_below;
use super::habits::Habits;
use super::noise::hash;
use super::profile::Profile;
use super::segmentation;
use super::spec::{Fractures, PUBLISHED_RATE, Protocol, Region, StudySpec};
use super::study::{RenderedSlice, SliceTruth, Study};
use crate::triage::Level;

/// What to write.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetSpec {
    /// Number of studies.
    pub studies: u64,
    /// Seed of the whole; study i is the same whatever the number of studies.
    pub seed: u64,
    /// Which patients and scanners.
    pub profile: Profile,
    /// Range of the distance between slices, mm; `None`: as the scanners of the profile are set.
    pub spacing_mm: Option<RangeInclusive<f32>>,
    /// Which fractures; as often and as together as published unless the data set is for training.
    pub fractures: Fractures,
    /// Part of the body. A network that is to stay silent on heads and chests must have seen some.
    pub region: Region,
    /// Range of the difficulty of the fractures, 0 to 1.
    pub difficulty: RangeInclusive<f32>,
    /// Rows and columns; `None`: 512, and 768 in one study of fifty.
    pub matrix: Option<u16>,
    /// The first so many studies get masks; `None`: all. Excerpts get none.
    pub segmentations: Option<u64>,
    /// Only a stretch of this many mm of each study, around a fracture where there is one, under the numbers that its slices
    /// have in the whole: many patients for the time of few, for training. `None`: whole studies.
    pub excerpt_mm: Option<f32>,
}

impl DatasetSpec {
    /// Studies as in the published data, fractures of every difficulty, masks for all.
    pub const fn new(studies: u64, seed: u64) -> Self {
        Self {
            studies,
            seed,
            profile: Profile::Standard,
            spacing_mm: None,
            fractures: Fractures::Sometimes(PUBLISHED_RATE),
            region: Region::Neck,
            difficulty: 0.0..=1.0,
            matrix: None,
            segmentations: None,
            excerpt_mm: None,
        }
    }

    /// The specification of study `number`.
    fn study(&self, number: u64) -> StudySpec {
        let seed = study_seed(self.seed, number);
        let large = hash(seed ^ 0x300).is_multiple_of(50);
        let usual = StudySpec::new(seed);
        StudySpec {
            profile: self.profile,
            protocol: if self.spacing_mm.is_some() { Protocol::Spacing } else { Protocol::Drawn },
            spacing_mm: self.spacing_mm.clone().unwrap_or(usual.spacing_mm),
            fractures: self.fractures.clone(),
            region: self.region,
            difficulty: self.difficulty.clone(),
            matrix: self.matrix.unwrap_or(if large { 768 } else { 512 }),
            ..StudySpec::new(seed)
        }
    }
}

/// The seed of study `number` of a data set.
pub const fn study_seed(dataset_seed: u64, number: u64) -> u64 {
    hash(hash(dataset_seed).wrapping_add(number))
}

/// Writes `train_images/<StudyInstanceUID>/<n>.dcm`, `train.csv`, `train_bounding_boxes.csv`,
/// `segmentations/<StudyInstanceUID>.nii.gz`, `slices.csv` (which vertebrae each slice shows) and `fractures.csv` (pattern and
/// difficulty of each fracture) under `out`.
/// `progress` is told after each slice: number of the study, and how many slices it has.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(spec: &DatasetSpec, out: &Path, progress: &(impl Fn(u64, usize) + Sync)) -> anyhow::Result<()> {
    for folder in ["train_images", "segmentations"] {
        fs::create_dir_all(out.join(folder)).with_context(|| format!("could not create {}", out.display()))?;
    }
    let names = Level::ALL.map(Level::name).join(",");
    let table = |name: &str, head: String| -> anyhow::Result<fs::File> {
        let path = out.join(name);
        let mut file = fs::File::create(&path).with_context(|| format!("could not create {}", path.display()))?;
        writeln!(file, "{head}")?;
        Ok(file)
    };
    let mut studies = table("train.csv", format!("StudyInstanceUID,patient_overall,{names}"))?;
    let mut boxes = table("train_bounding_boxes.csv", "StudyInstanceUID,x,y,width,height,slice_number".into())?;
    let mut slices = table("slices.csv", format!("StudyInstanceUID,slice_number,{names}"))?;
    let mut fractures = table("fractures.csv", "StudyInstanceUID,level,kind,difficulty".into())?;
    for number in 0..spec.studies {
        let study = Study::generate(&spec.study(number));
        let uid = study_instance_uid(study.seed());
        let folder = out.join("train_images").join(&uid);
        let habits = Habits::research(study.seed());
        let range = spec.excerpt_mm.map_or(0..study.len(), |extent| excerpt(&study, extent));
        let done = || progress(number, range.len());
        let with_masks = spec.excerpt_mm.is_none() && spec.segmentations.is_none_or(|studies| number < studies);
        let truths: Vec<SliceTruth> = if with_masks {
            let render = |index| study.render_with_mask(index);
            let slices = write_slices(&study, &habits, &folder, range.clone(), render, &done)?;
            let (truths, masks): (_, Vec<_>) = slices.into_iter().unzip();
            segmentation::write(&study, &masks, &out.join("segmentations").join(format!("{uid}.nii.gz")))?;
            truths
        } else {
            let render = |index| (study.render(index), ());
            let slices = write_slices(&study, &habits, &folder, range.clone(), render, &done)?;
            slices.into_iter().map(|(truth, ())| truth).collect()
        };
        let broken = study.truth();
        writeln!(studies, "{uid},{},{}", u8::from(broken.contains(&true)), flags(broken))?;
        for Fracture { level, kind, difficulty } in study.fractures() {
            let kind = kind.to_possible_value().map(|kind| kind.get_name().to_owned()).unwrap_or_default();
            writeln!(fractures, "{uid},{},{kind},{difficulty:.3}", level.name())?;
        }
        for (n, truth) in (range.start + 1..).zip(&truths) {
            writeln!(slices, "{uid},{n},{}", flags(truth.levels))?;
            for b in &truth.boxes {
                writeln!(boxes, "{uid},{}.0,{}.0,{}.0,{}.0,{n}", b.x, b.y, b.width, b.height)?;
            }
        }
    }
    Ok(())
}

/// Slices of a stretch of `extent` mm, drawn from the study's seed: around one of its fractures, anywhere in an intact study.
/// Never from the first slice on, so that an excerpt can be told from a whole study.
fn excerpt(study: &Study, extent: f32) -> Range<usize> {
    let rng = &mut stream(study.seed(), 41);
    let geometry = study.geometry();
    let count = index_below(extent / geometry.spacing_mm).clamp(1, study.len().saturating_sub(1).max(1));
    let middle = match study.fractures().choose(rng) {
        Some(fracture) => study.nearest_slice(fracture.level, rng.random_range(-0.3..=0.3) * extent),
        None => rng.random_range(0..study.len()),
    };
    let from = middle.saturating_sub(count / 2).min(study.len() - count).max(1);
    from..(from + count).min(study.len())
}

fn flags(levels: [bool; 7]) -> String {
    levels.map(|shown| if shown { "1" } else { "0" }).join(",")
}

/// Writes every slice of a study as `<n>.dcm` into `folder`, on all threads; `progress` is told after each slice.
/// Gives what the slices show, in their order.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_series(
    study: &Study,
    habits: &Habits,
    folder: &Path,
    progress: &(impl Fn() + Sync),
) -> anyhow::Result<Vec<SliceTruth>> {
    let slices = write_slices(study, habits, folder, 0..study.len(), |index| (study.render(index), ()), progress)?;
    Ok(slices.into_iter().map(|(truth, ())| truth).collect())
}

/// As [`write_series`], of some slices only and with what `render` gives beside each.
fn write_slices<T: Send>(
    study: &Study,
    habits: &Habits,
    folder: &Path,
    range: Range<usize>,
    render: impl Fn(usize) -> (RenderedSlice, T) + Sync,
    progress: &(impl Fn() + Sync),
) -> anyhow::Result<Vec<(SliceTruth, T)>> {
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    range
        .into_par_iter()
        .map(|index| {
            let (slice, beside) = render(index);
            let path = folder.join(format!("{}.dcm", index + 1));
            let bytes = encode(study, index, &slice.hounsfield, habits)?;
            fs::write(&path, bytes).with_context(|| format!("could not write {}", path.display()))?;
            progress();
            Ok((slice.truth, beside))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_tables_name_every_file_and_every_box_lies_in_a_fractured_study() {
        let out = tempfile::tempdir().unwrap();
        let spec = DatasetSpec { spacing_mm: Some(6.0..=6.0), matrix: Some(64), ..DatasetSpec::new(4, 6) };
        write(&spec, out.path(), &|_, _| ()).unwrap();
        let rows = |name: &str| -> Vec<Vec<String>> {
            let text = fs::read_to_string(out.path().join(name)).unwrap();
            text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
        };
        let studies = rows("train.csv");
        assert_eq!(studies.len(), 4);
        for row in &studies {
            assert_eq!(row[1] == "1", row[2..].contains(&"1".to_owned()), "{row:?}");
        }
        for row in rows("slices.csv") {
            let path = out.path().join("train_images").join(&row[0]).join(format!("{}.dcm", row[1]));
            assert!(path.is_file(), "{}", path.display());
        }
        let boxes = rows("train_bounding_boxes.csv");
        assert!(!boxes.is_empty());
        for row in boxes {
            let study = studies.iter().find(|s| s[0] == row[0]).unwrap();
            assert_eq!(study[1], "1");
        }
    }
    #[test]
    fn an_excerpt_is_a_stretch_around_a_fracture_under_the_numbers_of_the_whole() {
        let fractures = Fractures::Fractured;
        let whole = DatasetSpec { spacing_mm: Some(4.0..=4.0), matrix: Some(32), fractures, ..DatasetSpec::new(6, 9) };
        for number in 0..whole.studies {
            let study = Study::generate(&whole.study(number));
            let range = excerpt(&study, 40.0);
            assert!(range.start > 0 && range.len() == 10, "{range:?} of {}", study.len());
            let boxed = range.clone().any(|index| !study.render(index).truth.boxes.is_empty());
            assert!(boxed, "{range:?}: {:?}", study.fractures());
        }
        let out = tempfile::tempdir().unwrap();
        let spec = DatasetSpec { studies: 1, excerpt_mm: Some(40.0), ..whole };
        write(&spec, out.path(), &|_, _| ()).unwrap();
        let range = excerpt(&Study::generate(&spec.study(0)), 40.0);
        let table = fs::read_to_string(out.path().join("slices.csv")).unwrap();
        for (line, index) in table.lines().skip(1).zip(range.clone()) {
            let row: Vec<&str> = line.split(',').collect();
            assert_eq!(row[1], (index + 1).to_string());
            assert!(out.path().join("train_images").join(row[0]).join(format!("{}.dcm", row[1])).is_file());
        }
        assert_eq!(table.lines().count(), 1 + range.len());
    }
}
