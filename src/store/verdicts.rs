//! What was told of each study, and the transaction that makes a verdict and its messages durable together.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::ledger::timestamp;
use super::series::{from_json, json};
use super::{OutboxMessage, ResultToWrite, StandingAlert, Store, StoreError, alerts, audit, outbox, results};
use crate::triage::{Assessment, Verdict};

/// An assessment of one series, to be committed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesVerdict {
    /// Key of the study.
    pub study_key: String,
    /// Key of the series.
    pub series_key: String,
    /// What triage says now. A final one closes the series.
    pub assessment: Assessment,
    /// When.
    pub at: Timestamp,
}

/// The latest assessment of one series of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesAssessment {
    /// Key of the series.
    pub series_key: String,
    /// Its latest assessment, provisional or final.
    pub assessment: Assessment,
}

/// A verdict that was told: one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldVerdict {
    /// Key of the study.
    pub study_key: String,
    /// 1 for the first.
    pub revision: u32,
    /// `<study key>-<revision>`, with the database's epoch before the revision when an older database was set aside.
    pub event_id: String,
    /// Event id of the revision before.
    pub supersedes: Option<String>,
    /// What was told.
    pub assessment: Assessment,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// Who acknowledged it, and when.
    pub acknowledged: Option<(String, Timestamp)>,
}

/// What the caller must know to decide whether there is something to tell, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct NextRevision {
    /// Key of the study.
    pub study_key: String,
    /// Number that the revision will have.
    pub revision: u32,
    /// Event id that the revision will have.
    pub event_id: String,
    /// What was told last of this study.
    pub previous: Option<ToldVerdict>,
    /// The latest assessment of every series of the study; the one just given comes first.
    pub series: Vec<SeriesAssessment>,
    /// The alert that stands for the study.
    pub alert: Option<StandingAlert>,
}

/// What to tell: the study's assessment and the messages that carry it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The study's assessment over all its series.
    pub assessment: Assessment,
    /// Messages for the outbox.
    pub messages: Vec<OutboxMessage>,
    /// For the writer of results, where documents are wanted.
    pub result: Option<ResultToWrite>,
}

/// A revision that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// Its number.
    pub revision: u32,
    /// Its event id.
    pub event_id: String,
    /// The study's assessment as it was told.
    pub assessment: Assessment,
}

/// An acknowledgement that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Key of the study.
    pub study_key: String,
    /// Revision that it is for.
    pub revision: u32,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An acknowledgement as a clinic gives it.
