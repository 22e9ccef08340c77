//! Assessments for the tests of this module.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Topics;
use super::events::VerdictContext;
use super::payload::{ModelTag, StageTiming, Timings};
use crate::triage::{Assessment, BestSlice, Completeness, Coverage, Finding, FractureBox, Level, Verdict};

pub fn at() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

pub fn topics() -> Topics {
    Topics::new("north", "ct-2").unwrap()
}

pub fn finding(level: Level, score: f32) -> Finding {
    let fracture_box = FractureBox { x: 200.126, y: 211.5, width: 31.25, height: 17.0, score };
    Finding {
        level,
        score,
        best_slice: BestSlice {
            slice_key: "0123456789abcdef0123456789abcdef".into(),
            instance_number: Some(117),
            z_mm: -123.456,
            fracture_box,
            matrix: [512, 512],
        },
        z_range_mm: [-127.0, -120.0],
        slices: 9,
    }
}

pub fn none_suspected() -> Assessment {
    Assessment {
        verdict: Verdict::NoneSuspected,
        provisional: false,
        completeness: Completeness::Quiet,
        findings: vec![],
        vertebrae: [0.01, 0.02, 0.03, 0.01, 0.0, 0.12345, 0.05],
        coverage: Coverage {
            levels_seen: Level::ALL.to_vec(),
            slices_analysed: 300,
            slices_missing: 0,
            slices_unreadable: 0,
            gaps: vec![],
            extent_mm: 187.5,
        },
        missing: vec![],
    }
}

pub fn suspected(levels: &[Level]) -> Assessment {
    Assessment {
        verdict: Verdict::Suspected,
        findings: levels.iter().map(|level| finding(*level, 0.9)).collect(),
        ..none_suspected()
    }
}

pub fn model(name: &str) -> ModelTag {
    ModelTag { name: name.into(), version: "0.1.0".into(), digest: "ab".repeat(32), phantom_trained: true }
}

pub fn context() -> VerdictContext {
    let stage = |stage: &str| StageTiming { stage: stage.into(), slices: 300, mean_ms: 3.25, max_ms: 17.5 };
    VerdictContext {
        at: at(),
        clock_trusted: true,
        study_instance_uid: None,
        unreadable: BTreeMap::new(),
        timings: Timings {
            first_slice_at: Some("2026-01-02T03:03:50.000Z".into()),
            last_slice_at: Some("2026-01-02T03:04:05.000Z".into()),
            decided_at: "2026-01-02T03:04:05.678Z".into(),
            last_slice_to_verdict_ms: Some(678),
            stages: ["settle", "decode", "preprocess", "classify", "detect"].map(stage).to_vec(),
        },
        key_image: None,
        models: vec![model("vertebra-classifier-edge"), model("fracture-detector-edge")],
    }
}
