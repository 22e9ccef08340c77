//! Bones as unions of simple solids with signed distances, broken into fragments where they are fractured.
//!
//! A bone answers one question: how far is this point from its surface. Painting is `canvas`'s work.

mod primitives;

use super::geometry::{Frame, Vec3, smooth_min, v};
use super::noise::bumps;
pub(super) use primitives::{Solid, ball, plate, rod};

use crate::triage::Level;

/// A piece that broke off: the part of the bone inside all `planes`, moved away.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    /// Outward normals and offsets: a point is in the fragment where `normal . p < offset` for all of them.
    pub planes: Vec<(Vec3, f32)>,
    /// Where the piece went: a small turn about its pivot and a shift, in the bone's frame.
    pub moved: Frame,
    pub pivot: Vec3,
    /// Width in mm of what is lost along the fracture line, before the piece moved.
    pub gap: f32,
    pub seed: u32,
}

impl Fragment {
    /// Signed distance to the fracture surface, negative inside the piece; ragged by about 0.7 mm.
    pub(super) fn surface(&self, p: Vec3) -> f32 {
        let flat = self.planes.iter().map(|(n, d)| n.dot(p) - d).fold(f32::MIN, f32::max);
        if flat.abs() > 6.0 { flat } else { flat + 0.7 * bumps(self.seed, p * 0.4) }
    }

    /// Where this point of space was before the piece moved.
    pub(super) fn before(&self, p: Vec3) -> Vec3 {
        self.moved.inside(p - self.pivot) + self.pivot
    }
}

/// A bone with its own frame and densities.
#[derive(Clone, Debug)]
pub(super) struct Bone {
    /// The cervical vertebra it is, if it is one.
    pub level: Option<Level>,
    pub frame: Frame,
    pub solids: Vec<Solid>,
    pub hollows: Vec<Solid>,
    pub fragments: Vec<Fragment>,
    /// Hounsfield units of the cortex, 1 mm or so thick, and of the inside.
    pub cortex_hu: f32,
    pub inner_hu: f32,
    pub cortex_mm: f32,
    /// Amplitude of the trabecular texture in Hounsfield units.
    pub grain_hu: f32,
    pub seed: u32,
}

/// How far the pieces of a bone may reach beyond the intact bone, mm.
const DISPLACEMENT_MARGIN: f32 = 8.0;

impl Bone {
    /// A box in world millimetres that holds the bone: least and greatest corner.
    pub(super) fn bounds(&self) -> (Vec3, Vec3) {
        let margin = if self.fragments.is_empty() { 1.5 } else { DISPLACEMENT_MARGIN };
        let (mut low, mut high) = (v(f32::MAX, f32::MAX, f32::MAX), v(f32::MIN, f32::MIN, f32::MIN));
        for (c, r) in self.solids.iter().filter_map(Solid::reach) {
            let (c, r) = (self.frame.outside(c), r + margin);
            low = v(low.x.min(c.x - r), low.y.min(c.y - r), low.z.min(c.z - r));
            high = v(high.x.max(c.x + r), high.y.max(c.y + r), high.z.max(c.z + r));
        }
        (low, high)
    }

    /// Distance to the unbroken bone, from the listed solids only; `p` in the bone's frame.
    pub(super) fn intact(&self, p: Vec3, solids: &[Solid]) -> f32 {
        let mut d = f32::MAX;
        for solid in solids {
            d = if d == f32::MAX { solid.distance(p) } else { smooth_min(d, solid.distance(p), 1.6) };
        }
        for hollow in &self.hollows {
            d = d.max(-hollow.distance(p));
        }
        if d.abs() < 3.0 { d + 0.35 * bumps(self.seed, p * 0.22) } else { d }
    }
}
