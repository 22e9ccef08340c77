//! Promises of the store: what is committed survives a kill, what is damaged is set aside, and nothing leaves early.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use spinewatch::dicom::{SliceHeader, Uid};
use spinewatch::store::{
    AuditFile, ClearIdentifiers, Fate, FileRecord, GivenAcknowledgement, Keys, MessagePriority, MessageProperties,
    NextRevision, OutboxMessage, Retention, SeriesVerdict, SliceRecord, Store, StoreError, Told,
};
use spinewatch::triage::{
    Assessment, BestSlice, Completeness, Coverage, Evidence, Finding, FractureBox, Gap, Level, Missing, Verdict,
};

const STUDY_UID: &str = "1.2.840.113619.2.55.3.604688119";
const SERIES_UID: &str = "1.2.840.113619.2.55.3.604688120";
const DAY: Duration = Duration::from_secs(86_400);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn keys() -> Keys {
    Keys::from_secret([9; 32])
}

fn open(folder: &Path) -> Store {
    Store::open(&folder.join("spinewatch.db"), at(0)).unwrap().0
}

fn header(n: u32) -> SliceHeader {
    SliceHeader {
        study_instance_uid: Uid::new(STUDY_UID),
        series_instance_uid: Uid::new(SERIES_UID),
        sop_instance_uid: Uid::new(&format!("{SERIES_UID}.{n}")),
        frame: 0,
        rows: 512,
        columns: 512,
        pixel_spacing: [0.390_625, 0.390_625],
        image_position_patient: [-99.804_687_5, -151.3, -0.625 * f64::from(n) + 0.1],
        image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 0.927_183_854_566_787_4, -0.374_606_593_415_912],
        slice_thickness: Some(0.625),
        instance_number: i32::try_from(n).ok(),
        expected_slices: None,
        image_type: vec!["ORIGINAL".into(), "PRIMARY".into(), "AXIAL".into()],
    }
}

fn evidence(n: u32) -> Evidence {
    Evidence {
        slice_key: keys().slice(&Uid::new(&format!("{SERIES_UID}.{n}")), 0),
        instance_number: i32::try_from(n).ok(),
        z_mm: -0.1 * f64::from(n),
        matrix: [512, 512],
        vertebrae: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
        boxes: vec![],
    }
}

fn file(n: u32, evidence: Option<Evidence>, second: i64) -> FileRecord {
    let fate = if evidence.is_some() { Fate::Accepted } else { Fate::Collected };
    FileRecord {
        fingerprint: format!("fingerprint-{n}"),
        content_digest: [u8::try_from(n % 256).unwrap(); 32],
        fate,
        series_key: Some(keys().series(&Uid::new(SERIES_UID))),
        slices: vec![SliceRecord { header: keys().pseudonymise(header(n)), evidence, clear: None }],
        at: at(second),
    }
}

fn quarantined(n: u32, code: &str, second: i64) -> FileRecord {
    FileRecord {
        fingerprint: format!("bad-{n}"),
        content_digest: [0; 32],
        fate: Fate::Quarantined { code: code.into(), words: "PixelData ends early".into() },
        series_key: Some(keys().series(&Uid::new(SERIES_UID))),
        slices: vec![],
        at: at(second),
    }
}

fn assessment(verdict: Verdict, provisional: bool) -> Assessment {
    Assessment {
        verdict,
        provisional,
        completeness: if provisional { Completeness::Receiving } else { Completeness::Quiet },
        findings: vec![],
        vertebrae: [0.1, 0.3, 0.05, 0.0, 0.0, 0.0, 0.0],
        coverage: Coverage {
            levels_seen: Level::ALL.to_vec(),
            slices_analysed: 300,
            slices_missing: 0,
            slices_unreadable: 0,
            gaps: vec![],
            extent_mm: 187.300_000_000_000_04,
        },
        missing: vec![],
    }
}

fn verdict(study: &str, series: &str, assessment: Assessment, second: i64) -> SeriesVerdict {
    SeriesVerdict { study_key: study.into(), series_key: series.into(), assessment, at: at(second) }
}

fn message(event_id: &str, topic: &str, priority: MessagePriority) -> OutboxMessage {
    OutboxMessage {
        event_id: event_id.into(),
        topic: topic.into(),
        payload: vec![b'x'; 600],
        properties: MessageProperties {
            user: vec![("id".into(), event_id.into())],
            content_type: "application/json".into(),
            response_topic: None,
            correlation_data: Some("c".into()),
        },
        retain: true,
        expiry_secs: Some(60),
        priority,
    }
}

