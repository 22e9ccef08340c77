//! What the scanner hands on.

use super::fingerprint::{ContentDigest, Fingerprint};
use std::time::Duration;
use thiserror::Error;

/// A file, whole as far as can be told.
#[derive(Debug)]
pub struct Arrival {
    /// Which file in which state: for the ledger, so that it is not read again after a restart.
    pub fingerprint: Fingerprint,
    /// All of the file.
    pub bytes: Vec<u8>,
    /// Of `bytes`: the same file under another name has the same.
    pub content_digest: ContentDigest,
    /// The structure was still unfinished after [`Settings::incomplete`]: to be quarantined with a reason. Should the
    /// file change yet, it arrives again.
    pub incomplete: bool,
    /// It lay there when the scanner started, and so did others in its folder that are not read yet: of a series in this
    /// folder more is to come, however long nothing of it has come.
    pub backlog_beside: bool,
    /// When the scanner saw this state of the file's name first, by the clock given to the scans.
    pub first_seen: Duration,
    /// When it was read.
    pub read_at: Duration,
}

/// A file that cannot be read. Should it change, it is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which file in which state.
    pub fingerprint: Fingerprint,
    /// Why not.
    pub why: Why,
    /// When the scanner saw it first.
    pub first_seen: Duration,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// Larger than [`Settings::max_file_bytes`].
    #[error("the file has {size} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Bytes.
        size: u64,
        /// Bytes.
        limit: u64,
    },
    /// The share refuses it, and has done so for [`Settings::incomplete`].
    #[error("the share refuses the file: {0}")]
    Refused(String),
}

impl Why {
    /// Name for the ledger and the wire.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "file_too_large",
            Self::Refused(_) => "file_refused",
        }
    }
}

/// Whether the share is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareState {
    /// It answers.
    Available,
    /// It does not. Its files are not gone.
    Lost {
        /// The operating system's words.
        reason: String,
    },
    /// The mount point is bare.
    NotMounted,
}

/// What the scanner hands on.
#[derive(Debug)]
pub enum Event {
    /// A file.
    Arrival(Arrival),
    /// A file that cannot be read.
    Unreadable(Unreadable),
    /// The share came or went; also sent by the first scan.
    Share(ShareState),
}
