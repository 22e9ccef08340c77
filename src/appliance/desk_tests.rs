//! What the desk promises, played through without files, networks or clocks.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::case::ReadSlice;
use super::desk::{Act, Content, Desk, DeskRules, Job, Now, Reading, Statement};
use super::stages::StageTimes;
use crate::dicom::{SliceHeader, Uid};
use crate::inference::{Analysis, PreparedSlice, Timings};
use crate::store::{Fate, FileRecord, Keys, OpenSeries, StoredSlice};
use crate::study::{Limits, PixelDigest, Rules};
use crate::triage::synthetic::{OPERATING_POINT, Scan};
use crate::triage::{Completeness, Evidence, Level, Missing, Verdict};

const SERIES: &str = "1.2.3.4";

fn rules() -> DeskRules {
    DeskRules {
        completeness: Rules::default(),
        limits: Limits::default(),
        operating_point: OPERATING_POINT,
        does_not_analyse: None,
        detector_missing: None,
    }
}

fn at(secs: f64) -> Now {
    Now { monotonic: Duration::from_secs_f64(secs), wall: Timestamp::UNIX_EPOCH }
}

fn scan(fractures: &[Level]) -> Vec<Evidence> {
    let mut scan = Scan { spacing_mm: 2.0, ..Scan::default() };
    scan.fractures = fractures.iter().flat_map(|&level| Scan::fractured(level).fractures).collect();
    scan.evidence()
}

/// The file of one slice of the synthetic neck.
fn file(series: &str, evidence: &Evidence, prepared: bool) -> Reading {
    let number = evidence.instance_number.unwrap();
    let header = Keys::from_secret([7; 32]).pseudonymise(SliceHeader {
        study_instance_uid: Uid::new("1.2.3"),
        series_instance_uid: Uid::new(series),
        sop_instance_uid: Uid::new(&format!("{series}.{number}")),
        frame: 0,
        rows: 512,
        columns: 512,
        pixel_spacing: [0.4, 0.4],
        image_position_patient: [0.0, 0.0, evidence.z_mm],
        image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        slice_thickness: None,
        instance_number: Some(number),
        expected_slices: None,
        image_type: Vec::new(),
    });
    let prepared = prepared.then(|| Arc::new(PreparedSlice::blank(&header.slice_key, evidence.z_mm)));
    let pixels = PixelDigest(u128::try_from(number).unwrap().to_le_bytes());
    Reading {
        fingerprint: format!("{series}-{number}"),
        content_digest: [0; 32],
        backlog_beside: false,
        stages: StageTimes::default(),
        content: Content::Slices(vec![ReadSlice { header, pixels, prepared, clear: None }]),
    }
}

fn rejected(code: &str, foreign: bool) -> Reading {
    let keys = Keys::from_secret([7; 32]);
    let (code, words) = (code.to_owned(), "PixelData is missing".to_owned());
    let fate = if foreign { Fate::Excluded { code, words } } else { Fate::Quarantined { code, words } };
    let belongs_to = Some((keys.study(&Uid::new("1.2.3")), keys.series(&Uid::new(SERIES))));
    let study_instance_uid = Some("1.2.3".to_owned());
    Reading {
        fingerprint: "rejected".into(),
        content_digest: [1; 32],
        backlog_beside: false,
        stages: StageTimes::default(),
        content: Content::Rejected { fate, belongs_to, study_instance_uid },
    }
}

/// A desk with networks that know the truth.
struct Played {
    desk: Desk,
    truth: Vec<Evidence>,
    fails_on: Option<i32>,
    analysed: Vec<i32>,
    records: Vec<FileRecord>,
    statements: Vec<Statement>,
}

impl Played {
    fn new(rules: DeskRules, truth: Vec<Evidence>) -> Self {
        Self { desk: Desk::new(rules), truth, fails_on: None, analysed: vec![], records: vec![], statements: vec![] }
    }

    fn play(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Record(record) => self.records.push(record),
                Act::Tell(statement) => self.statements.push(*statement),
                Act::Analyse(Job { tag, input }) => {
                    let truth = self.truth.iter().find(|e| (e.z_mm - input.this.z_mm).abs() < 1e-9).unwrap();
                    let number = truth.instance_number.unwrap();
                    self.analysed.push(number);
                    let evidence = Evidence { slice_key: input.this.slice_key.clone(), ..truth.clone() };
                    let timings = Timings { classifier: Duration::from_millis(5), detector: None };
                    let analysis = (self.fails_on != Some(number)).then_some(Analysis { evidence, timings });
                    let acts = self.desk.analysed(&tag, Duration::ZERO, analysis);
                    self.play(acts);
                }
            }
        }
    }

    fn read(&mut self, reading: Reading, secs: f64) {
        let acts = self.desk.read(reading, at(secs));
        self.play(acts);
    }

    fn tick(&mut self, secs: f64) {
        let acts = self.desk.tick(at(secs), true);
        self.play(acts);
    }

    /// As `tick`, while ingest still reads what lay on the share at the start.
    fn tick_behind(&mut self, secs: f64) {
        let acts = self.desk.tick(at(secs), false);
        self.play(acts);
    }

    /// Reads all slices but `left_out`, one every 50 ms; returns when the last one came.
    fn stream(&mut self, series: &str, left_out: &[i32]) -> f64 {
        let mut secs = 0.0;
        for (index, evidence) in self.truth.clone().iter().enumerate() {
            secs = index as f64 * 0.05;
            if !left_out.contains(&evidence.instance_number.unwrap()) {
                self.read(file(series, evidence, true), secs);
            }
        }
        secs
    }

    fn last(&self) -> &Statement {
        self.statements.last().unwrap()
    }
}

