//! When a series counts as finished: the clock of one series and the rules it is judged by.
//!
//! ```text
//!            count of all headers reached, quiet for series_count_quiet ──> CountReached
//! Receiving ─ contiguous, quiet for series_quiet ─────────────────────────> Quiet
//!            gaps or short of the count, quiet for series_gap_patience ───> Quiet, the geometry names what is missing
//!            series_limit after the first slice ──────────────────────────> LimitReached
//!     ^                                                                          │
//!     └────────────── a slice that changes the volume: next revision ────────────┘
//! ```

use super::geometry::Geometry;
use crate::triage::Completeness;
use std::time::Duration;

/// When a series counts as finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A contiguous series is complete when no slice has come for this long.
    pub series_quiet: Duration,
    /// A series with gaps, or short of its count, is given this long for late slices before it ends as `Quiet`.
    pub series_gap_patience: Duration,
    /// A series that reached its expected count is complete after this much quiet. Not at once: ImagesInAcquisition
    /// counts one acquisition, and a series that has two must not end in mid-stream.
    pub series_count_quiet: Duration,
    /// A series ends this long after its first slice, whatever still arrives.
    pub series_limit: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            series_quiet: Duration::from_secs(5),
            series_gap_patience: Duration::from_secs(30),
            series_count_quiet: Duration::from_secs(1),
            series_limit: Duration::from_secs(600),
        }
    }
}

/// What a series remembers of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// First slice of this revision.
    pub opened: Duration,
    /// Last slice that changed the volume; while there is no volume, last slice of any kind.
    pub changed: Duration,
    pub ended: Option<Completeness>,
    pub revision: u32,
}

impl Life {
    pub fn starting(now: Duration) -> Self {
        Self { opened: now, changed: now, ended: None, revision: 1 }
    }

    pub fn change(&mut self, now: Duration) {
        self.changed = self.changed.max(now);
        if self.ended.take().is_some() {
            self.opened = now;
            self.revision += 1;
        }
    }

    pub fn completeness(&self, geometry: &Geometry, now: Duration, rules: &Rules) -> Completeness {
        if let Some(ended) = self.ended {
            return ended;
        }
        let quiet = now.saturating_sub(self.changed);
        let patience = if geometry.is_contiguous() { rules.series_quiet } else { rules.series_gap_patience };
        if geometry.expected_slices == Some(geometry.slices) && quiet >= rules.series_count_quiet {
            Completeness::CountReached
        } else if quiet >= patience {
            Completeness::Quiet
        } else if now.saturating_sub(self.opened) >= rules.series_limit {
            Completeness::LimitReached
        } else {
            Completeness::Receiving
        }
    }
}
