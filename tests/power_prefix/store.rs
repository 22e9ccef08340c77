//! Cuts while verdicts are committed, messages acknowledged and old records purged: the database opens, no verdict that
//! was told is gone, no message that still has to leave is gone, none that has left comes back, the audit chain holds.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use spinewatch::dicom::{SliceHeader, Uid};
use spinewatch::store::{
    AuditFile, Fate, FileRecord, Head, Keys, MessagePriority, MessageProperties, NextRevision, OutboxMessage,
    Retention, SecretOrigin, SeriesVerdict, SliceRecord, Store, Told,
};
use spinewatch::triage::{Assessment, Completeness, Coverage, Evidence, Level, Verdict};

use crate::disk::lay;
use crate::replay::{Before, Flaw, Tally, replay};
use crate::trace::{Op, can_record, record};

const WRITER: &str = "SPINEWATCH_TEST_RECORDED";
const DAY: i64 = 86_400;
const DATABASE: &str = "spinewatch.db";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

// what is recorded

fn slice(keys: &Keys, study: u32, n: u32) -> SliceRecord {
    let uid = |n: u32| Uid::new(&format!("1.2.840.{study}.{n}"));
    let header = SliceHeader {
        study_instance_uid: uid(0),
        series_instance_uid: uid(1),
        sop_instance_uid: uid(100 + n),
        frame: 0,
        rows: 512,
        columns: 512,
        pixel_spacing: [0.4, 0.4],
        image_position_patient: [-99.8, -151.3, -0.6 * f64::from(n)],
        image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        slice_thickness: Some(0.6),
        instance_number: i32::try_from(n).ok(),
        expected_slices: None,
        image_type: vec!["ORIGINAL".into(), "PRIMARY".into(), "AXIAL".into()],
    };
    let evidence = Evidence {
        slice_key: keys.slice(&uid(100 + n), 0),
        instance_number: i32::try_from(n).ok(),
        z_mm: -0.6 * f64::from(n),
        matrix: [512, 512],
        vertebrae: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
        boxes: vec![],
    };
    SliceRecord { header: keys.pseudonymise(header), evidence: Some(evidence), clear: None }
}

fn assessment(verdict: Verdict, provisional: bool) -> Assessment {
    Assessment {
        verdict,
        provisional,
        completeness: if provisional { Completeness::Receiving } else { Completeness::Quiet },
        findings: vec![],
        vertebrae: [0.1; 7],
        coverage: Coverage {
            levels_seen: Level::ALL.to_vec(),
            slices_analysed: 300,
            slices_missing: 0,
            slices_unreadable: 0,
            gaps: vec![],
            extent_mm: 187.3,
        },
        missing: vec![],
    }
}

fn message(event_id: &str, topic: String, priority: MessagePriority) -> OutboxMessage {
    OutboxMessage {
        event_id: event_id.into(),
        topic,
        payload: vec![b'x'; 600],
        properties: MessageProperties { content_type: "application/json".into(), ..MessageProperties::default() },
        retain: true,
        expiry_secs: Some(60),
        priority,
    }
}

/// The id of the alert beside a verdict.
fn alert_of(event_id: &str) -> String {
    format!("{event_id}-alert")
}

fn commit(store: &Store, study: &str, provisional: bool, second: i64) -> String {
    let assessment = assessment(Verdict::Suspected, provisional);
    let verdict =
        SeriesVerdict { study_key: study.into(), series_key: format!("series of {study}"), assessment, at: at(second) };
    let tell = |next: &NextRevision| {
        let messages = vec![
            message(&next.event_id, format!("triage/{study}"), MessagePriority::Verdict),
            message(&alert_of(&next.event_id), format!("alert/{study}"), MessagePriority::Alert),
        ];
        Some(Told { assessment: next.series[0].assessment.clone(), messages, result: None })
    };
    store.commit_verdict(&verdict, tell).unwrap().unwrap().event_id
}