/// Tells everything: one verdict and one alert message a revision.
fn tell(next: &NextRevision) -> Option<Told> {
    let messages = vec![
        message(&next.event_id, &format!("triage/{}", next.study_key), MessagePriority::Verdict),
        message(&format!("{}-alert", next.event_id), &format!("alert/{}", next.study_key), MessagePriority::Alert),
    ];
    Some(Told { assessment: next.series[0].assessment.clone(), messages, result: None })
}

fn commit(store: &Store, study: &str, second: i64) -> String {
    let verdict = verdict(study, &format!("series of {study}"), assessment(Verdict::Suspected, false), second);
    store.commit_verdict(&verdict, tell).unwrap().unwrap().event_id
}

fn waiting(store: &Store) -> Vec<String> {
    store.outbox_next(usize::MAX, &[]).unwrap().into_iter().map(|row| row.message.event_id).collect()
}

// ---- kill ----------------------------------------------------------------------------------------------------------

/// Not a test of its own: the process that `a_kill_at_any_moment...` kills.
#[test]
fn writer_that_gets_killed() {
    let Some(folder) = std::env::var_os("SPINEWATCH_TEST_WRITER") else { return };
    let store = open(Path::new(&folder));
    for n in 0.. {
        store.record(&[file(n, Some(evidence(n)), 0)]).unwrap();
        commit(&store, &format!("study{n}"), 0);
        println!("\ncommitted {n}");
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_committed_and_leaves_no_half() {
    for round in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_that_gets_killed", "--nocapture", "--test-threads=1"])
            .env("SPINEWATCH_TEST_WRITER", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map_while(Result::ok).filter(|line| line.starts_with("committed ")).nth(round * 7).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let committed: usize = said["committed ".len()..].parse().unwrap();

        let (store, report) = Store::open(&folder.path().join("spinewatch.db"), at(0)).unwrap();
        assert!(report.set_aside.is_none() && !report.created, "{report:?}");
        let verdicts = store.recent_verdicts(10_000).unwrap();
        assert!(verdicts.len() > committed, "{} after {said}", verdicts.len());
        let mut messages = waiting(&store);
        messages.sort();
        let mut expected: Vec<_> =
            verdicts.iter().flat_map(|v| [v.event_id.clone(), format!("{}-alert", v.event_id)]).collect();
        expected.sort();
        assert_eq!(messages, expected, "every verdict has both messages, every message its verdict");

        let trail = AuditFile::open(&folder.path().join("spinewatch.db")).unwrap();
        let verified = trail.verify(None).unwrap().unwrap();
        let entries = u64::try_from(verdicts.len() * 3).unwrap();
        assert_eq!(verified.entries, entries, "every verdict and both its messages are on record, and nothing else");
    }
}

#[test]
fn a_verdict_and_its_messages_are_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let told = verdict("study", "series", assessment(Verdict::Suspected, false), 0);
    let twice = |next: &NextRevision| {
        let message = message(&next.event_id, "triage/study", MessagePriority::Verdict);
        Some(Told {
            assessment: next.series[0].assessment.clone(),
            messages: vec![message.clone(), message],
            result: None,
        })
    };
    assert!(store.commit_verdict(&told, twice).is_err(), "the second message has the id of the first");
    assert_eq!(store.latest_verdict("study").unwrap(), None);
    assert_eq!(waiting(&store), Vec::<String>::new());
    assert_eq!(store.series("series").unwrap(), None, "not even the state of the series");
    assert_eq!(commit(&store, "study", 0), "study-1");
}

// ---- damage --------------------------------------------------------------------------------------------------------

fn database_with_rows(folder: &Path) -> PathBuf {
    let store = open(folder);
    for n in 0..40 {
        store.record(&[file(n, Some(evidence(n)), 0)]).unwrap();
        commit(&store, &format!("study{n}"), 0);
    }
    folder.join("spinewatch.db")
}

/// Opens what `damage` made of a database; it must be usable whatever was found. Returns why it was set aside.
fn reopen_after(damage: impl Fn(&Path)) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = database_with_rows(folder.path());
    damage(&path);
    let (store, report) = Store::open(&path, at(1)).unwrap();
    commit(&store, "after", 1);
    assert!(waiting(&store).iter().any(|id| id.starts_with("after-")));
    report.set_aside.map(|aside| {
        assert!(aside.path.exists(), "kept for whoever wants to look");
        aside.reason
    })
}

