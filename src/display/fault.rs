//! What is wrong with the device, in the words of the screen: what it means, and what a person should do.
//!
//! Never decides whether something is wrong; `health` and the stages do.

use super::{Since, Words};

/// Something that keeps the device from its work, most severe first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No trusted model package: nothing is analysed. Slices are kept.
    ModelRefused {
        /// Why, in one line.
        reason: Words,
    },
    /// The disk is too full to take new slices or verdicts.
    DiskFull {
        /// Free space in MiB.
        free_mib: u64,
    },
    /// The share cannot be read.
    ShareLost {
        /// What the system said, in one line.
        reason: Words,
        /// Since when.
        since: Since,
    },
    /// The broker is not reached; messages wait in the outbox.
    BrokerOffline {
        /// How many messages wait.
        queued: u32,
        /// Why, in one line.
        reason: Words,
        /// Why, for service.
        code: &'static str,
        /// Since when.
        since: Since,
    },
    /// The broker is reached and refuses messages; they are kept, and are not sent.
    MessagesRefused {
        /// How many.
        messages: u32,
        /// Why the last one, in one line.
        reason: Words,
        /// Why, for service.
        code: &'static str,
    },
    /// The broker refuses the subscription: what clinics acknowledge is not seen here.
    AcksRefused {
        /// Why, in one line.
        reason: Words,
        /// Why, for service.
        code: &'static str,
    },
    /// The state partition cannot be used: verdicts and messages lie in memory.
    StateInMemory,
    /// The database was damaged and set aside: what was known before is not shown.
    RecordsReset,
    /// Files were refused; the rest of their studies is unharmed.
    FilesRefused {
        /// How many.
        files: u32,
        /// The reason of the last one.
        reason: Words,
    },
    /// Documents for archive and hospital system are not written.
    ResultsNotWritten {
        /// Why, in one line.
        reason: Words,
    },
    /// An update did not prove itself: the old system runs again.
    UpdateFailed {
        /// Its version.
        version: Words,
        /// Why, in one line.
        reason: Words,
    },
    /// An update was not installed; the system runs as before.
    UpdateRefused {
        /// Which and why, in one line.
        reason: Words,
    },
    /// The accelerator is not used, or not for everything: the processor does its work.
    AcceleratorFault {
        /// Why, in one line.
        reason: Words,
    },
    /// An installed model package is not used: another analyses in its place.
    ModelReplaced {
        /// Why, in one line.
        reason: Words,
    },
    /// A button, a lamp or the buzzer is missing or does not work.
    ControlsFault {
        /// Which and why, in one line.
        reason: Words,
    },
    /// Changed certificate files cannot be used; those before stay in force.
    CertificateUnusable {
        /// Why, in one line.
        reason: Words,
    },
    /// A certificate or a revocation list ends soon, or has ended.
    CertificateExpires {
        /// Whole days that are left; negative when it has ended.
        days: i64,
        /// Which, for the middle of a sentence.
        what: &'static str,
    },
    /// The wall clock is not trusted.
    ClockUntrusted,
    /// The site has switched identifiers in clear on.
    IdentifiersInClear,
}

