//! A rendered slice in, the bytes of a DICOM file out.
//!
//! Plays the part of a scanner, so it writes what scanners write; it reads nothing.

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::noise::hash;
use super::study::Study;

/// How a scanner writes its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// RescaleIntercept: stored value + intercept = Hounsfield units. RescaleSlope is always 1.
    pub intercept: i16,
    /// No Modality, SOPClassUID, BodyPartExamined, as de-identified research data has it.
    pub stripped: bool,
}

impl Habits {
    /// As the published research data looks: stripped, signed, intercept 0 or -1024 drawn from the study's seed.
    pub const fn research(study: &Study) -> Self {
        let intercept = if hash(study.seed() ^ 0x1CE).is_multiple_of(2) { 0 } else { -1024 };
        Self { intercept, stripped: true }
    }
}

/// Why a slice could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The file meta table is refused.
    #[error("could not build the file meta table")]
    Meta(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The data set is refused.
    #[error("could not write the data set")]
    DataSet(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A UID under 2.25 (PS3.5 annex B.2), the same for the same seed and purpose.
pub(super) fn uid(seed: u64, purpose: u64) -> String {
    let high = hash(hash(seed) ^ purpose);
    let low = hash(high);
    format!("2.25.{}", (u128::from(high >> 4) << 64) | u128::from(low))
}

/// StudyInstanceUID of a seed.
pub fn study_instance_uid(seed: u64) -> String {
    uid(seed, 0x0057_0DD7)
}

/// Stored values for these Hounsfield units.
fn stored(hounsfield: &[i16], intercept: i16) -> Vec<i16> {
    hounsfield.iter().map(|hu| hu.saturating_sub(intercept)).collect()
}

fn decimal(values: &[f64]) -> PrimitiveValue {
    PrimitiveValue::Strs(values.iter().map(|v| format!("{v:.4}")).collect())
}

/// The bytes of slice `index` of a study with these Hounsfield units.
///
/// # Errors
/// When the writer refuses the data set, which no rendered slice brings about.
pub fn encode(study: &Study, index: usize, hounsfield: &[i16], habits: &Habits) -> Result<Vec<u8>, EncodeError> {
    let g = study.geometry();
    let mut object = InMemDicomObject::new_empty();
    let mut put = |tag: Tag, vr: VR, value: PrimitiveValue| {
        object.put(DataElement::new(tag, vr, value));
    };
    let instance = uid(study.seed(), 0x1000 + index as u64);
    put(tags::SOP_INSTANCE_UID, VR::UI, instance.as_str().into());
    if !habits.stripped {
        put(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE.into());
        put(tags::MODALITY, VR::CS, "CT".into());
        put(tags::BODY_PART_EXAMINED, VR::CS, "CSPINE".into());
    }
    put(tags::SLICE_THICKNESS, VR::DS, decimal(&[f64::from(g.spacing_mm)]));
    put(tags::STUDY_INSTANCE_UID, VR::UI, study_instance_uid(study.seed()).into());
    put(tags::SERIES_INSTANCE_UID, VR::UI, uid(study.seed(), 0x5E41).into());
    put(tags::INSTANCE_NUMBER, VR::IS, (index + 1).to_string().into());
    put(tags::IMAGE_POSITION_PATIENT, VR::DS, decimal(&g.image_position_patient(index)));
    put(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, decimal(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]));
    put(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16.into());
    put(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2".into());
    put(tags::ROWS, VR::US, g.matrix.into());
    put(tags::COLUMNS, VR::US, g.matrix.into());
    put(tags::PIXEL_SPACING, VR::DS, decimal(&[f64::from(g.pixel_spacing_mm); 2]));
    put(tags::BITS_ALLOCATED, VR::US, 16_u16.into());
    put(tags::BITS_STORED, VR::US, 16_u16.into());
    put(tags::HIGH_BIT, VR::US, 15_u16.into());
    put(tags::PIXEL_REPRESENTATION, VR::US, 1_u16.into());
    put(tags::WINDOW_CENTER, VR::DS, "400".into());
    put(tags::WINDOW_WIDTH, VR::DS, "1800".into());
    put(tags::RESCALE_INTERCEPT, VR::DS, habits.intercept.to_string().into());
    put(tags::RESCALE_SLOPE, VR::DS, "1".into());
    let pixels: Vec<u16> = stored(hounsfield, habits.intercept).into_iter().map(i16::cast_unsigned).collect();
    put(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into()));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(uids::CT_IMAGE_STORAGE)
        .media_storage_sop_instance_uid(instance)
        .build()
        .map_err(|e| EncodeError::Meta(e.into()))?;
    let mut bytes = Vec::with_capacity(2 * hounsfield.len() + 2048);
    object.with_exact_meta(meta).write_all(&mut bytes).map_err(|e| EncodeError::DataSet(e.into()))?;
    Ok(bytes)
}
