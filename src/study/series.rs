//! One series: takes slice headers as they come, answers what the volume looks like and whether it is complete.
//!
//! Holds no pixels. The same slices give the same volume in whatever order they come.

use super::arrangement::{Arrangement, Standing};
use super::completeness::{Life, Rules};
use super::exclusion::Exclusion;
use super::geometry::Geometry;
use super::member::{Handed, Member, PixelDigest, SliceKey};
use crate::dicom::SliceHeader;
use crate::triage::Completeness;
use std::time::Duration;

/// What became of a slice when it was offered. Later slices can change it: [`Series::excluded`] is the state of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Part of the volume.
    Accepted,
    /// Part of the volume in place of an earlier reading of the same slice, whose file has changed since.
    Revised,
    /// The same picture is there already.
    Duplicate,
    /// Kept out, with the reason.
    Excluded(Exclusion),
}

/// The slices next to one in the volume, for networks that look at three at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// Towards the head. Absent at the end of the volume and beyond a gap.
    pub above: Option<SliceKey>,
    /// Towards the feet. Absent at the end of the volume and beyond a gap.
    pub below: Option<SliceKey>,
    /// No nearer slice is to be expected: both lie within 1.2 spacings, or the series has ended.
    pub settled: bool,
}

/// A slice to analyse, with the neighbours to analyse it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Which slice.
    pub slice: SliceKey,
    /// Its neighbours; settled.
    pub neighbours: Neighbours,
    /// It was handed out before with other neighbours or other pixels: the new evidence replaces the old.
    pub again: bool,
}

/// A neighbour within this many spacings is the next slice, not one beyond a slice that is still to come.
const ADJACENT_FACTOR: f64 = 1.2;
/// From so many slices on, the median distance is an estimate of the spacing to rely on.
const SPACING_KNOWN_FROM: u32 = 4;

/// One series.
#[derive(Clone, Debug)]
pub struct Series {
    members: Vec<Member>,
    arrangement: Arrangement,
    geometry: Geometry,
    life: Life,
    max_slices: usize,
    arrivals: u32,
    copies: u32,
    refused: u32,
}

impl Series {
    /// An empty series whose clock starts `now`. It keeps at most `max_slices` headers, of excluded slices too.
    pub fn new(max_slices: usize, now: Duration) -> Self {
        Self {
            members: Vec::new(),
            arrangement: Arrangement::default(),
            geometry: Geometry::default(),
            life: Life::starting(now),
            max_slices,
            arrivals: 0,
            copies: 0,
            refused: 0,
        }
    }

    /// Takes one slice; `pixels` tells a second copy from a second picture. A slice that changes the volume of an
    /// ended series opens it again, as the next [revision](Self::revision).
    ///
    /// Of two readings of one slice (same SOPInstanceUID, frame and place, other pixels) the later one stands: its file
    /// has changed. This is the one thing in which the order of arrival matters.
    pub fn offer(&mut self, header: SliceHeader, pixels: PixelDigest, now: Duration) -> Admission {
        let mut new = Member::new(header, pixels, self.arrivals);
        self.arrivals = self.arrivals.saturating_add(1);
        let earlier = self.members.iter().position(|m| m.is_same_slice(&new));
        let index = match earlier {
            Some(earlier) if self.members[earlier].pixels == pixels => {
                self.copies = self.copies.saturating_add(1);
                return Admission::Duplicate;
            }
            Some(earlier) => {
                new.handed = self.members[earlier].handed;
                self.members[earlier] = new;
                earlier
            }
            None if self.members.len() >= self.max_slices => {
                self.refused = self.refused.saturating_add(1);
                return Admission::Excluded(Exclusion::SeriesFull);
            }
            None => {
                self.members.push(new);
                self.members.len() - 1
            }
        };
        let order_changed = self.rearrange();
        let standing = self.arrangement.standing[index];
        let reading_changed = earlier.is_some() && standing == Standing::Accepted;
        let has_no_volume_yet = self.arrangement.order.is_empty() && !self.has_ended();
        if order_changed || reading_changed || has_no_volume_yet {
            self.life.change(now);
        }
        match standing {
            Standing::Accepted if earlier.is_some() => Admission::Revised,
            Standing::Accepted => Admission::Accepted,
            Standing::Duplicate => Admission::Duplicate,
            Standing::Excluded(exclusion) => Admission::Excluded(exclusion),
        }
    }

    /// Whether the volume is another one than before.
    fn rearrange(&mut self) -> bool {
        let arrangement = Arrangement::of(&self.members);
        let changed = arrangement.order != self.arrangement.order;
        self.arrangement = arrangement;
        self.geometry = Geometry::of(&self.volume().collect::<Vec<_>>());
        changed
    }

    fn volume(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.arrangement.order.iter().map(|&i| &self.members[i])
    }

