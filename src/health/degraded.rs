//! The ways in which a device is not well: a code for the wire, what it means and what to do in words for people.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::publish::Trouble;

/// One reason why the device is not well. The order is the urgency: the first is what to cure first.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Degraded {
    /// No model that analyses: slices are collected, nothing is judged.
    ModelRefused {
        /// Which and why, in one line.
        reason: String,
    },
    /// A stage does not tick; the watchdog is about to restart the device.
    StageSilent {
        /// Its name.
        stage: &'static str,
        /// For how long, s.
        silent_secs: u64,
    },
    /// The screen cannot be drawn on; the wire works on.
    ScreenLost {
        /// What the surface said, in one line.
        reason: String,
    },
    /// Little space on the disk that holds verdicts and the outbox.
    DiskLow {
        /// Free space, MiB.
        free_mib: u64,
    },
    /// The share cannot be read.
    ShareLost {
        /// What the system said, in one line.
        reason: String,
    },
    /// The folder is there, but nothing is mounted on it.
    ShareNotMounted,
    /// The broker is not connected.
    BrokerOffline {
        /// Messages that wait.
        queued: u32,
        /// Why.
        trouble: Trouble,
    },
    /// The broker refuses messages: they are kept, and are not sent.
    MessagesRefused {
        /// How many.
        messages: u32,
        /// Why the last one.
        trouble: Trouble,
    },
    /// The broker refuses the subscription: what clinics acknowledge is not seen here.
    AcksRefused {
        /// Why.
        trouble: Trouble,
    },
    /// The state partition cannot be used: what is written lasts until the power goes.
    StateInMemory,
    /// The database was corrupt and was set aside: earlier verdicts are not known here.
    RecordsReset,
    /// Documents for archive and hospital system are not written; they are kept until they are.
    ResultsNotWritten {
        /// Why, in one line.
        reason: String,
    },
    /// An update of the system did not prove itself: the old system runs.
    UpdateRolledBack {
        /// Its version.
        version: String,
        /// Why, in one line.
        reason: String,
    },
    /// The accelerator is not used, or not for everything: the processor does its work.
    AcceleratorFault {
        /// Why, in one line.
        reason: String,
    },
    /// An installed model package is not used: the one before it, or the system's, analyses in its place.
    ModelReplaced {
        /// Which, why, and what is in its place, in one line.
        reason: String,
    },
    /// A button, lamp or buzzer is missing or does not work.
    ControlsFault {
        /// Which and why, in one line.
        reason: String,
    },
    /// Certificate files were changed and cannot be used; those before stay in force.
    CertificateUnusable {
        /// Key of the configuration, file and why, in one line.
        reason: String,
    },
    /// A certificate or a revocation list ends soon, or has ended.
    CertificateExpires {
        /// Whole days that are left; negative when it has ended.
        days: i64,
        /// Which, for the middle of a sentence.
        what: &'static str,
    },
    /// A thermal zone is hot; the processor will slow down.
    Hot {
        /// Which zone.
        sensor: String,
        /// Degrees Celsius.
        celsius: f64,
    },
    /// Times of day are marked as not trusted.
    ClockUntrusted,
}

impl Degraded {
    /// The word on the wire and in the metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ModelRefused { .. } => "model_refused",
            Self::StageSilent { .. } => "stage_silent",
            Self::ScreenLost { .. } => "screen_lost",
            Self::DiskLow { .. } => "disk_low",
            Self::ShareLost { .. } => "share_lost",
            Self::ShareNotMounted => "share_not_mounted",
            Self::BrokerOffline { .. } => "broker_offline",
            Self::MessagesRefused { .. } => "messages_refused",
            Self::AcksRefused { .. } => "acks_refused",
            Self::StateInMemory => "state_in_memory",
            Self::RecordsReset => "records_reset",
            Self::ResultsNotWritten { .. } => "results_not_written",
            Self::UpdateRolledBack { .. } => "update_rolled_back",
            Self::AcceleratorFault { .. } => "accelerator_fault",
            Self::ModelReplaced { .. } => "model_replaced",
            Self::ControlsFault { .. } => "controls_fault",
            Self::CertificateUnusable { .. } => "certificate_unusable",
            Self::CertificateExpires { days: ..0, .. } => "certificate_expired",
            Self::CertificateExpires { .. } => "certificate_expires",
            Self::Hot { .. } => "hot",
            Self::ClockUntrusted => "clock_untrusted",
        }
    }

    /// What a person can do about it.
    pub const fn cure(&self) -> &'static str {
        match self {
            Self::ModelRefused { .. } => "install a signed model package; what was collected is analysed then",
            Self::StageSilent { .. } => "the watchdog restarts the device; call service if it comes again",
            Self::ScreenLost { .. } => "check the panel's cable; it is drawn on again by itself",
            Self::DiskLow { .. } => "free space on the state disk or lower retention_days",
            Self::ShareLost { .. } => "check the network and the console's share",
            Self::ShareNotMounted => "mount the console's share; spinewatch check says what it finds",
            Self::BrokerOffline { .. } => "check the network and the broker; messages are kept until it is back",
            Self::MessagesRefused { .. } => "check access list, quota and packet size at the broker; messages are kept",
            Self::AcksRefused { .. } => "let the device subscribe to its ack topics in the broker's access list",
            Self::StateInMemory => "do not switch it off while messages wait; replace the storage",
            Self::RecordsReset => "the damaged file lies beside the new one; call service",
            Self::ResultsNotWritten { .. } => "check results.dir and its free space; what waits is written then",
            Self::UpdateRolledBack { .. } => "nothing is lost, the old system runs; spinewatch update status says more",
            Self::AcceleratorFault { .. } => "nothing is lost, analysis is slower; spinewatch check says what it finds",
            Self::ModelReplaced { .. } => "install the package again; spinewatch check says what it finds",
            Self::ControlsFault { .. } => "check its line and key under [controls]; it is taken up again by itself",
            Self::CertificateUnusable { .. } => "correct the files; those before stay in force until then",
            Self::CertificateExpires { .. } => "put a renewed file in its place; it is taken up without a restart",
            Self::Hot { .. } => "give the device air; analysis slows down when it is hot",
            Self::ClockUntrusted => "let the device reach a time server",
        }
    }
}

