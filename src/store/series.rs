//! Series and their slices: what a restart needs so that nothing is analysed twice and nothing is forgotten.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::ledger::timestamp;
use super::{KeyedHeader, SliceRecord, Store, StoreError};
use crate::dicom::{SliceHeader, Uid};
use crate::triage::{Assessment, Evidence};

/// A slice as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSlice {
    /// Geometry and keys; the `Uid` fields hold the keys.
    pub header: KeyedHeader,
    /// `None`: collected, not analysed yet.
    pub evidence: Option<Evidence>,
}

/// A series as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenSeries {
    /// Key of the series.
    pub series_key: String,
    /// Key of its study.
    pub study_key: String,
    /// When its first slice was recorded.
    pub first_seen: Timestamp,
    /// When its latest slice was recorded.
    pub last_slice: Timestamp,
    /// Its slices, in no order.
    pub slices: Vec<StoredSlice>,
    /// Files of it that were quarantined, by code.
    pub quarantined: BTreeMap<String, u32>,
    /// The latest assessment that was committed, provisional or final.
    pub assessment: Option<Assessment>,
}

/// `SliceHeader` without its identifiers.
#[derive(Serialize, Deserialize)]
struct Geometry {
    frame: u32,
    matrix: [u16; 2],
    spacing: [f64; 2],
    position: [f64; 3],
    orientation: [f64; 6],
    thickness: Option<f64>,
    number: Option<i32>,
    expected: Option<u32>,
    image_type: Vec<String>,
}

impl Geometry {
    fn of(header: &SliceHeader) -> Self {
        Self {
            frame: header.frame,
            matrix: [header.rows, header.columns],
            spacing: header.pixel_spacing,
            position: header.image_position_patient,
            orientation: header.image_orientation_patient,
            thickness: header.slice_thickness,
            number: header.instance_number,
            expected: header.expected_slices,
            image_type: header.image_type.clone(),
        }
    }

    fn header(self, study_key: &str, series_key: &str, slice_key: String) -> KeyedHeader {
        let header = SliceHeader {
            study_instance_uid: Uid::new(study_key),
            series_instance_uid: Uid::new(series_key),
            sop_instance_uid: Uid::new(&slice_key),
            frame: self.frame,
            rows: self.matrix[0],
            columns: self.matrix[1],
            pixel_spacing: self.spacing,
            image_position_patient: self.position,
            image_orientation_patient: self.orientation,
            slice_thickness: self.thickness,
            instance_number: self.number,
            expected_slices: self.expected,
            image_type: self.image_type,
        };
        KeyedHeader { study_key: study_key.into(), series_key: series_key.into(), slice_key, header }
    }
}

impl Store {
    /// All series without a final verdict, for a restart.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn open_series(&self) -> Result<Vec<OpenSeries>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached("SELECT series_key FROM series WHERE state = 'open'")?;
        let keys = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        keys.iter().filter_map(|key| load(&connection, key).transpose()).collect()
    }

    /// One series, open or final, for a late slice of a series that is no longer in memory.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn series(&self, series_key: &str) -> Result<Option<OpenSeries>, StoreError> {
        load(&self.lock(), series_key)
    }

    /// Ends a series without a verdict of its own: nothing in it was for the networks. It no longer counts as open.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn close_series(&self, series_key: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            Ok(tx.execute("UPDATE series SET state = 'final' WHERE series_key = ?", [series_key]).map(drop)?)
        })
    }
}

pub(super) fn record_slice(tx: &Transaction<'_>, slice: &SliceRecord, at: Timestamp) -> Result<(), StoreError> {
    let keyed = &slice.header;
    let clear = slice.clear.as_ref();
    let had_evidence: Option<bool> = tx
        .prepare_cached("SELECT evidence IS NOT NULL FROM slices WHERE slice_key = ?")?
        .query_row([&keyed.slice_key], |row| row.get(0))
        .optional()?;
    let is_new = had_evidence.is_none_or(|had| !had && slice.evidence.is_some());
    tx.prepare_cached(
        "INSERT INTO series (series_key, study_key, state, first_seen, last_slice, study_instance_uid,
             series_instance_uid) VALUES (?1, ?2, 'open', ?3, ?3, ?4, ?5)
         ON CONFLICT (series_key) DO UPDATE SET state = iif(?6, 'open', state), last_slice = iif(?6, ?3, last_slice),
             study_instance_uid = coalesce(study_instance_uid, excluded.study_instance_uid),
             series_instance_uid = coalesce(series_instance_uid, excluded.series_instance_uid)",
    )?
    .execute(params![
        keyed.series_key,
        keyed.study_key,
        at.as_millisecond(),
        clear.map(|c| &c.study_instance_uid),
        clear.map(|c| &c.series_instance_uid),
        is_new
    ])?;
    let evidence = slice.evidence.as_ref().map(|e| json("slices", e)).transpose()?;
    tx.prepare_cached(
        "INSERT INTO slices (slice_key, series_key, geometry, evidence, sop_instance_uid) VALUES (?,?,?,?,?)
         ON CONFLICT (slice_key) DO UPDATE SET evidence = coalesce(excluded.evidence, evidence)",
    )?
    .execute(params![
        keyed.slice_key,
        keyed.series_key,
        json("slices", &Geometry::of(&keyed.header))?,
        evidence,
        clear.map(|c| &c.sop_instance_uid)
    ])?;
    Ok(())
}

fn load(connection: &Connection, series_key: &str) -> Result<Option<OpenSeries>, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT study_key, first_seen, last_slice, assessment FROM series WHERE series_key = ?")?;
    let row: Option<(String, i64, i64, Option<String>)> =
        query.query_row([series_key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).optional()?;
    let Some((study_key, first_seen, last_slice, assessment)) = row else { return Ok(None) };
    Ok(Some(OpenSeries {
        series_key: series_key.to_owned(),
        first_seen: timestamp(first_seen),
        last_slice: timestamp(last_slice),
        slices: slices(connection, &study_key, series_key)?,
        quarantined: quarantined(connection, series_key)?,
        assessment: assessment.map(|text| from_json("series", &text)).transpose()?,
        study_key,
    }))
}

fn slices(connection: &Connection, study_key: &str, series_key: &str) -> Result<Vec<StoredSlice>, StoreError> {
    let mut query =
        connection.prepare_cached("SELECT slice_key, geometry, evidence FROM slices WHERE series_key = ?")?;
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows = query.query_map([series_key], columns)?;
    rows.map(|row| {
        let (slice_key, geometry, evidence): (String, String, Option<String>) = row?;
        let geometry: Geometry = from_json("slices", &geometry)?;
        let evidence = evidence.map(|text| from_json("slices", &text)).transpose()?;
        Ok(StoredSlice { header: geometry.header(study_key, series_key, slice_key), evidence })
    })
    .collect()
}

fn quarantined(connection: &Connection, series_key: &str) -> Result<BTreeMap<String, u32>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT code, count(*) FROM files WHERE state = 'quarantined' AND series_key = ? GROUP BY code",
    )?;
    let rows = query.query_map([series_key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn json<T: Serialize>(table: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::row(table))
}

pub(super) fn from_json<T: for<'a> Deserialize<'a>>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(StoreError::row(table))
}
