//! The audit trail as a clinic's engineer meets it: through the binary, on a database that a device has left.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use rusqlite::Connection;
use spinewatch::store::{AuditEntry, Head, Store};

fn spinewatch(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spinewatch")).arg("audit").args(words).output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A database with `entries` entries, and the head after the third.
fn database(folder: &Path, entries: i64) -> (PathBuf, Head) {
    let path = folder.join("spinewatch.db");
    let (store, _) = Store::open(&path, Timestamp::UNIX_EPOCH).unwrap();
    let mut third = None;
    for n in 1..=entries {
        let entry = AuditEntry {
            at: Timestamp::from_second(n).unwrap(),
            actor: format!("Dr. {n}\x1B[2J"),
            action: "acknowledge".into(),
            subject: Some(format!("study{n}-1")),
            detail: None,
        };
        store.audit(&entry).unwrap();
        if n == 3 {
            third = store.audit_head().unwrap();
        }
    }
    (path, third.unwrap())
}

fn tamper(path: &Path, sql: &str) {
    let guards = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_forgotten_by_retention_only";
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(guards).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn verify_says_that_the_chain_holds_or_names_the_first_bad_entry() {
    let folder = tempfile::tempdir().unwrap();
    for (sql, said) in [
        ("", "9 entries from 1 to 9, chain holds"),
        ("UPDATE audit SET actor = 'nobody' WHERE sequence = 5", "entry 5 was changed"),
        ("DELETE FROM audit WHERE sequence IN (4, 5)", "entries 4 to 5 are missing"),
        ("DELETE FROM audit WHERE sequence > 7", "the trail ends at entry 7, and once reached entry 9"),
    ] {
        let (path, third) = database(folder.path(), 9);
        tamper(&path, sql);
        let path = path.to_str().unwrap();
        let output = spinewatch(&["verify", "--database", path, "--head", &third.to_string()]);
        assert!(words(&output).contains(said), "{sql}: {}", words(&output));
        assert_eq!(output.status.code(), Some(i32::from(!sql.is_empty())), "{sql}: {}", words(&output));
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_head_that_was_anchored_tells_a_trail_that_was_written_anew_or_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (path, third) = database(folder.path(), 9);
    let forged = Head { hash: [7; 32], ..third };
    let ahead = Head { sequence: 40, ..third };
    for (head, code, said) in [
        (third, 0, "chain holds"),
        (forged, 1, "entry 3 has another hash than the head that was anchored"),
        (ahead, 1, "the trail ends at entry 9, and once reached entry 40"),
    ] {
        let output = spinewatch(&["verify", "--database", path.to_str().unwrap(), "--head", &head.to_string()]);
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        assert!(words(&output).contains(said), "{}", words(&output));
    }
    let output = spinewatch(&["verify", "--database", path.to_str().unwrap(), "--head", "abc"]);
    assert!(words(&output).contains("audit_head"), "where a head is to be had: {}", words(&output));
}

#[test]
fn show_prints_the_newest_entries_for_people_and_for_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = database(folder.path(), 9);
    let path = path.to_str().unwrap();
    let shown = words(&spinewatch(&["show", "--database", path, "--last", "2"]));
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.contains("Dr. 9") && shown.contains("study8-1"), "{shown}");
    assert!(!shown.contains('\x1B'), "what a terminal obeys is not passed on");
    let lines = words(&spinewatch(&["show", "--database", path, "--json"]));
    let links: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(links.len(), 9);
    assert!(links.windows(2).all(|pair| pair[1]["previous"] == pair[0]["hash"]), "{lines}");
}

#[test]
fn what_cannot_be_looked_at_is_named_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere.db");
    let output = spinewatch(&["verify", "--database", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("nowhere.db") && words(&output).contains("as its user or as root"));
    let old = folder.path().join("old.db");
    Connection::open(&old).unwrap().pragma_update(None, "user_version", 1).unwrap();
    let output = spinewatch(&["verify", "--database", old.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("a start of the daemon brings it there"), "{}", words(&output));
}
