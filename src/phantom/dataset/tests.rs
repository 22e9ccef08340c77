//! What a written data set promises, read back as others read it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use dicom_dictionary_std::tags;
use dicom_object::open_file;
use dicom_pixeldata::{ConvertOptions, ModalityLutOption, PixelDecoder};
use nifti::{IntoNdArray, NiftiHeader, NiftiObject, ReaderOptions};

use super::*;
use crate::phantom::dicom_writer::{series_instance_uid, sop_instance_uid};
use crate::phantom::{Direction, FractureKind, Padding};
use crate::triage::Level;

/// Header and rows of a table.
fn table(folder: &Path, name: &str) -> (String, Vec<Vec<String>>) {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    let head = lines.next().unwrap();
    (head, lines.map(|line| line.split(',').map(str::to_owned).collect()).collect())
}

fn rows(folder: &Path, name: &str) -> Vec<Vec<String>> {
    table(folder, name).1
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_tables_name_every_file_and_every_box_lies_in_a_fractured_study() {
    let out = tempfile::tempdir().unwrap();
    let spec = DatasetSpec { spacing_mm: Some(6.0..=6.0), matrix: Some(64), ..DatasetSpec::new(4, 6) };
    write(&spec, out.path(), &|_, _| ()).unwrap();
    let files = ["fractures.csv", "phantom.toml", "segmentations", "slices.csv", "train.csv"];
    assert_eq!(names(out.path()), [files.as_slice(), &["train_bounding_boxes.csv", "train_images"]].concat());
    let (head, studies) = table(out.path(), "train.csv");
    assert_eq!(head, "StudyInstanceUID,patient_overall,C1,C2,C3,C4,C5,C6,C7");
    assert_eq!(studies.len(), 4);
    for row in &studies {
        assert_eq!(row[1] == "1", row[2..].contains(&"1".to_owned()), "{row:?}");
        assert!(out.path().join("segmentations").join(format!("{}.nii.gz", row[0])).is_file());
    }
    assert_eq!(names(&out.path().join("segmentations")).len(), 4);
    let images = out.path().join("train_images");
    let (head, slices) = table(out.path(), "slices.csv");
    assert_eq!(head, "StudyInstanceUID,slice_number,C1,C2,C3,C4,C5,C6,C7");
    for row in &slices {
        let path = images.join(&row[0]).join(format!("{}.dcm", row[1]));
        assert!(path.is_file(), "{}", path.display());
    }
    let written: usize = names(&images).iter().map(|study| names(&images.join(study)).len()).sum();
    let drawn: usize = (0..4).map(|number| Study::generate(&spec.study(number)).len()).sum();
    assert_eq!((written, slices.len()), (drawn, drawn));
    let (head, boxes) = table(out.path(), "train_bounding_boxes.csv");
    assert_eq!(head, "StudyInstanceUID,x,y,width,height,slice_number");
    assert!(!boxes.is_empty());
    for row in boxes {
        let study = studies.iter().find(|s| s[0] == row[0]).unwrap();
        assert_eq!(study[1], "1");
    }
    assert_eq!(table(out.path(), "fractures.csv").0, "StudyInstanceUID,level,kind,difficulty,visible");
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
    let table = rows(out.path(), "slices.csv");
    for (row, index) in table.iter().zip(range.clone()) {
        assert_eq!(row[1], (index + 1).to_string());
        assert!(out.path().join("train_images").join(&row[0]).join(format!("{}.dcm", row[1])).is_file());
    }
    assert_eq!(table.len(), range.len());
}

#[test]
fn a_fracture_that_no_written_slice_shows_is_no_finding_and_stays_in_the_list() {
    let fractures = Fractures::Exactly(vec![(Level::C2, FractureKind::Hangman), (Level::C7, FractureKind::Spinous)]);
    let quick = DatasetSpec { spacing_mm: Some(2.0..=2.0), matrix: Some(64), ..DatasetSpec::new(4, 11) };
    let spec = DatasetSpec { fractures, excerpt_mm: Some(24.0), difficulty: 0.1..=0.1, ..quick };
    let out = tempfile::tempdir().unwrap();
    write(&spec, out.path(), &|_, _| ()).unwrap();
    let (listed, boxes) = (rows(out.path(), "fractures.csv"), rows(out.path(), "train_bounding_boxes.csv"));
    for study in rows(out.path(), "train.csv") {
        let flags: Vec<&str> = listed.iter().filter(|row| row[0] == study[0]).map(|row| row[4].as_str()).collect();
        assert_eq!(flags, [study[3].as_str(), study[8].as_str()], "C2 and C7, 24 mm of the neck");
        assert_eq!(flags.iter().filter(|flag| **flag == "1").count(), 1, "{study:?}");
        assert!(boxes.iter().any(|row| row[0] == study[0]));
    }
}

#[test]
fn a_folder_that_is_in_use_is_left_alone() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("notes.txt"), "mine").unwrap();
    let refused = write(&DatasetSpec::new(1, 1), out.path(), &|_, _| ()).unwrap_err().to_string();
    assert!(refused.contains(&out.path().display().to_string()) && refused.contains("new folder"), "{refused}");
    assert_eq!(names(out.path()), ["notes.txt"]);
    let study = Study::generate(&StudySpec { matrix: 32, slices: Some(2), ..StudySpec::new(1) });
    write_series(&study, &Habits::console(), out.path(), &|| ()).unwrap();
    let refused = write_series(&study, &Habits::console(), out.path(), &|| ()).unwrap_err().to_string();
    assert!(refused.contains(&out.path().display().to_string()) && refused.contains(".dcm"), "{refused}");
}

