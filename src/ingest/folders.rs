//! What is remembered of the share's folders, and when each is worth a look. Pure.
//!
//! The cost is bounded by what changes, not by what lies there. Of 100,000 old files each costs a name in a listing
//! now and then, a look at its state more rarely still, and some 50 bytes of memory. A folder is listed at every scan while
//! it is lively (its modification time or its names changed in the last 30 s), but for at most a tenth of the time; and
//! otherwise in its [turn](super::turns).

use super::listing::{Pass, Room};
use super::share::{Kind, Stat};
use super::turns::Turns;
use std::collections::{BTreeMap, HashMap};
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a folder is listed at every scan after something changed in it.
pub(super) const LIVELY: Duration = Duration::from_secs(30);
/// A lively folder is listed for at most one part in so many of the time.
const LIVELY_SHARE: u32 = 10;
/// Idle folders whose modification time is looked at in one scan.
const CHECKS_PER_SCAN: usize = 100;

/// A folder. The root is `ROOT`.
pub(super) type FolderId = u32;
pub(super) const ROOT: FolderId = 0;

/// A name in a folder, by its hash: 100,000 names cost no strings. A collision (once in 4 billion shares of 100,000
/// files) would hide one of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NameId {
    pub folder: FolderId,
    pub hash: u64,
}

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// Lay there when the folder was first listed; its turn has not come.
    Unread,
    /// Followed until it is at rest.
    Tracked,
    /// At rest in this state, handed on so often, or known from an earlier life.
    Known { size: u64, mtime_ns: i64, handed: u8 },
    /// A folder, or nothing to read.
    Other,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub memory: Memory,
    /// The listing in which it was last seen.
    pub listing: u32,
}

#[derive(Debug)]
pub(super) struct FolderMemory {
    path: Arc<Path>,
    depth: u8,
    parent: Option<NameId>,
    /// Lay there before we came.
    pub is_old: bool,
    mtime_ns: Option<i64>,
    pub lively_until: Duration,
    pub listed: Option<Duration>,
    pub took: Duration,
    /// Counts listings.
    pub listing: u32,
    pub names: HashMap<u64, Name>,
    pub unread: usize,
    /// The known file, in the order of the listing, with which rechecks go on.
    pub recheck_from: usize,
}

/// The memory of the whole tree.
#[derive(Debug)]
pub(super) struct Folders {
    folders: BTreeMap<FolderId, FolderMemory>,
    next: FolderId,
    turns: Turns,
    hasher: RandomState,
    max_depth: u8,
    max_folders: usize,
    /// The folders that are not lively are checked from here on.
    check_from: FolderId,
    pub left_out: u64,
}

impl Folders {
    pub fn new(max_depth: u8, max_folders: usize) -> Self {
        let mut folders = Self {
            folders: BTreeMap::new(),
            next: ROOT,
            turns: Turns::new(),
            hasher: RandomState::new(),
            max_depth,
            max_folders: max_folders.max(1),
            check_from: ROOT,
            left_out: 0,
        };
        folders.insert(Arc::from(Path::new("")), 0, None, true);
        folders
    }

    fn insert(&mut self, path: Arc<Path>, depth: u8, parent: Option<NameId>, is_old: bool) {
        let folder = FolderMemory {
            path,
            depth,
            parent,
            is_old,
            mtime_ns: None,
            lively_until: Duration::ZERO,
            listed: None,
            took: Duration::ZERO,
            listing: 0,
            names: HashMap::new(),
            unread: 0,
            recheck_from: 0,
        };
        self.folders.insert(self.next, folder);
        self.turns.enter(self.next);
        self.next += 1;
    }

    pub fn path(&self, folder: FolderId) -> Option<&Arc<Path>> {
        self.folders.get(&folder).map(|f| &f.path)
    }

    /// Whether anything changed of late, so that the next scan should come soon.
    pub fn any_lively(&self, now: Duration) -> bool {
        self.turns.unlisted().is_some() || self.folders.values().any(|f| f.is_lively(now))
    }

    /// Whether a folder was never listed, or has names whose turn has not come.
    pub fn any_unread(&self) -> bool {
        self.turns.unlisted().is_some() || self.folders.values().any(|f| f.unread > 0)
    }

