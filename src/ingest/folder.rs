//! A mounted folder as a [`Share`]. Read-only, follows no symbolic link below its root, leaves nothing in the page cache.

use super::share::{Contents, Kind, Share, ShareError, Stat};
use rustix::fs::{Advice, FileType, Mode, OFlags, RawDir};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Type of an autofs trigger that has not mounted anything (statfs(2), `AUTOFS_SUPER_MAGIC`).
const AUTOFS: u32 = 0x0187;
/// File systems that are the other end of a network or of a hypervisor: nothing bare looks like them (statfs(2)).
const NETWORK: [u32; 10] = [
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x0000_517b, // SMB
    0x0000_6969, // NFS
    0x6573_5546, // FUSE: sshfs, davfs, s3fs
    0x0102_1997, // 9P
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x786f_4256, // VirtualBox shared folder
    0x7375_7245, // Coda
];

/// A folder of the file system, usually the mount point of a CIFS or NFS share.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    require_mount: bool,
    names: Vec<MaybeUninit<u8>>,
}

impl Folder {
    /// With `require_mount` the folder counts as lost unless it is a mount point or lies on a network file system.
    pub fn new(root: impl Into<PathBuf>, require_mount: bool) -> Self {
        Self { root: root.into(), require_mount, names: vec![MaybeUninit::uninit(); 64 << 10] }
    }

    fn open(&self, path: &Path, flags: OFlags) -> io::Result<File> {
        // The root may be a link (an administrator's choice). Nothing below it may; and a pipe must not block.
        let follow = if path.as_os_str().is_empty() { OFlags::empty() } else { OFlags::NOFOLLOW };
        let flags = flags | follow | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(rustix::fs::open(self.root.join(path), flags, Mode::empty())?.into())
    }

    fn is_mounted(&self, root: &Metadata) -> io::Result<bool> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "32 bits, of a word of any width")]
        let file_system = rustix::fs::statfs(&self.root)?.f_type as u32;
        if file_system == AUTOFS || NETWORK.contains(&file_system) {
            return Ok(file_system != AUTOFS);
        }
        let above = self.root.canonicalize()?.join("..").metadata()?;
        Ok(above.dev() != root.dev() || above.ino() == root.ino())
    }
}

impl Share for Folder {
    fn probe(&mut self) -> Result<(), ShareError> {
        let lost = |error: io::Error| ShareError::Lost(error.to_string());
        let root = self.root.metadata().map_err(lost)?;
        if !root.is_dir() {
            return Err(ShareError::Lost("not a folder".into()));
        }
        if self.require_mount && !self.is_mounted(&root).map_err(lost)? {
            return Err(ShareError::NotMounted);
        }
        Ok(())
    }

    fn stat(&mut self, path: &Path) -> Result<Stat, ShareError> {
        if path.as_os_str().is_empty() {
            return Ok(stat(&self.root.metadata()?));
        }
        Ok(stat(&self.root.join(path).symlink_metadata()?))
    }

    fn list(&mut self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> Result<Duration, ShareError> {
        let start = Instant::now();
        let folder = self.open(folder, OFlags::DIRECTORY)?;
        let mut entries = RawDir::new(&folder, &mut self.names);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(io::Error::from)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                each(OsStr::from_bytes(name), kind(entry.file_type()));
            }
        }
        Ok(start.elapsed())
    }

    fn read(&mut self, path: &Path, limit: u64) -> Result<Contents, ShareError> {
        let mut file = self.open(path, OFlags::empty())?;
        let opened = stat(&file.metadata()?);
        if opened.kind != Kind::File {
            return Err(ShareError::Refused("no regular file".into()));
        }
        if opened.size > limit {
            return Err(ShareError::Refused(format!("{} bytes, more than {limit}", opened.size)));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(opened.size).unwrap_or_default());
        (&mut file).take(limit).read_to_end(&mut bytes)?;
        // A file that has to be read again must come from the server, and none is wanted a third time.
        let _unimportant = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
        Ok(Contents { bytes, opened })
    }
}

fn stat(metadata: &Metadata) -> Stat {
    Stat {
        kind: if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Folder
        } else {
            Kind::Other
        },
        size: metadata.len(),
        mtime_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
    }
}

const fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Unknown => Kind::Unknown,
        _ => Kind::Other,
    }
}
