//! Bones as unions of simple solids with signed distances, broken into fragments where they are fractured.
//!
//! A bone answers one question: how far is this point from its surface. Painting is `canvas`'s work.

use super::geometry::{Frame, Vec3, mix, ramp, smooth_min, v};
use super::noise::bumps;
use crate::triage::Level;

/// A simple solid; distances are negative inside and never much too large outside.
#[derive(Clone, Copy, Debug)]
pub(super) enum Solid {
    /// A rod from `a` to `b`, `r0` thick at `a` and `r1` at `b`; `flat` below 1 widens it along that axis.
    Rod {
        a: Vec3,
        b: Vec3,
        r0: f32,
        r1: f32,
        flat: Vec3,
    },
    Ellipsoid {
        c: Vec3,
        r: Vec3,
    },
    /// An upright column of rounded outline: the vertebral body. `front` and `back` are half heights.
    Body {
        c: Vec3,
        half: [f32; 2],
        front: f32,
        back: f32,
    },
    /// An upright rounded column cut by two parallel slanted planes: the articular pillar with its facets.
    Pillar {
        c: Vec3,
        half: [f32; 2],
        normal: Vec3,
        above: f32,
        below: f32,
    },
    /// An upright tube without ends, for canals.
    Tube {
        c: Vec3,
        half: [f32; 2],
    },
    /// Half an elliptic ring, to the front (`side` -1) or to the back (1), `r` thick and `r / flat` high.
    Arc {
        c: Vec3,
        radius: [f32; 2],
        side: f32,
        r: f32,
        flat: f32,
    },
}

/// A straight rod.
pub(super) const fn rod(a: Vec3, b: Vec3, r0: f32, r1: f32) -> Solid {
    Solid::Rod { a, b, r0, r1, flat: v(1.0, 1.0, 1.0) }
}

/// A rod whose section is taller than wide.
pub(super) const fn plate(a: Vec3, b: Vec3, r: f32, flat_z: f32) -> Solid {
    Solid::Rod { a, b, r0: r, r1: r, flat: v(1.0, 1.0, flat_z) }
}

/// An ellipsoid.
pub(super) const fn ball(c: Vec3, r: Vec3) -> Solid {
    Solid::Ellipsoid { c, r }
}

fn rounded_rectangle(x: f32, y: f32, half: [f32; 2]) -> f32 {
    let round = 0.8 * half[0].min(half[1]);
    let (qx, qy) = (x.abs() - half[0] + round, y.abs() - half[1] + round);
    (qx.max(0.0).powi(2) + qy.max(0.0).powi(2)).sqrt() + qx.max(qy).min(0.0) - round
}

/// Both conditions at once, with an edge rounded by `e` mm.
fn rounded_both(a: f32, b: f32, e: f32) -> f32 {
    let (qa, qb) = (a + e, b + e);
    (qa.max(0.0).powi(2) + qb.max(0.0).powi(2)).sqrt() + qa.max(qb).min(0.0) - e
}

impl Solid {
    /// Signed distance in mm.
    pub(super) fn distance(&self, p: Vec3) -> f32 {
        match *self {
            Self::Rod { a, b, r0, r1, flat } => {
                let along = b - a;
                let t = ((p - a).dot(along) / along.dot(along).max(1e-6)).clamp(0.0, 1.0);
                (p - a - along * t).scaled(flat).length() - (r0 + (r1 - r0) * t)
            }
            Self::Ellipsoid { c, r } => {
                let q = p - c;
                let k0 = v(q.x / r.x, q.y / r.y, q.z / r.z).length();
                let k1 = v(q.x / (r.x * r.x), q.y / (r.y * r.y), q.z / (r.z * r.z)).length();
                if k1 < 1e-6 { -r.x.min(r.y).min(r.z) } else { k0 * (k0 - 1.0) / k1 }
            }
            Self::Body { c, half, front, back } => body(p - c, half, front, back),
            Self::Pillar { c, half, normal, above, below } => {
                let q = p - c;
                let along = normal.dot(q);
                let slab = (along - above).max(-along - below);
                rounded_both(rounded_rectangle(q.x, q.y, half), slab, 1.0)
            }
            Self::Tube { c, half } => rounded_rectangle(p.x - c.x, p.y - c.y, half),
            Self::Arc { c, radius, side, r, flat } => {
                let q = p - c;
                if q.y * side < 0.0 {
                    // Beyond the end of the half ring: distance to its nearer end.
                    return v(q.x.abs() - radius[0], q.y, q.z * flat).length() - r;
                }
                let k0 = ((q.x / radius[0]).powi(2) + (q.y / radius[1]).powi(2)).sqrt();
                let k1 = ((q.x / radius[0].powi(2)).powi(2) + (q.y / radius[1].powi(2)).powi(2)).sqrt();
                let across = if k1 < 1e-6 { radius[0].min(radius[1]) } else { k0 * (k0 - 1.0) / k1 };
                v(across, q.z * flat, 0.0).length() - r
            }
        }
    }

