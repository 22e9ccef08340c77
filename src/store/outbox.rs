//! Messages that still have to leave. A row goes only when the broker has acknowledged it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::series::{from_json, json};
use super::{Store, StoreError, audit};

/// In which order messages leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessagePriority {
    /// Whatever is neither alert nor verdict.
    Other = 0,
    /// The verdict of a study.
    Verdict = 1,
    /// An alert, its revision or its retraction: before everything else.
    Alert = 2,
}

/// A message as it will be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// CloudEvents id; unique.
    pub event_id: String,
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// MQTT 5 properties.
    pub properties: MessageProperties,
    /// Retained by the broker.
    pub retain: bool,
    /// Message expiry interval in seconds, counted by the broker from when it takes the message: time in this
    /// outbox does not count, so that neither an outage nor a clock that jumps can drop a message.
    pub expiry_secs: Option<u32>,
    /// Its turn.
    pub priority: MessagePriority,
}

/// MQTT 5 properties of a message (all are published with QoS 1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageProperties {
    /// User properties, in order: the CloudEvents attributes.
    pub user: Vec<(String, String)>,
    /// Content type.
    pub content_type: String,
    /// Where an answer goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// What an answer carries back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_data: Option<String>,
}

/// A message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The message.
    pub message: OutboxMessage,
    /// How often the broker has refused it.
    pub attempts: u32,
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// CloudEvents id.
    pub event_id: String,
    /// Topic.
    pub topic: String,
    /// Why, in one line.
    pub reason: String,
}

/// How full the outbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// Messages that wait.
    pub waiting: u32,
    /// Messages that were given up and wait for a person or for another life.
    pub dead: u32,
    /// Messages that the broker has refused at least once, given up or not.
    pub refused: u32,
}

