//! JPEG 2000 (ISO/IEC 15444-1): a bounded look at the code stream, then `hayro-jpeg2000`, which forbids unsafe code.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image as CodeStream};

use super::{ENDS_EARLY, Fault, Result, Words};
use crate::dicom::image::Image;

const START_OF_CODE_STREAM: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];
const START_OF_TILE_PART: u16 = 0xFF90;
const START_OF_DATA: u16 = 0xFF93;
const CODING_STYLE_DEFAULT: u16 = 0xFF52;
const CODING_STYLE_COMPONENT: u16 = 0xFF53;

/// Tiles of 64 x 64 in the largest plane, and precincts of 16 x 16: finer ones cost more memory than pixels do.
const MOST_TILES: u32 = 1024;
const LEAST_PRECINCT_EXPONENT: u8 = 4;

pub fn decode(stream: &[u8], image: &Image) -> Result<Words> {
    // inside JP2 boxes, which DICOM does not want but gets, only the code stream counts
    let start = stream.windows(4).position(|window| window == START_OF_CODE_STREAM).ok_or(ENDS_EARLY)?;
    let stream = &stream[start..];
    let size = Size::read(stream)?;
    size.matches(image)?;
    bounded(stream)?;
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let broken = |_| Fault::Broken("cannot be decoded");
    let code_stream = CodeStream::new(stream, &settings).map_err(broken)?;
    let mut context = DecoderContext::default();
    let decoded = code_stream.decode(&mut context).map_err(broken)?;
    let samples = decoded.components().first().map(hayro_jpeg2000::ComponentData::samples).unwrap_or_default();
    let samples = samples.get(..image.plane_pixels()).ok_or(ENDS_EARLY)?;
    // the decoder shifts every sample up by half the range, those of signed components too
    let (shift, low, high) = match (size.signed, f32::from(size.half_range())) {
        (true, half) => (half, -half, half - 1.0),
        (false, half) => (0.0, 0.0, 2.0 * half - 1.0),
    };
    let words = samples.iter().map(|sample| word((sample - shift).round().clamp(low, high))).collect();
    // a code stream may contradict PixelRepresentation: its bits are right, its sign is not
    Ok(Words { words, bits: size.precision.min(image.bits_stored) })
}

/// Two's complement of a whole number from -32768 to 65535.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 16 bits by the caller")]
fn word(sample: f32) -> u16 {
    sample as i32 as u16
}

/// SIZ (A.5.1).
struct Size {
    width: u32,
    height: u32,
    tiles: u32,
    precision: u8,
    signed: bool,
}

impl Size {
    fn read(stream: &[u8]) -> Result<Self> {
        let field = |i: usize| {
            let bytes = stream.get(8 + 4 * i..).and_then(|b| b.first_chunk()).copied().ok_or(ENDS_EARLY)?;
            Ok(u32::from_be_bytes(bytes))
        };
        let [x1, y1, x0, y0] = [field(0)?, field(1)?, field(2)?, field(3)?];
        let [tile_width, tile_height, tile_x, tile_y] = [field(4)?, field(5)?, field(6)?, field(7)?];
        let [0, 1, depth, 1, 1, ..] = *stream.get(40..).unwrap_or_default() else {
            return Err(Fault::Contradicts("more than one component, or a subsampled one"));
        };
        let tiles = |end: u32, start: u32, size: u32| end.checked_sub(start)?.checked_add(size - 1)?.checked_div(size);
        let impossible = Fault::Broken("has an impossible size");
        if tile_width == 0 || tile_height == 0 {
            return Err(impossible);
        }
        let across = tiles(x1, tile_x, tile_width).ok_or(impossible)?;
        let down = tiles(y1, tile_y, tile_height).ok_or(impossible)?;
        Ok(Self {
            width: x1.checked_sub(x0).ok_or(impossible)?,
            height: y1.checked_sub(y0).ok_or(impossible)?,
            tiles: across.saturating_mul(down),
            precision: (depth & 0x7F) + 1,
            signed: depth & 0x80 != 0,
        })
    }

    fn matches(&self, image: &Image) -> Result<()> {
        if (self.height, self.width) != (image.rows.into(), image.columns.into()) {
            return Err(Fault::Contradicts("other Rows or Columns"));
        }
        if self.precision > image.bits_allocated {
            return Err(Fault::Contradicts("more bits than BitsAllocated"));
        }
        if self.tiles > MOST_TILES {
            return Err(Fault::Contradicts("more tiles than a CT plane can have"));
        }
        Ok(())
    }

    fn half_range(&self) -> u16 {
        1 << (self.precision - 1)
    }
}

/// Walks the marker segments of the main header and of every tile-part header (A.3): what they ask for must be
/// affordable before a decoder builds it.
fn bounded(stream: &[u8]) -> Result<()> {
    let mut at = 2;
    let mut tile_part_end = None;
    loop {
        let marker = u16_at(stream, at)?;
        match marker {
            START_OF_DATA => match tile_part_end.take() {
                Some(end) if end > at && end < stream.len() => at = end,
                _ => return Ok(()),
            },
            // the end of the code stream, and markers without a segment
            0xFFD9 => return Ok(()),
            0xFF30..=0xFF3F => at += 2,
            _ => {
                let length = usize::from(u16_at(stream, at + 2)?);
                let segment = stream.get(at + 4..at + 2 + length).ok_or(ENDS_EARLY)?;
                let precincts = match marker {
                    // Scod bit 0 announces precinct sizes, behind five fields of the style and five of the component
                    CODING_STYLE_DEFAULT if segment.first().is_some_and(|style| style & 1 != 0) => segment.get(10..),
                    CODING_STYLE_COMPONENT if segment.get(1).is_some_and(|style| style & 1 != 0) => segment.get(7..),
                    _ => None,
                };
                let tiny = |size: &u8| (size & 0x0F).min(size >> 4) < LEAST_PRECINCT_EXPONENT;
                if precincts.unwrap_or_default().iter().any(tiny) {
                    return Err(Fault::Broken("has precincts of a few pixels"));
                }
                if marker == START_OF_TILE_PART {
                    let length = segment.get(2..).and_then(|b| b.first_chunk()).copied().ok_or(ENDS_EARLY)?;
                    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                    tile_part_end = (length > 0).then(|| at.saturating_add(length));
                }
                at += 2 + length;
            }
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    bytes.get(at..).and_then(|b| b.first_chunk()).map(|&b| u16::from_be_bytes(b)).ok_or(ENDS_EARLY)
}
