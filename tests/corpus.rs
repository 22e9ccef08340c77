//! Real files against what pydicom reads of them: every decodable file gives exactly its values, every other one a
//! named rejection. Reads the folder that `SPINEWATCH_CORPUS` names; without it the tests say so and pass.
//!
//! `SPINEWATCH_CORPUS=... cargo test --test corpus -- --nocapture` prints the list.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(clippy::cast_possible_truncation, reason = "saturates, as the reader does")]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};
use spinewatch::appliance::Offline;
use spinewatch::dicom::{self, Limits, Rejection, RejectionKind, Slice, StoredValues, Structure};
use spinewatch::inference::{Analyser, Choice, TractEngine, TrustedKeys};
use spinewatch::triage::Verdict;

/// A line of `reference.csv`, by column name.
type Row = HashMap<String, String>;

fn corpus() -> Option<(PathBuf, Vec<Row>)> {
    let Some(folder) = std::env::var_os("SPINEWATCH_CORPUS").map(PathBuf::from) else {
        println!("skipped: SPINEWATCH_CORPUS does not name a corpus");
        return None;
    };
    let table = std::fs::read_to_string(folder.join("reference.csv")).unwrap();
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| names.iter().zip(line.split(',')).map(|(&n, v)| (n.to_owned(), v.to_owned())).collect();
    Some((folder, lines.map(row).collect()))
}

fn read(folder: &Path, row: &Row) -> Vec<u8> {
    std::fs::read(folder.join(&row["file"])).unwrap()
}

/// How the stored values differ from the reference; `None` when they do not.
fn difference(row: &Row, stored: &StoredValues) -> Option<String> {
    let values = &stored.values;
    let (min, max) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    let off = |value: f64, name: &str| (value - row[name].parse::<f64>().unwrap()).abs();
    let within =
        off(min.into(), "stored_min") <= 4.0 && off(max.into(), "stored_max") <= 4.0 && off(mean, "stored_mean") <= 0.5;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let digest = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let same = if row["lossy"] == "yes" { within } else { digest == row["stored_sha256"] };
    (!same).then(|| format!("min {min} max {max} mean {mean:.4}, expected {row:?}"))
}

/// Every slice is the stored values of its frame, rescaled. Empty columns stand for functional groups, which every
/// such file here fills with slope 1 and intercept -1024.
fn assert_hounsfield(row: &Row, stored: &StoredValues, slices: &[Slice]) {
    let number = |name: &str, default: f64| row[name].parse().unwrap_or(default);
    let (slope, intercept) = (number("rescale_slope", 1.0), number("rescale_intercept", -1024.0));
    let expected = stored.values.iter().map(|&v| (f64::from(v) * slope + intercept).round() as i16);
    assert!(expected.eq(slices.iter().flat_map(|s| s.hounsfield.iter().copied())), "{}", row["file"]);
    assert_eq!(slices.len().to_string(), row["frames"]);
    for slice in slices {
        assert_eq!(slice.hounsfield.len(), usize::from(slice.header.rows) * usize::from(slice.header.columns));
    }
}

fn word(rejection: &Rejection) -> String {
    format!("{} ({:?}): {rejection}", rejection.code(), rejection.kind())
}

#[derive(Default)]
struct Tally {
    exact: usize,
    lossy: usize,
    refused: usize,
}

/// The line to print, or what is wrong.
fn judge(row: &Row, bytes: &[u8], tally: &mut Tally) -> Result<String, String> {
    let (stored, slices) = (dicom::stored(bytes, &Limits::default()), dicom::read(bytes, &Limits::default()));
    let must_be_read = row["modality"] == "CT" && row["decoded"] == "yes";
    let values = match &stored {
        Ok(stored) => match difference(row, stored) {
            Some(difference) => return Err(difference),
            None if row["lossy"] == "yes" => "stored values within tolerance".to_owned(),
            None => "stored values exact".to_owned(),
        },
        Err(rejection) => format!("no stored values, {}", rejection.code()),
    };
    match (&stored, &slices) {
        (Ok(stored), Ok(slices)) if must_be_read => {
            assert_hounsfield(row, stored, slices);
            *(if row["lossy"] == "yes" { &mut tally.lossy } else { &mut tally.exact }) += 1;
            Ok(format!("{} slices, {values}", slices.len()))
        }
        (_, Err(rejection)) if !must_be_read => {
            tally.refused += 1;
            Ok(format!("{}; {values}", word(rejection)))
        }
        (_, slices) => Err(format!("{values}; {:?}", slices.as_ref().map(Vec::len).map_err(word))),
    }
}