#[test]
fn a_damaged_database_is_set_aside_and_the_device_goes_on() {
    let scribble = |from: usize, to: usize| {
        move |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            let to = to.min(bytes.len());
            bytes[from..to].fill(0xA5);
            std::fs::write(path, bytes).unwrap();
        }
    };
    let damaged = Some("the database is damaged".to_owned());
    assert_eq!(reopen_after(scribble(0, 100)), damaged, "header");
    assert_eq!(reopen_after(scribble(4096, 40_000)), damaged, "pages");
    assert_eq!(reopen_after(|path| std::fs::write(path, "no database ".repeat(20)).unwrap()), damaged, "text");
}

#[test]
fn a_database_that_was_cut_anywhere_is_opened_or_set_aside_never_a_crash() {
    for tenth in 0..10_u64 {
        reopen_after(|path| {
            let length = std::fs::metadata(path).unwrap().len();
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(length * tenth / 10 + tenth).unwrap();
        });
    }
}

#[test]
fn event_ids_do_not_repeat_after_a_database_was_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = database_with_rows(folder.path());
    std::fs::write(&path, [0xA5; 8192]).unwrap();
    let (store, _) = Store::open(&path, at(60)).unwrap();
    let id = commit(&store, "study1", 60);
    assert_ne!(id, "study1-1", "a subscriber would take it for the message that it has");
    assert!(id.starts_with("study1-") && id.ends_with(".1"), "{id}");
    drop(store);
    let (store, _) = Store::open(&path, at(61)).unwrap();
    assert!(commit(&store, "study1", 61).ends_with(".2"), "and they go on from there");
}

// ---- ledger and series ---------------------------------------------------------------------------------------------

#[test]
fn a_restart_finds_every_open_series_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in [3, 1, 2] {
        store.record(&[file(n, Some(evidence(n)), i64::from(n))]).unwrap();
    }
    let cut = [quarantined(1, "pixel_data_cut", 9), quarantined(2, "pixel_data_cut", 9)];
    store.record(&[file(4, None, 9)]).unwrap();
    store.record(&cut).unwrap();
    drop(store);

    let store = open(folder.path());
    let [series] = &store.open_series().unwrap()[..] else { panic!("one series") };
    assert_eq!(series.series_key, keys().series(&Uid::new(SERIES_UID)));
    assert_eq!(series.study_key, keys().study(&Uid::new(STUDY_UID)));
    assert_eq!((series.first_seen, series.last_slice), (at(3), at(9)));
    assert_eq!(series.quarantined, [("pixel_data_cut".to_owned(), 2)].into());
    assert_eq!(series.slices.len(), 4);
    for slice in &series.slices {
        let n = u32::try_from(slice.header.header.instance_number.unwrap()).unwrap();
        assert_eq!(slice.header, keys().pseudonymise(header(n)), "to the last bit of every coordinate");
        assert_eq!(slice.evidence, (n < 4).then(|| evidence(n)));
    }
    let mut known = store.known_fingerprints().unwrap();
    known.sort();
    assert_eq!(known, ["bad-1", "bad-2", "fingerprint-1", "fingerprint-2", "fingerprint-3"]);
    assert!(!store.file_known("fingerprint-4").unwrap(), "collected without a model: read again when there is one");
    assert!(store.content_known(&[1; 32]).unwrap() && !store.content_known(&[77; 32]).unwrap());
    assert!(store.slice_known(&evidence(1).slice_key).unwrap() && !store.slice_known(&evidence(4).slice_key).unwrap());
}

