//! How patients differ: ranges of anatomy, and one patient's build drawn from them. Numbers only, no shapes.
//!
//! Lengths in mm, angles in radians, the rest relative to the usual one.

use rand::Rng;
use rand_distr::{Distribution, Normal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::lookalike::LookalikeRange;
use super::profile::Profile;

/// A normal distribution cut off at both ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    mean: f32,
    deviation: f32,
    low: f32,
    high: f32,
}

const fn spread(mean: f32, deviation: f32, low: f32, high: f32) -> Spread {
    Spread { mean, deviation, low, high }
}

impl Spread {
    fn draw(&self, rng: &mut Xoshiro256PlusPlus) -> f32 {
        // The deviation is a positive constant, so the fallback is never taken.
        Normal::new(self.mean, self.deviation).map_or(self.mean, |n| n.sample(rng)).clamp(self.low, self.high)
    }
}

/// From what patients are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct AnatomyRange {
    size: Spread,
    broad: Spread,
    lordosis: Spread,
    bend: Spread,
    flexion: Spread,
    lean: Spread,
    turn: Spread,
    head_turn: Spread,
    nod: Spread,
    strength: Spread,
    cortex: Spread,
    canal: Spread,
    girth: Spread,
    airway: Spread,
    raise_mm: Spread,
    spine: Spread,
    /// How much one level's proportions and its two sides differ.
    jitter: f32,
    cervical_rib: f64,
    cleft: f64,
    pub(super) lookalikes: LookalikeRange,
}

impl AnatomyRange {
    /// The patients that models are trained on.
    pub const fn standard() -> Self {
        Self {
            size: spread(1.0, 0.04, 0.9, 1.1),
            broad: spread(1.0, 0.04, 0.9, 1.1),
            lordosis: spread(5.0, 3.6, -3.5, 12.0),
            bend: spread(0.0, 2.0, -5.0, 5.0),
            flexion: spread(0.02, 0.06, -0.14, 0.16),
            lean: spread(0.0, 0.035, -0.09, 0.09),
            turn: spread(0.0, 0.06, -0.15, 0.15),
            head_turn: spread(0.0, 0.11, -0.35, 0.35),
            nod: spread(0.0, 0.06, -0.14, 0.14),
            strength: spread(0.0, 1.0, -1.8, 1.8),
            cortex: spread(1.0, 0.15, 0.7, 1.35),
            canal: spread(1.0, 0.05, 0.88, 1.1),
            girth: spread(1.0, 0.09, 0.84, 1.25),
            airway: spread(1.0, 0.15, 0.7, 1.35),
            raise_mm: spread(0.0, 8.0, -14.0, 18.0),
            spine: spread(1.0, 0.08, 0.8, 1.2),
            jitter: 0.03,
            cervical_rib: 0.01,
            cleft: 0.03,
            lookalikes: LookalikeRange::standard(),
        }
    }

    /// Between those and the unseen ones, for training.
    pub const fn varied() -> Self {
        Self {
            size: spread(1.0, 0.06, 0.86, 1.14),
            broad: spread(1.0, 0.06, 0.87, 1.13),
            lordosis: spread(4.5, 5.5, -6.0, 14.0),
            bend: spread(0.0, 3.5, -7.5, 7.5),
            flexion: spread(0.02, 0.08, -0.18, 0.2),
            lean: spread(0.0, 0.045, -0.12, 0.12),
            turn: spread(0.0, 0.08, -0.2, 0.2),
            head_turn: spread(0.0, 0.18, -0.42, 0.42),
            nod: spread(0.0, 0.075, -0.17, 0.17),
            strength: spread(-0.5, 1.1, -2.1, 2.0),
            cortex: spread(0.93, 0.18, 0.6, 1.42),
            canal: spread(1.0, 0.065, 0.84, 1.12),
            girth: spread(1.02, 0.13, 0.79, 1.37),
            airway: spread(1.0, 0.2, 0.62, 1.47),
            raise_mm: spread(2.0, 11.0, -18.0, 25.0),
            spine: spread(1.0, 0.1, 0.77, 1.21),
            jitter: 0.04,
            cervical_rib: 0.06,
            cleft: 0.09,
            lookalikes: LookalikeRange::varied(),
        }
    }

