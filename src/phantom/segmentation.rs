//! Masks of a study's vertebrae in, a NIfTI file as the published data has them out.
//!
//! Voxels run to the patient's left, front and head ("LAS"): the field's readers turn the last two axes round and swap
//! first and last, and have the slices from head to foot with their rows from front to back.

use std::path::Path;

use anyhow::Context;
use nifti::writer::WriterOptions;
use nifti::{InMemNiftiVolume, IntoNdArray, NiftiHeader, NiftiType};

use super::study::Study;

/// NIfTI's code for coordinates of the scanner.
const SCANNER_COORDINATES: i16 = 1;
/// NIfTI's code for mm.
const MILLIMETRES: u8 = 2;

/// The masks of all slices of a study, in the order of the file.
pub(super) struct Masks {
    /// Rows and columns of a slice.
    size: usize,
    foot_to_head: bool,
    voxels: Vec<u8>,
}

/// Where the mask of one slice goes.
pub(super) struct Place<'a> {
    size: usize,
    voxels: &'a mut [u8],
}

impl Masks {
    /// Empty masks.
    pub(super) fn new(study: &Study) -> Self {
        let (size, foot_to_head) = (usize::from(study.geometry().matrix), study.geometry().foot_to_head);
        Self { size, foot_to_head, voxels: vec![0; study.len() * size * size] }
    }

    /// The places of all slices, in the order of the series.
    pub(super) fn places(&mut self) -> Vec<Place<'_>> {
        let size = self.size;
        let place = |voxels| Place { size, voxels };
        let mut places: Vec<Place<'_>> = self.voxels.chunks_exact_mut(size * size).map(place).collect();
        if !self.foot_to_head {
            places.reverse();
        }
        places
    }

    /// Writes a `.nii.gz` file of unsigned bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(self, study: &Study, path: &Path) -> anyhow::Result<()> {
        let words = || format!("could not write {}", path.display());
        let header = header(study).with_context(words)?;
        let volume = InMemNiftiVolume::from_raw_data(&header, self.voxels)
            .and_then(IntoNdArray::into_ndarray::<u8>)
            .with_context(words)?;
        WriterOptions::new(path).reference_header(&header).write_nifti(&volume).with_context(words)
    }
}

impl Place<'_> {
    /// Puts a mask there: row by row from front to back, as it was rendered.
    pub(super) fn put(self, mask: &[u8]) {
        let rows = self.voxels.chunks_exact_mut(self.size).rev();
        rows.zip(mask.chunks_exact(self.size)).for_each(|(voxels, row)| voxels.copy_from_slice(row));
    }
}

/// Size, spacing and place of the volume; the affine maps voxels to mm to the right, front and head.
#[expect(clippy::cast_possible_truncation, reason = "NIfTI holds the affine in 32 bits")]
fn header(study: &Study) -> anyhow::Result<NiftiHeader> {
    let g = study.geometry();
    let slices = u16::try_from(study.len())?;
    let lowest = if g.foot_to_head { 0 } else { study.len() - 1 };
    let highest = study.len() - 1 - lowest;
    let (pitch, orientation) = (f64::from(g.pixel_spacing_mm), g.image_orientation_patient());
    let [from, to] = [lowest, highest].map(|index| g.image_position_patient(index));
    let rows = f64::from(g.matrix - 1);
    // DICOM's axes point to the left, back and head; NIfTI's world to the right, front and head.
    let world = |axis: usize| {
        let sign = if axis < 2 { -1.0 } else { 1.0 };
        let (right, down) = (orientation[axis] * pitch, orientation[axis + 3] * pitch);
        let up = (to[axis] - from[axis]) / f64::from(slices.max(2) - 1);
        [right, -down, up, from[axis] + rows * down].map(|value| (sign * value) as f32)
    };
    let mut pixdim = [1.0; 8];
    pixdim[1..4].copy_from_slice(&[g.pixel_spacing_mm, g.pixel_spacing_mm, g.spacing_mm]);
    Ok(NiftiHeader {
        dim: [3, g.matrix, g.matrix, slices, 1, 1, 1, 1],
        pixdim,
        datatype: NiftiType::Uint8 as i16,
        bitpix: 8,
        scl_slope: 1.0,
        xyzt_units: MILLIMETRES,
        qform_code: 0,
        sform_code: SCANNER_COORDINATES,
        srow_x: world(0),
        srow_y: world(1),
        srow_z: world(2),
        ..NiftiHeader::default()
    })
}
