//! A study's masks (NIfTI: 1 to 7 are C1 to C7) and its slices in, what each slice shows out.
//!
//! Slices of the mask and of the series are matched by where they lie, never by their order: masks run from foot to head,
//! series mostly from head to foot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use dicom_dictionary_std::tags;
use dicom_object::OpenFileOptions;
use nifti::{IntoNdArray, NiftiHeader, NiftiObject, ReaderStreamedOptions};

/// The mask of a study under the folder of a data set; `None` where it has none.
pub(super) fn of_study(folder: &Path, study: &str) -> Option<PathBuf> {
    let path = |ending: &str| folder.join("segmentations").join(format!("{study}.{ending}"));
    ["nii.gz", "nii"].map(path).into_iter().find(|path| path.is_file())
}

/// Which of C1 to C7 each slice shows, by its number; a slice where the mask has none is left out.
///
/// # Errors
/// When the mask or the header of a slice cannot be read; the words name the file.
pub(super) fn visible(mask: &Path, files: &[(u32, PathBuf)]) -> anyhow::Result<BTreeMap<u32, [bool; 7]>> {
    let reader = ReaderStreamedOptions::new().read_file_rank(mask, 2);
    let object = reader.with_context(|| format!("cannot read {}", mask.display()))?;
    let affine = Affine::of(object.header(), mask)?;
    let mut shown: Vec<[bool; 7]> = Vec::new();
    for slice in object.into_volume() {
        shown.push(slice.and_then(levels).with_context(|| format!("cannot read {}", mask.display()))?);
    }
    let mut visible = BTreeMap::new();
    for (number, path) in files {
        let plane = Plane::read(path)?;
        let [first, second] = [0.0, 1.0].map(|k| plane.distance(affine.slice(k)));
        let place = first / (first - second);
        if (-0.5..shown.len() as f64 - 0.5).contains(&place) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
            let at = place.round().max(0.0) as usize;
            visible.insert(*number, shown[at.min(shown.len() - 1)]);
        }
    }
    Ok(visible)
}

/// The labels of one slice of a mask, of whatever type.
fn levels(slice: nifti::InMemNiftiVolume) -> nifti::Result<[bool; 7]> {
    let mut levels = [false; 7];
    if slice.raw_data().iter().any(|byte| *byte != 0) {
        for label in slice.into_ndarray::<f32>()? {
            for (number, shown) in (1_u8..).zip(&mut levels) {
                *shown |= (label - f32::from(number)).abs() < 0.5;
            }
        }
    }
    Ok(levels)
}

/// From the voxels of a mask to the patient: the first voxel of a slice, in DICOM's axes, mm.
struct Affine {
    first: [f64; 3],
    step: [f64; 3],
}

impl Affine {
    fn of(header: &NiftiHeader, path: &Path) -> anyhow::Result<Self> {
        let rows = if header.sform_code > 0 {
            [header.srow_x, header.srow_y, header.srow_z]
        } else if header.qform_code > 0 {
            let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from);
            let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
            let step = f64::from(header.pixdim[3]) * if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
            // The third column of the rotation that the quaternion stands for (nifti1.h, method 2).
            let axis = [2.0 * (b * d + a * c), 2.0 * (c * d - a * b), a * a + d * d - b * b - c * c];
            let first = [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from);
            return Ok(Self { first: to_dicom(first), step: to_dicom(axis.map(|v| v * step)) });
        } else {
            bail!("{}: neither sform_code nor qform_code says where the mask lies", path.display());
        };
        let column = |i: usize| to_dicom([rows[0][i], rows[1][i], rows[2][i]].map(f64::from));
        let affine = Self { first: column(3), step: column(2) };
        if affine.step == [0.0; 3] {
            bail!("{}: all slices of the mask lie at one place (srow_x, srow_y, srow_z)", path.display());
        }
        Ok(affine)
    }

    fn slice(&self, k: f64) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.first[axis] + k * self.step[axis])
    }
}

/// NIfTI's x and y point to the right and to the front, DICOM's to the left and to the back.
const fn to_dicom([x, y, z]: [f64; 3]) -> [f64; 3] {
    [-x, -y, z]
}

/// The plane of a slice: a point of it, and its normal.
struct Plane {
    at: [f64; 3],
    normal: [f64; 3],
}

impl Plane {
    /// From the header alone.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let words = |tag: &str| format!("cannot read {tag} of {}", path.display());
        let object = OpenFileOptions::new()
            .read_until(tags::PIXEL_DATA)
            .open_file(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let numbers = |tag, name: &str, count: usize| -> anyhow::Result<Vec<f64>> {
            let numbers = object.element(tag).with_context(|| words(name))?.to_multi_float64();
            let numbers = numbers.with_context(|| words(name))?;
            if numbers.len() == count { Ok(numbers) } else { bail!(words(name)) }
        };
        let at = numbers(tags::IMAGE_POSITION_PATIENT, "ImagePositionPatient", 3)?;
        let o = numbers(tags::IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient", 6)?;
        let cross = [o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5], o[0] * o[4] - o[1] * o[3]];
        Ok(Self { at: [at[0], at[1], at[2]], normal: cross })
    }

    /// How far a point lies from the plane, mm along its normal.
    fn distance(&self, point: [f64; 3]) -> f64 {
        (0..3).map(|axis| (point[axis] - self.at[axis]) * self.normal[axis]).sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn by_quaternion(quaternion: [f32; 3], qfac: f32) -> Affine {
        let [quatern_b, quatern_c, quatern_d] = quaternion;
        let pixdim = [qfac, 0.4, 0.4, 2.5, 0.0, 0.0, 0.0, 0.0];
        let (quatern_x, quatern_y, quatern_z) = (10.0, -20.0, 30.0);
        let header = NiftiHeader {
            qform_code: 1,
            sform_code: 0,
            pixdim,
            quatern_b,
            quatern_c,
            quatern_d,
            quatern_x,
            quatern_y,
            quatern_z,
            ..NiftiHeader::default()
        };
        Affine::of(&header, Path::new("mask.nii")).unwrap()
    }

    fn close(a: [f64; 3], b: [f64; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn a_quaternion_says_which_way_the_slices_run() {
        let upright = by_quaternion([0.0; 3], 1.0);
        assert!(close(upright.first, [-10.0, 20.0, 30.0]) && close(upright.step, [0.0, 0.0, 2.5]));
        assert!(close(by_quaternion([0.0; 3], -1.0).step, [0.0, 0.0, -2.5]));
        // the axes of most converted series: -x, +y, and the slices still from foot to head
        assert!(close(by_quaternion([0.0, 1.0, 0.0], -1.0).step, [0.0, 0.0, 2.5]));
        // a quarter turn about x lays the slices along the body's front
        let half = std::f32::consts::FRAC_1_SQRT_2;
        assert!(close(by_quaternion([half, 0.0, 0.0], 1.0).step, [0.0, 2.5, 0.0]));
    }
}
