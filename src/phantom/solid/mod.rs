//! Bones as unions of simple solids with signed distances, broken into fragments where they are fractured.
//!
//! A bone answers one question: how far is this point from its surface. Painting is `canvas`'s work.

mod primitives;

use super::geometry::{Frame, Vec3, mix, ramp, smooth_min, v};
use super::noise::bumps;
pub(super) use primitives::{Solid, ball, plate, rod};

use crate::triage::Level;

/// A half space: outward normal of length 1, and offset. Inside: `normal . p < offset`.
pub(super) type Plane = (Vec3, f32);

/// A piece that broke off: the part of the bone inside all `planes`, moved away.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    /// Where the piece was.
    pub planes: Vec<Plane>,
    /// Where the piece went: a small turn about its pivot and a shift, in the bone's frame.
    pub moved: Frame,
    pub pivot: Vec3,
    /// Width in mm of what is lost along the fracture line, before the piece moved.
    pub gap: f32,
    /// Where an incomplete break ends: the bone holds outside.
    pub end: Option<Plane>,
    pub seed: u32,
}

impl Fragment {
    /// Signed distance to the fracture surface, negative inside the piece; wavy and ragged by a millimetre or so.
    pub(super) fn surface(&self, p: Vec3) -> f32 {
        let flat = self.planes.iter().map(|(n, d)| n.dot(p) - d).fold(f32::MIN, f32::max);
        if flat.abs() > 6.0 {
            flat
        } else {
            let wave = 0.9 * bumps(self.seed ^ 3, p * 0.13);
            flat + wave + 0.7 * bumps(self.seed, p * 0.4) + 0.3 * bumps(self.seed ^ 5, p * 1.1)
        }
    }

    /// Half of what is lost here along the fracture line, mm; it tapers off towards the end of an incomplete break.
    pub(super) fn half_gap(&self, p: Vec3) -> f32 {
        let taper = self.end.map_or(1.0, |(n, d)| ramp(1.0, -3.0, n.dot(p) - d));
        0.5 * self.gap * taper * (1.0 + 0.35 * bumps(self.seed ^ 9, p * 0.5))
    }

    /// Where this point of space was before the piece moved.
    pub(super) fn before(&self, p: Vec3) -> Vec3 {
        self.moved.inside(p - self.pivot) + self.pivot
    }
}

/// A place inside a bone of another density, smooth and sharply bordered: a canal, a sclerotic endplate, gas in a disc.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inclusion {
    pub solid: Solid,
    pub hu: f32,
    /// Thickness in mm of the cortex around it; 0 without.
    pub rim_mm: f32,
}

impl Inclusion {
    /// What becomes of `hu` at `p` of `bone`. Sclerosis adds to the bone that is there and fades out over its edge.
    fn over(&self, hu: f32, p: Vec3, bone: &Bone, edge: f32) -> f32 {
        let d = self.solid.distance(p);
        if self.hu > bone.inner_hu {
            let dense = hu + (self.hu - bone.inner_hu) * ramp(0.8, -2.0, d);
            return if hu > bone.cortex_hu { hu } else { dense.min(bone.cortex_hu) };
        }
        let cover = (0.5 - d / edge).clamp(0.0, 1.0);
        let rim = (0.5 - (d - self.rim_mm) / edge).clamp(0.0, 1.0) - cover;
        let walled = if self.rim_mm > 0.0 { mix(hu, bone.cortex_hu.max(hu), 0.55 * rim) } else { hu };
        mix(walled, self.hu, cover)
    }
}

/// What a bone is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Substance {
    /// Hounsfield units of the cortex and of the inside.
    pub cortex_hu: f32,
    pub inner_hu: f32,
    /// Usual thickness of the cortex, mm.
    pub cortex_mm: f32,
    /// Amplitude of the trabecular texture in Hounsfield units.
    pub grain_hu: f32,
    pub seed: u32,
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
    pub inclusions: Vec<Inclusion>,
    /// Hounsfield units of the cortex, 1 mm or so thick, and of the inside.
    pub cortex_hu: f32,
    pub inner_hu: f32,
    pub cortex_mm: f32,
    /// Amplitude of the trabecular texture in Hounsfield units.
    pub grain_hu: f32,
    pub seed: u32,
}

/// A point that is further from all solids than this is outside whatever their surface is like, mm.
const CLEAR_MM: f32 = 2.5;
/// How far the pieces of a bone may reach beyond the intact bone, mm.
const DISPLACEMENT_MARGIN: f32 = 8.0;

impl Bone {
    /// A whole bone that is no cervical vertebra.
    pub(super) const fn new(frame: Frame, solids: Vec<Solid>, hollows: Vec<Solid>, substance: &Substance) -> Self {
        let Substance { cortex_hu, inner_hu, cortex_mm, grain_hu, seed } = *substance;
        Self {
            level: None,
            frame,
            solids,
            hollows,
            fragments: Vec::new(),
            inclusions: Vec::new(),
            cortex_hu,
            inner_hu,
            cortex_mm,
            grain_hu,
            seed,
        }
    }

