//! How the broker is reached: checked settings out of the configuration.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::client::Protocol;
use super::tls::{CertificateClock, ClientFiles, ClientKey, Tls, TlsError, TlsFiles, TokenKey};
use super::topics::{InvalidName, Topics};
use crate::config::{DeviceSettings, MqttProtocol, MqttSettings};

/// Address of a broker: `mqtt://HOST[:1883]` or `mqtts://HOST[:8883]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Name or address, an IPv6 address without its brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS.
    pub tls: bool,
}

/// User name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password, may be empty.
    pub password: String,
}

/// How to reach the broker.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where.
    pub url: BrokerUrl,
    /// Where else, tried in turn when a connection cannot be made or is lost.
    pub fallback: Vec<BrokerUrl>,
    /// The version of MQTT; `None` finds out.
    pub protocol: Option<Protocol>,
    /// MQTT client id: unique at the broker, and always the same.
    pub client_id: String,
    /// Given exactly when the URL says `mqtts`.
    pub tls: Option<Tls>,
    /// If the broker asks for it.
    pub credentials: Option<Credentials>,
    /// MQTT keep alive, at least 1 s.
    pub keep_alive: Duration,
    /// How long the broker keeps the session (and with it, acknowledgements that came while the device was offline).
    pub session_expiry: Duration,
}

/// Everything that the publisher needs to know.
#[derive(Clone)]
pub struct Settings {
    /// How to reach the broker.
    pub connection: Connection,
    /// Who this device is.
    pub topics: Topics,
    /// Limits of delivery.
    pub limits: super::Limits,
}

