//! How scanners differ in what they write: transfer syntax, sign, bits, padding, headers. Names for whole sets of habits.

use dicom_dictionary_std::uids;

use super::noise::hash;

/// A transfer syntax that the phantom can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Syntax {
    /// Explicit VR little endian.
    ExplicitLittle,
    /// Implicit VR little endian.
    ImplicitLittle,
    /// Explicit VR big endian (retired).
    ExplicitBig,
    /// Deflated explicit VR little endian.
    Deflated,
    /// RLE lossless.
    Rle,
    /// JPEG lossless, process 14 (here with predictor 4).
    JpegLossless,
    /// JPEG lossless, process 14, selection value 1.
    JpegLosslessSv1,
}

impl Syntax {
    /// Every syntax.
    pub const ALL: [Self; 7] = [
        Self::ExplicitLittle,
        Self::ImplicitLittle,
        Self::ExplicitBig,
        Self::Deflated,
        Self::Rle,
        Self::JpegLossless,
        Self::JpegLosslessSv1,
    ];

    /// Its UID (PS3.6 annex A).
    pub const fn uid(self) -> &'static str {
        match self {
            Self::ExplicitLittle => uids::EXPLICIT_VR_LITTLE_ENDIAN,
            Self::ImplicitLittle => uids::IMPLICIT_VR_LITTLE_ENDIAN,
            // Retired from the standard, not from the archives.
            Self::ExplicitBig => "1.2.840.10008.1.2.2",
            Self::Deflated => uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
            Self::Rle => uids::RLE_LOSSLESS,
            Self::JpegLossless => uids::JPEG_LOSSLESS,
            Self::JpegLosslessSv1 => uids::JPEG_LOSSLESS_SV1,
        }
    }
}

/// What the header says of the value outside the scanned circle, where the slices have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaddingTag {
    /// Nothing.
    Absent,
    /// PixelPaddingValue in the VR that goes with the pixels.
    Matching,
    /// PixelPaddingValue as US beside signed pixels: 63536 for -2000.
    Unsigned,
}

/// How a file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// 128 bytes of preamble, `DICM`, file meta information.
    Full,
    /// `DICM` and file meta information without the preamble.
    NoPreamble,
    /// The data set alone, as old archives hold it: for implicit VR little endian.
    DataSet,
}

/// How a scanner writes its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Transfer syntax.
    pub syntax: Syntax,
    /// PixelRepresentation 1.
    pub signed: bool,
    /// BitsStored, 12 to 16; BitsAllocated is always 16.
    pub bits_stored: u16,
    /// RescaleIntercept: stored value + intercept = Hounsfield units. RescaleSlope is always 1.
    pub intercept: i16,
    /// PixelPaddingValue.
    pub padding: PaddingTag,
    /// No Modality, SOPClassUID, ImageType, BodyPartExamined, as de-identified research data has it.
    pub stripped: bool,
    /// How a file begins.
    pub opening: Opening,
    /// Invented names and numbers in the identifying elements, all holding [`CANARY`]. Where one turns up, identity leaks.
    pub identity: bool,
    /// `ImagesInAcquisition` says how many slices will come.
    pub announced: bool,
    /// DS values in the long form `"001.000000E+00"`.
    pub odd_decimals: bool,
}

/// The word in every invented identifying element.
pub const CANARY: &str = "CANARY";

impl Habits {
    /// As the published research data looks: stripped; signed 16 bits, explicit and implicit little endian, with an
    /// intercept of 0 or -1024, or unsigned 12 bits as JPEG lossless; drawn from the study's seed.
    pub const fn research(seed: u64) -> Self {
        let intercept = if hash(seed ^ 0x1CE).is_multiple_of(2) { 0 } else { -1024 };
        let native = Self {
            syntax: Syntax::ExplicitLittle,
            signed: true,
            bits_stored: 16,
            intercept,
            padding: PaddingTag::Absent,
            stripped: true,
            opening: Opening::Full,
            identity: false,
            announced: false,
            odd_decimals: false,
        };
        match hash(seed ^ 0x5E7) % 20 {
            0..=13 => native,
            14..=17 => Self { syntax: Syntax::ImplicitLittle, ..native },
            _ => Self { syntax: Syntax::JpegLosslessSv1, signed: false, bits_stored: 12, intercept: -1024, ..native },
        }
    }

