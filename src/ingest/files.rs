//! The life of one file on the share, from its first sight to after it was handed on. Pure.
//!
//! ```text
//!            changed                     changed while read
//!          ┌─────────┐             ┌──────────────────────────┐
//!          v         │             v                          │
//! seen ─> Settling ──┴─ unchanged ─> Ready ─ read, looked at again
//!          ^                                   │          │
//!          │   unfinished, or a flat tail      │          │ whole, or unfinished for too long
//!          └───────── (waits longer) ──────────┘          v
//!          ^                                            Handed ─ unchanged at every check ─> known
//!          └────────────────── changed ──────────────────┘
//! ```

use super::fingerprint::ContentDigest;
use super::folders::NameId;
use super::settings::Settings;
use super::share::Stat;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the bytes of a file say about it, by someone who knows the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// Ends where it says it should.
    Complete,
    /// Ends too early: perhaps still being written.
    Incomplete,
    /// None of the format's: whether it is complete cannot be told.
    Unknown,
}

/// A handed file is looked at again after these times: a writer that stalled for longer than files settle is caught.
const CHECKS: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(6), Duration::from_secs(20), Duration::from_secs(60)];
/// A file that was read in vain, or that changes again and again, is waited for twice as long each time, up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A file that cannot be had, since someone has it open perhaps, is tried again at least this often.
const LONGEST_REFUSAL: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Settling,
    Ready,
    Handed { checks: usize },
}

/// One reading of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// State when it was opened, and after it was read.
    pub opened: Stat,
    pub after: Stat,
    /// Bytes that came.
    pub length: u64,
    pub content: ContentDigest,
    pub structure: Structure,
    /// The last page is one repeated byte: reserved by the writer, perhaps not yet filled.
    pub flat_tail: bool,
}

/// How a file is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Whole,
    /// Unfinished, and unchanged for [`Settings::incomplete`].
    Incomplete,
}

/// What a look at a file led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// First sight of it, or it is another than before.
    Changed,
    /// To be looked at or read later.
    Waiting,
    /// Handed on, and unchanged at every check since.
    AtRest,
}

/// A file that is not at rest.
#[derive(Clone, Debug)]
pub(super) struct Tracked {
    pub name: NameId,
    pub path: Arc<Path>,
    /// First sight of this state of the file's life.
    pub first_seen: Duration,
    pub stat: Option<Stat>,
    /// Next look.
    pub due: Duration,
    stage: Stage,
    /// Unchanged since.
    since: Duration,
    /// To be unchanged for this long.
    wait: Duration,
    /// When size, time or content last changed; readings in vain do not count.
    changed: Duration,
    content: Option<ContentDigest>,
    /// How often it was read since it was handed on last, and did not suit.
    in_vain: u8,
    /// How often it could not be had since it was handed on last.
    pub refusals: u8,
    /// How often it was handed on.
    pub times_handed: u8,
}

impl Tracked {
    /// A file of which only the name is known.
    pub fn new(name: NameId, path: Arc<Path>, now: Duration) -> Self {
        Self {
            name,
            path,
            first_seen: now,
            stat: None,
            due: now,
            stage: Stage::Settling,
            since: now,
            wait: Duration::ZERO,
            changed: now,
            content: None,
            in_vain: 0,
            refusals: 0,
            times_handed: 0,
        }
    }

    /// A known file, handed on so often, that is looked at once to see whether it is still the same.
    pub fn known(name: NameId, path: Arc<Path>, stat: Stat, times_handed: u8, now: Duration) -> Self {
        let stage = Stage::Handed { checks: CHECKS.len() };
        Self { stage, stat: Some(stat), times_handed, ..Self::new(name, path, now) }
    }

    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Not handed on yet.
    pub fn is_waiting(&self) -> bool {
        !matches!(self.stage, Stage::Handed { .. })
    }

    /// Not handed on yet, nor tried in vain: it may be whole.
    pub fn is_untried(&self) -> bool {
        self.is_waiting() && self.in_vain == 0 && self.refusals == 0
    }

