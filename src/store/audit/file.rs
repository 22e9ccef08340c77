//! A database, maybe in use, in; its audit trail out, from a copy. Never writes to the database, and never waits for the
//! daemon, which keeps its lock for as long as it runs.
//!
//! A copy is good when the database itself did not change while its log was copied: SQLite writes there at checkpoints
//! only, and a log that has grown or begun anew since fits the database that was copied after it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::chain::{Broken, Head, Link, Verified};
use super::newest;
use crate::store::StoreError;
use crate::store::opening::with_suffix;

/// Copies until a checkpoint does not come between.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Why a trail cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AuditFileError {
    /// The database cannot be copied.
    #[error(
        "{} cannot be copied to look at it: {source}; run this as the daemon's user or as root, with space in the \
         folder for temporary files (TMPDIR names another)",
        path.display()
    )]
    Copy {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A checkpoint came between each time.
    #[error("{}: the daemon writes without a pause; try again", .0.display())]
    Busy(PathBuf),
    /// It has no chain.
    #[error("{}: version {version} has no chain; a start of the daemon brings it there", path.display())]
    NoChain {
        /// The database.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A copy of a database, gone when dropped.
#[derive(Debug)]
pub struct AuditFile {
    connection: Connection,
    _copy: TempDir,
}

impl AuditFile {
    /// Copies the database `path` and its log into the folder for temporary files, and opens the copy.
    ///
    /// # Errors
    /// When it cannot be copied, or has no audit trail.
    pub fn open(path: &Path) -> Result<Self, AuditFileError> {
        let failed = |source| AuditFileError::Copy { path: path.to_owned(), source };
        let folder = tempfile::tempdir().map_err(failed)?;
        let copy = folder.path().join("audit.db");
        let mut attempts = 0..ATTEMPTS;
        while !copied(path, &copy).map_err(failed)? {
            attempts.next().ok_or_else(|| AuditFileError::Busy(path.to_owned()))?;
            std::thread::sleep(PAUSE);
        }
        let (connection, version) = opened(&copy)?;
        if version < 2 {
            return Err(AuditFileError::NoChain { path: path.to_owned(), version });
        }
        Ok(Self { connection, _copy: folder })
    }

    /// The copy, to read other tables of it.
    pub(in crate::store) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Walks the whole chain. `anchor` is a head that was received from this device earlier.
    ///
    /// # Errors
    /// When the database cannot be read; the inner result is what the walk found.
    pub fn verify(&self, anchor: Option<Head>) -> Result<Result<Verified, Broken>, StoreError> {
        super::verify(&self.connection, anchor)
    }

    /// The newest `limit` entries, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last(&self, limit: u32) -> Result<Vec<Link>, StoreError> {
        newest(&self.connection, limit).map(|mut links| {
            links.reverse();
            links
        })
    }
}

fn opened(copy: &Path) -> Result<(Connection, u32), StoreError> {
    let connection = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok((connection, version))
}

/// Whether the copy is good.
fn copied(path: &Path, copy: &Path) -> io::Result<bool> {
    let before = state(path)?;
    let log = with_suffix(copy, "-wal");
    match fs::copy(with_suffix(path, "-wal"), &log) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => drop(fs::remove_file(&log)),
        Err(error) => return Err(error),
    }
    fs::copy(path, copy)?;
    Ok(state(path)? == before)
}

fn state(path: &Path) -> io::Result<(u64, SystemTime)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.len(), metadata.modified()?))
}
