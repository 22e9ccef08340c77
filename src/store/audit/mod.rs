//! Who did what, when: entries in, a hash chain out. Entries are only ever appended, each in the transaction of what it
//! records, and go by age alone, from the oldest on.
//!
//! Never holds a clear identifier or a secret. What the chain proves and what it does not stands in [`chain`].

pub mod chain;

mod file;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use self::chain::{Broken, GENESIS, Hash, Head, Link, Verified, Walk};
use super::ledger::timestamp;
use super::{Store, StoreError};

pub use file::{AuditFile, AuditFileError};

/// Actor of what the device does of itself.
pub const DEVICE: &str = "device";
/// Action of the entry by which retention names what it forgets.
pub const CHECKPOINT: &str = "checkpoint";
/// Most characters of an actor, a subject or a detail: some of it comes from the network.
const LONGEST: usize = 1024;

/// A row of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `device`, `broker`, `local button`, or the name that a clinic gave with its acknowledgement.
    pub actor: String,
    /// What, snake case: `start`, `acknowledge`, `models_changed` ...
    pub action: String,
    /// On which thing: a key or an event id.
    pub subject: Option<String>,
    /// One line; nothing that identifies a patient.
    pub detail: Option<String>,
}

/// What retention has forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the last entry that is gone.
    pub through: u64,
    /// Its hash, which the first entry that is left names as the one before.
    pub hash: Hash,
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
        newest(&self.lock(), limit).map(|links| links.into_iter().map(|link| link.entry).collect())
    }

    /// Where the chain ends; `None` before the first entry.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn audit_head(&self) -> Result<Option<Head>, StoreError> {
        head(&self.lock())
    }

    /// Remembers `value` under `name`, and appends `action` with the detail that `tell` makes of the value before and
    /// this one, if they differ: one transaction.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn audit_change(
        &self,
        name: &str,
        value: &str,
        action: &str,
        at: Timestamp,
        tell: impl FnOnce(Option<&str>) -> String,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let before: Option<String> =
                tx.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| row.get(0)).optional()?;
            if before.as_deref() == Some(value) {
                return Ok(());
            }
            tx.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", [name, value])?;
            append(tx, at, DEVICE, action, None, Some(&tell(before.as_deref())))
        })
    }
}

impl Store {
    /// Appends an entry of a numbered `series` that somebody else keeps, if no entry of this or a later number was
    /// appended before: each once, also over restarts.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn audit_numbered(&self, series: &str, number: u64, entry: &AuditEntry) -> Result<(), StoreError> {
        let AuditEntry { at, actor, action, subject, detail } = entry;
        let name = format!("{series}_audited");
        self.write(|tx| {
            let before: Option<String> =
                tx.query_row("SELECT value FROM meta WHERE name = ?", [&name], |row| row.get(0)).optional()?;
            if before.and_then(|before| before.parse::<u64>().ok()).is_some_and(|before| before >= number) {
                return Ok(());
            }
            tx.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", [&name, &number.to_string()])?;
            append(tx, *at, actor, action, subject.as_deref(), detail.as_deref())
        })
    }
}

/// Appends an entry in the transaction of what it records.
pub(super) fn append(
    tx: &Transaction<'_>,
    at: Timestamp,
    actor: &str,
    action: &str,
    subject: Option<&str>,
    detail: Option<&str>,
) -> Result<(), StoreError> {
    let before = head(tx)?;
    let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let mut link = Link {
        sequence: highest(tx)?.max(before.map_or(0, |head| head.sequence)) + 1,
        at: at.as_millisecond(),
        entry: AuditEntry {
            at,
            actor: short(actor),
            action: action.to_owned(),
            subject: subject.map(short),
            detail: detail.map(short),
        },
        previous: before.map_or(GENESIS, |head| head.hash),
        hash: GENESIS,
    };
    link.hash = link.computed();
    let AuditEntry { actor, action, subject, detail, .. } = link.entry;
    tx.prepare_cached(
        "INSERT INTO audit (sequence, at, actor, action, subject, detail, previous, hash) VALUES (?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        i64::try_from(link.sequence).unwrap_or(i64::MAX),
        link.at,
        actor,
        action,
        subject,
        detail,
        link.previous.as_slice(),
        link.hash.as_slice()
    ])?;
    Ok(())
}

