//! What may be forgotten, and when. Never: unsent messages, open series, files that are still on the share.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use super::{Store, StoreError, audit};

/// How long and how much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Slices (geometry and evidence) of finished series.
    pub evidence: Duration,
    /// Verdicts, the ledger of files, and the audit trail.
    pub records: Duration,
    /// Most rows in the ledger of files; the oldest go first.
    pub max_files: u32,
}

impl Default for Retention {
    /// A week of evidence, ninety days of records, half a million files (about 150 MB).
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self { evidence: 7 * DAY, records: 90 * DAY, max_files: 500_000 }
    }
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Slices.
    pub slices: usize,
    /// Series without slices and verdicts.
    pub series: usize,
    /// Rows of the ledger.
    pub files: usize,
    /// Revisions.
    pub verdicts: usize,
    /// Entries of the audit trail.
    pub audit: usize,
}

impl Store {
    /// Forgets what is old. `still_there` tells whether the file of a fingerprint is still on the share: such a row
    /// stays whatever its age, or an old folder would be analysed anew. A few milliseconds a thousand rows; call it daily.
    ///
    /// # Errors
    /// Nothing is forgotten then.
    pub fn purge(
        &self,
        retention: &Retention,
        now: Timestamp,
        still_there: &dyn Fn(&str) -> bool,
    ) -> Result<Purged, StoreError> {
        let evidence_before = before(now, retention.evidence);
        let records_before = before(now, retention.records);
        let purged = self.write(|tx| {
            let slices = tx.execute(
                "DELETE FROM slices WHERE series_key IN
                     (SELECT series_key FROM series WHERE state = 'final' AND last_slice < ?)",
                [evidence_before],
            )?;
            let verdicts = tx.execute(
                "DELETE FROM verdicts WHERE study_key IN (
                     SELECT study_key FROM verdicts GROUP BY study_key HAVING max(committed_at) < ?)
                 AND study_key NOT IN (SELECT study_key FROM series WHERE state = 'open')
                 AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.event_id LIKE verdicts.study_key || '-%')",
                [records_before],
            )?;
            let series = tx.execute(
                "DELETE FROM series WHERE state = 'final' AND last_slice < ?
                     AND study_key NOT IN (SELECT study_key FROM verdicts)
                     AND series_key NOT IN (SELECT series_key FROM slices)",
                [records_before],
            )?;
            // Those that were written are forgotten by their writer, which first removes what nobody took; this is for a device
            // whose documents were switched off, or whose folder has failed for twice as long as anything is kept.
            tx.execute("DELETE FROM results WHERE committed_at < ?", [before(now, 2 * retention.records)])?;
            let audit = audit::forget(tx, records_before, now)?;
            let files = purge_files(tx, records_before, retention.max_files, still_there)?;
            Ok(Purged { slices, series, files, verdicts, audit })
        })?;
        self.give_back()?;
        Ok(purged)
    }

    /// Returns free pages to the file system. Each step of the statement frees a page, so it is stepped to its end.
    fn give_back(&self) -> Result<(), StoreError> {
        let connection = self.lock();
        let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
        let mut steps = vacuum.query([])?;
        while steps.next()?.is_some() {}
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

fn before(now: Timestamp, age: Duration) -> i64 {
    now.as_millisecond().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

fn purge_files(
    tx: &rusqlite::Transaction<'_>,
    before: i64,
    max_files: u32,
    still_there: &dyn Fn(&str) -> bool,
) -> Result<usize, StoreError> {
    let count: u32 = tx.query_row("SELECT count(*) FROM files", [], |row| row.get(0))?;
    let excess = count.saturating_sub(max_files);
    let mut query = tx.prepare(
        "SELECT fingerprint FROM files WHERE at < ?1
         UNION SELECT fingerprint FROM (SELECT fingerprint FROM files ORDER BY at LIMIT ?2)",
    )?;
    let candidates = query.query_map(params![before, excess], |row| row.get(0))?;
    let candidates = candidates.collect::<Result<Vec<String>, _>>()?;
    let mut delete = tx.prepare("DELETE FROM files WHERE fingerprint = ?")?;
    let mut gone = 0;
    for fingerprint in candidates.iter().filter(|fingerprint| !still_there(fingerprint)) {
        gone += delete.execute([fingerprint])?;
    }
    Ok(gone)
}
