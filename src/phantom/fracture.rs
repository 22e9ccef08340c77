//! The names of the fracture patterns, and which vertebra can have which. `breaking` knows their shapes.

use crate::triage::Level;

/// A pattern of fracture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum FractureKind {
    /// C1: both arches of the ring break, the lateral masses drift apart.
    Jefferson,
    /// C2: type II, through the base of the dens.
    Dens,
    /// C2: through both partes interarticulares.
    Hangman,
    /// Body: split lengthwise, the back wall pushed into the canal.
    Burst,
    /// Body: the upper front edge compressed and broken off.
    Wedge,
    /// Body: the lower front corner pulled off.
    Teardrop,
    /// Both laminae.
    Lamina,
    /// One pedicle and lamina: the articular mass floats.
    Pedicle,
    /// One articular pillar, split from side to side.
    ArticularMass,
    /// The spinous process.
    Spinous,
    /// One transverse process.
    Transverse,
}

impl FractureKind {
    /// Every pattern.
    pub const ALL: [Self; 11] = [
        Self::Jefferson,
        Self::Dens,
        Self::Hangman,
        Self::Burst,
        Self::Wedge,
        Self::Teardrop,
        Self::Lamina,
        Self::Pedicle,
        Self::ArticularMass,
        Self::Spinous,
        Self::Transverse,
    ];

    /// Whether this vertebra can break in this way.
    pub const fn fits(self, level: Level) -> bool {
        match (level, self) {
            (Level::C1, Self::Jefferson)
            | (Level::C2, Self::Dens | Self::Hangman | Self::Teardrop | Self::Lamina | Self::Spinous) => true,
            (Level::C1 | Level::C2, _) | (_, Self::Jefferson | Self::Dens | Self::Hangman) => false,
            _ => true,
        }
    }
}

/// One fracture of one vertebra.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fracture {
    /// The vertebra.
    pub level: Level,
    /// The pattern.
    pub kind: FractureKind,
    /// 0: wide gaps and displaced pieces; 1: hair lines.
    pub difficulty: f32,
}