/// The next messages go to a broker that acknowledges them.
fn send(store: &Store, most: usize, second: i64) {
    let rows = store.outbox_next(most, &[]).unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.message.event_id.as_str()).collect();
    println!("\nsending {}", ids.join(" "));
    store.outbox_sent(&ids, at(second)).unwrap();
    println!("\nsent {}", ids.join(" "));
}

fn study(store: &Store, keys: &Keys, number: u32, second: i64) {
    let name = format!("study{number}");
    for (half, provisional) in [(0, true), (1, false)] {
        let files: Vec<FileRecord> = (half * 3..half * 3 + 3)
            .map(|n| FileRecord {
                fingerprint: format!("fingerprint-{number}-{n}"),
                content_digest: [u8::try_from(n).unwrap(); 32],
                fate: Fate::Accepted,
                series_key: Some(keys.series(&Uid::new(&format!("1.2.840.{number}.1")))),
                slices: vec![slice(keys, number, n)],
                at: at(second),
            })
            .collect();
        store.record(&files).unwrap();
        let event_id = commit(store, &name, provisional, second);
        println!("\ncommitted {event_id}");
    }
    println!("\nhead {}", store.audit_head().unwrap().unwrap());
}

/// Not a test of its own: the process whose writes are recorded.
#[test]
fn writer_whose_writes_are_recorded() {
    let Some(folder) = std::env::var_os(WRITER) else { return };
    let folder = Path::new(&folder);
    let keys = Keys::open(folder).unwrap();
    println!("\nsecret {}", keys.path("the same as before"));
    if folder.join(DATABASE).exists() {
        return second_life(folder, &keys);
    }
    {
        let (store, _) = Store::open(&folder.join(DATABASE), at(0)).unwrap();
        for number in 0..4 {
            study(&store, &keys, number, i64::from(number));
            send(&store, 3, i64::from(number));
        }
        store.acknowledge("study1", None, "clinic", at(5)).unwrap();
        println!("\nacknowledged study1");
        // all of the first two studies leave; of the others some stay, and what stays keeps its verdict
        while store.undelivered().unwrap().keys().any(|id| id.starts_with("study0") || id.starts_with("study1")) {
            send(&store, 2, 6);
        }
        println!("\npurging");
        store.purge(&Retention::default(), at(200 * DAY), &|_| false).unwrap();
        println!("\npurged");
        study(&store, &keys, 4, 200 * DAY);
        send(&store, 4, 200 * DAY);
    }
    let (store, _) = Store::open(&folder.join(DATABASE), at(201 * DAY)).unwrap();
    study(&store, &keys, 5, 201 * DAY);
    send(&store, 100, 201 * DAY);
    drop(store);
    println!("\nclosed");
}

/// After a cut: what it left is recovered, and the work goes on.
fn second_life(folder: &Path, keys: &Keys) {
    let (store, _) = Store::open(&folder.join(DATABASE), at(7)).unwrap();
    println!("\nrecovered");
    study(&store, keys, 6, 7);
    send(&store, 3, 7);
    println!("\npurging");
    store.purge(&Retention::default(), at(200 * DAY), &|_| false).unwrap();
    study(&store, keys, 7, 200 * DAY);
    println!("\nclosing");
}

// what is promised

/// The promises of the lines before a cut.
#[derive(Default)]
struct Promises {
    secret: Option<String>,
    /// Event ids of verdicts, oldest first; those before the purge may be gone with their messages.
    committed: Vec<String>,
    before_purge: BTreeSet<String>,
    sending: BTreeSet<String>,
    sent: BTreeSet<String>,
    acknowledged: bool,
    head: Option<Head>,
}

impl Promises {
    fn of(said: &[String]) -> Self {
        let mut promises = Self::default();
        let ids = |rest: &str| rest.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in said {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("secret", digest) => promises.secret = Some(digest.to_owned()),
                ("committed", id) => promises.committed.push(id.to_owned()),
                ("sending", rest) => promises.sending.extend(ids(rest)),
                ("sent", rest) => promises.sent.extend(ids(rest)),
                ("acknowledged", _) => promises.acknowledged = true,
                ("purging", _) => promises.before_purge = promises.committed.iter().cloned().collect(),
                ("head", head) => promises.head = Some(head.parse().unwrap()),
                _ => {}
            }
        }
        promises
    }

    /// A verdict may be forgotten when it is old and nothing of its study waits.
    fn may_be_forgotten(&self, id: &str, waiting: &BTreeSet<String>) -> bool {
        let study = id.rsplit_once('-').unwrap().0;
        self.before_purge.contains(id) && !waiting.iter().any(|id| id.starts_with(&format!("{study}-")))
    }
}

