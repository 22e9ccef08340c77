//! The truth of a data set in the layout of the RSNA 2022 challenge: `train.csv`, `train_bounding_boxes.csv`,
//! `train_images/<StudyInstanceUID>/<n>.dcm`, and, where they are there, `slices.csv` (which vertebrae each slice shows),
//! `fractures.csv` (pattern and difficulty of each fracture, and whether a slice shows it) and
//! `segmentations/<StudyInstanceUID>.nii[.gz]`, which say what a slice shows where `slices.csv` does not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::{TrueBox, TrueFracture, masks};
use crate::triage::Level;

/// One study's truth.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyTruth {
    /// Its StudyInstanceUID.
    pub study: String,
    /// Which of C1 to C7 are fractured.
    pub fractured: [bool; 7],
    /// Files with the number of their slice, in the order of the numbers.
    pub files: Vec<(u32, PathBuf)>,
    /// Which of C1 to C7 a slice shows, by its number; empty where nobody has said.
    pub visible: BTreeMap<u32, [bool; 7]>,
    /// What is known of each fracture that a slice shows; empty where nobody has said.
    pub fractures: Vec<TrueFracture>,
    /// Fractures of a slice, by its number.
    pub boxes: BTreeMap<u32, Vec<TrueBox>>,
}

impl StudyTruth {
    /// The boxes are known: there are some, or there is no fracture. (Most fractured studies of the real data have none.)
    pub fn boxes_known(&self) -> bool {
        !self.boxes.is_empty() || !self.fractured.contains(&true)
    }
}

/// The studies of `train.csv` whose images are there, in its order.
///
/// # Errors
/// When a table is missing or has no such column, or a value is none; the words name file, line and column.
pub fn read(folder: &Path) -> anyhow::Result<Vec<StudyTruth>> {
    let mut studies = Vec::new();
    for row in Table::read(&folder.join("train.csv"))?.rows() {
        let study = row.text("StudyInstanceUID")?.to_owned();
        let images = folder.join("train_images").join(&study);
        if images.is_dir() {
            let (fractured, files) = (row.levels()?, files(&images)?);
            let (visible, boxes) = (BTreeMap::new(), BTreeMap::new());
            studies.push(StudyTruth { study, fractured, files, visible, fractures: Vec::new(), boxes });
        }
    }
    if studies.is_empty() {
        bail!("{} holds no study of train.csv", folder.join("train_images").display());
    }
    let index: BTreeMap<String, usize> = studies.iter().enumerate().map(|(i, s)| (s.study.clone(), i)).collect();
    for row in Table::read(&folder.join("train_bounding_boxes.csv"))?.rows() {
        if let Some(&i) = index.get(row.text("StudyInstanceUID")?) {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| row.number::<f32>(name));
            let truth = TrueBox { x: x?, y: y?, width: width?, height: height? };
            studies[i].boxes.entry(row.number("slice_number")?).or_default().push(truth);
        }
    }
    let slices = folder.join("slices.csv");
    if slices.exists() {
        for row in Table::read(&slices)?.rows() {
            if let Some(&i) = index.get(row.text("StudyInstanceUID")?) {
                studies[i].visible.insert(row.number("slice_number")?, row.levels()?);
            }
        }
    }
    for study in studies.iter_mut().filter(|study| study.visible.is_empty()) {
        if let Some(path) = masks::of_study(folder, &study.study) {
            study.visible = masks::visible(&path, &study.files)?;
        }
    }
    let fractures = folder.join("fractures.csv");
    if fractures.exists() {
        for row in Table::read(&fractures)?.rows() {
            if let Some(&i) = index.get(row.text("StudyInstanceUID")?) {
                studies[i].fractures.extend(row.fracture()?);
            }
        }
    }
    Ok(studies)
}

/// `<n>.dcm`, by n; other names are passed over.
fn files(folder: &Path) -> anyhow::Result<Vec<(u32, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if let Some(number) = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

/// A table with its header; its values are numbers and UIDs, so that no comma and no quote stands in them.
struct Table {
    path: PathBuf,
    text: String,
}

/// One line of a table.
struct Row<'a> {
    table: &'a Table,
    number: usize,
    columns: BTreeMap<&'a str, &'a str>,
}

impl Table {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { path: path.to_owned(), text })
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut lines = self.text.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
        (2..).zip(lines).filter(|(_, line)| !line.trim().is_empty()).map(move |(number, line)| {
            let columns = names.iter().copied().zip(line.split(',').map(str::trim)).collect();
            Row { table: self, number, columns }
        })
    }
}

