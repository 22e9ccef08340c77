//! From a committed verdict to the folder: nothing lost, nothing doubled, whatever the folder does.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use spinewatch::config::ResultFormat;
use spinewatch::dicom::{SliceHeader, Uid};
use spinewatch::results::{Folder, Writer, samples};
use spinewatch::store::{
    ClearIdentifiers, Fate, FileRecord, Keys, ResultToWrite, SeriesVerdict, SliceRecord, Store, Told,
};
use spinewatch::triage::{Assessment, Completeness, Coverage, Verdict};

use super::documents::FORMATS;

const DAY: Duration = Duration::from_secs(86_400);

fn at(hour: i8) -> Timestamp {
    format!("2026-01-02T{hour:02}:00:00Z").parse().unwrap()
}

fn open(dir: &Path) -> Store {
    Store::open(&dir.join("s.db"), at(0)).unwrap().0
}

fn writer(store: &Store, folder: &Path, formats: &[ResultFormat]) -> Writer {
    Writer::new(store.clone(), Folder::new(folder.to_owned()), formats.to_vec(), 30 * DAY)
}

fn assessment() -> Assessment {
    Assessment {
        verdict: Verdict::Suspected,
        provisional: false,
        completeness: Completeness::Quiet,
        findings: vec![],
        vertebrae: [0.0; 7],
        coverage: Coverage {
            levels_seen: vec![],
            slices_analysed: 1,
            slices_missing: 0,
            slices_unreadable: 0,
            gaps: vec![],
            extent_mm: 1.0,
        },
        missing: vec![],
    }
}

/// Commits the next revision of study `key` with what its documents are made of.
fn commit(store: &Store, key: &str, result: &spinewatch::results::StudyResult, at: Timestamp) -> String {
    let verdict = SeriesVerdict { study_key: key.into(), series_key: format!("{key}-s"), assessment: assessment(), at };
    let tell = |next: &spinewatch::store::NextRevision| {
        let mut told = result.told.clone();
        told.event_id.clone_from(&next.event_id);
        told.revision = next.revision;
        told.supersedes = next.previous.as_ref().map(|told| told.event_id.clone());
        let slices = told.findings.iter().map(|finding| finding.best_slice.slice_key.clone()).collect();
        let picture = result.picture.as_ref().map(|image| (image.slice_key.clone(), image.grey.clone()));
        let result = ResultToWrite { told: serde_json::to_string(&told).unwrap(), slices, picture };
        Some(Told { assessment: assessment(), messages: vec![], result: Some(result) })
    };
    store.commit_verdict(&verdict, tell).unwrap().unwrap().event_id
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_committed_before_a_power_cut_is_written_after_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("results");
    let store = open(dir.path());
    commit(&store, "k", &samples::suspected(), at(1));
    commit(&store, "k", &samples::withdrawn(), at(2));
    drop(store);
    let store = open(dir.path());
    let outcome = writer(&store, &folder, &FORMATS).write(at(3)).unwrap();
    assert_eq!((outcome.written, outcome.fault), (8, None));
    let expected: Vec<String> = ["k-1", "k-2"]
        .iter()
        .flat_map(|id| ["fhir.json", "hl7", "sc.dcm", "sr.dcm"].map(|extension| format!("{id}.{extension}")))
        .collect();
    assert_eq!(names(&folder), expected);
    // a gateway takes them away; another restart brings none of them back
    expected.iter().for_each(|name| std::fs::remove_file(folder.join(name)).unwrap());
    drop(store);
    assert_eq!(writer(&open(dir.path()), &folder, &FORMATS).write(at(4)).unwrap().written, 0);
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn a_cut_between_file_and_mark_writes_the_same_bytes_again() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, other) = (dir.path().join("results"), dir.path().join("other"));
    let store = open(dir.path());
    commit(&store, "k", &samples::suspected(), at(1));
    // what a process that is cut off before the mark has left behind: a whole file, and half of another
    let pending = store.pending_results(1).unwrap().remove(0);
    let result = spinewatch::results::StudyResult::recalled(pending).unwrap();
    let written = spinewatch::results::document(&result, ResultFormat::DicomSr).unwrap().unwrap();
    Folder::new(folder.clone()).write("k-1.sr.dcm", &written).unwrap();
    std::fs::write(folder.join(".k-1.hl7.partial"), "MSH|").unwrap();
    writer(&store, &folder, &FORMATS).write(at(2)).unwrap();
    assert_eq!(std::fs::read(folder.join("k-1.sr.dcm")).unwrap(), written);
    assert_eq!(names(&folder), ["k-1.fhir.json", "k-1.hl7", "k-1.sc.dcm", "k-1.sr.dcm"]);
    assert!(!other.exists());
}