fn lost(why: String) -> Result<(), Flaw> {
    Err(Flaw::Lost(why))
}

/// Opens what a cut has left as a start does, and holds it against what was promised.
fn check(folder: &Path, said: &[String]) -> Result<(), Flaw> {
    let promises = Promises::of(said);
    let brick = |error: spinewatch::store::StoreError| Flaw::Brick(error.to_string());
    let keys = Keys::open(folder).map_err(brick)?;
    let known = keys.path("the same as before");
    match (&promises.secret, keys.origin()) {
        (Some(secret), SecretOrigin::Loaded) if *secret == known => {}
        (None, SecretOrigin::Loaded | SecretOrigin::Created) => {}
        (_, origin) => return lost(format!("the device's secret is another: {origin:?}")),
    }
    let database = folder.join(DATABASE);
    let (store, report) = Store::open(&database, at(300 * DAY)).map_err(brick)?;
    if let Some(aside) = report.set_aside {
        return Err(Flaw::Brick(format!("set aside: {}", aside.reason)));
    }
    // the latest revision of each study stands for those before it
    let latest = store.recent_verdicts(1000).map_err(brick)?;
    let told: BTreeSet<String> = latest
        .iter()
        .flat_map(|told| (1..=told.revision).map(|revision| format!("{}-{revision}", told.study_key)))
        .collect();
    let waiting = drain(&store)?;
    verdicts(&promises, &told, &waiting)?;
    messages(&promises, &told, &waiting)?;
    if promises.acknowledged && told.contains("study1-2") {
        let latest = store.latest_verdict("study1").map_err(brick)?;
        if latest.is_none_or(|told| told.acknowledged.is_none()) {
            return lost("the acknowledgement is gone".into());
        }
    }
    goes_on(&store, &promises, &waiting)?;
    drop(store);
    let trail = AuditFile::open(&database).map_err(|error| Flaw::Brick(error.to_string()))?;
    match trail.verify(promises.head).map_err(brick)? {
        Ok(_) => Ok(()),
        Err(broken) => lost(format!("audit trail: {broken}")),
    }
}

fn verdicts(promises: &Promises, told: &BTreeSet<String>, waiting: &BTreeSet<String>) -> Result<(), Flaw> {
    let gone = promises.committed.iter().find(|id| !told.contains(*id) && !promises.may_be_forgotten(id, waiting));
    gone.map_or(Ok(()), |id| lost(format!("verdict {id} was told committed and is gone")))
}

fn messages(promises: &Promises, told: &BTreeSet<String>, waiting: &BTreeSet<String>) -> Result<(), Flaw> {
    for id in &promises.committed {
        for message in [id.clone(), alert_of(id)] {
            if !promises.sending.contains(&message) && !waiting.contains(&message) {
                return lost(format!("message {message} has not left and is gone"));
            }
        }
    }
    if let Some(again) = waiting.iter().find(|id| promises.sent.contains(*id)) {
        return lost(format!("message {again} was acknowledged and would be told again"));
    }
    // of a verdict whose commit was cut, both messages are there; of one whose verdict is not there, none
    let half = told
        .iter()
        .filter(|id| !promises.committed.contains(id))
        .find(|id| !waiting.contains(*id) || !waiting.contains(&alert_of(id)));
    if let Some(id) = half {
        return lost(format!("verdict {id} stands without its messages"));
    }
    let orphan = waiting.iter().find(|id| !told.contains(id.trim_end_matches("-alert")));
    orphan.map_or(Ok(()), |id| lost(format!("message {id} waits without its verdict")))
}