/// Forgets the entries before the first that is not older than `before` (milliseconds): from the oldest on and without
/// a gap, also where the clock has jumped. The checkpoint is appended first, and stays. Returns how many are gone.
pub(super) fn forget(tx: &Transaction<'_>, before: i64, now: Timestamp) -> Result<usize, StoreError> {
    let last: Option<(i64, Vec<u8>)> = tx
        .query_row(
            "SELECT sequence, hash FROM audit
             WHERE sequence < coalesce((SELECT min(sequence) FROM audit WHERE at >= ?1), 9e18)
             ORDER BY sequence DESC LIMIT 1",
            [before],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((through, hash)) = last else { return Ok(0) };
    let checkpoint = Checkpoint {
        through: u64::try_from(through).map_err(StoreError::row("audit"))?,
        hash: hash.try_into().map_err(|_| StoreError::row("audit")("a hash is not of 32 bytes"))?,
    };
    append(tx, now, DEVICE, CHECKPOINT, None, Some(&checkpoint.to_string()))?;
    Ok(tx.execute("DELETE FROM audit WHERE sequence <= ?", [through])?)
}

/// Takes entries that are older than the chain into it, in their order.
pub(super) fn adopt(tx: &Transaction<'_>) -> Result<(), StoreError> {
    let mut query = tx.prepare("SELECT at, actor, action, subject, detail FROM audit_unchained ORDER BY sequence")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (actor, action): (String, String) = (row.get(1)?, row.get(2)?);
        let (subject, detail): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        append(tx, timestamp(row.get(0)?), &actor, &action, subject.as_deref(), detail.as_deref())?;
    }
    tx.execute("DELETE FROM audit_unchained", [])?;
    Ok(())
}

fn head(connection: &Connection) -> Result<Option<Head>, StoreError> {
    let mut query = connection.prepare_cached("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")?;
    Ok(query.query_row([], |row| Ok(Head { sequence: unsigned(row, 0)?, hash: row.get(1)? })).optional()?)
}

/// The highest number that was ever given: what follows on a tail that was cut off leaves a gap.
fn highest(connection: &Connection) -> Result<u64, StoreError> {
    let mut query = connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")?;
    Ok(query.query_row([], |row| unsigned(row, 0)).optional()?.unwrap_or(0))
}

/// Walks the whole chain; the inner result is what the walk found.
fn verify(connection: &Connection, anchor: Option<Head>) -> Result<Result<Verified, Broken>, StoreError> {
    let mut query = connection
        .prepare("SELECT sequence, at, actor, action, subject, detail, previous, hash FROM audit ORDER BY sequence")?;
    let mut walk = Walk::new(anchor);
    let mut last = 0;
    for row in query.query_map([], link)? {
        let taken = match row {
            Ok(link) => {
                last = link.sequence;
                walk.take(&link)
            }
            Err(error) => Err(Broken::Unreadable(last, error.to_string())),
        };
        if let Err(broken) = taken {
            return Ok(Err(broken));
        }
    }
    Ok(walk.end(highest(connection)?))
}

fn newest(connection: &Connection, limit: u32) -> Result<Vec<Link>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT sequence, at, actor, action, subject, detail, previous, hash FROM audit ORDER BY sequence DESC LIMIT ?",
    )?;
    let rows = query.query_map([limit], link)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Columns in the order of the table.
fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    let at: i64 = row.get(1)?;
    let entry = AuditEntry {
        at: timestamp(at),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
    };
    Ok(Link { sequence: unsigned(row, 0)?, at, entry, previous: row.get(6)?, hash: row.get(7)? })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
