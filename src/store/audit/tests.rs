#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;
use crate::store::{OutboxMessage, Retention};

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn entry(n: i64) -> AuditEntry {
    AuditEntry {
        at: at(n),
        actor: format!("Dr. Żuk {n}"),
        action: "acknowledge".into(),
        subject: (n % 3 > 0).then(|| format!("study{n}-1")),
        detail: (n % 2 > 0).then(|| format!("called the ward, {n}")),
    }
}

/// A store with `entries` entries, and where it lies.
fn trail(folder: &Path, entries: i64) -> (Store, PathBuf) {
    let path = folder.join("s.db");
    let (store, _) = Store::open(&path, at(0)).unwrap();
    (1..=entries).for_each(|n| store.audit(&entry(n)).unwrap());
    (store, path)
}

fn walked(store: &Store) -> Result<Verified, Broken> {
    verify(&store.lock(), None).unwrap()
}

/// What a stranger with the file can do: our own guards are gone.
fn without_guards(connection: &Connection) {
    connection
        .execute_batch(
            "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_forgotten_by_retention_only;
             DROP TRIGGER audit_grows_at_its_end;",
        )
        .unwrap();
}

/// What the walk says after `change`, which is rolled back.
fn after(connection: &Connection, anchor: Option<Head>, change: impl FnOnce(&Connection)) -> Result<Verified, Broken> {
    connection.execute_batch("BEGIN").unwrap();
    change(connection);
    let found = verify(connection, anchor).unwrap();
    connection.execute_batch("ROLLBACK").unwrap();
    found
}

#[test]
fn a_trail_holds_and_names_its_head() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 0);
    assert_eq!(store.audit_head().unwrap(), None);
    assert_eq!(walked(&store).unwrap().entries, 0);
    (1..=5).for_each(|n| store.audit(&entry(n)).unwrap());
    let head = store.audit_head().unwrap().unwrap();
    assert_eq!(walked(&store), Ok(Verified { entries: 5, first: 1, head: Some(head), anchored: false }));
    assert_eq!(head.to_string().parse(), Ok(head), "as it stands in the health message");
    assert!("5:abc".parse::<Head>().unwrap_err().contains("audit_head"));
}

/// Independent value: python3, hashlib.sha256 over the layout that the module's words give.
#[test]
fn the_hash_is_the_one_that_the_words_describe() {
    let entry = AuditEntry {
        at: at(1),
        actor: "device".into(),
        action: "start".into(),
        subject: None,
        detail: Some("0.1.0".into()),
    };
    let link = Link { sequence: 1, at: 1000, entry, previous: GENESIS, hash: GENESIS };
    let computed = Head { sequence: 1, hash: link.computed() }.to_string();
    assert_eq!(computed, "1:fd833dfd3c6ace3d5ec84aa8242dd3c1724d0354242b361b9c451292830ed2bc");
}

#[test]
fn every_changed_byte_of_every_column_of_every_row_is_noticed() {
    const ROWS: i64 = 6;
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), ROWS);
    let connection = store.lock();
    without_guards(&connection);
    let mut changes = 0;
    for sequence in 1..=ROWS {
        for column in ["sequence", "at", "actor", "action", "subject", "detail", "previous", "hash"] {
            let select = format!("SELECT {column} FROM audit WHERE sequence = {sequence}");
            let stored: Value = connection.query_row(&select, [], |row| row.get(0)).unwrap();
            let optional = ["subject", "detail"].contains(&column);
            for changed in neighbours(&stored).into_iter().filter(|value| optional || *value != Value::Null) {
                changes += 1;
                let words = format!("{column} of {sequence}: {stored:?} to {changed:?}");
                let set = match &changed {
                    Value::Text(_) | Value::Null | Value::Integer(_) => format!("{column} = ?1"),
                    _ if column == "previous" || column == "hash" => format!("{column} = ?1"),
                    _ => format!("{column} = CAST(?1 AS TEXT)"),
                };
                let found = after(&connection, None, |connection| {
                    let update = format!("UPDATE OR IGNORE audit SET {set} WHERE sequence = {sequence}");
                    if connection.execute(&update, [&changed]).is_ok_and(|rows| rows == 0) {
                        // the number is taken: the row there makes way
                        connection.execute(&update.replace("IGNORE", "REPLACE"), [&changed]).unwrap();
                    }
                });
                assert!(found.is_err(), "{words}: {found:?}");
            }
        }
    }
    assert!(changes > 5_000, "{changes}");
}

/// Every value that differs in one byte's one bit or is absent; of a number, in one bit.
fn neighbours(stored: &Value) -> Vec<Value> {
    let flipped = |bytes: &[u8]| {
        let bits = (0..bytes.len() * 8).map(|bit| {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Value::Blob(bytes)
        });
        bits.collect::<Vec<_>>()
    };
    match stored {
        Value::Null => vec![Value::Text(String::new()), Value::Text("x".into())],
        Value::Integer(number) => (0..63).map(|bit| Value::Integer(number ^ (1 << bit))).collect(),
        Value::Text(text) => {
            let mut all = flipped(text.as_bytes());
            all.extend([Value::Null, Value::Text(format!("{text} ")), Value::Text(text[..text.len() - 1].into())]);
            all
        }
        Value::Blob(bytes) => flipped(bytes),
        Value::Real(_) => unreachable!("no column holds one"),
    }
}

