//! The shapes that bring plain parsers down: each asks for memory or stack by what it claims.

use std::io::Write;
use std::time::Duration;

use crate::file::{self, File, PIXEL_DATA, Value, item};
use crate::{read, read_within, refused};

const PRIVATE: file::Tag = (0x0009, 0x1010);
const GIB: u32 = 1 << 30;

/// The header of an explicit element with a 32-bit length, without its value.
fn claim(tag: file::Tag, vr: &str, length: u32) -> Vec<u8> {
    let (group, element) = (tag.0.to_le_bytes(), tag.1.to_le_bytes());
    [&group[..], &element, vr.as_bytes(), &[0, 0], &length.to_le_bytes()].concat()
}

/// A small header with a claim at its end.
fn ending_in(claim: &[u8]) -> Vec<u8> {
    let mut file = File::ct(4, 4);
    file.without(PIXEL_DATA);
    [file.bytes(), claim.to_vec()].concat()
}

fn deflate(bytes: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    bytes.for_each(|chunk| encoder.write_all(&chunk).unwrap());
    encoder.finish().unwrap()
}

#[test]
fn pixel_data_that_claims_four_gibibytes() {
    refused("PixelData of FFFFFFFE", &ending_in(&claim(PIXEL_DATA, "OW", 0xFFFF_FFFE)), "length_beyond_reason");
}

#[test]
fn private_values_that_claim_a_gibibyte() {
    for vr in ["UN", "UC", "OB", "UT"] {
        let mut file = File::ct(1, 1);
        file.elements.clear();
        let bytes = [file.bytes(), claim(PRIVATE, vr, GIB + 2)].concat();
        refused(&format!("private {vr} of 1 GiB"), &bytes, "length_beyond_reason");
        let bytes = [file.bytes(), claim(PRIVATE, vr, GIB - 2)].concat();
        refused(&format!("private {vr} just below 1 GiB"), &bytes, "truncated");
    }
}

#[test]
fn thousands_of_nested_sequences() {
    let level = [claim(PRIVATE, "SQ", u32::MAX), vec![0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]].concat();
    refused("6825 nested sequences", &ending_in(&level.repeat(6825)), "nested_too_deep");
    // the same where attributes are gathered
    let groups = claim((0x5200, 0x9230), "SQ", u32::MAX);
    let inside = [groups, level[12..].to_vec(), level.repeat(6825)].concat();
    refused("6825 nested sequences in functional groups", &ending_in(&inside), "nested_too_deep");
    // and with lengths that are defined, which are stepped over unread
    let mut content = Vec::new();
    for _ in 0..2000 {
        let inner = item(&content);
        content = [claim((0x0020, 0x9113), "SQ", u32::try_from(inner.len()).unwrap()), inner].concat();
    }
    let mut file = File::ct(4, 4);
    file.set((0x5200, 0x9230), "SQ", Value::Bytes(item(&content)));
    let (result, cost) = read("2000 nested sequences of defined length", &file.bytes());
    assert_eq!(result.map(|slices| slices.len()), Ok(1), "{cost:?}");
}

#[test]
fn a_fragment_that_claims_a_gibibyte() {
    let fragment = [&[0xFE, 0xFF, 0x00, 0xE0][..], &(GIB - 2).to_le_bytes()].concat();
    let bytes = [claim(PIXEL_DATA, "OB", u32::MAX), item(&[]), fragment, vec![1, 2, 3, 4]].concat();
    refused("a fragment of 1 GiB", &ending_in(&bytes), "truncated");
}

#[test]
fn a_mebibyte_that_inflates_to_a_gibibyte() {
    let file = File { transfer_syntax: Some(file::DEFLATED.to_owned()), ..File::ct(4, 4) };
    let bomb = deflate((0..1024).map(|_| vec![0; 1 << 20]));
    refused("deflate bomb of zeros", &file.around(&bomb), "inflated_too_large");
    let hidden = [file.dataset(), claim((0x7FE1, 0x1010), "OB", GIB - 2)].concat();
    let bomb = deflate(std::iter::once(hidden).chain((0..1023).map(|_| vec![0; 1 << 20])));
    refused("deflate bomb behind a sound data set", &file.around(&bomb), "inflated_too_large");
}

#[test]
fn more_elements_than_any_header_has() {
    let empty = claim(PRIVATE, "UN", 0);
    refused("a million empty elements", &ending_in(&empty.repeat(1_000_000)), "too_many_elements");
    let fragments = [claim(PIXEL_DATA, "OB", u32::MAX), item(&[]).repeat(1_000_000)].concat();
    refused("a million empty fragments", &ending_in(&fragments), "too_many_elements");
    // where the parser would build an object of each
    let empty = item(&[0x18, 0x00, 0x50, 0x00, b'D', b'S', 0, 0]);
    let mut file = File::ct(4, 4);
    file.set((0x5200, 0x9230), "SQ", Value::Bytes(empty.repeat(99_000)));
    refused("99 000 frames of one", &file.bytes(), "unusable_per_frame_functional_groups_sequence");
    let inner = empty.repeat(99_000);
    let inner = [claim((0x0020, 0x9113), "SQ", u32::try_from(inner.len()).unwrap()), inner].concat();
    file.set((0x5200, 0x9230), "SQ", Value::Bytes(item(&inner)));
    refused("99 000 items in one frame", &file.bytes(), "value_too_long");
}

