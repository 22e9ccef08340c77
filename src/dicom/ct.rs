//! Is this an axial CT plane? Attributes in, one [`Plane`] per frame or a named rejection out.
//!
//! CT is recognised by what is there (rescale, axial orientation, a monochrome pixel description), because research
//! and stripped data carry no Modality and no SOPClassUID. What says of itself that it is something else is believed.

use super::attribute::Attribute;
use super::header::{Attributes, Header};
use super::image::{Image, foreign, monochrome};
use super::rejection::{Rejection, RejectionKind};
use super::slice::{SliceHeader, Uid};
use super::term;

/// CT, Enhanced CT and Legacy Converted Enhanced CT Image Storage.
const CT_CLASSES: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"];

/// Storage classes of the standard begin so; private ones say nothing.
const STORAGE_CLASSES: &str = "1.2.840.10008.5.1.4.1.1.";
/// Secondary capture in its five kinds: conversions of research data to DICOM use it, so the geometry decides.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// ImageType values of what scanners put beside the slices.
pub const NOT_SLICES: [&str; 6] = ["LOCALIZER", "SCOUT", "TOPOGRAM", "SCREEN SAVE", "DOSE_INFO", "DOSE INFO"];

/// A series of fewer slices than this is no neck, so that a smaller ImagesInAcquisition counts something else.
const FEWEST_EXPECTED: u32 = 10;
/// Nor is one of more.
const MOST_EXPECTED: u32 = 10_000;

/// Where a frame lies, and how its stored values become Hounsfield units.
#[derive(Debug)]
pub struct Plane {
    pub header: SliceHeader,
    pub slope: f64,
    pub intercept: f64,
}

/// What a missing attribute means here: a file that claims to be CT is a slice that the study lacks.
pub fn absent(top: &Attributes) -> RejectionKind {
    let is_ct = match top.word(Attribute::SOPClassUID) {
        Some(class) => CT_CLASSES.contains(&class.as_str()),
        None => top.word(Attribute::Modality).is_some() || top.word(Attribute::RescaleIntercept).is_some(),
    };
    if is_ct { RejectionKind::Broken } else { RejectionKind::NotAnImageOfThisKind }
}

/// Refuses what says of itself that it is no CT plane. Needs no pixels.
pub fn refuse_foreign(header: &Header, float_pixel_data: bool) -> Result<(), Rejection> {
    let top = header.top();
    if let Some(modality) = top.word(Attribute::Modality)
        && modality != "CT"
    {
        return Err(foreign(Attribute::Modality, &modality));
    }
    if let Some(class) = top.word(Attribute::SOPClassUID)
        && class.starts_with(STORAGE_CLASSES)
        && !class.starts_with(SECONDARY_CAPTURE)
        && !CT_CLASSES.contains(&class.as_str())
    {
        return Err(foreign(Attribute::SOPClassUID, &class));
    }
    if float_pixel_data {
        return Err(Rejection::FloatPixelData);
    }
    monochrome(&top)?;
    is_slice(&top, Attribute::ImageType)
}

fn is_slice(attributes: &Attributes, attribute: Attribute) -> Result<(), Rejection> {
    match attributes.words(attribute).iter().find(|word| NOT_SLICES.contains(&word.as_str())) {
        Some(word) => Err(foreign(attribute, word)),
        None => Ok(()),
    }
}

/// Geometry and rescale of every frame.
pub fn planes(header: &Header, image: &Image) -> Result<Vec<Plane>, Rejection> {
    let top = header.top();
    let kind = absent(&top);
    let attribute = Attribute::PerFrameFunctionalGroupsSequence;
    match header.frame_groups() {
        Some(groups) if u32::try_from(groups) != Ok(image.frames) => {
            return Err(Rejection::Unusable { attribute, why: "has another number of items than NumberOfFrames" });
        }
        None if image.frames > 1 => return Err(Rejection::Missing { attribute, kind }),
        _ => {}
    }
    let series = Series {
        study_instance_uid: top.uid(Attribute::StudyInstanceUID, kind)?,
        series_instance_uid: top.uid(Attribute::SeriesInstanceUID, kind)?,
        sop_instance_uid: top.uid(Attribute::SOPInstanceUID, kind)?,
        instance_number: instance_number(&top),
        expected_slices: expected_slices(&top, image),
        kind,
    };
    (0..image.frames)
        .map(|frame| {
            header.frame(usize::try_from(frame).unwrap_or(usize::MAX), |here| plane(&series, here, image, frame))
        })
        .collect()
}

/// What all frames of an instance have in common.
struct Series {
    study_instance_uid: Uid,
    series_instance_uid: Uid,
    sop_instance_uid: Uid,
    instance_number: Option<i32>,
    expected_slices: Option<u32>,
    /// What a missing attribute means.
    kind: RejectionKind,
}