    /// As a console in a hospital sends them: full header with identity.
    pub const fn console() -> Self {
        Self {
            syntax: Syntax::ExplicitLittle,
            signed: true,
            bits_stored: 16,
            intercept: -1024,
            padding: PaddingTag::Matching,
            stripped: false,
            opening: Opening::Full,
            identity: true,
            announced: false,
            odd_decimals: false,
        }
    }

    /// Sets of habits as they are met, each with its name.
    pub const NAMED: [(&'static str, Self); 13] = {
        let c = Self::console();
        [
            ("console", c),
            ("announced", Self { announced: true, ..c }),
            ("unsigned-12", Self { signed: false, bits_stored: 12, padding: PaddingTag::Absent, ..c }),
            ("signed-12", Self { bits_stored: 12, intercept: 0, ..c }),
            ("padding-63536", Self { intercept: 0, padding: PaddingTag::Unsigned, odd_decimals: true, ..c }),
            ("intercept-1000", Self { signed: false, bits_stored: 14, intercept: -1000, ..c }),
            ("implicit", Self { syntax: Syntax::ImplicitLittle, opening: Opening::NoPreamble, stripped: true, ..c }),
            ("bare", Self { syntax: Syntax::ImplicitLittle, opening: Opening::DataSet, ..c }),
            ("big-endian", Self { syntax: Syntax::ExplicitBig, signed: false, ..c }),
            ("deflated", Self { syntax: Syntax::Deflated, ..c }),
            ("rle", Self { syntax: Syntax::Rle, intercept: 0, ..c }),
            ("jpeg-lossless", Self { syntax: Syntax::JpegLossless, intercept: 0, ..c }),
            (
                "jpeg-lossless-12",
                Self { syntax: Syntax::JpegLosslessSv1, signed: false, bits_stored: 12, stripped: true, ..c },
            ),
        ]
    };

    /// The set of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(n, _)| *n == name).map(|(_, habits)| *habits)
    }

    /// Least and greatest Hounsfield value that these habits can store.
    pub fn range(&self) -> [i16; 2] {
        let span = 1_i32 << self.bits_stored;
        let least = if self.signed { -span / 2 } else { 0 };
        [least, least + span - 1].map(|stored| {
            let hu = (stored + i32::from(self.intercept)).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
            i16::try_from(hu).unwrap_or_default()
        })
    }

    /// The stored value of a Hounsfield value, as the 16 bits that the file holds (sign extended); saturates.
    pub fn stored(&self, hounsfield: i16) -> u16 {
        let [low, high] = self.range();
        let value = i32::from(hounsfield.clamp(low, high)) - i32::from(self.intercept);
        if self.signed {
            i16::try_from(value).unwrap_or(i16::MAX).cast_unsigned()
        } else {
            u16::try_from(value).unwrap_or(u16::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_habit_stores_bone_and_air_and_names_are_unique() {
        for (name, habits) in Habits::NAMED {
            assert_eq!(Habits::named(name), Some(habits));
            let [low, high] = habits.range();
            assert!(low <= -1000 && high >= 2047, "{name}: {low}..{high}");
        }
    }

    #[test]
    fn the_signed_padding_of_minus_2000_reads_63536_when_taken_as_unsigned() {
        let habits = Habits::named("padding-63536").unwrap_or_else(Habits::console);
        assert_eq!(habits.stored(-2000), 63536);
    }

    #[test]
    fn values_beyond_the_stored_bits_saturate() {
        let habits = Habits { signed: false, bits_stored: 12, intercept: -1024, ..Habits::console() };
        assert_eq!([habits.stored(-3024), habits.stored(3071), habits.stored(3072)], [0, 4095, 4095]);
    }
}
