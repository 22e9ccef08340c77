//! RLE (PS3.5 annex G): one PackBits segment per byte of a word, most significant byte first.

use super::{ENDS_EARLY, Fault, Result, Words};
use crate::dicom::image::Image;

/// Sixteen little endian 32-bit words: the number of segments, then where each begins.
const HEADER_BYTES: usize = 64;

pub fn decode(stream: &[u8], image: &Image) -> Result<Words> {
    let (header, _) = stream.split_at_checked(HEADER_BYTES).ok_or(ENDS_EARLY)?;
    let entry = |i: usize| {
        let bytes = header.get(4 * i..).and_then(|b| b.first_chunk::<4>()).copied().unwrap_or_default();
        usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
    };
    let segments = entry(0);
    if segments != usize::from(image.bits_allocated / 8) {
        return Err(Fault::Contradicts("another number of segments than BitsAllocated asks for"));
    }
    // two bytes make 128 at most: a stream this short cannot fill the plane
    if stream.len() * 64 < image.plane_bytes() {
        return Err(ENDS_EARLY);
    }
    let mut words = vec![0; image.plane_pixels()];
    for segment in 1..=segments {
        let end = if segment == segments { stream.len() } else { entry(segment + 1) };
        let packed = stream.get(entry(segment)..end).ok_or(Fault::Broken("has segments outside itself"))?;
        unpack(packed, &mut words)?;
    }
    Ok(Words { words, bits: image.bits_stored })
}

/// Shifts one more byte into every word.
fn unpack(mut packed: &[u8], words: &mut [u16]) -> Result<()> {
    let mut rest = words;
    while !rest.is_empty() {
        let (&control, tail) = packed.split_first().ok_or(ENDS_EARLY)?;
        let count = match control {
            0..=127 => usize::from(control) + 1,
            128 => 0,
            129.. => 257 - usize::from(control),
        };
        let is_run = control > 128;
        let (bytes, tail) = match control {
            128 => (&[][..], tail),
            _ => tail.split_at_checked(if is_run { 1 } else { count }).ok_or(ENDS_EARLY)?,
        };
        let (now, later) = rest.split_at_mut(count.min(rest.len()));
        for (word, &byte) in now.iter_mut().zip(bytes.iter().cycle()) {
            *word = *word << 8 | u16::from(byte);
        }
        (rest, packed) = (later, tail);
    }
    Ok(())
}
