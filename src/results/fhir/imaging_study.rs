//! The study that was analysed, as far as the device may name it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::codes::{Code, code};
use super::super::{StudyResult, dicom, ids};
use super::concept::{coding, study_identifier, subject};

const CT: Code = code("CT", "DCM", "Computed Tomography");

/// The ImagingStudy resource. Series and instances only where clear identifiers are switched on, and of them only those that a
/// finding rests on: the archive has the rest.
pub fn resource(result: &StudyResult) -> Value {
    let told = &result.told;
    let mut identifiers = vec![study_identifier(result)];
    if let Some(uid) = &told.study_instance_uid {
        identifiers.push(json!({ "system": "urn:dicom:uid", "value": format!("urn:oid:{uid}") }));
    }
    let mut study = json!({
        "resourceType": "ImagingStudy",
        "id": ids::uuid(&result.of_study("ImagingStudy")),
        "identifier": identifiers,
        "status": if told.provisional { "registered" } else { "available" },
        "modality": [coding(CT)],
        "subject": subject(result),
        "description": "As the device received it",
    });
    let series = series(result);
    if !series.is_empty() {
        study["series"] = series.into();
    }
    study
}

fn series(result: &StudyResult) -> Vec<Value> {
    let mut instances: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for source in &result.sources {
        let mut instance = json!({
            "uid": source.sop_instance_uid,
            "sopClass": {
                "system": "urn:ietf:rfc:3986",
                "code": format!("urn:oid:{}", dicom::class_of(source)),
            },
        });
        let finding = result.told.findings.iter().find(|finding| finding.best_slice.slice_key == source.slice_key);
        if let Some(number) = finding.and_then(|finding| finding.best_slice.instance_number).filter(|n| *n >= 0) {
            instance["number"] = number.into();
        }
        instances.entry(&source.series_instance_uid).or_default().insert(&source.sop_instance_uid, instance);
    }
    let one = |(uid, instances): (&str, BTreeMap<&str, Value>)| {
        json!({
            "uid": uid,
            "modality": coding(CT),
            "instance": instances.into_values().collect::<Vec<_>>(),
        })
    };
    instances.into_iter().map(one).collect()
}
