//! What the updater says, taken over by the daemon: the screen shows it, the wire and the audit trail say how it ended.
//!
//! The updater writes files, the daemon reads them; never the other way round.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Settings;
use crate::display::{Fault, Phase, Words};
use crate::publish::LastUpdate;
use crate::store::{AuditEntry, DEVICE, Store, StoreError};
use crate::update::{self, Entry, Outcome, Progress, ProgressFile, Records};

/// A refusal is shown for this long.
const SHOWN: Duration = Duration::from_secs(600);

/// Reads what the updater left.
#[derive(Debug)]
pub struct Updates {
    progress: ProgressFile,
    records: Records,
    history: Vec<Entry>,
    /// Size and time of the history that was read last.
    read: Option<(u64, std::time::SystemTime)>,
}

impl Updates {
    /// Where the settings say that the updater writes.
    pub fn of_device(settings: &Settings) -> Self {
        Self {
            progress: ProgressFile::within(&settings.update.run_dir),
            records: Records::within(&settings.state.dir),
            history: Vec::new(),
            read: None,
        }
    }

    /// Takes over what is new, once each, onto the audit trail.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn take_over(&mut self, store: &Store) -> Result<(), StoreError> {
        let path: PathBuf = self.records.history_file();
        let now = std::fs::metadata(path).ok().and_then(|file| Some((file.len(), file.modified().ok()?)));
        if now == self.read {
            return Ok(());
        }
        self.history = self.records.history();
        for entry in &self.history {
            store.audit_numbered("updates", entry.number, &audit_entry(entry))?;
        }
        self.read = now;
        Ok(())
    }

    /// What the screen shows instead of its idle work while an update runs.
    pub fn phase(&self) -> Option<Phase> {
        phase(&self.progress.read()?.as_of(update::uptime()))
    }

    /// What went wrong a short time ago.
    pub fn fault(&self) -> Option<Fault> {
        fresh_fault(&self.progress.read()?, update::uptime())
    }

    /// Version and reason of the update that was rolled back, until one proves itself.
    pub fn rolled_back(&self) -> Option<(String, String)> {
        rolled_back(&self.history)
    }

    /// How the last update ended, for the wire.
    pub fn last(&self) -> Option<LastUpdate> {
        self.history.iter().rev().find(|entry| entry.outcome != Outcome::Installed).map(told)
    }
}

/// Checking, writing and restarting take the screen.
fn phase(progress: &Progress) -> Option<Phase> {
    let is_at_work =
        matches!(progress.phase, update::Phase::Checking | update::Phase::Writing | update::Phase::Restarting);
    is_at_work.then(|| Phase::Updating {
        what: Words::new(&progress.what),
        step: Words::new(progress.phase.words()),
        percent: progress.percent,
    })
}

/// A refusal in words, while it is news.
fn fresh_fault(progress: &Progress, now: Duration) -> Option<Fault> {
    let progress = progress.clone().as_of(now);
    let age = now.saturating_sub(Duration::from_secs(progress.uptime_secs));
    (progress.phase == update::Phase::Failed && age <= SHOWN)
        .then(|| Fault::UpdateRefused { reason: Words::new(&progress.words) })
}

fn rolled_back(history: &[Entry]) -> Option<(String, String)> {
    let ended = |entry: &&Entry| matches!(entry.outcome, Outcome::Proved | Outcome::RolledBack | Outcome::Undone);
    let last = history.iter().rev().find(ended).filter(|entry| entry.outcome == Outcome::RolledBack)?;
    Some((version(last), last.why.clone().unwrap_or_else(|| "no reason is recorded".to_owned())))
}

fn version(entry: &Entry) -> String {
    entry.version.clone().unwrap_or_else(|| "an update".to_owned())
}

/// Words of refusals name files; outside the device their code does.
fn told(entry: &Entry) -> LastUpdate {
    LastUpdate {
        outcome: entry.outcome.code().to_owned(),
        version: entry.version.clone(),
        code: entry.code.clone(),
        why: entry.why.clone().filter(|_| entry.outcome == Outcome::RolledBack),
    }
}

