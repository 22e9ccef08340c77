//! Which files were read and how each ended; the slices that they brought.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{KeyedHeader, Store, StoreError, series};
use crate::triage::Evidence;

/// How a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its slices belong to a series and were analysed.
    Accepted,
    /// Its slices belong to a series and wait for analysis (no model). Not counted as known: it is read again after
    /// a restart, so that it is analysed when the model is repaired.
    Collected,
    /// The same instance or the same bytes came before.
    Duplicate,
    /// An intact file that must not reach the networks: scout, secondary capture, other modality.
    Excluded {
        /// Snake case, for the wire.
        code: String,
        /// One line for people, naming tags by keyword, without any value that identifies.
        words: String,
    },
    /// Unreadable, cut or hostile.
    Quarantined {
        /// Snake case, for the wire.
        code: String,
        /// One line for people.
        words: String,
    },
}

impl Fate {
    const fn state(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Collected => "collected",
            Self::Duplicate => "duplicate",
            Self::Excluded { .. } => "excluded",
            Self::Quarantined { .. } => "quarantined",
        }
    }

    fn reason(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Excluded { code, words } | Self::Quarantined { code, words } => (Some(code), Some(words)),
            _ => (None, None),
        }
    }
}

/// Identifiers in clear; given only where the site switched them on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearIdentifiers {
    /// StudyInstanceUID.
    pub study_instance_uid: String,
    /// SeriesInstanceUID.
    pub series_instance_uid: String,
    /// SOPInstanceUID.
    pub sop_instance_uid: String,
}

/// One slice of an accepted or collected file.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceRecord {
    /// Geometry and keys.
    pub header: KeyedHeader,
    /// What the networks said; `None` while it waits for analysis.
    pub evidence: Option<Evidence>,
    /// Only where the site switched them on.
    pub clear: Option<ClearIdentifiers>,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRecord {
    /// As ingest gives it; tells whether a file is known without reading it. Holds no path in clear.
    pub fingerprint: String,
    /// SHA-256 of the bytes.
    pub content_digest: [u8; 32],
    /// How it ended.
    pub fate: Fate,
    /// Series, where it is known (also of a duplicate or a file that could be read only in part).
    pub series_key: Option<String>,
    /// Slices, one per frame; empty unless accepted or collected.
    pub slices: Vec<SliceRecord>,
    /// When.
    pub at: Timestamp,
}

/// A row of the quarantine list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// As ingest gave it.
    pub fingerprint: String,
    /// Snake case.
    pub code: String,
    /// One line for people.
    pub words: String,
    /// Where it is known.
    pub series_key: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Records files and their slices in one transaction. Recording a file or a slice again replaces its fate and adds
    /// its evidence. A slice that is new to a finished series opens the series again.
    ///
    /// # Errors
    /// Nothing is recorded then.
    pub fn record(&self, files: &[FileRecord]) -> Result<(), StoreError> {
        self.write(|tx| files.iter().try_for_each(|file| record_file(tx, file)))
    }

    /// Fingerprints of all files that need not be read again, for the start of the scanner.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn known_fingerprints(&self) -> Result<Vec<String>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached("SELECT fingerprint FROM files WHERE state <> 'collected'")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether this file was read before (and does not wait for analysis).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn file_known(&self, fingerprint: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM files WHERE fingerprint = ? AND state <> 'collected'", fingerprint)
    }

    /// Whether a file with the same bytes was accepted, under any name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn content_known(&self, content_digest: &[u8; 32]) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM files WHERE content_digest = ? AND state = 'accepted'", content_digest.as_slice())
    }

    /// Whether this slice (instance and frame) has evidence.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn slice_known(&self, slice_key: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM slices WHERE slice_key = ? AND evidence IS NOT NULL", slice_key)
    }

    /// Files that were excluded or quarantined, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn rejected(&self, limit: u32) -> Result<Vec<LedgerEntry>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(
            "SELECT fingerprint, code, words, series_key, at FROM files
             WHERE state IN ('excluded', 'quarantined') ORDER BY at DESC LIMIT ?",
        )?;
        let rows = query.query_map([limit], |row| {
            Ok(LedgerEntry {
                fingerprint: row.get(0)?,
                code: row.get(1)?,
                words: row.get(2)?,
                series_key: row.get(3)?,
                at: timestamp(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many files were quarantined, by code.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn quarantined_counts(&self) -> Result<BTreeMap<String, u32>, StoreError> {
        self.counts("SELECT code, count(*) FROM files WHERE state = 'quarantined' GROUP BY code")
    }

    /// How many files were excluded (intact, but not for the networks), by code.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn excluded_counts(&self) -> Result<BTreeMap<String, u32>, StoreError> {
        self.counts("SELECT code, count(*) FROM files WHERE state = 'excluded' GROUP BY code")
    }

    fn counts(&self, sql: &str) -> Result<BTreeMap<String, u32>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(sql)?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn exists(&self, sql: &str, parameter: impl rusqlite::ToSql) -> Result<bool, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(sql)?;
        Ok(query.query_row([parameter], |_| Ok(())).optional()?.is_some())
    }
}

fn record_file(tx: &Transaction<'_>, file: &FileRecord) -> Result<(), StoreError> {
    let (code, words) = file.fate.reason();
    tx.prepare_cached(
        "INSERT INTO files (fingerprint, content_digest, state, code, words, series_key, at) VALUES (?,?,?,?,?,?,?)
         ON CONFLICT (fingerprint) DO UPDATE SET content_digest = excluded.content_digest, state = excluded.state,
             code = excluded.code, words = excluded.words, series_key = excluded.series_key, at = excluded.at",
    )?
    .execute(params![
        file.fingerprint,
        file.content_digest.as_slice(),
        file.fate.state(),
        code,
        words,
        file.series_key,
        file.at.as_millisecond()
    ])?;
    file.slices.iter().try_for_each(|slice| series::record_slice(tx, slice, file.at))
}

/// A time that SQLite holds; what is out of jiff's range (damage) reads as 1970 rather than failing a whole query.
pub(super) fn timestamp(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::UNIX_EPOCH)
}
