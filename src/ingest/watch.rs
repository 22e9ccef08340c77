//! What the share shows goes in with the time; which folder to list, which file to look at, which to read, and which
//! to hand on comes out. Pure: knows no file system and no clock.

use super::files::{Finish, Look, Reading, Tracked};
use super::fingerprint::{Fingerprint, PathKey};
use super::folders::{FolderId, Folders};
use super::listing::{Found, Pass, Room, What};
use super::settings::Settings;
use super::share::{Kind, Stat};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Files followed at once; the names of further ones wait in memory for their turn.
const TRACKED: usize = 4000;
/// Of these, files that lay there before we came: the rest is kept free for what arrives.
const TRACKED_OLD: usize = 1000;
/// Looks at files in one scan.
const LOOKS_PER_SCAN: usize = 2000;

/// Scans follow each other no faster than this, whatever is due.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// A followed file. Sorted in the order of service: what arrives before what lay there, each in the order of first sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    is_old: bool,
    number: u64,
}

/// A file that is to be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handover {
    pub fingerprint: Fingerprint,
    pub first_seen: Duration,
    pub finish: Finish,
    pub backlog_beside: bool,
}

/// Tells whether a file was handed on before the process started.
pub(super) type Known = Box<dyn Fn(&Fingerprint) -> bool + Send>;

pub(super) struct Watch {
    settings: Settings,
    known: Known,
    folders: Folders,
    files: BTreeMap<FileId, Tracked>,
    number: u64,
    vanished: u64,
}

impl Watch {
    pub fn new(settings: Settings, known: Known) -> Self {
        let folders = Folders::new(settings.max_depth, settings.max_folders);
        Self { settings, known, folders, files: BTreeMap::new(), number: 0, vanished: 0 }
    }

    pub fn folders_to_check(&mut self, now: Duration) -> Vec<(FolderId, Arc<Path>)> {
        let ids = self.folders.due_for_check(now);
        ids.into_iter().filter_map(|id| self.with_path(id)).collect()
    }

    /// Takes a folder's state; whether to list it now.
    pub fn folder_checked(&mut self, folder: FolderId, stat: Stat, now: Duration) -> bool {
        if stat.kind != Kind::Folder {
            self.folders.gone(folder);
            return false;
        }
        self.folders.checked(folder, stat.mtime_ns, now)
    }

    /// A folder seen for the first time, the latest first.
    pub fn unlisted_folder(&self) -> Option<(FolderId, Arc<Path>)> {
        self.with_path(self.folders.unlisted()?)
    }

    /// An idle folder whose turn it is to be listed.
    pub fn idle_folder(&self, now: Duration) -> Option<(FolderId, Arc<Path>)> {
        self.with_path(self.folders.idle(now)?)
    }

    fn with_path(&self, folder: FolderId) -> Option<(FolderId, Arc<Path>)> {
        Some((folder, Arc::clone(self.folders.path(folder)?)))
    }

    /// A folder cannot be looked into. It is tried again when it is its turn.
    pub fn folder_refused(&mut self, folder: FolderId, now: Duration) {
        self.folders.refused(folder, now);
    }

    pub fn folder_gone(&mut self, folder: FolderId) {
        self.folders.gone(folder);
    }

