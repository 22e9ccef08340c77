//! `[update]`: when a new system counts as proved, where the updater says how far it is, and which server is asked for bundles.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the first line of `hawkbit_token_file` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HawkbitToken {
    /// The security token of this target.
    #[default]
    Target,
    /// The token of a gateway, good for every target of the tenant.
    Gateway,
}

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
    /// Address of the hawkBit server; none is asked when absent.
    pub hawkbit_url: Option<String>,
    /// The server's tenant.
    pub hawkbit_tenant: String,
    /// The device's name at the server; `device.name` when absent.
    pub hawkbit_controller: Option<String>,
    /// What `hawkbit_token_file` holds.
    pub hawkbit_token: HawkbitToken,
    /// File whose first line is the token; the device's certificate alone when absent.
    pub hawkbit_token_file: Option<PathBuf>,
    /// Authority of the server's certificate, PEM; `mqtt.ca_file` when absent.
    pub hawkbit_ca_file: Option<PathBuf>,
    /// Shortest time between two polls, whatever the server wishes.
    pub hawkbit_poll_min_secs: u64,
    /// Longest time between two polls, whatever the server wishes.
    pub hawkbit_poll_max_secs: u64,
    /// Gives the consent that a server with confirmations asks for.
    pub hawkbit_confirm: bool,
}

impl Default for UpdateSettings {
    fn default() -> Self {
        Self {
            run_dir: "/run/spinewatch-update".into(),
            settled_secs: 20,
            limit_secs: 300,
            hawkbit_url: None,
            hawkbit_tenant: "DEFAULT".into(),
            hawkbit_controller: None,
            hawkbit_token: HawkbitToken::default(),
            hawkbit_token_file: None,
            hawkbit_ca_file: None,
            hawkbit_poll_min_secs: 30,
            hawkbit_poll_max_secs: 3_600,
            hawkbit_confirm: false,
        }
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