fn audit_entry(entry: &Entry) -> AuditEntry {
    let why = match (&entry.code, &entry.why) {
        (Some(code), _) => Some(code.clone()),
        (None, why) => why.clone(),
    };
    let detail = match (&entry.version, why) {
        (Some(version), Some(why)) => format!("{version}: {why}"),
        (Some(version), None) => version.clone(),
        (None, why) => why.unwrap_or_default(),
    };
    AuditEntry {
        at: entry.at,
        actor: DEVICE.into(),
        action: format!("update_{}", entry.outcome.code()),
        subject: None,
        detail: Some(detail),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::Timestamp;

    use super::*;
    use crate::update::Source;

    fn entry(outcome: Outcome, code: Option<&str>) -> Entry {
        Entry {
            number: 0,
            at: Timestamp::from_second(1_800_000_000).unwrap(),
            outcome,
            version: Some("0.2.0".into()),
            bundle: None,
            why: Some("models: detector 1 is refused".into()),
            code: code.map(Into::into),
            source: Source::Stick,
            reference: None,
        }
    }

    fn progress(phase: update::Phase) -> Progress {
        let words = "x.raucb is damaged: copy it again".to_owned();
        Progress { what: "Spinewatch 0.2.0".into(), phase, percent: Some(5), words, uptime_secs: 1000 }
    }

    #[test]
    fn an_update_that_was_rolled_back_is_told_until_one_proves_itself() {
        let (back, good) = (entry(Outcome::RolledBack, None), entry(Outcome::Proved, None));
        let (refused, undone) = (entry(Outcome::Refused, Some("older")), entry(Outcome::Undone, None));
        assert_eq!(rolled_back(&[]), None);
        let told = Some(("0.2.0".into(), "models: detector 1 is refused".into()));
        assert_eq!(rolled_back(&[good.clone(), back.clone(), refused.clone()]), told);
        assert_eq!(rolled_back(&[back.clone(), entry(Outcome::Installed, None)]), told, "installed proves nothing");
        assert_eq!(rolled_back(&[back.clone(), good]), None);
        assert_eq!(rolled_back(&[back, undone]), None);
    }

    #[test]
    fn the_screen_shows_an_update_at_work_and_a_refusal_for_a_while() {
        let secs = Duration::from_secs;
        for (at_work, is) in [
            (update::Phase::Checking, true),
            (update::Phase::Writing, true),
            (update::Phase::Restarting, true),
            (update::Phase::Installed, false),
            (update::Phase::Failed, false),
            (update::Phase::Idle, false),
        ] {
            assert_eq!(phase(&progress(at_work)).is_some(), is, "{at_work:?}");
            let failed = at_work == update::Phase::Failed;
            assert_eq!(fresh_fault(&progress(at_work), secs(1600)).is_some(), failed, "{at_work:?}");
        }
        assert_eq!(fresh_fault(&progress(update::Phase::Failed), secs(1601)), None);
        assert!(fresh_fault(&progress(update::Phase::Writing), secs(1901)).is_some(), "its updater has died");
        assert_eq!(fresh_fault(&progress(update::Phase::Writing), secs(2501)), None, "that is known by now");
    }

    #[test]
    fn each_outcome_comes_onto_the_audit_trail_once_and_names_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("s.db"), Timestamp::UNIX_EPOCH).unwrap();
        let mut settings = Settings::default();
        settings.state.dir = folder.path().to_owned();
        let records = Records::within(folder.path());
        let mut updates = Updates::of_device(&settings);
        updates.take_over(&store).unwrap();
        let refused = Entry { why: Some("secret.raucb is damaged".into()), ..entry(Outcome::Refused, Some("damaged")) };
        records.append(refused).unwrap();
        updates.take_over(&store).unwrap();
        records.append(entry(Outcome::RolledBack, None)).unwrap();
        updates.take_over(&store).unwrap();
        Updates::of_device(&settings).take_over(&store).unwrap();
        let trail = store.audit_trail(9).unwrap();
        let told: Vec<_> =
            trail.iter().rev().map(|e| format!("{} {}", e.action, e.detail.as_deref().unwrap())).collect();
        assert_eq!(told, ["update_refused 0.2.0: damaged", "update_rolled_back 0.2.0: models: detector 1 is refused"]);
        assert_eq!(updates.last().unwrap().outcome, "rolled_back");
    }
}
