//! Why a bundle is not installed: one line each, with the thing and the cure.

/// Why nothing was installed. Before [`Refusal::Failed`] nothing was written either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No bundle in the folder.
    #[error("no *.raucb file in the top folder of {place}: copy one bundle there")]
    NoBundle {
        /// The folder, as the user named it.
        place: String,
    },
    /// More than one.
    #[error("{place} holds {}: leave one bundle there and remove the others", names.join(" and "))]
    SeveralBundles {
        /// The folder, as the user named it.
        place: String,
        /// The files.
        names: Vec<String>,
    },
    /// It cannot be read to its end.
    #[error("{file} cannot be read: {why}; was the stick pulled? Try again, or use another stick")]
    Unreadable {
        /// The file or device.
        file: String,
        /// What the system said.
        why: String,
    },
    /// Not what a RAUC bundle looks like; a copy that was cut off is the usual reason.
    #[error("{file} is not a whole RAUC bundle: {why}; copy it again")]
    NotABundle {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Plain or encrypted.
    #[error("{file} has the bundle format {format}: allowed is verity; build it with format=verity")]
    Format {
        /// The file.
        file: String,
        /// Its format.
        format: String,
    },
    /// RAUC does not accept the signature.
    #[error("{file} is not signed by whom this device trusts: {why}; take the bundle from its maker")]
    Signature {
        /// The file.
        file: String,
        /// RAUC's words.
        why: String,
    },
    /// For another board.
    #[error("{file} is for {bundle}, this device is {system}: take the bundle for this device")]
    Compatible {
        /// The file.
        file: String,
        /// `compatible` of the bundle.
        bundle: String,
        /// `compatible` of the system.
        system: String,
    },
    /// The manifest's version cannot be compared.
    #[error("{file} has the version {version:?}, which cannot be compared: it must be of the form 1.2.3")]
    Version {
        /// The file.
        file: String,
        /// As the manifest has it.
        version: String,
    },
    /// The running system again.
    #[error("{file} holds {version}, which is what runs already: nothing to do; --force installs it again")]
    SameVersion {
        /// The file.
        file: String,
        /// The version.
        version: String,
    },
    /// A downgrade.
    #[error("{file} holds {version}, older than {running} which runs: --force installs it nevertheless")]
    Older {
        /// The file.
        file: String,
        /// The bundle's version.
        version: String,
        /// The version that runs.
        running: String,
    },
    /// The very bundle that this device has rolled back.
    #[error("{file} holds {version}, which was rolled back here ({why}): --force tries it again")]
    RolledBackBefore {
        /// The file.
        file: String,
        /// The version.
        version: String,
        /// Why it was rolled back.
        why: String,
    },
    /// A block is not the one that was signed.
    #[error("{file} is damaged: {why}; copy it again")]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        why: String,
    },
    /// The last update has not proved itself: its fallback must not be overwritten.
    #[error("{version} is installed and not proved yet: wait until `spinewatch update status` says that it is")]
    NotProvedYet {
        /// The version that waits.
        version: String,
    },
    /// Somebody else installs.
    #[error("another update is being installed: wait for its end")]
    Busy,
    /// RAUC is not there, or does not answer.
    #[error("RAUC does not answer: {why}; is rauc.service running?")]
    NoRauc {
        /// What D-Bus said.
        why: String,
    },
    /// The updater's own files cannot be written.
    #[error("{why}: the updater must be able to write there")]
    Records {
        /// File and what the system said.
        why: String,
    },
    /// RAUC began and did not finish: the running system is untouched, the other slot holds no whole system.
    #[error("{version} was not installed: {why}; this system keeps running, try again")]
    Failed {
        /// The version.
        version: String,
        /// RAUC's last error.
        why: String,
    },
}

impl Refusal {
    /// A code for the wire, snake case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoBundle { .. } => "no_bundle",
            Self::SeveralBundles { .. } => "several_bundles",
            Self::Unreadable { .. } => "unreadable",
            Self::NotABundle { .. } => "not_a_bundle",
            Self::Format { .. } => "format",
            Self::Signature { .. } => "signature",
            Self::Compatible { .. } => "compatible",
            Self::Version { .. } => "version",
            Self::SameVersion { .. } => "same_version",
            Self::Older { .. } => "older",
            Self::RolledBackBefore { .. } => "rolled_back_before",
            Self::Damaged { .. } => "damaged",
            Self::NotProvedYet { .. } => "not_proved_yet",
            Self::Busy => "busy",
            Self::NoRauc { .. } => "no_rauc",
            Self::Records { .. } => "records",
            Self::Failed { .. } => "failed",
        }
    }

    /// True where nothing is wrong and nobody has to be told: a stick that was left in the device.
    pub const fn is_quiet(&self) -> bool {
        matches!(self, Self::SameVersion { .. } | Self::NotProvedYet { .. } | Self::Busy)
    }
}

/// `text` in one line: the refusals of others may have several.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
