//! Why a slice is kept out of a series, and what the header alone says about it.

use crate::dicom::SliceHeader;
use std::fmt;

/// Why a slice is not part of the volume. Each is shown and stored; nothing is left out without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exclusion {
    /// ImageType says LOCALIZER, SCOUT or TOPOGRAM.
    Localizer,
    /// ImageType says DERIVED and names a reformat or a projection (REFORMATTED, MPR, MIP, ...).
    Reformat,
    /// The geometry holds a value that is not a number, a row or column direction of no length, or no pixels.
    BrokenGeometry,
    /// The plane is more than 45 degrees from axial: scouts without a telling ImageType, sagittal and coronal series.
    NotAxial,
    /// Another plane than the majority of the series (more than 2 degrees).
    OtherOrientation,
    /// Other Rows or Columns than the majority of the series.
    OtherMatrix,
    /// Another PixelSpacing than the majority of the series (more than 1 %).
    OtherPixelSpacing,
    /// Another slice lies at the same place and shows something else.
    SamePosition,
    /// Another slice of the series bears the same SOPInstanceUID and lies elsewhere.
    UidReused,
    /// The series holds as many slices as the appliance keeps.
    SeriesFull,
}

impl Exclusion {
    /// All, in the order of the enum.
    pub const ALL: [Self; 10] = [
        Self::Localizer,
        Self::Reformat,
        Self::BrokenGeometry,
        Self::NotAxial,
        Self::OtherOrientation,
        Self::OtherMatrix,
        Self::OtherPixelSpacing,
        Self::SamePosition,
        Self::UidReused,
        Self::SeriesFull,
    ];

    /// Name for the ledger and the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Localizer => "localizer",
            Self::Reformat => "reformat",
            Self::BrokenGeometry => "broken_geometry",
            Self::NotAxial => "not_axial",
            Self::OtherOrientation => "other_orientation",
            Self::OtherMatrix => "other_matrix",
            Self::OtherPixelSpacing => "other_pixel_spacing",
            Self::SamePosition => "same_position",
            Self::UidReused => "uid_reused",
            Self::SeriesFull => "series_full",
        }
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Localizer => "a localiser (ImageType)",
            Self::Reformat => "a reformat or projection (ImageType)",
            Self::BrokenGeometry => {
                "no usable plane (ImagePositionPatient, ImageOrientationPatient, PixelSpacing, Rows, Columns)"
            }
            Self::NotAxial => "not an axial plane (ImageOrientationPatient)",
            Self::OtherOrientation => "another plane than the rest of the series (ImageOrientationPatient)",
            Self::OtherMatrix => "another matrix than the rest of the series (Rows, Columns)",
            Self::OtherPixelSpacing => "another pixel size than the rest of the series (PixelSpacing)",
            Self::SamePosition => "other pixels at the place of another slice (ImagePositionPatient)",
            Self::UidReused => "the identifier of another slice (SOPInstanceUID)",
            Self::SeriesFull => "more slices than the appliance keeps for one series",
        })
    }
}

/// Cosine of the largest angle between an axial slice's normal and the body axis: 45 degrees. Gantries tilt to 30.
const AXIAL_COSINE: f64 = 0.707;

const LOCALIZER_WORDS: [&str; 3] = ["LOCALIZER", "SCOUT", "TOPOGRAM"];
const REFORMAT_WORDS: [&str; 8] = ["REFORMATTED", "REFORMAT", "MPR", "MIP", "MINIP", "VRT", "PROJECTION", "COMPOSED"];

/// What the header says without knowing the rest of the series.
pub(super) fn of_header_alone(header: &SliceHeader) -> Option<Exclusion> {
    if names(header, &LOCALIZER_WORDS) {
        Some(Exclusion::Localizer)
    } else if header.image_type.first().is_some_and(|kind| kind == "DERIVED") && names(header, &REFORMAT_WORDS) {
        Some(Exclusion::Reformat)
    } else if !is_usable(header) {
        Some(Exclusion::BrokenGeometry)
    } else if header.normal()[2].abs() < AXIAL_COSINE {
        Some(Exclusion::NotAxial)
    } else {
        None
    }
}

/// Vendors write `CSA MPR` and `PROJECTION IMAGE`: words inside the values count.
fn names(header: &SliceHeader, words: &[&str]) -> bool {
    header.image_type.iter().flat_map(|value| value.split([' ', '_'])).any(|word| words.contains(&word))
}

fn is_usable(header: &SliceHeader) -> bool {
    header.rows > 0
        && header.columns > 0
        && header.pixel_spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0)
        && header.normal().iter().all(|v| v.is_finite())
        && header.position_along_normal().is_finite()
}
