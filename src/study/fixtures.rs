//! Slices for the tests of this module.

use super::{PixelDigest, SliceKey};
use crate::dicom::{SliceHeader, Uid};
use std::time::Duration;

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An axial 512 x 512 slice `number` of a neck at `z_mm`, scanned from head to foot.
pub(super) fn slice(number: i32, z_mm: f64) -> SliceHeader {
    SliceHeader {
        study_instance_uid: Uid::new("1.2.3"),
        series_instance_uid: Uid::new("1.2.3.4"),
        sop_instance_uid: Uid::new(&format!("1.2.3.4.{number}")),
        frame: 0,
        rows: 512,
        columns: 512,
        pixel_spacing: [0.4, 0.4],
        image_position_patient: [-100.0, -100.0, z_mm],
        image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        slice_thickness: Some(1.0),
        instance_number: Some(number),
        expected_slices: None,
        image_type: vec!["ORIGINAL".into(), "PRIMARY".into(), "AXIAL".into()],
    }
}

/// `count` slices, numbered from 1, 1 mm apart, from 0 mm towards the feet.
pub(super) fn neck(count: i32) -> Vec<SliceHeader> {
    (1..=count).map(|number| slice(number, f64::from(1 - number))).collect()
}

/// A sagittal scout.
pub(super) fn scout() -> SliceHeader {
    SliceHeader { image_orientation_patient: [0.0, 1.0, 0.0, 0.0, 0.0, -1.0], ..slice(900, 0.0) }
}

/// The slice with the gantry tilted by `degrees`.
pub(super) fn tilted(slice: SliceHeader, degrees: f64) -> SliceHeader {
    let (sin, cos) = degrees.to_radians().sin_cos();
    SliceHeader { image_orientation_patient: [1.0, 0.0, 0.0, 0.0, cos, -sin], ..slice }
}

/// Pixels that tell slices apart.
pub(super) fn pixels(content: u8) -> PixelDigest {
    PixelDigest([content; 16])
}

/// Different pixels for each SOPInstanceUID, frame and place.
pub(super) fn own_pixels(header: &SliceHeader) -> PixelDigest {
    let text = format!("{}/{}/{}", header.sop_instance_uid.as_str(), header.frame, header.image_position_patient[2]);
    PixelDigest::of(&text.bytes().map(i16::from).collect::<Vec<_>>())
}

pub(super) fn key(header: &SliceHeader) -> SliceKey {
    SliceKey::from(header)
}
