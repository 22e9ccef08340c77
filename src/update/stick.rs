//! Which file is meant: a path in, one bundle out. A folder or a stick holds exactly one.
//!
//! Never writes to a stick: it is mounted read-only where nobody else looks, and unmounted afterwards.

use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bundle::unreadable;
use super::record::Source;
use super::refusal::{Refusal, one_line};

/// Ending of a bundle's name.
const ENDING: &str = ".raucb";

/// The one bundle.
#[derive(Debug)]
pub struct Found {
    /// Where it can be read.
    pub path: PathBuf,
    /// Its name, for people.
    pub name: String,
    /// Where it came from.
    pub source: Source,
    /// Unmounts when dropped.
    _mount: Option<Mount>,
}

/// Finds the bundle that `source` means: a file, a folder such as a mounted stick, or a block device, which is mounted
/// at `mount_point`.
///
/// # Errors
/// [`Refusal::NoBundle`], [`Refusal::SeveralBundles`] or [`Refusal::Unreadable`].
pub fn find(source: &Path, mount_point: &Path) -> Result<Found, Refusal> {
    let place = source.display().to_string();
    let metadata = std::fs::metadata(source).map_err(|error| unreadable(&place, &error))?;
    if metadata.is_dir() {
        return within(source, &place, None);
    }
    if metadata.file_type().is_block_device() {
        let mount = Mount::read_only(source, mount_point)?;
        return within(mount_point, &place, Some(mount));
    }
    // RAUC's service has another working folder.
    let path = source.canonicalize().map_err(|error| unreadable(&place, &error))?;
    Ok(Found { name: name(&path), path, source: Source::File, _mount: None })
}

fn within(dir: &Path, place: &str, mount: Option<Mount>) -> Result<Found, Refusal> {
    let names = files(dir).map_err(|error| unreadable(place, &error))?;
    let name = choose(names, place)?;
    let dir = dir.canonicalize().map_err(|error| unreadable(place, &error))?;
    Ok(Found { path: dir.join(&name), name, source: Source::Stick, _mount: mount })
}

/// Files of the top folder; what is not a file is none.
fn files(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// The one bundle among the names. Hidden files do not count: macOS leaves `._x.raucb` beside every `x.raucb`.
///
/// # Errors
/// With none or several, naming them and the `place`.
pub fn choose(names: Vec<String>, place: &str) -> Result<String, Refusal> {
    let is_bundle = |name: &String| !name.starts_with('.') && name.to_ascii_lowercase().ends_with(ENDING);
    let mut bundles: Vec<String> = names.into_iter().filter(is_bundle).collect();
    bundles.sort();
    match bundles.pop() {
        None => Err(Refusal::NoBundle { place: place.to_owned() }),
        Some(one) if bundles.is_empty() => Ok(one),
        Some(last) => {
            bundles.push(last);
            Err(Refusal::SeveralBundles { place: place.to_owned(), names: bundles })
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A mounted device.
#[derive(Debug)]
struct Mount(PathBuf);

impl Mount {
    fn read_only(device: &Path, at: &Path) -> Result<Self, Refusal> {
        let file = device.display().to_string();
        std::fs::create_dir_all(at).map_err(|error| unreadable(&file, &error))?;
        let mut command = Command::new("mount");
        command.args(["-o", "ro,nosuid,nodev,noexec", "--"]).arg(device).arg(at);
        let output = command.output().map_err(|error| unreadable(&file, &error))?;
        if output.status.success() {
            return Ok(Self(at.to_owned()));
        }
        let why = one_line(&String::from_utf8_lossy(&output.stderr));
        Err(Refusal::Unreadable { file, why })
    }
}

impl Drop for Mount {
    /// Lazily: a stick that was pulled, or that RAUC still holds, must not stay mounted for ever.
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            tracing::warn!(at = %self.0.display(), "the stick could not be unmounted");
        }
    }
}

/// Opens the bundle for reading.
///
/// # Errors
/// [`Refusal::Unreadable`].
pub fn open(found: &Found) -> Result<File, Refusal> {
    File::open(&found.path).map_err(|error| unreadable(&found.name, &error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn chosen(names: &[&str]) -> Result<String, String> {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        choose(names, "/media/stick").map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn exactly_one_bundle_is_taken_and_hidden_files_do_not_count() {
        for names in [
            &["a.raucb"][..],
            &["._a.raucb", "a.raucb", ".Trashes", "readme.txt"],
            &["b.raucb.part", "a.raucb", "raucb", ".b.RAUCB"],
        ] {
            assert_eq!(chosen(names).unwrap(), "a.raucb");
        }
        assert_eq!(chosen(&["A.RAUCB"]).unwrap(), "A.RAUCB", "FAT may shout");
    }

    #[test]
    fn none_or_several_are_refused_in_one_line_that_names_them_and_the_cure() {
        let none = chosen(&["._a.raucb", "a.zip"]).unwrap_err();
        assert_eq!(none, "no *.raucb file in the top folder of /media/stick: copy one bundle there");
        let two = chosen(&["b.raucb", "a.raucb", "x"]).unwrap_err();
        assert_eq!(two, "/media/stick holds a.raucb and b.raucb: leave one bundle there and remove the others");
    }

    #[test]
    fn a_folder_that_is_named_like_a_bundle_is_none() {
        let stick = tempfile::tempdir().unwrap();
        std::fs::create_dir(stick.path().join("old.raucb")).unwrap();
        std::fs::write(stick.path().join("new.raucb"), "x").unwrap();
        let found = find(stick.path(), Path::new("/nowhere")).unwrap();
        assert_eq!((&*found.name, found.source), ("new.raucb", Source::Stick));
    }

    #[test]
    fn a_stick_that_is_gone_is_said_so() {
        let refusal = find(Path::new("/dev/no-such-stick"), Path::new("/nowhere")).unwrap_err();
        assert!(matches!(refusal, Refusal::Unreadable { .. }) && refusal.to_string().contains("pulled"), "{refusal}");
    }
}
