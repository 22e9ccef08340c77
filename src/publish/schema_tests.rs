//! Every payload kind against its JSON Schema, and the size guard against the worst that can come.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use jsonschema::{Registry, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::events::{self, VerdictContext, tell};
use super::payload::{
    DeviceState, HealthPayload, LastUpdate, ModelTag, PartPayload, Reason, StageTiming, StatusPayload, TriagePayload,
};
use super::samples::{at, context, model, none_suspected, suspected, topics};
use super::{KeyImage, Limits, MAX_PAYLOAD, NOTICE, structured};
use crate::store::{Acknowledgement, NextRevision, OutboxMessage, SeriesAssessment, StandingAlert, ToldVerdict};
use crate::triage::{Assessment, Gap, Level, Missing, Verdict};
use crate::update::Outcome;

const STUDY_KEY: &str = "00112233445566778899aabbccddeeff";

const SCHEMAS: [(&str, &str); 7] = [
    ("triage", include_str!("schema/triage.json")),
    ("alert", include_str!("schema/alert.json")),
    ("status", include_str!("schema/status.json")),
    ("health", include_str!("schema/health.json")),
    ("ack", include_str!("schema/ack.json")),
    ("envelope", include_str!("schema/envelope.json")),
    ("acknowledged", include_str!("schema/acknowledged.json")),
];

fn validator(name: &str) -> Validator {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let schema = |name: &str| parsed(SCHEMAS.iter().find(|(n, _)| *n == name).unwrap().1);
    let registry = Registry::new().add("urn:spinewatch:v1:triage", schema("triage")).unwrap().prepare().unwrap();
    jsonschema::options().with_registry(&registry).build(&schema(name)).unwrap()
}

