//! Joins the [`Share`], the [`Watch`] and the channel: one [`Scanner::scan`] looks, reads, and sends what is whole.
//!
//! Holds at most one file's bytes. When the channel is full nothing is read: the files wait where they are.

use super::event::{Arrival, Event, ShareState, Unreadable, Why};
use super::files::{Finish, Reading, Structure};
use super::fingerprint::{ContentDigest, Fingerprint};
use super::folders::{FolderId, ROOT};
use super::outlet::{Deserted, Outlet};
use super::pulse::Pulse;
use super::settings::Settings;
use super::share::{Share, ShareError, Stat};
use super::watch::{FileId, Handover, Known, Watch};
use crossbeam_channel::Sender;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What one scan did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Folders listed.
    pub listings: u32,
    /// States asked for, of files and folders.
    pub stats: u32,
    /// Files read.
    pub reads: u32,
    /// Folders that are not looked into, because they lie too deep or are too many; since the start.
    pub folders_left_out: u64,
    /// Files that went before they could be handed on; since the start.
    pub vanished: u64,
    /// The channel is full: files were held back on the share.
    pub held_back: bool,
    /// How long the next scan can wait.
    pub pause: Duration,
}

/// Bytes read in one scan, so that it looks up again from a large backlog.
const READ_PER_SCAN: usize = 32 << 20;
/// Folders seen for the first time that are listed in one scan.
const NEW_FOLDERS_PER_SCAN: usize = 200;
/// Idle folders listed in one scan, should they cost nothing.
const IDLE_FOLDERS_PER_SCAN: usize = 100;
/// So many errors of the kind that a lost share gives are put down to single files before the share counts as lost.
const DOUBTS_PER_SCAN: u32 = 3;
/// Pause while the channel is full.
const HELD_BACK: Duration = Duration::from_millis(50);
/// A tail of one repeated byte this long is suspected to be reserved and not yet written: one page.
const TAIL: usize = 4096;

/// Tells whether bytes end where they say they should.
type Judge = Box<dyn Fn(&[u8]) -> Structure + Send>;

/// Watches one share.
pub struct Scanner<S> {
    share: S,
    watch: Watch,
    structure: Judge,
    outlet: Outlet,
    pulse: Arc<Pulse>,
    max_file_bytes: u64,
    lost_pause: Duration,
    state: Option<ShareState>,
    /// Errors of this scan that were put down to single files.
    doubts: u32,
    /// Folders left out and files vanished, as last told.
    losses: (u64, u64),
    report: ScanReport,
}

impl<S: Share> Scanner<S> {
    /// A scanner that has not looked yet.
    ///
    /// `known` tells which files were handed on in an earlier life; `structure` whether bytes end where they say they
    /// should. `events` is to be bounded, with room for one event at least, and to be sent to by this
    /// scanner only.
    pub fn new(
        share: S,
        settings: Settings,
        known: impl Fn(&Fingerprint) -> bool + Send + 'static,
        structure: impl Fn(&[u8]) -> Structure + Send + 'static,
        events: Sender<Event>,
    ) -> Self {
        Self {
            share,
            max_file_bytes: settings.max_file_bytes,
            lost_pause: settings.scan,
            watch: Watch::new(settings, Box::new(known) as Known),
            structure: Box::new(structure),
            outlet: Outlet::new(events),
            pulse: Arc::default(),
            state: None,
            doubts: 0,
            losses: (0, 0),
            report: ScanReport::default(),
        }
    }

    /// The scanner's signs of life.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Looks at the share once. `clock` is monotonic; it is asked often, since each answer of a share can take seconds.
    ///
    /// # Errors
    /// When the receiver of the events is gone.
    pub fn scan(&mut self, clock: &dyn Fn() -> Duration) -> Result<ScanReport, Deserted> {
        self.report = ScanReport::default();
        self.doubts = 0;
        let state = match self.sweep(clock) {
            Ok(()) => ShareState::Available,
            Err(lost) => {
                self.watch.share_lost();
                lost
            }
        };
        self.share_is(state);
        self.outlet.flush();
        self.outlet.check()?;
        self.pulse.beat();
        self.pulse.set_waiting(self.watch.waiting());
        if self.state == Some(ShareState::Available) && !self.pulse.has_caught_up() && self.watch.has_caught_up() {
            self.pulse.caught_up();
        }
        self.count_losses();
        self.report.held_back = self.outlet.is_full();
        self.report.pause = if self.state != Some(ShareState::Available) {
            self.lost_pause
        } else if self.report.held_back {
            HELD_BACK
        } else {
            self.watch.pause(clock())
        };
        Ok(self.report)
    }