#[test]
fn what_is_moved_from_one_text_to_its_neighbour_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 3);
    let connection = store.lock();
    without_guards(&connection);
    let found = after(&connection, None, |connection| {
        let shift = "UPDATE audit SET actor = actor || substr(action, 1, 1), action = substr(action, 2)";
        connection.execute(shift, []).unwrap();
    });
    assert_eq!(found, Err(Broken::Changed(1)));
}

#[test]
fn deletion_insertion_and_another_order_are_noticed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 9);
    let connection = store.lock();
    without_guards(&connection);
    let told = |sql: &str| after(&connection, None, |connection| connection.execute_batch(sql).unwrap()).unwrap_err();
    assert_eq!(told("DELETE FROM audit WHERE sequence = 1"), Broken::Missing(1, 1));
    assert_eq!(told("DELETE FROM audit WHERE sequence BETWEEN 4 AND 6"), Broken::Missing(4, 6));
    assert_eq!(told("DELETE FROM audit WHERE sequence > 6"), Broken::Truncated { ends: 6, reached: 9 });
    assert_eq!(told("DELETE FROM audit"), Broken::Truncated { ends: 0, reached: 9 });
    let swap = "UPDATE audit SET sequence = -4 WHERE sequence = 4; UPDATE audit SET sequence = 4 WHERE sequence = 5;
                UPDATE audit SET sequence = 5 WHERE sequence = -4";
    assert_eq!(told(swap), Broken::Changed(4));
    let copy =
        "INSERT INTO audit SELECT 10, at, actor, action, subject, detail, previous, hash FROM audit WHERE sequence = 9";
    assert_eq!(told(copy), Broken::Changed(10));
}

#[test]
fn an_entry_with_a_hash_of_its_own_does_not_fit_into_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 9);
    let connection = store.lock();
    without_guards(&connection);
    let mut forged = newest(&connection, 5).unwrap().pop().unwrap();
    forged.entry.actor = "nobody".into();
    forged.hash = forged.computed();
    let sequence = i64::try_from(forged.sequence).unwrap();
    let found = after(&connection, None, |connection| {
        let set = "UPDATE audit SET actor = 'nobody', hash = ? WHERE sequence = ?";
        connection.execute(set, params![forged.hash.as_slice(), sequence]).unwrap();
    });
    assert_eq!(found, Err(Broken::Inserted(6)), "entry 5 holds in itself, and entry 6 names another");
}

#[test]
fn a_chain_that_was_written_anew_is_noticed_by_an_anchored_head() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 9);
    let anchor = store.audit_head().unwrap();
    let forged = tempfile::tempdir().unwrap();
    let (forged, _) = trail(forged.path(), 0);
    (1..=12).for_each(|n| forged.audit(&AuditEntry { actor: "nobody".into(), ..entry(n) }).unwrap());
    assert!(walked(&forged).is_ok(), "in itself it holds: this is what a hash alone cannot prove");
    assert_eq!(verify(&forged.lock(), anchor).unwrap(), Err(Broken::Rewritten(9)));
    store.audit(&entry(10)).unwrap();
    assert!(verify(&store.lock(), anchor).unwrap().unwrap().anchored, "an honest trail has grown since");
    let (short, _) = trail(tempfile::tempdir().unwrap().path(), 7);
    assert_eq!(verify(&short.lock(), anchor).unwrap(), Err(Broken::Truncated { ends: 7, reached: 9 }));
}

#[test]
fn what_follows_on_a_tail_that_was_cut_off_leaves_a_gap_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 9);
    without_guards(&store.lock());
    store.lock().execute_batch("DELETE FROM audit WHERE sequence > 6").unwrap();
    (0..5).for_each(|n| store.audit(&entry(n)).unwrap());
    assert_eq!(walked(&store), Err(Broken::Missing(7, 9)));
}

#[test]
fn our_own_statements_can_neither_change_nor_delete_nor_insert_between() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 4);
    let hash = "(SELECT hash FROM audit WHERE sequence = 4)";
    for sql in [
        "UPDATE audit SET actor = 'nobody'".to_owned(),
        "DELETE FROM audit WHERE sequence = 4".into(),
        "DELETE FROM audit WHERE sequence = 1".into(),
        format!("INSERT OR REPLACE INTO audit VALUES (4, 0, 'a', 'b', NULL, NULL, {hash}, {hash})"),
        format!("INSERT INTO audit VALUES (0, 0, 'a', 'b', NULL, NULL, {hash}, {hash})"),
        "INSERT INTO audit VALUES (5, 0, 'a', 'b', NULL, NULL, zeroblob(32), zeroblob(32))".into(),
    ] {
        let error = store.lock().execute(&sql, []).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(walked(&store).unwrap().entries, 4);
}

