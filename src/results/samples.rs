//! One result of every kind, for tests and for the pictures of the manual. All of it is invented.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::StudyResult;
use crate::publish::{
    BestSlicePayload, CoveragePayload, FindingPayload, GapPayload, KeyImage, ModelTag, NOTICE, PHANTOM_NOTICE,
    StageTiming, Timings, TriagePayload, rfc3339,
};
use crate::store::SourceSlice;
use crate::triage::{Completeness, FractureBox, Gap, Level, Missing, Priority, Revision};

const STUDY_KEY: &str = "7f3a9c0d5e1b48268a4f0c9d2e7b6135";
const SLICE_KEY: &str = "0123456789abcdef0123456789abcdef";
const SIDE: u32 = 256;

/// 2026-01-02T03:04:05.678Z
const AT: Timestamp = Timestamp::constant(1_767_323_045, 678_000_000);

/// Every kind, by name.
pub fn all() -> Vec<(&'static str, StudyResult)> {
    vec![
        ("suspected", suspected()),
        ("provisional", provisional()),
        ("withdrawn", withdrawn()),
        ("none-suspected", none_suspected()),
        ("partly-analysed", partly_analysed()),
        ("not-analysed", not_analysed()),
    ]
}

/// The same, as a site with hashed identifiers has it.
pub fn hashed(result: StudyResult) -> StudyResult {
    let told = TriagePayload { study_instance_uid: None, ..result.told };
    StudyResult { told, sources: Vec::new(), ..result }
}

/// C2 and C5, all slices there.
pub fn suspected() -> StudyResult {
    let mut result = none_suspected();
    let told = &mut result.told;
    told.verdict = "suspected".into();
    told.priority = Priority::High;
    told.findings = vec![finding(Level::C5, 0.912, SLICE_KEY), finding(Level::C2, 0.641, &SLICE_KEY.replace('0', "a"))];
    told.vertebrae.extend([(Level::C5, 0.912), (Level::C2, 0.641)]);
    result.sources = vec![source(SLICE_KEY, 117), source(&SLICE_KEY.replace('0', "a"), 42)];
    result.picture = Some(KeyImage { slice_key: SLICE_KEY.into(), side: SIDE, grey: neck() });
    result
}

/// C5 while slices still arrive; the lower levels are awaited.
pub fn provisional() -> StudyResult {
    let mut result = suspected();
    let told = &mut result.told;
    told.findings.truncate(1);
    told.vertebrae.insert(Level::C2, 0.02);
    told.provisional = true;
    told.completeness = Completeness::Receiving;
    told.coverage.levels_seen.truncate(5);
    told.missing = vec![Missing::Receiving];
    result.sources.truncate(1);
    result
}

/// The third revision: the suspicion of the second is gone.
pub fn withdrawn() -> StudyResult {
    let mut result = none_suspected();
    revise(&mut result.told, 3);
    result.told.change = Revision::Retracts;
    result.has_predecessor = true;
    result
}

/// All seven, none suspected.
pub fn none_suspected() -> StudyResult {
    let vertebrae = Level::ALL.into_iter().zip([0.01, 0.02, 0.031, 0.01, 0.004, 0.123, 0.05]).collect();
    let model = |name: &str, digest: &str| ModelTag {
        name: name.into(),
        version: "0.1.0".into(),
        digest: digest.repeat(32),
        phantom_trained: true,
    };
    let stage = |stage: &str| StageTiming { stage: stage.into(), slices: 300, mean_ms: 3.25, max_ms: 17.5 };
    let told = TriagePayload {
        event_id: format!("{STUDY_KEY}-1"),
        supersedes: None,
        revision: 1,
        change: Revision::First,
        study_key: STUDY_KEY.into(),
        study_instance_uid: Some("2.25.219851287112870146113274850172013645057".into()),
        site: "north".into(),
        device: "ct-2".into(),
        verdict: "none_suspected".into(),
        why: None,
        priority: Priority::Low,
        urgency: None,
        sent_again: None,
        provisional: false,
        completeness: Completeness::Quiet,
        findings: vec![],
        vertebrae,
        coverage: CoveragePayload {
            levels_seen: Level::ALL.to_vec(),
            slices_analysed: 300,
            slices_missing: 0,
            slices_unreadable: 0,
            unreadable: BTreeMap::new(),
            gaps: vec![],
            extent_mm: 187.5,
        },
        missing: vec![],
        timings: Timings {
            first_slice_at: None,
            last_slice_at: None,
            decided_at: rfc3339(AT),
            last_slice_to_verdict_ms: Some(678),
            stages: ["settle", "decode", "prepare", "wait", "classifier", "detector"].map(stage).to_vec(),
        },
        models: vec![model("vertebra-classifier-edge", "ab"), model("fracture-detector-edge", "cd")],
        clock_trusted: true,
        truncated: false,
        not_for_diagnosis: NOTICE.into(),
        limitation: Some(PHANTOM_NOTICE.into()),
    };
    StudyResult { told, at: AT, sources: vec![], picture: None, has_predecessor: false }
}