#[test]
fn assessments_of_every_kind_are_read_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let gap = Gap { from_mm: -103.125_000_000_000_01, to_mm: -104.374_999_999_999_97, missing_slices: 1 };
    let missing = vec![Missing::Slices { gap }, Missing::Levels { levels: vec![Level::C7] }, Missing::TimeLimit];
    let mut kinds = vec![
        assessment(Verdict::Suspected, true),
        assessment(Verdict::NoneSuspected, false),
        assessment(Verdict::NotAnalysed { why: "no vertebra of the neck".into() }, false),
    ];
    let partly = Verdict::PartlyAnalysed { missing: missing.clone() };
    kinds.push(Assessment { missing, ..assessment(partly, false) });
    for given in kinds {
        store.commit_verdict(&verdict("study", "series", given.clone(), 0), tell).unwrap();
        assert_eq!(store.latest_verdict("study").unwrap().unwrap().assessment, given);
        assert_eq!(store.series("series").unwrap().unwrap().assessment, Some(given));
    }
    assert_eq!(store.latest_verdict("study").unwrap().unwrap().revision, 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A coordinate that changes in its last bit by being stored would make a restart tell a verdict anew.
    #[test]
    fn coordinates_are_read_back_to_the_last_bit(values in prop::array::uniform3(-3000.0..3000.0_f64)) {
        let json = serde_json::to_string(&values).unwrap();
        prop_assert_eq!(serde_json::from_str::<[f64; 3]>(&json).unwrap(), values);
    }
}

#[test]
fn a_final_verdict_closes_a_series_and_only_something_new_opens_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (study, series) = (keys().study(&Uid::new(STUDY_UID)), keys().series(&Uid::new(SERIES_UID)));
    store.record(&[file(1, Some(evidence(1)), 0), file(2, None, 0)]).unwrap();
    let say = |a: Assessment| store.commit_verdict(&verdict(&study, &series, a, 1), |_| None).unwrap();
    assert_eq!(say(assessment(Verdict::NoneSuspected, true)), None);
    assert_eq!(store.open_series().unwrap().len(), 1, "provisional");
    let last = assessment(Verdict::NoneSuspected, false);
    say(last.clone());
    assert!(store.open_series().unwrap().is_empty());
    assert_eq!(store.series(&series).unwrap().unwrap().assessment, Some(last), "also when nothing was told");

    store.record(&[file(1, Some(evidence(1)), 2)]).unwrap();
    assert!(store.open_series().unwrap().is_empty(), "the same slice again is nothing new");
    store.record(&[file(2, Some(evidence(2)), 2)]).unwrap();
    assert_eq!(store.open_series().unwrap().len(), 1, "a collected slice was analysed");
    say(assessment(Verdict::NoneSuspected, false));
    store.record(&[file(3, Some(evidence(3)), 3)]).unwrap();
    assert_eq!(store.open_series().unwrap().len(), 1, "a late slice");
    store.close_series(&series).unwrap();
    assert!(store.open_series().unwrap().is_empty());
}

#[test]
fn a_row_that_cannot_be_read_is_an_error_that_names_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut odd = file(2, Some(evidence(2)), 0);
    // JSON has no NaN: it is written as null, and null is no number.
    odd.slices[0].header.header.pixel_spacing = [f64::NAN, 1.0];
    store.record(&[odd]).unwrap();
    assert!(matches!(store.open_series(), Err(StoreError::Row { table: "slices", .. })));
}

#[test]
fn rejected_files_are_listed_and_counted_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let scout = Fate::Excluded { code: "scout".into(), words: "ImageType says LOCALIZER".into() };
    store
        .record(&[
            quarantined(1, "pixel_data_cut", 1),
            quarantined(2, "bad_length", 2),
            quarantined(3, "bad_length", 3),
            FileRecord { fate: scout, ..quarantined(4, "", 4) },
            FileRecord { fate: Fate::Duplicate, ..quarantined(5, "", 5) },
        ])
        .unwrap();
    let counts = [("bad_length".to_owned(), 2), ("pixel_data_cut".to_owned(), 1)];
    assert_eq!(store.quarantined_counts().unwrap(), counts.into());
    assert_eq!(store.excluded_counts().unwrap(), [("scout".to_owned(), 1)].into());
    let listed = store.rejected(2).unwrap();
    assert_eq!(listed.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["scout", "bad_length"], "newest first");
    assert_eq!(listed[0].at, at(4));
}

#[test]
fn no_identifier_reaches_the_disk_unless_the_site_switched_it_on() {
    let holds_uid = |clear: Option<ClearIdentifiers>| {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let mut record = file(1, Some(evidence(1)), 0);
        record.slices[0].clear = clear;
        store.record(&[record]).unwrap();
        commit(&store, &keys().study(&Uid::new(STUDY_UID)), 0);
        let bytes: Vec<u8> =
            std::fs::read_dir(folder.path()).unwrap().flat_map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect();
        bytes.windows(STUDY_UID.len()).any(|window| window == STUDY_UID.as_bytes() || window == SERIES_UID.as_bytes())
    };
    assert!(!holds_uid(None));
    let clear = ClearIdentifiers {
        study_instance_uid: STUDY_UID.into(),
        series_instance_uid: SERIES_UID.into(),
        sop_instance_uid: format!("{SERIES_UID}.1"),
    };
    assert!(holds_uid(Some(clear)));
}

