//! Who did what, when; rows are only ever appended, and go by age alone.

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::ledger::timestamp;
use super::{Store, StoreError};

/// A row of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `device`, or the name that a clinic gave with its acknowledgement.
    pub actor: String,
    /// What, snake case: `start`, `acknowledge`, `model_activated` ...
    pub action: String,
    /// On which thing: a key or an event id.
    pub subject: Option<String>,
    /// One line; nothing that identifies a patient.
    pub detail: Option<String>,
}

impl Store {
    /// Appends to the audit trail.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let AuditEntry { at, actor, action, subject, detail } = entry;
        self.write(|tx| append(tx, *at, actor, action, subject.as_deref(), detail.as_deref()))
    }

    /// The newest entries first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn audit_trail(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let connection = self.lock();
        let mut query = connection
            .prepare_cached("SELECT at, actor, action, subject, detail FROM audit ORDER BY sequence DESC LIMIT ?")?;
        let rows = query.query_map([limit], |row| {
            Ok(AuditEntry {
                at: timestamp(row.get(0)?),
                actor: row.get(1)?,
                action: row.get(2)?,
                subject: row.get(3)?,
                detail: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn append(
    tx: &Transaction<'_>,
    at: Timestamp,
    actor: &str,
    action: &str,
    subject: Option<&str>,
    detail: Option<&str>,
) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO audit (at, actor, action, subject, detail) VALUES (?,?,?,?,?)")?
        .execute(params![at.as_millisecond(), actor, action, subject, detail])?;
    Ok(())
}