    /// Centre and radius of a ball that holds the solid; `None` when it has no end.
    fn reach(&self) -> Option<(Vec3, f32)> {
        match *self {
            Self::Rod { a, b, r0, r1, flat } => {
                let thick = r0.max(r1) / flat.x.min(flat.y).min(flat.z);
                Some(((a + b) * 0.5, (b - a).length() * 0.5 + thick))
            }
            Self::Ellipsoid { c, r } => Some((c, r.x.max(r.y).max(r.z))),
            Self::Body { c, half, front, back } => Some((c, v(half[0], half[1], front.max(back)).length())),
            Self::Pillar { c, half, normal, above, below } => {
                let slope = (normal.y / normal.z).abs() * half[1];
                Some((c, v(half[0], half[1], above.max(below) / normal.z + slope).length()))
            }
            Self::Tube { .. } => None,
            Self::Arc { c, radius, r, flat, .. } => Some((c, radius[0].max(radius[1]) + r / flat)),
        }
    }
}

/// A vertebral body: waisted sides, endplates hollow by 0.8 mm, heights that differ from front to back.
fn body(q: Vec3, half: [f32; 2], front: f32, back: f32) -> f32 {
    let height = back + (front - back) * (0.5 - q.y / (2.0 * half[1])).clamp(0.0, 1.0);
    let waist = 1.0 - 0.09 * (1.0 - (q.z / height).powi(2)).max(0.0);
    let sides = rounded_rectangle(q.x, q.y, [half[0] * waist, half[1] * waist]);
    let hollow = 0.8 * (1.0 - (q.x / half[0]).powi(2) - (q.y / half[1]).powi(2)).max(0.0);
    rounded_both(sides, q.z.abs() - height + hollow, 1.2)
}

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
        for hollow in &self.hollows {
            d = d.max(-hollow.distance(p));
        }
        if d.abs() < 3.0 { d + 0.35 * bumps(self.seed, p * 0.22) } else { d }
    }

    /// Hounsfield units at a depth of `depth` mm below the surface; `p` in the bone's frame.
    /// `inclusions` are those that may be near; `edge` mm is the blur of the scanner.
    pub(super) fn density(&self, depth: f32, p: Vec3, inclusions: &[Inclusion], edge: f32) -> f32 {
        let inside = ramp(self.cortex_mm - 0.5, self.cortex_mm + 0.7, depth);
        let mut hu = self.cortex_hu;
        if inside > 0.0 {
            let grain = bumps(self.seed, p * 0.9) + 0.6 * bumps(self.seed ^ 1, p * 0.35);
            hu = mix(hu, self.inner_hu + self.grain_hu * grain, inside);
        }
        for inclusion in inclusions {
            let d = inclusion.solid.distance(p);
            let cover = (0.5 - d / edge).clamp(0.0, 1.0);
            let rim = (0.5 - (d - inclusion.rim_mm) / edge).clamp(0.0, 1.0) - cover;
            if inclusion.rim_mm > 0.0 {
                hu = mix(hu, self.cortex_hu.max(hu), 0.8 * rim);
            }
            // What is denser than marrow thickens the cortex, it does not replace it.
            let filled = if inclusion.hu > self.inner_hu { hu.max(inclusion.hu) } else { inclusion.hu };
            hu = mix(hu, filled, cover);
        }
        hu
    }
}