// ---- verdicts ------------------------------------------------------------------------------------------------------

#[test]
fn revisions_count_up_and_see_what_was_told_before_and_in_other_series() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (a, b) = (assessment(Verdict::Suspected, true), assessment(Verdict::NoneSuspected, false));
    let first = store
        .commit_verdict(&verdict("study", "s1", a.clone(), 1), |next| {
            assert_eq!((next.revision, &next.previous, next.series.len()), (1, &None, 1));
            tell(next)
        })
        .unwrap()
        .unwrap();
    assert_eq!((first.revision, first.event_id.as_str()), (1, "study-1"));
    let quiet = store.commit_verdict(&verdict("study", "s1", a.clone(), 2), |_| None).unwrap();
    assert_eq!(quiet, None, "nothing new is no revision");
    store
        .commit_verdict(&verdict("study", "s2", b.clone(), 3), |next| {
            let previous = next.previous.as_ref().unwrap();
            let told = (previous.event_id.as_str(), &previous.assessment, previous.committed_at);
            assert_eq!(told, ("study-1", &a, at(1)));
            let series: Vec<_> = next.series.iter().map(|s| (s.series_key.as_str(), &s.assessment)).collect();
            assert_eq!(series, [("s2", &b), ("s1", &a)], "the one given first, then the others");
            tell(next)
        })
        .unwrap();
    let latest = store.latest_verdict("study").unwrap().unwrap();
    assert_eq!((latest.revision, latest.supersedes.as_deref()), (2, Some("study-1")));
    commit(&store, "other", 4);
    let recent: Vec<_> = store.recent_verdicts(10).unwrap().into_iter().map(|v| v.event_id).collect();
    assert_eq!(recent, ["other-1", "study-2"]);
}

#[test]
fn the_first_acknowledgement_of_a_revision_stands() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    commit(&store, "study", 1);
    let ack = |revision, by: &str, second| store.acknowledge("study", revision, by, at(second)).unwrap();
    assert_eq!(ack(Some(7), "desk", 2), None, "no such revision");
    assert_eq!(store.acknowledge("nobody", None, "desk", at(2)).unwrap(), None);
    assert_eq!(ack(None, "desk", 2).unwrap().by, "desk");
    assert_eq!(ack(Some(1), "ward", 3).unwrap().by, "desk");
    assert_eq!(store.latest_verdict("study").unwrap().unwrap().acknowledged, Some(("desk".into(), at(2))));
    let mut trail = store.audit_trail(10).unwrap();
    trail.retain(|entry| entry.action == "acknowledge");
    assert_eq!(trail.len(), 1, "only what took effect");
    let entry = (trail[0].actor.as_str(), trail[0].action.as_str(), trail[0].subject.as_deref());
    assert_eq!(entry, ("desk", "acknowledge", Some("study-1")));
}

/// A study in which these levels are suspected.
fn commit_levels(store: &Store, levels: &[Level], second: i64) {
    let fracture_box = FractureBox { x: 1.0, y: 2.0, width: 3.0, height: 4.0, score: 0.9 };
    let finding = |level: &Level| Finding {
        level: *level,
        score: 0.9,
        best_slice: BestSlice {
            slice_key: "k".into(),
            instance_number: None,
            z_mm: 0.0,
            fracture_box,
            matrix: [512, 512],
        },
        z_range_mm: [0.0, 1.0],
        slices: 3,
    };
    let findings = levels.iter().map(finding).collect();
    let kind = if levels.is_empty() { Verdict::NoneSuspected } else { Verdict::Suspected };
    let assessment = Assessment { findings, ..assessment(kind, false) };
    store.commit_verdict(&verdict("study", "series", assessment, second), tell).unwrap();
}