#[derive(Clone, Copy, Debug)]
pub struct GivenAcknowledgement<'a> {
    /// Key of the study.
    pub study_key: &'a str,
    /// Revision that it is for; the latest where it does not say.
    pub revision: Option<u32>,
    /// Who.
    pub by: &'a str,
    /// What they wrote; for the audit trail only.
    pub note: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Commits an assessment of a series, and, where `tell` says so, a new revision of the study's verdict with its
    /// messages: one transaction. `tell` is called once, under the lock; `None` means that nothing new is to be told
    /// (the series' own state is recorded all the same).
    ///
    /// # Errors
    /// Nothing is committed then, and nothing will be sent.
    pub fn commit_verdict(
        &self,
        verdict: &SeriesVerdict,
        tell: impl FnOnce(&NextRevision) -> Option<Told>,
    ) -> Result<Option<Committed>, StoreError> {
        let committed = self.write(|tx| {
            update_series(tx, verdict)?;
            let next = next_revision(tx, verdict)?;
            let Some(told) = tell(&next) else { return Ok(None) };
            let seen = still_acknowledged(&next, &told.assessment);
            insert_revision(tx, &next, &told, seen, verdict.at)?;
            told.messages.iter().try_for_each(|message| outbox::insert(tx, message, verdict.at))?;
            alerts::follow(tx, &next, &told, seen.is_some())?;
            told.result.iter().try_for_each(|result| results::insert(tx, &next, result, verdict.at))?;
            Ok(Some(Committed { revision: next.revision, event_id: next.event_id, assessment: told.assessment }))
        })?;
        if committed.is_some() {
            self.committed.notify_one();
        }
        Ok(committed)
    }

    /// Records who acknowledged a study's verdict (`revision`, or the latest). The first acknowledgement of a revision
    /// stands. `None` when there is no such revision.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn acknowledge(
        &self,
        study_key: &str,
        revision: Option<u32>,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<Acknowledgement>, StoreError> {
        self.acknowledge_with(&GivenAcknowledgement { study_key, revision, by, note: None, at }, |_, _| None)
    }

    /// As [`Store::acknowledge`], and the message with which `confirm` tells it, in the same transaction. `confirm` is
    /// called once, under the lock, and only for the acknowledgement that stands.
    ///
    /// # Errors
    /// Nothing is recorded then, and nothing will be sent.
    pub fn acknowledge_with(
        &self,
        given: &GivenAcknowledgement<'_>,
        confirm: impl FnOnce(&ToldVerdict, &Acknowledgement) -> Option<OutboxMessage>,
    ) -> Result<Option<Acknowledgement>, StoreError> {
        let recorded = self.write(|tx| {
            let Some(told) = told(tx, given.study_key, given.revision)? else { return Ok(None) };
            let stands = |by: &str, at| {
                let study_key = told.study_key.clone();
                Acknowledgement { study_key, revision: told.revision, by: by.to_owned(), at }
            };
            if let Some((by, at)) = &told.acknowledged {
                return Ok(Some((stands(by, *at), false)));
            }
            tx.execute(
                "UPDATE verdicts SET acknowledged_by = ?, acknowledged_at = ? WHERE study_key = ? AND revision = ?",
                params![given.by, given.at.as_millisecond(), given.study_key, told.revision],
            )?;
            alerts::close(tx, given.study_key, told.revision)?;
            audit::append(tx, given.at, given.by, "acknowledge", Some(&told.event_id), given.note)?;
            let acknowledgement = stands(given.by, given.at);
            let message = confirm(&told, &acknowledgement);
            message.iter().try_for_each(|message| outbox::insert(tx, message, given.at))?;
            Ok(Some((acknowledgement, message.is_some())))
        })?;
        if recorded.as_ref().is_some_and(|(_, tells)| *tells) {
            self.committed.notify_one();
        }
        Ok(recorded.map(|(acknowledgement, _)| acknowledgement))
    }

    /// What was told last of a study.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn latest_verdict(&self, study_key: &str) -> Result<Option<ToldVerdict>, StoreError> {
        told(&self.lock(), study_key, None)
    }

    /// The latest revision of each of the `limit` studies that were told last, newest first; for the screen after a restart.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn recent_verdicts(&self, limit: u32) -> Result<Vec<ToldVerdict>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(
            "SELECT study_key, revision, event_id, supersedes, assessment, committed_at, acknowledged_by,
                 acknowledged_at FROM verdicts AS v
             WHERE revision = (SELECT max(revision) FROM verdicts WHERE study_key = v.study_key)
             ORDER BY committed_at DESC, study_key LIMIT ?",
        )?;
        let rows = query.query_map([limit], columns)?;
        rows.map(|row| row?.verdict()).collect()
    }
}

fn update_series(tx: &Transaction<'_>, verdict: &SeriesVerdict) -> Result<(), StoreError> {
    let state = if verdict.assessment.provisional { "open" } else { "final" };
    tx.prepare_cached(
        "INSERT INTO series (series_key, study_key, state, first_seen, last_slice, assessment)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5)
         ON CONFLICT (series_key) DO UPDATE SET state = excluded.state, assessment = excluded.assessment",
    )?
    .execute(params![
        verdict.series_key,
        verdict.study_key,
        state,
        verdict.at.as_millisecond(),
        json("series", &verdict.assessment)?
    ])?;
    Ok(())
}

