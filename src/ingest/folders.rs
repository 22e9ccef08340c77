//! What is remembered of the share's folders, and when each is worth a look. Pure.
//!
//! The cost is bounded by what changes, not by what lies there. Of 100,000 old files each costs a name in a listing
//! now and then, a look at its state more rarely still, and 41 bytes of memory. A folder is listed
//! - at every scan while it is lively (its modification time or its names changed in the last 30 s), but for at most a
//!   tenth of the time;
//! - otherwise in its turn, all idle folders together for at most a 400th of the time, since no modification time of a
//!   network share can be trusted to tell of every new file.

use super::listing::{Pass, Room, Shared};
use super::share::{Kind, Stat};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a folder is listed at every scan after something changed in it.
pub(super) const LIVELY: Duration = Duration::from_secs(30);
/// A lively folder is listed for at most one part in so many of the time.
const LIVELY_SHARE: u32 = 10;
/// All idle folders together are listed for at most one part in so many of the time.
pub(super) const IDLE_SHARE: u32 = 400;
/// An idle folder is left alone for at least this long.
const IDLE_PAUSE: Duration = Duration::from_secs(5);
/// Idle folders whose modification time is looked at in one scan.
const CHECKS_PER_SCAN: usize = 100;
/// Known files looked at again per second, and at most at once.
const RECHECKS_PER_SECOND: u128 = 100;
const RECHECKS_AT_ONCE: usize = 1000;

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
    unlisted: BTreeSet<FolderId>,
    hasher: RandomState,
    max_depth: u8,
    max_folders: usize,
    /// Idle folders are checked from here on.
    turn: FolderId,
    idle_listing_due: Duration,
    rechecks: usize,
    rechecks_since: Duration,
    pub left_out: u64,
}

impl Folders {
    pub fn new(max_depth: u8, max_folders: usize) -> Self {
        let mut folders = Self {
            folders: BTreeMap::new(),
            next: ROOT,
            unlisted: BTreeSet::new(),
            hasher: RandomState::new(),
            max_depth,
            max_folders: max_folders.max(1),
            turn: ROOT,
            idle_listing_due: Duration::ZERO,
            rechecks: RECHECKS_AT_ONCE,
            rechecks_since: Duration::ZERO,
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
        self.unlisted.insert(self.next);
        self.next += 1;
    }

    pub fn path(&self, folder: FolderId) -> Option<&Arc<Path>> {
        self.folders.get(&folder).map(|f| &f.path)
    }

    /// Whether anything changed of late, so that the next scan should come soon.
    pub fn any_lively(&self, now: Duration) -> bool {
        !self.unlisted.is_empty() || self.folders.values().any(|f| f.is_lively(now))
    }

    /// A folder that was never listed, the latest first: what arrives goes before what lay there.
    pub fn unlisted(&self) -> Option<(FolderId, &Arc<Path>)> {
        self.unlisted.last().and_then(|id| Some((*id, &self.folders.get(id)?.path)))
    }

    /// A folder cannot be listed now.
    pub fn refused(&mut self, folder: FolderId, now: Duration) {
        self.unlisted.remove(&folder);
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.listed.get_or_insert(now);
        }
    }

    /// The folders whose modification time to ask for in this scan: the root, the lively, and some of the rest in turn.
    pub fn due_for_check(&mut self, now: Duration) -> Vec<FolderId> {
        let in_turn = self.folders.range(self.turn..).chain(self.folders.range(..self.turn)).map(|(id, _)| *id);
        let mut some: Vec<FolderId> = in_turn.take(CHECKS_PER_SCAN).collect();
        self.turn = some.last().map_or(ROOT, |last| last + 1);
        let always = self.folders.iter().filter(|(id, f)| **id == ROOT || f.is_lively(now)).map(|(id, _)| *id);
        some.extend(always);
        some.sort_unstable();
        some.dedup();
        some
    }

    /// Takes the modification time of a folder; whether to list it now.
    pub fn checked(&mut self, folder: FolderId, mtime_ns: i64, now: Duration) -> bool {
        let idle_listing_due = self.idle_listing_due;
        let Some(folder) = self.folders.get_mut(&folder) else { return false };
        if folder.mtime_ns.replace(mtime_ns) != Some(mtime_ns) {
            folder.lively_until = now + LIVELY;
        }
        let Some(listed) = folder.listed else { return true };
        let ago = now.saturating_sub(listed);
        if folder.is_lively(now) {
            ago >= folder.took * LIVELY_SHARE
        } else {
            ago >= IDLE_PAUSE && now >= idle_listing_due
        }
    }

    /// A folder is not there any more. Those inside it will not be there either when their turn comes.
    pub fn gone(&mut self, folder: FolderId) {
        self.unlisted.remove(&folder);
        if let Some(parent) = self.folders.remove(&folder).and_then(|gone| gone.parent) {
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
        self.allow_rechecks(now);
        let memory = self.folders.get_mut(&folder)?;
        memory.listing = memory.listing.wrapping_add(1);
        let is_idle = !memory.is_lively(now);
        Some(Pass::new(
            folder,
            memory,
            room,
            now,
            Shared {
                hasher: &self.hasher,
                idle_listing_due: is_idle.then_some(&mut self.idle_listing_due),
                rechecks: &mut self.rechecks,
                unlisted: &mut self.unlisted,
            },
        ))
    }

    fn allow_rechecks(&mut self, now: Duration) {
        let since = now.saturating_sub(self.rechecks_since).as_millis();
        let more = usize::try_from(since * RECHECKS_PER_SECOND / 1000).unwrap_or(RECHECKS_AT_ONCE);
        if more > 0 {
            self.rechecks = self.rechecks.saturating_add(more).min(RECHECKS_AT_ONCE);
            self.rechecks_since = now;
        }
    }
}

impl FolderMemory {
    fn is_lively(&self, now: Duration) -> bool {
        now < self.lively_until || self.unread > 0
    }
}