    /// Starts a listing; `None` for a folder that is not remembered any more.
    pub fn list(&mut self, folder: FolderId, now: Duration) -> Option<Pass<'_>> {
        let waiting = |old: bool| self.files.iter().filter(|(id, f)| f.is_waiting() && (id.is_old || !old)).count();
        let room = Room { any: TRACKED.saturating_sub(waiting(false)), old: TRACKED_OLD.saturating_sub(waiting(true)) };
        self.folders.list(folder, room, now)
    }

    /// Takes what a [`Pass`] found.
    pub fn listed(&mut self, folder: FolderId, found: Vec<Found>, now: Duration) {
        let Some(path) = self.folders.path(folder).map(Arc::clone) else { return };
        for Found { id, name, is_old, what } in found {
            let path = Arc::from(path.join(name));
            let tracked = match what {
                What::Folder => {
                    self.folders.add(id, path, is_old);
                    continue;
                }
                What::NewFile => Tracked::new(id, path, now),
                What::KnownFile(stat, handed) => Tracked::known(id, path, stat, handed, now),
            };
            self.number += 1;
            self.files.insert(FileId { is_old, number: self.number }, tracked);
        }
    }

    /// The files whose state to ask for now.
    pub fn files_to_look_at(&self, now: Duration) -> Vec<(FileId, Arc<Path>)> {
        let due = self.files.iter().filter(|(_, file)| !file.is_ready() && file.due <= now);
        due.take(LOOKS_PER_SCAN).map(|(id, file)| (*id, Arc::clone(&file.path))).collect()
    }

    /// Takes a file's state, asked for at `asked`; it came at `answered`.
    pub fn looked(&mut self, id: FileId, stat: Stat, asked: Duration, answered: Duration) {
        let Some(file) = self.files.get_mut(&id) else { return };
        match stat.kind {
            Kind::File => {}
            Kind::Folder => {
                let (name, path) = (file.name, Arc::clone(&file.path));
                self.folders.add(name, path, id.is_old);
                return self.rest(id);
            }
            Kind::Other | Kind::Unknown => return self.rest(id),
        }
        let is_first = file.stat.is_none() && file.times_handed == 0;
        match file.look(stat, asked, answered, &self.settings) {
            Look::Changed if is_first => {
                let fingerprint = Fingerprint::of(&file.path, &stat, &self.settings.secret);
                if (self.known)(&fingerprint) {
                    self.rest(id);
                }
            }
            Look::Changed | Look::Waiting => {}
            Look::AtRest => self.rest(id),
        }
    }

    /// A file is not there (any more).
    pub fn gone(&mut self, id: FileId) {
        if let Some(file) = self.files.remove(&id) {
            self.vanished += u64::from(file.is_waiting());
            self.folders.forget(file.name);
        }
    }

    /// A file could not be looked at or read. When it has been so for too long it is given up, and named.
    pub fn refused(&mut self, id: FileId, now: Duration) -> Option<Handover> {
        let file = self.files.get_mut(&id)?;
        if !file.is_waiting() {
            self.rest(id);
            return None;
        }
        file.refused(now, &self.settings).then(|| self.hand_on(id, Finish::Incomplete, now)).flatten()
    }

    /// The share was lost over this file.
    pub fn suspect(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(&id) {
            file.refusals = file.refusals.saturating_add(1);
        }
    }

    /// The file made trouble before: once more says nothing about the share.
    pub fn was_refused(&self, id: FileId) -> bool {
        self.files.get(&id).is_some_and(|file| file.refusals > 0)
    }

    /// The next file to read, and its size.
    pub fn next_to_read(&self) -> Option<(FileId, Arc<Path>, u64)> {
        let (id, file) = self.files.iter().find(|(_, file)| file.is_ready())?;
        Some((*id, Arc::clone(&file.path), file.stat?.size))
    }

    /// A file is settled, but not to be read: it is too large.
    pub fn give_up(&mut self, id: FileId, now: Duration) -> Option<Handover> {
        self.hand_on(id, Finish::Incomplete, now)
    }

    /// Takes a reading; `Some` when the file is to be handed on.
    pub fn read(&mut self, id: FileId, reading: &Reading, now: Duration) -> Option<Handover> {
        let finish = self.files.get_mut(&id)?.read(reading, now, &self.settings)?;
        self.hand_on(id, finish, now)
    }

    /// The share does not answer. Everything stays in memory; what was settling has to settle anew.
    pub fn share_lost(&mut self) {
        self.files.values_mut().for_each(Tracked::unsettle);
    }

    /// Files that were seen and not handed on yet, as far as they are followed.
    pub fn waiting(&self) -> usize {
        self.files.values().filter(|file| file.is_waiting()).count()
    }

    /// Whether all that lay there before we came was read once, as far as it could be.
    pub fn has_caught_up(&self) -> bool {
        !self.folders.any_unread() && !self.files.iter().any(|(id, file)| id.is_old && file.is_untried())
    }

    /// Whether files that lay there before we came still wait to be read for the first time, in the folder of this one.
    fn has_backlog_beside(&self, folder: FolderId) -> bool {
        let beside = |(id, file): (&FileId, &Tracked)| id.is_old && file.name.folder == folder && file.is_untried();
        self.folders.is_unread(folder) || self.files.iter().any(beside)
    }

    /// Folders that are not looked into, because they lie too deep or are too many, since the start.
    pub const fn folders_left_out(&self) -> u64 {
        self.folders.left_out
    }

    /// Files that went before they could be handed on, since the start.
    pub const fn vanished(&self) -> u64 {
        self.vanished
    }

    /// How long the next scan can wait.
    pub fn pause(&self, now: Duration) -> Duration {
        if self.files.values().any(Tracked::is_ready) {
            return Duration::ZERO;
        }
        let due = self.files.values().map(|file| file.due.saturating_sub(now)).min().unwrap_or(self.settings.scan);
        let pace = if self.folders.any_lively(now) { self.settings.pace() } else { self.settings.scan };
        pace.min(due.max(SHORTEST_PAUSE))
    }

    fn hand_on(&mut self, id: FileId, finish: Finish, now: Duration) -> Option<Handover> {
        let file = self.files.get_mut(&id)?;
        let fingerprint = match &file.stat {
            Some(stat) => Fingerprint::of(&file.path, stat, &self.settings.secret),
            None => Fingerprint { path: PathKey::of(&file.path, &self.settings.secret), size: 0, mtime_ns: 0 },
        };
        let (folder, first_seen) = (file.name.folder, file.first_seen);
        file.handed(now);
        let backlog_beside = id.is_old && self.has_backlog_beside(folder);
        if self.files.len() > 2 * TRACKED {
            self.rest(id);
        }
        Some(Handover { fingerprint, first_seen, finish, backlog_beside })
    }

    /// Stops following a file, and remembers in what state.
    fn rest(&mut self, id: FileId) {
        if let Some(file) = self.files.remove(&id) {
            self.folders.know(file.name, file.stat, file.times_handed);
        }
    }
}