/// What is wrong, in one line.
impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModelRefused { reason } => write!(f, "nothing is analysed: {reason}"),
            Self::StageSilent { stage, silent_secs } => write!(f, "{stage} has not moved for {silent_secs} s"),
            Self::ScreenLost { reason } => write!(f, "the screen shows nothing new: {reason}"),
            Self::DiskLow { free_mib } => write!(f, "{free_mib} MiB are left on the state disk"),
            Self::ShareLost { reason } => write!(f, "the share is lost: {reason}"),
            Self::ShareNotMounted => write!(f, "nothing is mounted at the share's folder"),
            Self::BrokerOffline { queued, trouble } => {
                write!(f, "the broker is offline, messages waiting: {queued}: {}", coded(trouble))
            }
            Self::MessagesRefused { messages, trouble } => {
                write!(f, "messages refused by the broker and not sent: {messages}: {}", coded(trouble))
            }
            Self::AcksRefused { trouble } => {
                write!(f, "acknowledgements by clinics cannot arrive: {}", coded(trouble))
            }
            Self::StateInMemory => write!(f, "the state partition cannot be used: nothing survives a power cut"),
            Self::RecordsReset => write!(f, "the database was damaged and set aside"),
            Self::ResultsNotWritten { reason } => write!(f, "results are not written: {reason}"),
            Self::UpdateRolledBack { version, reason } => {
                write!(f, "the update to {version} was rolled back: {reason}")
            }
            Self::AcceleratorFault { reason } => {
                write!(f, "the processor does the accelerator's work: {reason}")
            }
            Self::ModelReplaced { reason } => write!(f, "an installed model is not used: {reason}"),
            Self::ControlsFault { reason } => write!(f, "a button, lamp or buzzer does not work: {reason}"),
            Self::CertificateUnusable { reason } => write!(f, "the new certificate files are not used: {reason}"),
            Self::CertificateExpires { days: ..0, what } => write!(f, "{what} has expired"),
            Self::CertificateExpires { days: 0, what } => write!(f, "{what} expires today"),
            Self::CertificateExpires { days: 1, what } => write!(f, "{what} expires in 1 day"),
            Self::CertificateExpires { days, what } => write!(f, "{what} expires in {days} days"),
            Self::Hot { sensor, celsius } => write!(f, "{sensor} is at {celsius:.0} degrees Celsius"),
            Self::ClockUntrusted => write!(f, "the clock is not set from the network"),
        }
    }
}

/// The words, then the code of the cause.
fn coded(trouble: &Trouble) -> String {
    format!("{trouble} [{}]", trouble.cause.code())
}

/// As `{ "code", "what", "cure" }`, and the `cause` where a broker is involved.
impl Serialize for Degraded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut words = serializer.serialize_struct("Degraded", 4)?;
        words.serialize_field("code", self.code())?;
        words.serialize_field("what", &self.to_string())?;
        words.serialize_field("cure", self.cure())?;
        match self {
            Self::BrokerOffline { trouble, .. }
            | Self::MessagesRefused { trouble, .. }
            | Self::AcksRefused { trouble } => words.serialize_field("cause", &trouble.cause)?,
            _ => words.skip_field("cause")?,
        }
        words.end()
    }
}