impl Row<'_> {
    fn text(&self, column: &str) -> anyhow::Result<&str> {
        let at = || format!("{}, line {}: no column {column}", self.table.path.display(), self.number);
        self.columns.get(column).copied().with_context(at)
    }

    /// A number; one that stands there as `12.0` where a whole one is wanted is taken too.
    fn number<T: std::str::FromStr>(&self, column: &str) -> anyhow::Result<T> {
        let text = self.text(column)?;
        let whole = text.strip_suffix(".0").unwrap_or(text);
        let (path, line) = (self.table.path.display(), self.number);
        whole.parse().ok().with_context(|| format!("{path}, line {line}: {column} is `{text}`, not a number"))
    }

    /// `None` for one that no slice shows: nothing could find it.
    fn fracture(&self) -> anyhow::Result<Option<TrueFracture>> {
        let name = self.text("level")?;
        let (path, line) = (self.table.path.display(), self.number);
        let level = Level::ALL.into_iter().find(|level| level.name() == name);
        let level = level.with_context(|| format!("{path}, line {line}: level is `{name}`, not one of C1 to C7"))?;
        // A table without the column says nothing against its fractures.
        let visible = !self.columns.contains_key("visible") || self.number::<u8>("visible")? != 0;
        let fracture =
            TrueFracture { level, kind: self.text("kind")?.to_owned(), difficulty: self.number("difficulty")? };
        Ok(visible.then_some(fracture))
    }

    fn levels(&self) -> anyhow::Result<[bool; 7]> {
        let mut levels = [false; 7];
        for level in Level::ALL {
            levels[level as usize] = self.number::<u8>(level.name())? != 0;
        }
        Ok(levels)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::phantom::Profile;
    use crate::phantom::dataset::DatasetSpec;

    fn folder(boxes: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            "train.csv",
            "StudyInstanceUID,patient_overall,C1,C2,C3,C4,C5,C6,C7\n1.2,1,0,1,0,0,0,0,0\n1.3,0,0,0,0,0,0,0,0\n",
        );
        write("train_bounding_boxes.csv", &format!("StudyInstanceUID,x,y,width,height,slice_number\n{boxes}"));
        let images = folder.path().join("train_images").join("1.2");
        fs::create_dir_all(&images).unwrap();
        for name in ["10.dcm", "9.dcm", "notes.txt"] {
            fs::write(images.join(name), "").unwrap();
        }
        folder
    }

    #[test]
    fn the_layout_of_the_challenge_is_read() {
        let folder = folder("1.2,219.27715,216.71419,17.30440,15.38353,9\n7.7,1,1,1,1,1\n");
        let studies = read(folder.path()).unwrap();
        assert_eq!(studies.len(), 1, "a study without images is left out");
        assert_eq!(studies[0].fractured, [false, true, false, false, false, false, false]);
        assert_eq!(studies[0].files.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [9, 10]);
        assert!((studies[0].boxes[&9][0].x - 219.277_15).abs() < 1e-3);
        assert!(studies[0].visible.is_empty() && studies[0].boxes_known());
    }

    #[test]
    fn the_phantoms_data_set_is_read() {
        let out = tempfile::tempdir().unwrap();
        let spec = DatasetSpec { spacing_mm: Some(8.0..=8.0), matrix: Some(64), ..DatasetSpec::new(3, 6) };
        crate::phantom::dataset::write(&spec, out.path(), &|_, _| ()).unwrap();
        for study in read(out.path()).unwrap() {
            assert_eq!(study.visible.len(), study.files.len());
            assert!(study.boxes.keys().all(|number| study.visible.contains_key(number)));
            let mut levels = [false; 7];
            study.fractures.iter().for_each(|fracture| levels[fracture.level as usize] = true);
            assert_eq!(levels, study.fractured);
        }
    }

    #[test]
    fn a_fracture_that_no_slice_shows_is_left_out() {
        let folder = folder("");
        let write = |table: &str| fs::write(folder.path().join("fractures.csv"), table).unwrap();
        let kinds = || -> Vec<String> {
            read(folder.path()).unwrap().remove(0).fractures.into_iter().map(|fracture| fracture.kind).collect()
        };
        write("StudyInstanceUID,level,kind,difficulty,visible\n1.2,C2,hangman,0.5,1\n1.2,C7,spinous,0.9,0\n");
        assert_eq!(kinds(), ["hangman"]);
        write("StudyInstanceUID,level,kind,difficulty\n1.2,C2,hangman,0.5\n1.2,C7,spinous,0.9\n");
        assert_eq!(kinds(), ["hangman", "spinous"], "without the column all of them count");
    }

    #[test]
    fn masks_say_what_the_table_of_slices_says() {
        for (seed, profile) in [(6, Profile::Standard), (7, Profile::UnseenScanner)] {
            let out = tempfile::tempdir().unwrap();
            let quick = DatasetSpec { spacing_mm: Some(4.0..=4.0), profile, ..DatasetSpec::new(4, seed) };
            let spec = DatasetSpec { matrix: Some(48), ..quick };
            crate::phantom::dataset::write(&spec, out.path(), &|_, _| ()).unwrap();
            let told = read(out.path()).unwrap();
            fs::remove_file(out.path().join("slices.csv")).unwrap();
            let seen = read(out.path()).unwrap();
            assert_eq!(told.len(), seen.len());
            for (told, seen) in told.iter().zip(&seen) {
                assert!(told.visible == seen.visible, "{profile:?}, study {}", told.study);
            }
            let shown = |study: &StudyTruth| (0..7).all(|level| study.visible.values().any(|levels| levels[level]));
            assert!(seen.iter().any(shown), "{profile:?}");
        }
    }

    #[test]
    fn a_bad_value_is_named_with_file_line_and_column() {
        let words = format!("{:#}", read(folder("1.2,a,1,1,1,9\n").path()).unwrap_err());
        assert!(words.ends_with("train_bounding_boxes.csv, line 2: x is `a`, not a number"), "{words}");
        let words = format!("{:#}", read(Path::new("/does/not/exist")).unwrap_err());
        assert!(words.starts_with("cannot read /does/not/exist/train.csv"), "{words}");
    }
}