/// Sends all that waits; gives what that was, each once.
fn drain(store: &Store) -> Result<BTreeSet<String>, Flaw> {
    let brick = |error: spinewatch::store::StoreError| Flaw::Brick(error.to_string());
    let mut left = BTreeSet::new();
    loop {
        let rows = store.outbox_next(100, &[]).map_err(brick)?;
        if rows.is_empty() {
            return Ok(left);
        }
        let ids: Vec<&str> = rows.iter().map(|row| row.message.event_id.as_str()).collect();
        store.outbox_sent(&ids, at(301 * DAY)).map_err(brick)?;
        for id in ids {
            if !left.insert(id.to_owned()) {
                return Err(Flaw::Lost(format!("message {id} waits twice")));
            }
        }
    }
}

/// A new verdict has an id that was never used, and its messages are all that leaves after it.
fn goes_on(store: &Store, promises: &Promises, waited: &BTreeSet<String>) -> Result<(), Flaw> {
    let newest = promises.committed.last().map_or("study9", |id| id.rsplit_once('-').unwrap().0).to_owned();
    let event_id = commit(store, &newest, false, 301 * DAY);
    if promises.committed.contains(&event_id) || waited.contains(&event_id) {
        return lost(format!("{event_id} is told twice, for two verdicts"));
    }
    let left = drain(store)?;
    let expected = BTreeSet::from([alert_of(&event_id), event_id]);
    if left == expected { Ok(()) } else { lost(format!("left: {left:?}, committed: {expected:?}")) }
}

#[test]
fn a_cut_at_any_write_of_the_store_loses_no_verdict_and_tells_none_twice() {
    if let Err(word) = can_record() {
        println!("{word}");
        return;
    }
    let first = crate::device::scratch();
    let ops = life(first.path());
    whole("store", &ops, &replay(Before::nothing(), &ops, crate::careless(300), 4, check));
    check(first.path(), &said(&ops)).expect("what was recorded keeps its promises without a cut");

    // the power goes as old records are about to be purged, comes, and goes again
    let before = Before::line(&ops, "purging");
    let second = crate::device::scratch();
    lay(&before.image, second.path());
    let ops = life(second.path());
    whole("store, cut a second time", &ops, &replay(before, &ops, crate::careless(100), 6, check));
}

/// A writer's life, recorded.
fn life(folder: &Path) -> Vec<Op> {
    let writer = std::env::current_exe().unwrap();
    let arguments = ["--exact", "store::writer_whose_writes_are_recorded", "--nocapture", "--test-threads=1"];
    record(folder, &writer, &arguments, &[(WRITER, folder.to_str().unwrap())])
}

/// Nothing is broken, and there was something to break.
fn whole(what: &str, ops: &[Op], tally: &Tally) {
    println!("{what}: {} lines, {} operations: {tally}", said(ops).len(), ops.len());
    assert!(tally.bricks.is_empty(), "{:#?}", tally.bricks);
    assert!(tally.lost.is_empty(), "{:#?}", tally.lost);
    assert!(tally.in_order > 200, "the recording is too short to prove anything: {tally}");
}

fn said(ops: &[Op]) -> Vec<String> {
    let line = |op: &Op| if let Op::Said(line) = op { Some(line.clone()) } else { None };
    ops.iter().filter_map(line).collect()
}

#[test]
fn a_promise_that_is_broken_is_found() {
    let broken = |lines: &[&str]| {
        let folder = crate::device::scratch();
        let (store, _) = Store::open(&folder.path().join(DATABASE), at(0)).unwrap();
        commit(&store, "study0", true, 0);
        drop(store);
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        match check(folder.path(), &lines) {
            Err(Flaw::Lost(why)) => why,
            other => panic!("{lines:?}: {other:?}"),
        }
    };
    assert!(broken(&["sent study0-1"]).ends_with("would be told again"));
    assert!(broken(&["committed study0-2"]).ends_with("study0-2 was told committed and is gone"));
    assert!(broken(&["secret 00"]).starts_with("the device's secret is another"));
    assert!(broken(&[&format!("head 2:{}", "ab".repeat(32))]).starts_with("audit trail"));
}