fn next_revision(tx: &Transaction<'_>, verdict: &SeriesVerdict) -> Result<NextRevision, StoreError> {
    let study_key = verdict.study_key.clone();
    let previous = told(tx, &study_key, None)?;
    let revision = previous.as_ref().map_or(1, |told| told.revision + 1);
    let epoch: Option<String> =
        tx.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0)).optional()?;
    let event_id = match epoch {
        Some(epoch) => format!("{study_key}-{epoch}.{revision}"),
        None => format!("{study_key}-{revision}"),
    };
    let given = SeriesAssessment { series_key: verdict.series_key.clone(), assessment: verdict.assessment.clone() };
    let mut series = vec![given];
    series.extend(other_series(tx, verdict)?);
    let alert = alerts::of_study(tx, &study_key)?;
    Ok(NextRevision { study_key, revision, event_id, previous, series, alert })
}

fn other_series(tx: &Transaction<'_>, verdict: &SeriesVerdict) -> Result<Vec<SeriesAssessment>, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT series_key, assessment FROM series
         WHERE study_key = ? AND series_key <> ? AND assessment IS NOT NULL ORDER BY series_key",
    )?;
    let rows = query.query_map([&verdict.study_key, &verdict.series_key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (series_key, assessment): (String, String) = row?;
        Ok(SeriesAssessment { series_key, assessment: from_json("series", &assessment)? })
    })
    .collect()
}

/// An acknowledgement is kept as long as no new level is suspected, as on the screen.
fn still_acknowledged<'a>(next: &'a NextRevision, now: &Assessment) -> Option<&'a (String, Timestamp)> {
    let previous = next.previous.as_ref().filter(|told| told.assessment.verdict == Verdict::Suspected)?;
    let known = |level| previous.assessment.levels().any(|before| before == level);
    previous.acknowledged.as_ref().filter(|_| now.levels().all(known))
}

fn insert_revision(
    tx: &Transaction<'_>,
    next: &NextRevision,
    told: &Told,
    seen: Option<&(String, Timestamp)>,
    at: Timestamp,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO verdicts (study_key, revision, event_id, supersedes, assessment, committed_at, acknowledged_by,
             acknowledged_at)
         VALUES (?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        next.study_key,
        next.revision,
        next.event_id,
        next.previous.as_ref().map(|told| &told.event_id),
        json("verdicts", &told.assessment)?,
        at.as_millisecond(),
        seen.map(|(by, _)| by),
        seen.map(|(_, at)| at.as_millisecond())
    ])?;
    let words = summary(&told.assessment);
    audit::append(tx, at, audit::DEVICE, "verdict", Some(&next.event_id), Some(&words))
}

/// `suspected, provisional: C2, C5`.
fn summary(assessment: &Assessment) -> String {
    let provisional = if assessment.provisional { ", provisional" } else { "" };
    let levels: Vec<_> = assessment.findings.iter().map(|finding| finding.level.name()).collect();
    let colon = if levels.is_empty() { "" } else { ": " };
    format!("{}{provisional}{colon}{}", assessment.verdict.name(), levels.join(", "))
}

/// The given revision of a study, or its latest.
fn told(connection: &Connection, study_key: &str, revision: Option<u32>) -> Result<Option<ToldVerdict>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT study_key, revision, event_id, supersedes, assessment, committed_at, acknowledged_by, acknowledged_at
         FROM verdicts WHERE study_key = ?1 AND (?2 IS NULL OR revision = ?2) ORDER BY revision DESC LIMIT 1",
    )?;
    query.query_row(params![study_key, revision], columns).optional()?.map(Columns::verdict).transpose()
}

/// A row before its JSON is read.
struct Columns {
    told: (String, u32, String, Option<String>),
    assessment: String,
    times: (i64, Option<String>, Option<i64>),
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        told: (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?),
        assessment: row.get(4)?,
        times: (row.get(5)?, row.get(6)?, row.get(7)?),
    })
}

impl Columns {
    fn verdict(self) -> Result<ToldVerdict, StoreError> {
        let (study_key, revision, event_id, supersedes) = self.told;
        let (committed_at, by, at) = self.times;
        Ok(ToldVerdict {
            study_key,
            revision,
            event_id,
            supersedes,
            assessment: from_json("verdicts", &self.assessment)?,
            committed_at: timestamp(committed_at),
            acknowledged: by.zip(at.map(timestamp)),
        })
    }
}
