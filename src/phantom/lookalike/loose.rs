//! Chalk and bone outside the vertebrae: ossified ligaments, calcified carotid and vertebral arteries.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{LookalikeRange, chance};
use crate::phantom::column::Column;
use crate::phantom::geometry::{Frame, Vec3, v};
use crate::phantom::solid::{Bone, Solid, ball};

pub(super) fn bones(
    range: &LookalikeRange,
    wear: f32,
    column: &Column,
    pattern: &Bone,
    rng: &mut Xoshiro256PlusPlus,
) -> Vec<Bone> {
    let mut bones = Vec::new();
    let aged = f64::from(wear);
    if chance(rng, range.posterior_ligament) {
        bones.extend(posterior_ligament(column, pattern, rng));
    }
    if chance(rng, range.nuchal_ligament * aged) {
        let index = rng.random_range(3..=6);
        let m = &column.measures[index];
        let at = m.spinolaminar() + v(rng.random_range(-1.5..=1.5), m.spine + 9.0, -m.drop - 4.0);
        let half = v(rng.random_range(1.5..=2.5), rng.random_range(2.0..=3.5), rng.random_range(5.0..=13.0));
        bones.push(pattern.like(column.frames[index], vec![ball(at, half)]));
    }
    for side in [1.0, -1.0] {
        if chance(rng, range.vessels * aged) {
            bones.extend(carotid(side, column, pattern, rng));
        }
        if chance(rng, 0.25 * range.vessels * aged) {
            let index = rng.random_range(2..=5);
            let m = &column.measures[index];
            let at = v(side * (m.a + 5.6 * m.k), 2.0 * m.k, 0.0);
            bones.push(plaque(pattern, column.frames[index], at, 2.0, rng));
        }
    }
    bones
}

/// A band of bone in front of the cord, over two to four levels, thickest behind the bodies.
fn posterior_ligament(column: &Column, pattern: &Bone, rng: &mut Xoshiro256PlusPlus) -> Vec<Bone> {
    let first: usize = rng.random_range(1..=4);
    let count: usize = rng.random_range(2..=4);
    let (x, thick) = (rng.random_range(-2.5..=2.5), rng.random_range(1.2..=2.4));
    (first..(first + count).min(7))
        .map(|index| {
            let m = &column.measures[index];
            let y = m.b + 0.4 + thick;
            let (a, b) = (v(x, y, m.back), v(x, y - 0.3 * thick, -m.below + m.back));
            let solid = Solid::Rod { a, b, r0: thick, r1: thick * 0.8, flat: v(0.4, 1.0, 1.0) };
            pattern.like(column.frames[index], vec![solid])
        })
        .collect()
}

/// Plaques in the wall of the carotid, around its fork at C4.
fn carotid(side: f32, column: &Column, pattern: &Bone, rng: &mut Xoshiro256PlusPlus) -> Vec<Bone> {
    (0..rng.random_range(1..=3))
        .map(|_| {
            let index = rng.random_range(2..=4);
            let at = v(side * 24.0, -14.5, rng.random_range(-7.0..=7.0)) * (column.measures[index].k / 0.97);
            plaque(pattern, column.frames[index], at, 3.6, rng)
        })
        .collect()
}

/// Half a ring or a grain in the wall of a vessel of radius `r` at `at`.
fn plaque(pattern: &Bone, frame: Frame, at: Vec3, r: f32, rng: &mut Xoshiro256PlusPlus) -> Bone {
    let thick = rng.random_range(0.5..=1.0);
    let side = if rng.random::<bool>() { 1.0 } else { -1.0 };
    let solid = if rng.random_bool(0.6) {
        Solid::Arc { c: at, radius: [r, r], side, r: thick, flat: rng.random_range(0.2..=0.5) }
    } else {
        ball(at + v(side * r, 0.0, 0.0), v(thick + 0.3, thick + 0.6, rng.random_range(1.5..=4.0)))
    };
    let mut bone = pattern.like(frame, vec![solid]);
    bone.cortex_hu = rng.random_range(450.0..=1000.0);
    bone
}
