//! The names of the fracture patterns, and which vertebra can have which. `breaking` knows their shapes.

use clap::ValueEnum;

use crate::triage::Level;

/// A pattern of fracture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum FractureKind {
    /// C1: both arches of the ring break, the lateral masses drift apart.
    Jefferson,
    /// C1: the back arch on one or both sides, or the front arch.
    AtlasArch,
    /// C1: lengthwise through one lateral mass.
    LateralMass,
    /// C2: type I, the tip of the dens.
    #[value(name = "dens-type-1", alias = "dens-tip")]
    DensType1,
    /// C2: type II, through the waist or base of the dens.
    #[value(name = "dens-type-2", alias = "dens")]
    DensType2,
    /// C2: type III, below the dens into the body.
    #[value(name = "dens-type-3", alias = "dens-body")]
    DensType3,
    /// C2: through both partes interarticulares.
    Hangman,
    /// Body: split lengthwise, the back wall pushed into the canal.
    Burst,
    /// Body: the upper endplate compressed towards the front.
    Wedge,
    /// Body: the lower front corner broken off in flexion.
    Teardrop,
    /// Body: a thin rim of the lower front corner pulled off in extension.
    ExtensionTeardrop,
    /// One lamina or both.
    Lamina,
    /// One pedicle and lamina: the articular mass floats.
    Pedicle,
    /// One articular pillar, split from side to side or lengthwise.
    ArticularMass,
    /// The tip of an articular process.
    Facet,
    /// The spinous process.
    Spinous,
    /// One transverse process, also through its foramen.
    Transverse,
}

impl FractureKind {
    /// Its name on the command line and in tables.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Every pattern.
    pub const ALL: [Self; 17] = [
        Self::Jefferson,
        Self::AtlasArch,
        Self::LateralMass,
        Self::DensType1,
        Self::DensType2,
        Self::DensType3,
        Self::Hangman,
        Self::Burst,
        Self::Wedge,
        Self::Teardrop,
        Self::ExtensionTeardrop,
        Self::Lamina,
        Self::Pedicle,
        Self::ArticularMass,
        Self::Facet,
        Self::Spinous,
        Self::Transverse,
    ];

    /// Whether this vertebra can break in this way.
    pub const fn fits(self, level: Level) -> bool {
        match level {
            Level::C1 => matches!(self, Self::Jefferson | Self::AtlasArch | Self::LateralMass | Self::Transverse),
            Level::C2 => !matches!(
                self,
                Self::Jefferson
                    | Self::AtlasArch
                    | Self::LateralMass
                    | Self::Burst
                    | Self::Wedge
                    | Self::Pedicle
                    | Self::ArticularMass
            ),
            _ => !matches!(
                self,
                Self::Jefferson
                    | Self::AtlasArch
                    | Self::LateralMass
                    | Self::DensType1
                    | Self::DensType2
                    | Self::DensType3
                    | Self::Hangman
            ),
        }
    }

    /// How often, relative to the others, this vertebra breaks in this way; 0 where it cannot.
    ///
    /// After the usual series of cervical trauma: dens and hangman at C2, arches at C1, processes and facets below,
    /// the spinous process at C6 and C7 (clay shoveler).
    pub(super) fn share(self, level: Level) -> f32 {
        if !self.fits(level) {
            return 0.0;
        }
        match (self, level) {
            (Self::Transverse, Level::C1) | (Self::DensType1 | Self::Spinous | Self::Teardrop, Level::C2) => 0.5,
            (Self::AtlasArch | Self::DensType2, _) => 4.0,
            (Self::Jefferson | Self::Hangman | Self::Facet, _) => 3.0,
            (Self::DensType3, _) | (Self::Spinous, Level::C6) => 2.5,
            (Self::Spinous | Self::Transverse, Level::C7) => 3.5,
            (Self::Transverse | Self::Lamina, _) => 2.0,
            (Self::LateralMass | Self::ArticularMass | Self::ExtensionTeardrop, _) => 1.5,
            (Self::Wedge, _) => 1.3,
            _ => 1.0,
        }
    }

    /// Whether blood of this fracture gathers in front of the spine.
    pub(super) const fn in_front(self) -> bool {
        !matches!(
            self,
            Self::Lamina | Self::Pedicle | Self::ArticularMass | Self::Facet | Self::Spinous | Self::Transverse
        )
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
