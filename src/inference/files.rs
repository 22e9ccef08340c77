//! Reads the files of a package folder: bounded in number, depth and size, plain files only, links never followed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::inference::Fault;

/// A package holds at most this many files.
pub(crate) const MAX_FILES: usize = 256;
/// Folders within folders.
pub(crate) const MAX_DEPTH: usize = 4;
/// A file of a package is at most this large, bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 256 << 20;

/// Paths of all files under `dir`, relative to it, with `/` between names.
pub(crate) fn list(dir: &Path) -> Result<BTreeSet<String>, Fault> {
    let mut files = BTreeSet::new();
    collect(dir, "", 0, &mut files)?;
    Ok(files)
}

fn collect(dir: &Path, prefix: &str, depth: usize, files: &mut BTreeSet<String>) -> Result<(), Fault> {
    let folder = if prefix.is_empty() { "its folder" } else { prefix };
    let unreadable = |source| Fault::Unreadable { file: folder.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // file_type() of an entry does not follow links
        let kind = entry.file_type().map_err(unreadable)?;
        let named_plainly = entry.file_name().to_str().is_some_and(|name| !name.contains(['\\', '\n', '\r']));
        if kind.is_dir() && named_plainly && depth < MAX_DEPTH {
            collect(&entry.path(), &format!("{path}/"), depth + 1, files)?;
        } else if kind.is_file() && named_plainly && files.len() < MAX_FILES {
            files.insert(path);
        } else {
            return Err(Fault::NotPlain { file: path });
        }
    }
    Ok(())
}

/// The bytes of one listed file, at most `limit` of them.
pub(crate) fn read(dir: &Path, file: &str, limit: u64) -> Result<Vec<u8>, Fault> {
    let unreadable = |source| Fault::Unreadable { file: file.to_owned(), source };
    // NONBLOCK: opening a FIFO that took the file's place must not hang
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(dir.join(file), flags, Mode::empty());
    let opened = File::from(opened.map_err(|errno| unreadable(errno.into()))?);
    let about = opened.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(Fault::NotPlain { file: file.to_owned() });
    }
    let mut bytes = Vec::new();
    opened.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(Fault::TooLarge { file: file.to_owned(), limit_kib: limit >> 10 });
    }
    Ok(bytes)
}
