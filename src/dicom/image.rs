//! The image pixel description (PS3.3 section C.7.6.3): attributes in, a checked description of monochrome planes out.

use super::attribute::Attribute;
use super::header::Attributes;
use super::limits::Limits;
use super::rejection::{Rejection, RejectionKind};
use super::term;

/// Planes of one sample per pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    pub rows: u16,
    pub columns: u16,
    pub frames: u32,
    /// 8 or 16.
    pub bits_allocated: u8,
    /// 1 to `bits_allocated`.
    pub bits_stored: u8,
    /// `bits_stored - 1` nearly always.
    pub high_bit: u8,
    /// PixelRepresentation is two's complement.
    pub signed: bool,
}

impl Image {
    /// Reads and checks the description. `absent` is what a missing attribute means.
    pub fn read(top: &Attributes, absent: RejectionKind, limits: &Limits) -> Result<Self, Rejection> {
        monochrome(top)?;
        let required = |attribute| top.count(attribute)?.ok_or(Rejection::Missing { attribute, kind: absent });
        let size = |attribute| match u16::try_from(required(attribute)?) {
            Ok(0) | Err(_) => Err(Rejection::Unusable { attribute, why: "is not 1 to 65535" }),
            Ok(size) => Ok(size),
        };
        let (rows, columns) = (size(Attribute::Rows)?, size(Attribute::Columns)?);
        let frames = top.count(Attribute::NumberOfFrames)?.unwrap_or(1);
        if frames == 0 {
            return Err(Rejection::Unusable { attribute: Attribute::NumberOfFrames, why: "is 0" });
        }
        let plane = usize::from(rows) * usize::from(columns);
        let total = usize::try_from(frames).ok().and_then(|frames| plane.checked_mul(frames));
        let too_many = frames > limits.max_frames || total.is_none_or(|total| total > limits.max_total_pixels);
        if plane > limits.max_plane_pixels || too_many {
            let frames = frames.min(Rejection::MANY);
            return Err(Rejection::ImageTooLarge { rows: rows.into(), columns: columns.into(), frames });
        }
        let bits_allocated = match required(Attribute::BitsAllocated)? {
            8 => 8,
            16 => 16,
            bits => return Err(foreign(Attribute::BitsAllocated, &bits.to_string())),
        };
        let bits = |attribute, default: u8, range: std::ops::RangeInclusive<u8>| {
            let bits = top.count(attribute)?.map_or(Ok(default), u8::try_from);
            bits.ok()
                .filter(|bits| range.contains(bits))
                .ok_or(Rejection::Unusable { attribute, why: "does not fit BitsAllocated" })
        };
        let bits_stored = bits(Attribute::BitsStored, bits_allocated, 1..=bits_allocated)?;
        let high_bit = bits(Attribute::HighBit, bits_stored - 1, bits_stored - 1..=bits_allocated - 1)?;
        let signed = match required(Attribute::PixelRepresentation)? {
            0 => false,
            1 => true,
            _ => return Err(Rejection::Unusable { attribute: Attribute::PixelRepresentation, why: "is not 0 or 1" }),
        };
        Ok(Self { rows, columns, frames, bits_allocated, bits_stored, high_bit, signed })
    }

    /// Pixels of one plane.
    pub fn plane_pixels(&self) -> usize {
        usize::from(self.rows) * usize::from(self.columns)
    }

    /// Bytes of one native plane.
    pub fn plane_bytes(&self) -> usize {
        self.plane_pixels() * usize::from(self.bits_allocated / 8)
    }
}

/// Refuses colour, palettes and everything else with more than one sample per pixel, before a lookup table is touched.
pub fn monochrome(top: &Attributes) -> Result<(), Rejection> {
    match top.word(Attribute::PhotometricInterpretation) {
        Some(word) if !word.starts_with("MONOCHROME") => {
            return Err(foreign(Attribute::PhotometricInterpretation, &word));
        }
        _ => {}
    }
    match top.count(Attribute::SamplesPerPixel)? {
        None | Some(1) => Ok(()),
        Some(samples) => Err(foreign(Attribute::SamplesPerPixel, &samples.to_string())),
    }
}

/// "This is no CT plane", with the value where it is a term of the standard.
pub fn foreign(attribute: Attribute, value: &str) -> Rejection {
    Rejection::Foreign { attribute, value: term::told(attribute, value) }
}
