//! An ordered volume in; spacing, gaps, direction and extent out.

use super::member::Member;
use crate::dicom::SliceHeader;
use crate::triage::Gap;

/// A distance beyond this many times the spacing on both of its sides is a gap: well above what table feed and
/// rounding do to a regular series, below the 2.0 of one missing slice.
const GAP_FACTOR: f64 = 1.6;
/// So many distances on one side tell the spacing there. A region of a mixed series (thin through the skull base,
/// thick above) is then known by its first four slices, and three slices missing one by one do not pass for a region.
const SIDE: usize = 3;

/// Which way a series runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The first slice is the one nearest to the head.
    HeadToFoot,
    /// The first slice is the one nearest to the feet: one study in ten.
    FootToHead,
}

/// Where the slices of a volume lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geometry {
    /// How many slices the volume has.
    pub slices: u32,
    /// Median distance of neighbouring slices, mm. Absent below two slices.
    pub spacing_mm: Option<f64>,
    /// Highest and lowest position along the normal, mm. Absent without a slice.
    pub range_mm: Option<[f64; 2]>,
    /// By InstanceNumber, or by arrival where no slice has one. Absent where that does not tell.
    pub direction: Option<Direction>,
    /// Stretches without slices, from head to foot.
    pub gaps: Vec<Gap>,
    /// Slices missing in the gaps, or short of the expected count, whichever is more.
    pub missing_slices: u32,
    /// How many slices the headers promise; only where all of them agree and no more have arrived.
    pub expected_slices: Option<u32>,
}

impl Geometry {
    /// Of a volume ordered from head to foot.
    pub(super) fn of(volume: &[&Member]) -> Self {
        let positions: Vec<f64> = volume.iter().map(|m| m.position).collect();
        let distances = distances(&positions);
        let gaps = gaps(&positions, &distances);
        let slices = u32::try_from(volume.len()).unwrap_or(u32::MAX);
        let expected_slices = expected_slices(volume.iter().map(|m| &m.header)).filter(|expected| *expected >= slices);
        let in_gaps = gaps.iter().map(|gap| gap.missing_slices).fold(0, u32::saturating_add);
        let is_numbered = volume.iter().any(|m| m.header.instance_number.is_some());
        let number = |m: &&Member| match m.header.instance_number {
            Some(number) => Some(i64::from(number)),
            None => (!is_numbered).then_some(i64::from(m.arrival)),
        };
        Self {
            slices,
            spacing_mm: median(&distances),
            range_mm: positions.first().zip(positions.last()).map(|(head, foot)| [*head, *foot]),
            direction: direction(volume.iter().map(number)),
            gaps,
            missing_slices: expected_slices.map_or(0, |expected| expected - slices).max(in_gaps),
            expected_slices,
        }
    }

    /// Highest minus lowest slice, mm; 0 below two slices.
    pub fn extent_mm(&self) -> f64 {
        self.range_mm.map_or(0.0, |[head, foot]| head - foot)
    }

    /// Nothing is known to be missing: no gap, no shortfall against the expected count.
    pub const fn is_contiguous(&self) -> bool {
        self.missing_slices == 0
    }

    /// Whether a gap begins at the slice at `position_mm`, towards the feet.
    pub(super) fn has_gap_below(&self, position_mm: f64) -> bool {
        self.gaps.iter().any(|gap| gap.from_mm.total_cmp(&position_mm).is_eq())
    }
}

/// The count on which all headers agree.
fn expected_slices<'a>(mut headers: impl Iterator<Item = &'a SliceHeader>) -> Option<u32> {
    let first = headers.next()?.expected_slices?;
    headers.all(|header| header.expected_slices == Some(first)).then_some(first)
}

/// Distances between neighbours, from head to foot.
fn distances(positions: &[f64]) -> Vec<f64> {
    positions.windows(2).map(|pair| pair[0] - pair[1]).collect()
}

/// Median; the mean of the two middle values of an even count.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        Some(sorted[middle])
    } else {
        Some(f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, *sorted.get(middle)?))
    }
}

/// The spacing to expect at distance `i`: the wider one of what the next distances on either side show, so that the
/// border between a thin and a thick region is no gap. `None` for the only distance of a series.
fn expected_at(distances: &[f64], i: usize) -> Option<f64> {
    let above = median(&distances[i.saturating_sub(SIDE)..i]);
    let below = median(&distances[i + 1..distances.len().min(i + 1 + SIDE)]);
    match (above, below) {
        (Some(above), Some(below)) => Some(above.max(below)),
        (one, other) => one.or(other),
    }
}

fn gaps(positions: &[f64], distances: &[f64]) -> Vec<Gap> {
    let gap = |i: usize| {
        let expected = expected_at(distances, i)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1; too much saturates")]
        let missing_slices = ((distances[i] / expected).round() - 1.0).max(1.0) as u32;
        (distances[i] > GAP_FACTOR * expected).then_some(Gap {
            from_mm: positions[i],
            to_mm: positions[i + 1],
            missing_slices,
        })
    };
    (0..distances.len()).filter_map(gap).collect()
}

/// Whether numbers given to the slices mostly grow or mostly fall from head to foot.
fn direction(numbers_from_head: impl Iterator<Item = Option<i64>>) -> Option<Direction> {
    let numbers: Vec<i64> = numbers_from_head.flatten().collect();
    let balance: i64 = numbers.windows(2).map(|pair| (pair[1] - pair[0]).signum()).sum();
    match balance {
        0 => None,
        1.. => Some(Direction::HeadToFoot),
        _ => Some(Direction::FootToHead),
    }
}

#[cfg(test)]
mod tests;