    /// Another bone of the same substance, whole and without hollows.
    pub(super) const fn like(&self, frame: Frame, solids: Vec<Solid>) -> Self {
        let Self { cortex_hu, inner_hu, cortex_mm, grain_hu, seed, .. } = *self;
        Self::new(frame, solids, Vec::new(), &Substance { cortex_hu, inner_hu, cortex_mm, grain_hu, seed })
    }

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

    /// The same bone with those solids and hollows only that matter in the plane at the height `z` of the world.
    pub(super) fn sliced(&self, z: f32) -> Self {
        let margin = if self.fragments.is_empty() { 4.0 } else { DISPLACEMENT_MARGIN + 2.0 };
        let meets =
            |solid: &&Solid| solid.reach().is_none_or(|(c, r)| (self.frame.outside(c).z - z).abs() < r + margin);
        Self {
            solids: self.solids.iter().filter(meets).copied().collect(),
            hollows: self.hollows.iter().filter(meets).copied().collect(),
            ..self.clone()
        }
    }

    /// The inclusions that reach to within `near` mm of a point of the bone's frame.
    pub(super) fn inclusions_near(&self, p: Vec3, near: f32) -> Vec<Inclusion> {
        self.inclusions.iter().filter(|i| i.solid.distance(p) < near + i.rim_mm).copied().collect()
    }

    /// Distance to the unbroken bone, from the listed solids only; `p` in the bone's frame.
    pub(super) fn intact(&self, p: Vec3, solids: &[Solid]) -> f32 {
        let mut d = f32::MAX;
        for solid in solids {
            d = if d == f32::MAX { solid.distance(p) } else { smooth_min(d, solid.distance(p), 1.6) };
        }
        if d > CLEAR_MM {
            return d;
        }
        for hollow in &self.hollows {
            d = d.max(-hollow.distance(p));
        }
        if d.abs() < 3.0 { d + 0.35 * bumps(self.seed, p * 0.22) } else { d }
    }

    /// Hounsfield units at a depth of `depth` mm below the surface; `p` in the bone's frame.
    /// `inclusions` are those that may be near; `edge` is the width of the bone's edge, mm.
    pub(super) fn density(&self, depth: f32, p: Vec3, inclusions: &[Inclusion], edge: f32) -> f32 {
        let mut hu = self.cortex_hu;
        // No cortex is thicker than twice its usual thickness: deep inside, the question need not be asked.
        let cortex = if depth > 2.0 * self.cortex_mm + 0.7 { 0.0 } else { self.cortex_at(p) };
        let inside = ramp(cortex - 0.5, cortex + 0.7, depth);
        if inside > 0.0 {
            // Trabeculae stand upright.
            let fine = bumps(self.seed, v(p.x * 0.95, p.y * 0.95, p.z * 0.55));
            let grain = fine + 0.6 * bumps(self.seed ^ 1, p * 0.35);
            hu = mix(hu, self.inner_hu * self.marrow(p) + self.grain_hu * grain, inside);
        }
        inclusions.iter().fold(hu, |hu, inclusion| inclusion.over(hu, p, self, edge))
    }

    /// Thickness of the cortex near a place of the bone: of a vertebra's, thin at the endplates, thick in the arch and the dens.
    fn cortex_at(&self, p: Vec3) -> f32 {
        let uneven = 1.0 + 0.3 * bumps(self.seed ^ 2, p * 0.15);
        let region = match self.level {
            None => 1.0,
            Some(Level::C1) => 1.2,
            Some(Level::C2) => 1.0 + 0.5 * ramp(4.0, 12.0, p.z).max(ramp(9.0, 16.0, p.y)),
            Some(_) => mix(0.8, 1.35, ramp(5.0, 14.0, p.y)),
        };
        self.cortex_mm * (uneven * region).min(2.0)
    }

    /// Density of the marrow against the bone's mean: below C2, veins run from the middle of the back wall into the body.
    fn marrow(&self, p: Vec3) -> f32 {
        if self.level.is_none_or(|level| level <= Level::C2) || p.z.abs() > 4.0 || p.y < -6.0 || p.x.abs() > 9.0 {
            return 1.0;
        }
        // A Y whose stem leaves through the back wall.
        let branch = p.x.abs() - (3.0 - p.y).max(0.0) * 0.55;
        let far = (branch * branch + p.z * p.z) / if p.y > 3.0 { 5.0 } else { 2.2 };
        if p.y > 12.0 { 1.0 } else { 1.0 - 0.6 * (-far).exp() * ramp(-6.0, 2.0, p.y) }
    }
}
