//! The shapes of the vertebrae C1 to T5, each in its own frame with the origin at the centre of its body
//! (C1: the centre of its ring, on the axis of the dens).
//!
//! Proportions follow anatomy atlases' mean adult; the measures scale them. Sizes in mm.

mod atlas;

mod axis;

mod measures;

mod subaxial;

mod thoracic;

pub(super) use atlas::{CONDYLE, CONDYLE_RADII, atlas};
pub(super) use axis::axis;
pub(super) use measures::Measures;
pub(super) use subaxial::subaxial;
pub(super) use thoracic::thoracic;

use super::geometry::{Vec3, v};
use super::solid::{Solid, ball, plate};

/// Slope of the facet joints: up and to the back.
const FACET: Vec3 = v(0.0, 0.669, 0.743);
/// Width of a facet joint's line, mm.
const JOINT_MM: f32 = 1.9;
/// How far the joints between C1 and C2 fall to the side, radians.
const SHOULDER_SLOPE: f32 = 0.42;

/// What makes up one vertebra.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    pub solids: Vec<Solid>,
    pub hollows: Vec<Solid>,
    /// By how much of its width the left half is wider than the right one.
    pub skew: f32,
}

impl Shape {
    fn skewed(skew: f32) -> Self {
        Self { skew, ..Self::default() }
    }

    /// The two sides: the factor by which what lies to the side is multiplied; its sign is the side.
    fn sides(&self) -> [f32; 2] {
        [1.0 + self.skew, self.skew - 1.0]
    }

    /// The same to the left and to the right.
    pub(super) fn both(&mut self, solid: impl Fn(f32) -> Solid) {
        let sides = self.sides();
        self.solids.extend(sides.map(solid));
    }

    pub(super) fn both_hollows(&mut self, solid: impl Fn(f32) -> Solid) {
        let sides = self.sides();
        self.hollows.extend(sides.map(solid));
    }
}

/// Axes of a box that is leant to the side `s` by `slope` radians: its upper face looks up and to that side.
fn leaning(s: f32, slope: f32) -> [Vec3; 3] {
    let (sin, cos) = slope.sin_cos();
    let sin = sin * s.signum();
    [v(cos, 0.0, -sin), v(0.0, 1.0, 0.0), v(sin, 0.0, cos)]
}

/// The canal of the cord.
fn canal(shape: &mut Shape, m: &Measures, middle: f32) {
    let half = [11.9 * m.k * m.canal, 7.5 * m.k * m.canal];
    shape.hollows.push(Solid::Tube { c: v(0.0, m.b + middle * m.k + half[1] - 7.5 * m.k, 0.0), half });
}

/// Laminae and spinous process; `thick` is half the thickness of a lamina.
fn laminae_and_spine(shape: &mut Shape, m: &Measures, thick: f32) {
    let (k, b, root) = (m.k, m.b, m.spinolaminar());
    shape.both(|s| plate(v(s * 15.0 * k, b + 11.0 * k, -4.0), root, thick, 0.39));
    let tip = root + v(m.swerve, m.spine, -m.drop);
    if m.bifid {
        let fork = root + (tip - root) * 0.6;
        shape.solids.push(plate(root, fork, 2.5 * k, 0.46));
        let spread = 4.2 * k * m.fork;
        shape.both(|s| plate(fork, tip + v(s * spread, 0.0, -1.0), 2.0 * k, 0.6));
        shape.both(|s| ball(tip + v(s * (spread + 0.4 * k), 0.3, -1.5), v(2.5, 2.4, 3.2) * k));
    } else {
        let neck = root + (tip - root) * 0.55;
        shape.solids.push(plate(root, neck, 2.7 * k, 0.42));
        shape.solids.push(plate(neck, tip, 2.4 * k, 0.5));
        shape.solids.push(ball(tip, v(3.7, 3.6, 5.0) * k));
    }
}