impl Fault {
    /// Severity and identity: one fault of each rank at a time; lower is worse.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::ModelRefused { .. } => 0,
            Self::DiskFull { .. } => 1,
            Self::ShareLost { .. } => 2,
            Self::BrokerOffline { .. } => 3,
            Self::MessagesRefused { .. } => 4,
            Self::AcksRefused { .. } => 5,
            Self::StateInMemory => 6,
            Self::RecordsReset => 7,
            Self::FilesRefused { .. } => 8,
            Self::ResultsNotWritten { .. } => 9,
            Self::UpdateFailed { .. } => 10,
            Self::UpdateRefused { .. } => 11,
            Self::AcceleratorFault { .. } => 12,
            Self::ModelReplaced { .. } => 13,
            Self::ControlsFault { .. } => 14,
            Self::CertificateUnusable { .. } => 15,
            Self::CertificateExpires { .. } => 16,
            Self::ClockUntrusted => 17,
            Self::IdentifiersInClear => 18,
        }
    }

    /// True where new studies are not analysed: such a fault takes the whole screen.
    pub const fn stops_analysis(&self) -> bool {
        matches!(self, Self::ModelRefused { .. } | Self::DiskFull { .. } | Self::ShareLost { .. })
    }

    /// True where clinics may not see an alert: somebody has to telephone.
    pub const fn stops_sending(&self) -> bool {
        matches!(self, Self::BrokerOffline { .. } | Self::MessagesRefused { .. })
    }

    /// False for what the site chose itself: a chip says so, the screen stays free.
    pub const fn takes_screen(&self) -> bool {
        !matches!(self, Self::IdentifiersInClear)
    }

    /// The main word of the screen.
    pub const fn headline(&self) -> &'static str {
        match self {
            Self::ModelRefused { .. } => "DOES NOT ANALYSE",
            Self::DiskFull { .. } => "DISK FULL",
            Self::ShareLost { .. } => "SHARE LOST",
            Self::BrokerOffline { .. } => "NOT SENDING",
            Self::MessagesRefused { .. } => "NOT TAKEN",
            Self::AcksRefused { .. } => "NO ANSWERS",
            Self::StateInMemory => "NO STORAGE",
            Self::RecordsReset => "RECORDS RESET",
            Self::FilesRefused { .. } => "FILES REFUSED",
            Self::ResultsNotWritten { .. } => "NOT FILING",
            Self::UpdateFailed { .. } => "UPDATE FAILED",
            Self::UpdateRefused { .. } => "NOT UPDATED",
            Self::AcceleratorFault { .. } => "NOT ACCELERATED",
            Self::ModelReplaced { .. } => "SPARE MODEL",
            Self::ControlsFault { .. } => "CONTROLS FAULT",
            Self::CertificateUnusable { .. } => "CERT NOT USED",
            Self::CertificateExpires { days: ..0, .. } => "CERT EXPIRED",
            Self::CertificateExpires { .. } => "CERT EXPIRES",
            Self::ClockUntrusted => "CLOCK NOT SET",
            Self::IdentifiersInClear => "CLEAR IDS",
        }
    }

    /// The word in the status strip.
    pub const fn chip(&self) -> &'static str {
        match self {
            Self::ModelRefused { .. } => "MODEL",
            Self::DiskFull { .. } => "DISK",
            Self::ShareLost { .. } => "SHARE",
            Self::BrokerOffline { .. } => "BROKER",
            Self::MessagesRefused { .. } => "REFUSED",
            Self::AcksRefused { .. } => "ACKS",
            Self::StateInMemory => "STORAGE",
            Self::RecordsReset => "RECORDS",
            Self::FilesRefused { .. } => "FILES",
            Self::ResultsNotWritten { .. } => "RESULTS",
            Self::UpdateFailed { .. } | Self::UpdateRefused { .. } => "UPDATE",
            Self::AcceleratorFault { .. } => "ACCEL",
            Self::ModelReplaced { .. } => "SPARE",
            Self::ControlsFault { .. } => "CONTROLS",
            Self::CertificateUnusable { .. } | Self::CertificateExpires { .. } => "CERT",
            Self::ClockUntrusted => "CLOCK",
            Self::IdentifiersInClear => "CLEAR IDS",
        }
    }

    /// What it means.
    pub fn meaning(&self) -> String {
        match self {
            Self::ModelRefused { reason } => {
                format!("The model was refused: {}. Slices are kept.", bare(reason))
            }
            Self::DiskFull { free_mib } => format!("{free_mib} MiB are left. New slices are not taken."),
            Self::ShareLost { reason, .. } => format!("No slices arrive: {}.", bare(reason)),
            Self::BrokerOffline { queued, reason, code, .. } => {
                let waiting = match queued {
                    0 => "No message waits".to_owned(),
                    1 => "1 message waits".to_owned(),
                    more => format!("{more} messages wait"),
                };
                format!("{waiting}: {} ({code}).", bare(reason))
            }
            Self::MessagesRefused { messages: 1, reason, code } => {
                format!("1 message was not sent: {} ({code}).", bare(reason))
            }
            Self::MessagesRefused { messages, reason, code } => {
                format!("{messages} messages were not sent: {} ({code}).", bare(reason))
            }
            Self::AcksRefused { reason, code } => {
                format!("What clinics acknowledge is not shown: {} ({code}).", bare(reason))
            }
            Self::StateInMemory => "Verdicts and unsent alerts last until the power goes.".to_owned(),
            Self::RecordsReset => "The database was damaged and set aside. Earlier studies are not listed.".to_owned(),
            Self::FilesRefused { files: 1, reason } => format!("1 file was refused: {}.", bare(reason)),
            Self::FilesRefused { files, reason } => {
                format!("{files} files were refused; the last: {}.", bare(reason))
            }
            Self::ResultsNotWritten { reason } => format!("The archive gets no results: {}.", bare(reason)),
            Self::UpdateFailed { version, reason } => {
                format!("{} was rolled back, the old version runs: {}.", version.as_str(), bare(reason))
            }
            Self::UpdateRefused { reason } => format!("{}.", bare(reason)),
            Self::AcceleratorFault { reason } => {
                format!("The processor does the accelerator's work: {}.", bare(reason))
            }
            Self::ModelReplaced { reason } => format!("An installed model is not used: {}.", bare(reason)),
            Self::ControlsFault { reason } => {
                format!("A button, lamp or buzzer does not work: {}.", bare(reason))
            }
            Self::CertificateUnusable { reason } => {
                format!("New certificate files are not used: {}.", bare(reason))
            }
            Self::CertificateExpires { days: ..0, what } => format!("{} has expired.", sentence(what)),
            Self::CertificateExpires { days: 0, what } => {
                format!("{} expires today. No alert is sent after that.", sentence(what))
            }
            Self::CertificateExpires { days: 1, what } => {
                format!("{} expires in 1 day. No alert is sent after that.", sentence(what))
            }
            Self::CertificateExpires { days, what } => {
                format!("{} expires in {days} days. No alert is sent after that.", sentence(what))
            }
            Self::ClockUntrusted => "The time of day is not known. Messages say so.".to_owned(),
            Self::IdentifiersInClear => "Messages carry study identifiers in clear.".to_owned(),
        }
    }

    /// What a person should do.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::ModelRefused { .. } => "Read every study as usual. Call service.",
            Self::DiskFull { .. } => "Read every study as usual. Call service.",
            Self::ShareLost { .. } => "Read every study as usual. Check network and scanner share.",
            Self::BrokerOffline { .. } => "Clinics see no alert. Tell them by telephone.",
            Self::MessagesRefused { .. } => "Clinics may miss an alert. Tell them by telephone.",
            Self::AcksRefused { .. } => "Ask by telephone whether alerts were seen. Call service.",
            Self::StateInMemory => "Do not switch off. Call service.",
            Self::RecordsReset => "Look up earlier results in the clinic's system.",
            Self::FilesRefused { .. } => "Read that study as usual. Send it again.",
            Self::ResultsNotWritten { .. } => "Alerts come as before. Call service.",
            Self::UpdateFailed { .. } => "Alerts come as before. Call service.",
            Self::UpdateRefused { .. } => "Alerts come as before. Remove the stick.",
            Self::AcceleratorFault { .. } => "Alerts come as before, later. Call service.",
            Self::ModelReplaced { .. } => "Another model analyses in its place. Call service.",
            Self::ControlsFault { .. } => "Watch this screen: it shows every alert. Call service.",
            Self::CertificateUnusable { .. } => "Alerts go out as before. Call service.",
            Self::CertificateExpires { .. } => "Call service to renew it.",
            Self::ClockUntrusted => "Connect the network so that the clock can be set.",
            Self::IdentifiersInClear => "Switch it off in the configuration if it is not wanted.",
        }
    }

    /// Since when, where that is known.
    pub const fn since(&self) -> Option<Since> {
        match self {
            Self::ShareLost { since, .. } | Self::BrokerOffline { since, .. } => Some(*since),
            _ => None,
        }
    }
}

/// With a capital at its begin.
fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// A reason without its full stop, for the middle of a sentence.
fn bare(reason: &Words) -> &str {
    reason.as_str().trim_end_matches(['.', '…'])
}