#[test]
fn an_intact_neck_ends_in_one_verdict_and_every_file_is_recorded_once() {
    let mut played = Played::new(rules(), scan(&[]));
    let end = played.stream(SERIES, &[]);
    assert!(played.statements.is_empty());
    played.tick(end + 4.9);
    assert!(played.statements.is_empty(), "it may still go on");
    played.tick(end + 5.1);
    played.tick(end + 60.0);
    assert_eq!(played.statements.len(), 1);
    assert_eq!(played.last().assessment.verdict, Verdict::NoneSuspected);
    assert_eq!(played.last().assessment.completeness, Completeness::Quiet);
    assert_eq!(played.records.len(), played.truth.len());
    assert!(played.records.iter().all(|r| r.fate == Fate::Accepted && r.slices[0].evidence.is_some()));
    assert_eq!(played.analysed.len(), played.truth.len(), "no slice is analysed twice");
}

#[test]
fn a_suspicion_is_said_before_the_series_ends_and_confirmed_at_its_end() {
    let mut played = Played::new(rules(), scan(&[Level::C4]));
    let end = played.stream(SERIES, &[]);
    let first = played.statements.iter().find(|s| s.assessment.verdict == Verdict::Suspected).unwrap();
    assert!(first.assessment.provisional);
    played.tick(end + 6.0);
    assert!(!played.last().assessment.provisional);
    assert_eq!(played.last().assessment.findings[0].level, Level::C4);
}

#[test]
fn a_missing_slice_makes_it_partly_analysed_with_the_gap() {
    let mut played = Played::new(rules(), scan(&[]));
    let end = played.stream(SERIES, &[40, 41]);
    played.tick(end + 6.0);
    assert!(played.statements.is_empty(), "a series with a gap is given time for late slices");
    played.tick(end + 31.0);
    let Verdict::PartlyAnalysed { missing } = &played.last().assessment.verdict else { panic!("{:?}", played.last()) };
    let Missing::Slices { gap } = &missing[0] else { panic!("{missing:?}") };
    assert_eq!((gap.missing_slices, gap.extent_mm().round()), (2, 6.0));
}

#[test]
fn a_file_that_cannot_be_read_costs_the_series_its_completeness_and_nothing_else() {
    let mut played = Played::new(rules(), scan(&[Level::C5]));
    played.read(rejected("missing_pixel_data", false), 0.0);
    let end = played.stream(SERIES, &[]);
    played.tick(end + 6.0);
    assert_eq!(played.last().assessment.verdict, Verdict::Suspected);
    assert!(played.last().assessment.missing.contains(&Missing::Unreadable { slices: 1 }));
    assert!(matches!(&played.records[0].fate, Fate::Quarantined { code, .. } if code == "missing_pixel_data"));

    let mut played = Played::new(rules(), scan(&[]));
    played.read(rejected("missing_pixel_data", false), 0.0);
    let end = played.stream(SERIES, &[]);
    played.tick(end + 6.0);
    assert!(matches!(played.last().assessment.verdict, Verdict::PartlyAnalysed { .. }));
}

#[test]
fn a_slice_on_which_the_networks_fail_is_missing_and_its_file_is_quarantined() {
    let mut played = Played::new(rules(), scan(&[]));
    played.fails_on = Some(30);
    let end = played.stream(SERIES, &[]);
    played.tick(end + 6.0);
    assert!(matches!(played.last().assessment.verdict, Verdict::PartlyAnalysed { .. }));
    let quarantined: Vec<_> = played.records.iter().filter(|r| matches!(r.fate, Fate::Quarantined { .. })).collect();
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0].fingerprint, format!("{SERIES}-30"));
}

#[test]
fn a_device_without_models_says_so_and_keeps_the_files_for_later() {
    let why = "this device does not analyse: no model package is installed".to_owned();
    let mut played = Played::new(DeskRules { does_not_analyse: Some(why.clone()), ..rules() }, scan(&[]));
    for (index, evidence) in played.truth.clone().iter().enumerate() {
        played.read(file(SERIES, evidence, false), index as f64 * 0.05);
    }
    played.tick(100.0);
    assert_eq!(played.last().assessment.verdict, Verdict::NotAnalysed { why });
    assert_eq!(played.records.len(), played.truth.len());
    assert!(played.records.iter().all(|record| record.fate == Fate::Collected));
}

#[test]
fn without_a_detector_no_study_is_free_of_suspicion() {
    let mut played = Played::new(DeskRules { detector_missing: Some("refused".into()), ..rules() }, scan(&[]));
    let end = played.stream(SERIES, &[]);
    played.tick(end + 6.0);
    assert!(matches!(played.last().assessment.verdict, Verdict::PartlyAnalysed { .. }));
}

