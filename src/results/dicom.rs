//! What the two DICOM documents have in common: patient, study, series, equipment and SOP common modules, and the file.
//!
//! The device keeps no name: the attributes of the patient and of the order are of type 2 and stay empty, and an archive files
//! the document by its StudyInstanceUID. Identifiers and times come from the revision, so that the same one gives the same bytes.

use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Length, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use jiff::Timestamp;

use super::codes::{Code, OWN};
use super::{StudyResult, ids};
use crate::store::SourceSlice;

/// Why a DICOM document could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// The document would belong to no study.
    #[error(
        "the StudyInstanceUID is not known: with privacy.identifiers = \"clear\" it is, unless no header could be read"
    )]
    NoStudy,
    /// The writer refused it.
    #[error("the DICOM writer refused the document: {0}")]
    Refused(String),
}

/// SOP class of the slice that a finding rests on: several frames in one instance are an enhanced CT.
pub fn class_of(source: &SourceSlice) -> &'static str {
    if source.frame.is_some() { uids::ENHANCED_CT_IMAGE_STORAGE } else { uids::CT_IMAGE_STORAGE }
}

/// A data set being filled.
pub struct Header {
    object: InMemDicomObject,
}

impl Default for Header {
    fn default() -> Self {
        Self { object: InMemDicomObject::new_empty() }
    }
}

impl Header {
    pub fn put(&mut self, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
        self.object.put(DataElement::new(tag, vr, value.into()));
    }

    /// Attributes of type 2 that stay empty.
    pub fn empty(&mut self, tag: Tag, vr: VR) {
        self.put(tag, vr, PrimitiveValue::Empty);
    }

    pub fn items(&mut self, tag: Tag, items: Vec<Self>) {
        let items: Vec<InMemDicomObject> = items.into_iter().map(|item| item.object).collect();
        self.object.put(DataElement::new(tag, VR::SQ, Value::Sequence(DataSetSequence::new(items, Length::UNDEFINED))));
    }

    pub fn code(&mut self, tag: Tag, code: Code) {
        self.items(tag, vec![Self::coded(code)]);
    }

    /// A coded concept as an item (PS3.3 table 8.8-1).
    pub fn coded(code: Code) -> Self {
        let mut item = Self::default();
        item.put(tags::CODE_VALUE, VR::SH, code.value);
        item.put(tags::CODING_SCHEME_DESIGNATOR, VR::SH, code.scheme);
        item.put(tags::CODE_MEANING, VR::LO, code.meaning);
        item
    }

    /// A reference to an instance as an item.
    pub fn referenced(class: &str, instance: &str) -> Self {
        let mut item = Self::default();
        item.put(tags::REFERENCED_SOP_CLASS_UID, VR::UI, class);
        item.put(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, instance);
        item
    }
}

/// What tells the two documents apart.
pub struct Kind {
    pub class: &'static str,
    pub modality: &'static str,
    /// Names the identifiers of series and instance.
    pub name: &'static str,
    pub series_number: &'static str,
    pub series_description: &'static str,
}

impl Kind {
    /// SOPInstanceUID of a revision, by its event id.
    pub fn sop_instance_uid(&self, study_key: &str, event_id: &str) -> String {
        ids::uid(&[study_key, self.name, event_id])
    }

    /// SeriesInstanceUID of all revisions of a study.
    pub fn series_instance_uid(&self, study_key: &str) -> String {
        ids::uid(&[study_key, self.name, "series"])
    }
}

/// Date and time as DICOM writes them, by UTC.
pub fn date_and_time(at: Timestamp) -> (String, String) {
    (at.strftime("%Y%m%d").to_string(), at.strftime("%H%M%S").to_string())
}

/// Patient, study, series, equipment and SOP common modules.
pub fn header(result: &StudyResult, kind: &Kind) -> Result<Header, Unwritable> {
    let told = &result.told;
    let study = told.study_instance_uid.as_deref().ok_or(Unwritable::NoStudy)?;
    let (date, time) = date_and_time(result.at);
    let mut header = Header::default();
    header.put(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
    header.put(tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, "+0000");
    header.put(tags::INSTANCE_CREATION_DATE, VR::DA, date);
    header.put(tags::INSTANCE_CREATION_TIME, VR::TM, time);
    header.put(tags::SOP_CLASS_UID, VR::UI, kind.class);
    header.put(tags::SOP_INSTANCE_UID, VR::UI, kind.sop_instance_uid(&told.study_key, &told.event_id));
    for (tag, vr) in [
        (tags::STUDY_DATE, VR::DA),
        (tags::STUDY_TIME, VR::TM),
        (tags::ACCESSION_NUMBER, VR::SH),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
        (tags::PATIENT_NAME, VR::PN),
        (tags::PATIENT_ID, VR::LO),
        (tags::PATIENT_BIRTH_DATE, VR::DA),
        (tags::PATIENT_SEX, VR::CS),
        (tags::STUDY_ID, VR::SH),
    ] {
        header.empty(tag, vr);
    }
    header.put(tags::STUDY_INSTANCE_UID, VR::UI, study);
    header.put(tags::MODALITY, VR::CS, kind.modality);
    header.put(tags::SERIES_INSTANCE_UID, VR::UI, kind.series_instance_uid(&told.study_key));
    header.put(tags::SERIES_NUMBER, VR::IS, kind.series_number);
    header.put(tags::SERIES_DESCRIPTION, VR::LO, kind.series_description);
    header.put(tags::INSTANCE_NUMBER, VR::IS, told.revision.to_string());
    header.put(tags::MANUFACTURER, VR::LO, "Spinewatch");
    header.put(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Spinewatch");
    header.put(
        tags::DEVICE_SERIAL_NUMBER,
        VR::LO,
        format!("{}/{}", told.site, told.device).chars().take(64).collect::<String>(),
    );
    header.items(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, vec![own_scheme()]);
    header.put(tags::SOFTWARE_VERSIONS, VR::LO, software_versions(result));
    Ok(header)
}

/// Says whose the private scheme of codes is (PS3.3 table C.12-1).
fn own_scheme() -> Header {
    let mut item = Header::default();
    item.put(tags::CODING_SCHEME_DESIGNATOR, VR::SH, OWN);
    item.put(tags::CODING_SCHEME_NAME, VR::ST, "Spinewatch triage");
    item.put(tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION, VR::ST, "Spinewatch");
    item
}

/// The program and its packages, 64 characters each.
fn software_versions(result: &StudyResult) -> PrimitiveValue {
    let program = format!("spinewatch {}", env!("CARGO_PKG_VERSION"));
    let models = result.told.models.iter().map(|model| format!("{} {}", model.name, model.version));
    let clean = |words: String| words.replace('\\', "/").chars().take(64).collect::<String>();
    PrimitiveValue::Strs(std::iter::once(program).chain(models).map(clean).collect())
}

/// The finished file: preamble, meta table, Explicit VR Little Endian.
pub fn file(header: Header, result: &StudyResult, kind: &Kind) -> Result<Vec<u8>, Unwritable> {
    let refused = |error: &dyn std::fmt::Display| Unwritable::Refused(error.to_string());
    let told = &result.told;
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(kind.class)
        .media_storage_sop_instance_uid(kind.sop_instance_uid(&told.study_key, &told.event_id))
        .build()
        .map_err(|error| refused(&error))?;
    let mut bytes = Vec::new();
    header.object.with_exact_meta(meta).write_all(&mut bytes).map_err(|error| refused(&error))?;
    Ok(bytes)
}
