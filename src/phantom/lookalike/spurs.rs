//! Osteophytes on the rims of the bodies, worn uncovertebral joints and facet joints.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::chance;
use crate::phantom::geometry::v;
use crate::phantom::solid::{Bone, Inclusion, ball, rod};
use crate::phantom::vertebra::Measures;

/// `wear` 0 to 1 or a little more; `index` from C2 = 1.
pub(super) fn add(bone: &mut Bone, m: &Measures, index: usize, wear: f32, rng: &mut Xoshiro256PlusPlus) {
    for way in [1.0, -1.0] {
        let upper_axis = index == 1 && way > 0.0;
        let (front, back): (f32, f32) = (rng.random::<f32>() * wear, rng.random::<f32>() * wear);
        let (x, wide) = (rng.random_range(-0.6..=0.6) * m.a, rng.random_range(2.0..=5.0));
        if front > 0.25 && !upper_axis {
            let (y, z) = (-m.b - 1.6 * front + 1.4, way * (m.front - 0.6));
            // A beak: it points away from the body and towards the disc.
            bone.solids.push(rod(v(x - wide, y, z), v(x + wide, y, z), 0.9 + front, 1.1 + front));
            bone.solids.push(rod(v(x, y + 1.0, z), v(x, y - 1.8 * front, z + way * 1.6 * front), 1.2 + front, 0.7));
        }
        if back > 0.35 && !upper_axis {
            let (y, z) = (m.b + 0.4 * back, way * (m.back - 0.5));
            bone.solids.push(rod(v(-0.5 * m.a + x * 0.5, y, z), v(0.5 * m.a + x * 0.5, y, z), 1.0 + 0.7 * back, 1.0));
        }
    }
    if index > 1 {
        uncovertebral(bone, m, wear, rng);
        facets(bone, m, wear, rng);
    }
}

fn uncovertebral(bone: &mut Bone, m: &Measures, wear: f32, rng: &mut Xoshiro256PlusPlus) {
    for s in [1.0, -1.0] {
        let strength = rng.random::<f32>() * wear;
        if strength > 0.3 {
            let at = v(s * 1.0 * m.a, 0.45 * m.b, m.back + 1.2);
            bone.solids.push(ball(at, v(1.6 + 1.4 * strength, 3.0, 1.8 + strength) * m.k));
        }
    }
}

/// Enlarged, dense facets with a rounded rim and, rarely, a cyst.
fn facets(bone: &mut Bone, m: &Measures, wear: f32, rng: &mut Xoshiro256PlusPlus) {
    let pillar = m.pillar();
    for s in [1.0, -1.0] {
        let strength = rng.random::<f32>() * wear;
        if strength < 0.35 {
            continue;
        }
        let way = if rng.random::<bool>() { 1.0 } else { -1.0 };
        let tip = v(s * pillar.x, pillar.y - way * 2.0 * m.k, way * 0.3 * m.above);
        let out = v(s * 5.0 * m.k, rng.random_range(-2.0..=3.0), 0.0);
        bone.solids.push(ball(tip + out, v(2.2, 2.6, 2.4) * (0.6 + strength)));
        let solid = ball(tip, v(5.0 * m.k, 5.0 * m.k, 3.0));
        bone.inclusions.push(Inclusion { solid, hu: bone.inner_hu + 450.0 * strength, rim_mm: 0.0 });
        if chance(rng, 0.15) {
            let solid = ball(tip + v(0.0, 0.0, -way * 2.0), v(1.4, 1.5, 1.3));
            bone.inclusions.push(Inclusion { solid, hu: 60.0, rim_mm: 0.7 });
        }
    }
}
