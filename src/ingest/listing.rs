//! One listing of one folder, entry by entry: what of it is new, and which known files are looked at again. Pure.

use super::folders::{FolderId, FolderMemory, LIVELY, Memory, Name, NameId};
use super::names;
use super::share::{Kind, Stat};
use super::turns::Turns;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// A name that was not there before, or that is to be looked at again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub id: NameId,
    pub name: OsString,
    /// Lay there before we came.
    pub is_old: bool,
    pub what: What,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Folder,
    /// A file, or what the listing does not tell from one.
    NewFile,
    /// At rest in this state when last seen, and handed on so often.
    KnownFile(Stat, u8),
}

/// How many more files can be followed. The others' turn comes with a later listing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub any: usize,
    /// Of these, files that lay there before we came.
    pub old: usize,
}

/// One listing of one folder, entry by entry.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    id: FolderId,
    folder: &'a mut FolderMemory,
    hasher: &'a RandomState,
    turns: &'a mut Turns,
    room: Room,
    now: Duration,
    /// So many known files may be looked at again.
    rechecks: usize,
    /// Entries that were taken note of, of these files at rest, and of these those that are looked at again.
    seen: usize,
    known: usize,
    rechecked: usize,
    found: Vec<Found>,
}

impl<'a> Pass<'a> {
    pub fn new(
        id: FolderId,
        folder: &'a mut FolderMemory,
        hasher: &'a RandomState,
        turns: &'a mut Turns,
        room: Room,
        now: Duration,
    ) -> Self {
        let rechecks = turns.rechecks(now);
        Self { id, folder, hasher, turns, room, now, rechecks, seen: 0, known: 0, rechecked: 0, found: Vec::new() }
    }

    /// Takes one entry.
    pub fn entry(&mut self, name: &OsStr, kind: Kind) {
        if kind == Kind::Other || names::is_ignored(name.as_bytes()) {
            return;
        }
        self.seen += 1;
        let hash = self.hasher.hash_one(name.as_bytes());
        let id = NameId { folder: self.id, hash };
        let listing = self.folder.listing;
        let memory = match self.folder.names.get_mut(&hash) {
            Some(name) => {
                name.listing = listing;
                name.memory
            }
            None if kind == Kind::Folder => {
                self.folder.names.insert(hash, Name { memory: Memory::Other, listing });
                self.found.push(Found { id, name: name.to_owned(), is_old: self.is_first_look(), what: What::Folder });
                return;
            }
            None => {
                self.folder.unread += 1;
                self.folder.names.insert(hash, Name { memory: Memory::Unread, listing });
                return self.take(id, name, self.is_first_look());
            }
        };
        match memory {
            Memory::Unread => self.take(id, name, true),
            Memory::Known { size, mtime_ns, handed } => {
                self.recheck(id, name, Stat { kind: Kind::File, size, mtime_ns }, handed);
            }
            Memory::Tracked | Memory::Other => {}
        }
    }

    /// What is seen for the first time lay there before we came.
    const fn is_first_look(&self) -> bool {
        self.folder.is_old && self.folder.listed.is_none()
    }

    /// Follows a file that was not read, if there is room.
    fn take(&mut self, id: NameId, name: &OsStr, is_old: bool) {
        if self.room.any == 0 || (is_old && self.room.old == 0) {
            return;
        }
        self.room.any -= 1;
        self.room.old -= usize::from(is_old);
        self.folder.unread -= 1;
        self.follow(id, name, is_old, What::NewFile);
    }

    /// Looks at a known file again, if it is its turn.
    fn recheck(&mut self, id: NameId, name: &OsStr, stat: Stat, handed: u8) {
        let turn = self.known;
        self.known += 1;
        if turn >= self.folder.recheck_from && self.rechecked < self.rechecks {
            self.rechecked += 1;
            self.follow(id, name, true, What::KnownFile(stat, handed));
        }
    }

    fn follow(&mut self, id: NameId, name: &OsStr, is_old: bool, what: What) {
        if let Some(name) = self.folder.names.get_mut(&id.hash) {
            name.memory = Memory::Tracked;
        }
        self.found.push(Found { id, name: name.to_owned(), is_old, what });
    }

    /// Ends the listing, which took so long. `None`: it broke off, and nothing is concluded from what was not named.
    pub fn finish(self, took: Option<Duration>) -> Vec<Found> {
        let folder = self.folder;
        let was_idle = !folder.is_lively(self.now);
        if self.found.iter().any(|found| !found.is_old) {
            folder.lively_until = self.now + LIVELY;
        }
        self.turns.rechecked(self.rechecked);
        folder.recheck_from += self.rechecked;
        if folder.recheck_from >= self.known {
            folder.recheck_from = 0;
        }
        let Some(took) = took else {
            folder.listing = folder.listing.wrapping_sub(1);
            return self.found;
        };
        self.turns.listed(self.id, folder.listed.replace(self.now), self.now);
        folder.took = took;
        if was_idle {
            self.turns.spend(took, self.now);
        }
        if folder.names.len() > self.seen {
            // Two listings must agree that a name is gone: one short listing of a failing share forgets nothing.
            let listing = folder.listing;
            folder.names.retain(|_, name| listing.wrapping_sub(name.listing) < 2);
            folder.unread = folder.names.values().filter(|name| name.memory == Memory::Unread).count();
        }
        self.found
    }
}
