//! Frames of PixelData: slices of the file in, stored values out.

use std::borrow::Cow;

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

/// Assigns fragments to frames (PS3.5 section A.4): by the offset table, by their number, or by the signatures of the
/// code streams, since a frame may be cut into any number of fragments without an offset table.
fn divide<'a>(offset_table: &[u8], fragments: &'a [Fragment<'a>], frames: usize) -> Option<Vec<&'a [Fragment<'a>]>> {
    if fragments.is_empty() || frames == 0 {
        return None;
    }
    if frames == 1 {
        return Some(vec![fragments]);
    }
    let offsets = offset_table.as_chunks().0.iter().map(|&offset| usize::try_from(u32::from_le_bytes(offset)));
    let by_table: Option<Vec<usize>> =
        offsets.map(|offset| fragments.binary_search_by_key(&offset.ok()?, |f| f.offset).ok()).collect();
    let begins = |f: &Fragment| f.bytes.starts_with(&[0xFF, 0xD8, 0xFF]) || f.bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]);
    let by_signature = || (0..fragments.len()).filter(|&i| begins(&fragments[i])).collect::<Vec<_>>();
    let starts = match by_table {
        Some(starts) if starts.len() == frames => starts,
        _ if fragments.len() == frames => (0..frames).collect(),
        _ => by_signature(),
    };
    let rising = starts.first() == Some(&0) && starts.is_sorted_by(|a, b| a < b);
    if starts.len() != frames || !rising {
        return None;
    }
    let ends = starts.iter().skip(1).copied().chain([fragments.len()]);
    Some(starts.iter().zip(ends).map(|(&start, end)| &fragments[start..end]).collect())
}
