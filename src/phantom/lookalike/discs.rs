//! Discs: low ones with sclerotic endplates and gas, bony bridges, and vertebrae grown together.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{LookalikeRange, chance};
use crate::phantom::column::COUNT;
use crate::phantom::geometry::{Vec3, mix, v};
use crate::phantom::solid::{Bone, Inclusion, Solid, ball, rod};
use crate::phantom::vertebra::Measures;

/// How much of the wear of a neck falls on the disc below C1 to T3: most on C5-C6 and C6-C7.
const WORN: [f32; COUNT] = [0.0, 0.25, 0.4, 0.65, 1.0, 0.95, 0.4, 0.2, 0.2, 0.2, 0.2, 0.0];

/// One disc.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Disc {
    /// 0 healthy, 1 as low as discs get.
    low: f32,
    gas: bool,
    calcified: bool,
    /// Grown together from birth, joints included.
    block: bool,
    /// A bony bridge in front, and how far to the left of the midline, mm.
    bridge: Option<f32>,
}

impl Disc {
    /// Bone that each endplate gains against the usual one, mm.
    fn gain(&self, m: &Measures) -> f32 {
        let half = 0.5 * m.below - m.front.max(m.back);
        if self.block { half + 0.8 } else { half * 0.55 * self.low }
    }
}

pub(super) fn draw(rng: &mut Xoshiro256PlusPlus, range: &LookalikeRange, wear: f32) -> [Disc; COUNT] {
    let block = chance(rng, range.block).then(|| if rng.random::<bool>() { 1 } else { rng.random_range(2..=5) });
    std::array::from_fn(|index| {
        let worn = WORN[index] * wear * range.degeneration * rng.random_range(0.3..=1.3_f32);
        let low = if worn > 0.18 { worn.min(1.0) } else { 0.0 };
        Disc {
            low,
            gas: chance(rng, f64::from(0.4 * low)),
            calcified: chance(rng, f64::from(0.08 * low)),
            block: block == Some(index),
            bridge: (index > 1 && chance(rng, range.bridge * f64::from(wear))).then(|| rng.random_range(-5.0..=5.0)),
        }
    })
}

/// A column from the middle of the body to `gain` mm beyond its endplate, `way` 1 upwards, -1 downwards.
fn taller(m: &Measures, way: f32, edge: f32, gain: f32, narrow: f32) -> Solid {
    let half = 0.5 * (edge + gain);
    let side = [m.a * narrow, m.b * narrow];
    Solid::Body { c: v(0.0, 0.0, way * half), half: side, front: half, back: half }
}

/// Endplates of one vertebra, after the discs above and below it.
pub(super) fn endplates(bone: &mut Bone, m: &Measures, index: usize, discs: &[Disc; COUNT]) {
    // The body of C2 reaches lower than its measures say.
    let lower = m.front + if index == 1 { 0.8 } else { 0.0 };
    let faces = [(1.0, m.front, discs[index - 1]), (-1.0, lower, discs[index])];
    for (way, edge, disc) in faces.into_iter().filter(|(way, ..)| index > 1 || *way < 0.0) {
        if disc.block || disc.low > 0.0 {
            bone.solids.push(taller(m, way, edge, disc.gain(m), if disc.block { 0.86 } else { 0.96 }));
        }
        if disc.low > 0.25 {
            let depth = mix(1.2, 3.2, disc.low);
            bone.inclusions.push(Inclusion {
                solid: ball(
                    v(0.1 * m.a, -0.1 * m.b, way * (edge + disc.gain(m) - 0.8)),
                    v(0.75 * m.a, 0.7 * m.b, depth),
                ),
                hu: mix(bone.inner_hu, 900.0, 0.4 + 0.5 * disc.low),
                rim_mm: 0.0,
            });
        }
    }
    if discs[index].block {
        let pillar = m.pillar();
        for s in [1.0, -1.0] {
            let at = v(s * pillar.x, pillar.y, 0.0);
            bone.solids.push(rod(at, at + v(0.0, 0.0, -0.75 * m.below), 5.0 * m.k, 4.5 * m.k));
        }
    }
    if let Some(x) = discs[index].bridge {
        bridge(bone, m, x);
    }
}

fn bridge(bone: &mut Bone, m: &Measures, x: f32) {
    let (top, bottom) = (v(x, -m.b + 1.0, -m.front + 2.5), v(x, -m.b + 1.0, -m.below + m.front - 2.5));
    let middle = (top + bottom) * 0.5 + v(0.0, -2.4, 0.0);
    let wide = |a: Vec3, b: Vec3| Solid::Rod { a, b, r0: 2.0, r1: 2.3, flat: v(0.4, 1.0, 1.0) };
    bone.solids.extend([wide(top, middle), wide(bottom, middle)]);
}

/// Gas and chalk inside the disc; both lie flat.
pub(super) fn inside(disc: &Disc, m: &Measures, bone: &mut Bone) {
    let mut add = |half: Vec3, hu: f32| {
        let solid = ball(v(0.0, -0.1 * m.b, 0.0), half);
        bone.inclusions.push(Inclusion { solid, hu, rim_mm: 0.0 });
    };
    if disc.gas {
        add(v(0.6 * m.a, 0.5 * m.b, 0.9), -650.0);
    } else if disc.calcified {
        add(v(0.4 * m.a, 0.35 * m.b, 1.1), 600.0);
    }
}
