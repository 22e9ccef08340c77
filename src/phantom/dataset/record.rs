//! What a data set was made with: `phantom.toml` for those who find it, and what sets its UIDs apart from those of others.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use super::DatasetSpec;
use crate::phantom::noise::hash;
use crate::phantom::spec::Fractures;

const HEAD: &str =
    "# Synthetic: drawn by `spinewatch phantom dataset`. No image of a person is in here, or was used to make it.\n";

/// Writes `phantom.toml` into a folder.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(spec: &DatasetSpec, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("phantom.toml");
    fs::write(&path, text(spec)?).with_context(|| format!("could not write {}", path.display()))
}

/// What the file says; settings that were left to the phantom are left out.
#[derive(Serialize)]
struct Record {
    synthetic: bool,
    spinewatch: &'static str,
    profile: String,
    seed: u64,
    studies: u64,
    region: String,
    balanced: bool,
    difficulty: [f32; 2],
    slice_spacing_mm: Option<[f32; 2]>,
    excerpt_mm: Option<f32>,
    matrix: Option<u16>,
}

fn text(spec: &DatasetSpec) -> Result<String, toml::ser::Error> {
    let record = Record {
        synthetic: true,
        spinewatch: env!("CARGO_PKG_VERSION"),
        profile: name(spec.profile),
        seed: spec.seed,
        studies: spec.studies,
        region: name(spec.region),
        balanced: matches!(spec.fractures, Fractures::Balanced(_)),
        difficulty: [*spec.difficulty.start(), *spec.difficulty.end()],
        slice_spacing_mm: spec.spacing_mm.as_ref().map(|mm| [*mm.start(), *mm.end()]),
        excerpt_mm: spec.excerpt_mm,
        matrix: spec.matrix,
    };
    Ok(format!("{HEAD}{}", toml::to_string(&record)?))
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// What is mixed into the UIDs of a data set, so that two that differ in more than the number of their studies share none;
/// 0 for a plain one. The patients of a seed stay the same.
pub(super) fn uid_salt(spec: &DatasetSpec) -> u64 {
    let plain = DatasetSpec::new(spec.studies, spec.seed);
    let mut salt = 0;
    let mut mix = |differs: bool, words: String| {
        if differs {
            salt = words.bytes().fold(hash(salt), |salt, byte| hash(salt ^ u64::from(byte)));
        }
    };
    mix(spec.profile != plain.profile, format!("profile {}", name(spec.profile)));
    mix(spec.region != plain.region, format!("region {}", name(spec.region)));
    mix(spec.fractures != plain.fractures, format!("fractures {:?}", spec.fractures));
    mix(spec.difficulty != plain.difficulty, format!("difficulty {:?}", spec.difficulty));
    mix(spec.spacing_mm != plain.spacing_mm, format!("spacing {:?}", spec.spacing_mm));
    mix(spec.excerpt_mm != plain.excerpt_mm, format!("excerpt {:?}", spec.excerpt_mm));
    mix(spec.matrix != plain.matrix, format!("matrix {:?}", spec.matrix));
    salt
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::phantom::{Profile, Region};

    fn others() -> [DatasetSpec; 7] {
        let plain = || DatasetSpec::new(2, 7);
        [
            DatasetSpec { profile: Profile::UnseenScanner, ..plain() },
            DatasetSpec { region: Region::Head, ..plain() },
            DatasetSpec { fractures: Fractures::Balanced(0.6), ..plain() },
            DatasetSpec { difficulty: 1.0..=1.0, ..plain() },
            DatasetSpec { spacing_mm: Some(0.6..=2.0), ..plain() },
            DatasetSpec { excerpt_mm: Some(42.0), ..plain() },
            DatasetSpec { matrix: Some(64), ..plain() },
        ]
    }

    #[test]
    fn every_setting_that_changes_the_images_changes_the_uids_and_a_plain_data_set_keeps_them() {
        let plain = DatasetSpec::new(2, 7);
        assert_eq!(uid_salt(&plain), 0);
        assert_eq!(uid_salt(&DatasetSpec { studies: 9, segmentations: Some(1), ..plain }), 0);
        let salts: BTreeSet<u64> = others().iter().map(uid_salt).collect();
        assert!(salts.len() == 7 && !salts.contains(&0));
    }

    #[test]
    fn the_record_is_toml_and_says_what_was_asked_for() {
        let [scanner, .., balanced, _, spaced, excerpt, matrix] = others();
        let spec = DatasetSpec {
            fractures: balanced.fractures,
            spacing_mm: spaced.spacing_mm,
            excerpt_mm: excerpt.excerpt_mm,
            matrix: matrix.matrix,
            difficulty: 0.25..=1.0,
            ..scanner
        };
        let text = text(&spec).unwrap();
        assert!(text.starts_with("# Synthetic"), "{text}");
        let read: toml::Table = text.parse().unwrap();
        let expected: toml::Table = format!(
            "synthetic = true\nspinewatch = '{}'\nprofile = 'unseen-scanner'\nseed = 7\nstudies = 2\nregion = 'neck'\n\
             balanced = true\ndifficulty = [0.25, 1.0]\nslice_spacing_mm = [0.6, 2.0]\nexcerpt_mm = 42.0\nmatrix = 64",
            env!("CARGO_PKG_VERSION")
        )
        .parse()
        .unwrap();
        assert_eq!(read, expected);
        let plain = super::text(&DatasetSpec::new(1, 1)).unwrap();
        assert!(!plain.contains("excerpt") && plain.contains("balanced = false"), "{plain}");
    }
}