#[test]
fn the_same_patients_scanned_otherwise_have_uids_of_their_own() {
    let (plain, coarse) = (DatasetSpec::new(1, 3), DatasetSpec { matrix: Some(32), ..DatasetSpec::new(1, 3) });
    let study = |spec: &DatasetSpec| Study::generate(&spec.study(0)).with_uid_salt(record::uid_salt(spec));
    let uids =
        |study: &Study| [study_instance_uid(study.uid_seed()), series_instance_uid(study), sop_instance_uid(study, 0)];
    let (usual, other) = (study(&plain), study(&coarse));
    assert_eq!(uids(&usual), uids(&Study::generate(&plain.study(0))), "a plain data set keeps its UIDs");
    for (usual, other) in uids(&usual).iter().zip(uids(&other)) {
        assert_ne!(*usual, other);
    }
    assert_eq!(other.render(40), Study::generate(&coarse.study(0)).render(40), "the patient stays");
}

/// A written slice, placed as its header says.
struct Slice {
    at: [f64; 3],
    right: [f64; 3],
    down: [f64; 3],
    pitch: f64,
    hounsfield: Vec<i32>,
    mask: Vec<u8>,
}

impl Slice {
    fn read(path: &Path, mask: Vec<u8>) -> Self {
        let object = open_file(path).unwrap();
        let numbers = |tag| object.element(tag).unwrap().to_multi_float64().unwrap();
        let orientation = numbers(tags::IMAGE_ORIENTATION_PATIENT);
        let options = ConvertOptions::new().with_modality_lut(ModalityLutOption::Default);
        Self {
            at: numbers(tags::IMAGE_POSITION_PATIENT).try_into().unwrap(),
            right: orientation[..3].try_into().unwrap(),
            down: orientation[3..].try_into().unwrap(),
            pitch: numbers(tags::PIXEL_SPACING)[0],
            hounsfield: object.decode_pixel_data().unwrap().to_vec_with_options::<i32>(&options).unwrap(),
            mask,
        }
    }

    /// Column and row of a point of the patient, and its distance from the slice in mm.
    fn locate(&self, point: [f64; 3]) -> ([f64; 2], f64) {
        let along = |way: [f64; 3]| (0..3).map(|axis| (point[axis] - self.at[axis]) * way[axis]).sum::<f64>();
        let ([a, b, c], [d, e, f]) = (self.right, self.down);
        let normal = [b * f - c * e, c * d - a * f, a * e - b * d];
        ([along(self.right) / self.pitch, along(self.down) / self.pitch], along(normal).abs())
    }
}

/// Where a voxel lies in DICOM's axes: NIfTI's x and y point the other way.
fn patient(header: &NiftiHeader, voxel: [usize; 3]) -> [f64; 3] {
    let along = |row: [f32; 4]| (0..3).map(|i| f64::from(row[i]) * voxel[i] as f64).sum::<f64>() + f64::from(row[3]);
    [-along(header.srow_x), -along(header.srow_y), along(header.srow_z)]
}

/// Shares of the labelled voxels that lie on bone: as the files say, and were the rows of the mask the other way round.
fn on_bone(spec: &StudySpec) -> [f64; 2] {
    let out = tempfile::tempdir().unwrap();
    let (study, file) = (Study::generate(spec), out.path().join("mask.nii.gz"));
    write_with_masks(&study, &Habits::console(), out.path(), &file, &|| ()).unwrap();
    let path = |index: usize| -> PathBuf { out.path().join(format!("{}.dcm", index + 1)) };
    let slices: Vec<Slice> =
        (0..study.len()).map(|index| Slice::read(&path(index), study.render_with_mask(index).1)).collect();
    let object = ReaderOptions::new().read_file(&file).unwrap();
    let header = object.header().clone();
    let size = usize::from(spec.matrix);
    let (mut all, mut on, mut mirrored) = (0.0, 0.0, 0.0);
    for (voxel, label) in object.into_volume().into_ndarray::<u8>().unwrap().indexed_iter().filter(|(_, l)| **l > 0) {
        let point = patient(&header, [voxel[0], voxel[1], voxel[2]]);
        let nearest = slices.iter().min_by(|a, b| a.locate(point).1.total_cmp(&b.locate(point).1)).unwrap();
        let ([column, row], away) = nearest.locate(point);
        assert!(away < 0.05, "{away} mm from the nearest slice");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "beyond the slice the next line fails"
        )]
        let [column, row] = [column, row].map(|at| at.round() as usize);
        assert_eq!(nearest.mask[row * size + column], *label, "voxel {voxel:?}: column {column}, row {row}");
        let bone = |row: usize| f64::from(u8::from(nearest.hounsfield[row * size + column] > 150));
        all += 1.0;
        on += bone(row);
        mirrored += bone(size - 1 - row);
    }
    assert!(all > 1000.0, "{all} voxels");
    [on / all, mirrored / all]
}

#[test]
fn masks_lie_on_the_bone_in_either_direction_and_under_a_tilted_gantry() {
    let usual = StudySpec { spacing_mm: 5.0..=5.0, matrix: 96, padding: Padding::Nothing, ..StudySpec::new(17) };
    let tilted = StudySpec { profile: Profile::UnseenScanner, protocol: Protocol::Respaced, ..usual.clone() };
    assert!(Study::generate(&tilted).geometry().tilt.angle.abs() > 0.1);
    for spec in [usual, tilted] {
        for direction in [Direction::HeadToFoot, Direction::FootToHead] {
            let [on, mirrored] = on_bone(&StudySpec { direction, ..spec.clone() });
            assert!(on > 0.75 && mirrored < 0.5 * on, "{direction:?}, {:?}: {on} {mirrored}", spec.protocol);
        }
    }
}
