//! Why a package was not installed or not taken back, each with its cure. What was in use before is in use after it.

use std::io;
use std::path::{Path, PathBuf};

/// Why nothing was switched.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// One at a time.
    #[error("{}: another installation is at work there; wait until it has ended", .0.display())]
    Busy(PathBuf),
    /// Not a package in a tar or a folder.
    #[error("{}: {why}", source_file.display())]
    Source {
        /// What was to be installed.
        source_file: PathBuf,
        /// What is wrong with it, and the cure.
        why: String,
    },
    /// Signature, digests, manifest, shapes or golden cases do not hold.
    #[error("{0}")]
    Refused(String),
    /// A version that cannot be compared.
    #[error("{name}: version = {version:?} is not a semantic version such as 1.4.0; sign the package with one")]
    Version {
        /// Name in the manifest.
        name: String,
        /// Version in the manifest.
        version: String,
    },
    /// Older than, or the same as, what this device has.
    #[error("{name} {version} is not newer than {have}, which this device uses; --force installs it all the same")]
    NotNewer {
        /// Name in the manifest.
        name: String,
        /// Version in the manifest.
        version: String,
        /// Version in use.
        have: String,
    },
    /// Two installed packages of one kind.
    #[error(
        "{name} is a {kind}, and so is {other}, which is installed: go back to the system's first, with \
         `spinewatch models rollback {other} --shipped`"
    )]
    OtherOfKind {
        /// Name in the manifest.
        name: String,
        /// As the manifest spells it.
        kind: &'static str,
        /// The one that is installed.
        other: String,
    },
    /// There is nothing to take back.
    #[error(
        "{name} is not installed here, so there is nothing to take back; `spinewatch selftest` says what is in use"
    )]
    NotInstalled {
        /// As it was asked for.
        name: String,
    },
    /// The system's own is newer than what is installed.
    #[error("{name} {version}, which came with the system, is newer than what is installed and is in use already")]
    ShippedInUse {
        /// As it was asked for.
        name: String,
        /// Version in use.
        version: String,
    },
    /// What was there before cannot be used.
    #[error("{name} cannot be taken back: {why}")]
    NothingBefore {
        /// As it was asked for.
        name: String,
        /// Why, and the cure.
        why: String,
    },
    /// No space left.
    #[error("the disk of {} is full; free some space and install again", .0.display())]
    DiskFull(PathBuf),
    /// The file system says no.
    #[error("cannot write {}: {source}; run this as root or as the daemon's user", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SwitchError {
    /// For what is written under `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull(path)
            }
            _ => Self::Io { path, source },
        }
    }

    /// For what is read from what was to be installed.
    pub(super) fn source(file: &Path, why: impl Into<String>) -> Self {
        Self::Source { source_file: file.to_owned(), why: why.into() }
    }
}
