//! C2, the axis: body, dens, shoulders for C1, and a strong bifid spinous process.

use super::{FACET, JOINT_MM, Measures, SHOULDER_SLOPE, Shape, canal, laminae_and_spine, leaning};
use crate::phantom::geometry::v;
use crate::phantom::solid::{Solid, plate, rod};

/// The shape of C2.
pub(in crate::phantom) fn axis(m: &Measures) -> Shape {
    let (k, b, pillar) = (m.k, m.b, m.pillar());
    let mut shape = Shape::skewed(m.skew);
    shape.solids.push(Solid::Centrum {
        c: v(0.0, 0.0, 0.5),
        half: [9.2 * k, b],
        front: m.front + 1.5,
        back: m.back + 0.5,
        uncus: 0.0,
        bevel: 2.0 * k,
        lip: 2.2 * k,
    });
    dens(&mut shape, k);
    shape.both(|s| {
        let c = v(s * 14.6 * k, 0.5, 3.2 * k);
        Solid::Slab { c, axes: leaning(s, SHOULDER_SLOPE), half: v(8.4, 9.0, 4.6) * k, round: 4.2 * k }
    });
    // The pars: from the shoulder back and down to the lower facet.
    shape.both(|s| plate(v(s * 11.5 * k, 3.0, 1.0), v(s * 16.5 * k, b + 5.0 * k, -4.0), 3.7 * k, 0.8));
    shape.both(|s| Solid::Pillar {
        c: v(s * pillar.x, pillar.y, 0.0),
        half: [5.8 * k, 7.0 * k],
        normal: FACET,
        above: 2.6 * k,
        below: 0.5 * (m.pillar_below * FACET.z - JOINT_MM),
    });
    laminae_and_spine(&mut shape, m, 3.0 * k);
    transverse_processes(&mut shape, m);
    canal(&mut shape, m, 8.4);
    shape
}

/// A waist where the transverse ligament runs, a slightly bulbous head with a flat facet in front, a blunt tip.
fn dens(shape: &mut Shape, k: f32) {
    let at = |y: f32, z: f32| v(0.0, y, z * k);
    shape.solids.push(rod(at(-0.4, 4.0), at(-0.8, 13.0), 6.4 * k, 5.0 * k));
    shape.solids.push(rod(at(-0.8, 13.0), at(-1.2, 22.5), 4.9 * k, 5.6 * k));
    shape.solids.push(rod(at(-1.2, 22.5), at(0.0, 27.5), 5.5 * k, 3.2 * k));
    let axes = [v(1.0, 0.0, 0.0), v(0.0, 1.0, 0.0), v(0.0, 0.0, 1.0)];
    shape.hollows.push(Solid::Slab { c: v(0.0, -10.0 * k, 23.5 * k), axes, half: v(7.0, 3.8, 7.0) * k, round: 1.0 });
}

fn transverse_processes(shape: &mut Shape, m: &Measures) {
    let k = m.k;
    shape.both(|s| plate(v(s * 13.0 * k, -1.5, -3.0), v(s * 23.0 * k, 1.0, -5.0), 2.0 * k, 0.7));
    shape.both(|s| plate(v(s * 15.0 * k, 7.0, -3.0), v(s * 24.0 * k, 4.5, -5.5), 2.2 * k, 0.7));
    shape.both(|s| plate(v(s * 23.3 * k, 1.0, -4.0), v(s * 23.8 * k, 4.5, -4.5), 1.9 * k, 0.6));
    // The artery turns outwards here: the foramen slants.
    shape.both_hollows(|s| {
        let (a, b) = (v(s * 16.4 * k, 2.6, -16.0), v(s * 21.6 * k, 3.0, 9.0));
        rod(a, b, 2.7 * k * m.foramen, 2.8 * k * m.foramen)
    });
}
