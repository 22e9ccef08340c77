//! The boxes that a reader would draw around the visible fractures of one slice: generous, and mostly one.

use super::canvas::Painted;
use super::geometry::index_below;
use super::noise::{hash, normal};
use super::truth::TruthBox;
use crate::triage::Level;

/// How far a box is drawn around the fracture: so many mm ...
const MARGIN_MM: f32 = 2.6;
/// ... and this share of its width and of its height.
const MARGIN_SHARE: f32 = 0.42;
/// Fractures that are nearer to each other than this get one box, mm.
const JOINED_MM: f32 = 18.0;

/// A visible fracture.
#[derive(Clone, Copy)]
struct Mark {
    level: Level,
    /// Visible line, mm2.
    line: f32,
    /// Left, top, right, bottom in mm from the corner of the slice.
    edges: [f32; 4],
}

impl Mark {
    fn is_near(&self, other: &Self) -> bool {
        let gap = |low: usize, high: usize| {
            let apart = self.edges[low].max(other.edges[low]) - self.edges[high].min(other.edges[high]);
            apart.max(0.0)
        };
        gap(0, 2).hypot(gap(1, 3)) < JOINED_MM
    }

    fn joined(&self, other: &Self) -> Self {
        let ([l, t, r, b], [l2, t2, r2, b2]) = (self.edges, other.edges);
        let level = if self.line < other.line { other.level } else { self.level };
        Self { level, line: self.line.max(other.line), edges: [l.min(l2), t.min(t2), r.max(r2), b.max(b2)] }
    }
}

/// The hand of a study's reader: 1, give or take a twentieth.
pub(super) fn hand(seed: u64) -> f32 {
    1.0 + 0.05 * normal(hash(seed ^ 0xB0C5)).clamp(-2.0, 2.0)
}

/// The boxes of one slice of `size` x `size` pixels, `pitch` mm apart, from what painting each vertebra showed.
pub(super) fn boxes(painted: &[(Level, Painted)], size: usize, pitch: f32, hand: f32) -> Vec<TruthBox> {
    let mut marks: Vec<Mark> = Vec::new();
    for (level, painted) in painted.iter().filter(|(_, painted)| painted.shows_fracture()) {
        let Some([l, t, r, b]) = painted.extent else { continue };
        let edges = [l, t, r + 1, b + 1].map(|edge| edge as f32 * pitch);
        let mut mark = Mark { level: *level, line: painted.line, edges };
        while let Some(i) = marks.iter().position(|other| other.is_near(&mark)) {
            mark = marks.swap_remove(i).joined(&mark);
        }
        marks.push(mark);
    }
    marks.iter().map(|mark| around(mark, size, pitch, hand)).collect()
}

fn around(mark: &Mark, size: usize, pitch: f32, hand: f32) -> TruthBox {
    let [l, t, r, b] = mark.edges;
    let margin = |extent: f32| (MARGIN_MM + MARGIN_SHARE * extent) * hand;
    let side = |low: f32, high: f32| {
        let margin = margin(high - low);
        let [from, to] = [low - margin, high + margin].map(|edge| index_below(edge / pitch + 0.5).min(size));
        (from, (to - from).max(1))
    };
    let ((x, width), (y, height)) = (side(l, r), side(t, b));
    TruthBox { level: mark.level, x, y, width, height }
}

#[cfg(test)]
mod tests {
    use super::super::truth::FRACTURE_MM2;
    use super::*;

    fn painted(extent: [usize; 4], line: f32) -> Painted {
        Painted { area: 100.0, line, stump: 50.0, extent: Some(extent), ..Painted::default() }
    }

    #[test]
    fn a_box_is_drawn_around_its_fracture_and_stays_in_the_slice() {
        let boxes = boxes(&[(Level::C5, painted([0, 100, 39, 119], 9.0))], 256, 0.5, 1.0);
        // 20 x 10 mm: margins of 11.0 and 6.8 mm.
        assert_eq!(boxes, [TruthBox { level: Level::C5, x: 0, y: 86, width: 62, height: 48 }]);
    }

    #[test]
    fn neighbours_share_a_box_named_after_the_one_that_shows_more_and_a_faint_one_has_none() {
        let near = [(Level::C5, painted([100, 100, 120, 120], 9.0)), (Level::C6, painted([130, 100, 150, 120], 20.0))];
        let joined = boxes(&near, 512, 0.4, 1.0);
        assert_eq!((joined.len(), joined[0].level), (1, Level::C6));
        assert!(joined[0].x < 100 && joined[0].x + joined[0].width > 151);
        let far = [(Level::C5, painted([100, 100, 120, 120], 9.0)), (Level::C6, painted([300, 100, 320, 120], 20.0))];
        assert_eq!(boxes(&far, 512, 0.4, 1.0).len(), 2);
        assert!(boxes(&[(Level::C5, painted([100, 100, 120, 120], FRACTURE_MM2 - 0.1))], 512, 0.4, 1.0).is_empty());
    }
}