    fn sweep(&mut self, clock: &dyn Fn() -> Duration) -> Result<(), ShareState> {
        self.probe()?;
        for (id, path) in self.watch.folders_to_check(clock()) {
            if self.check(id, &path, clock)? {
                self.list(id, &path, clock)?;
            }
        }
        for _ in 0..NEW_FOLDERS_PER_SCAN {
            let Some((id, path)) = self.watch.unlisted_folder() else { break };
            if self.check(id, &path, clock)? {
                self.list(id, &path, clock)?;
            }
        }
        for _ in 0..IDLE_FOLDERS_PER_SCAN {
            let Some((id, path)) = self.watch.idle_folder(clock()) else { break };
            self.list(id, &path, clock)?;
        }
        for (id, path) in self.watch.files_to_look_at(clock()) {
            self.look(id, &path, clock)?;
        }
        let mut read = 0;
        while read < READ_PER_SCAN && !self.outlet.is_full() {
            let Some((id, path, size)) = self.watch.next_to_read() else { break };
            read += self.read(id, &path, size, clock)?;
        }
        Ok(())
    }

    fn probe(&mut self) -> Result<(), ShareState> {
        let probed = self.share.probe();
        self.pulse.beat();
        probed.map_err(|error| match error {
            ShareError::NotMounted => ShareState::NotMounted,
            ShareError::Lost(reason) | ShareError::Refused(reason) => ShareState::Lost { reason },
            ShareError::Gone => ShareState::Lost { reason: error.to_string() },
        })
    }

    /// Whom an error is about: the share (`Err`), or this one file or folder: why it is refused, `None` if it is gone.
    ///
    /// A bad sector or a handle gone stale gives the error numbers of a lost share; so the share is asked.
    fn blame(&mut self, error: ShareError) -> Result<Option<String>, ShareState> {
        match error {
            ShareError::Gone => Ok(None),
            ShareError::Refused(why) => Ok(Some(why)),
            ShareError::NotMounted => Err(ShareState::NotMounted),
            ShareError::Lost(reason) => {
                self.doubts += 1;
                if self.doubts >= DOUBTS_PER_SCAN {
                    return Err(ShareState::Lost { reason });
                }
                self.probe().map(|()| Some(reason))
            }
        }
    }

    fn stat(&mut self, path: &Path) -> Result<Stat, ShareError> {
        let stat = self.share.stat(path);
        self.report.stats += 1;
        self.pulse.beat();
        stat
    }

    /// Whether to list the folder.
    fn check(&mut self, id: FolderId, path: &Path, clock: &dyn Fn() -> Duration) -> Result<bool, ShareState> {
        match self.stat(path) {
            Ok(stat) => Ok(self.watch.folder_checked(id, stat, clock())),
            Err(error) => self.folder_trouble(id, error, clock()).map(|()| false),
        }
    }

    fn list(&mut self, id: FolderId, path: &Path, clock: &dyn Fn() -> Duration) -> Result<(), ShareState> {
        let Some(mut pass) = self.watch.list(id, clock()) else { return Ok(()) };
        let pulse = &self.pulse;
        let listed = self.share.list(path, &mut |name, kind| {
            pulse.beat();
            pass.entry(name, kind);
        });
        let found = pass.finish(listed.as_ref().ok().copied());
        self.report.listings += 1;
        self.watch.listed(id, found, clock());
        listed.map_or_else(|error| self.folder_trouble(id, error, clock()), |_| Ok(()))
    }

