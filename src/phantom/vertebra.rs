//! The shapes of the cervical vertebrae, each in its own frame with the origin at the centre of its body
//! (C1: the centre of its ring, on the axis of the dens).
//!
//! Proportions follow anatomy atlases' mean adult; `size` scales them. Sizes in mm.

use super::geometry::{Vec3, mix, v};
use super::solid::{Solid, ball, plate, rod};

/// Slope of the facet joints: up and to the back.
const FACET: Vec3 = v(0.0, 0.669, 0.743);
/// Width of a facet joint's line, mm.
const JOINT_MM: f32 = 2.0;

/// The measures from which a vertebra is built, and by which a fracture finds its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measures {
    /// Scale against the mean adult's C5.
    pub k: f32,
    /// Half width and half depth of the body.
    pub a: f32,
    pub b: f32,
    /// Half height of the body, front and back.
    pub front: f32,
    pub back: f32,
    /// Length and drop of the spinous process.
    pub spine: f32,
    pub drop: f32,
    pub bifid: bool,
    /// Distance along the neck to the vertebra above and to the one below.
    pub above: f32,
    pub below: f32,
}

impl Measures {
    /// `index` counts from C1 = 0 to T3 = 9; `above` and `below` are distances to the neighbours' origins.
    pub(super) fn new(index: usize, size: f32, above: f32, below: f32, bifid: bool) -> Self {
        const SPINE: [f32; 10] = [0.0, 16.0, 12.5, 13.0, 15.0, 23.0, 31.0, 32.0, 32.0, 32.0];
        const DROP: [f32; 10] = [0.0, 6.0, 9.5, 10.0, 11.0, 12.5, 17.0, 18.0, 16.0, 18.0];
        let k = size * (0.91 + 0.04 * (index as f32 - 2.0).max(0.0));
        // The disc takes a good quarter of the way to the next body.
        let height = 0.5 * (below - mix(4.2, 5.0, 0.1 * index as f32) * size);
        Self {
            k,
            a: 9.8 * k,
            b: 8.0 * k,
            front: height,
            back: height,
            spine: SPINE[index] * size,
            drop: DROP[index] * size,
            bifid,
            above,
            below,
        }
    }

    /// Centre of the left articular pillar.
    pub(super) fn pillar(&self) -> Vec3 {
        v(18.5 * self.k, self.b + 6.0 * self.k, 0.0)
    }

    /// Where the laminae meet.
    pub(super) fn spinolaminar(&self) -> Vec3 {
        v(0.0, self.b + 17.5 * self.k, -3.5 * self.k)
    }
}

/// What makes up one vertebra.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    pub solids: Vec<Solid>,
    pub hollows: Vec<Solid>,
}

impl Shape {
    /// The same to the left and to the right.
    fn both(&mut self, make: impl Fn(f32) -> Solid) {
        self.solids.extend([make(1.0), make(-1.0)]);
    }

    fn both_hollows(&mut self, make: impl Fn(f32) -> Solid) {
        self.hollows.extend([make(1.0), make(-1.0)]);
    }
}

/// C3 to C7, and T1 to T3 (`thoracic`: no foramina, strong transverse processes).
pub(super) fn subaxial(m: &Measures, thoracic: bool) -> Shape {
    let (k, a, b) = (m.k, m.a, m.b);
    let mut shape = Shape::default();
    shape.solids.push(Solid::Body { c: Vec3::default(), half: [a, b], front: m.front, back: m.back });
    if !thoracic {
        // Uncinate processes: the raised side edges of the upper endplate.
        shape.both(|s| rod(v(s * 0.9 * a, -1.0, m.back), v(s * 0.93 * a, 0.65 * b, m.back + 2.6), 1.9 * k, 1.7 * k));
    }
    posterior_arch(&mut shape, m);
    if thoracic {
        shape.both(|s| plate(v(s * 17.0 * k, b + 7.0 * k, 0.0), v(s * 33.0 * k, b + 11.0 * k, 3.0), 3.6 * k, 0.8));
    } else {
        transverse_processes(&mut shape, m);
    }
    shape.hollows.push(Solid::Tube { c: v(0.0, b + 8.2 * k, 0.0), half: [11.9 * k, 7.5 * k] });
    shape
}

/// Pedicles, articular pillars, laminae and the spinous process.
fn posterior_arch(shape: &mut Shape, m: &Measures) {
    let (k, a, b, pillar) = (m.k, m.a, m.b, m.pillar());
    shape.both(|s| plate(v(s * 0.75 * a, 0.55 * b, 1.5), v(s * 15.0 * k, b + 4.0 * k, 0.5), 2.9 * k, 0.75));
    let facet = |way: f32| 0.5 * (way * FACET.z - JOINT_MM);
    shape.both(|s| Solid::Pillar {
        c: v(s * pillar.x, pillar.y, pillar.z),
        half: [6.3 * k, 7.4 * k],
        normal: FACET,
        above: facet(m.above),
        below: facet(m.below),
    });
    laminae_and_spine(shape, m, 2.3 * k);
}

