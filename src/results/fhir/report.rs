//! The DiagnosticReport over the seven vertebrae.

use serde_json::{Value, json};

use super::super::codes::PROCEDURE;
use super::super::{StudyResult, ids};
use super::concept::{concept, hl7, identifier, study_identifier, subject};
use super::reference;
use crate::publish::rfc3339;
use crate::triage::Level;

/// The DiagnosticReport resource.
pub fn resource(result: &StudyResult) -> Value {
    let told = &result.told;
    let conclusion = result.conclusion();
    let results = Level::ALL.map(|level| reference("Observation", &result.of_study(level.name())));
    let mut report = json!({
        "resourceType": "DiagnosticReport",
        "id": ids::uuid(&result.of_study("DiagnosticReport")),
        "meta": { "versionId": told.revision.to_string() },
        "text": narrative(&conclusion),
        "identifier": [study_identifier(result), identifier("event-id", &told.event_id)],
        "status": "preliminary",
        "category": [hl7("v2-0074", "RAD", "Radiology"), hl7("v2-0074", "CT", "CAT Scan")],
        "code": concept(PROCEDURE),
        "subject": subject(result),
        "result": results,
        "imagingStudy": [reference("ImagingStudy", &result.of_study("ImagingStudy"))],
        "conclusion": conclusion,
    });
    if told.clock_trusted {
        report["effectiveDateTime"] = rfc3339(result.at).into();
        report["issued"] = rfc3339(result.at).into();
    }
    report
}

fn narrative(words: &str) -> Value {
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{escaped}</p></div>") })
}
