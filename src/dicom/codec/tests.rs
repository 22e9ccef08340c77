//! Decoders against what independent encoders wrote of one plane of 23 x 17 pixels with flat areas, a ramp and noise.
//!
//! `fixtures/`: lossless and sequential JPEG by libjpeg-turbo, JPEG-LS by CharLS, JPEG 2000 by OpenJPEG, all through
//! imagecodecs 2026.3.6; the `.u16le` files are the plane, or what those libraries decode of the lossy files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

const ROWS: u16 = 17;
const COLUMNS: u16 = 23;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name)).as_slice()
    };
}

fn image(bits: u8) -> Image {
    Image {
        rows: ROWS,
        columns: COLUMNS,
        frames: 1,
        bits_allocated: if bits > 8 { 16 } else { 8 },
        bits_stored: bits,
        high_bit: bits - 1,
        signed: false,
    }
}

fn plane(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect()
}

fn decoded(stream: &[u8], bits: u8) -> Vec<u16> {
    decode(stream, &image(bits), false).unwrap().words
}

fn largest_difference(a: &[u16], b: &[u16]) -> u16 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn lossless_jpeg_is_exact_with_every_predictor() {
    let streams = [
        fixture!("lossless16_p1.jpg"),
        fixture!("lossless16_p2.jpg"),
        fixture!("lossless16_p3.jpg"),
        fixture!("lossless16_p4.jpg"),
        fixture!("lossless16_p5.jpg"),
        fixture!("lossless16_p6.jpg"),
        fixture!("lossless16_p7.jpg"),
    ];
    for (stream, predictor) in streams.into_iter().zip(1..) {
        assert_eq!(decoded(stream, 16), plane(fixture!("plane16.u16le")), "predictor {predictor}");
    }
    assert_eq!(decoded(fixture!("lossless12_p1.jpg"), 12), plane(fixture!("plane12.u16le")));
}

#[test]
fn sequential_jpeg_is_within_one_of_libjpeg() {
    assert!(largest_difference(&decoded(fixture!("dct8.jpg"), 8), &plane(fixture!("dct8.u16le"))) <= 1);
    assert!(largest_difference(&decoded(fixture!("dct12.jpg"), 12), &plane(fixture!("dct12.u16le"))) <= 1);
}

#[test]
fn jpeg_ls_is_exact_lossless_and_near_lossless() {
    assert_eq!(decoded(fixture!("ls8.jls"), 8), plane(fixture!("plane8.u16le")));
    assert_eq!(decoded(fixture!("ls16.jls"), 16), plane(fixture!("plane16.u16le")));
    assert_eq!(decoded(fixture!("ls8_near3.jls"), 8), plane(fixture!("ls8_near3.u16le")));
    assert_eq!(decoded(fixture!("ls16_near3.jls"), 16), plane(fixture!("ls16_near3.u16le")));
}

#[test]
fn jpeg_2000_is_exact_lossless_and_within_one_of_openjpeg_lossy() {
    let expected = plane(fixture!("plane16.u16le"));
    assert_eq!(decoded(fixture!("j2k16.j2k"), 16), expected);
    let signed: Vec<u16> = expected.iter().map(|word| word.wrapping_sub(1 << 15)).collect();
    assert_eq!(decoded(fixture!("j2k16_signed.j2k"), 16), signed);
    let lossy = plane(fixture!("j2k12_lossy.u16le"));
    assert!(largest_difference(&decoded(fixture!("j2k12_lossy.j2k"), 12), &lossy) <= 1);
}

/// Literal runs of up to 128 bytes, the simplest RLE there is.
fn rle(words: &[u16]) -> Vec<u8> {
    let segment = |byte: usize| -> Vec<u8> {
        let bytes: Vec<u8> = words.iter().map(|w| w.to_be_bytes()[byte]).collect();
        bytes.chunks(128).flat_map(|run| [vec![u8::try_from(run.len() - 1).unwrap()], run.to_vec()].concat()).collect()
    };
    let (high, low) = (segment(0), segment(1));
    let mut header = [0u32; 16];
    header[..3].copy_from_slice(&[2, 64, 64 + u32::try_from(high.len()).unwrap()]);
    [header.iter().flat_map(|n| n.to_le_bytes()).collect(), high, low].concat()
}

#[test]
fn rle_literals_runs_and_no_operations_are_exact() {
    let expected = plane(fixture!("plane16.u16le"));
    assert_eq!(decode(&rle(&expected), &image(16), true).unwrap().words, expected);
    // 391 times 5 in the high byte, 391 times 7 in the low one: three runs of 128, a no-operation, a literal rest
    let segment = |value: u8| [[129, value].repeat(3), vec![128, 6], vec![value; 7]].concat();
    let mut header = [0u32; 16];
    header[..3].copy_from_slice(&[2, 64, 64 + 15]);
    let header: Vec<u8> = header.iter().flat_map(|n| n.to_le_bytes()).collect();
    let stream = [header, segment(5), segment(7)].concat();
    assert_eq!(391, 3 * 128 + 7);
    assert_eq!(decode(&stream, &image(16), true).unwrap().words, vec![0x0507; 391]);
}

#[test]
fn a_code_stream_of_another_size_is_refused_before_it_is_decoded() {
    let mut other = image(16);
    other.columns += 1;
    for stream in [fixture!("lossless16_p1.jpg"), fixture!("ls16.jls"), fixture!("j2k16.j2k")] {
        let rejection = decode(stream, &other, false).unwrap_err();
        assert_eq!(rejection.code(), "code_stream_contradicts_header", "{rejection}");
    }
    let narrow = image(8);
    assert_eq!(decode(fixture!("ls16.jls"), &narrow, false).unwrap_err().code(), "code_stream_contradicts_header");
}

#[test]
fn a_code_stream_that_ends_early_is_never_half_an_image() {
    let streams = [
        (fixture!("lossless16_p4.jpg"), 16),
        (fixture!("dct12.jpg"), 12),
        (fixture!("ls16.jls"), 16),
        (fixture!("j2k16.j2k"), 16),
    ];
    for (stream, bits) in streams {
        // the last bytes are the end marker and padding bits, without which an image may still be whole
        for end in 0..stream.len() - 4 {
            assert!(decode(&stream[..end], &image(bits), false).is_err(), "{end} of {}", stream.len());
        }
    }
}

#[test]
fn tiny_precincts_are_refused_before_they_are_built() {
    let mut stream = fixture!("j2k16.j2k").to_vec();
    let cod = stream.windows(2).position(|w| w == [0xFF, 0x52]).unwrap();
    // Scod bit 0, one byte per resolution, Lcod grown by as much
    stream[cod + 4] |= 1;
    let levels = usize::from(stream[cod + 9]) + 1;
    stream[cod + 3] += u8::try_from(levels).unwrap();
    stream.splice(cod + 14..cod + 14, vec![0x11; levels]);
    let rejection = decode(&stream, &image(16), false).unwrap_err();
    assert!(rejection.to_string().contains("precincts"), "{rejection}");
}

#[test]
fn an_unknown_signature_is_refused() {
    assert_eq!(decode(b"P7\nWIDTH 23\n", &image(16), false).unwrap_err().code(), "code_stream");
    assert_eq!(decode(&[], &image(16), true).unwrap_err().code(), "code_stream");
}
