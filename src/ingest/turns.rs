//! Whose turn it is: folders that were never listed, folders that lie idle, known files to look at again. Pure.
//!
//! Idle folders are listed too, since no modification time of a network share can be trusted to tell of every new file;
//! but all of them together for a 400th of the time at most, the one that was listed longest ago first.

use super::folders::FolderId;
use std::collections::BTreeSet;
use std::time::Duration;

/// All idle folders together are listed for at most one part in so many of the time.
const IDLE_SHARE: u32 = 400;
/// An idle folder is left alone for at least this long.
const IDLE_PAUSE: Duration = Duration::from_secs(5);
/// Time not spent on idle folders is saved up for no longer than this.
const IDLE_SAVINGS: Duration = Duration::from_secs(1);
/// Known files looked at again per second, and at most at once.
const RECHECKS_PER_SECOND: u128 = 100;
pub(super) const RECHECKS_AT_ONCE: usize = 1000;

#[derive(Debug)]
pub(super) struct Turns {
    unlisted: BTreeSet<FolderId>,
    /// The others, by the time of their last listing.
    by_age: BTreeSet<(Duration, FolderId)>,
    idle_due: Duration,
    rechecks: usize,
    rechecks_since: Duration,
}

impl Turns {
    pub const fn new() -> Self {
        Self {
            unlisted: BTreeSet::new(),
            by_age: BTreeSet::new(),
            idle_due: Duration::ZERO,
            rechecks: RECHECKS_AT_ONCE,
            rechecks_since: Duration::ZERO,
        }
    }

    /// A new folder.
    pub fn enter(&mut self, folder: FolderId) {
        self.unlisted.insert(folder);
    }

    /// A folder that went.
    pub fn leave(&mut self, folder: FolderId, listed: Option<Duration>) {
        self.unlisted.remove(&folder);
        if let Some(listed) = listed {
            self.by_age.remove(&(listed, folder));
        }
    }

    /// A folder was listed, last time when told so.
    pub fn listed(&mut self, folder: FolderId, before: Option<Duration>, now: Duration) {
        self.leave(folder, before);
        self.by_age.insert((now, folder));
    }

    /// Listing an idle folder took so long.
    pub fn spend(&mut self, took: Duration, now: Duration) {
        self.idle_due = self.idle_due.max(now.saturating_sub(IDLE_SAVINGS)) + took * IDLE_SHARE;
    }

    /// A folder that was never listed, the latest first: what arrives goes before what lay there.
    pub fn unlisted(&self) -> Option<FolderId> {
        self.unlisted.last().copied()
    }

    /// An idle folder, if there is time for one.
    pub fn idle(&self, now: Duration) -> Option<FolderId> {
        let (listed, folder) = self.by_age.first()?;
        (now >= self.idle_due && now.saturating_sub(*listed) >= IDLE_PAUSE).then_some(*folder)
    }

    /// How many known files may be looked at again now.
    pub fn rechecks(&mut self, now: Duration) -> usize {
        let since = now.saturating_sub(self.rechecks_since).as_millis();
        let more = usize::try_from(since * RECHECKS_PER_SECOND / 1000).unwrap_or(RECHECKS_AT_ONCE);
        if more > 0 {
            self.rechecks = self.rechecks.saturating_add(more).min(RECHECKS_AT_ONCE);
            self.rechecks_since = now;
        }
        self.rechecks
    }

    /// So many were.
    pub fn rechecked(&mut self, files: usize) {
        self.rechecks = self.rechecks.saturating_sub(files);
    }
}
