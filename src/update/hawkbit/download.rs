//! The file of an action: what lies in the download folder and what the server sends in; the whole file, its SHA-256 checked, out.
//!
//! One file at a time, named by its content. What is there stays over interruptions and restarts and is not fetched again.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::item::Item;
use super::server::Part;
use super::trouble::Trouble;

const STEP: usize = 64 << 10;
/// What a power cut may cost, bytes.
const SYNC: u64 = 8 << 20;

/// How a download went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    /// The file is whole and right.
    Whole,
    /// `watch` wanted it to end.
    Stopped,
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Later perhaps; what came stays.
    Trouble(Trouble),
    /// Trying again would change nothing.
    Hopeless(String),
}

/// The folder of the one file.
#[derive(Clone, Debug)]
pub(super) struct Downloads {
    folder: PathBuf,
    reserve: u64,
}

struct Partial {
    file: File,
    digest: Sha256,
    length: u64,
}

impl Downloads {
    /// Leaves `reserve` bytes of the disk free.
    pub(super) const fn new(folder: PathBuf, reserve: u64) -> Self {
        Self { folder, reserve }
    }

    /// Where the file of `item` is, once it is whole.
    pub(super) fn path(&self, item: &Item) -> PathBuf {
        self.folder.join(item.file_name())
    }

    /// True if the file is there, whole and right.
    pub(super) fn has(&self, item: &Item) -> bool {
        let partial = self.open(item);
        partial.is_ok_and(|partial| partial.length == item.size && hex(partial.digest) == item.sha256)
    }

    /// Removes whatever is there.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.clear_but("")
    }

    /// Gets what is missing of `item`. `open` asks the server for the file from an offset; `watch` is asked now and then
    /// whether to end.
    pub(super) fn fetch(
        &self,
        item: &Item,
        mut open: impl FnMut(u64) -> Result<Part, Trouble>,
        mut watch: impl FnMut() -> bool,
    ) -> Result<Fetched, Failure> {
        let mut partial = self.prepare(item).map_err(|error| self.disk(&error))?;
        if partial.length == item.size && hex(partial.digest.clone()) == item.sha256 {
            return Ok(Fetched::Whole);
        }
        if partial.length >= item.size {
            partial.empty().map_err(|error| self.disk(&error))?;
        }
        self.room_for(item.size - partial.length)?;
        let mut part = open(partial.length).map_err(Failure::Trouble)?;
        let resumed = part.from > 0;
        if part.from != partial.length {
            partial.empty().map_err(|error| self.disk(&error))?;
        }
        if !self.copy(item, &mut partial, &mut *part.bytes, &mut watch)? {
            return Ok(Fetched::Stopped);
        }
        let got = hex(partial.digest.clone());
        if got == item.sha256 {
            return Ok(Fetched::Whole);
        }
        partial.empty().map_err(|error| self.disk(&error))?;
        let why = format!("the SHA-256 of what was downloaded is {got}, hawkBit says {}", item.sha256);
        // what lay here may have suffered from a power cut: the whole of it again, then
        Err(if resumed { Failure::Trouble(nonsense(why)) } else { Failure::Hopeless(why) })
    }

    /// True when it has come to its end, false when `watch` ended it.
    fn copy(
        &self,
        item: &Item,
        partial: &mut Partial,
        bytes: &mut dyn Read,
        watch: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Failure> {
        let mut step = vec![0; STEP];
        let mut synced = partial.length;
        loop {
            let read = match bytes.read(&mut step) {
                Ok(0) => break,
                Ok(read) => step.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.synced(partial)?;
                    return Err(Failure::Trouble(broken_off(partial, item, &error.to_string())));
                }
            };
            if partial.length + read.len() as u64 > item.size {
                partial.empty().map_err(|error| self.disk(&error))?;
                return Err(Failure::Hopeless(format!(
                    "the server sends more than the {} bytes it announced",
                    item.size
                )));
            }
            partial.append(read).map_err(|error| self.disk(&error))?;
            if partial.length - synced >= SYNC {
                self.synced(partial)?;
                synced = partial.length;
            }
            if partial.length < item.size && watch() {
                self.synced(partial)?;
                return Ok(false);
            }
        }
        self.synced(partial)?;
        if partial.length < item.size {
            return Err(Failure::Trouble(broken_off(partial, item, "the connection ended")));
        }
        Ok(true)
    }

    fn synced(&self, partial: &Partial) -> Result<(), Failure> {
        let synced = partial.file.sync_all().and_then(|()| File::open(&self.folder)?.sync_all());
        synced.map_err(|error| self.disk(&error))
    }

    fn prepare(&self, item: &Item) -> io::Result<Partial> {
        match std::fs::symlink_metadata(&self.folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(io::Error::new(ErrorKind::NotADirectory, "not a folder: remove it")),
            Err(_) => DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?,
        }
        self.clear_but(&item.file_name())?;
        self.open(item)
    }

    fn open(&self, item: &Item) -> io::Result<Partial> {
        // the state folder belongs to the daemon's account: a link that it may have put here is not followed
        let no_link = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link);
        let mut file = open.open(self.path(item))?;
        let mut digest = Sha256::new();
        let length = io::copy(&mut file, &mut digest)?;
        Ok(Partial { file, digest, length })
    }

    fn clear_but(&self, kept: &str) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name() != kept {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn room_for(&self, missing: u64) -> Result<(), Failure> {
        let disk = rustix::fs::statvfs(&self.folder).map_err(|error| self.disk(&error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let needed = missing.saturating_add(self.reserve);
        if free < needed {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            return Err(Failure::Hopeless(format!(
                "no room for the download: {} MiB are needed on the disk of the state folder, {} MiB are free",
                mib(needed),
                mib(free)
            )));
        }
        Ok(())
    }

    fn disk(&self, error: &io::Error) -> Failure {
        let why = format!("{}: {error}", self.folder.display());
        if error.kind() == ErrorKind::StorageFull {
            Failure::Hopeless(why)
        } else {
            Failure::Trouble(Trouble::Device(why))
        }
    }
}

impl Partial {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.digest, self.length) = (Sha256::new(), 0);
        Ok(())
    }
}

fn broken_off(partial: &Partial, item: &Item, why: &str) -> Trouble {
    Trouble::Away(format!("the download broke off at {} of {} bytes: {why}", partial.length, item.size))
}

fn nonsense(why: String) -> Trouble {
    Trouble::Nonsense { what: "a download", why }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
