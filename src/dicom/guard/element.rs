//! One element header: bytes and a position in, tag and length out. Reads nothing of the value, allocates nothing.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

use crate::dicom::rejection::Rejection;

/// Items and delimiters (PS3.5 section 7.5).
pub const ITEM: Tag = Tag(0xFFFE, 0xE000);
pub const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
pub const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// How elements are written (PS3.5 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Value representations are in the file.
    pub explicit: bool,
    /// Retired, still met in archives.
    pub big_endian: bool,
}

impl Encoding {
    pub const IMPLICIT_LITTLE: Self = Self { explicit: false, big_endian: false };
    pub const EXPLICIT_LITTLE: Self = Self { explicit: true, big_endian: false };
    pub const EXPLICIT_BIG: Self = Self { explicit: true, big_endian: true };

    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The encoding that the first element of a data set is written in, whatever the header promises:
    /// the group of a first element is small, and a length never looks like a value representation.
    pub fn of_first_element(bytes: &[u8]) -> Option<Self> {
        let [g0, g1, _, _, v0, v1, ..] = *bytes else { return None };
        if bytes.len() < 8 || [g0, g1] == [0, 0] {
            return None;
        }
        let explicit = VR::from_binary([v0, v1]).is_some();
        match (g1 == 0, g0 == 0) {
            (true, _) => Some(Self { explicit, big_endian: false }),
            (_, true) if explicit => Some(Self::EXPLICIT_BIG),
            _ => None,
        }
    }
}

/// The header of one element, item or delimiter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element {
    /// Where the header begins.
    pub start: usize,
    /// Where the value begins.
    pub value: usize,
    pub tag: Tag,
    /// As written; `None` in implicit encodings, for items, and for letters that are no value representation.
    pub vr: Option<VR>,
    /// Declared length of the value in bytes; `None` when undefined.
    pub length: Option<usize>,
}

impl Element {
    /// Reads the header at `start`.
    ///
    /// Some writers switch to implicit elements inside an explicit data set; as pydicom does, an element whose
    /// value representation is not two capitals is read as implicit.
    pub fn read(bytes: &[u8], start: usize, encoding: Encoding) -> Result<Self, Rejection> {
        let ends = || Rejection::EndsInHeader { offset: start };
        let head: [u8; 8] = bytes.get(start..).and_then(|b| b.first_chunk()).copied().ok_or_else(ends)?;
        let [g0, g1, e0, e1, a, b, c, d] = head;
        let tag = Tag(encoding.u16([g0, g1]), encoding.u16([e0, e1]));
        let has_vr = encoding.explicit && tag.0 != 0xFFFE && a.is_ascii_uppercase() && b.is_ascii_uppercase();
        let vr = if has_vr { VR::from_binary([a, b]) } else { None };
        let (value, length) = if !has_vr {
            (start + 8, encoding.u32([a, b, c, d]))
        } else if vr.is_some_and(has_long_length) {
            let long: [u8; 4] = bytes.get(start + 8..).and_then(|b| b.first_chunk()).copied().ok_or_else(ends)?;
            (start + 12, encoding.u32(long))
        } else {
            (start + 8, u32::from(encoding.u16([c, d])))
        };
        let length = if length == u32::MAX { None } else { usize::try_from(length).ok() };
        Ok(Self { start, value, tag, vr, length })
    }
}

/// The value representation that PS3.6 gives the tag.
pub fn dictionary_vr(tag: Tag) -> Option<VR> {
    StandardDataDictionary.by_tag(tag).map(|entry| entry.vr().relaxed())
}

/// Those with a 32-bit length in explicit encodings (PS3.5 section 7.1.2).
fn has_long_length(vr: VR) -> bool {
    use VR::{OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV};
    matches!(vr, OB | OD | OF | OL | OV | OW | SQ | SV | UC | UN | UR | UT | UV)
}
