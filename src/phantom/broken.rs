//! Painting a bone that is broken, and measuring where that shows.
//!
//! Each piece covers its share of a pixel, so that a line thinner than a pixel darkens it in proportion;
//! pieces driven into each other add up to a denser band.

use std::ops::Range;

use super::canvas::{Canvas, Painted};
use super::geometry::{Vec3, mix};
use super::solid::{Bone, Fragment, Inclusion, Solid};
use super::truth::FRACTURE_MM2;

/// A difference from the intact bone that an eye can find, in Hounsfield units before noise.
const VISIBLE_HU: f32 = 80.0;
/// A difference that counts as it is: half for fainter ones, twice for a break in thick cortex.
const CLEAR_HU: f32 = 200.0;
/// Differences belong to the fracture up to here from the fracture surface, mm ...
const FRACTURE_REACH_MM: f32 = 8.0;
/// ... and up to here they are its line, which an eye finds; further away they are only a shift.
const FRACTURE_LINE_MM: f32 = 4.0;

/// Bone beside the fracture from which on it can be told for a fracture, mm2.
const STUMP_MM2: f32 = 10.0;

/// The solids of a bone that matter in one block of pixels, for the main piece or one fragment.
struct Piece<'a> {
    fragment: Option<&'a Fragment>,
    solids: Vec<Solid>,
    inclusions: Vec<Inclusion>,
}

/// What is in one pixel, the broken bone or the intact one.
#[derive(Clone, Copy, Default)]
struct Filling {
    /// Share that bone takes, 0 to 1.
    cover: f32,
    /// Hounsfield units of that bone.
    hu: f32,
}

impl Filling {
    fn over(self, below: f32) -> f32 {
        mix(below, self.hu, self.cover)
    }
}

impl Painted {
    /// Whether an eye finds the fracture: its line, and bone on either side. Where a piece has left the slice and nothing
    /// else is there, nobody sees a break.
    pub(super) fn shows_fracture(&self) -> bool {
        self.line >= FRACTURE_MM2 && self.stump >= STUMP_MM2
    }
}

impl Canvas {
    /// One block of a bone with fragments; `centre` in the bone's frame, everything beyond `near` mm from it is ignored.
    pub(super) fn broken_block(
        &mut self,
        bone: &Bone,
        centre: Vec3,
        near: f32,
        columns: Range<usize>,
        rows: Range<usize>,
        painted: &mut Painted,
    ) {
        let pieces: Vec<Piece<'_>> = std::iter::once(None)
            .chain(bone.fragments.iter().map(Some))
            .map(|fragment| {
                let at = fragment.map_or(centre, |f| f.before(centre));
                let solids = bone.solids.iter().filter(|s| s.distance(at) < near).copied().collect();
                Piece { fragment, solids, inclusions: bone.inclusions_near(at, near) }
            })
            .collect();
        if pieces.iter().all(|piece| piece.solids.is_empty()) {
            return;
        }
        for row in rows {
            for column in columns.clone() {
                let p = bone.frame.inside(self.place(column, row));
                let [broken, intact] = fillings(bone, &pieces, p, self.edge);
                let pixel = self.pitch * self.pitch;
                painted.area += broken.cover * pixel;
                let at = row * self.size + column;
                let (after, before) = (broken.over(self.hu[at]), intact.over(self.hu[at]));
                self.hu[at] = after;
                self.mark(at, broken.cover, painted);
                let contrast = (after - before).abs();
                if contrast < VISIBLE_HU && broken.cover <= 0.0 {
                    continue;
                }
                let distance = to_fracture(bone, p);
                if distance < FRACTURE_LINE_MM {
                    painted.stump += broken.cover * pixel;
                }
                if contrast < VISIBLE_HU {
                    continue;
                }
                if distance < FRACTURE_REACH_MM {
                    painted.differ(column, row);
                }
                if distance < FRACTURE_LINE_MM {
                    painted.line += pixel * (contrast / CLEAR_HU).clamp(0.5, 2.0);
                }
            }
        }
    }
}

/// The pixel at `p`: of the broken bone, and as it would be were the bone whole.
fn fillings(bone: &Bone, pieces: &[Piece<'_>], p: Vec3, edge: f32) -> [Filling; 2] {
    let (mut cover, mut weighed, mut most) = (0.0, 0.0, 0.0);
    let (mut texture_at, mut intact) = (p, f32::MAX);
    for piece in pieces.iter().filter(|piece| !piece.solids.is_empty()) {
        let at = piece.fragment.map_or(p, |f| f.before(p));
        let whole = bone.intact(at, &piece.solids);
        let line = match piece.fragment {
            Some(f) => f.surface(at) + f.half_gap(at),
            None => {
                intact = whole;
                bone.fragments.iter().map(|f| f.half_gap(p) - f.surface(p)).fold(f32::MIN, f32::max)
            }
        };
        let share = (0.5 - whole.max(line) / edge).clamp(0.0, 1.0);
        if share > 0.0 {
            cover += share;
            weighed += share * bone.density(-whole, at, &piece.inclusions, edge);
            if share > most {
                (most, texture_at) = (share, at);
            }
        }
    }
    // Crushed trabeculae: two pieces in one place.
    let crushed = (cover - 1.0).max(0.0) * bone.inner_hu.max(150.0);
    let hu = if cover > 0.0 { (weighed / cover + crushed).min(bone.cortex_hu.max(weighed / cover)) } else { 0.0 };
    let whole_cover = (0.5 - intact / edge).clamp(0.0, 1.0);
    // The texture that came along with a piece is no sign of a fracture.
    let whole_hu = if whole_cover > 0.0 { bone.density(-intact, texture_at, &pieces[0].inclusions, edge) } else { 0.0 };
    [Filling { cover: cover.min(1.0), hu }, Filling { cover: whole_cover, hu: whole_hu }]
}

/// How far the nearest fracture surface is, mm; that of a piece has moved along with it. A piece that was driven in leaves
/// no gap: only what lies within its way counts, the rest is stretched out of reach.
fn to_fracture(bone: &Bone, p: Vec3) -> f32 {
    let near = |f: &Fragment| {
        let distance = f.surface(p).abs().min(f.surface(f.before(p)).abs());
        if f.gap > 0.0 { distance } else { distance * FRACTURE_REACH_MM / (f.moved.origin.length() + 1.5) }
    };
    bone.fragments.iter().map(near).fold(f32::MAX, f32::min)
}
