//! The alert that stands for each study, as it was sent last: what an escalation needs, surviving a restart.
//!
//! A revision puts its alert here in the transaction that commits it, an acknowledgement closes it, a retraction removes
//! it. Sending again is one transaction: the message, the mark that it went, the entry in the audit trail.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{MessagePriority, NextRevision, OutboxMessage, Store, StoreError, Told, audit, outbox};
use crate::triage::Verdict;

/// An alert as it was sent last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingAlert {
    /// Key of the study.
    pub study_key: String,
    /// Event id of the last sending.
    pub event_id: String,
    /// Its payload.
    pub payload: Vec<u8>,
    /// How often it was sent again.
    pub sent_again: u32,
    /// How long the broker has had it, as it was last noted.
    pub waited: Duration,
    /// Nobody has acknowledged it.
    pub open: bool,
    /// It is no longer in the outbox: the broker has it.
    pub delivered: bool,
}

const COLUMNS: &str = "study_key, event_id, payload, sent_again, waited_ms, open,
    NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.event_id = alerts.event_id)";

impl Store {
    /// The alerts that nobody has acknowledged.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn open_alerts(&self) -> Result<Vec<StandingAlert>, StoreError> {
        let connection = self.lock();
        let mut query =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM alerts WHERE open ORDER BY study_key"))?;
        let rows = query.query_map([], standing)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes how long the broker has had an alert, for the time after a restart.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn note_waited(&self, event_id: &str, waited: Duration) -> Result<(), StoreError> {
        let millis = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
        self.write(|tx| {
            tx.prepare_cached("UPDATE alerts SET waited_ms = ? WHERE event_id = ?")?
                .execute(params![millis, event_id])?;
            Ok(())
        })
    }

    /// Sends an alert again, as `message`, unless it was acknowledged or revised meanwhile; returns whether it did.
    ///
    /// # Errors
    /// Nothing is sent then, and nothing is marked.
    pub fn send_again(
        &self,
        alert: &StandingAlert,
        message: &OutboxMessage,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sent = self.write(|tx| {
            let marked = tx
                .prepare_cached(
                    "UPDATE alerts SET event_id = ?1, payload = ?2, sent_again = sent_again + 1, waited_ms = 0
                     WHERE study_key = ?3 AND event_id = ?4 AND open",
                )?
                .execute(params![message.event_id, message.payload, alert.study_key, alert.event_id])?;
            if marked == 0 {
                return Ok(false);
            }
            outbox::insert(tx, message, at)?;
            let detail = format!("not acknowledged, sent again {} times", alert.sent_again + 1);
            audit::append(tx, at, "device", "alert_sent_again", Some(&message.event_id), Some(&detail))?;
            Ok(true)
        })?;
        if sent {
            self.committed.notify_one();
        }
        Ok(sent)
    }
}

/// The alert that stands for a study.
pub(super) fn of_study(connection: &Connection, study_key: &str) -> Result<Option<StandingAlert>, StoreError> {
    let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM alerts WHERE study_key = ?"))?;
    Ok(query.query_row([study_key], standing).optional()?)
}

/// Puts the alert of a new revision in the place of the former. The time that the former waited goes on, unless it was
/// acknowledged.
pub(super) fn follow(tx: &Transaction<'_>, next: &NextRevision, told: &Told, seen: bool) -> Result<(), StoreError> {
    let Some(alert) = told.messages.iter().find(|message| message.priority == MessagePriority::Alert) else {
        return Ok(());
    };
    let waits = next.alert.as_ref().filter(|former| former.open);
    tx.prepare_cached("DELETE FROM alerts WHERE study_key = ?")?.execute([&next.study_key])?;
    if told.assessment.verdict == Verdict::Suspected {
        tx.prepare_cached(
            "INSERT INTO alerts (study_key, revision, event_id, payload, sent_again, waited_ms, open)
             VALUES (?,?,?,?,?,?,?)",
        )?
        .execute(params![
            next.study_key,
            next.revision,
            alert.event_id,
            alert.payload,
            waits.map_or(0, |former| former.sent_again),
            waits.map_or(0, |former| i64::try_from(former.waited.as_millis()).unwrap_or(i64::MAX)),
            !seen
        ])?;
    }
    Ok(())
}

/// A clinic has taken note of this revision: it is not sent again.
pub(super) fn close(tx: &Transaction<'_>, study_key: &str, revision: u32) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE alerts SET open = 0 WHERE study_key = ? AND revision = ?")?
        .execute(params![study_key, revision])?;
    Ok(())
}

fn standing(row: &Row<'_>) -> rusqlite::Result<StandingAlert> {
    let waited: u64 = row.get::<_, i64>(4)?.try_into().unwrap_or(0);
    Ok(StandingAlert {
        study_key: row.get(0)?,
        event_id: row.get(1)?,
        payload: row.get(2)?,
        sent_again: row.get(3)?,
        waited: Duration::from_millis(waited),
        open: row.get(5)?,
        delivered: row.get(6)?,
    })
}