/// C6 and C7 were not seen, there is a gap, and the clock is not set.
pub fn partly_analysed() -> StudyResult {
    let mut result = none_suspected();
    let told = &mut result.told;
    let gap = Gap { from_mm: -120.0, to_mm: -132.5, missing_slices: 9 };
    told.verdict = "partly_analysed".into();
    told.priority = Priority::Medium;
    told.completeness = Completeness::LimitReached;
    told.coverage.levels_seen.truncate(5);
    told.coverage.gaps = vec![GapPayload::of(&gap)];
    told.coverage.slices_missing = 9;
    let levels = vec![Level::C6, Level::C7];
    told.missing = vec![Missing::Levels { levels }, Missing::Slices { gap }, Missing::TimeLimit];
    told.clock_trusted = false;
    told.limitation = None;
    result
}

/// No model on the device; the reason holds every delimiter of HL7 and XML.
pub fn not_analysed() -> StudyResult {
    let mut result = none_suspected();
    let told = &mut result.told;
    told.verdict = "not_analysed".into();
    told.why = Some("this device does not analyse: 2 of 3 packages <refused> | ^ & ~ \\ “signature”".into());
    told.priority = Priority::Medium;
    told.coverage =
        CoveragePayload { levels_seen: vec![], slices_analysed: 0, extent_mm: 0.0, ..told.coverage.clone() };
    told.vertebrae = Level::ALL.into_iter().map(|level| (level, 0.0)).collect();
    told.models = vec![];
    told.limitation = None;
    result
}

fn revise(told: &mut TriagePayload, revision: u32) {
    told.revision = revision;
    told.event_id = format!("{STUDY_KEY}-{revision}");
    told.supersedes = Some(format!("{STUDY_KEY}-{}", revision - 1));
}

fn finding(level: Level, score: f32, slice_key: &str) -> FindingPayload {
    FindingPayload {
        level,
        score,
        best_slice: BestSlicePayload {
            slice_key: slice_key.into(),
            instance_number: Some(117),
            z_mm: -123.5,
            fracture_box: Some(FractureBox { x: 270.1, y: 251.5, width: 52.3, height: 44.0, score }),
            matrix: [512, 512],
        },
        z_range_mm: [-127.0, -120.0],
        slices: 9,
    }
}

fn source(slice_key: &str, instance: u32) -> SourceSlice {
    SourceSlice {
        slice_key: slice_key.into(),
        series_instance_uid: "2.25.219851287112870146113274850172013645058".into(),
        sop_instance_uid: format!("2.25.2198512871128701461132748501720136451{instance}"),
        frame: None,
    }
}

/// A bright ring in a grey oval: a neck for those who have to look at many.
fn neck() -> Vec<u8> {
    let grey = |i: u32| {
        let (x, y) = (f64::from(i % SIDE) - 128.0, f64::from(i / SIDE) - 128.0);
        let (body, bone) = (x.hypot(y * 1.25), x.hypot((y - 8.0) * 1.1));
        match (body, bone) {
            (_, 16.0..30.0) => 225,
            (_, ..16.0) => 120,
            (..104.0, _) => 96,
            _ => 8,
        }
    };
    (0..SIDE * SIDE).map(grey).collect()
}
