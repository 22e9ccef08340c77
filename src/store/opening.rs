//! Opens the database: settings, integrity check, migrations; sets a damaged one aside.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::{StoreError, audit};

/// `MIGRATIONS[n]` brings a database from version n to n + 1. A shipped entry is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// How many databases that were set aside are kept, so that a failing card does not fill up with them.
const KEPT_ASIDE: usize = 3;

/// A database that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it lies now.
    pub path: PathBuf,
    /// Why, in one line.
    pub reason: String,
}

/// What was found at start. `set_aside` must reach the screen: verdicts that had not left may be lost with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// There was no database: first start, or one was set aside.
    pub created: bool,
    /// The version that was migrated from.
    pub migrated_from: Option<u32>,
    /// The damaged or newer database that was there before.
    pub set_aside: Option<SetAside>,
}

pub(super) fn open(path: &Path, now: Timestamp) -> Result<(Connection, OpenReport), StoreError> {
    let (mut connection, report) = open_or_replace(path, now)?;
    let transaction = connection.transaction()?;
    audit::adopt(&transaction)?;
    transaction.commit()?;
    Ok((connection, report))
}

fn open_or_replace(path: &Path, now: Timestamp) -> Result<(Connection, OpenReport), StoreError> {
    match open_checked(path, MIGRATIONS) {
        Err(error) if error.is_damage() => {
            let aside = set_aside(path, now)?;
            tracing::error!(reason = %error, path = %aside.display(), "database set aside, starting a new one");
            let (mut connection, report) = open_checked(path, MIGRATIONS)?;
            let epoch = format!("{:x}", now.as_second());
            let transaction = connection.transaction()?;
            transaction.execute("INSERT INTO meta (name, value) VALUES ('epoch', ?)", [epoch])?;
            let reason = error.to_string();
            audit::append(&transaction, now, audit::DEVICE, "database_set_aside", None, Some(&reason))?;
            transaction.commit()?;
            Ok((
                connection,
                OpenReport { set_aside: Some(SetAside { path: aside, reason: error.to_string() }), ..report },
            ))
        }
        opened => opened,
    }
}

/// `path` with `suffix` behind its last character, as SQLite names its companions.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn open_checked(path: &Path, migrations: &[&str]) -> Result<(Connection, OpenReport), StoreError> {
    let created = !path.exists();
    // SQLite gives its companion files the mode of the database.
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(StoreError::io(path))?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_millis(500))?;
    // The first read takes the lock and keeps it: a second daemon on this folder is refused, not interleaved.
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if !created {
        check_integrity(&connection)?;
    }
    let migrated_from = migrate(&mut connection, migrations)?.filter(|_| !created);
    Ok((connection, OpenReport { created, migrated_from, set_aside: None }))
}

fn check_integrity(connection: &Connection) -> Result<(), StoreError> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt) }
}

/// Each step and its version number are one transaction. Returns the version found, when it was not the newest.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<Option<u32>, StoreError> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, sql) in (1..=known).zip(migrations).skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok((found < known).then_some(found))
}

/// Renames the database and its companions, and removes the oldest of those that were set aside before.
fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let aside = (0..)
        .map(|n| with_suffix(path, &if n == 0 { format!(".damaged-{stamp}") } else { format!(".damaged-{stamp}-{n}") }))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| with_suffix(path, ".damaged"));
    for companion in ["-wal", "-shm"] {
        let from = with_suffix(path, companion);
        if from.exists() {
            fs::rename(&from, with_suffix(&aside, companion)).map_err(StoreError::io(&from))?;
        }
    }
    fs::rename(path, &aside).map_err(StoreError::io(path))?;
    remove_oldest(path);
    Ok(aside)
}

/// Best effort: a copy too many is no reason not to start.
fn remove_oldest(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let prefix = format!("{}.damaged-", name.to_string_lossy());
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_copy = |p: &PathBuf| {
        p.file_name()
            .and_then(|n| n.to_str())
            .is_some_and(|n| n.starts_with(&prefix) && !n.ends_with("-wal") && !n.ends_with("-shm"))
    };
    let mut copies: Vec<_> = names.filter(is_copy).collect();
    copies.sort();
    for copy in copies.iter().rev().skip(KEPT_ASIDE) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(with_suffix(copy, suffix));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn migrations_run_once_in_order_and_say_from_where() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let first = ["CREATE TABLE a (x)"];
        let both = [first[0], "ALTER TABLE a ADD COLUMN y; INSERT INTO a (y) VALUES (1)"];
        assert_eq!(open_checked(&path, &first).unwrap().1, OpenReport { created: true, ..OpenReport::default() });
        assert_eq!(open_checked(&path, &both).unwrap().1.migrated_from, Some(1));
        let (connection, report) = open_checked(&path, &both).unwrap();
        assert_eq!(report, OpenReport::default());
        let rows: u32 = connection.query_row("SELECT count(*) FROM a WHERE y = 1", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        open_checked(&path, &["CREATE TABLE a (x)"]).unwrap();
        assert!(open_checked(&path, &["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"]).is_err());
        assert_eq!(
            open_checked(&path, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"]).unwrap().1.migrated_from,
            Some(1)
        );
    }

    #[test]
    fn a_database_of_a_newer_version_is_set_aside_not_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        open(&path, at("2026-01-01T00:00:00Z")).unwrap().0.pragma_update(None, "user_version", 999).unwrap();
        let (_, report) = open(&path, at("2026-01-02T03:04:05Z")).unwrap();
        let aside = report.set_aside.unwrap();
        assert!(aside.path.ends_with("s.db.damaged-20260102T030405Z") && aside.path.exists());
        assert!(aside.reason.contains("999"), "{}", aside.reason);
        assert!(report.created);
    }

    #[test]
    fn only_the_newest_copies_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        for hour in 0..6 {
            fs::write(&path, b"this is not a database, and it is longer than a header of SQLite would be ........")
                .unwrap();
            open(&path, at(&format!("2026-01-01T0{hour}:00:00Z"))).unwrap();
        }
        let mut copies: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.contains("damaged"))
            .collect();
        copies.sort();
        assert_eq!(copies.len(), KEPT_ASIDE, "{copies:?}");
        assert!(copies[0].ends_with("T030000Z"), "{copies:?}");
    }

    #[test]
    fn the_database_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let (connection, _) = open(&path, at("2026-01-01T00:00:00Z")).unwrap();
        connection.execute("INSERT INTO meta (name, value) VALUES ('a', 'b')", []).unwrap();
        for suffix in ["", "-wal"] {
            let mode = fs::metadata(with_suffix(&path, suffix)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{suffix}: {mode:o}");
        }
    }

    #[test]
    fn a_second_process_is_refused_not_interleaved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let _first = open(&path, at("2026-01-01T00:00:00Z")).unwrap();
        let second = open(&path, at("2026-01-01T00:00:00Z"));
        assert!(matches!(second, Err(StoreError::InUse)), "{second:?}");
        assert!(path.exists());
    }
}
