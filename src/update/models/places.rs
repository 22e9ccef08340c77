//! The two places of each installed package, and the link that says which of them counts.
//!
//! Knows names and folders only; whether what lies there holds is asked elsewhere. A link is replaced by one rename, so
//! that at any moment it is the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::SwitchError;
use super::durable::{make_folder, remove_tree, sync_folder, sync_tree};

const PLACES: &str = ".places";
const STAGING: &str = ".staging";
const LOCK: &str = ".lock";
const FORCED: &str = "forced";

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    A,
    B,
}

impl Place {
    /// The one beside this.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }
}

/// The folder of installed packages, to be read.
#[derive(Clone, Debug)]
pub(super) struct Places {
    dir: PathBuf,
}

/// The same, to be written by one process at a time. Starts with an empty staging folder.
#[derive(Debug)]
pub(super) struct Locked {
    places: Places,
    lock: File,
}

impl Places {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Names of the installed packages, sorted. None where nothing was ever installed.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        let mut names: Vec<String> = links.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// The place that the link of `name` says; `None` without a link, or with one that no installation wrote.
    pub(super) fn current(&self, name: &str) -> Option<Place> {
        let target = fs::read_link(self.link(name)).ok()?;
        [Place::A, Place::B].into_iter().find(|place| target == Self::target(name, *place))
    }

    /// The places in the order in which a start tries them: the one that counts, then the one beside it.
    pub(super) fn in_order(&self, name: &str) -> [Place; 2] {
        let first = self.current(name).unwrap_or(Place::A);
        [first, first.other()]
    }

    /// Folder of the package in a place.
    pub(super) fn package(&self, name: &str, place: Place) -> PathBuf {
        self.dir.join(Self::target(name, place))
    }

    /// Digest of the shipped package that the one in this place may be older than, because somebody forced it.
    pub(super) fn forced_over(&self, name: &str, place: Place) -> Option<String> {
        fs::read_to_string(self.place(name, place).join(FORCED)).ok()
    }

    fn link(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn place(&self, name: &str, place: Place) -> PathBuf {
        self.dir.join(PLACES).join(format!("{name}.{}", place.letter()))
    }

    fn target(name: &str, place: Place) -> PathBuf {
        Path::new(PLACES).join(format!("{name}.{}", place.letter())).join(name)
    }

    /// Makes the folder where it is missing (its parent must be there: the disk of the state is mounted), and takes its
    /// lock.
    pub(super) fn lock(self) -> Result<Locked, SwitchError> {
        let io = |path: &Path| SwitchError::io(path);
        let (places, lock) = (self.dir.join(PLACES), self.dir.join(LOCK));
        make_folder(&self.dir).map_err(io(&self.dir))?;
        // root may install into the daemon's folder: what lies there as a link is not followed
        let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).custom_flags(no_follow);
        let lock_file = options.open(&lock).map_err(io(&lock))?;
        flock(&lock_file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
            rustix::io::Errno::WOULDBLOCK => SwitchError::Busy(self.dir.clone()),
            errno => io(&lock)(errno.into()),
        })?;
        let locked = Locked { places: self, lock: lock_file };
        let dir = &locked.places.dir;
        locked.empty_staging().map_err(io(dir))?;
        make_folder(&places).map_err(io(&places))?;
        sync_folder(dir).map_err(io(dir))?;
        // the name of the folder itself
        dir.parent().map_or(Ok(()), |parent| sync_folder(parent).map_err(io(parent)))?;
        Ok(locked)
    }
}

impl Locked {
    /// Where a package is unpacked: on the disk of the places, seen by nobody.
    pub(super) fn staging(&self) -> PathBuf {
        self.places.dir.join(STAGING)
    }

    fn empty_staging(&self) -> io::Result<()> {
        remove_tree(&self.staging())?;
        make_folder(&self.staging())
    }

    /// Brings the package `unpacked`, whose files are synced, from the staging folder into a place that is not in use,
    /// all of it or nothing. What lay there before goes.
    pub(super) fn fill(&self, name: &str, place: Place, unpacked: &Path, forced_over: Option<&str>) -> io::Result<()> {
        let (staging, target) = (self.staging(), self.places.place(name, place));
        let fresh = staging.join(".fresh");
        make_folder(&fresh)?;
        fs::rename(unpacked, fresh.join(name))?;
        if let Some(digest) = forced_over {
            super::durable::write_file(&fresh.join(FORCED), &mut digest.as_bytes())?;
        }
        sync_tree(&fresh)?;
        if target.exists() {
            fs::rename(&target, staging.join(".before"))?;
        }
        fs::rename(&fresh, &target)?;
        sync_folder(&self.places.dir.join(PLACES))?;
        sync_folder(&staging)
    }

    /// Empties a place whose package was not in use before: a way back must not lead there.
    pub(super) fn vacate(&self, name: &str, place: Place) -> io::Result<()> {
        let target = self.places.place(name, place);
        if !target.exists() {
            return Ok(());
        }
        fs::rename(&target, self.staging().join(".stale"))?;
        sync_folder(&self.places.dir.join(PLACES))
    }

    /// Lets a place count from now on, or none: the switch. On the disk when this returns.
    pub(super) fn switch(&self, name: &str, place: Option<Place>) -> io::Result<()> {
        let link = self.places.link(name);
        match place {
            Some(place) => {
                let fresh = self.staging().join(".link");
                symlink(Places::target(name, place), &fresh)?;
                sync_folder(&self.staging())?;
                fs::rename(&fresh, &link)?;
            }
            None => fs::remove_file(&link)?,
        }
        sync_folder(&self.places.dir)
    }

    /// The folder, to be read.
    pub(super) const fn places(&self) -> &Places {
        &self.places
    }
}

impl Drop for Locked {
    /// What is left over takes space and nothing else: the next verb removes it when this cannot.
    fn drop(&mut self) {
        let _ = self.empty_staging();
        // by hand: a process that is just being started would hold the lock until it runs
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_switch_is_seen_at_once_and_taken_back_by_another() {
        let state = tempfile::tempdir().unwrap();
        let locked = Places::new(&state.path().join("models")).lock().unwrap();
        let places = locked.places().clone();
        assert_eq!((places.names(), places.current("one")), (Vec::new(), None));
        for place in [Place::A, Place::B, Place::B, Place::A] {
            locked.switch("one", Some(place)).unwrap();
            assert_eq!(places.current("one"), Some(place));
            assert_eq!(places.in_order("one"), [place, place.other()]);
        }
        assert_eq!(places.names(), ["one"]);
        locked.switch("one", None).unwrap();
        assert!(places.names().is_empty());
    }

    #[test]
    fn a_link_that_no_installation_wrote_names_no_place() {
        let state = tempfile::tempdir().unwrap();
        let places = Places::new(state.path());
        for target in [".places/two.a/two", ".places/one.a/two", "../.places/one.a/one", "/", ".places/one.c/one"] {
            symlink(target, state.path().join("one")).unwrap();
            assert_eq!(places.current("one"), None, "{target}");
            assert_eq!(places.in_order("one"), [Place::A, Place::B]);
            fs::remove_file(state.path().join("one")).unwrap();
        }
    }

    #[test]
    fn without_the_disk_of_the_state_nothing_is_made() {
        let state = tempfile::tempdir().unwrap();
        let error = Places::new(&state.path().join("not mounted/models")).lock().unwrap_err();
        assert!(error.to_string().starts_with("cannot write"), "{error}");
        symlink("/", state.path().join("models")).unwrap();
        assert!(Places::new(&state.path().join("models")).lock().is_err(), "a link in the place of the folder");
    }
}
