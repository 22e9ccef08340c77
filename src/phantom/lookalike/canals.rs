//! Canals of vessels through bone: straight or gently forked, smooth, with a thin wall, always in the same places.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{LookalikeRange, chance};
use crate::phantom::geometry::{Vec3, v};
use crate::phantom::solid::{Bone, Inclusion, ball, rod};
use crate::phantom::vertebra::Measures;

const BLOOD_HU: f32 = 85.0;

pub(super) fn add(bone: &mut Bone, m: &Measures, index: usize, range: &LookalikeRange, rng: &mut Xoshiro256PlusPlus) {
    if index > 0 && chance(rng, range.vein) {
        basivertebral(bone, m, rng);
    }
    if index > 1 && chance(rng, range.schmorl) {
        schmorl(bone, m, rng);
    }
    for _ in 0..2 {
        if chance(rng, range.canal) {
            nutrient(bone, m, index, rng);
        }
    }
}

fn canal(bone: &mut Bone, from: Vec3, to: Vec3, r0: f32, r1: f32, rim_mm: f32) {
    bone.inclusions.push(Inclusion { solid: rod(from, to, r0, r1), hu: BLOOD_HU, rim_mm });
}

/// From the middle of the back wall forwards, forked like a Y.
fn basivertebral(bone: &mut Bone, m: &Measures, rng: &mut Xoshiro256PlusPlus) {
    let z = rng.random_range(-1.2..=1.2);
    let wide = rng.random_range(0.6..=1.2);
    let fork = v(rng.random_range(-1.0..=1.0), rng.random_range(0.1..=0.4) * m.b, z);
    canal(bone, v(0.0, m.b + 0.6, z), fork, wide * 1.2, wide * 0.8, 0.3);
    for s in [1.0, -1.0] {
        let end = v(s * rng.random_range(0.3..=0.6) * m.a, -rng.random_range(0.1..=0.6) * m.b, z);
        canal(bone, fork, end, wide * 0.7, 0.3, 0.2);
    }
}

/// An inlet of disc in an endplate, with a dense wall.
fn schmorl(bone: &mut Bone, m: &Measures, rng: &mut Xoshiro256PlusPlus) {
    let way = if rng.random::<bool>() { 1.0 } else { -1.0 };
    let at = v(rng.random_range(-0.4..=0.4) * m.a, rng.random_range(-0.3..=0.5) * m.b, way * (m.front + 0.3));
    let r = rng.random_range(1.8..=3.2);
    let solid = ball(at, v(r * 1.2, r * 1.1, r));
    bone.inclusions.push(Inclusion { solid, hu: 90.0, rim_mm: 0.9 });
}

/// A thin canal through a lamina, a pillar or the front of the body; at C1 through the lateral mass.
fn nutrient(bone: &mut Bone, m: &Measures, index: usize, rng: &mut Xoshiro256PlusPlus) {
    let (k, s) = (m.k, if rng.random::<bool>() { 1.0 } else { -1.0 });
    let mut jitter = |mm: f32| rng.random_range(-mm..=mm);
    let pillar = m.pillar();
    let (from, to) = match (index, jitter(1.5)) {
        (0, _) => (v(s * 17.0 * k, 13.0 * k, jitter(3.0)), v(s * (17.0 + jitter(4.0)) * k, 1.0, jitter(3.0))),
        (_, place) if place < -0.5 => {
            let at = v(s * 10.0 * k, m.b + 14.5 * k, jitter(2.0) - 2.0);
            (at + v(s * 0.5, 4.0, 0.6), at + v(-s * 1.0, -4.0, -0.6))
        }
        (_, place) if place < 0.5 => {
            let at = v(s * pillar.x, pillar.y, jitter(2.5));
            (at + v(s * 7.5 * k, 3.0 + jitter(2.0), 0.5), at + v(-s * (1.0 + jitter(3.0)), jitter(3.0), -0.5))
        }
        _ => {
            let x = jitter(0.5) * m.a;
            (v(x, -m.b - 0.6, jitter(2.5)), v(x * 0.4, -0.1 * m.b, jitter(2.0)))
        }
    };
    let wide = 0.55 + jitter(0.15);
    canal(bone, from, to, wide, wide * 0.8, 0.5);
}