    /// Whether this folder has names whose turn has not come.
    pub fn is_unread(&self, folder: FolderId) -> bool {
        self.folders.get(&folder).is_some_and(|f| f.unread > 0)
    }

    /// A folder that was never listed.
    pub fn unlisted(&self) -> Option<FolderId> {
        self.turns.unlisted()
    }

    /// An idle folder whose turn it is to be listed.
    pub fn idle(&self, now: Duration) -> Option<FolderId> {
        self.turns.idle(now)
    }

    /// The folders whose modification time to ask for in this scan: the root, the lively, and some of the rest in turn.
    pub fn due_for_check(&mut self, now: Duration) -> Vec<FolderId> {
        let in_turn = self.folders.range(self.check_from..).chain(self.folders.range(..self.check_from));
        let mut due: Vec<FolderId> = in_turn.map(|(id, _)| *id).take(CHECKS_PER_SCAN).collect();
        self.check_from = due.last().map_or(ROOT, |last| last + 1);
        let always = self.folders.iter().filter(|(id, f)| **id == ROOT || f.is_lively(now)).map(|(id, _)| *id);
        due.extend(always);
        due.sort_unstable();
        due.dedup();
        due.retain(|id| self.folders.get(id).is_some_and(|f| f.listed.is_some()));
        due
    }

    /// Takes the modification time of a folder; whether to list it now.
    pub fn checked(&mut self, folder: FolderId, mtime_ns: i64, now: Duration) -> bool {
        let Some(folder) = self.folders.get_mut(&folder) else { return false };
        let before = folder.mtime_ns.replace(mtime_ns);
        if before != Some(mtime_ns) && !(before.is_none() && folder.is_old) {
            folder.lively_until = now + LIVELY;
        }
        let Some(listed) = folder.listed else { return true };
        folder.is_lively(now) && now.saturating_sub(listed) >= folder.took * LIVELY_SHARE
    }

    /// A folder cannot be listed now. It is tried again in its turn.
    pub fn refused(&mut self, folder: FolderId, now: Duration) {
        if let Some(memory) = self.folders.get_mut(&folder) {
            self.turns.listed(folder, memory.listed.replace(now), now);
        }
    }

    /// A folder is not there any more. Those inside it will not be there either when their turn comes.
    pub fn gone(&mut self, folder: FolderId) {
        let Some(memory) = self.folders.remove(&folder) else { return };
        self.turns.leave(folder, memory.listed);
        if let Some(parent) = memory.parent {
            self.forget(parent);
        }
    }

    pub fn forget(&mut self, id: NameId) {
        if let Some(folder) = self.folders.get_mut(&id.folder) {
            folder.names.remove(&id.hash);
        }
    }

    /// A file has come to rest in this state; without one it is nothing to read.
    pub fn know(&mut self, id: NameId, stat: Option<Stat>, handed: u8) {
        let memory = match stat {
            Some(Stat { kind: Kind::File, size, mtime_ns }) => Memory::Known { size, mtime_ns, handed },
            _ => Memory::Other,
        };
        if let Some(name) = self.folders.get_mut(&id.folder).and_then(|f| f.names.get_mut(&id.hash)) {
            name.memory = memory;
        }
    }

    /// A name turned out to be a folder.
    pub fn add(&mut self, id: NameId, path: Arc<Path>, is_old: bool) {
        let Some(depth) = self.folders.get(&id.folder).map(|f| f.depth + 1) else { return };
        if depth > self.max_depth || self.folders.len() >= self.max_folders {
            self.left_out += 1;
            return;
        }
        self.insert(path, depth, Some(id), is_old);
    }

    /// Starts a listing.
    pub fn list(&mut self, folder: FolderId, room: Room, now: Duration) -> Option<Pass<'_>> {
        let memory = self.folders.get_mut(&folder)?;
        memory.listing = memory.listing.wrapping_add(1);
        Some(Pass::new(folder, memory, &self.hasher, &mut self.turns, room, now))
    }
}

impl FolderMemory {
    pub fn is_lively(&self, now: Duration) -> bool {
        now < self.lively_until || self.unread > 0
    }
}

#[cfg(test)]
mod tests;
