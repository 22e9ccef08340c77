//! A stream of random numbers of its own for each purpose, so that a change in one does not shift the others.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::fracture::FractureKind;
use super::noise::hash;

/// What random numbers are drawn for. Vertebrae are counted from C1 = 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Build,
    Fractures,
    Scan,
    Chest,
    SoftTissue,
    Column,
    Lookalikes,
    /// Ossified ligaments and calcified vessels.
    LooseBones,
    /// Whether the tissue in front of an unbroken spine is swollen.
    IdleSwelling,
    Swelling,
    Tilt,
    Scanner,
    Excerpt,
    Vertebra(usize),
    LookalikesOf(usize),
    Break(usize, FractureKind),
}

impl Purpose {
    /// Every patient rests on these: a number that changes makes other patients.
    const fn number(self) -> u64 {
        match self {
            Self::Build => 1,
            Self::Fractures => 2,
            Self::Scan => 3,
            Self::Chest => 11,
            Self::SoftTissue => 12,
            Self::Column => 13,
            Self::Lookalikes => 21,
            Self::LooseBones => 22,
            Self::IdleSwelling => 23,
            Self::Swelling => 24,
            Self::Tilt => 31,
            Self::Scanner => 32,
            Self::Excerpt => 41,
            Self::Vertebra(index) => 100 + index as u64,
            Self::LookalikesOf(index) => 500 + index as u64,
            Self::Break(index, kind) => 1000 + 100 * index as u64 + kind as u64,
        }
    }
}

/// The random numbers of a seed for a purpose.
pub(super) fn stream(seed: u64, purpose: Purpose) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(hash(hash(seed) ^ purpose.number()))
}
