//! What to generate, and the fractures drawn for it.

use std::ops::RangeInclusive;

use rand::Rng;

use super::company;
use super::fracture::{Fracture, FractureKind};
use super::profile::Profile;
use super::stream::{Purpose, stream};
use crate::triage::Level;

/// Which fractures a study has.
#[derive(Clone, Debug, PartialEq)]
pub enum Fractures {
    /// None.
    Intact,
    /// One level or, less often, more, as often and as together as published; drawn from the seed.
    Fractured,
    /// `Fractured` with this probability, drawn from the seed, else intact.
    Sometimes(f64),
    /// As `Sometimes`, but rare levels are raised so that a network learns them too: for training, not for evaluation.
    Balanced(f64),
    /// Exactly these.
    Exactly(Vec<(Level, FractureKind)>),
}

/// The order of the slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Slice 1 is the highest.
    HeadToFoot,
    /// Slice 1 is the lowest.
    FootToHead,
    /// One study in ten runs from foot to head, drawn from the seed.
    Drawn,
}

/// Which part of the body the slices run through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Region {
    /// From above C1 to below C7.
    Neck,
    /// The head above the skull base: no cervical vertebra. Fractures are not in it.
    Head,
    /// The chest below the shoulders: thoracic vertebrae only. Fractures are not in it.
    Chest,
}

/// How thick the slices are and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `spacing_mm` apart, or as far as `slices` asks for, and at most 1 mm thick: quick to render.
    Spacing,
    /// As the scanners of the profile are set: thickness, distance, length, field of view, tilt; drawn from the seed.
    Drawn,
    /// As `Drawn`, but `spacing_mm` apart.
    Respaced,
}

impl Protocol {
    /// Where someone asks for a distance between slices: scans of the standard profile become quick to render, those of the
    /// others keep what sets their scanners apart.
    pub const fn spaced(profile: Profile) -> Self {
        match profile {
            Profile::Standard => Self::Spacing,
            Profile::Varied | Profile::UnseenScanner | Profile::UnseenAnatomy => Self::Respaced,
        }
    }
}

/// The value outside the scanned circle, in Hounsfield units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// In about one study in three: -1024, -2048 or -3024, as published; drawn from the seed.
    Drawn,
    /// The scanner reconstructs the whole square.
    Nothing,
    /// This value.
    Hounsfield(i16),
}

/// What to generate. The same specification gives the same study, byte for byte, on one platform.
#[derive(Clone, Debug, PartialEq)]
pub struct StudySpec {
    /// Decides everything that the other fields leave open.
    pub seed: u64,
    /// Which patients and scanners.
    pub profile: Profile,
    /// Whether `spacing_mm` decides or the scanner.
    pub protocol: Protocol,
    /// Which fractures.
    pub fractures: Fractures,
    /// Range of the difficulty of each fracture: 0 wide and displaced, 1 hair line.
    pub difficulty: RangeInclusive<f32>,
    /// Number of slices; the spacing follows from it. `None`: the number follows from `spacing_mm`.
    pub slices: Option<usize>,
    /// Range of the distance between slices in mm, drawn from the seed.
    pub spacing_mm: RangeInclusive<f32>,
    /// Rows and columns: slices are square, the published 512 x 519 is not made.
    pub matrix: u16,
    /// Order of the slices.
    pub direction: Direction,
    /// Part of the body.
    pub region: Region,
    /// Outside the scanned circle.
    pub padding: Padding,
}

impl StudySpec {
    /// A study that is quick to render: 512 x 512, fractured or not, 0.8 to 2.5 mm apart.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            profile: Profile::Standard,
            protocol: Protocol::Spacing,
            fractures: Fractures::Sometimes(0.5),
            difficulty: 0.0..=0.4,
            slices: None,
            spacing_mm: 0.8..=2.5,
            matrix: 512,
            direction: Direction::Drawn,
            region: Region::Neck,
            padding: Padding::Drawn,
        }
    }
}

/// The fractures of a specification, from head to foot.
pub(super) fn draw_fractures(spec: &StudySpec) -> Vec<Fracture> {
    if spec.region != Region::Neck {
        return Vec::new();
    }
    let rng = &mut stream(spec.seed, Purpose::Fractures);
    let chosen: Vec<(Level, FractureKind)> = match &spec.fractures {
        Fractures::Intact => Vec::new(),
        Fractures::Exactly(list) => list.clone(),
        Fractures::Fractured => company::draw(rng, false),
        Fractures::Sometimes(rate) if rng.random_bool(rate.clamp(0.0, 1.0)) => company::draw(rng, false),
        Fractures::Balanced(rate) if rng.random_bool(rate.clamp(0.0, 1.0)) => company::draw(rng, true),
        Fractures::Sometimes(_) | Fractures::Balanced(_) => Vec::new(),
    };
    let mut fractures: Vec<Fracture> = chosen
        .into_iter()
        .map(|(level, kind)| Fracture { level, kind, difficulty: rng.random_range(spec.difficulty.clone()) })
        .collect();
    fractures.sort_by_key(|f| f.level);
    fractures
}
