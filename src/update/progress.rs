//! How far an update is: said by the updater, shown by the daemon, in one small file that is replaced atomically.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::replace;

/// Progress that has not moved for this long is of an updater that has died.
const SILENT: Duration = Duration::from_secs(900);

/// Where an update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The bundle is read and checked; nothing is written.
    Checking,
    /// RAUC writes the other slot.
    Writing,
    /// Written; the device restarts into the other slot.
    Restarting,
    /// Written; it waits for a restart.
    Installed,
    /// Refused or failed; `words` say why.
    Failed,
    /// Nothing to do, nothing to tell.
    Idle,
}

impl Phase {
    /// In a word or two, for screens.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Checking => "Checking the bundle",
            Self::Writing => "Writing",
            Self::Restarting => "Restarting",
            Self::Installed => "Waits for a restart",
            Self::Failed => "Failed",
            Self::Idle => "",
        }
    }
}

/// What `progress.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is installed: `Spinewatch 0.3.0`; `an update` while the version is not known.
    pub what: String,
    /// Where it stands.
    pub phase: Phase,
    /// How far the phase is, 0 to 100.
    pub percent: Option<u8>,
    /// One line: what is done, or why it failed.
    pub words: String,
    /// Time since the boot at which this was written, s.
    pub uptime_secs: u64,
}

impl Progress {
    /// As of `now`, the time since the boot; an updater that has been silent for too long has failed.
    pub fn as_of(self, now: Duration) -> Self {
        let silent = now.saturating_sub(Duration::from_secs(self.uptime_secs)) > SILENT;
        match self.phase {
            Phase::Checking | Phase::Writing | Phase::Restarting if silent => {
                let uptime_secs = self.uptime_secs + SILENT.as_secs();
                Self { phase: Phase::Failed, words: "the updater has ended without a word".into(), uptime_secs, ..self }
            }
            _ => self,
        }
    }
}

/// `progress.json` in the updater's folder.
#[derive(Clone, Debug)]
pub struct ProgressFile(PathBuf);

impl ProgressFile {
    /// In `dir`, usually `/run/spinewatch-update`.
    pub fn within(dir: &Path) -> Self {
        Self(dir.join("progress.json"))
    }

    /// Replaces it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, progress: &Progress) -> io::Result<()> {
        replace(&self.0, &serde_json::to_vec(progress)?)
    }

    /// What it says; `None` without an update since the boot, or when it is not readable.
    pub fn read(&self) -> Option<Progress> {
        serde_json::from_slice(&std::fs::read(&self.0).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn progress(phase: Phase) -> Progress {
        let what = "Spinewatch 0.2.0".to_owned();
        Progress { what, phase, percent: Some(40), words: "writing rootfs.1".into(), uptime_secs: 100 }
    }

    #[test]
    fn what_the_updater_says_is_what_the_daemon_reads() {
        let dir = tempfile::tempdir().unwrap();
        let file = ProgressFile::within(dir.path());
        assert_eq!(file.read(), None);
        file.write(&progress(Phase::Writing)).unwrap();
        file.write(&progress(Phase::Restarting)).unwrap();
        assert_eq!(file.read(), Some(progress(Phase::Restarting)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no other file stays");
    }

    #[test]
    fn an_updater_that_has_died_has_failed() {
        let at = |secs| progress(Phase::Writing).as_of(Duration::from_secs(secs)).phase;
        assert_eq!((at(100), at(1000), at(1001)), (Phase::Writing, Phase::Writing, Phase::Failed));
        assert_eq!(progress(Phase::Installed).as_of(Duration::from_secs(9999)).phase, Phase::Installed);
    }
}