    /// Spacing, extent, direction, gaps.
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The slices of the volume, from head to foot.
    pub fn slices(&self) -> impl ExactSizeIterator<Item = &SliceHeader> {
        self.volume().map(|m| &m.header)
    }

    /// Place of a slice in the volume, 0 nearest to the head. `None` for a slice that is not part of it.
    pub fn rank(&self, slice: &SliceKey) -> Option<usize> {
        self.volume().position(|m| m.has_key(slice))
    }

    /// The slices that are kept out, with their reasons, as far as is known now.
    pub fn excluded(&self) -> impl Iterator<Item = (&SliceHeader, Exclusion)> {
        self.members.iter().zip(&self.arrangement.standing).filter_map(|(member, standing)| match standing {
            Standing::Excluded(exclusion) => Some((&member.header, *exclusion)),
            Standing::Accepted | Standing::Duplicate => None,
        })
    }

    /// How many copies of slices of the volume were left aside.
    pub fn duplicates(&self) -> u32 {
        let other_uids = self.arrangement.standing.iter().filter(|s| **s == Standing::Duplicate).count();
        self.copies.saturating_add(u32::try_from(other_uids).unwrap_or(u32::MAX))
    }

    /// How many slices came when the series was full. They are forgotten but for this number.
    pub const fn refused(&self) -> u32 {
        self.refused
    }

    /// Whether the series counts as finished, and by which rule. Once [`end`](Self::end)ed, the rule that ended it.
    pub fn completeness(&self, now: Duration, rules: &Rules) -> Completeness {
        self.life.completeness(&self.geometry, now, rules)
    }

    /// Ends the series by the given rule: every neighbourhood counts as settled, until a slice opens it again.
    pub fn end(&mut self, completeness: Completeness) {
        self.life.ended = (completeness != Completeness::Receiving).then_some(completeness);
    }

    /// Whether [`end`](Self::end) was called and no slice has opened the series again.
    pub const fn has_ended(&self) -> bool {
        self.life.ended.is_some()
    }

    /// 1, and one more each time that a slice opened the ended series again.
    pub const fn revision(&self) -> u32 {
        self.life.revision
    }

    /// When a slice last changed the volume.
    pub const fn changed(&self) -> Duration {
        self.life.changed
    }

    /// The slices above and below. `None` for a slice that is not part of the volume.
    pub fn neighbours(&self, slice: &SliceKey) -> Option<Neighbours> {
        self.rank(slice).map(|rank| self.neighbours_at(rank))
    }

    fn neighbours_at(&self, rank: usize) -> Neighbours {
        let [above, below] = self.adjacent(rank);
        let here = self.member_at(rank).position;
        let is_near = |other: Option<&Member>| {
            let spacing = self.geometry.spacing_mm.filter(|_| self.geometry.slices >= SPACING_KNOWN_FROM);
            other.zip(spacing).is_some_and(|(m, mm)| (m.position - here).abs() <= ADJACENT_FACTOR * mm)
        };
        Neighbours {
            settled: self.life.ended.is_some() || (is_near(above) && is_near(below)),
            above: above.map(|m| SliceKey::from(&m.header)),
            below: below.map(|m| SliceKey::from(&m.header)),
        }
    }

    fn member_at(&self, rank: usize) -> &Member {
        &self.members[self.arrangement.order[rank]]
    }

    /// The members above and below, unless a gap lies between.
    fn adjacent(&self, rank: usize) -> [Option<&Member>; 2] {
        let above = rank.checked_sub(1).map(|above| self.member_at(above));
        let below = (rank + 1 < self.arrangement.order.len()).then(|| self.member_at(rank + 1));
        [
            above.filter(|m| !self.geometry.has_gap_below(m.position)),
            below.filter(|_| !self.geometry.has_gap_below(self.member_at(rank).position)),
        ]
    }

    /// Slices of the volume with a settled neighbourhood that were not handed out yet with these neighbours, from head
    /// to foot. After [`end`](Self::end) this is all that is left to analyse.
    ///
    /// A slice is handed out again when a nearer neighbour arrives, or when its own or a neighbour's file has changed.
    pub fn take_work(&mut self) -> Vec<Work> {
        let mut work = Vec::new();
        for rank in 0..self.arrangement.order.len() {
            let neighbours = self.neighbours_at(rank);
            if !neighbours.settled {
                continue;
            }
            let [above, below] = self.adjacent(rank).map(|m| m.map(|m| m.pixels));
            let member = &mut self.members[self.arrangement.order[rank]];
            let hand: Handed = [above, Some(member.pixels), below];
            if member.handed != Some(hand) {
                let again = member.handed.replace(hand).is_some();
                work.push(Work { slice: SliceKey::from(&member.header), neighbours, again });
            }
        }
        work
    }
}

#[cfg(test)]
mod tests;
