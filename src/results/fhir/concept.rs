//! Coded concepts and identifiers as FHIR writes them.

use serde_json::{Value, json};

use super::super::StudyResult;
use super::super::codes::{Code, OWN, OWN_SYSTEM};

/// Identifier systems of what the device names itself.
const SYSTEM: &str = "https://github.com/spinewatch/spinewatch/identifiers";

/// The URI of a coding scheme, as FHIR's terminology registry has it.
fn system(scheme: &str) -> &'static str {
    match scheme {
        "SCT" => "http://snomed.info/sct",
        "LN" => "http://loinc.org",
        "DCM" => "http://dicom.nema.org/resources/ontology/DCM",
        "UCUM" => "http://unitsofmeasure.org",
        other => {
            debug_assert_eq!(other, OWN);
            OWN_SYSTEM
        }
    }
}

/// A Coding.
pub fn coding(code: Code) -> Value {
    json!({ "system": system(code.scheme), "code": code.value, "display": code.meaning })
}

/// A CodeableConcept.
pub fn concept(code: Code) -> Value {
    json!({ "coding": [coding(code)], "text": code.meaning })
}

/// A CodeableConcept of an HL7 code system.
pub fn hl7(system: &str, code: &str, display: &str) -> Value {
    let system = format!("http://terminology.hl7.org/CodeSystem/{system}");
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}

/// An Identifier of the device's own.
pub fn identifier(kind: &str, value: &str) -> Value {
    json!({ "system": format!("{SYSTEM}/{kind}"), "value": value })
}

/// The study, by its key.
pub fn study_identifier(result: &StudyResult) -> Value {
    identifier("study-key", &result.told.study_key)
}

/// The patient of the study, of whom the device knows nothing.
pub fn subject(result: &StudyResult) -> Value {
    json!({
        "type": "Patient",
        "identifier": identifier("patient-of-study-key", &result.told.study_key),
        "display": "The patient of this study; the device keeps no identity",
    })
}