impl Store {
    /// The next messages to send, at most `limit`: alerts first, then in order of commit. A message waits for older
    /// ones of its topic, so that revisions arrive in order; those whose event id is in `held` are left out, and with
    /// them what waits behind them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn outbox_next(&self, limit: usize, held: &[&str]) -> Result<Vec<OutboxRow>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(
            "SELECT event_id, topic, payload, properties, retain, expiry_secs, priority, attempts FROM outbox AS o
             WHERE dead_reason IS NULL
                 AND event_id NOT IN (SELECT value FROM json_each(?1))
                 AND NOT EXISTS (SELECT 1 FROM outbox
                     WHERE topic = o.topic AND sequence < o.sequence AND dead_reason IS NULL)
             ORDER BY priority DESC, sequence LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![json("outbox", &held)?, limit], |row| Ok((message(row)?, row.get(3)?)))?;
        rows.map(|row| {
            let (mut row, properties): (OutboxRow, String) = row?;
            row.message.properties = from_json("outbox", &properties)?;
            Ok(row)
        })
        .collect()
    }

    /// The broker has taken the messages: they leave the outbox in one transaction. With each go those of its topic
    /// that were given up before it: it supersedes them, and sent later they would be wrong. Unknown ids are no error (a
    /// message was acknowledged twice). Returns how many were superseded.
    ///
    /// # Errors
    /// All rows stay then, and the messages will be sent again.
    pub fn outbox_sent(&self, event_ids: &[&str], at: Timestamp) -> Result<usize, StoreError> {
        self.write(|tx| {
            let mut supersede = tx.prepare_cached(
                "DELETE FROM outbox WHERE dead_reason IS NOT NULL
                     AND topic = (SELECT topic FROM outbox WHERE event_id = ?1)
                     AND sequence < (SELECT sequence FROM outbox WHERE event_id = ?1) RETURNING event_id",
            )?;
            let mut delete = tx.prepare_cached("DELETE FROM outbox WHERE event_id = ?")?;
            let mut superseded = 0;
            for id in event_ids {
                let older = supersede.query_map([id], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
                for older in &older {
                    audit::append(tx, at, "device", "message_superseded", Some(older), None)?;
                }
                superseded += older.len();
                if delete.execute([id])? > 0 {
                    audit::append(tx, at, "broker", "message_acknowledged", Some(id), None)?;
                }
            }
            Ok(superseded)
        })
    }

    /// The broker has refused the message. After `max_attempts` refusals it is given up; returns whether it was.
    ///
    /// # Errors
    /// The refusal is not counted then.
    pub fn outbox_refused(
        &self,
        event_id: &str,
        reason: &str,
        max_attempts: u32,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(|tx| {
            let dead: Option<bool> = tx
                .prepare_cached(
                    "UPDATE outbox SET attempts = attempts + 1, dead_reason = iif(attempts + 1 >= ?3, ?2, NULL)
                     WHERE event_id = ?1 RETURNING dead_reason IS NOT NULL",
                )?
                .query_row(params![event_id, reason, max_attempts], |row| row.get(0))
                .optional()?;
            let Some(dead) = dead else { return Ok(false) };
            let action = if dead { "message_given_up" } else { "message_refused" };
            audit::append(tx, at, "broker", action, Some(event_id), Some(reason))?;
            Ok(dead)
        })
    }

    /// Gives messages that were given up another life; returns how many. One behind which a newer message of its topic
    /// waits gets none: the newer one supersedes it. That they were refused before is not forgotten.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn outbox_revive(&self) -> Result<usize, StoreError> {
        self.write(|tx| {
            Ok(tx.execute(
                "UPDATE outbox SET attempts = 1, dead_reason = NULL WHERE dead_reason IS NOT NULL AND NOT EXISTS
                     (SELECT 1 FROM outbox AS newer WHERE newer.topic = outbox.topic AND newer.sequence > outbox.sequence)",
                [],
            )?)
        })
    }

    /// Studies with messages that have not left: by study key, whether all of them were given up.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn undelivered(&self) -> Result<BTreeMap<String, bool>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached("SELECT topic, dead_reason IS NOT NULL FROM outbox")?;
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
        let mut studies = BTreeMap::new();
        for row in rows {
            let (topic, given_up) = row?;
            let study = topic.rsplit('/').next().unwrap_or_default().to_owned();
            studies.entry(study).and_modify(|all| *all &= given_up).or_insert(given_up);
        }
        Ok(studies)
    }

    /// How full the outbox is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn queue_depth(&self) -> Result<OutboxDepth, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(
            "SELECT count(*) - count(dead_reason), count(dead_reason), count(nullif(attempts, 0)) FROM outbox",
        )?;
        let depth = |row: &Row<'_>| Ok(OutboxDepth { waiting: row.get(0)?, dead: row.get(1)?, refused: row.get(2)? });
        Ok(query.query_row([], depth)?)
    }

    /// Messages that were given up, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(
            "SELECT event_id, topic, dead_reason FROM outbox WHERE dead_reason IS NOT NULL ORDER BY sequence LIMIT ?",
        )?;
        let rows = query.query_map([limit], |row| {
            Ok(DeadLetter { event_id: row.get(0)?, topic: row.get(1)?, reason: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn insert(tx: &Transaction<'_>, message: &OutboxMessage, at: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO outbox (event_id, topic, payload, properties, retain, expiry_secs, priority, created_at)
         VALUES (?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        message.event_id,
        message.topic,
        message.payload,
        json("outbox", &message.properties)?,
        message.retain,
        message.expiry_secs,
        message.priority as u8,
        at.as_millisecond()
    ])?;
    audit::append(tx, at, audit::DEVICE, "message_queued", Some(&message.event_id), Some(&message.topic))
}

/// All but the properties, which are JSON.
fn message(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    let priority = match row.get(6)? {
        2 => MessagePriority::Alert,
        1 => MessagePriority::Verdict,
        _ => MessagePriority::Other,
    };
    Ok(OutboxRow {
        message: OutboxMessage {
            event_id: row.get(0)?,
            topic: row.get(1)?,
            payload: row.get(2)?,
            properties: MessageProperties::default(),
            retain: row.get(4)?,
            expiry_secs: row.get(5)?,
            priority,
        },
        attempts: row.get(7)?,
    })
}
