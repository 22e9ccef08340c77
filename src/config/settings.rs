//! The configuration as the rest of the code sees it: one struct a section, units in the names.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accelerator::AcceleratorSettings;
use super::controls::ControlSettings;
use super::panel::PanelSettings;
use super::update::UpdateSettings;

/// Everything a site can set. `Default` is what an empty file gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Who this device is.
    pub device: DeviceSettings,
    /// The folder that the CT console writes to.
    pub share: ShareSettings,
    /// When a series counts as finished.
    pub study: StudySettings,
    /// Model packages.
    pub models: ModelSettings,
    /// An NPU, a GPU or a vendor's processor library.
    pub accelerator: AcceleratorSettings,
    /// The broker.
    pub mqtt: MqttSettings,
    /// The screen.
    pub display: DisplaySettings,
    /// A panel that the kernel does not own.
    pub panel: PanelSettings,
    /// Buttons, touch, lights and sound.
    pub controls: ControlSettings,
    /// What may leave the device.
    pub privacy: PrivacySettings,
    /// Documents for archive and hospital system.
    pub results: ResultsSettings,
    /// Database and keys.
    pub state: StateSettings,
    /// Metrics and limits of the device itself.
    pub health: HealthSettings,
    /// Updates of the system.
    pub update: UpdateSettings,
}

/// `[device]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceSettings {
    /// Site: second part of every topic.
    pub site: String,
    /// Device: third part of every topic.
    pub name: String,
}

impl Default for DeviceSettings {
    fn default() -> Self {
        Self { site: "site".into(), name: "spinewatch".into() }
    }
}

/// `[share]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShareSettings {
    /// Folder, or mount point of the console's share.
    pub path: PathBuf,
    /// The folder must be a mount point; when nothing is mounted there, the share is lost, not empty.
    pub require_mount: bool,
    /// Time between two scans.
    pub scan_millis: u64,
    /// How long size and time of a file must stand still before it is read.
    pub settle_millis: u64,
    /// How long an incomplete file may wait for its rest before it is quarantined.
    pub incomplete_secs: u64,
    /// Larger files are quarantined unread.
    pub max_file_mib: u64,
}

impl Default for ShareSettings {
    fn default() -> Self {
        Self {
            path: "/srv/ct".into(),
            require_mount: false,
            scan_millis: 250,
            settle_millis: 250,
            incomplete_secs: 20,
            max_file_mib: 512,
        }
    }
}

/// `[study]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudySettings {
    /// A contiguous series that has been quiet for this long is finished.
    pub series_quiet_secs: u64,
    /// A series with gaps that has been quiet for this long is finished with its gaps.
    pub series_gap_patience_secs: u64,
    /// A series that still arrives after this long is judged as it stands.
    pub series_limit_secs: u64,
}

impl Default for StudySettings {
    fn default() -> Self {
        Self { series_quiet_secs: 5, series_gap_patience_secs: 30, series_limit_secs: 900 }
    }
}

/// `[models]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Folder with one folder a package.
    pub dir: PathBuf,
    /// Folder with the public keys (`*.pub`, minisign) whose packages are run.
    pub trusted_keys: PathBuf,
    /// Slices analysed at the same time.
    pub workers: usize,
    /// A slice that takes longer than this stops the device's claim to be well.
    pub slice_deadline_secs: u64,
}

impl Default for ModelSettings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            dir: "/usr/share/spinewatch/models".into(),
            trusted_keys: "/usr/share/spinewatch/models/keys".into(),
            workers: cores.min(4),
            slice_deadline_secs: 10,
        }
    }
}

/// The version of MQTT that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MqttProtocol {
    /// MQTT 5; MQTT 3.1.1 with a broker that does not speak it.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// MQTT 5 only.
    #[serde(rename = "5")]
    V5,
    /// MQTT 3.1.1 only.
    #[serde(rename = "3.1.1")]
    V311,
}