#[test]
fn an_acknowledgement_holds_until_another_level_is_suspected() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let seen = || store.latest_verdict("study").unwrap().unwrap().acknowledged.map(|(by, _)| by);
    let open = || store.open_alerts().unwrap().into_iter().map(|alert| alert.event_id).collect::<Vec<_>>();
    commit_levels(&store, &[Level::C2], 1);
    assert_eq!(open(), ["study-1-alert"]);
    store.acknowledge("study", None, "desk", at(2)).unwrap();
    assert!(open().is_empty());
    commit_levels(&store, &[Level::C2], 3);
    assert_eq!((seen().as_deref(), open().len()), (Some("desk"), 0), "the same levels: still acknowledged");
    commit_levels(&store, &[Level::C2, Level::C5], 4);
    assert_eq!((seen(), open()), (None, vec!["study-3-alert".to_owned()]), "C5 wants its own");
    commit_levels(&store, &[], 5);
    assert!(open().is_empty(), "retracted");
}

#[test]
fn the_message_that_tells_an_acknowledgement_is_recorded_with_it_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    commit_levels(&store, &[Level::C2], 1);
    let give = |by| {
        let given =
            GivenAcknowledgement { study_key: "study", revision: None, by, note: Some("on our way"), at: at(2) };
        store.acknowledge_with(&given, |told, _| {
            Some(message(&format!("{}-acknowledged", told.event_id), "acknowledged/study", MessagePriority::Other))
        })
    };
    assert_eq!(give("desk").unwrap().unwrap().by, "desk");
    assert_eq!(give("ward").unwrap().unwrap().by, "desk");
    assert_eq!(waiting(&store).iter().filter(|id| *id == "study-1-acknowledged").count(), 1);
    let trail = store.audit_trail(2).unwrap();
    let told: Vec<_> = trail.iter().map(|entry| (entry.action.as_str(), entry.detail.as_deref().unwrap())).collect();
    assert_eq!(told, [("message_queued", "acknowledged/study"), ("acknowledge", "on our way")]);
}

#[test]
fn an_alert_is_sent_again_once_with_its_mark_and_its_entry_and_a_restart_knows() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    commit_levels(&store, &[Level::C2], 1);
    let first = store.open_alerts().unwrap().remove(0);
    assert!(!first.delivered, "it is still in the outbox");
    store.outbox_sent(&["study-1-alert"], at(0)).unwrap();
    store.note_waited("study-1-alert", Duration::from_secs(42)).unwrap();
    drop(store);
    let store = open(folder.path());
    let standing = store.open_alerts().unwrap().remove(0);
    assert_eq!((standing.delivered, standing.waited, standing.sent_again), (true, Duration::from_secs(42), 0));

    let again = message("study-1-alert-2", "alert/study", MessagePriority::Alert);
    assert!(store.send_again(&standing, &again, at(9)).unwrap());
    assert!(!store.send_again(&standing, &again, at(9)).unwrap(), "that one is superseded");
    let marked = store.open_alerts().unwrap().remove(0);
    assert_eq!((marked.event_id.as_str(), marked.sent_again, marked.delivered), ("study-1-alert-2", 1, false));
    assert_eq!(marked.waited, Duration::ZERO);
    assert!(waiting(&store).contains(&"study-1-alert-2".to_owned()));
    let entry = store.audit_trail(1).unwrap().remove(0);
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("device", "alert_sent_again"));

    store.acknowledge("study", Some(1), "desk", at(10)).unwrap();
    assert!(!store.send_again(&marked, &again, at(11)).unwrap(), "acknowledged meanwhile");
}

#[test]
fn the_urgency_of_an_alert_outlives_its_revision_but_not_its_study() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    commit_levels(&store, &[Level::C2], 1);
    let first = store.open_alerts().unwrap().remove(0);
    store.send_again(&first, &message("study-1-alert-2", "alert/study", MessagePriority::Alert), at(2)).unwrap();
    commit_levels(&store, &[Level::C2, Level::C5], 3);
    assert_eq!(store.open_alerts().unwrap()[0].sent_again, 1);
    for id in waiting(&store) {
        store.outbox_sent(&[&id], at(0)).unwrap();
    }
    while let Some(id) = waiting(&store).first() {
        store.outbox_sent(&[id], at(0)).unwrap();
    }
    let forget = Retention { records: Duration::ZERO, ..Retention::default() };
    store.purge(&forget, at(4000), &|_| false).unwrap();
    assert!(store.latest_verdict("study").unwrap().is_none() && store.open_alerts().unwrap().is_empty());
}

