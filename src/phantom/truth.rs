//! What painting the bones of a slice showed in, the truth of the slice out: which vertebrae, which fractures, which boxes.

use super::canvas::Painted;
use super::marking;
use crate::triage::Level;

/// Bone of a vertebra in a slice from which on the slice shows that vertebra, mm2.
pub const SHOWN_MM2: f32 = 8.0;
/// Difference from the intact bone along the fracture line from which on a slice shows the fracture, mm2;
/// half for faint ones, twice for breaks in thick cortex.
pub const FRACTURE_MM2: f32 = 2.5;

/// A box around a fracture, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TruthBox {
    /// The fractured vertebra; of several in one box, the one that shows most.
    pub level: Level,
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Width, > 0.
    pub width: usize,
    /// Height, > 0.
    pub height: usize,
}

/// What one slice shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SliceTruth {
    /// C1 to C7: at least [`SHOWN_MM2`] of its bone is in the slice.
    pub levels: [bool; 7],
    /// C1 to C7: at least [`FRACTURE_MM2`] of its fracture is in the slice.
    pub fractured: [bool; 7],
    /// Around those fractures; neighbours share one.
    pub boxes: Vec<TruthBox>,
}

/// What painting the bones that have a label showed, in their order: label and bone.
#[derive(Clone, Debug, Default)]
pub(super) struct Showing(Vec<(u8, Painted)>);

impl Showing {
    pub(super) fn add(&mut self, label: u8, painted: Painted) {
        self.0.push((label, painted));
    }

    /// The mean of two planes of one slice, in which the same bones were painted.
    pub(super) fn mean(&self, other: &Self) -> Self {
        let both = self.0.iter().zip(&other.0);
        Self(both.map(|((label, upper), (_, lower))| (*label, upper.mean(*lower))).collect())
    }

    /// The labels that a mask of the slice has, each with its densest pixel.
    pub(super) fn labels(&self) -> Vec<(u8, usize)> {
        let shown = self.0.iter().filter(|(_, painted)| painted.area >= SHOWN_MM2);
        shown.map(|(label, painted)| (*label, painted.densest.0)).collect()
    }

    /// The truth of a slice of `size` x `size` pixels, `pitch` mm apart, as a reader of this `hand` draws its boxes.
    pub(super) fn truth(&self, size: usize, pitch: f32, hand: f32) -> SliceTruth {
        let level = |label: u8| Level::ALL.get(usize::from(label).checked_sub(1)?).copied();
        let cervical: Vec<(Level, Painted)> =
            self.0.iter().filter_map(|(label, painted)| level(*label).zip(Some(*painted))).collect();
        let mut truth = SliceTruth::default();
        for (level, painted) in &cervical {
            truth.levels[*level as usize] = painted.area >= SHOWN_MM2;
            truth.fractured[*level as usize] = painted.shows_fracture();
        }
        truth.boxes = marking::boxes(&cervical, size, pitch, hand);
        truth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(left: usize, line: f32) -> Painted {
        let extent = Some([left, 100, left + 20, 120]);
        Painted { area: 100.0, line, stump: 50.0, extent, densest: (left, 1.0) }
    }

    /// C5 and C6 of one plane.
    fn plane(c5: Painted, c6: Painted) -> Showing {
        Showing(vec![(5, c5), (6, c6)])
    }

    fn truth(showing: &Showing) -> SliceTruth {
        showing.truth(512, 0.4, 1.0)
    }

    #[test]
    fn a_thick_slice_shows_what_is_left_after_the_mean_of_its_planes() {
        let nothing = Painted::default();
        let faint = plane(painted(100, 1.8 * FRACTURE_MM2), nothing);
        assert_eq!(truth(&faint).boxes.len(), 1, "the plane alone shows it");
        let washed_out = truth(&faint.mean(&plane(nothing, nothing)));
        assert!(washed_out.boxes.is_empty() && washed_out.fractured == [false; 7], "{washed_out:?}");
        let clear = truth(&faint.mean(&plane(painted(110, 0.4 * FRACTURE_MM2), nothing)));
        assert!(clear.fractured[4] && clear.levels[4], "half of each plane: {clear:?}");
        let sliver = Painted { area: 1.5 * SHOWN_MM2, ..nothing };
        let mean = plane(sliver, nothing).mean(&plane(nothing, nothing));
        assert!(!truth(&mean).levels[4] && mean.labels().is_empty());
    }

    #[test]
    fn one_finding_of_a_thick_slice_has_one_box_around_what_either_plane_shows() {
        let nothing = Painted::default();
        let strong = 4.0 * FRACTURE_MM2;
        let moved = truth(&plane(painted(100, strong), nothing).mean(&plane(painted(110, strong), nothing)));
        let both = truth(&plane(Painted { extent: Some([100, 100, 130, 120]), ..painted(100, strong) }, nothing));
        assert_eq!(moved.boxes, both.boxes);
        let neighbours = truth(&plane(painted(100, strong), nothing).mean(&plane(nothing, painted(130, strong))));
        assert_eq!(neighbours.boxes.len(), 1, "C5 in one plane and C6 beside it in the other: {:?}", neighbours.boxes);
        assert_eq!([neighbours.fractured[4], neighbours.fractured[5]], [true; 2]);
    }

    #[test]
    fn thoracic_vertebrae_are_in_the_mask_and_not_in_the_truth() {
        let showing = Showing(vec![(0, Painted::default()), (11, painted(100, 9.0))]);
        assert_eq!((showing.labels(), truth(&showing)), (vec![(11, 100)], SliceTruth::default()));
    }
}
