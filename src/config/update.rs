//! `[update]`: when a new system counts as proved, and where the updater says how far it is.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[update]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateSettings {
    /// Folder in which the updater says how far it is; the daemon shows it.
    pub run_dir: PathBuf,
    /// A new system is proved when screen, models and store were good for this long without a break.
    pub settled_secs: u64,
    /// A new system that was not proved after this long is rolled back.
    pub limit_secs: u64,
}

impl Default for UpdateSettings {
    fn default() -> Self {
        Self { run_dir: "/run/spinewatch-update".into(), settled_secs: 20, limit_secs: 300 }
    }
}

impl UpdateSettings {
    /// How long a new system must be good.
    pub const fn settled(&self) -> Duration {
        Duration::from_secs(self.settled_secs)
    }

    /// How long it may take until then.
    pub const fn limit(&self) -> Duration {
        Duration::from_secs(self.limit_secs)
    }
}