#[test]
fn after_a_restart_nothing_is_analysed_twice_and_nothing_is_forgotten() {
    let mut before = Played::new(rules(), scan(&[Level::C6]));
    let half = before.truth.len() / 2;
    for evidence in &before.truth.clone()[..half] {
        before.read(file(SERIES, evidence, true), 0.0);
    }
    let slices: Vec<StoredSlice> = before
        .records
        .iter()
        .flat_map(|record| &record.slices)
        .map(|slice| StoredSlice { header: slice.header.clone(), evidence: slice.evidence.clone() })
        .collect();
    let known: Vec<String> = before.records.iter().map(|record| record.fingerprint.clone()).collect();

    let mut after = Played::new(rules(), before.truth.clone());
    let open = OpenSeries {
        series_key: slices[0].header.series_key.clone(),
        study_key: slices[0].header.study_key.clone(),
        first_seen: Timestamp::UNIX_EPOCH,
        last_slice: Timestamp::UNIX_EPOCH,
        slices,
        quarantined: std::collections::BTreeMap::new(),
        assessment: None,
    };
    after.desk.restore(open, at(0.0));
    after.tick_behind(120.0);
    assert!(after.statements.is_empty(), "its last files lie on the share, behind a study that is arriving");
    for evidence in &before.truth {
        let reading = file(SERIES, evidence, true);
        if !known.contains(&reading.fingerprint) {
            after.read(reading, 121.0);
        }
    }
    after.tick(127.0);
    let twice: Vec<_> = after.analysed.iter().filter(|n| known.contains(&format!("{SERIES}-{n}"))).collect();
    assert!(twice.is_empty(), "analysed again: {twice:?}");
    assert_eq!(after.last().assessment.verdict, Verdict::Suspected);
    assert_eq!(after.last().assessment.findings[0].level, Level::C6);
    assert_eq!(usize::try_from(after.last().assessment.coverage.slices_analysed).unwrap(), before.truth.len());
}

#[test]
fn a_series_found_on_the_share_does_not_end_while_files_of_its_folder_wait_for_their_turn() {
    let mut played = Played::new(rules(), scan(&[]));
    let truth = played.truth.clone();
    let (first, rest) = truth.split_at(30);
    for evidence in first {
        played.read(Reading { backlog_beside: true, ..file(SERIES, evidence, true) }, 0.0);
    }
    played.tick_behind(300.0);
    assert!(played.statements.is_empty());
    for evidence in rest {
        played.read(file(SERIES, evidence, true), 301.0);
    }
    played.tick(307.0);
    assert_eq!(played.last().assessment.verdict, Verdict::NoneSuspected);
    assert_eq!(played.statements.len(), 1);
}

#[test]
fn what_arrives_meanwhile_does_not_wait_for_a_backlog() {
    let mut played = Played::new(rules(), scan(&[]));
    let end = played.stream(SERIES, &[]);
    played.tick_behind(end + 5.1);
    assert_eq!(played.statements.len(), 1);
}

#[test]
fn a_series_of_scouts_only_is_not_analysed_but_leaves_time_for_the_neck() {
    let mut played = Played::new(rules(), scan(&[]));
    played.read(rejected("localizer", true), 0.0);
    played.tick(6.0);
    assert!(played.statements.is_empty(), "the neck usually follows its scout");
    played.tick(31.0);
    assert!(matches!(&played.last().assessment.verdict, Verdict::NotAnalysed { .. }));
}

#[test]
fn while_another_series_of_the_study_receives_the_statement_says_so() {
    let mut played = Played::new(rules(), scan(&[]));
    let end = played.stream(SERIES, &[]);
    let late = played.truth[0].clone();
    played.read(file("1.2.3.9", &late, true), end + 3.0);
    played.tick(end + 5.5);
    assert!(played.last().study_is_open);
    played.tick(end + 40.0);
    assert!(!played.last().study_is_open);
}

#[test]
fn a_late_slice_opens_the_series_again() {
    let mut played = Played::new(rules(), scan(&[]));
    let end = played.stream(SERIES, &[40, 41]);
    played.tick(end + 31.0);
    assert!(matches!(played.last().assessment.verdict, Verdict::PartlyAnalysed { .. }));
    for number in [40, 41] {
        let evidence = played.truth[number - 1].clone();
        played.read(file(SERIES, &evidence, true), end + 40.0);
    }
    played.tick(end + 46.0);
    assert_eq!(played.last().assessment.verdict, Verdict::NoneSuspected);
    assert_eq!(played.statements.len(), 2);
}

#[test]
fn a_study_of_which_nothing_could_be_read_still_has_its_uid_for_a_report() {
    let mut played = Played::new(rules(), vec![]);
    played.read(rejected("missing_pixel_data", false), 0.0);
    let series_key = Keys::from_secret([7; 32]).series(&Uid::new(SERIES));
    assert_eq!(played.desk.study_instance_uid(&series_key).as_deref(), Some("1.2.3"));
}
