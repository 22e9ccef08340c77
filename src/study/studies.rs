//! The open series of the appliance: which of them a slice belongs to, which have completed, within bounded memory.

use super::completeness::Rules;
use super::member::PixelDigest;
use super::series::{Admission, Series};
use crate::dicom::SliceHeader;
use crate::triage::Completeness;
use std::collections::BTreeMap;
use std::time::Duration;

/// How much is kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series that receive at the same time. One more ends the one that has been quiet for longest.
    pub open_series: usize,
    /// Ended series remembered for their late slices. One more forgets the one that ended longest ago.
    pub kept_series: usize,
    /// Slices of one series; see [`Series::new`].
    pub series_slices: usize,
}

impl Default for Limits {
    /// After many restarts in the middle of studies many series are open at once; with 300 slices each, these are some
    /// 25 MB of headers.
    fn default() -> Self {
        Self { open_series: 256, kept_series: 16, series_slices: 4096 }
    }
}

/// A series that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The key under which its slices were offered.
    pub series_key: String,
    /// The rule that ended it.
    pub completeness: Completeness,
    /// 1, or more if it had ended before; see [`Series::revision`].
    pub revision: u32,
}

/// What became of an offered slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Of the slice.
    pub admission: Admission,
    /// The series' current revision.
    pub revision: u32,
    /// The series had ended, and this slice opened it again.
    pub reopened: bool,
    /// A series that had to end so that this one could be opened.
    pub closed: Option<Closed>,
}

/// All series that the appliance has in hand.
#[derive(Clone, Debug)]
pub struct Studies {
    rules: Rules,
    limits: Limits,
    series: BTreeMap<String, Series>,
}

impl Studies {
    /// None yet.
    pub const fn new(rules: Rules, limits: Limits) -> Self {
        Self { rules, limits, series: BTreeMap::new() }
    }

    /// Takes one slice of the series `series_key` (any text that tells series apart; a keyed hash, so that no identifier
    /// gets around).
    pub fn offer(&mut self, series_key: &str, header: SliceHeader, pixels: PixelDigest, now: Duration) -> Offered {
        if !self.series.contains_key(series_key) {
            self.forget_one_if_full();
        }
        let series_slices = self.limits.series_slices;
        let series = self.series.entry(series_key.to_owned()).or_insert_with(|| Series::new(series_slices, now));
        let before = series.revision();
        let admission = series.offer(header, pixels, now);
        let revision = series.revision();
        let closed = self.close_one_if_crowded(series_key, now);
        Offered { admission, revision, reopened: revision != before, closed }
    }

    /// Ends the series that are complete `now` and says which; each is told once per revision.
    ///
    /// Call it when every slice that has arrived was offered: a slice that waits in a queue is not quiet. `is_behind` tells
    /// of a series (by its key) that more of it is known to wait on the share: silence does not end it, the limit does.
    pub fn tick(&mut self, now: Duration, is_behind: impl Fn(&str) -> bool) -> Vec<Closed> {
        let patient = Rules { series_quiet: Duration::MAX, series_gap_patience: Duration::MAX, ..self.rules };
        let mut closed = Vec::new();
        for (key, series) in self.series.iter_mut().filter(|(_, series)| !series.has_ended()) {
            let rules = if is_behind(key) { &patient } else { &self.rules };
            let completeness = series.completeness(now, rules);
            if completeness != Completeness::Receiving {
                series.end(completeness);
                closed.push(Closed { series_key: key.clone(), completeness, revision: series.revision() });
            }
        }
        closed
    }

    /// The series under this key, if it is still remembered.
    pub fn get(&self, series_key: &str) -> Option<&Series> {
        self.series.get(series_key)
    }

    /// The series under this key, to take work from.
    pub fn get_mut(&mut self, series_key: &str) -> Option<&mut Series> {
        self.series.get_mut(series_key)
    }

    /// The series that still receive, with their keys.
    pub fn open(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.series.iter().filter(|(_, series)| !series.has_ended()).map(|(key, series)| (key.as_str(), series))
    }

    fn forget_one_if_full(&mut self) {
        if self.series.values().filter(|series| series.has_ended()).count() < self.limits.kept_series {
            return;
        }
        let oldest = self.series.iter().filter(|(_, s)| s.has_ended()).min_by_key(|(_, s)| s.changed());
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.series.remove(&key);
        }
    }

    /// Ends the series that has been quiet for longest: as what it is if it is complete by the rules, else by the limit.
    fn close_one_if_crowded(&mut self, newcomer: &str, now: Duration) -> Option<Closed> {
        if self.open().count() <= self.limits.open_series {
            return None;
        }
        let quietest = self.open().filter(|(key, _)| *key != newcomer).min_by_key(|(_, series)| series.changed());
        let series_key = quietest?.0.to_owned();
        let series = self.series.get_mut(&series_key)?;
        let completeness = match series.completeness(now, &self.rules) {
            Completeness::Receiving => Completeness::LimitReached,
            complete => complete,
        };
        series.end(completeness);
        Some(Closed { series_key, completeness, revision: series.revision() })
    }
}

#[cfg(test)]
mod tests;