#[test]
fn a_folder_that_fails_is_a_fault_and_nothing_is_lost_or_out_of_order() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("results");
    let store = open(dir.path());
    std::fs::write(&folder, "a file in the folder's place").unwrap();
    let first = commit(&store, "k", &samples::suspected(), at(1));
    commit(&store, "l", &samples::not_analysed(), at(1));
    let writer = writer(&store, &folder, &[ResultFormat::Hl7]);
    let outcome = writer.write(at(2)).unwrap();
    assert!(outcome.is_stuck && outcome.written == 0);
    let fault = outcome.fault.unwrap();
    assert!(fault.contains("results: ") && !fault.contains("os error"), "{fault}");
    let waiting: Vec<String> = store.pending_results(9).unwrap().into_iter().map(|pending| pending.event_id).collect();
    assert_eq!(waiting, [first, "l-1".into()]);
    std::fs::remove_file(&folder).unwrap();
    let outcome = writer.write(at(3)).unwrap();
    assert_eq!((outcome.written, outcome.is_stuck, outcome.fault), (2, false, None));
    assert_eq!(names(&folder), ["k-1.hl7", "l-1.hl7"]);
}

/// A file system of two pages.
struct Full(std::path::PathBuf);

impl Full {
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir(folder).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8k", "results"]).arg(folder).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_in_words_and_leaves_no_half_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("results");
    let Some(_full) = Full::mount(&folder) else {
        return println!("skipped: a file system can be mounted by root only");
    };
    let store = open(dir.path());
    commit(&store, "k", &samples::suspected(), at(1));
    let outcome = writer(&store, &folder, &[ResultFormat::Hl7, ResultFormat::Fhir]).write(at(2)).unwrap();
    assert!(outcome.fault.unwrap().ends_with("no space left on device"));
    assert_eq!(names(&folder), ["k-1.hl7"]);
    assert_eq!(store.pending_results(9).unwrap().len(), 1, "it still waits");
}

#[test]
fn a_document_that_cannot_be_made_is_told_and_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("results");
    let store = open(dir.path());
    commit(&store, "k", &samples::hashed(samples::suspected()), at(1));
    let outcome = writer(&store, &folder, &FORMATS).write(at(2)).unwrap();
    assert!(outcome.fault.unwrap().contains("StudyInstanceUID"));
    assert!(!outcome.is_stuck);
    assert_eq!(names(&folder), ["k-1.fhir.json", "k-1.hl7"]);
    assert_eq!(writer(&store, &folder, &FORMATS).write(at(3)).unwrap().fault, None, "not tried again for ever");
}

#[test]
fn what_nobody_took_is_removed_after_the_retention_and_only_that() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("results");
    let store = open(dir.path());
    commit(&store, "k", &samples::suspected(), at(1));
    let writer = writer(&store, &folder, &FORMATS);
    writer.write(at(1)).unwrap();
    std::fs::write(folder.join("of-somebody-else.hl7"), "x").unwrap();
    writer.remove_old(at(2) + 29 * DAY).unwrap();
    assert_eq!(names(&folder).len(), 5);
    writer.remove_old(at(2) + 30 * DAY).unwrap();
    assert_eq!(names(&folder), ["of-somebody-else.hl7"]);
    assert_eq!(store.old_results(at(2) + 99 * DAY, 9).unwrap(), [""; 0]);
}

#[test]
fn the_uids_of_the_best_slice_and_of_its_frame_come_out_of_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let keys = Keys::from_secret([7; 32]);
    let slice = |instance: &str, frame: u32| {
        let header = SliceHeader {
            study_instance_uid: Uid::new("1.2.3"),
            series_instance_uid: Uid::new("1.2.3.4"),
            sop_instance_uid: Uid::new(instance),
            frame,
            rows: 512,
            columns: 512,
            pixel_spacing: [0.4; 2],
            image_position_patient: [0.0, 0.0, f64::from(frame)],
            image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            slice_thickness: None,
            instance_number: None,
            expected_slices: None,
            image_type: vec![],
        };
        let clear = ClearIdentifiers {
            study_instance_uid: "1.2.3".into(),
            series_instance_uid: "1.2.3.4".into(),
            sop_instance_uid: instance.into(),
        };
        SliceRecord { header: keys.pseudonymise(header), evidence: None, clear: Some(clear) }
    };
    let slices = vec![slice("1.2.3.4.5", 0), slice("1.2.3.4.6", 0), slice("1.2.3.4.6", 1)];
    let slice_keys: Vec<String> = slices.iter().map(|slice| slice.header.slice_key.clone()).collect();
    let study_key = keys.study(&Uid::new("1.2.3"));
    let record = FileRecord {
        fingerprint: "f".into(),
        content_digest: [0; 32],
        fate: Fate::Collected,
        series_key: Some(keys.series(&Uid::new("1.2.3.4"))),
        slices,
        at: at(1),
    };
    store.record(&[record]).unwrap();
    let mut result = samples::hashed(samples::suspected());
    result.told.findings[0].best_slice.slice_key.clone_from(&slice_keys[0]);
    result.told.findings[1].best_slice.slice_key.clone_from(&slice_keys[2]);
    commit(&store, &study_key, &result, at(2));
    let pending = store.pending_results(1).unwrap().remove(0);
    assert_eq!(pending.study_instance_uid.as_deref(), Some("1.2.3"));
    let told: Vec<_> = pending.sources.iter().map(|s| (s.sop_instance_uid.as_str(), s.frame)).collect();
    assert_eq!(told, [("1.2.3.4.5", None), ("1.2.3.4.6", Some(1))]);
    assert!(pending.sources.iter().all(|source| source.series_instance_uid == "1.2.3.4"));
}