#[test]
fn single_values_that_are_sequences() {
    let inside = item(&claim((0x0018, 0x0050), "UN", GIB));
    let mut file = File::ct(4, 4);
    file.set((0x0028, 0x0010), "SQ", Value::Bytes(inside.clone()));
    refused("Rows as a sequence that claims 1 GiB", &file.bytes(), "malformed");
    file.set((0x0028, 0x0010), "UN", Value::Bytes(inside.clone()));
    refused("Rows as unknown that claims 1 GiB", &file.bytes(), "unusable_rows");
    // numbers whose length is no multiple of their size lead a parser astray, and so do letters that are no value
    // representation
    for (vr, value) in [("US", vec![4, 0, 0]), ("UL", vec![4, 0, 0, 0, 0, 0]), ("ZZ", vec![4; 6]), ("FD", vec![4; 10])]
    {
        file.set((0x0028, 0x0010), vr, Value::Bytes(value));
        let code = if vr == "US" { "malformed" } else { "unusable_rows" };
        refused(&format!("Rows as {vr} of a wrong length"), &file.bytes(), code);
    }
}

#[test]
fn functional_groups_that_claim_a_gibibyte() {
    for (name, inside) in [
        ("a value beside the macros", claim((0x0018, 0x0050), "UN", GIB)),
        ("a macro", claim((0x0020, 0x9113), "SQ", GIB)),
        ("an attribute in a macro", {
            let position = item(&claim((0x0020, 0x0032), "UT", GIB));
            [claim((0x0020, 0x9113), "SQ", u32::try_from(position.len()).unwrap()), position].concat()
        }),
    ] {
        let mut file = File::ct(4, 4);
        file.set((0x5200, 0x9229), "SQ", Value::Bytes(item(&inside)));
        refused(&format!("functional groups: {name} of 1 GiB"), &file.bytes(), "malformed");
    }
}

/// Few bytes may honestly be a large plane of air: what it costs is bounded by the largest matrix, not by a promise of
/// the code stream.
#[test]
fn large_planes_of_nothing() {
    let ones = [0xFF, 0x7F].repeat(20_000);
    let mut file = File::ct(2048, 2048);
    file.encapsulate("1.2.840.10008.1.2.4.80", &[&[&jpeg(0xF7, 2048, 2048)[..25], &ones].concat()]);
    let (result, cost) = read_within("JPEG-LS of runs", &file.bytes(), Duration::from_millis(500));
    println!("2048 x 2048 JPEG-LS of runs, {} bytes: {:?}, {} KiB", file.bytes().len(), cost.time, cost.bytes >> 10);
    assert_eq!(result.map(|slices| slices.len()), Ok(1));

    let stream = include_bytes!("../../src/dicom/codec/fixtures/j2k_air2048.j2k");
    file.short((0x0028, 0x0103), 0);
    file.encapsulate("1.2.840.10008.1.2.4.90", &[stream]);
    let (result, cost) = read_within("JPEG 2000 of air", &file.bytes(), Duration::from_millis(500));
    println!("2048 x 2048 JPEG 2000 of air, {} bytes: {:?}, {} KiB", file.bytes().len(), cost.time, cost.bytes >> 10);
    assert_eq!(result.map(|slices| slices[0].hounsfield[0]), Ok(100 - 1024));
}

#[test]
fn planes_that_claim_more_than_they_have() {
    let mut file = File::ct(4, 4);
    file.short((0x0028, 0x0010), 65_535).short((0x0028, 0x0011), 65_535);
    refused("65535 x 65535", &file.bytes(), "image_too_large");
    let mut file = File::ct(4, 4);
    file.text((0x0028, 0x0008), "IS", "2147483647");
    refused("2147483647 frames", &file.bytes(), "image_too_large");
    let mut file = File::ct(2048, 2048);
    file.words(&[0; 16]);
    refused("2048 x 2048 in 32 bytes", &file.bytes(), "pixel_data_too_short");
    for (name, uid, stream) in [
        (
            "RLE",
            file::RLE,
            [&[2u32.to_le_bytes(), 64u32.to_le_bytes(), 66u32.to_le_bytes()].concat()[..], &[0; 54]].concat(),
        ),
        ("JPEG-LS", "1.2.840.10008.1.2.4.80", jpeg(0xF7, 2048, 2048)),
        ("lossless JPEG", "1.2.840.10008.1.2.4.70", jpeg(0xC3, 2048, 2048)),
        ("JPEG", "1.2.840.10008.1.2.4.51", jpeg(0xC1, 2048, 2048)),
    ] {
        let mut file = File::ct(2048, 2048);
        file.encapsulate(uid, &[&stream]);
        refused(&format!("2048 x 2048 {name} of {} bytes", stream.len()), &file.bytes(), "code_stream");
        let mut file = File::ct(4, 4);
        file.encapsulate(uid, &[&jpeg(0xC3, 65_535, 65_535)]);
        refused("65535 x 65535 in the code stream alone", &file.bytes(), "code_stream_contradicts_header");
    }
}

/// A frame and a scan header with nothing behind them.
fn jpeg(marker: u8, rows: u16, columns: u16) -> Vec<u8> {
    let ([y0, y1], [x0, x1]) = (rows.to_be_bytes(), columns.to_be_bytes());
    let precision = if marker == 0xC1 { 12 } else { 16 };
    let frame = [0xFF, marker, 0, 11, precision, y0, y1, x0, x1, 1, 1, 0x11, 0];
    let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, u8::from(marker == 0xC3), 0, 0];
    [&[0xFF, 0xD8][..], &frame, &scan, &[0; 16]].concat()
}