#[test]
fn retention_forgets_from_the_oldest_on_and_the_chain_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 0);
    // a clock that jumps back: an old time among new ones
    for second in [0, DAY, 2 * DAY, 50 * DAY, DAY, 51 * DAY] {
        store.audit(&entry(second)).unwrap();
    }
    let retention = Retention { records: Duration::from_secs(20 * DAY as u64), ..Retention::default() };
    let purge = |store: &Store, day: i64| store.purge(&retention, at(day * DAY), &|_| true).unwrap().audit;
    let old = store.audit_head().unwrap();
    assert_eq!(purge(&store, 60), 3, "the old time behind the first new one stays");
    let held = walked(&store).unwrap();
    assert_eq!((held.entries, held.first), (4, 4), "three left, and the checkpoint");
    assert!(verify(&store.lock(), old).unwrap().unwrap().anchored);
    assert_eq!(purge(&store, 60), 0);
    assert_eq!(walked(&store), Ok(held), "nothing was old: no checkpoint");
    assert_eq!(purge(&store, 100), 4, "with the checkpoint of the purge before");
    let held = walked(&store).unwrap();
    assert_eq!((held.entries, held.first), (1, 8));
    assert!(!verify(&store.lock(), old).unwrap().unwrap().anchored, "that entry is forgotten, and nothing is wrong");
    store.audit(&entry(1)).unwrap();
    without_guards(&store.lock());
    store.lock().execute("DELETE FROM audit WHERE sequence = 8", []).unwrap();
    assert_eq!(walked(&store), Err(Broken::Missing(1, 8)), "nothing says any more why the first is not there");
}

#[test]
fn entries_from_before_the_chain_are_taken_into_it_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema_1.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO audit (at, actor, action) VALUES (5000, 'first', 'a'), (3000, 'second', 'b');
         PRAGMA user_version = 1",
    )
    .unwrap();
    drop(old);
    let (store, report) = Store::open(&path, at(9)).unwrap();
    assert_eq!(report.migrated_from, Some(1));
    let actors = |store: &Store| store.audit_trail(9).unwrap().into_iter().map(|e| e.actor).collect::<Vec<_>>();
    assert_eq!(actors(&store), ["second", "first"]);
    assert_eq!(walked(&store).unwrap().entries, 2);
    drop(store);
    let (store, _) = Store::open(&path, at(9)).unwrap();
    assert_eq!(actors(&store).len(), 2, "once");
}

#[test]
fn a_change_is_recorded_once_and_with_what_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 0);
    for value in ["a", "a", "b"] {
        let tell = |before: Option<&str>| format!("{} to {value}", before.unwrap_or("nothing"));
        store.audit_change("models", value, "models_changed", at(1), tell).unwrap();
    }
    let trail: Vec<_> = store.audit_trail(9).unwrap().into_iter().filter_map(|entry| entry.detail).collect();
    assert_eq!(trail, ["a to b", "nothing to a"]);
}

#[test]
fn a_trail_is_verified_while_the_daemon_holds_and_writes_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = trail(folder.path(), 3);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                store.audit(&entry(n)).unwrap();
            }
        });
        let mut seen = 0;
        for _ in 0..20 {
            let file = AuditFile::open(&path).unwrap();
            let verified = file.verify(None).unwrap().unwrap();
            assert!(verified.entries >= seen && verified.entries >= 3, "{verified:?} after {seen}");
            seen = verified.entries;
            assert_eq!(file.last(2).unwrap().last().unwrap().sequence, seen);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(matches!(AuditFile::open(&folder.path().join("nowhere.db")), Err(AuditFileError::Copy { .. })));
}

#[test]
fn a_message_is_on_record_from_the_outbox_to_the_brokers_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = trail(folder.path(), 0);
    let message = |id: &str| OutboxMessage {
        event_id: id.into(),
        topic: format!("alert/{id}"),
        payload: vec![],
        properties: crate::store::MessageProperties::default(),
        retain: false,
        expiry_secs: None,
        priority: crate::store::MessagePriority::Alert,
    };
    for id in ["a", "b"] {
        store.write(|tx| crate::store::outbox::insert(tx, &message(id), at(1))).unwrap();
    }
    store.outbox_sent(&["a"], at(2)).unwrap();
    store.outbox_sent(&["a"], at(3)).unwrap();
    assert!(!store.outbox_refused("b", "not authorized", 2, at(4)).unwrap());
    assert!(store.outbox_refused("b", "not authorized", 2, at(5)).unwrap());
    let trail = store.audit_trail(9).unwrap();
    let told: Vec<_> = trail.iter().rev().map(|e| (e.action.as_str(), e.subject.as_deref().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("message_queued", "a"),
            ("message_queued", "b"),
            ("message_acknowledged", "a"),
            ("message_refused", "b"),
            ("message_given_up", "b")
        ]
    );
}