/// `[mqtt]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MqttSettings {
    /// `mqtt://HOST[:1883]` or `mqtts://HOST[:8883]`.
    pub url: String,
    /// Other brokers, tried in turn when a connection cannot be made or is lost.
    pub fallback_urls: Vec<String>,
    /// The version of MQTT.
    pub protocol: MqttProtocol,
    /// MQTT user name.
    pub username: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Certificate authority of the broker, PEM. Needed for `mqtts`.
    pub ca_file: Option<PathBuf>,
    /// Client certificate, PEM.
    pub certificate_file: Option<PathBuf>,
    /// Key of the client certificate, PEM.
    pub key_file: Option<PathBuf>,
    /// Revocation lists for the broker's certificate, PEM or DER.
    pub crl_file: Option<PathBuf>,
    /// Library of the PKCS#11 token that holds the key of the client certificate.
    pub pkcs11_module: Option<PathBuf>,
    /// Label of the token.
    pub pkcs11_token: Option<String>,
    /// Label of the private key in the token.
    pub pkcs11_key: Option<String>,
    /// File whose first line is the token's user PIN.
    pub pkcs11_pin_file: Option<PathBuf>,
    /// MQTT keep alive.
    pub keep_alive_secs: u16,
    /// How long the broker keeps a verdict.
    pub expiry_hours: u32,
    /// An alert that nobody has acknowledged after so long is sent again, more urgently; 0: never.
    pub acknowledge_within_secs: u64,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self {
            url: "mqtt://127.0.0.1:1883".into(),
            fallback_urls: Vec::new(),
            protocol: MqttProtocol::default(),
            username: None,
            password_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            crl_file: None,
            pkcs11_module: None,
            pkcs11_token: None,
            pkcs11_key: None,
            pkcs11_pin_file: None,
            keep_alive_secs: 15,
            expiry_hours: 72,
            acknowledge_within_secs: 300,
        }
    }
}

/// Where screens are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SurfaceKind {
    /// No screen; the wire only.
    None,
    /// True-colour half blocks on standard output.
    #[default]
    Terminal,
    /// Linux frame buffer.
    Framebuffer,
    /// The panel of `[panel]`, by this process itself.
    Panel,
    /// A numbered picture per change.
    Png,
}

/// `[display]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisplaySettings {
    /// What to draw on.
    pub surface: SurfaceKind,
    /// Width and height in pixels; a frame buffer says its own.
    pub size: [u32; 2],
    /// Frame buffer device.
    pub framebuffer: PathBuf,
    /// Folder of the pictures when `surface = "png"`.
    pub png_dir: PathBuf,
}

impl Default for DisplaySettings {
    fn default() -> Self {
        Self {
            surface: SurfaceKind::Terminal,
            size: [320, 240],
            framebuffer: "/dev/fb0".into(),
            png_dir: "/var/lib/spinewatch/screens".into(),
        }
    }
}

/// How studies are named outside the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identifiers {
    /// A keyed hash of the UID.
    #[default]
    Hashed,
    /// The UIDs themselves, in payloads and database. The screen says so.
    Clear,
}

/// `[privacy]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacySettings {
    /// How studies are named outside the device.
    pub identifiers: Identifiers,
    /// The best slice of a suspected finding is published as a picture.
    pub key_image: bool,
}

impl Default for PrivacySettings {
    fn default() -> Self {
        Self { identifiers: Identifiers::default(), key_image: true }
    }
}

/// A format of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultFormat {
    /// FHIR R4 transaction Bundle.
    Fhir,
    /// DICOM Comprehensive 3D SR, TID 1500.
    DicomSr,
    /// DICOM Secondary Capture.
    DicomSc,
    /// HL7 v2.5.1 ORU^R01.
    Hl7,
}

impl ResultFormat {
    /// As the configuration names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::DicomSr => "dicom-sr",
            Self::DicomSc => "dicom-sc",
            Self::Hl7 => "hl7",
        }
    }

    /// A DICOM document belongs to a study by its UID.
    pub const fn needs_clear_identifiers(self) -> bool {
        matches!(self, Self::DicomSr | Self::DicomSc)
    }
}

/// `[results]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultsSettings {
    /// Folder that documents are written to, from which a gateway takes them.
    pub dir: PathBuf,
    /// Which documents; none when empty.
    pub formats: Vec<ResultFormat>,
}

impl Default for ResultsSettings {
    fn default() -> Self {
        Self { dir: "/var/lib/spinewatch/results".into(), formats: Vec::new() }
    }
}

/// `[state]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateSettings {
    /// Folder of the database and the device secret.
    pub dir: PathBuf,
    /// Verdicts and ledger entries older than this are removed; unsent messages never are.
    pub retention_days: u32,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self { dir: "/var/lib/spinewatch".into(), retention_days: 30 }
    }
}

/// `[health]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthSettings {
    /// Time between two health messages.
    pub interval_secs: u64,
    /// Less free space than this on the state folder's disk is a fault.
    pub disk_free_min_mib: u64,
    /// Prometheus text on this loopback address; off when absent.
    pub metrics_address: Option<SocketAddr>,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self { interval_secs: 30, disk_free_min_mib: 256, metrics_address: None }
    }
}

impl Settings {
    /// Folder of the model packages that were installed after the system.
    pub fn installed_models(&self) -> PathBuf {
        self.state.dir.join("models")
    }
}

impl ShareSettings {
    /// Time between two scans.
    pub const fn scan_interval(&self) -> Duration {
        Duration::from_millis(self.scan_millis)
    }

    /// How long a file must stand still.
    pub const fn settle(&self) -> Duration {
        Duration::from_millis(self.settle_millis)
    }
}
