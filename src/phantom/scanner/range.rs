//! What scanners differ in, by profile: kernels, dose, artefacts, slices, field of view, tilt.

use std::ops::RangeInclusive;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::kernel::Kernel;
use crate::phantom::profile::Profile;

/// How often, thickness and distance of slices, mm.
type Slices = (f32, f32, f32);

/// From what a scan is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::phantom) struct ScannerRange {
    /// How often, and the kernel.
    kernels: &'static [(f32, Kernel)],
    /// Photons relative to a usual scan.
    pub dose: RangeInclusive<f32>,
    /// Part of the beam hardening that the scanner does not correct.
    pub hardening: RangeInclusive<f32>,
    /// Share of patients with metal in their teeth.
    pub fillings: f64,
    /// Share of patients who move, and by how much at most, mm.
    pub motion: (f64, RangeInclusive<f32>),
    /// Share of scanners with a detector that is out of tune.
    pub rings: f64,
    slices: &'static [Slices],
    /// Pixel spacing at 512 x 512, mm: how often, and from where to where.
    fields: &'static [(f32, f32, f32)],
    /// Tilt of the gantry to either side, degrees.
    pub tilt_deg: RangeInclusive<f32>,
}

const fn kernel(half: f32, order: f32, lift: f32) -> Kernel {
    Kernel { half, order, lift }
}

/// Mostly bone kernels, as thin slices of the spine are read.
const KERNELS: [(f32, Kernel); 6] = [
    (0.12, kernel(0.36, 2.0, 0.0)),
    (0.18, kernel(0.48, 2.2, 0.1)),
    (0.2, kernel(0.65, 2.6, 0.25)),
    (0.25, kernel(0.8, 3.2, 0.4)),
    (0.17, kernel(0.92, 4.0, 0.5)),
    (0.08, kernel(1.05, 5.0, 0.65)),
];

/// From softer to sharper than usual, for training.
const VARIED_KERNELS: [(f32, Kernel); 6] = [
    (0.15, kernel(0.34, 2.4, 0.0)),
    (0.15, kernel(0.45, 3.0, 0.35)),
    (0.2, kernel(0.65, 3.4, 0.6)),
    (0.2, kernel(0.75, 4.5, 0.8)),
    (0.15, kernel(0.95, 5.0, 0.7)),
    (0.15, kernel(1.1, 4.0, 0.5)),
];

/// Another maker's: over-enhanced, or smoothed by an iterative reconstruction.
const UNSEEN_KERNELS: [(f32, Kernel); 4] = [
    (0.3, kernel(0.3, 3.4, 0.2)),
    (0.25, kernel(0.55, 7.0, 1.1)),
    (0.3, kernel(0.85, 8.0, 1.0)),
    (0.15, kernel(1.15, 3.0, 0.9)),
];

/// 0.625 mm in half of the studies, 1.0 mm in a third, 0.5 and 0.6 mm in the rest; a few overlap, very few are thick.
const SLICES: [Slices; 11] = [
    (0.42, 0.625, 0.625),
    (0.03, 0.625, 0.5),
    (0.05, 0.625, 0.312),
    (0.215, 1.0, 1.0),
    (0.05, 1.0, 0.8),
    (0.06, 1.0, 0.5),
    (0.07, 0.5, 0.5),
    (0.065, 0.6, 0.6),
    (0.03, 0.6, 0.3),
    (0.008, 2.0, 2.0),
    (0.004, 2.5, 2.5),
];
const VARIED_SLICES: [Slices; 4] = [(0.4, 0.625, 0.625), (0.3, 1.0, 1.0), (0.15, 1.0, 0.5), (0.15, 1.5, 1.5)];
const UNSEEN_SLICES: [Slices; 3] = [(0.45, 1.25, 1.25), (0.35, 2.0, 2.0), (0.2, 2.0, 1.25)];

const FIELDS: [(f32, f32, f32); 4] = [(0.45, 0.311, 0.36), (0.4, 0.34, 0.42), (0.11, 0.42, 0.5), (0.04, 0.5, 0.98)];
const VARIED_FIELDS: [(f32, f32, f32); 2] = [(0.5, 0.311, 0.42), (0.5, 0.42, 0.62)];
const UNSEEN_FIELDS: [(f32, f32, f32); 2] = [(0.6, 0.42, 0.55), (0.4, 0.55, 0.7)];

impl Profile {
    /// The scanners of the profile.
    pub(in crate::phantom) fn scanner(self) -> ScannerRange {
        match self {
            Self::Standard | Self::UnseenAnatomy => ScannerRange {
                kernels: &KERNELS,
                dose: 0.5..=2.5,
                hardening: 0.004..=0.014,
                fillings: 0.5,
                motion: (0.12, 0.5..=2.0),
                rings: 0.03,
                slices: &SLICES,
                fields: &FIELDS,
                tilt_deg: 0.0..=0.0,
            },
            Self::Varied => ScannerRange {
                kernels: &VARIED_KERNELS,
                dose: 0.35..=2.5,
                hardening: 0.004..=0.019,
                fillings: 0.6,
                motion: (0.2, 0.5..=2.0),
                rings: 0.06,
                slices: &VARIED_SLICES,
                fields: &VARIED_FIELDS,
                tilt_deg: 0.0..=14.0,
            },
            Self::UnseenScanner => ScannerRange {
                kernels: &UNSEEN_KERNELS,
                dose: 0.2..=0.8,
                hardening: 0.016..=0.03,
                fillings: 0.75,
                motion: (0.35, 1.0..=3.0),
                rings: 0.15,
                slices: &UNSEEN_SLICES,
                fields: &UNSEEN_FIELDS,
                tilt_deg: 10.0..=25.0,
            },
        }
    }
}

impl ScannerRange {
    pub(super) fn kernel(&self, rng: &mut Xoshiro256PlusPlus) -> Kernel {
        self.kernels.choose_weighted(rng, |k| k.0).map_or(KERNELS[0].1, |k| k.1)
    }

    /// Thickness and distance of the slices, mm.
    pub(in crate::phantom) fn slices(&self, rng: &mut Xoshiro256PlusPlus) -> [f32; 2] {
        self.slices.choose_weighted(rng, |s| s.0).map_or([1.0; 2], |s| [s.1, s.2])
    }

    /// Width of the field of view, mm.
    pub(in crate::phantom) fn field_mm(&self, rng: &mut Xoshiro256PlusPlus) -> f32 {
        let [low, high] = self.fields.choose_weighted(rng, |f| f.0).map_or([0.35; 2], |f| [f.1, f.2]);
        512.0 * rng.random_range(low..=high)
    }

    /// Tilt of the gantry, degrees; positive with the top of the gantry to the feet.
    pub(in crate::phantom) fn tilt_deg(&self, rng: &mut Xoshiro256PlusPlus) -> f32 {
        let tilt = rng.random_range(self.tilt_deg.clone());
        if rng.random() { tilt } else { -tilt }
    }
}
