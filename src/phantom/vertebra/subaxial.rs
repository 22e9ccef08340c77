//! C3 to C7: body with uncinate processes, pillars with facets, transverse processes with foramina, spinous process.

use super::{FACET, JOINT_MM, Measures, Shape, canal, laminae_and_spine};
use crate::phantom::geometry::{Vec3, v};
use crate::phantom::solid::{Solid, ball, plate};

/// `index` from C1 = 0: 2 to 6.
pub(in crate::phantom) fn subaxial(m: &Measures, index: usize) -> Shape {
    let mut shape = Shape::skewed(m.skew);
    let k = m.k;
    let bevel = if index == 6 { 1.0 } else { 2.1 };
    shape.solids.push(centrum(m, [4.9 * k, bevel * k, 1.4 * k]));
    posterior_arch(&mut shape, m, m.pillar(), 6.2);
    if index == 6 {
        last_transverse_processes(&mut shape, m);
    } else {
        transverse_processes(&mut shape, m, if index == 5 { 3.5 } else { 2.1 });
    }
    canal(&mut shape, m, 8.2);
    shape
}

/// The body with the heights of its side lips, of the bevel below and of the front lip, mm.
pub(super) fn centrum(m: &Measures, [uncus, bevel, lip]: [f32; 3]) -> Solid {
    Solid::Centrum { c: Vec3::default(), half: [m.a, m.b], front: m.front, back: m.back, uncus, bevel, lip }
}

/// Pedicles, articular pillars, laminae and the spinous process; the left pillar's centre and half width at scale 1.
pub(super) fn posterior_arch(shape: &mut Shape, m: &Measures, pillar: Vec3, wide: f32) {
    let (k, a, b) = (m.k, m.a, m.b);
    shape.both(|s| plate(v(s * 0.75 * a, 0.55 * b, 1.5), v(s * 15.0 * k, b + 4.0 * k, 0.5), 2.8 * k, 0.72));
    let facet = |way: f32| 0.5 * (way * FACET.z - JOINT_MM);
    shape.both(|s| Solid::Pillar {
        c: v(s * pillar.x, pillar.y, pillar.z),
        half: [wide * k, 7.2 * k],
        normal: FACET,
        above: facet(m.pillar_above),
        below: facet(m.pillar_below),
    });
    laminae_and_spine(shape, m, 2.7 * k);
}

/// Front and back bar with the tubercles, and the foramen of the vertebral artery between them; `tubercle` is the
/// radius of the front one: C6's is the carotid tubercle.
fn transverse_processes(shape: &mut Shape, m: &Measures, tubercle: f32) {
    let (k, a, b) = (m.k, m.a, m.b);
    let front = |s: f32| v(s * (a + 10.0 * k), -3.0 * k, -2.5);
    let back = |s: f32| v(s * (a + 13.2 * k), 4.6 * k, -4.0);
    shape.both(|s| plate(v(s * 0.85 * a, -1.5 * k, -1.0), front(s), 1.6 * k, 0.6));
    shape.both(|s| plate(v(s * 17.5 * k, b + 0.5, 1.5), back(s), 2.2 * k, 0.6));
    // The floor of the nerve's groove between the tubercles.
    shape.both(|s| plate(front(s) + v(0.0, 0.0, -1.0), back(s), 1.7 * k, 0.7));
    shape.both(|s| ball(front(s), v(tubercle, tubercle, tubercle * 1.4) * k));
    shape.both(|s| ball(back(s), v(2.5, 2.6, 3.2) * k));
    let radius = 3.0 * k * m.foramen;
    shape.both_hollows(|s| Solid::Tube { c: v(s * (a + 5.2 * k), 1.2 * k, 0.0), half: [radius * 1.05, radius] });
}

/// C7: long and thick behind, thin in front, a small foramen or almost none.
fn last_transverse_processes(shape: &mut Shape, m: &Measures) {
    let (k, a, b) = (m.k, m.a, m.b);
    let tip = |s: f32| v(s * (a + 17.0 * k), 6.0 * k, -1.5);
    shape.both(|s| plate(v(s * 17.5 * k, b + 0.5, 2.0), tip(s), 3.2 * k, 0.72));
    shape.both(|s| ball(tip(s), v(3.4, 3.6, 4.4) * k));
    shape.both(|s| plate(v(s * 0.85 * a, 0.0, -1.0), v(s * (a + 10.5 * k), 0.5 * k, -1.5), 1.2 * k, 0.6));
    shape.both(|s| plate(v(s * (a + 10.0 * k), 0.5 * k, -1.5), tip(s), 1.6 * k, 0.6));
    let radius = 1.9 * k * m.foramen;
    shape.both_hollows(|s| Solid::Tube { c: v(s * (a + 5.8 * k), 3.2 * k, 0.0), half: [radius, radius] });
}