fn check(name: &str, payload: &[u8]) {
    let value: Value = serde_json::from_slice(payload).unwrap();
    let errors: Vec<_> = validator(name).iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{value:#}");
}

fn refuses(name: &str, value: &Value) -> bool {
    !validator(name).is_valid(value)
}

fn next(revision: u32, previous: Option<&Assessment>, now: &Assessment) -> NextRevision {
    let told = |assessment: &Assessment| ToldVerdict {
        study_key: STUDY_KEY.into(),
        revision: revision - 1,
        event_id: format!("{STUDY_KEY}-{}", revision - 1),
        supersedes: None,
        assessment: assessment.clone(),
        committed_at: at(),
        acknowledged: None,
    };
    NextRevision {
        study_key: STUDY_KEY.into(),
        revision,
        event_id: format!("{STUDY_KEY}-{revision}"),
        previous: previous.map(told),
        series: vec![SeriesAssessment { series_key: "s".into(), assessment: now.clone() }],
        alert: None,
    }
}

fn messages(previous: Option<&Assessment>, now: &Assessment, context: &VerdictContext) -> Vec<OutboxMessage> {
    let revision = if previous.is_some() { 2 } else { 1 };
    tell(&next(revision, previous, now), &topics(), &Limits::default(), context)
        .map_or_else(Vec::new, |told| told.messages)
}

fn partly() -> Assessment {
    let gap = Gap { from_mm: -100.06, to_mm: -104.5, missing_slices: 6 };
    let missing = vec![
        Missing::Levels { levels: vec![Level::C1, Level::C2] },
        Missing::Slices { gap },
        Missing::Count { expected: 300, arrived: 280 },
        Missing::Unreadable { slices: 2 },
        Missing::TimeLimit,
        Missing::Detector { reason: "the package's golden outputs do not hold".into() },
    ];
    let mut partly = none_suspected();
    partly.coverage.gaps = vec![gap];
    partly.coverage.slices_unreadable = 2;
    partly.verdict = Verdict::PartlyAnalysed { missing: missing.clone() };
    Assessment { missing, ..partly }
}

fn not_analysed() -> Assessment {
    Assessment { verdict: Verdict::NotAnalysed { why: "no vertebra of the neck was seen".into() }, ..none_suspected() }
}

fn status(state: DeviceState, reasons: Vec<Reason>) -> StatusPayload {
    StatusPayload {
        state,
        reasons,
        site: "north".into(),
        device: "ct-2".into(),
        version: "0.1.0".into(),
        models: vec![model("fracture-detector-edge")],
        started_at: Some(super::rfc3339(at())),
        last_update: None,
        not_for_diagnosis: NOTICE.into(),
    }
}

#[test]
fn every_message_holds_against_the_schema_of_its_envelope() {
    let slice_key = suspected(&[Level::C2]).findings[0].best_slice.slice_key.clone();
    let picture = KeyImage { slice_key, side: 256, grey: vec![7; 256 * 256] };
    let context = VerdictContext { key_image: Some(picture), ..context() };
    let mut all = messages(Some(&none_suspected()), &suspected(&[Level::C2]), &context);
    assert_eq!(all.len(), 3, "verdict, alert and picture");
    all.push(events::status(&status(DeviceState::Online, vec![]), "s-1".into(), Some(at()), &topics()));
    all.push(events::health(&HealthPayload::default(), "h-1".into(), None, &topics()));
    let told = next(2, Some(&suspected(&[Level::C2])), &none_suspected()).previous.unwrap();
    let recorded = Acknowledgement { study_key: STUDY_KEY.into(), revision: 1, by: "desk".into(), at: at() };
    all.push(events::acknowledged(&told, &recorded, &topics(), &Limits::default(), false));
    for message in all {
        let payload = structured::payload(&message);
        check("envelope", &payload);
        let mut envelope: Value = serde_json::from_slice(&payload).unwrap();
        envelope.as_object_mut().unwrap().retain(|key, _| key != "data" && key != "data_base64");
        assert!(refuses("envelope", &envelope), "an envelope holds something");
    }
}

#[test]
fn verdicts_of_every_kind_hold_against_their_schema() {
    let unreadable = BTreeMap::from([("pixel_data_cut".to_owned(), 2)]);
    let clear = VerdictContext {
        unreadable,
        study_instance_uid: Some("1.2.840.1".into()),
        models: vec![],
        clock_trusted: false,
        ..context()
    };
    for now in [none_suspected(), suspected(&[Level::C2, Level::C5]), partly(), not_analysed()] {
        for context in [context(), clear.clone()] {
            for previous in [None, Some(suspected(&[Level::C7]))] {
                for message in messages(previous.as_ref(), &now, &context) {
                    let kind = if message.topic.contains("/alert/") { "alert" } else { "triage" };
                    check(kind, &message.payload);
                }
            }
        }
    }
}

fn last_update(outcome: &str, code: Option<&str>) -> LastUpdate {
    let why = (outcome == "rolled_back").then(|| "models: detector 1 is refused".to_owned());
    LastUpdate { outcome: outcome.into(), version: Some("0.2.0".into()), code: code.map(Into::into), why }
}

#[test]
fn device_messages_hold_against_their_schema() {
    let reason = Reason { code: "share_lost".into(), words: "the console's folder cannot be reached".into() };
    for payload in [
        status(DeviceState::Online, vec![]),
        status(DeviceState::Degraded, vec![reason.clone()]),
        StatusPayload { started_at: None, ..status(DeviceState::Offline, vec![reason]) },
        StatusPayload {
            last_update: Some(last_update("refused", Some("older"))),
            ..status(DeviceState::Online, vec![])
        },
    ] {
        let message = events::status(&payload, "x-1".into(), Some(at()), &topics());
        check("status", &message.payload);
        assert!(message.retain && message.expiry_secs.is_none());
    }
    let part = |state: &str, reason: Option<&str>| PartPayload {
        state: state.into(),
        for_secs: 3,
        code: None,
        reason: reason.map(Into::into),
    };
    let broker = PartPayload { code: Some("quota_exceeded".into()), ..part("refusing", Some("the quota is used up")) };
    let health = HealthPayload {
        at: super::rfc3339(at()),
        share: part("lost", Some("the host is down")),
        broker,
        broker_losses: 3,
        broker_last_trouble: Some("keep_alive_timeout".into()),
        queue_refused: 2,
        models: part("ready", None),
        temperatures_celsius: BTreeMap::from([("cpu".to_owned(), 51.5)]),
        files_quarantined: BTreeMap::from([("pixel_data_cut".to_owned(), 2)]),
        memory_bytes: Some(50_000_000),
        audit_head: Some(format!("120:{}", "0f".repeat(32))),
        version: "0.1.0".into(),
        last_update: Some(last_update("rolled_back", None)),
        ..HealthPayload::default()
    };
    check("health", &events::health(&health, "x-2".into(), None, &topics()).payload);
    for outcome in [Outcome::Proved, Outcome::RolledBack, Outcome::Undone, Outcome::Refused, Outcome::Failed] {
        let last_update = Some(last_update(outcome.code(), None));
        let health = HealthPayload { last_update, ..health.clone() };
        check("health", &events::health(&health, "x-3".into(), None, &topics()).payload);
    }
    let unknown = HealthPayload { last_update: Some(last_update("succeeded", None)), ..health };
    assert!(refuses("health", &serde_json::to_value(unknown).unwrap()), "before the proof, nothing has succeeded");
    check("ack", br#"{"acknowledged_by":"ER desk 2","event_id":"ab-1-alert"}"#);
    check("ack", br#"{"acknowledged_by":"ER desk 2"}"#);
    check("ack", br#"{"acknowledged_by":"ER desk 2","note":"on our way"}"#);
    assert!(refuses("ack", &json!({"acknowledged_by": "ER desk 2", "note": "x".repeat(201)})));
}

#[test]
fn an_alert_that_is_sent_again_and_its_acknowledgement_hold_against_their_schema() {
    let first = messages(None, &suspected(&[Level::C2]), &context()).remove(1);
    let standing = StandingAlert {
        study_key: STUDY_KEY.into(),
        event_id: first.event_id,
        payload: first.payload,
        sent_again: 1,
        waited: std::time::Duration::ZERO,
        open: true,
        delivered: true,
    };
    check("alert", &super::again(&standing, &topics(), &Limits::default(), None).unwrap().payload);
    let told = next(2, Some(&suspected(&[Level::C2])), &none_suspected()).previous.unwrap();
    let recorded = Acknowledgement { study_key: STUDY_KEY.into(), revision: 1, by: "desk".into(), at: at() };
    check("acknowledged", &events::acknowledged(&told, &recorded, &topics(), &Limits::default(), false).payload);
}

#[test]
fn the_schemas_refuse_what_must_never_be_published() {
    let good: Value = serde_json::from_slice(&messages(None, &suspected(&[Level::C2]), &context())[0].payload).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    assert!(!refuses("triage", &good));
    for (pointer, value) in [
        ("/verdict", json!("clear")),
        ("/verdict", json!("none_suspected")),
        ("/priority", json!("low")),
        ("/findings", json!([])),
        ("/not_for_diagnosis", json!("diagnosis")),
        ("/study_key", json!("1.2.840.113619")),
        ("/findings/0/score", json!(1.5)),
        ("/vertebrae", json!({"C1": 0.5})),
    ] {
        assert!(refuses("triage", &with(pointer, value.clone())), "{pointer} = {value}");
    }
    let mut named = good.clone();
    named["patient_name"] = json!("Doe^John");
    assert!(refuses("triage", &named));
    assert!(refuses("alert", &good), "the event id of an alert ends in -alert");
}

#[test]
fn the_study_keys_schema_form_is_that_of_the_store() {
    let key = crate::store::Keys::from_secret([3; 32]).study(&crate::dicom::Uid::new("1.2.3"));
    let good: Value = serde_json::from_slice(&messages(None, &none_suspected(), &context())[0].payload).unwrap();
    let mut keyed = good;
    keyed["study_key"] = json!(key);
    assert!(!refuses("triage", &keyed));
}

fn gaps(most: usize) -> impl Strategy<Value = Vec<Gap>> {
    let gap = (-2000.0..2000.0_f64, 0.1..500.0_f64, 1..5000_u32);
    prop::collection::vec(gap, 0..most).prop_map(|gaps| {
        gaps.into_iter()
            .map(|(from_mm, extent, missing_slices)| Gap { from_mm, to_mm: from_mm - extent, missing_slices })
            .collect()
    })
}

prop_compose! {
    fn worst()(
        gaps in gaps(60),
        findings in 0..=7_usize,
        codes in prop::collection::btree_map("[a-z_]{1,60}", 1..9999_u32, 0..40),
        reason in "\\PC{0,3000}",
        stages in prop::collection::vec("[a-z]{1,20}", 0..12),
        models in prop::collection::vec("\\PC{1,200}", 0..6),
    ) -> (Assessment, VerdictContext) {
        let levels = &Level::ALL[..findings];
        let mut missing: Vec<Missing> = gaps.iter().map(|gap| Missing::Slices { gap: *gap }).collect();
        missing.extend([Missing::Levels { levels: Level::ALL.to_vec() }, Missing::TimeLimit, Missing::Detector { reason: reason.clone() }]);
        let mut assessment = if findings > 0 { suspected(levels) } else { not_analysed() };
        if findings == 0 {
            assessment.verdict = Verdict::NotAnalysed { why: reason };
        }
        assessment.coverage.gaps = gaps;
        assessment.missing = missing;
        let mut context = VerdictContext { unreadable: codes, study_instance_uid: Some("1".repeat(64)), ..context() };
        context.timings.stages = stages.into_iter()
            .map(|stage| StageTiming { stage, slices: 100_000, mean_ms: 1234.567, max_ms: 123_456.7 }).collect();
        context.models = models.iter().map(|name| ModelTag { version: name.clone(), ..model(name) }).collect();
        (assessment, context)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_payload_is_longer_than_4_kib_and_what_matters_is_never_cut((assessment, context) in worst()) {
        let full = assessment.findings.len();
        for message in messages(None, &assessment, &context) {
            prop_assert!(message.payload.len() <= MAX_PAYLOAD, "{} bytes", message.payload.len());
            let payload: TriagePayload = serde_json::from_slice(&message.payload).unwrap();
            prop_assert_eq!(&payload.verdict, assessment.verdict.name());
            prop_assert_eq!(payload.findings.len(), full);
            prop_assert_eq!(payload.priority, assessment.verdict.priority());
            prop_assert_eq!(&payload.not_for_diagnosis, NOTICE);
            let whole = payload.coverage.gaps.len() == assessment.coverage.gaps.len() && payload.models == context.models;
            prop_assert!(whole || payload.truncated, "cut without a word");
            check(if message.topic.contains("/alert/") { "alert" } else { "triage" }, &message.payload);
        }
    }
}

#[test]
fn a_usual_verdict_with_seven_findings_fits_uncut() {
    let message = &messages(None, &suspected(&Level::ALL), &context())[0];
    let payload: TriagePayload = serde_json::from_slice(&message.payload).unwrap();
    assert!(!payload.truncated, "{} bytes", message.payload.len());
}

#[test]
fn the_widest_gaps_are_kept_in_both_lists_from_head_to_foot() {
    let gap = |from_mm: f64, extent: f64| Gap { from_mm, to_mm: from_mm - extent, missing_slices: 1 };
    let mut assessment = partly();
    assessment.coverage.gaps = (0..60).map(|n| gap(f64::from(-n * 10), if n % 20 == 0 { 5.0 } else { 1.0 })).collect();
    assessment.missing = assessment.coverage.gaps.iter().map(|gap| Missing::Slices { gap: *gap }).collect();
    let payload: TriagePayload = serde_json::from_slice(&messages(None, &assessment, &context())[0].payload).unwrap();
    assert!(payload.truncated);
    let wide: Vec<f64> = payload.coverage.gaps.iter().filter(|g| g.extent_mm > 4.0).map(|g| g.from_mm).collect();
    assert_eq!(wide, [0.0, -200.0, -400.0]);
    assert_eq!(payload.missing.len(), payload.coverage.gaps.len());
}