fn plane(series: &Series, here: &Attributes, image: &Image, frame: u32) -> Result<Plane, Rejection> {
    is_slice(here, Attribute::FrameType)?;
    let (slope, intercept) = rescale(here, series.kind)?;
    let slice = SliceHeader {
        study_instance_uid: series.study_instance_uid.clone(),
        series_instance_uid: series.series_instance_uid.clone(),
        sop_instance_uid: series.sop_instance_uid.clone(),
        frame,
        rows: image.rows,
        columns: image.columns,
        pixel_spacing: required(here, Attribute::PixelSpacing, series.kind)?,
        image_position_patient: required(here, Attribute::ImagePositionPatient, series.kind)?,
        image_orientation_patient: required(here, Attribute::ImageOrientationPatient, series.kind)?,
        slice_thickness: slice_thickness(here),
        instance_number: series.instance_number,
        expected_slices: series.expected_slices,
        image_type: image_type(here),
    };
    axial(&slice)?;
    if slice.pixel_spacing.iter().any(|&mm| !(0.01..=10.0).contains(&mm)) {
        return Err(Rejection::Unusable { attribute: Attribute::PixelSpacing, why: "is not 0.01 to 10 mm" });
    }
    Ok(Plane { header: slice, slope, intercept })
}

fn required<const N: usize>(
    here: &Attributes,
    attribute: Attribute,
    kind: RejectionKind,
) -> Result<[f64; N], Rejection> {
    here.numbers(attribute)?.ok_or(Rejection::Missing { attribute, kind })
}

/// RescaleSlope and RescaleIntercept, where they give Hounsfield units.
fn rescale(here: &Attributes, kind: RejectionKind) -> Result<(f64, f64), Rejection> {
    let [slope] = required(here, Attribute::RescaleSlope, kind)?;
    let [intercept] = required(here, Attribute::RescaleIntercept, kind)?;
    if slope == 0.0 {
        return Err(Rejection::Unusable { attribute: Attribute::RescaleSlope, why: "is 0" });
    }
    // US is "unspecified", which enhanced CT of some vendors says of Hounsfield units
    match here.word(Attribute::RescaleType) {
        Some(unit) if !["HU", "HU_MOD", "US"].contains(&unit.as_str()) => Err(foreign(Attribute::RescaleType, &unit)),
        _ => Ok((slope, intercept)),
    }
}

/// Two orthogonal unit vectors whose normal is within 45 degrees of the body axis. A tilted gantry (30 degrees at most)
/// is axial; scouts, and reformats along the spine, are not.
fn axial(slice: &SliceHeader) -> Result<(), Rejection> {
    let [a, b, c, d, e, f] = slice.image_orientation_patient;
    let near = |value: f64, target: f64| (value - target).abs() < 1e-2;
    let orthonormal =
        near(a * a + b * b + c * c, 1.0) && near(d * d + e * e + f * f, 1.0) && near(a * d + b * e + c * f, 0.0);
    if !orthonormal {
        let attribute = Attribute::ImageOrientationPatient;
        return Err(Rejection::Unusable { attribute, why: "is not two orthogonal unit vectors" });
    }
    let degrees = slice.normal()[2].abs().min(1.0).acos().to_degrees();
    if degrees > 45.0 { Err(Rejection::NotAxial { degrees }) } else { Ok(()) }
}

fn slice_thickness(here: &Attributes) -> Option<f64> {
    let [mm] = here.numbers(Attribute::SliceThickness).ok()??;
    (mm > 0.0).then_some(mm)
}

fn instance_number(top: &Attributes) -> Option<i32> {
    top.word(Attribute::InstanceNumber)?.parse().ok()
}

/// ImagesInAcquisition is believed only where it can count this series: several vendors write 1, or another series' count.
fn expected_slices(top: &Attributes, image: &Image) -> Option<u32> {
    if image.frames > 1 {
        return Some(image.frames);
    }
    let count = top.count(Attribute::ImagesInAcquisition).ok()??;
    let reaches = instance_number(top).is_none_or(|number| i64::from(number) <= i64::from(count));
    ((FEWEST_EXPECTED..=MOST_EXPECTED).contains(&count) && reaches).then_some(count)
}

/// FrameType of an enhanced instance, ImageType otherwise.
fn image_type(here: &Attributes) -> Vec<String> {
    let frame_type = here.words(Attribute::FrameType);
    let words = if frame_type.is_empty() { here.words(Attribute::ImageType) } else { frame_type };
    words.iter().map(|value| term::image_type(value)).collect()
}
