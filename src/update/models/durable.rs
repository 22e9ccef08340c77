//! Files and folders that are still there after a power cut: whatever returns `Ok` from here is on the disk.
//!
//! A file's bytes are synced with the file, its name with its folder.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Makes a folder that the daemon can read whoever installs; one that is there stays.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.symlink_metadata()?.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755)),
    }
}

/// Writes a new file, which the daemon can read whoever installs, and syncs its bytes. Gives how many they are.
pub(super) fn write_file(path: &Path, bytes: &mut dyn Read) -> io::Result<u64> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    // not io::copy of two files: the kernel's copy of a stick that is pulled is told later than a read is
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    loop {
        let length = bytes.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        io::Write::write_all(&mut file, &buffer[..length])?;
        written += length as u64;
    }
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()?;
    Ok(written)
}

/// Syncs the names in a folder.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs the names in a folder and in all folders below it, from the deepest on.
pub(super) fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync_folder(path)
}

/// Removes a folder with all that is in it; one that is not there is no error.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
