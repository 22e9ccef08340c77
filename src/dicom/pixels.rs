//! Frames of PixelData: slices of the file in, stored values out.

use std::borrow::Cow;

use super::attribute::Attribute;
use super::codec::{self, Words};
use super::guard::{Fragment, PixelData};
use super::image::Image;
use super::rejection::Rejection;

/// PixelData divided into the frames that the header promises.
pub struct Frames<'a> {
    image: &'a Image,
    source: Source<'a>,
}

enum Source<'a> {
    Native { bytes: &'a [u8], big_endian: bool },
    Encapsulated { frames: Vec<&'a [Fragment<'a>]>, rle: bool },
}

impl<'a> Frames<'a> {
    /// Holds the length of PixelData, or its fragments, against the description of the image.
    pub fn new(image: &'a Image, pixels: &'a PixelData, big_endian: bool, rle: bool) -> Result<Self, Rejection> {
        let count = usize::try_from(image.frames).unwrap_or(usize::MAX);
        let source = match pixels {
            // bytes in words of the other order: written either way, and nothing tells which
            PixelData::Native(_) if big_endian && image.bits_allocated == 8 => {
                return Err(Rejection::Unusable { attribute: Attribute::BitsAllocated, why: "is 8 in big endian" });
            }
            PixelData::Native(bytes) => {
                let needed = image.plane_bytes().saturating_mul(count);
                if bytes.len() < needed {
                    return Err(Rejection::PixelDataTooShort { needed, found: bytes.len() });
                }
                Source::Native { bytes, big_endian }
            }
            PixelData::Encapsulated { offset_table, fragments } => {
                let frames = divide(offset_table, fragments, count)
                    .ok_or(Rejection::Fragments { frames: count, fragments: fragments.len() })?;
                Source::Encapsulated { frames, rle }
            }
        };
        Ok(Self { image, source })
    }

    /// The stored values of one frame, sign applied, before rescale.
    pub fn stored(&self, frame: usize) -> Result<impl Iterator<Item = i32> + use<>, Rejection> {
        let Words { words, bits } = self.words(frame)?;
        let (signed, shift) = (self.image.signed, 16 - u32::from(bits));
        Ok(words.into_iter().map(move |word| {
            let top = word << shift;
            if signed { i32::from(top.cast_signed() >> shift) } else { i32::from(top >> shift) }
        }))
    }

    fn words(&self, frame: usize) -> Result<Words, Rejection> {
        match &self.source {
            Source::Native { bytes, big_endian } => {
                let size = self.image.plane_bytes();
                let plane = bytes.get(frame * size..(frame + 1) * size).unwrap_or_default();
                Ok(native(plane, self.image, *big_endian))
            }
            Source::Encapsulated { frames, rle } => {
                let fragments = frames.get(frame).copied().unwrap_or_default();
                let stream = match fragments {
                    [one] => Cow::Borrowed(one.bytes),
                    many => Cow::Owned(many.iter().flat_map(|fragment| fragment.bytes).copied().collect()),
                };
                codec::decode(&stream, self.image, *rle)
            }
        }
    }
}

/// Words of a native plane, shifted down where HighBit leaves unused bits below.
fn native(plane: &[u8], image: &Image, big_endian: bool) -> Words {
    let down = u32::from(image.high_bit + 1 - image.bits_stored);
    let word = |pair: &[u8; 2]| if big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let words = match image.bits_allocated {
        8 => plane.iter().map(|&byte| u16::from(byte) >> down).collect(),
        _ => plane.as_chunks().0.iter().map(|pair| word(pair) >> down).collect(),
    };
    Words { words, bits: image.bits_stored }
}

/// Assigns fragments to frames (PS3.5 section A.4): by the offset table where it is right, by their number, or by the
/// signatures of the code streams, since a frame may be cut into any number of fragments without an offset table.
fn divide<'a>(offset_table: &[u8], fragments: &'a [Fragment<'a>], frames: usize) -> Option<Vec<&'a [Fragment<'a>]>> {
    if frames == 1 && !fragments.is_empty() {
        return Some(vec![fragments]);
    }
    let fragment_at = |offset: &[u8; 4]| {
        let offset = usize::try_from(u32::from_le_bytes(*offset)).ok()?;
        fragments.binary_search_by_key(&offset, |fragment| fragment.offset).ok()
    };
    let begins = |fragment: &Fragment| fragment.bytes.starts_with(&JPEG) || fragment.bytes.starts_with(&JPEG_2000);
    let by_table = offset_table.as_chunks().0.iter().map_while(fragment_at).collect();
    let by_number = (0..fragments.len()).collect();
    let by_signature = (0..fragments.len()).filter(|&i| begins(&fragments[i])).collect();
    let starts: Vec<usize> = [by_table, by_number, by_signature].into_iter().find(|starts: &Vec<usize>| {
        starts.len() == frames && starts.first() == Some(&0) && starts.is_sorted_by(|a, b| a < b)
    })?;
    let ends = starts.iter().skip(1).copied().chain([fragments.len()]);
    Some(starts.iter().zip(ends).map(|(&start, end)| &fragments[start..end]).collect())
}

/// SOI and the marker behind it.
const JPEG: [u8; 3] = [0xFF, 0xD8, 0xFF];
/// SOC and SIZ.
const JPEG_2000: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of the frames in fragments, for fragments of eight bytes that begin with a signature or do not.
    fn lengths(offset_table: &[u32], begins: &[bool], frames: usize) -> Option<Vec<usize>> {
        let bytes = |begins| if begins { &[0xFF, 0xD8, 0xFF, 0xF7, 0, 0, 0, 0] } else { &[0u8; 8] };
        let fragments: Vec<Fragment> =
            begins.iter().enumerate().map(|(i, &b)| Fragment { offset: 16 * i, bytes: bytes(b) }).collect();
        let table: Vec<u8> = offset_table.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        divide(&table, &fragments, frames).map(|frames| frames.iter().map(|frame| frame.len()).collect())
    }

    #[test]
    fn frames_begin_where_a_right_offset_table_says() {
        assert_eq!(lengths(&[0, 32], &[false; 4], 2), Some(vec![2, 2]));
        assert_eq!(lengths(&[0, 48], &[true; 4], 2), Some(vec![3, 1]));
    }

    #[test]
    fn a_wrong_offset_table_is_not_believed() {
        for table in [&[0, 33][..], &[0, 0], &[32, 0], &[16, 32], &[0, 0xFFFF_FFF0], &[0]] {
            assert_eq!(lengths(table, &[true, false, false, true], 2), Some(vec![3, 1]), "{table:?}");
            assert_eq!(lengths(table, &[false; 2], 2), Some(vec![1, 1]), "{table:?}");
            assert_eq!(lengths(table, &[false; 4], 2), None, "{table:?}");
        }
    }

    #[test]
    fn one_frame_takes_all_fragments_and_none_takes_nothing() {
        assert_eq!(lengths(&[], &[true, true, false], 1), Some(vec![3]));
        assert_eq!(lengths(&[], &[], 1), None);
        assert_eq!(lengths(&[], &[], 2), None);
    }
}
