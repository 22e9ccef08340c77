//! A path, a size and a time in; a name for exactly that file, fit for ledger and log, out.

use super::share::Stat;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The device's secret under which paths are digested: names on a share are guessable, a bare digest would give them away.
#[derive(Clone, Copy)]
pub struct PathSecret(pub [u8; 32]);

impl fmt::Debug for PathSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PathSecret")
    }
}

/// Keyed digest of a path below the share: HMAC-SHA256 of its bytes, cut to 128 bits. Displays as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathKey(pub [u8; 16]);

impl PathKey {
    /// Of a path relative to the share.
    pub fn of(path: &Path, secret: &PathSecret) -> Self {
        // A key of 32 bytes is always taken: HMAC takes any length.
        let mut key = [0; 16];
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) {
            mac.update(path.as_os_str().as_bytes());
            key.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        }
        Self(key)
    }
}

impl fmt::Display for PathKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PathKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathKey({self})")
    }
}

/// One state of one file. A file that changes gets another fingerprint; a file that moves, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint {
    /// Where it lies.
    pub path: PathKey,
    /// Bytes.
    pub size: u64,
    /// Modification time by the share's clock, ns since 1970. Only ever compared with itself.
    pub mtime_ns: i64,
}

impl Fingerprint {
    /// Of what lies at `path` in the state `stat`.
    pub fn of(path: &Path, stat: &Stat, secret: &PathSecret) -> Self {
        Self { path: PathKey::of(path, secret), size: stat.size, mtime_ns: stat.mtime_ns }
    }
}

/// `<path key>-<bytes>-<modification time>`, for the ledger.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.path, self.size, self.mtime_ns)
    }
}

/// SHA-256 of a file's bytes: the same file under another name has the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentDigest(pub [u8; 32]);

impl ContentDigest {
    /// Of all bytes of a file.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentDigest({self})")
    }
}
