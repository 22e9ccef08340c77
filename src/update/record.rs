//! What the updater remembers over restarts: the update that waits for its proof, and how each one ended.
//!
//! Never overwrites in place: a power cut leaves the file before or the file after.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Outcomes that are kept.
const KEPT: usize = 100;

/// Where a bundle came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A stick or another device.
    Stick,
    /// A file that was named.
    File,
    /// A hawkBit server.
    Hawkbit,
}

/// An update that RAUC was asked for and that has neither proved itself nor ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Version of the bundle.
    pub version: String,
    /// SHA-256 of its manifest, hex.
    pub bundle: String,
    /// RAUC's name of the slot that asked.
    pub from_slot: String,
    /// RAUC's name of the slot that is written.
    pub to_slot: String,
    /// Where it came from.
    pub source: Source,
    /// The server's number of it, to report its end to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The boot in which it was asked for.
    pub boot_id: String,
    /// When; the clock may not be trusted.
    #[serde(with = "as_text")]
    pub at: Timestamp,
    /// RAUC has written all of it.
    pub written: bool,
    /// It is to be rolled back, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condemned: Option<String>,
}

/// How an update ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Written; not proved.
    Installed,
    /// The new system is good.
    Proved,
    /// The old system runs again.
    RolledBack,
    /// The old system runs again, because a person wanted it.
    Undone,
    /// Nothing was written.
    Refused,
    /// Writing began and did not end well; the running system is untouched.
    Failed,
}

impl Outcome {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Installed => "installed, not proved yet",
            Self::Proved => "proved",
            Self::RolledBack => "rolled back",
            Self::Undone => "rolled back by hand",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// On the wire and on the audit trail.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Proved => "proved",
            Self::RolledBack => "rolled_back",
            Self::Undone => "undone",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A line of `history.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up over the life of the device.
    pub number: u64,
    /// When; the clock may not be trusted.
    #[serde(with = "as_text")]
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Version of the bundle, where it was read so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// SHA-256 of its manifest, hex, where it was read so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// Why, in one line, where it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Which refusal, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where it came from.
    pub source: Source,
    /// The server's number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Entry {
    /// How `pending` ended. The number is given by [`Records::append`].
    pub fn of(pending: &Pending, outcome: Outcome, why: Option<String>, at: Timestamp) -> Self {
        Self {
            number: 0,
            at,
            outcome,
            version: Some(pending.version.clone()),
            bundle: Some(pending.bundle.clone()),
            why,
            code: None,
            source: pending.source,
            reference: pending.reference.clone(),
        }
    }
}

/// The updater's files cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct RecordError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// The folder of the updater's records, `update` in the state folder.
#[derive(Clone, Debug)]
pub struct Records(PathBuf);

impl Records {
    /// In the state folder `state_dir`. Nothing is read or made.
    pub fn within(state_dir: &Path) -> Self {
        Self(state_dir.join("update"))
    }

    /// The update that waits for its proof.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn pending(&self) -> Result<Option<Pending>, RecordError> {
        let path = self.0.join("pending.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError { path, source }),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| RecordError { path, source: error.into() })
    }

    /// Remembers it, durably.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn set_pending(&self, pending: &Pending) -> Result<(), RecordError> {
        self.write("pending.json", &serde_json::to_vec_pretty(pending).unwrap_or_default())
    }

    /// Records how the pending update ended, then forgets it: a power cut between the two tells it twice, never not.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn conclude(&self, entry: Entry) -> Result<(), RecordError> {
        self.append(entry)?;
        let path = self.0.join("pending.json");
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(RecordError { path, source }),
            _ => sync(&self.0).map_err(|source| RecordError { path: self.0.clone(), source }),
        }
    }

    /// The file of [`Self::history`], for whoever asks whether it has changed.
    pub fn history_file(&self) -> PathBuf {
        self.0.join("history.jsonl")
    }

    /// How updates ended, oldest first. Lines that are not understood are passed over.
    pub fn history(&self) -> Vec<Entry> {
        let text = std::fs::read_to_string(self.history_file()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Appends an outcome with the next number; the oldest go.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn append(&self, entry: Entry) -> Result<(), RecordError> {
        let mut history = self.history();
        let number = history.last().map_or(0, |last| last.number) + 1;
        history.push(Entry { number, ..entry });
        let first = history.len().saturating_sub(KEPT);
        let lines = history[first..].iter().filter_map(|entry| serde_json::to_string(entry).ok());
        self.write("history.jsonl", lines.fold(String::new(), |text, line| text + &line + "\n").as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
        let path = self.0.join(name);
        let written = self.folder().and_then(|()| replace(&path, bytes));
        written.map_err(|source| RecordError { path, source })
    }

    /// The state folder belongs to the daemon's account: what it may have put in the way is not followed.
    pub(super) fn folder(&self) -> io::Result<()> {
        match std::fs::symlink_metadata(&self.0) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, "not a folder: remove it")),
            Err(_) => DirBuilder::new().recursive(true).mode(0o755).create(&self.0),
        }
    }
}

/// A time as RFC 3339 has it.
mod as_text {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Replaces `path` by a file with `bytes` that everybody may read: whole and on the disk, or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("/"));
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(dir)?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync(dir)
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn pending() -> Pending {
        Pending {
            version: "0.2.0".into(),
            bundle: "ab".repeat(32),
            from_slot: "rootfs.0".into(),
            to_slot: "rootfs.1".into(),
            source: Source::Stick,
            reference: None,
            boot_id: "b1".into(),
            at: Timestamp::UNIX_EPOCH,
            written: false,
            condemned: None,
        }
    }

    #[test]
    fn a_pending_update_is_remembered_until_it_has_ended() {
        let state = tempfile::tempdir().unwrap();
        let records = Records::within(state.path());
        assert_eq!(records.pending().unwrap(), None);
        records.set_pending(&pending()).unwrap();
        records.set_pending(&Pending { written: true, ..pending() }).unwrap();
        assert!(records.pending().unwrap().unwrap().written);
        records.conclude(Entry::of(&pending(), Outcome::Proved, None, Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(records.pending().unwrap(), None);
        let [entry] = &records.history()[..] else { panic!("one outcome") };
        assert_eq!((entry.number, entry.outcome, entry.version.as_deref()), (1, Outcome::Proved, Some("0.2.0")));
    }

    #[test]
    fn the_history_keeps_the_newest_and_goes_on_counting() {
        let state = tempfile::tempdir().unwrap();
        let records = Records::within(state.path());
        for _ in 0..KEPT + 5 {
            records.append(Entry::of(&pending(), Outcome::Refused, None, Timestamp::UNIX_EPOCH)).unwrap();
        }
        let history = records.history();
        assert_eq!((history.len(), history[0].number, history[KEPT - 1].number), (KEPT, 6, 105));
    }

    #[test]
    fn a_link_in_the_place_of_the_folder_is_not_followed() {
        let state = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), state.path().join("update")).unwrap();
        let error = Records::within(state.path()).set_pending(&pending()).unwrap_err();
        assert!(error.to_string().contains("not a folder"), "{error}");
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
