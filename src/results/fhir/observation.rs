//! What is said of one vertebra.

use serde_json::{Value, json};

use super::super::codes::{self, ASSESSMENT, CERTAINTY, NONE_SUSPECTED, PERCENT, SUSPECTED, vertebra};
use super::super::facts::percent;
use super::super::{LevelState, StudyResult, ids};
use super::concept::{concept, hl7, identifier, study_identifier, subject};
use super::reference;
use crate::publish::rfc3339;
use crate::triage::Level;

/// The Observation resource of a vertebra.
pub fn resource(result: &StudyResult, level: Level) -> Value {
    let (status, words) = match result.level(level) {
        LevelState::Suspected(score) => ("preliminary", value(SUSPECTED, score)),
        LevelState::NoneSuspected(score) => ("preliminary", value(NONE_SUSPECTED, score)),
        LevelState::Awaited => ("registered", absent("temp-unknown", "Temporarily Unknown", "slices still arrive")),
        LevelState::NotAnalysed(why) => ("cancelled", absent("not-performed", "Not Performed", &why)),
    };
    let told = &result.told;
    let key = format!("{}-{}", told.study_key, level.name());
    let mut observation = json!({
        "resourceType": "Observation",
        "id": ids::uuid(&result.of_study(level.name())),
        "meta": { "versionId": told.revision.to_string() },
        "identifier": [identifier("study-key-and-vertebra", &key)],
        "status": status,
        "category": [hl7("observation-category", "imaging", "Imaging")],
        "code": concept(ASSESSMENT),
        "bodySite": concept(vertebra(level)),
        "subject": subject(result),
        "focus": [{ "type": "ImagingStudy", "identifier": study_identifier(result) }],
        "derivedFrom": [reference("ImagingStudy", &result.of_study("ImagingStudy"))],
        "device": reference("Device", &result.of_device("Device")),
        "note": notes(result, level).into_iter().map(|text| json!({ "text": text })).collect::<Vec<_>>(),
    });
    if told.clock_trusted {
        observation["effectiveDateTime"] = rfc3339(result.at).into();
        observation["issued"] = rfc3339(result.at).into();
    }
    if let (Some(into), Value::Object(words)) = (observation.as_object_mut(), words) {
        into.extend(words);
    }
    observation
}

/// Of the value, the strength of the evidence is a component: it is not the probability of a fracture.
fn value(code: codes::Code, score: f32) -> Value {
    let quantity = json!({
        "value": percent(score),
        "unit": PERCENT.meaning,
        "system": "http://unitsofmeasure.org",
        "code": PERCENT.value,
    });
    json!({
        "valueCodeableConcept": concept(code),
        "component": [{ "code": concept(CERTAINTY), "valueQuantity": quantity }],
    })
}

fn absent(code: &str, display: &str, why: &str) -> Value {
    let mut reason = hl7("data-absent-reason", code, display);
    reason["text"] = why.into();
    json!({ "dataAbsentReason": reason })
}

fn notes(result: &StudyResult, level: Level) -> Vec<String> {
    let finding = result.told.findings.iter().find(|finding| finding.level == level);
    let place = finding.map(|finding| {
        let best = &finding.best_slice;
        let slice = best.instance_number.map_or_else(|| "the slice".to_owned(), |number| format!("slice {number}"));
        let frame = best.fracture_box.map_or_else(String::new, |b| {
            format!(", box at column {:.1}, row {:.1}, {:.1} x {:.1} pixels", b.x, b.y, b.width, b.height)
        });
        format!("Look first at {slice}, z {:.1} mm{frame}; {} slices carry the finding", best.z_mm, finding.slices)
    });
    result.notices().into_iter().chain(place).collect()
}
