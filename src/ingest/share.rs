//! What the scanner asks of a share, and how a share may fail. Two real implementations: [`Folder`](super::Folder) and
//! the scripted one of the tests.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// What lies under a name. Symbolic links are never followed, and count as `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, a socket, a device.
    Other,
    /// The listing does not say (some network file systems): only a stat tells.
    Unknown,
}

/// What the share says of a file. Inode numbers are left out: under `noserverino` they change with every mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Never `Unknown`.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Modification time by the share's clock, ns since 1970.
    pub mtime_ns: i64,
}

/// A file as it was read.
#[derive(Debug)]
pub struct Contents {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its state when it was opened.
    pub opened: Stat,
}

/// Why a share did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShareError {
    /// Nothing is mounted where the share should be; what looks like an empty folder is the bare mount point.
    #[error("nothing is mounted there")]
    NotMounted,
    /// The share does not answer. Says nothing about its files.
    #[error("{0}")]
    Lost(String),
    /// This one thing is not there (any more).
    #[error("not there")]
    Gone,
    /// This one thing cannot be had: no permission, open elsewhere, larger than it was.
    #[error("{0}")]
    Refused(String),
}

impl From<io::Error> for ShareError {
    /// The error numbers that network file systems give when the server, the network or the mount is away mean `Lost`.
    fn from(error: io::Error) -> Self {
        use rustix::io::Errno;
        const LOST: [Errno; 17] = [
            Errno::STALE,
            Errno::IO,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::NOTCONN,
            Errno::CONNRESET,
            Errno::CONNABORTED,
            Errno::CONNREFUSED,
            Errno::AGAIN,
            Errno::TIMEDOUT,
            Errno::SHUTDOWN,
            Errno::PIPE,
            Errno::NODEV,
            Errno::NXIO,
            Errno::REMOTEIO,
        ];
        match Errno::from_io_error(&error) {
            Some(errno) if LOST.contains(&errno) => Self::Lost(error.to_string()),
            Some(Errno::NOENT | Errno::NOTDIR) => Self::Gone,
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// A tree of files that others write to. Every path is relative to its root; the root itself is the empty path.
///
/// Any call may block for as long as the network pleases.
pub trait Share: Send {
    /// Whether the share is there at all: mounted, and its root can be looked at.
    ///
    /// # Errors
    /// Never [`ShareError::Gone`]: a root that is not there is a share that is lost.
    fn probe(&mut self) -> Result<(), ShareError>;

    /// The state of one file or folder.
    ///
    /// # Errors
    /// Any [`ShareError`] but `NotMounted`.
    fn stat(&mut self, path: &Path) -> Result<Stat, ShareError>;

    /// Names every entry of a folder to `each`, in any order, without a stat of any of them. How long it took is handed
    /// back, so that a slow listing is done less often.
    ///
    /// # Errors
    /// Any [`ShareError`] but `NotMounted`; the entries named until then are not all.
    fn list(&mut self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> Result<Duration, ShareError>;

    /// Reads a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// Any [`ShareError`] but `NotMounted`; `Refused` for a file that is larger, or none.
    fn read(&mut self, path: &Path, limit: u64) -> Result<Contents, ShareError>;
}