/// Why the settings cannot be used. Names the key of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL has another form.
    #[error("mqtt.url: `{0}` is not of the form mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")]
    Url(String),
    /// Another form, in the list.
    #[error("mqtt.fallback_urls: `{0}` is not of the form mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")]
    Fallback(String),
    /// One with TLS, one without.
    #[error("mqtt.fallback_urls: `{0}` and mqtt.url must both be mqtts://, or both mqtt://")]
    MixedTls(String),
    /// User and password do not belong into a URL.
    #[error("mqtt.url: user and password go into mqtt.username and mqtt.password_file")]
    CredentialsInUrl,
    /// Site or device.
    #[error("device: {0}")]
    Name(#[from] InvalidName),
    /// A file of the configuration cannot be read.
    #[error("mqtt.{key}: cannot read {}: {source}", .path.display())]
    File {
        /// Key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The key of the certificate is to be in a token, which this build cannot open.
    #[error("mqtt.{0}: this build has no PKCS#11; build it with `--features pkcs11`, or use mqtt.key_file")]
    NeedsPkcs11(&'static str),
    /// The key of the certificate cannot be in two places.
    #[error("mqtt.key_file: the key is in the token of mqtt.pkcs11_key; give one of them")]
    TwoKeys,
    /// `mqtts` without a certificate authority.
    #[error("mqtt.ca_file: needed for mqtts")]
    NoAuthority,
    /// TLS files without `mqtts` would silently not be used.
    #[error("mqtt.{0}: only for mqtts")]
    NeedsTls(&'static str),
    /// Certificate without key, key without certificate, password without user name.
    #[error("mqtt.{0}: needed because mqtt.{1} is set")]
    Incomplete(&'static str, &'static str),
}

impl FromStr for BrokerUrl {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let invalid = || SettingsError::Url(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let (tls, default_port) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(invalid()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(SettingsError::CredentialsInUrl);
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').ok_or_else(invalid)?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or_else(invalid)?,
            None if port.is_empty() => default_port,
            None => return Err(invalid()),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(invalid());
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl std::fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

impl Connection {
    /// Plain text, no credentials: for tests and the demo.
    pub fn plain(url: BrokerUrl, client_id: &str) -> Self {
        Self {
            url,
            fallback: Vec::new(),
            protocol: None,
            client_id: client_id.to_owned(),
            tls: None,
            credentials: None,
            keep_alive: Duration::from_secs(15),
            session_expiry: Duration::from_secs(3600),
        }
    }

    /// Reads the files that the configuration names and checks what belongs together; for the device and for a clinic.
    ///
    /// # Errors
    /// [`SettingsError`], naming the key of the configuration.
    pub fn from_config(mqtt: &MqttSettings, client_id: &str) -> Result<Self, SettingsError> {
        let url: BrokerUrl = mqtt.url.parse()?;
        Ok(Self {
            fallback: fallback(mqtt, &url)?,
            protocol: protocol(mqtt.protocol),
            tls: tls(mqtt, url.tls)?,
            credentials: credentials(mqtt)?,
            keep_alive: Duration::from_secs(mqtt.keep_alive_secs.max(1).into()),
            ..Self::plain(url, client_id)
        })
    }

    /// Certificates are verified by this clock.
    #[must_use]
    pub fn verified_by(mut self, clock: CertificateClock) -> Self {
        self.tls = self.tls.map(|tls| tls.verified_by(clock));
        self
    }
}

impl Settings {
    /// Reads the files that the configuration names and checks what belongs together.
    ///
    /// # Errors
    /// [`SettingsError`], naming the key of the configuration.
    pub fn from_config(mqtt: &MqttSettings, device: &DeviceSettings) -> Result<Self, SettingsError> {
        let topics = Topics::new(&device.site, &device.name)?;
        let client_id = format!("spinewatch-{}-{}", topics.site(), topics.device());
        let connection = Connection::from_config(mqtt, &client_id)?;
        let expiry_secs = mqtt.expiry_hours.saturating_mul(3600);
        Ok(Self { connection, topics, limits: super::Limits { expiry_secs, ..super::Limits::default() } })
    }
}

/// The keys of the configuration that make sense with `mqtts` only, and whether they are set.
fn tls_keys(mqtt: &MqttSettings) -> [(&'static str, bool); 8] {
    [
        ("ca_file", mqtt.ca_file.is_some()),
        ("certificate_file", mqtt.certificate_file.is_some()),
        ("key_file", mqtt.key_file.is_some()),
        ("crl_file", mqtt.crl_file.is_some()),
        ("pkcs11_module", mqtt.pkcs11_module.is_some()),
        ("pkcs11_token", mqtt.pkcs11_token.is_some()),
        ("pkcs11_key", mqtt.pkcs11_key.is_some()),
        ("pkcs11_pin_file", mqtt.pkcs11_pin_file.is_some()),
    ]
}

/// The version of the configuration as a connection takes it.
pub const fn protocol(setting: MqttProtocol) -> Option<Protocol> {
    match setting {
        MqttProtocol::Auto => None,
        MqttProtocol::V5 => Some(Protocol::V5),
        MqttProtocol::V311 => Some(Protocol::V311),
    }
}

/// All brokers are reached in the same way, so that a broker that falls out does not take the encryption with it.
fn fallback(mqtt: &MqttSettings, url: &BrokerUrl) -> Result<Vec<BrokerUrl>, SettingsError> {
    let parsed = |text: &String| {
        let other: BrokerUrl = text.parse().map_err(|_| SettingsError::Fallback(text.clone()))?;
        if other.tls == url.tls { Ok(other) } else { Err(SettingsError::MixedTls(text.clone())) }
    };
    mqtt.fallback_urls.iter().map(parsed).collect()
}

fn tls(mqtt: &MqttSettings, wanted: bool) -> Result<Option<Tls>, SettingsError> {
    if !wanted {
        let given = tls_keys(mqtt).into_iter().find(|(_, given)| *given);
        return given.map_or(Ok(None), |(key, _)| Err(SettingsError::NeedsTls(key)));
    }
    let ca = mqtt.ca_file.clone().ok_or(SettingsError::NoAuthority)?;
    device_tls(mqtt, ca, mqtt.crl_file.clone()).map(Some)
}

/// TLS that trusts the authorities in `ca` and shows the device's certificate, if it has one; for other servers than the
/// broker too.
///
/// # Errors
/// [`SettingsError`], naming the key of the configuration.
pub fn device_tls(mqtt: &MqttSettings, ca: PathBuf, crl: Option<PathBuf>) -> Result<Tls, SettingsError> {
    let key = client_key(mqtt)?;
    let client = match (mqtt.certificate_file.clone(), key) {
        (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => return Err(SettingsError::Incomplete("key_file", "certificate_file")),
        (None, Some(ClientKey::File(_))) => return Err(SettingsError::Incomplete("certificate_file", "key_file")),
        (None, Some(ClientKey::Token(_))) => return Err(SettingsError::Incomplete("certificate_file", "pkcs11_key")),
    };
    Ok(Tls::open(TlsFiles { ca, crl, client })?)
}

fn client_key(mqtt: &MqttSettings) -> Result<Option<ClientKey>, SettingsError> {
    let of_token = tls_keys(mqtt).into_iter().find(|(key, given)| *given && key.starts_with("pkcs11_"));
    let Some((named, _)) = of_token else { return Ok(mqtt.key_file.clone().map(ClientKey::File)) };
    if !cfg!(feature = "pkcs11") {
        return Err(SettingsError::NeedsPkcs11(named));
    }
    if mqtt.key_file.is_some() {
        return Err(SettingsError::TwoKeys);
    }
    let missing = |key| SettingsError::Incomplete(key, named);
    Ok(Some(ClientKey::Token(TokenKey {
        module: mqtt.pkcs11_module.clone().ok_or_else(|| missing("pkcs11_module"))?,
        token: mqtt.pkcs11_token.clone().ok_or_else(|| missing("pkcs11_token"))?,
        key: mqtt.pkcs11_key.clone().ok_or_else(|| missing("pkcs11_key"))?,
        pin_file: mqtt.pkcs11_pin_file.clone().ok_or_else(|| missing("pkcs11_pin_file"))?,
    })))
}

fn credentials(mqtt: &MqttSettings) -> Result<Option<Credentials>, SettingsError> {
    let password = match &mqtt.password_file {
        Some(path) => {
            let text = String::from_utf8_lossy(&read("password_file", path)?).into_owned();
            text.lines().next().unwrap_or_default().to_owned()
        }
        None => String::new(),
    };
    match &mqtt.username {
        Some(username) => Ok(Some(Credentials { username: username.clone(), password })),
        None if mqtt.password_file.is_some() => Err(SettingsError::Incomplete("username", "password_file")),
        None => Ok(None),
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, SettingsError> {
    std::fs::read(path).map_err(|source| SettingsError::File { key, path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn url(text: &str) -> Result<BrokerUrl, SettingsError> {
        text.parse()
    }

    #[test]
    fn urls_of_both_kinds_with_and_without_a_port() {
        for (text, shown) in [
            ("mqtt://broker", "mqtt://broker:1883"),
            ("mqtts://broker.example.org", "mqtts://broker.example.org:8883"),
            ("mqtt://10.0.0.1:2000/", "mqtt://10.0.0.1:2000"),
            ("mqtts://[fe80::1]:8884", "mqtts://[fe80::1]:8884"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
        ] {
            assert_eq!(url(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn other_urls_are_refused_with_a_word_on_the_key() {
        for text in [
            "",
            "broker",
            "tcp://broker",
            "mqtt://",
            "mqtt://b:0",
            "mqtt://b:99999",
            "mqtt://b:x",
            "mqtt://[::1",
            "mqtt://b/path",
            "mqtt://[::1]x",
        ] {
            let error = url(text).unwrap_err().to_string();
            assert!(error.starts_with("mqtt.url: "), "{text}: {error}");
        }
        assert!(matches!(url("mqtt://u:p@b"), Err(SettingsError::CredentialsInUrl)));
    }

    fn settings(change: impl FnOnce(&mut MqttSettings)) -> Result<Settings, SettingsError> {
        let mut mqtt = MqttSettings::default();
        change(&mut mqtt);
        Settings::from_config(&mqtt, &DeviceSettings::default())
    }

    #[test]
    fn what_belongs_together_is_checked_at_start_not_at_the_first_alert() {
        let words = |change: fn(&mut MqttSettings)| settings(change).err().unwrap().to_string();
        assert_eq!(words(|m| m.url = "mqtts://b".into()), "mqtt.ca_file: needed for mqtts");
        assert_eq!(words(|m| m.key_file = Some("k".into())), "mqtt.key_file: only for mqtts");
        assert_eq!(
            words(|m| {
                m.url = "mqtts://b".into();
                m.ca_file = Some("/dev/null".into());
                m.certificate_file = Some("/dev/null".into());
            }),
            "mqtt.key_file: needed because mqtt.certificate_file is set"
        );
        assert_eq!(
            words(|m| m.password_file = Some("/dev/null".into())),
            "mqtt.username: needed because mqtt.password_file is set"
        );
        assert!(
            words(|m| m.password_file = Some("/does/not/exist".into())).starts_with("mqtt.password_file: cannot read")
        );
    }

    #[test]
    fn the_other_brokers_are_reached_as_the_first_one() {
        let with = |url: &str| settings(|m| m.fallback_urls = vec!["mqtt://b:1".into(), url.into()]);
        let fallback = with("mqtt://c").unwrap().connection.fallback;
        assert_eq!(fallback.iter().map(ToString::to_string).collect::<Vec<_>>(), ["mqtt://b:1", "mqtt://c:1883"]);
        let words = |url| with(url).err().unwrap().to_string();
        assert_eq!(
            words("mqtts://c"),
            "mqtt.fallback_urls: `mqtts://c` and mqtt.url must both be mqtts://, or both mqtt://"
        );
        for bad in ["c", "", "mqtt://u:p@c"] {
            assert!(words(bad).starts_with(&format!("mqtt.fallback_urls: `{bad}` is not of the form")));
        }
    }

    #[test]
    fn the_password_is_the_first_line_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "secret word\nsecond line\n").unwrap();
        let settings = settings(|m| {
            m.username = Some("ct".into());
            m.password_file = Some(file);
            m.expiry_hours = 2;
        })
        .unwrap();
        assert_eq!(settings.connection.credentials.unwrap().password, "secret word");
        assert_eq!(settings.connection.client_id, "spinewatch-site-spinewatch");
        assert_eq!(settings.limits.expiry_secs, 7200);
    }
}