// ---- outbox --------------------------------------------------------------------------------------------------------

#[test]
fn alerts_leave_first_and_the_revisions_of_a_topic_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for study in ["a", "b", "a"] {
        commit(&store, study, 0);
    }
    assert_eq!(waiting(&store), ["a-1-alert", "b-1-alert", "a-1", "b-1"], "a-2 waits for a-1 in both of its topics");
    let held: Vec<_> = store.outbox_next(2, &["a-1-alert"]).unwrap().into_iter().map(|r| r.message.event_id).collect();
    assert_eq!(held, ["b-1-alert", "a-1"], "what is held holds up its topic only");
    store.outbox_sent(&["a-1-alert"], at(0)).unwrap();
    store.outbox_sent(&["a-1-alert"], at(0)).unwrap();
    assert_eq!(waiting(&store)[..2], ["b-1-alert", "a-2-alert"]);
    let row = store.outbox_next(1, &[]).unwrap().remove(0);
    assert_eq!(row.message, message("b-1-alert", "alert/b", MessagePriority::Alert), "as it was committed");
    assert_eq!(store.queue_depth().unwrap().waiting, 5);
}

#[test]
fn a_refused_message_is_given_up_kept_shown_and_tried_again_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    commit(&store, "a", 0);
    commit(&store, "a", 0);
    assert!(!store.outbox_refused("a-1-alert", "not authorized", 2, at(0)).unwrap());
    assert_eq!(store.outbox_next(1, &[]).unwrap()[0].attempts, 1);
    assert!(store.outbox_refused("a-1-alert", "not authorized", 2, at(0)).unwrap());
    assert_eq!(waiting(&store)[0], "a-2-alert", "what waited behind it goes");
    let depth = store.queue_depth().unwrap();
    assert_eq!((depth.waiting, depth.dead, depth.refused), (3, 1, 1));
    assert_eq!(store.dead_letters(9).unwrap()[0].reason, "not authorized");
    assert!(!store.outbox_refused("unknown", "x", 1, at(0)).unwrap());
    assert_eq!(store.outbox_revive().unwrap(), 0, "a-2-alert waits: it supersedes the first");
    assert!(store.outbox_refused("a-2-alert", "not authorized", 1, at(0)).unwrap());
    assert_eq!(store.outbox_revive().unwrap(), 1, "the newest of its topic");
    let first = store.outbox_next(1, &[]).unwrap().remove(0);
    assert_eq!((first.message.event_id.as_str(), first.attempts), ("a-2-alert", 1));
    assert_eq!(store.queue_depth().unwrap().refused, 2, "that it was refused is still known");
}

#[test]
fn what_was_given_up_is_never_sent_after_a_newer_message_of_its_topic() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for study in ["a", "a", "b"] {
        commit(&store, study, 0);
    }
    for id in ["a-1-alert", "b-1-alert", "a-1"] {
        assert!(store.outbox_refused(id, "quota_exceeded", 1, at(0)).unwrap());
    }
    assert_eq!(store.outbox_sent(&["a-2-alert"], at(0)).unwrap(), 1, "a-1-alert is superseded, b's alert is not");
    assert_eq!(store.outbox_revive().unwrap(), 1, "a-1 waits behind a-2, which is newer");
    assert_eq!(waiting(&store), ["b-1-alert", "a-2", "b-1"]);
    assert_eq!(store.outbox_sent(&["a-2"], at(0)).unwrap(), 1);
    let dead: Vec<_> = store.dead_letters(9).unwrap().into_iter().map(|letter| letter.event_id).collect();
    assert_eq!(dead, [""; 0], "nothing of a is left");
}

#[tokio::test]
async fn a_commit_wakes_whoever_drains_the_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let woken = store.outbox_committed();
    commit(&store, "a", 0);
    tokio::time::timeout(Duration::from_secs(5), woken.notified()).await.expect("the wake-up is not lost");
}

// ---- retention -----------------------------------------------------------------------------------------------------

fn retention() -> Retention {
    Retention { evidence: DAY, records: 10 * DAY, max_files: 1000 }
}

