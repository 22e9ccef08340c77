//! DICOM Comprehensive 3D SR, TID 1500 "Measurement Report", after the IHE profile AI Results. Pure.
//!
//! Every study gets one, also a study that was analysed in part or not at all: an archive never shows "nothing" where nothing
//! was looked at. `CompletionFlag` is COMPLETE only when all was analysed, `VerificationFlag` UNVERIFIED and `PreliminaryFlag`
//! PRELIMINARY always: no person stands behind it. A revision names the one before as its predecessor.

mod content;

mod tree;

use std::collections::BTreeMap;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};

use super::StudyResult;
use super::dicom::{self, Header, Kind, Unwritable, class_of, date_and_time};
use crate::store::SourceSlice;

const KIND: Kind = Kind {
    class: uids::COMPREHENSIVE3_DSR_STORAGE,
    modality: "SR",
    name: "dicom-sr",
    series_number: "9901",
    series_description: "Spinewatch triage, not for diagnosis",
};

/// The document as a DICOM file.
///
/// # Errors
/// [`Unwritable`] without a StudyInstanceUID.
pub fn bytes(result: &StudyResult) -> Result<Vec<u8>, Unwritable> {
    let mut header = dicom::header(result, &KIND)?;
    document_general(&mut header, result);
    tree::put(&mut header, result);
    dicom::file(header, result, &KIND)
}

/// SR Document Series and SR Document General modules (PS3.3 C.17.1 and C.17.2).
fn document_general(header: &mut Header, result: &StudyResult) {
    let (date, time) = date_and_time(result.at);
    header.items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, vec![]);
    header.items(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, vec![]);
    header.put(tags::CONTENT_DATE, VR::DA, date);
    header.put(tags::CONTENT_TIME, VR::TM, time);
    header.put(tags::COMPLETION_FLAG, VR::CS, if result.is_complete() { "COMPLETE" } else { "PARTIAL" });
    if let Some(missing) = result.missing_words().filter(|_| !result.is_complete()) {
        header.put(tags::COMPLETION_FLAG_DESCRIPTION, VR::LO, missing.chars().take(64).collect::<String>());
    }
    header.put(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED");
    header.put(tags::PRELIMINARY_FLAG, VR::CS, "PRELIMINARY");
    if let Some(before) = result.told.supersedes.as_ref().filter(|_| result.has_predecessor) {
        let instance = KIND.sop_instance_uid(&result.told.study_key, before);
        let series = KIND.series_instance_uid(&result.told.study_key);
        let by_series = BTreeMap::from([(series, vec![(KIND.class, instance)])]);
        header.items(tags::PREDECESSOR_DOCUMENTS_SEQUENCE, vec![study_references(result, by_series)]);
    }
    if !result.sources.is_empty() {
        let evidence = study_references(result, by_series(&result.sources));
        header.items(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![evidence]);
    }
}

type Instances = Vec<(&'static str, String)>;

fn by_series(sources: &[SourceSlice]) -> BTreeMap<String, Instances> {
    let mut series: BTreeMap<String, Instances> = BTreeMap::new();
    for source in sources {
        let instances = series.entry(source.series_instance_uid.clone()).or_default();
        let instance = (class_of(source), source.sop_instance_uid.clone());
        if !instances.contains(&instance) {
            instances.push(instance);
        }
    }
    series
}

/// Hierarchical SOP Instance Reference macro (PS3.3 table C.17-3).
fn study_references(result: &StudyResult, series: BTreeMap<String, Instances>) -> Header {
    let one = |(uid, instances): (String, Instances)| {
        let mut item = Header::default();
        item.put(tags::SERIES_INSTANCE_UID, VR::UI, uid);
        let instances = instances.iter().map(|(class, instance)| Header::referenced(class, instance)).collect();
        item.items(tags::REFERENCED_SOP_SEQUENCE, instances);
        item
    };
    let mut study = Header::default();
    study.put(tags::STUDY_INSTANCE_UID, VR::UI, result.told.study_instance_uid.clone().unwrap_or_default());
    study.items(tags::REFERENCED_SERIES_SEQUENCE, series.into_iter().map(one).collect());
    study
}