#[test]
fn corpus_files_give_what_pydicom_gives_or_a_named_rejection() {
    let Some((folder, rows)) = corpus() else { return };
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for row in &rows {
        let bytes = read(&folder, row);
        let start = Instant::now();
        drop(dicom::read(&bytes, &Limits::default()));
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        match judge(row, &bytes, &mut tally) {
            Ok(line) => println!("{:101} {:>6.1} ms  {line}", row["file"], milliseconds),
            Err(line) => wrong.push(format!("{}: {line}", row["file"])),
        }
    }
    let Tally { exact, lossy, refused } = tally;
    println!("{} files: {exact} exact, {lossy} lossy within tolerance, {refused} refused by name", rows.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(exact + lossy + refused, rows.len());
}

#[test]
fn corpus_files_look_complete_and_their_halves_do_not() {
    let Some((folder, rows)) = corpus() else { return };
    for row in &rows {
        let bytes = read(&folder, row);
        let structure = dicom::structure(&bytes, &Limits::default());
        assert_eq!(structure, Structure::Complete, "{}", row["file"]);
        if row["decoded"] != "float" {
            let half = dicom::structure(&bytes[..bytes.len() / 2], &Limits::default());
            assert_eq!(half, Structure::Incomplete, "half of {}", row["file"]);
        }
    }
}

#[test]
fn corpus_head_series_is_tilted_and_accepted() {
    let Some((folder, rows)) = corpus() else { return };
    let head = rows.iter().filter(|row| row["file"].starts_with("head-ct-tilted"));
    let slices: Vec<Slice> =
        head.flat_map(|row| dicom::read(&read(&folder, row), &Limits::default()).unwrap()).collect();
    assert_eq!(slices.len(), 28);
    let tilt = slices[0].header.normal()[2].abs().acos().to_degrees();
    assert!((tilt - 18.5).abs() < 0.1, "{tilt}");
    let series = &slices[0].header.series_instance_uid;
    assert!(slices.iter().all(|slice| slice.header.series_instance_uid == *series));
}

/// The kinds of file that must never reach the network, each with the reason that its ledger line will show.
#[test]
fn corpus_foreign_files_are_no_loss_to_the_study() {
    let Some((folder, rows)) = corpus() else { return };
    for row in rows.iter().filter(|row| row["modality"] != "CT") {
        let rejection = dicom::read(&read(&folder, row), &Limits::default()).unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::NotAnImageOfThisKind, "{}: {rejection}", row["file"]);
    }
}

/// The series of the corpus as the shipped packages judge them: a head that ends at the dens, and slices of other parts
/// of the body. None shows a fracture of a cervical vertebra, and none shows the neck as a whole.
#[test]
fn corpus_series_are_never_suspected_and_never_free_of_suspicion_without_the_neck() {
    let Some((folder, rows)) = corpus() else { return };
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let keys = TrustedKeys::development().unwrap();
    let analyser = Analyser::open(&models, &Choice::default(), &keys, &TractEngine::default()).map(Arc::new);
    let analyser = analyser.unwrap();
    let mut judged = 0;
    // the same slice in another transfer syntax is a duplicate: each file of its own, the head as a series
    let (head, alone): (Vec<&Row>, Vec<&Row>) =
        rows.iter().filter(|row| row["modality"] == "CT").partition(|row| row["file"].starts_with("head-ct-tilted"));
    let series = std::iter::once(head).chain(alone.into_iter().map(|row| vec![row]));
    for files in series {
        let mut offline = Offline::new(Ok(&analyser), NonZeroUsize::MIN).unwrap();
        for row in &files {
            offline.read(&row["file"], &read(&folder, row));
        }
        for statement in offline.finish().statements.into_values() {
            let assessment = statement.assessment;
            println!(
                "{:60} {:>3} files: {:?}, findings {:?}, seen {:?}",
                files[0]["file"],
                files.len(),
                assessment.verdict,
                assessment.findings.iter().map(|f| (f.level, f.score)).collect::<Vec<_>>(),
                assessment.coverage.levels_seen,
            );
            assert_ne!(assessment.verdict, Verdict::Suspected, "{}", files[0]["file"]);
            assert_ne!(assessment.verdict, Verdict::NoneSuspected, "{}: without the neck", files[0]["file"]);
            judged += 1;
        }
    }
    assert!(judged >= 10, "{judged} series only");
}
