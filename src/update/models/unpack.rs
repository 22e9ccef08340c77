//! A package out of a tar or a folder into an empty folder: plain files only, bounded in number, size and depth.
//!
//! Nothing here is trusted: this comes before the signature. No link is followed or made, no name leaves the folder, and a
//! tar that unpacks to more than a package may be is refused before it fills the disk. Owners, modes and times are left
//! behind.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry, EntryType, PaxExtensions};

use super::SwitchError;
use super::durable::{make_folder, write_file};
use crate::inference::files::{self, MAX_DEPTH, MAX_FILE_BYTES, MAX_FILES};

/// All files of a package together, bytes.
const MAX_BYTES: u64 = 512 << 20;
/// Entries of a tar, folders and headers among them.
const MAX_ENTRIES: usize = 4 * MAX_FILES;
/// Extended header of a tar entry, bytes: it holds times and names of owners.
const MAX_EXTENSION: u64 = 64 << 10;

/// Unpacks `source` below `staging`; gives the folder of the package, named for messages. Its files are synced, the names
/// of its files are not.
pub(super) fn unpack(source: &Path, staging: &Path) -> Result<PathBuf, SwitchError> {
    let about = source.metadata().map_err(|error| SwitchError::source(source, format!("cannot be read: {error}")))?;
    if !about.is_dir() && !about.is_file() {
        return Err(SwitchError::source(source, "is neither a tar nor a folder"));
    }
    let name = if about.is_dir() { source.file_name() } else { source.file_stem() };
    let into = staging.join(name.unwrap_or("package".as_ref()));
    make_folder(&into).map_err(SwitchError::io(&into))?;
    if about.is_dir() {
        copy(source, &into)?;
        return Ok(into);
    }
    Unpacking { source, into: into.clone(), files: 0, bytes: 0 }.archive()?;
    lone_folder(&into).map(|lone| lone.unwrap_or(into)).map_err(SwitchError::io(staging))
}

/// The one folder that a tar of `NAME/` has; `None` where the package lies at the top of it.
fn lone_folder(dir: &Path) -> io::Result<Option<PathBuf>> {
    let mut entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    Ok(match (entries.pop(), entries.is_empty()) {
        (Some(only), true) if only.file_type()?.is_dir() => Some(only.path()),
        _ => None,
    })
}

fn copy(source: &Path, into: &Path) -> Result<(), SwitchError> {
    let refused = |fault: crate::inference::Fault| SwitchError::source(source, fault.to_string());
    for file in files::list(source).map_err(refused)? {
        let bytes = files::read(source, &file, MAX_FILE_BYTES).map_err(refused)?;
        let path = into.join(&file);
        make_parents(into, &path)?;
        write_file(&path, &mut bytes.as_slice()).map_err(SwitchError::io(&path))?;
    }
    Ok(())
}

fn make_parents(root: &Path, path: &Path) -> Result<(), SwitchError> {
    let below = path.parent().and_then(|parent| parent.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let mut folder = root.to_owned();
    for name in below {
        folder.push(name);
        make_folder(&folder).map_err(SwitchError::io(&folder))?;
    }
    Ok(())
}

/// A tar on its way into a folder.
struct Unpacking<'a> {
    source: &'a Path,
    into: PathBuf,
    files: usize,
    bytes: u64,
}