#[test]
fn retention_never_takes_unsent_messages_open_series_or_files_that_are_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let study = keys().study(&Uid::new(STUDY_UID));
    store.record(&[file(1, Some(evidence(1)), 0), file(2, Some(evidence(2)), 0)]).unwrap();
    commit(&store, "unsent", 0);
    let years = at(400 * 86_400);
    let purged = store.purge(&retention(), years, &|fingerprint| fingerprint == "fingerprint-1").unwrap();
    assert_eq!((purged.slices, purged.verdicts, purged.files), (0, 0, 1));
    assert_eq!(store.open_series().unwrap()[0].slices.len(), 2, "an open series keeps its slices");
    assert_eq!(waiting(&store).len(), 2, "unsent");
    assert!(store.latest_verdict("unsent").unwrap().is_some(), "and with them what they tell of");
    assert!(store.file_known("fingerprint-1").unwrap(), "or the old folder would be analysed as new");
    assert!(!store.file_known("fingerprint-2").unwrap());

    for id in waiting(&store) {
        store.outbox_sent(&[&id], at(0)).unwrap();
    }
    let last = verdict(&study, &keys().series(&Uid::new(SERIES_UID)), assessment(Verdict::NoneSuspected, false), 0);
    store.commit_verdict(&last, |_| None).unwrap();
    let purged = store.purge(&retention(), years, &|_| false).unwrap();
    assert_eq!((purged.slices, purged.verdicts, purged.files, purged.series), (2, 1, 1, 2));
    assert_eq!(store.latest_verdict("unsent").unwrap(), None);
}

#[test]
fn retention_by_rows_drops_the_oldest_and_by_age_keeps_what_is_young() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..10 {
        store.record(&[quarantined(n, "x", i64::from(n))]).unwrap();
    }
    let purged = store.purge(&Retention { max_files: 7, ..retention() }, at(20), &|_| false).unwrap();
    assert_eq!(purged.files, 3);
    assert!(!store.file_known("bad-2").unwrap() && store.file_known("bad-3").unwrap());
    assert_eq!(store.purge(&retention(), at(20), &|_| false).unwrap().files, 0);
}

#[test]
fn purging_gives_the_space_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for batch in 0..20 {
        let files: Vec<_> = (0..100).map(|n| file(batch * 100 + n, Some(evidence(batch * 100 + n)), 0)).collect();
        store.record(&files).unwrap();
    }
    let (study, series) = (keys().study(&Uid::new(STUDY_UID)), keys().series(&Uid::new(SERIES_UID)));
    let last = verdict(&study, &series, assessment(Verdict::NoneSuspected, false), 0);
    store.commit_verdict(&last, |_| None).unwrap();
    let before = store.bytes_on_disk();
    store.purge(&retention(), at(400 * 86_400), &|_| false).unwrap();
    let after = store.bytes_on_disk();
    assert!(after < before / 4, "{before} -> {after} bytes");
}

/// `cargo test --test store -- --ignored --nocapture measure` prints what a commit costs on this disk.
#[test]
#[ignore = "a measurement"]
fn measure_commits() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let store = open(folder.path());
    let started = std::time::Instant::now();
    for n in 0..200 {
        commit(&store, &format!("study{n}"), 0);
    }
    let verdicts = started.elapsed() / 200;
    let sent = waiting(&store);
    let started = std::time::Instant::now();
    for id in &sent {
        store.outbox_sent(&[id], at(0)).unwrap();
    }
    let acknowledged = started.elapsed() / u32::try_from(sent.len()).unwrap();
    let started = std::time::Instant::now();
    for n in 0..200 {
        store.record(&[file(n, Some(evidence(n)), 0)]).unwrap();
    }
    let slices = started.elapsed() / 200;
    let files: Vec<_> = (200..20_200).map(|n| file(n, Some(evidence(n)), 0)).collect();
    let started = std::time::Instant::now();
    files.chunks(50).for_each(|chunk| store.record(chunk).unwrap());
    let batched = started.elapsed() / 20_000;
    let megabytes = store.bytes_on_disk() >> 20;
    drop(store);
    let started = std::time::Instant::now();
    let store = open(folder.path());
    let opened = started.elapsed();
    let started = std::time::Instant::now();
    let slices_loaded = store.open_series().unwrap()[0].slices.len();
    println!(
        "verdict with two messages {verdicts:?}; message acknowledged {acknowledged:?}; slice alone {slices:?}, in batches of 50 {batched:?} each; \
         open and check {megabytes} MB {opened:?}; load {slices_loaded} slices {:?}",
        started.elapsed()
    );
}
