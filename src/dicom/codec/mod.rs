//! Code streams of PixelData: the fragments of one frame in, words as a native file would hold them out.
//!
//! Every decoder holds the code stream's own size against Rows and Columns before it allocates a plane. All but
//! JPEG 2000 are written here: no maintained crate without C++ decodes JPEG-LS, 12-bit JPEG and all predictors of
//! lossless JPEG, and one Huffman decoder serves both kinds of JPEG.

mod jpeg;
mod jpeg2000;
mod jpegls;
mod rle;
#[cfg(test)]
mod tests;

use super::image::Image;
use super::rejection::Rejection;

/// One decoded plane.
#[derive(Debug)]
pub struct Words {
    /// Row by row; of signed values the two's complement in `bits` bits, what lies above is undefined.
    pub words: Vec<u16>,
    /// Bits of a word that carry the value.
    pub bits: u8,
}

/// Why a code stream gives no plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It describes another image than the header.
    Contradicts(&'static str),
    /// Damaged, cut short, or of a kind that is not read.
    Broken(&'static str),
}

type Result<T> = std::result::Result<T, Fault>;

/// It ends before the last pixel.
const ENDS_EARLY: Fault = Fault::Broken("ends too early");

/// Decodes one frame. `rle` tells that the transfer syntax is RLE, which has no signature of its own.
pub fn decode(stream: &[u8], image: &Image, rle: bool) -> std::result::Result<Words, Rejection> {
    let (codec, words) = match *stream {
        [0xFF, 0xD8, ..] => decode_jpeg(stream, image),
        [0xFF, 0x4F, 0xFF, 0x51, ..] | [0, 0, 0, 0x0C, b'j', b'P', b' ', b' ', ..] => {
            ("JPEG 2000", jpeg2000::decode(stream, image))
        }
        _ if rle => ("RLE", rle::decode(stream, image)),
        _ => ("PixelData", Err(Fault::Broken("has no signature that is known"))),
    };
    words.map_err(|fault| match fault {
        Fault::Contradicts(why) => Rejection::CodeStreamContradicts { codec, why },
        Fault::Broken(why) => Rejection::CodeStream { codec, why },
    })
}

/// JPEG and JPEG-LS share their signature; the frame header tells them apart.
fn decode_jpeg(stream: &[u8], image: &Image) -> (&'static str, Result<Words>) {
    let header = match jpeg::Header::read(stream) {
        Ok(header) => header,
        Err(fault) => return ("JPEG", Err(fault)),
    };
    if let Err(fault) = header.matches(image) {
        return ("JPEG", Err(fault));
    }
    match header.process {
        jpeg::Process::Sequential => ("JPEG", jpeg::sequential::decode(&header, image)),
        jpeg::Process::Lossless => ("lossless JPEG", jpeg::lossless::decode(&header, image)),
        jpeg::Process::Ls => ("JPEG-LS", jpegls::decode(&header, image)),
    }
}
