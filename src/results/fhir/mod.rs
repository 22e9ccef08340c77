//! FHIR R4 (4.0.1): one transaction Bundle a revision. Pure.
//!
//! **Transaction, not collection.** Every entry is a `PUT` under an id that is derived from the study key, so that a gateway
//! posts the file to a server's base as it is, a second delivery changes nothing, and a revision replaces the one before
//! instead of standing beside it. `Bundle.identifier` is the study's and stays; `meta.versionId` is the revision (a server
//! counts its own); the event id stands in `DiagnosticReport.identifier`.
//!
//! **Status.** The report is `preliminary` in every revision, as it is never verified by a person: `final`, and with it
//! `amended` and `corrected` (which R4 defines as changes *after* final), are never said. A suspicion that is withdrawn is a
//! new revision that says so: `entered-in-error` would mean that the earlier one should never have existed, and `cancelled`
//! hides the report from many viewers. Of a vertebra, `registered` means that its slices are awaited, `cancelled` ("not started
//! or not completed") that it was not analysed, with a `dataAbsentReason`; only what was analysed has a value.
//!
//! **No identity.** `subject` is a logical reference (an identifier without a resource): "the patient of this study", named by
//! the study key; a site maps it. `ImagingStudy.identifier` is the study key, and the StudyInstanceUID as `urn:oid:` where the
//! site switched clear identifiers on.

mod concept;

mod device;

mod imaging_study;

mod observation;

mod report;

use serde_json::{Value, json};

use super::{StudyResult, ids};
use crate::publish::rfc3339;
use crate::triage::Level;

/// The Bundle as UTF-8 JSON.
pub fn bytes(result: &StudyResult) -> Vec<u8> {
    let mut text = format!("{:#}", bundle(result));
    text.push('\n');
    text.into_bytes()
}

/// The Bundle.
pub fn bundle(result: &StudyResult) -> Value {
    let resources = [device::resource(result), imaging_study::resource(result)]
        .into_iter()
        .chain(Level::ALL.map(|level| observation::resource(result, level)))
        .chain([report::resource(result)]);
    let mut bundle = json!({
        "resourceType": "Bundle",
        "id": ids::uuid(&result.of_study("Bundle")),
        "meta": { "versionId": result.told.revision.to_string() },
        "identifier": concept::study_identifier(result),
        "type": "transaction",
        "entry": resources.map(entry).collect::<Vec<_>>(),
    });
    if result.told.clock_trusted {
        bundle["timestamp"] = rfc3339(result.at).into();
    }
    bundle
}

fn entry(resource: Value) -> Value {
    let text = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
    let (kind, id) = (text("resourceType"), text("id"));
    json!({
        "fullUrl": format!("urn:uuid:{id}"),
        "resource": resource,
        "request": { "method": "PUT", "url": format!("{kind}/{id}") },
    })
}

/// Refers to a resource of this Bundle.
fn reference(kind: &str, names: &[&str]) -> Value {
    json!({ "reference": format!("urn:uuid:{}", ids::uuid(names)), "type": kind })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::samples;
    use super::*;

    fn of_kind(bundle: &Value, kind: &str) -> Vec<Value> {
        let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
        entries.filter(|resource| resource["resourceType"] == kind).collect()
    }

    #[test]
    fn a_report_is_preliminary_whatever_it_says() {
        for (name, result) in samples::all() {
            let report = of_kind(&bundle(&result), "DiagnosticReport").remove(0);
            assert_eq!(report["status"], "preliminary", "{name}");
            let conclusion = report["conclusion"].as_str().unwrap();
            assert!(conclusion.contains("not for diagnosis"), "{name}: {conclusion}");
            assert_eq!(report["result"].as_array().unwrap().len(), 7, "{name}");
        }
    }

    #[test]
    fn a_vertebra_that_was_not_analysed_has_a_reason_and_no_value() {
        for (name, result) in samples::all() {
            for observation in of_kind(&bundle(&result), "Observation") {
                let has_value = observation.get("valueCodeableConcept").is_some();
                assert_ne!(has_value, observation.get("dataAbsentReason").is_some(), "{name}: {observation:#}");
                let status = observation["status"].as_str().unwrap();
                assert_eq!(has_value, status == "preliminary", "{name}: {status}");
            }
        }
    }

    #[test]
    fn a_revision_replaces_the_one_before_under_the_same_ids() {
        let urls = |result: &StudyResult| -> Vec<Value> {
            bundle(result)["entry"].as_array().unwrap().iter().map(|entry| entry["request"]["url"].clone()).collect()
        };
        let (first, withdrawn) = (samples::suspected(), samples::withdrawn());
        assert_eq!(urls(&first), urls(&withdrawn));
        assert_eq!(bundle(&first)["identifier"], bundle(&withdrawn)["identifier"]);
        assert_ne!(bundle(&first)["meta"], bundle(&withdrawn)["meta"]);
    }

    #[test]
    fn every_reference_within_the_bundle_resolves() {
        let bundle = bundle(&samples::suspected());
        let urls: Vec<&str> =
            bundle["entry"].as_array().unwrap().iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
        let text = bundle.to_string();
        let mut found = 0;
        for part in text.split("\"reference\":\"").skip(1) {
            let target = part.split('"').next().unwrap();
            assert!(urls.contains(&target), "{target}");
            found += 1;
        }
        assert!(found >= 7 * 2 + 8, "{found}");
    }
}
