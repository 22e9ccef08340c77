//! Revisions that are to be written as documents: put down with the verdict in one transaction, taken by the writer of results.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::ledger::timestamp;
use super::series::{from_json, json};
use super::{NextRevision, Store, StoreError};

/// What the documents of a revision are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultToWrite {
    /// The payload in full, JSON.
    pub told: String,
    /// Slice keys of its findings, whose UIDs the documents name where the site switched clear identifiers on.
    pub slices: Vec<String>,
    /// Slice key of the key picture, and its grey values, where it may leave the device.
    pub picture: Option<(String, Vec<u8>)>,
}

/// UIDs of a slice that a finding rests on. Known only where the site switched clear identifiers on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSlice {
    /// Keyed hash, as in the finding.
    pub slice_key: String,
    /// SeriesInstanceUID.
    pub series_instance_uid: String,
    /// SOPInstanceUID.
    pub sop_instance_uid: String,
    /// Zero-based frame of an enhanced CT; `None` of a single-frame one.
    pub frame: Option<u32>,
}

/// A revision whose documents are not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingResult {
    /// Names it in [`Store::result_written`].
    pub sequence: i64,
    /// Event id of the revision.
    pub event_id: String,
    /// The payload in full, JSON.
    pub told: String,
    /// Where the site switched clear identifiers on.
    pub study_instance_uid: Option<String>,
    /// Of the slices of its findings.
    pub sources: Vec<SourceSlice>,
    /// Slice key of the key picture, and its grey values.
    pub picture: Option<(String, Vec<u8>)>,
    /// When the revision was committed.
    pub committed_at: Timestamp,
    /// The revision before was put down for the writer too.
    pub has_predecessor: bool,
}

impl Store {
    /// The oldest revisions whose documents are not written yet, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pending_results(&self, limit: u32) -> Result<Vec<PendingResult>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(
            "SELECT sequence, event_id, told, study_instance_uid, sources, picture_of, picture, committed_at,
                 EXISTS (SELECT 1 FROM results AS before WHERE before.event_id = due.supersedes)
             FROM results AS due WHERE written_at IS NULL ORDER BY sequence LIMIT ?",
        )?;
        let rows = query.query_map([limit], |row| Ok((row.get(4)?, columns(row)?)))?;
        rows.map(|row| {
            let (sources, pending): (String, PendingResult) = row?;
            Ok(PendingResult { sources: from_json("results", &sources)?, ..pending })
        })
        .collect()
    }

    /// The documents of a revision stand in the folder: what they were made of is forgotten, that they were made is not.
    ///
    /// # Errors
    /// When the database cannot be written; they are written again then, with the same names and bytes.
    pub fn result_written(&self, sequence: i64, at: Timestamp) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE results SET written_at = ?, told = '', study_instance_uid = NULL, sources = '[]',
                     picture_of = NULL, picture = NULL WHERE sequence = ?",
            )?
            .execute(params![at.as_millisecond(), sequence])?;
            Ok(())
        })
    }

    /// Event ids of the revisions whose documents were written before `before`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn old_results(&self, before: Timestamp, limit: u32) -> Result<Vec<String>, StoreError> {
        let connection = self.lock();
        let mut query =
            connection.prepare_cached("SELECT event_id FROM results WHERE written_at < ? ORDER BY sequence LIMIT ?")?;
        let rows = query.query_map(params![before.as_millisecond(), limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets that the documents of a revision were written.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_result(&self, event_id: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute("DELETE FROM results WHERE event_id = ? AND written_at IS NOT NULL", [event_id])?;
            Ok(())
        })
    }
}

/// Puts a revision down for the writer. The UIDs of its slices are looked up here, as the slices may be forgotten before
/// the documents are written.
pub(super) fn insert(
    tx: &Transaction<'_>,
    next: &NextRevision,
    result: &ResultToWrite,
    at: Timestamp,
) -> Result<(), StoreError> {
    let study_instance_uid: Option<String> = tx
        .prepare_cached(
            "SELECT study_instance_uid FROM series WHERE study_key = ? AND study_instance_uid IS NOT NULL LIMIT 1",
        )?
        .query_row([&next.study_key], |row| row.get(0))
        .optional()?;
    let sources = result.slices.iter().filter_map(|key| source(tx, key).transpose()).collect::<Result<Vec<_>, _>>()?;
    tx.prepare_cached(
        "INSERT INTO results (event_id, supersedes, told, study_instance_uid, sources, picture_of, picture, committed_at)
         VALUES (?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        next.event_id,
        next.previous.as_ref().map(|told| &told.event_id),
        result.told,
        study_instance_uid,
        json("results", &sources)?,
        result.picture.as_ref().map(|(of, _)| of),
        result.picture.as_ref().map(|(_, grey)| grey),
        at.as_millisecond()
    ])?;
    Ok(())
}

/// UIDs of a slice, where they are kept. Several slices of one instance are the frames of an enhanced one.
fn source(tx: &Transaction<'_>, slice_key: &str) -> Result<Option<SourceSlice>, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT series.series_instance_uid, slices.sop_instance_uid, json_extract(slices.geometry, '$.frame'),
             (SELECT count(*) FROM slices AS other
              WHERE other.series_key = slices.series_key AND other.sop_instance_uid = slices.sop_instance_uid) > 1
         FROM slices JOIN series USING (series_key)
         WHERE slice_key = ? AND series.series_instance_uid IS NOT NULL AND sop_instance_uid IS NOT NULL",
    )?;
    let columns = |row: &Row<'_>| {
        let (frame, is_enhanced): (u32, bool) = (row.get(2)?, row.get(3)?);
        Ok(SourceSlice {
            slice_key: slice_key.to_owned(),
            series_instance_uid: row.get(0)?,
            sop_instance_uid: row.get(1)?,
            frame: is_enhanced.then_some(frame),
        })
    };
    Ok(query.query_row([slice_key], columns).optional()?)
}

fn columns(row: &Row<'_>) -> rusqlite::Result<PendingResult> {
    let picture_of: Option<String> = row.get(5)?;
    Ok(PendingResult {
        sequence: row.get(0)?,
        event_id: row.get(1)?,
        told: row.get(2)?,
        study_instance_uid: row.get(3)?,
        sources: Vec::new(),
        picture: picture_of.zip(row.get(6)?),
        committed_at: timestamp(row.get(7)?),
        has_predecessor: row.get(8)?,
    })
}