impl Unpacking<'_> {
    fn refused(&self, why: impl Into<String>) -> SwitchError {
        SwitchError::source(self.source, why)
    }

    fn archive(mut self) -> Result<(), SwitchError> {
        let unreadable = |source: &Path, error: io::Error| {
            SwitchError::source(
                source,
                format!("is no tar that can be read ({error}); copy it again, unpacked from gzip"),
            )
        };
        let file = File::open(self.source).map_err(|error| unreadable(self.source, error))?;
        let mut archive = Archive::new(io::BufReader::new(file));
        // raw: long names and sparse files would be read into memory, or out of proportion, by the library
        let entries = archive.entries().map_err(|error| unreadable(self.source, error))?.raw(true);
        for (count, entry) in entries.enumerate() {
            if count >= MAX_ENTRIES {
                return Err(self.refused(format!("holds more than {MAX_ENTRIES} entries; this is no package")));
            }
            self.entry(entry.map_err(|error| unreadable(self.source, error))?)?;
        }
        if self.files == 0 {
            return Err(self.refused("holds no file; give the tar of a package's folder, unpacked from gzip"));
        }
        Ok(())
    }

    fn entry(&mut self, mut entry: Entry<'_, impl Read>) -> Result<(), SwitchError> {
        let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            EntryType::XGlobalHeader | EntryType::XHeader => self.extension(entry),
            EntryType::Directory => {
                let path = self.path(&shown)?;
                make_parents(&self.into, &path.join("."))
            }
            EntryType::Regular => {
                let path = self.path(&shown)?;
                self.file(&path, &shown, &mut entry)
            }
            _ => Err(self.refused(format!("{shown:?} is no plain file; a package holds plain files only"))),
        }
    }

    /// Where an entry belongs: plain names below the folder, as deep as a package goes.
    fn path(&self, name: &str) -> Result<PathBuf, SwitchError> {
        let mut path = self.into.clone();
        let mut depth = 0;
        for component in Path::new(name).components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) if depth < MAX_DEPTH + 2 => {
                    path.push(name);
                    depth += 1;
                }
                _ => {
                    return Err(
                        self.refused(format!("{name:?} leaves the folder of the package, or is too deep in it"))
                    );
                }
            }
        }
        if name.contains(['\0', '\u{fffd}']) {
            return Err(self.refused(format!("{name:?} is no name of a file of a package")));
        }
        Ok(path)
    }

    fn file(&mut self, path: &Path, shown: &str, entry: &mut Entry<'_, impl Read>) -> Result<(), SwitchError> {
        let size = entry.size();
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        if self.files > MAX_FILES || size > MAX_FILE_BYTES || self.bytes > MAX_BYTES {
            let (file, all) = (MAX_FILE_BYTES >> 20, MAX_BYTES >> 20);
            return Err(self.refused(format!(
                "{shown:?} is too much: a package holds at most {MAX_FILES} files of {file} MiB, {all} MiB together"
            )));
        }
        if path == self.into || path.symlink_metadata().is_ok() {
            return Err(self.refused(format!("{shown:?} is in it twice")));
        }
        make_parents(&self.into, path)?;
        let mut read = Remembering { inner: entry, failed: None };
        let outcome = write_file(path, &mut read);
        if let Some(error) = read.failed {
            return Err(self.refused(format!("cannot be read at {shown:?}: {error}; copy it again")));
        }
        if outcome.map_err(SwitchError::io(path))? != size {
            return Err(self.refused(format!("ends in the middle of {shown:?}; copy it again")));
        }
        Ok(())
    }

    /// Times and owners do not matter; another name, size or kind would.
    fn extension(&self, entry: Entry<'_, impl Read>) -> Result<(), SwitchError> {
        let harmful = |key: &str| ["path", "linkpath", "size"].contains(&key) || key.starts_with("GNU.");
        let mut bytes = Vec::new();
        let read = entry.take(MAX_EXTENSION + 1).read_to_end(&mut bytes);
        let fits = read.is_ok_and(|length| length as u64 <= MAX_EXTENSION);
        let harmless = |record: io::Result<tar::PaxExtension<'_>>| {
            record.is_ok_and(|record| record.key().is_ok_and(|key| !harmful(key)))
        };
        if fits && PaxExtensions::new(&bytes).all(harmless) {
            return Ok(());
        }
        Err(self.refused("has extended headers with names or sizes; make it with `tar --format=ustar`"))
    }
}

/// Tells whether reading or writing has failed.
struct Remembering<'a, R> {
    inner: &'a mut R,
    failed: Option<String>,
}

impl<R: Read> Read for Remembering<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| self.failed = Some(error.to_string()))
    }
}
