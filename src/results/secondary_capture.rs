//! Secondary Capture: the key picture with the box drawn into it, for archives and viewers that show no structured report. Pure.
//!
//! Made of suspicions, and of their withdrawals, so that a picture that says "suspected" never has the last word. The words
//! in the picture are the device's own; `BurnedInAnnotation` says that there are some, and they hold no identity.

use std::sync::Arc;

use dicom_core::VR;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::{tags, uids};

use super::StudyResult;
use super::codes::{CERVICAL_SPINE, Code, code};
use super::dicom::{self, Header, Kind, Unwritable, class_of};
use crate::display::{self, CAPTURE_SIDE, Capture, Frame, Picture};
use crate::triage::BestSlice;

const KIND: Kind = Kind {
    class: uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
    modality: "OT",
    name: "dicom-sc",
    series_number: "9902",
    series_description: "Spinewatch key picture, not for diagnosis",
};

/// DICOM CID 7202.
const SOURCE_IMAGE: Code = code("121322", "DCM", "Source image for image processing operation");

/// The picture as a DICOM file; `None` where nothing is and was suspected.
///
/// # Errors
/// [`Unwritable`] without a StudyInstanceUID.
pub fn bytes(result: &StudyResult) -> Result<Option<Vec<u8>>, Unwritable> {
    let Some(frame) = frame(result) else { return Ok(None) };
    let mut header = dicom::header(result, &KIND)?;
    describe(&mut header, result);
    pixels(&mut header, &frame);
    dicom::file(header, result, &KIND).map(Some)
}

/// The picture alone.
pub fn frame(result: &StudyResult) -> Option<Frame> {
    let suspected = result.told.verdict == "suspected";
    if !suspected && !result.is_withdrawal() {
        return None;
    }
    let words = result.suspected_levels();
    let headline = if suspected {
        format!("SUSPECTED {words} - not for diagnosis")
    } else {
        "SUSPICION WITHDRAWN - not for diagnosis".to_owned()
    };
    let picture = if suspected { picture(result) } else { None };
    let foot = std::iter::once(place(result).unwrap_or_default())
        .chain(result.notices())
        .filter(|words| !words.is_empty())
        .collect::<Vec<_>>()
        .join(" · ");
    let instead = if suspected {
        "No picture of the slice is kept. See the structured report.".to_owned()
    } else {
        result.verdict_words()
    };
    Some(display::capture(&Capture {
        headline: &headline,
        suspected,
        picture: picture.as_ref(),
        instead: &instead,
        foot: &foot,
    }))
}

/// Where to look: of the first finding, whose picture it is.
fn place(result: &StudyResult) -> Option<String> {
    let finding = result.told.findings.first()?;
    let slice = finding.best_slice.instance_number.map_or_else(String::new, |number| format!(", slice {number}"));
    let arriving = if result.told.provisional { ". Provisional: slices still arrive" } else { "" };
    Some(format!("{}{slice}, z {:.1} mm{arriving}", finding.level.name(), finding.best_slice.z_mm))
}

fn picture(result: &StudyResult) -> Option<Picture> {
    let best = &result.told.findings.first()?.best_slice;
    let image = result.picture.as_ref().filter(|image| image.slice_key == best.slice_key)?;
    let side = u16::try_from(image.side).ok()?;
    let best = BestSlice {
        slice_key: best.slice_key.clone(),
        instance_number: best.instance_number,
        z_mm: best.z_mm,
        fracture_box: best.fracture_box?,
        matrix: best.matrix,
    };
    Picture::of_slice(Arc::from(image.grey.as_slice()), side, side, &best)
}

/// General Image, SC Equipment and SC Image modules.
fn describe(header: &mut Header, result: &StudyResult) {
    let image_type = ["DERIVED", "SECONDARY"].map(str::to_owned);
    header.put(tags::IMAGE_TYPE, VR::CS, PrimitiveValue::Strs(image_type.into_iter().collect()));
    header.put(tags::CONVERSION_TYPE, VR::CS, "WSD");
    header.put(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    header.put(tags::RECOGNIZABLE_VISUAL_FEATURES, VR::CS, "NO");
    header.put(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
    header.put(tags::BODY_PART_EXAMINED, VR::CS, "CSPINE");
    header.code(tags::ANATOMIC_REGION_SEQUENCE, CERVICAL_SPINE);
    header.empty(tags::PATIENT_ORIENTATION, VR::CS);
    let words = "Slice in the networks' window, scaled, with the box of a suspected finding and words. ";
    header.put(tags::DERIVATION_DESCRIPTION, VR::ST, format!("{words}{}.", result.notices().join("; ")));
    header.put(tags::IMAGE_COMMENTS, VR::LT, result.verdict_words());
    let first = result.told.findings.first();
    if let Some(source) = first.and_then(|finding| result.source(&finding.best_slice.slice_key)) {
        let mut item = Header::referenced(class_of(source), &source.sop_instance_uid);
        if let Some(frame) = source.frame {
            item.put(tags::REFERENCED_FRAME_NUMBER, VR::IS, (frame + 1).to_string());
        }
        item.code(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, SOURCE_IMAGE);
        header.items(tags::SOURCE_IMAGE_SEQUENCE, vec![item]);
    }
}

/// Image Pixel module: 8 bits, RGB, colour by pixel.
fn pixels(header: &mut Header, frame: &Frame) {
    let side = u16::try_from(CAPTURE_SIDE).unwrap_or(u16::MAX);
    header.put(tags::SAMPLES_PER_PIXEL, VR::US, 3_u16);
    header.put(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    header.put(tags::PLANAR_CONFIGURATION, VR::US, 0_u16);
    header.put(tags::ROWS, VR::US, side);
    header.put(tags::COLUMNS, VR::US, side);
    header.put(tags::BITS_ALLOCATED, VR::US, 8_u16);
    header.put(tags::BITS_STORED, VR::US, 8_u16);
    header.put(tags::HIGH_BIT, VR::US, 7_u16);
    header.put(tags::PIXEL_REPRESENTATION, VR::US, 0_u16);
    header.put(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(frame.bytes().iter().copied().collect()));
}
