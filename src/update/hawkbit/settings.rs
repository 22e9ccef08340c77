//! How the server is reached: checked settings out of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use super::access::{Access, Credential};
use super::poller::Settings;
use crate::config::{HawkbitToken, Settings as Config};
use crate::health::Sensors;
use crate::publish::tls::{CertificateClock, TlsError};
use crate::publish::{self, Tls, device_tls};

/// Why the settings cannot be used. Names the key of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The token's file.
    #[error("update.hawkbit_token_file: cannot read {}: {source}", .path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A token is a word.
    #[error("update.hawkbit_token_file: the first line of {} is no token: letters and digits, without spaces", .0.display())]
    NoToken(PathBuf),
    /// Certificates.
    #[error("{0}")]
    Tls(String),
}

/// The poller's settings; `None` without `update.hawkbit_url`.
///
/// # Errors
/// [`SettingsError`], naming the key of the configuration and the file.
pub fn of(config: &Config) -> Result<Option<Settings>, SettingsError> {
    let update = &config.update;
    let Some(url) = &update.hawkbit_url else { return Ok(None) };
    let secured = url.starts_with("https://");
    let access = Access {
        url: url.clone(),
        tenant: update.hawkbit_tenant.clone(),
        controller: update.hawkbit_controller.as_ref().unwrap_or(&config.device.name).clone(),
        credential: credential(config)?,
        tls: secured.then(|| tls(config)).transpose()?,
    };
    Ok(Some(Settings {
        access,
        downloads: config.state.dir.join("update").join("download"),
        reserve: config.health.disk_free_min_mib << 20,
        shortest: Duration::from_secs(update.hawkbit_poll_min_secs),
        longest: Duration::from_secs(update.hawkbit_poll_max_secs),
        confirms: update.hawkbit_confirm,
    }))
}

fn credential(config: &Config) -> Result<Option<Credential>, SettingsError> {
    let Some(path) = &config.update.hawkbit_token_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Token { path: path.clone(), source })?;
    let token = text.lines().next().unwrap_or_default().trim().to_owned();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SettingsError::NoToken(path.clone()));
    }
    Ok(Some(match config.update.hawkbit_token {
        HawkbitToken::Target => Credential::TargetToken(token),
        HawkbitToken::Gateway => Credential::GatewayToken(token),
    }))
}

/// The device's certificate is the one that it shows to the broker.
fn tls(config: &Config) -> Result<Tls, SettingsError> {
    let (own, mqtt) = (config.update.hawkbit_ca_file.clone(), &config.mqtt);
    // lists of the broker's authority say nothing about another
    let crl = if own.is_none() { mqtt.crl_file.clone() } else { None };
    let named = if own.is_some() { "update.hawkbit_ca_file" } else { "mqtt.ca_file" };
    let missing = || SettingsError::Tls("update.hawkbit_ca_file: needed for https".into());
    let ca = own.or_else(|| mqtt.ca_file.clone()).ok_or_else(missing)?;
    let tls = device_tls(mqtt, ca, crl).map_err(|error| SettingsError::Tls(words(&error, named)))?;
    Ok(tls.verified_by(CertificateClock::sensed(Sensors::new(config.state.dir.clone()), &config.state.dir)))
}

fn words(error: &publish::SettingsError, named: &str) -> String {
    match error {
        publish::SettingsError::Tls(TlsError::Unreadable { key: "ca_file", path, source }) => {
            format!("{named}: cannot read {}: {source}", path.display())
        }
        publish::SettingsError::Tls(TlsError::Unusable { key: "ca_file", path, problem }) => {
            format!("{named}: {}: {problem}", path.display())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;

    fn config(more: &str) -> Config {
        let text = format!("[device]\nname = 'ct-1'\n[update]\nhawkbit_url = 'http://h:8080/'\n{more}");
        Config::parse(&text, Path::new("spinewatch.toml")).unwrap()
    }

    #[test]
    fn the_first_line_of_the_file_is_the_token_and_is_sent_as_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "4f2d\nnotes\n").unwrap();
        let line = format!("hawkbit_token_file = '{}'\n", file.display());
        let target = of(&config(&line)).unwrap().unwrap().access;
        assert_eq!(target.credential, Some(Credential::TargetToken("4f2d".into())));
        assert_eq!((target.tenant.as_str(), target.controller.as_str()), ("DEFAULT", "ct-1"));
        let gateway = config(&format!("{line}hawkbit_token = 'gateway'\nhawkbit_controller = 'other'\n"));
        let gateway = of(&gateway).unwrap().unwrap().access;
        assert_eq!(gateway.credential, Some(Credential::GatewayToken("4f2d".into())));
        assert_eq!(gateway.controller, "other");
        std::fs::write(&file, "two words\n").unwrap();
        assert!(of(&config(&line)).unwrap_err().to_string().contains("no token"));
    }

    #[test]
    fn a_file_that_is_missing_is_named_with_its_key() {
        let error = of(&config("hawkbit_token_file = '/nowhere/token'\n")).unwrap_err().to_string();
        assert!(error.contains("update.hawkbit_token_file") && error.contains("/nowhere/token"), "{error}");
        let mut secured = config("hawkbit_token_file = '/nowhere/token'\nhawkbit_ca_file = '/nowhere/ca.pem'\n");
        secured.update.hawkbit_url = Some("https://h".into());
        secured.update.hawkbit_token_file = None;
        let error = of(&secured).unwrap_err().to_string();
        assert!(error.starts_with("update.hawkbit_ca_file: cannot read /nowhere/ca.pem"), "{error}");
        assert!(of(&Config::default()).unwrap().is_none());
    }

    #[test]
    fn a_server_without_authentication_or_authority_is_refused_with_the_cure() {
        let refused = |text: &str| Config::parse(text, Path::new("x.toml")).unwrap_err().to_string();
        let bare = refused("[update]\nhawkbit_url = 'https://h'\n");
        assert!(bare.contains("update.hawkbit_ca_file") && bare.contains("update.hawkbit_token_file"), "{bare}");
        let broker = refused("[update]\nhawkbit_url = 'mqtts://h'\nhawkbit_token_file = '/t'\n");
        assert!(broker.contains("https://HOST"), "{broker}");
        let path =
            refused("[update]\nhawkbit_tenant = '../x'\nhawkbit_poll_min_secs = 3000\nhawkbit_poll_max_secs = 60\n");
        assert!(path.contains("update.hawkbit_tenant") && path.contains("hawkbit_poll_min_secs"), "{path}");
    }
}
