//! One image plane in Hounsfield units: what the reader hands on and every later stage works with.
//!
//! Never holds a patient name, an accession number or any free text of the header.

use std::fmt;
use std::sync::Arc;

/// A DICOM unique identifier (PS3.5 section 9), at most 64 characters.
///
/// A UID can be traced to a patient, so `Debug` shows only a short digest: a UID never reaches a log by accident.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(Arc<str>);

impl Uid {
    /// Takes the value of a UI element; trailing padding (NUL and spaces) is removed.
    pub fn new(value: &str) -> Self {
        Self(Arc::from(value.trim_end_matches(['\0', ' '])))
    }

    /// The identifier in clear. For hashing and for sites that switched clear identifiers on.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(self.0.as_bytes());
        write!(f, "Uid(#{:02x}{:02x}{:02x}{:02x})", digest[0], digest[1], digest[2], digest[3])
    }
}

/// Where a slice lies and what it says of its series: all that `study` needs, without the pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceHeader {
    /// StudyInstanceUID (0020,000D).
    pub study_instance_uid: Uid,
    /// SeriesInstanceUID (0020,000E).
    pub series_instance_uid: Uid,
    /// SOPInstanceUID (0008,0018).
    pub sop_instance_uid: Uid,
    /// Zero-based frame of an enhanced multi-frame instance; 0 for a single-frame one.
    pub frame: u32,
    /// Rows (0028,0010).
    pub rows: u16,
    /// Columns (0028,0011).
    pub columns: u16,
    /// PixelSpacing (0028,0030) in mm: between rows, between columns.
    pub pixel_spacing: [f64; 2],
    /// ImagePositionPatient (0020,0032) in mm: centre of the first pixel, x to the left, y to the back, z to the head.
    pub image_position_patient: [f64; 3],
    /// ImageOrientationPatient (0020,0037): direction cosines of a row, then of a column.
    pub image_orientation_patient: [f64; 6],
    /// SliceThickness (0018,0050) in mm.
    pub slice_thickness: Option<f64>,
    /// InstanceNumber (0020,0013). Only ever shown, never used for order.
    pub instance_number: Option<i32>,
    /// How many slices the series will have, where the header says so
    /// (ImagesInAcquisition (0020,1002), or NumberOfFrames of an enhanced instance).
    pub expected_slices: Option<u32>,
    /// ImageType (0008,0008) values in upper case, empty when absent: `["ORIGINAL", "PRIMARY", "AXIAL"]`.
    pub image_type: Vec<String>,
}

impl SliceHeader {
    /// Unit normal of the image plane, the cross product of the row and the column direction.
    pub fn normal(&self) -> [f64; 3] {
        let [a, b, c, d, e, f] = self.image_orientation_patient;
        let n = [b * f - c * e, c * d - a * f, a * e - b * d];
        let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
        n.map(|v| v / length)
    }

    /// Signed distance of the plane from the patient origin along its normal, in mm, growing towards the head.
    pub fn position_along_normal(&self) -> f64 {
        let n = self.normal();
        let sign = if n[2] < 0.0 { -1.0 } else { 1.0 };
        sign * (0..3).map(|i| n[i] * self.image_position_patient[i]).sum::<f64>()
    }
}

/// One decoded image plane.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Identity and geometry.
    pub header: SliceHeader,
    /// Hounsfield units, `rows * columns` values, row by row; RescaleSlope and RescaleIntercept applied,
    /// rounded to the nearest integer, saturated to 16 bits. Padding values are kept as the file has them.
    pub hounsfield: Vec<i16>,
    /// BurnedInAnnotation (0028,0301) is YES: text that may name somebody is part of the picture.
    pub burned_in_annotation: bool,
}
