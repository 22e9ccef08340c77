//! SQLite: the ledger of files, the evidence per slice, the verdicts and the outbox.
//!
//! Takes in what the stages decided, with keyed hashes for every identifier; hands back what a restart needs, and the
//! messages that still have to leave. A verdict and its messages are one durable transaction. Never holds a clear UID,
//! a name or a path (unless the site switched clear identifiers on), and never waits for the network.
//!
//! One connection behind a lock, WAL, `synchronous=FULL`. Every method blocks for some milliseconds (a commit is an
//! `fsync`): call it from a thread of work, or through `spawn_blocking` from a task.

mod error;

mod keys;

mod opening;

mod ledger;

mod series;

mod verdicts;

mod alerts;

mod outbox;

mod results;

mod audit;

mod retention;

mod statistics;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Notify;

pub use alerts::StandingAlert;
pub use audit::chain::{Broken, GENESIS, Head, Link, Verified, Walk};
pub use audit::{AuditEntry, AuditFile, AuditFileError, DEVICE};
pub use error::StoreError;
pub(crate) use keys::hex;
pub use keys::{KeyedHeader, Keys, SecretOrigin};
pub use ledger::{ClearIdentifiers, Fate, FileRecord, LedgerEntry, SliceRecord};
pub use opening::{OpenReport, SetAside};
pub use outbox::{DeadLetter, MessagePriority, MessageProperties, OutboxDepth, OutboxMessage, OutboxRow};
pub use results::{PendingResult, ResultToWrite, SourceSlice};
pub use retention::{Purged, Retention};
pub use series::{OpenSeries, StoredSlice};
pub use statistics::Statistics;
pub use verdicts::{
    Acknowledgement, Committed, GivenAcknowledgement, NextRevision, SeriesAssessment, SeriesVerdict, Told, ToldVerdict,
};

/// Handle to the one database of the device; clones share the connection.
#[derive(Clone, Debug)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    committed: Arc<Notify>,
    path: Arc<PathBuf>,
}

impl Store {
    /// Opens or creates the database `path`, checks its integrity and migrates it.
    ///
    /// A database that is damaged, or that a newer version wrote, is renamed with a time stamp and a new one is
    /// started: the device keeps analysing, and [`OpenReport::set_aside`] tells the screen.
    ///
    /// # Errors
    /// [`StoreError`] where no usable database can be made: disk full, read-only, or in use by another process.
    pub fn open(path: &std::path::Path, now: jiff::Timestamp) -> Result<(Self, OpenReport), StoreError> {
        let (connection, report) = opening::open(path, now)?;
        let store = Self {
            connection: Arc::new(Mutex::new(connection)),
            committed: Arc::new(Notify::new()),
            path: Arc::new(path.to_owned()),
        };
        Ok((store, report))
    }

    /// Is notified after every commit that put messages into the outbox. Holds at most one pending wake-up.
    pub fn outbox_committed(&self) -> Arc<Notify> {
        Arc::clone(&self.committed)
    }

    /// Size of the database and its write-ahead log in bytes.
    pub fn bytes_on_disk(&self) -> u64 {
        let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |m| m.len());
        size(self.path.as_ref().clone()) + size(opening::with_suffix(&self.path, "-wal"))
    }

    /// A statement that panicked cannot leave a transaction open (`Transaction` rolls back on drop), so a poisoned
    /// lock is taken over.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` in one transaction: all of it is durable when this returns `Ok`, none of it otherwise.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::Timestamp;

    use super::*;

    fn entry(detail: String) -> AuditEntry {
        AuditEntry {
            at: Timestamp::UNIX_EPOCH,
            actor: "a".into(),
            action: "b".into(),
            subject: None,
            detail: Some(detail),
        }
    }

    #[test]
    fn a_full_disk_is_said_and_the_store_works_again_when_there_is_space() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("s.db"), Timestamp::UNIX_EPOCH).unwrap();
        let limit = |pages: u32| store.lock().pragma_update(None, "max_page_count", pages).unwrap();
        limit(1);
        let big = "x".repeat(100_000);
        let error = store.audit_change("big", &big, "changed", Timestamp::UNIX_EPOCH, |_| String::new()).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull), "{error}");
        limit(100_000);
        store.audit(&entry("small".into())).unwrap();
        assert_eq!(store.audit_trail(9).unwrap().len(), 1, "of the first, nothing is left");
    }

    #[test]
    fn a_panic_under_the_lock_leaves_no_open_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("s.db"), Timestamp::UNIX_EPOCH).unwrap();
        let clone = store.clone();
        let panicked = std::thread::spawn(move || {
            clone.write(|tx| -> Result<(), StoreError> {
                audit::append(tx, Timestamp::UNIX_EPOCH, "a", "b", None, None)?;
                panic!("in the middle");
            })
        });
        assert!(panicked.join().is_err());
        store.audit(&entry("after".into())).unwrap();
        assert_eq!(store.audit_trail(9).unwrap().len(), 1);
    }

    #[test]
    fn every_commit_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("s.db"), Timestamp::UNIX_EPOCH).unwrap();
        let pragma = |name: &str| -> String {
            store
                .lock()
                .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!((pragma("synchronous").as_str(), pragma("journal_mode").as_str()), ("2", "wal"));
    }
}
