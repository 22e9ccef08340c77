//! What the scanner may be told. Defaults are those of the shipped configuration.

use super::fingerprint::PathSecret;
use std::time::Duration;

/// How the share is watched.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time between two scans of a quiet share. While files arrive the scanner looks more often, see [`Settings::pace`].
    pub scan: Duration,
    /// A file is left alone until its size and modification time have not changed for this long, by our clock.
    pub settle: Duration,
    /// A whole file that ends in one repeated byte (reserved by the writer, perhaps not yet filled) is read again after
    /// this long, and counts as finished if it has not changed.
    pub flat_tail: Duration,
    /// A file whose structure is unfinished, or that cannot be opened, is given up when it has not changed for this
    /// long: it is handed on marked incomplete, or reported as unreadable.
    pub incomplete: Duration,
    /// Larger files are reported, never read.
    pub max_file_bytes: u64,
    /// Folders are looked into down to this depth; the share's own is 0.
    pub max_depth: u8,
    /// So many folders are remembered; further ones are not looked into.
    pub max_folders: usize,
    /// Keys the digests of paths, since a path can hold a patient's name.
    pub secret: PathSecret,
}

impl Settings {
    /// The defaults, with the device's secret.
    pub const fn new(secret: PathSecret) -> Self {
        Self {
            scan: Duration::from_millis(500),
            settle: Duration::from_millis(400),
            flat_tail: Duration::from_millis(1000),
            incomplete: Duration::from_secs(30),
            max_file_bytes: 256 << 20,
            max_depth: 8,
            max_folders: 20_000,
            secret,
        }
    }

    /// Time between two scans while files arrive: twice as often as files settle, so that the wait for the next scan
    /// does not add much to the wait for the file.
    pub(super) fn pace(&self) -> Duration {
        self.scan.min(self.settle / 2).max(Duration::from_millis(20))
    }
}
