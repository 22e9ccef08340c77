//! What a study holds beside its slices, and what must never reach a network: a scout and a dose report.

use dicom_core::VR;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::{tags, uids};

use super::dicom_writer::{EncodeError, Header, image_type, uid};
use super::geometry::to_i16;
use super::habits::{Habits, Syntax};
use super::study::Study;

/// Columns and rows of the scout.
const SCOUT: u16 = 128;

/// The companions' habits: native and wide enough, whatever the slices are written in.
fn plain(habits: &Habits) -> Habits {
    let syntax = match habits.syntax {
        Syntax::Rle | Syntax::JpegLossless | Syntax::JpegLosslessSv1 => Syntax::ExplicitLittle,
        native => native,
    };
    Habits { syntax, signed: true, bits_stored: 16, stripped: false, ..*habits }
}

/// A lateral scout (ImageType LOCALIZER) over the stretch of the slices: mean attenuation from side to side.
///
/// # Errors
/// When the writer refuses the data set.
pub fn scout(study: &Study, habits: &Habits) -> Result<Vec<u8>, EncodeError> {
    let (g, habits) = (study.geometry(), plain(habits));
    let (class, instance) = (uids::CT_IMAGE_STORAGE, uid(study.uid_seed(), 0x5C0));
    let mut header = Header::new(study, &habits, class, &instance, &uid(study.uid_seed(), 0x5C1));
    header.put(tags::MODALITY, VR::CS, "CT");
    header.put(tags::IMAGE_TYPE, VR::CS, image_type("LOCALIZER"));
    header.put(tags::INSTANCE_NUMBER, VR::IS, "1");
    let (top, bottom) = (g.height(if g.foot_to_head { g.slices - 1 } else { 0 }), g.slices);
    let step = g.spacing_mm * bottom as f32 / f32::from(SCOUT);
    let rows: Vec<f32> = (0..SCOUT).map(|row| top - f32::from(row) * step).collect();
    let pixels: Vec<u16> = rows.iter().flat_map(|z| projection(study, *z)).map(|hu| habits.stored(hu)).collect();
    let [x, y, z] = g.table_offset_mm;
    let across = f64::from(g.pixel_spacing_mm * f32::from(g.matrix) / f32::from(SCOUT));
    let corner = [x, g.corner(top).y + y, top + z].map(f64::from);
    header.decimal(tags::IMAGE_POSITION_PATIENT, &corner);
    // A row runs to the back, a column to the feet.
    header.decimal(tags::IMAGE_ORIENTATION_PATIENT, &[0.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
    header.decimal(tags::PIXEL_SPACING, &[f64::from(step), across]);
    header.decimal(tags::SLICE_THICKNESS, &[f64::from(SCOUT) * across]);
    header.put(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16);
    header.put(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    header.put(tags::ROWS, VR::US, SCOUT);
    header.put(tags::COLUMNS, VR::US, SCOUT);
    for (tag, value) in
        [(tags::BITS_ALLOCATED, 16_u16), (tags::BITS_STORED, 16), (tags::HIGH_BIT, 15), (tags::PIXEL_REPRESENTATION, 1)]
    {
        header.put(tag, VR::US, value);
    }
    header.put(tags::RESCALE_INTERCEPT, VR::DS, habits.intercept.to_string());
    header.put(tags::RESCALE_SLOPE, VR::DS, "1");
    header.put(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into()));
    header.bytes(class, &instance, usize::from(SCOUT) * usize::from(SCOUT) * 2)
}

/// One row of the scout: each line from side to side as its mean, spread out to look like one.
fn projection(study: &Study, height: f32) -> Vec<i16> {
    let size = usize::from(SCOUT);
    let (canvas, ..) = study.plane(height, size);
    let mean = |row: &[f32]| row.iter().map(|hu| hu.max(-1000.0)).sum::<f32>() / size as f32;
    canvas.hu.chunks(size).map(|row| to_i16((mean(row) + 1000.0) * 1.4 - 1000.0)).collect()
}

/// A dose report: a colour secondary capture with bars where a scanner prints its table.
///
/// # Errors
/// When the writer refuses the data set.
pub fn dose_report(study: &Study, habits: &Habits) -> Result<Vec<u8>, EncodeError> {
    const SIDE: u16 = 128;
    let habits = plain(habits);
    let (class, instance) = (uids::SECONDARY_CAPTURE_IMAGE_STORAGE, uid(study.uid_seed(), 0xD0));
    let mut header = Header::new(study, &habits, class, &instance, &uid(study.uid_seed(), 0xD1));
    header.put(tags::MODALITY, VR::CS, "CT");
    header.put(
        tags::IMAGE_TYPE,
        VR::CS,
        PrimitiveValue::Strs(["DERIVED", "SECONDARY"].map(str::to_owned).as_slice().into()),
    );
    header.put(tags::CONVERSION_TYPE, VR::CS, "WSD");
    header.put(tags::INSTANCE_NUMBER, VR::IS, "1");
    header.put(tags::SAMPLES_PER_PIXEL, VR::US, 3_u16);
    header.put(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    header.put(tags::PLANAR_CONFIGURATION, VR::US, 0_u16);
    header.put(tags::ROWS, VR::US, SIDE);
    header.put(tags::COLUMNS, VR::US, SIDE);
    for (tag, value) in
        [(tags::BITS_ALLOCATED, 8_u16), (tags::BITS_STORED, 8), (tags::HIGH_BIT, 7), (tags::PIXEL_REPRESENTATION, 0)]
    {
        header.put(tag, VR::US, value);
    }
    let pixel = |at: u16| {
        let (x, y) = (at % SIDE, at / SIDE);
        let written = y % 12 > 4 && y % 12 < 10 && x > 6 && x < 30 + (y / 12 * 37) % 80;
        if written { [220, 220, 255] } else { [0, 0, 40] }
    };
    let pixels: Vec<u8> = (0..SIDE * SIDE).flat_map(pixel).collect();
    header.put(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(pixels.into()));
    header.bytes(class, &instance, 3 * usize::from(SIDE) * usize::from(SIDE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use dicom_object::from_reader;

    use super::*;
    use crate::phantom::StudySpec;
    use crate::phantom::habits::Opening;

    #[test]
    fn companions_belong_to_the_study_and_say_what_they_are() {
        let study = Study::generate(&StudySpec { matrix: 64, slices: Some(40), ..StudySpec::new(8) });
        for (_, habits) in Habits::NAMED {
            let habits = Habits { opening: Opening::Full, ..habits };
            let scout = from_reader(&scout(&study, &habits).unwrap()[128..]).unwrap();
            let report = from_reader(&dose_report(&study, &habits).unwrap()[128..]).unwrap();
            assert!(scout.element(tags::IMAGE_TYPE).unwrap().to_str().unwrap().contains("LOCALIZER"));
            assert_eq!(report.element(tags::PHOTOMETRIC_INTERPRETATION).unwrap().to_str().unwrap(), "RGB");
            let study_of = |o: &dicom_object::DefaultDicomObject| {
                o.element(tags::STUDY_INSTANCE_UID).unwrap().to_str().unwrap().into_owned()
            };
            assert_eq!(study_of(&scout), study_of(&report));
        }
    }
}
