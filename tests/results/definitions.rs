//! FHIR: Bundles held against the published structure definitions (`fhir-r4-elements.json`): every required element there, none
//! unknown, cardinality, types with their patterns, and codes of required bindings.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use spinewatch::results::{fhir, samples};

static DEFINITIONS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("fhir-r4-elements.json")).unwrap());

/// What is wrong with a resource, by its path.
fn problems(resource: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let kind = resource["resourceType"].as_str().unwrap_or("nothing").to_owned();
    object(resource, &kind, &kind, &mut found);
    found
}

fn object(value: &Value, kind: &str, path: &str, found: &mut Vec<String>) {
    let Some(elements) = DEFINITIONS["elements"][kind].as_object() else {
        return found.push(format!("{path}: {kind} is not known"));
    };
    let Some(fields) = value.as_object().filter(|fields| !fields.is_empty()) else {
        return found.push(format!("{path} is no {kind}: {value}"));
    };
    for (name, row) in elements {
        let is_there = fields.keys().any(|key| type_of(name, row, key).is_some());
        if row[0] != 0 && !is_there {
            found.push(format!("{path}.{name} is missing"));
        }
    }
    for (key, value) in fields.iter().filter(|(key, _)| *key != "resourceType") {
        let named = elements.iter().find_map(|(name, row)| Some((row, type_of(name, row, key)?)));
        let path = format!("{path}.{key}");
        match named {
            None => found.push(format!("{path} is unknown")),
            Some((row, of)) => repeated(value, row, &of, &path, &format!("{kind}.{key}"), found),
        }
    }
}

/// The type under which an element stands in `key`; of `value[x]`, the key ends in it.
fn type_of(name: &str, row: &Value, key: &str) -> Option<String> {
    let kinds = || row[2].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap());
    let Some(base) = name.strip_suffix("[x]") else {
        return (name == key).then(|| kinds().next().unwrap_or("").to_owned());
    };
    let suffix = key.strip_prefix(base)?;
    kinds().find(|kind| kind[..1].to_uppercase() + &kind[1..] == suffix).map(str::to_owned)
}

fn repeated(value: &Value, row: &Value, kind: &str, path: &str, place: &str, found: &mut Vec<String>) {
    if row[1] == "1" {
        return one(value, row, kind, path, place, found);
    }
    match value.as_array() {
        Some(items) if !items.is_empty() => {
            (0..)
                .zip(items)
                .for_each(|(i, item): (usize, _)| one(item, row, kind, &format!("{path}[{i}]"), place, found));
        }
        _ => found.push(format!("{path} is no list with something in it")),
    }
}

fn one(value: &Value, row: &Value, kind: &str, path: &str, place: &str, found: &mut Vec<String>) {
    if let Some(codes) = row[3].as_str().and_then(|set| DEFINITIONS["codes"][set].as_array())
        && !codes.contains(value)
    {
        found.push(format!("{path}: {value} is not among {codes:?}"));
    }
    match kind {
        "BackboneElement" | "Element" => object(value, place, path, found),
        "Resource" => found.extend(problems(value).into_iter().map(|problem| format!("{path}: {problem}"))),
        _ if kind.starts_with('#') => object(value, &kind[1..], path, found),
        _ if kind.starts_with("http://hl7.org/fhirpath") => primitive(value, "string", path, found),
        _ if DEFINITIONS["primitives"].get(kind).is_some() => primitive(value, kind, path, found),
        _ => object(value, kind, path, found),
    }
}

fn primitive(value: &Value, kind: &str, path: &str, found: &mut Vec<String>) {
    let text = match (kind, value) {
        ("boolean", Value::Bool(it)) => it.to_string(),
        ("integer" | "decimal" | "positiveInt" | "unsignedInt", Value::Number(it)) => it.to_string(),
        ("boolean" | "integer" | "decimal" | "positiveInt" | "unsignedInt", _) => String::new(),
        (_, Value::String(it)) => it.clone(),
        _ => String::new(),
    };
    let pattern = DEFINITIONS["primitives"][kind].as_str().unwrap_or(r"<div xmlns=.*</div>");
    let pattern = json!({ "type": "string", "minLength": 1, "pattern": format!("^({pattern})$") });
    if !jsonschema::is_valid(&pattern, &Value::String(text)) {
        found.push(format!("{path}: {value} is no {kind}"));
    }
}

#[test]
fn every_bundle_holds_against_the_published_definitions() {
    for (name, result) in samples::all() {
        for result in [samples::hashed(result.clone()), result] {
            assert_eq!(problems(&fhir::bundle(&result)), [""; 0], "{name}");
        }
    }
}

#[test]
fn a_broken_bundle_is_told_by_its_path() {
    type Breaking = fn(&mut Map<String, Value>);
    let with = |kind: &str, break_it: Breaking| {
        let mut bundle = fhir::bundle(&samples::suspected());
        let entries = bundle["entry"].as_array_mut().unwrap();
        let entry = entries.iter_mut().find(|entry| entry["resource"]["resourceType"] == kind).unwrap();
        break_it(entry["resource"].as_object_mut().unwrap());
        problems(&bundle).join("; ")
    };
    let cases: [(&str, Breaking, &str); 9] = [
        ("DiagnosticReport", |r| drop(r.remove("status")), "DiagnosticReport.status is missing"),
        ("DiagnosticReport", |r| r["status"] = "ready".into(), "DiagnosticReport.status: \"ready\" is not among"),
        ("ImagingStudy", |r| drop(r.remove("subject")), "ImagingStudy.subject is missing"),
        ("Observation", |r| drop(r.insert("site".into(), "C5".into())), "Observation.site is unknown"),
        ("Observation", |r| r["code"] = json!([{ "text": "x" }]), "Observation.code is no CodeableConcept"),
        ("Observation", |r| r["issued"] = "2026-01-02".into(), "Observation.issued: \"2026-01-02\" is no instant"),
        ("Observation", |r| drop(r.insert("valueNumber".into(), 3.into())), "Observation.valueNumber is unknown"),
        ("Device", |r| r["version"][0]["value"] = json!(1), "Device.version[0].value: 1 is no string"),
        ("Device", |r| r["note"] = json!([]), "Device.note is no list with something in it"),
    ];
    for (kind, break_it, expected) in cases {
        let told = with(kind, break_it);
        assert!(told.contains(expected), "{expected} is missing from: {told}");
    }
}

#[test]
fn a_bundle_reads_as_agreed() {
    let bundle = fhir::bundle(&samples::provisional());
    // one resource a line
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| format!("{entry}\n"));
    super::segments::agreed("provisional.fhir.txt", &entries.collect::<String>());
}
