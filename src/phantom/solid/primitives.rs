//! The simple solids that bones are made of, each with its signed distance. Shapes only: no densities, no frames.

use crate::phantom::geometry::{Vec3, ramp, v};

/// A simple solid; distances are negative inside and never much too large outside.
#[derive(Clone, Copy, Debug)]
pub(in crate::phantom) enum Solid {
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
    /// The body of a cervical vertebra: side lips (`uncus`) that rise above the upper endplate, sides of the lower
    /// one bevelled by `bevel`, a front edge that hangs down by `lip`. `front` and `back` are half heights.
    Centrum {
        c: Vec3,
        half: [f32; 2],
        front: f32,
        back: f32,
        uncus: f32,
        bevel: f32,
        lip: f32,
    },
    /// A box with edges rounded by `round`, in axes of its own.
    Slab {
        c: Vec3,
        axes: [Vec3; 3],
        half: Vec3,
        round: f32,
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
pub(in crate::phantom) const fn rod(a: Vec3, b: Vec3, r0: f32, r1: f32) -> Solid {
    Solid::Rod { a, b, r0, r1, flat: v(1.0, 1.0, 1.0) }
}

/// A rod whose section is taller than wide.
pub(in crate::phantom) const fn plate(a: Vec3, b: Vec3, r: f32, flat_z: f32) -> Solid {
    Solid::Rod { a, b, r0: r, r1: r, flat: v(1.0, 1.0, flat_z) }
}

/// An ellipsoid.
pub(in crate::phantom) const fn ball(c: Vec3, r: Vec3) -> Solid {
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
    pub(in crate::phantom) fn distance(&self, p: Vec3) -> f32 {
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
            Self::Centrum { c, half, front, back, uncus, bevel, lip } => {
                centrum(p - c, half, [front, back], [uncus, bevel, lip])
            }
            Self::Slab { c, axes, half, round } => {
                let q = p - c;
                let beyond = |axis: Vec3, half: f32| q.dot(axis).abs() - half + round;
                let d = v(beyond(axes[0], half.x), beyond(axes[1], half.y), beyond(axes[2], half.z));
                let outside = v(d.x.max(0.0), d.y.max(0.0), d.z.max(0.0)).length();
                outside + d.x.max(d.y).max(d.z).min(0.0) - round
            }
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
    pub(in crate::phantom) fn reach(&self) -> Option<(Vec3, f32)> {
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
            Self::Centrum { c, half, front, back, uncus, lip, .. } => {
                Some((c, v(half[0], half[1], front.max(back) + uncus.max(lip)).length()))
            }
            Self::Slab { c, half, .. } => Some((c, half.length())),
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

/// As `body`, with the saddle of a cervical endplate.
fn centrum(q: Vec3, half: [f32; 2], [front, back]: [f32; 2], [uncus, bevel, lip]: [f32; 3]) -> f32 {
    let forward = (0.5 - q.y / (2.0 * half[1])).clamp(0.0, 1.0);
    let height = back + (front - back) * forward;
    let waist = 1.0 - 0.08 * (1.0 - (q.z / height).powi(2)).max(0.0);
    let sides = rounded_rectangle(q.x, q.y, [half[0] * waist, half[1] * waist]);
    let hollow = 0.7 * (1.0 - (q.x / half[0]).powi(2) - (q.y / half[1]).powi(2)).max(0.0);
    let side = ramp(0.5, 1.0, q.x.abs() / half[0]);
    let side = side * side * ramp(1.1, 0.45, forward);
    let face = if q.z > 0.0 {
        q.z - height - uncus * side + hollow
    } else {
        -q.z - height + bevel * side - lip * forward * forward + hollow
    };
    // The saddle is steep: a little less than the height difference is the distance.
    rounded_both(sides, face * 0.85, 1.1)
}
