//! What is remembered of hawkBit's action over restarts and power cuts: one small file, replaced whole.
//!
//! An older system may read what a newer one wrote (after a rollback): unknown members are passed over.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::item::Item;
use crate::update::replace;

/// File in the updater's folder.
const FILE: &str = "hawkbit.json";

/// The memory of the poller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Whose numbers these are: [`server_key`].
    pub server: String,
    /// What is being carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// What was carried out last, and was told: the server may ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Closed>,
}

/// An action of the server's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The server's number of it.
    pub id: String,
    /// What is to be installed; absent where that was refused already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
    /// How far it is.
    pub stage: Stage,
    /// The server knows of this stage.
    #[serde(default)]
    pub told: bool,
    /// How often the installation was begun.
    #[serde(default)]
    pub tries: u32,
}

/// How far an action is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The file is not whole.
    Downloading,
    /// The file is whole; the server decides when it may be installed.
    Downloaded,
    /// The installer was called.
    Installing,
    /// It is installed; only the next boot says whether it stays.
    Proving,
    /// It has ended, and the server is to be told.
    Finished(Outcome),
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The new system has proved itself.
    pub success: bool,
    /// In words, a line each.
    pub details: Vec<String>,
}

impl Outcome {
    /// It ended well.
    pub fn success(detail: impl Into<String>) -> Self {
        Self { success: true, details: vec![detail.into()] }
    }

    /// It did not.
    pub fn failure(why: impl Into<String>) -> Self {
        Self { success: false, details: vec![why.into()] }
    }
}

/// An action whose end the server knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The server's number of it.
    pub id: String,
    /// SHA-256 of what was to be installed; empty where that was refused.
    #[serde(default)]
    pub sha256: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// A short name for a server with its tenant and the device's name there. Another server counts its actions anew.
pub fn server_key(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize()[..4].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl Action {
    /// SHA-256 of what is to be installed; empty where that was refused.
    pub fn sha256(&self) -> &str {
        self.item.as_ref().map_or("", |item| &item.sha256)
    }
}

impl Record {
    /// Empty, for `server`.
    pub fn of(server: &str) -> Self {
        Self { server: server.to_owned(), ..Self::default() }
    }

    /// The name under which the installer remembers an action: the same number of another server, or with other bytes, is
    /// another action.
    pub fn reference(&self, id: &str, sha256: &str) -> String {
        format!("{id}.{}.{}", self.server, sha256.get(..16).unwrap_or_default())
    }

    /// Reads the record in `folder`. One that is damaged counts as none: what the installer remembers keeps an action from
    /// being installed twice.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(folder: &Path) -> io::Result<Self> {
        let text = match std::fs::read(folder.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::error!(%error, "the record of hawkBit's action is damaged and counts as none");
            Self::default()
        }))
    }

    /// Replaces the record in `folder`; durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written; the one before stands then.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        replace(&folder.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// The record with its action at `stage`, of which the server does not know yet.
    #[must_use]
    pub fn at(self, stage: Stage) -> Self {
        let action = self.action.map(|action| Action { stage, told: false, ..action });
        Self { action, ..self }
    }

    /// The server knows of the action's stage.
    #[must_use]
    pub fn told(self) -> Self {
        Self { action: self.action.map(|action| Action { told: true, ..action }), ..self }
    }

    /// The installer is about to be called.
    #[must_use]
    pub fn installing(self) -> Self {
        let tried = self.action.map(|action| Action { tries: action.tries + 1, ..action });
        Self { action: tried, ..self }.at(Stage::Installing)
    }

    /// The installer was called in vain, through no fault of the bundle: that try does not count.
    #[must_use]
    pub fn put_off(self) -> Self {
        let untried = self.action.map(|action| Action { tries: action.tries.saturating_sub(1), ..action });
        Self { action: untried, ..self }.at(Stage::Downloaded).told()
    }

    /// The server knows how the action ended.
    #[must_use]
    pub fn closed(self) -> Self {
        let last = match self.action {
            Some(Action { ref id, stage: Stage::Finished(ref outcome), ref item, .. }) => {
                let sha256 = item.as_ref().map_or_else(String::new, |item| item.sha256.clone());
                Some(Closed { id: id.clone(), sha256, outcome: outcome.clone() })
            }
            _ => self.last,
        };
        Self { action: None, last, ..self }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn record(stage: Stage) -> Record {
        let action = Action { id: "8".into(), item: None, stage, told: true, tries: 1 };
        Record { action: Some(action), ..Record::of("ab12cd34") }
    }

    #[test]
    fn what_is_saved_is_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::load(folder.path()).unwrap(), Record::default());
        for stage in [Stage::Installing, Stage::Finished(Outcome::failure("rolled back"))] {
            record(stage.clone()).save(folder.path()).unwrap();
            assert_eq!(Record::load(folder.path()).unwrap(), record(stage));
        }
    }

    #[test]
    fn a_damaged_record_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{\"action\":{\"id\"").unwrap();
        assert_eq!(Record::load(folder.path()).unwrap(), Record::default());
    }

    #[test]
    fn a_record_of_a_newer_system_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let newer = r#"{"action":{"id":"8","stage":"proving","mood":"good"},"weather":1}"#;
        std::fs::write(folder.path().join(FILE), newer).unwrap();
        assert_eq!(Record::load(folder.path()).unwrap().action.unwrap().stage, Stage::Proving);
    }

    #[test]
    fn the_same_number_of_another_server_or_with_other_bytes_is_another_action() {
        let of = |server: &[&str], sha: &str| Record::of(&server_key(server)).reference("8", sha);
        let here = of(&["https://a", "DEFAULT", "ct-1"], &"ab".repeat(32));
        assert_eq!(here, of(&["https://a", "DEFAULT", "ct-1"], &"ab".repeat(32)));
        assert_ne!(here, of(&["https://a", "DEFAULTc", "t-1"], &"ab".repeat(32)));
        assert_ne!(here, of(&["https://a", "DEFAULT", "ct-1"], &"cd".repeat(32)));
    }
}