    /// Takes the state that was asked for at `asked` and came at `answered`: an answer can take seconds, and the file
    /// was unchanged only between the first answer and the last question.
    pub fn look(&mut self, stat: Stat, asked: Duration, answered: Duration, settings: &Settings) -> Look {
        if self.stat != Some(stat) {
            if !self.is_waiting() {
                self.first_seen = answered;
            }
            self.stat = Some(stat);
            self.changed = answered;
            self.content = None;
            self.settle(self.backoff(settings), answered);
            return Look::Changed;
        }
        match self.stage {
            Stage::Settling if asked.saturating_sub(self.since) >= self.wait => self.stage = Stage::Ready,
            Stage::Settling | Stage::Ready => {}
            Stage::Handed { checks } if checks < CHECKS.len() => self.hand(checks, answered),
            Stage::Handed { .. } => return Look::AtRest,
        }
        if self.stage == Stage::Settling {
            self.due = self.since + self.wait;
        }
        Look::Waiting
    }

    /// Takes a reading; `Some` when the file is to be handed on.
    pub fn read(&mut self, reading: &Reading, now: Duration, settings: &Settings) -> Option<Finish> {
        if Some(reading.opened) != self.stat || reading.length != reading.opened.size {
            self.stat = None;
        }
        if Some(reading.after) != self.stat {
            self.look(reading.after, now, now, settings);
            return None;
        }
        let read_before = self.content.replace(reading.content);
        let is_confirmed = read_before == Some(reading.content);
        if read_before.is_some() && !is_confirmed {
            self.changed = now;
        }
        if reading.structure == Structure::Complete && reading.flat_tail && !is_confirmed {
            self.settle(settings.flat_tail, now);
            return None;
        }
        let is_whole = match reading.structure {
            Structure::Complete => true,
            Structure::Unknown => !reading.flat_tail && reading.length > 0,
            Structure::Incomplete => false,
        };
        if is_whole {
            return Some(Finish::Whole);
        }
        let patience = self.patience(now, settings);
        self.in_vain = self.in_vain.saturating_add(1);
        self.settle(self.backoff(settings).min(patience), now);
        patience.is_zero().then_some(Finish::Incomplete)
    }

    /// The file could not be had. Whether to give it up.
    pub fn refused(&mut self, now: Duration, settings: &Settings) -> bool {
        let patience = self.patience(now, settings);
        self.refusals = self.refusals.saturating_add(1);
        let wait = settings.settle.saturating_mul(1 << self.refusals.min(8)).min(LONGEST_REFUSAL);
        self.settle(wait.min(patience), now);
        patience.is_zero()
    }

    fn patience(&self, now: Duration, settings: &Settings) -> Duration {
        (self.changed + settings.incomplete).saturating_sub(now)
    }

    /// It was handed on, or given up.
    pub fn handed(&mut self, now: Duration) {
        self.times_handed = self.times_handed.saturating_add(1);
        (self.in_vain, self.refusals) = (0, 0);
        self.content = None;
        self.hand(0, now);
    }

    /// The share was away: what was seen before says nothing about a file that settles.
    pub fn unsettle(&mut self) {
        if self.is_waiting() {
            self.stat = None;
            self.stage = Stage::Settling;
        }
    }

    fn hand(&mut self, checks: usize, now: Duration) {
        self.stage = Stage::Handed { checks: checks + 1 };
        self.due = now + CHECKS[checks.min(CHECKS.len() - 1)];
    }

    fn settle(&mut self, wait: Duration, now: Duration) {
        self.stage = Stage::Settling;
        self.wait = wait;
        self.since = now;
        // A long wait is looked in on, so that it starts anew soon after a change.
        self.due = now + wait.min(Duration::from_secs(1).max(wait / 4));
    }

    fn backoff(&self, settings: &Settings) -> Duration {
        let times = self.in_vain.saturating_add(self.times_handed).min(8);
        settings.settle.saturating_mul(1 << times).min(LONGEST_WAIT.max(settings.settle))
    }
}

#[cfg(test)]
mod tests;
