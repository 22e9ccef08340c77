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

mod outbox;

mod audit;

mod retention;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Notify;

pub use audit::AuditEntry;
pub use error::StoreError;
pub use keys::{KeyedHeader, Keys, SecretOrigin};
pub use ledger::{ClearIdentifiers, Fate, FileRecord, LedgerEntry, SliceRecord};
pub use opening::{OpenReport, SetAside};
pub use outbox::{DeadLetter, MessagePriority, MessageProperties, OutboxDepth, OutboxMessage, OutboxRow};
pub use retention::{Purged, Retention};
pub use series::{OpenSeries, StoredSlice};
pub use verdicts::{Acknowledgement, Committed, NextRevision, SeriesAssessment, SeriesVerdict, Told, ToldVerdict};

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