    /// Patients unlike those: larger and smaller ones, bent and turned necks, thin bone, rare variants more often.
    pub const fn unseen() -> Self {
        Self {
            size: spread(1.0, 0.09, 0.82, 1.18),
            broad: spread(1.0, 0.08, 0.84, 1.16),
            lordosis: spread(4.0, 7.5, -9.0, 16.0),
            bend: spread(0.0, 5.0, -10.0, 10.0),
            flexion: spread(0.02, 0.1, -0.22, 0.24),
            lean: spread(0.0, 0.06, -0.15, 0.15),
            turn: spread(0.0, 0.1, -0.25, 0.25),
            head_turn: spread(0.0, 0.26, -0.5, 0.5),
            nod: spread(0.0, 0.09, -0.2, 0.2),
            strength: spread(-1.0, 1.2, -2.4, 2.2),
            cortex: spread(0.85, 0.22, 0.5, 1.5),
            canal: spread(1.0, 0.08, 0.8, 1.15),
            girth: spread(1.05, 0.18, 0.74, 1.5),
            airway: spread(1.0, 0.25, 0.55, 1.6),
            raise_mm: spread(4.0, 14.0, -22.0, 32.0),
            spine: spread(1.0, 0.12, 0.74, 1.22),
            jitter: 0.05,
            cervical_rib: 0.12,
            cleft: 0.15,
            lookalikes: LookalikeRange::unseen(),
        }
    }
}

impl Profile {
    /// From what the patients of this population are drawn.
    pub const fn anatomy(self) -> AnatomyRange {
        match self {
            Self::Standard | Self::UnseenScanner => AnatomyRange::standard(),
            Self::Varied => AnatomyRange::varied(),
            Self::UnseenAnatomy => AnatomyRange::unseen(),
        }
    }
}

impl AnatomyRange {
    /// The same patients with other false friends.
    #[cfg(test)]
    pub(super) const fn with_lookalikes(self, lookalikes: LookalikeRange) -> Self {
        Self { lookalikes, ..self }
    }
}

/// How the neck is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pose {
    pub flexion: f32,
    pub lean: f32,
    pub turn: f32,
    /// Turn of the head against the chest, and its nod against C1.
    pub head_turn: f32,
    pub nod: f32,
}

/// What differs from patient to patient.
#[derive(Clone, Debug)]
pub(super) struct Build {
    pub size: f32,
    pub female: bool,
    /// Scale of widths against heights.
    pub broad: f32,
    /// How far the curve of the neck bows to the front and to the side, mm at 60 mm from its middle.
    pub lordosis: f32,
    pub bend: f32,
    pub pose: Pose,
    /// 0 young, 1 old: spurs, calcified cartilage, fat in the muscles.
    pub wear: f32,
    /// Hounsfield units of the cortex and of the marrow; thickness of the cortex.
    pub cortex_hu: f32,
    pub inner_hu: f32,
    pub cortex_mm: f32,
    pub canal: f32,
    pub girth: f32,
    pub fat_mm: f32,
    pub airway: f32,
    pub raise_mm: f32,
    pub spine: f32,
    pub jitter: f32,
    pub bifid_c6: bool,
    /// Side of a rib of C7: 1 left, -1 right, 0 both.
    pub cervical_rib: Option<f32>,
    /// Width of the gap in the posterior arch of C1; 0 where it has closed.
    pub cleft_mm: f32,
}

impl Build {
    pub(super) fn draw(range: &AnatomyRange, rng: &mut Xoshiro256PlusPlus) -> Self {
        let female = rng.random_bool(0.42);
        let sex = if female { -1.0 } else { 1.0 };
        let (strength, girth) = (range.strength.draw(rng), range.girth.draw(rng) + 0.03 * sex);
        let wear = (rng.random::<f32>().powi(2) - 0.12 * strength).clamp(0.0, 1.0);
        Self {
            size: range.size.draw(rng) + 0.035 * sex,
            female,
            broad: range.broad.draw(rng),
            lordosis: range.lordosis.draw(rng),
            bend: range.bend.draw(rng),
            pose: Pose {
                flexion: range.flexion.draw(rng),
                lean: range.lean.draw(rng),
                turn: range.turn.draw(rng),
                head_turn: range.head_turn.draw(rng),
                nod: range.nod.draw(rng),
            },
            wear,
            cortex_hu: 1060.0 + 120.0 * strength,
            inner_hu: 300.0 + 85.0 * strength,
            cortex_mm: 1.0 * range.cortex.draw(rng),
            canal: range.canal.draw(rng),
            girth,
            fat_mm: (3.5 + 10.0 * rng.random::<f32>().powi(2)) * girth,
            airway: range.airway.draw(rng),
            raise_mm: range.raise_mm.draw(rng),
            spine: range.spine.draw(rng),
            jitter: range.jitter,
            bifid_c6: rng.random_bool(0.4),
            cervical_rib: rng.random_bool(range.cervical_rib).then(|| f32::from(rng.random_range(-1..=1_i8))),
            cleft_mm: if rng.random_bool(range.cleft) { rng.random_range(1.2..=5.0) } else { 0.0 },
        }
    }
}