fn laminae_and_spine(shape: &mut Shape, m: &Measures, thick: f32) {
    let (k, b, root) = (m.k, m.b, m.spinolaminar());
    shape.both(|s| plate(v(s * 15.0 * k, b + 11.0 * k, -2.0), root, thick, 0.39));
    let tip = root + v(0.0, m.spine, -m.drop);
    if m.bifid {
        let fork = root + (tip - root) * 0.6;
        shape.solids.push(plate(root, fork, 2.6 * k, 0.46));
        shape.both(|s| plate(fork, tip + v(s * 4.2 * k, 0.0, -1.0), 2.1 * k, 0.6));
    } else {
        shape.solids.push(plate(root, tip, 2.7 * k, 0.46));
        shape.solids.push(ball(tip, v(3.8, 4.0, 5.2) * k));
    }
}

/// Front and back bar with the tubercles, and the foramen of the vertebral artery between them.
fn transverse_processes(shape: &mut Shape, m: &Measures) {
    let (k, a, b) = (m.k, m.a, m.b);
    let front = |s: f32| v(s * (a + 11.0 * k), -1.5 * k, -2.5);
    let back = |s: f32| v(s * (a + 13.5 * k), 3.5 * k, -3.5);
    shape.both(|s| plate(v(s * 0.85 * a, -1.0, -1.0), front(s), 1.9 * k, 0.6));
    shape.both(|s| plate(v(s * 18.5 * k, b + 1.0, -1.5), back(s), 2.5 * k, 0.6));
    shape.both(|s| plate(front(s), back(s), 1.9 * k, 0.6));
    shape.both_hollows(|s| Solid::Tube { c: v(s * (a + 5.6 * k), 2.0 * k, 0.0), half: [3.0 * k, 2.8 * k] });
}

/// C2, the axis: body, dens, shoulders for C1, a strong bifid spinous process.
pub(super) fn axis(m: &Measures) -> Shape {
    let (k, b, pillar) = (m.k, m.b, m.pillar());
    let mut shape = Shape::default();
    shape.solids.push(Solid::Body {
        c: v(0.0, 0.0, 0.5),
        half: [9.0 * k, b],
        front: m.front + 1.5,
        back: m.back + 0.5,
    });
    shape.solids.push(rod(v(0.0, -0.8, 4.0), v(0.0, -0.8, 26.0 * k), 5.5 * k, 4.6 * k));
    shape.both(|s| ball(v(s * 14.0 * k, 0.5, 4.8 * k), v(8.5, 8.5, 5.2) * k));
    // The pars: from the shoulder back and down to the lower facet.
    shape.both(|s| plate(v(s * 11.0 * k, 3.0, 1.0), v(s * 16.5 * k, b + 5.0 * k, -4.0), 3.7 * k, 0.8));
    shape.both(|s| Solid::Pillar {
        c: v(s * pillar.x, pillar.y, 0.0),
        half: [5.8 * k, 7.0 * k],
        normal: FACET,
        above: 3.0 * k,
        below: m.below * FACET.z - JOINT_MM - 0.5 * (m.below * 0.93 * FACET.z - JOINT_MM),
    });
    laminae_and_spine(&mut shape, m, 3.1 * k);
    shape.both(|s| plate(v(s * 16.0 * k, 3.0, -1.0), v(s * 25.0 * k, 4.0, -4.0), 3.2 * k, 0.7));
    shape.both_hollows(|s| Solid::Tube { c: v(s * 18.6 * k, 2.2, 0.0), half: [2.7 * k, 2.7 * k] });
    shape.hollows.push(Solid::Tube { c: v(0.0, b + 8.4 * k, 0.0), half: [11.8 * k, 7.6 * k] });
    shape
}

/// C1, the atlas: a ring of two arches and two lateral masses; `drop` is how far below it C2's origin lies.
pub(super) fn atlas(k: f32, drop: f32) -> Shape {
    let mut shape = Shape::default();
    let arc = |c, radius, side, r, flat| Solid::Arc { c, radius, side, r, flat };
    shape.solids.push(arc(v(0.0, 1.0, 1.0), [17.0 * k, 12.8 * k], -1.0, 2.7 * k, 0.52));
    shape.solids.push(ball(v(0.0, -13.4 * k, 1.0), v(3.6, 3.0, 4.6) * k));
    shape.both(|s| ball(v(s * 17.6 * k, 2.0, 0.0), v(8.4, 10.8, 15.0) * k));
    shape.solids.push(arc(v(0.0, 6.0 * k, -3.0), [19.5 * k, 21.5 * k], 1.0, 2.6 * k, 0.62));
    shape.solids.push(ball(v(0.0, 28.5 * k, -4.0), v(3.4, 3.0, 5.0) * k));
    shape.both(|s| plate(v(s * 22.0 * k, 3.0, -1.5), v(s * 36.5 * k, 6.0, -7.0), 3.6 * k, 0.65));
    shape.both_hollows(|s| Solid::Tube { c: v(s * 29.3 * k, 4.0, 0.0), half: [3.1 * k, 3.1 * k] });
    // The joint sockets for the occipital condyles above and for the shoulders of C2 below.
    shape.both_hollows(|s| {
        let c = CONDYLE * k;
        ball(v(s * c.x, c.y, c.z), CONDYLE_RADII * k + v(1.7, 1.7, 1.7))
    });
    shape.both_hollows(|s| ball(v(s * 14.0 * k, 0.5, 4.8 * k - drop), v(10.3, 10.3, 7.0) * k));
    shape
}

/// The left occipital condyle in the frame of C1, at scale 1.
pub(super) const CONDYLE: Vec3 = v(15.5, 0.5, 18.5);
/// Its half axes.
pub(super) const CONDYLE_RADII: Vec3 = v(7.0, 11.0, 8.5);
