//! How a clinic reaches the broker, from the command line.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::clinic::{Clinic, Rules};
use crate::config::MqttSettings;
use crate::publish::{Connection, Topics};

/// The broker keeps a clinic's session, and with it every alert, for so long while it is away.
const SESSION: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// How a clinic reaches the broker.
#[derive(Debug, Args)]
pub struct BrokerArgs {
    /// The broker: mqtt://HOST:PORT, or mqtts://HOST:PORT with --ca-file. Further ones are tried in turn.
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    broker: Vec<String>,
    /// Certificate authority of the broker, PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Certificate of this clinic, PEM.
    #[arg(long, value_name = "FILE")]
    certificate_file: Option<PathBuf>,
    /// Key of that certificate, PEM.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// User name.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// File whose first line is the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Only the devices of this site.
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Only this device.
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Name of this workplace, unique at the broker. Default: the host's name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// An alert that nobody has acknowledged for so long is marked as overdue.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    overdue_secs: u64,
}

impl BrokerArgs {
    /// Name of this workplace.
    pub fn name(&self) -> String {
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.name.clone().unwrap_or_else(host)
    }

    /// Starts to listen (inside a tokio runtime). `verb` keeps the sessions of two verbs on one host apart.
    pub fn listen(&self, verb: &str) -> anyhow::Result<Clinic> {
        let mqtt = MqttSettings {
            url: self.broker.first().cloned().unwrap_or_default(),
            fallback_urls: self.broker.iter().skip(1).cloned().collect(),
            username: self.username.clone(),
            password_file: self.password_file.clone(),
            ca_file: self.ca_file.clone(),
            certificate_file: self.certificate_file.clone(),
            key_file: self.key_file.clone(),
            ..MqttSettings::default()
        };
        let connection =
            Connection::from_config(&mqtt, &client_id(verb, &self.name())).context("cannot reach the broker so")?;
        let connection = Connection { session_expiry: SESSION, ..connection };
        let filter = Topics::everything_of(self.site.as_deref(), self.device.as_deref())?;
        let rules = Rules { overdue: std::time::Duration::from_secs(self.overdue_secs), ..Rules::default() };
        Ok(Clinic::start(connection, filter, rules, &plain(&self.name())))
    }
}

/// Always the same for a workplace, so that the broker keeps its session.
fn client_id(verb: &str, name: &str) -> String {
    format!("spinewatch-{verb}-{}", plain(name))
}

/// Letters, digits and dashes.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workplace_has_always_the_same_client_id() {
        assert_eq!(client_id("clinic", "ER desk 2"), "spinewatch-clinic-ER-desk-2");
        assert_ne!(client_id("clinic", "a"), client_id("watch", "a"));
    }
}
