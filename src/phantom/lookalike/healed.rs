//! Old fractures that have healed, and ossicles that never fused: rounded, with cortex all around.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::phantom::geometry::{Vec3, v};
use crate::phantom::solid::{Bone, Inclusion, Solid, ball};
use crate::phantom::vertebra::Measures;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Healed {
    /// The tip of a spinous process, not united: an old clay shoveler's fracture.
    SpinousOssicle,
    /// A body that has stayed low in front.
    Wedge,
    /// A corner of a body that never fused: limbus vertebra.
    Limbus,
    /// A dens apart from its body, its gap smooth and wide: os odontoideum.
    OsOdontoideum,
    /// A thick, dense place on one lamina, the left one for 1.
    Callus(f32),
    /// An unfused centre at the tip of a transverse process.
    TransverseOssicle(f32),
}

impl Healed {
    /// One that suits the vertebra, C1 = 0 to T3 = 9; `None` where none does.
    pub(super) fn draw(index: usize, rng: &mut Xoshiro256PlusPlus) -> Option<Self> {
        let (pick, side) = (rng.random::<f32>(), if rng.random::<bool>() { 1.0 } else { -1.0 });
        Some(match index {
            1 if pick < 0.2 => Self::OsOdontoideum,
            1 => Self::Callus(side),
            2..=4 if pick < 0.4 => Self::Limbus,
            2..=4 if pick < 0.7 => Self::Wedge,
            2..=4 => Self::Callus(side),
            5..=7 if pick < 0.45 => Self::SpinousOssicle,
            5 if pick < 0.75 => Self::Wedge,
            6 | 7 if pick < 0.8 => Self::TransverseOssicle(side),
            5..=7 => Self::Callus(side),
            _ => return None,
        })
    }

    /// Changes the measures before the vertebra is built.
    pub(super) fn shape(self, m: &mut Measures) {
        match self {
            Self::SpinousOssicle => (m.spine, m.drop) = (m.spine * SHORTENED, m.drop * SHORTENED),
            Self::Wedge => m.front *= 0.72,
            _ => {}
        }
    }

    /// Adds to the vertebra.
    pub(super) fn dress(self, bone: &mut Bone, m: &Measures, rng: &mut Xoshiro256PlusPlus) {
        match self {
            Self::SpinousOssicle => {
                let (stump, k) = (v(0.0, m.spine, -m.drop), m.k);
                let half = v(3.0, rng.random_range(3.5..=5.5), rng.random_range(3.5..=5.5)) * k;
                // Beyond the rounded end of the stump, with room for the gap.
                let at = m.spinolaminar() + stump + stump.unit() * (half.y + 7.2 * k);
                bone.solids.push(ball(at, half));
            }
            Self::Wedge => bone.inclusions.push(Inclusion {
                solid: ball(v(0.0, -0.4 * m.b, 0.4 * m.front), v(0.7 * m.a, 0.5 * m.b, 1.2)),
                hu: bone.inner_hu + 180.0,
                rim_mm: 0.0,
            }),
            Self::Limbus => {
                let (front, top) = (v(0.0, -m.b - 1.0, 0.15 * m.front), v(0.0, -0.35 * m.b, m.front + 1.0));
                bone.hollows.push(sheet(front, top, 0.9, v(0.07, 1.0, 1.0)));
            }
            Self::OsOdontoideum => {
                let (left, right) = (v(9.0 * m.k, -0.8, 12.5 * m.k), v(-9.0 * m.k, -0.8, 12.5 * m.k));
                bone.hollows.push(sheet(left, right, 1.7, v(1.0, 0.17, 1.0)));
            }
            Self::Callus(side) => {
                let at = v(side * 8.0 * m.k, m.b + 15.5 * m.k, -2.5);
                bone.solids.push(ball(at, v(4.0, 3.4, 5.0) * m.k));
                let (solid, hu) = (ball(at, v(3.0, 2.4, 4.0) * m.k), bone.inner_hu + 350.0);
                bone.inclusions.push(Inclusion { solid, hu, rim_mm: 0.0 });
            }
            Self::TransverseOssicle(side) => {
                bone.solids.push(ball(v(side * (m.a + 20.5 * m.k), 4.0, -3.0), v(2.6, 2.6, 3.0)));
            }
        }
    }
}

/// What is left of the spinous process of an old clay shoveler's fracture.
const SHORTENED: f32 = 0.55;

/// A flat gap from `a` to `b`, `r` to each side; `flat` widens it along its axis.
fn sheet(a: Vec3, b: Vec3, r: f32, flat: Vec3) -> Solid {
    Solid::Rod { a, b, r0: r, r1: r, flat }
}