    fn folder_trouble(&mut self, id: FolderId, error: ShareError, now: Duration) -> Result<(), ShareState> {
        match self.blame(error)? {
            None if id == ROOT => return Err(ShareState::Lost { reason: ShareError::Gone.to_string() }),
            None => self.watch.folder_gone(id),
            // Nobody may look in: a wrong account, or a bare mount point that is closed for that reason.
            Some(why) if id == ROOT => return Err(ShareState::Lost { reason: why }),
            Some(_) => self.watch.folder_refused(id, now),
        }
        Ok(())
    }

    fn look(&mut self, id: FileId, path: &Path, clock: &dyn Fn() -> Duration) -> Result<(), ShareState> {
        let asked = clock();
        match self.stat(path) {
            Ok(stat) => self.watch.looked(id, stat, asked, clock()),
            Err(error) => self.trouble(id, error, clock())?,
        }
        Ok(())
    }

    /// How many bytes were read.
    fn read(&mut self, id: FileId, path: &Path, size: u64, clock: &dyn Fn() -> Duration) -> Result<usize, ShareState> {
        if size > self.max_file_bytes {
            let why = Why::TooLarge { size, limit: self.max_file_bytes };
            if let Some(handover) = self.watch.give_up(id, clock()) {
                self.unreadable(handover, why);
            }
            return Ok(0);
        }
        self.report.reads += 1;
        let contents = self.share.read(path, self.max_file_bytes);
        self.pulse.beat();
        let (contents, after) = match contents.and_then(|contents| Ok((contents, self.stat(path)?))) {
            Ok(both) => both,
            Err(error) => return self.trouble(id, error, clock()).map(|()| 0),
        };
        let bytes = contents.bytes;
        let reading = Reading {
            opened: contents.opened,
            after,
            length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            content: ContentDigest::of(&bytes),
            structure: if bytes.is_empty() { Structure::Incomplete } else { (self.structure)(&bytes) },
            flat_tail: has_flat_tail(&bytes),
        };
        let (length, read_at) = (bytes.len(), clock());
        if let Some(Handover { fingerprint, first_seen, finish, backlog_beside }) =
            self.watch.read(id, &reading, read_at)
        {
            let incomplete = finish == Finish::Incomplete;
            let content_digest = reading.content;
            let arrival =
                Arrival { fingerprint, bytes, content_digest, incomplete, backlog_beside, first_seen, read_at };
            self.outlet.send(Event::Arrival(arrival));
        }
        Ok(length)
    }

    fn trouble(&mut self, id: FileId, error: ShareError, now: Duration) -> Result<(), ShareState> {
        let blamed = match error {
            ShareError::Lost(reason) if self.watch.was_refused(id) => Ok(Some(reason)),
            error => self.blame(error),
        };
        match blamed {
            Ok(None) => self.watch.gone(id),
            Ok(Some(why)) => {
                if let Some(handover) = self.watch.refused(id, now) {
                    self.unreadable(handover, Why::Refused(why));
                }
            }
            Err(lost) => {
                self.watch.suspect(id);
                return Err(lost);
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, handover: Handover, why: Why) {
        let Handover { fingerprint, first_seen, .. } = handover;
        tracing::warn!(file = %fingerprint.path, reason = why.code(), "a file cannot be read");
        self.outlet.send(Event::Unreadable(Unreadable { fingerprint, why, first_seen }));
    }

    fn share_is(&mut self, state: ShareState) {
        if self.state.as_ref() == Some(&state) {
            return;
        }
        tracing::info!(?state, "share");
        self.state = Some(state.clone());
        self.outlet.send(Event::Share(state));
    }

    /// Nothing is left out without a word.
    fn count_losses(&mut self) {
        let (folders_left_out, vanished) = (self.watch.folders_left_out(), self.watch.vanished());
        if folders_left_out > self.losses.0 {
            tracing::warn!(folders = folders_left_out, "folders too deep or too many are not looked into");
        }
        if vanished > self.losses.1 {
            tracing::warn!(files = vanished, "files went from the share before they could be read");
        }
        self.losses = (folders_left_out, vanished);
        (self.report.folders_left_out, self.report.vanished) = self.losses;
    }
}

fn has_flat_tail(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
    tail.first().is_some_and(|first| tail.iter().all(|byte| byte == first))
}

#[cfg(test)]
mod tests;
