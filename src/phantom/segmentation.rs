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

/// Writes the masks of all slices, in the order of the series, to a `.nii.gz` file: unsigned bytes.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(study: &Study, masks: &[Vec<u8>], path: &Path) -> anyhow::Result<()> {
    let words = || format!("could not write {}", path.display());
    let (size, header) = (usize::from(study.geometry().matrix), header(study).with_context(words)?);
    let mut voxels = Vec::with_capacity(masks.len() * size * size);
    let mut stack = |mask: &Vec<u8>| mask.chunks_exact(size).rev().for_each(|row| voxels.extend_from_slice(row));
    if study.geometry().foot_to_head {
        masks.iter().for_each(&mut stack);
    } else {
        masks.iter().rev().for_each(&mut stack);
    }
    let volume = InMemNiftiVolume::from_raw_data(&header, voxels)
        .and_then(IntoNdArray::into_ndarray::<u8>)
        .with_context(words)?;
    WriterOptions::new(path).reference_header(&header).write_nifti(&volume).with_context(words)
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
