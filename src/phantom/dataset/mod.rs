//! Many studies into a folder, in the layout of the published challenge data, for training and evaluation.

mod record;

mod tables;

#[cfg(test)]
mod tests;

use std::fs;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use anyhow::{Context, bail};
use rand::Rng;
use rand::seq::IndexedRandom;
use rayon::prelude::*;

use super::dicom_writer::{encode, study_instance_uid};
use super::geometry::index_below;
use super::habits::Habits;
use super::noise::hash;
use super::profile::Profile;
use super::segmentation::{Masks, Place};
use super::spec::{Fractures, Protocol, Region, StudySpec};
use super::stream::{Purpose, stream};
use super::study::{RenderedSlice, Study};
use super::truth::SliceTruth;
use crate::published;
use tables::Tables;

/// What to write.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetSpec {
    /// Number of studies.
    pub studies: u64,
    /// Seed of the whole; study i is the same whatever the number of studies.
    pub seed: u64,
    /// Which patients and scanners.
    pub profile: Profile,
    /// Range of the distance between slices, mm; `None`: as the scanners of the profile are set. See [`Protocol::spaced`].
    pub spacing_mm: Option<RangeInclusive<f32>>,
    /// Which fractures; as often and as together as published unless the data set is for training.
    pub fractures: Fractures,
    /// Part of the body. A network that is to stay silent on heads and chests must have seen some.
    pub region: Region,
    /// Range of the difficulty of the fractures, 0 to 1.
    pub difficulty: RangeInclusive<f32>,
    /// Rows and columns; `None`: 512, and 768 in one study of fifty. (Of the published ones a few are 512 x 519: none here.)
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
            fractures: Fractures::Sometimes(published::FRACTURED),
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
        let spaced = self.spacing_mm.as_ref().map(|_| Protocol::spaced(self.profile));
        StudySpec {
            profile: self.profile,
            protocol: spaced.unwrap_or(Protocol::Drawn),
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
/// `segmentations/<StudyInstanceUID>.nii.gz`, `slices.csv` (which vertebrae each slice shows), `fractures.csv` (pattern and
/// difficulty of each fracture, and whether a written slice shows it) and `phantom.toml` (what was asked for) under `out`.
/// In `train.csv` only fractures count that a written slice shows.
/// `progress` is told after each slice: number of the study, and how many slices it has.
///
/// # Errors
/// When the folder is not empty, or cannot be written.
pub fn write(spec: &DatasetSpec, out: &Path, progress: &(impl Fn(u64, usize) + Sync)) -> anyhow::Result<()> {
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty: name a new folder for the data set, or empty this one first", out.display());
    }
    for folder in ["train_images", "segmentations"] {
        fs::create_dir_all(out.join(folder)).with_context(|| format!("could not create {}", out.display()))?;
    }
    record::write(spec, out)?;
    let mut tables = Tables::create(out)?;
    let salt = record::uid_salt(spec);
    for number in 0..spec.studies {
        let study = Study::generate(&spec.study(number)).with_uid_salt(salt);
        let uid = study_instance_uid(study.uid_seed());
        let folder = out.join("train_images").join(&uid);
        let habits = Habits::research(study.seed());
        let range = spec.excerpt_mm.map_or(0..study.len(), |extent| excerpt(&study, extent));
        let done = || progress(number, range.len());
        let with_masks = spec.excerpt_mm.is_none() && spec.segmentations.is_none_or(|studies| number < studies);
        let truths = if with_masks {
            let mask = out.join("segmentations").join(format!("{uid}.nii.gz"));
            write_with_masks(&study, &habits, &folder, &mask, &done)?
        } else {
            write_slices(&study, &habits, &folder, range.clone(), &done)?
        };
        tables.add(&study, &uid, range.start + 1, &truths)?;
    }
    Ok(())
}

/// Slices of a stretch of `extent` mm, drawn from the study's seed: around one of its fractures, anywhere in an intact study.
/// Never from the first slice on, so that an excerpt can be told from a whole study.
fn excerpt(study: &Study, extent: f32) -> Range<usize> {
    let rng = &mut stream(study.seed(), Purpose::Excerpt);
    let geometry = study.geometry();
    let count = index_below(extent / geometry.spacing_mm).clamp(1, study.len().saturating_sub(1).max(1));
    let middle = match study.fractures().choose(rng) {
        Some(fracture) => study.nearest_slice(fracture.level, rng.random_range(-0.3..=0.3) * extent),
        None => rng.random_range(0..study.len()),
    };
    let from = middle.saturating_sub(count / 2).min(study.len() - count).max(1);
    from..(from + count).min(study.len())
}

/// Writes every slice of a study as `<n>.dcm` into `folder`, on all threads; `progress` is told after each slice.
/// Gives what the slices show, in their order.
///
/// # Errors
/// When the folder holds DICOM files already, or cannot be written.
pub fn write_series(
    study: &Study,
    habits: &Habits,
    folder: &Path,
    progress: &(impl Fn() + Sync),
) -> anyhow::Result<Vec<SliceTruth>> {
    let is_dicom =
        |entry: fs::DirEntry| entry.path().extension().is_some_and(|ending| ending.eq_ignore_ascii_case("dcm"));
    if fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(is_dicom)) {
        bail!("{} holds .dcm files already: name another folder, or remove them first", folder.display());
    }
    write_slices(study, habits, folder, 0..study.len(), progress)
}

/// As [`write_series`], of some slices only.
fn write_slices(
    study: &Study,
    habits: &Habits,
    folder: &Path,
    range: Range<usize>,
    progress: &(impl Fn() + Sync),
) -> anyhow::Result<Vec<SliceTruth>> {
    let pen = Pen::new(study, habits, folder)?;
    let write = |index| {
        let truth = pen.write(index, study.render(index))?;
        progress();
        Ok(truth)
    };
    range.into_par_iter().map(write).collect()
}

/// As [`write_series`], with the masks of the vertebrae in the file `mask`.
fn write_with_masks(
    study: &Study,
    habits: &Habits,
    folder: &Path,
    mask: &Path,
    progress: &(impl Fn() + Sync),
) -> anyhow::Result<Vec<SliceTruth>> {
    let pen = Pen::new(study, habits, folder)?;
    let mut masks = Masks::new(study);
    let write = |(index, place): (usize, Place<'_>)| {
        let (slice, labels) = study.render_with_mask(index);
        place.put(&labels);
        let truth = pen.write(index, slice)?;
        progress();
        Ok(truth)
    };
    let truths = masks.places().into_par_iter().enumerate().map(write).collect::<anyhow::Result<_>>()?;
    masks.write(study, mask)?;
    Ok(truths)
}

/// Writes slices into a folder.
struct Pen<'a> {
    study: &'a Study,
    habits: &'a Habits,
    folder: &'a Path,
}

impl<'a> Pen<'a> {
    fn new(study: &'a Study, habits: &'a Habits, folder: &'a Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
        Ok(Self { study, habits, folder })
    }

    fn write(&self, index: usize, slice: RenderedSlice) -> anyhow::Result<SliceTruth> {
        let path = self.folder.join(format!("{}.dcm", index + 1));
        let bytes = encode(self.study, index, &slice.hounsfield, self.habits)?;
        fs::write(&path, bytes).with_context(|| format!("could not write {}", path.display()))?;
        Ok(slice.truth)
    }
}
