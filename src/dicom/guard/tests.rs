//! The walk, on files made for it.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::dicom::RejectionKind;
use crate::dicom::test_file::{self as file, File, Value};

fn outcome(bytes: &[u8]) -> Result<(), Rejection> {
    let limits = Limits::default();
    let dataset = open(bytes, &limits)?;
    scan(&dataset, &limits).outcome
}

const PRIVATE: file::Tag = (0x0029, 0x1010);

/// A sequence of undefined length that holds one item of undefined length that holds `content`.
fn nested(content: Vec<u8>) -> Value {
    let mut out = vec![0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
    out.extend(content);
    out.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    Value::Undefined(out)
}

fn nested_times(times: usize) -> File {
    let mut file = File::ct(4, 4);
    let mut value = nested(Vec::new());
    for _ in 1..times {
        value = nested(file.element(PRIVATE, "SQ", &value));
    }
    file.set(PRIVATE, "SQ", value);
    file
}

#[test]
fn only_attributes_that_are_looked_at_reach_the_parser() {
    let bytes = File::ct(4, 4).bytes();
    let limits = Limits::default();
    let dataset = open(&bytes, &limits).unwrap();
    let scan = scan(&dataset, &limits);
    assert_eq!(scan.outcome, Ok(()));
    let contains = |needle: &[u8]| scan.top.bytes().windows(needle.len()).any(|w| w == needle);
    assert!(contains(b"MONOCHROME2"));
    assert!(!contains(b"Nobody"), "PatientName stays where it is");
    assert!(matches!(scan.pixel_data, Some(PixelData::Native(pixels)) if pixels.len() == 32));
}

#[test]
fn nesting_is_walked_to_the_limit_and_not_beyond() {
    // a sequence and its item are two levels
    assert_eq!(outcome(&nested_times(32).bytes()), Ok(()));
    assert_eq!(outcome(&nested_times(33).bytes()), Err(Rejection::NestedTooDeep { limit: 64 }));
}

#[test]
fn a_malformed_private_sequence_of_defined_length_harms_nobody() {
    let mut file = File::ct(4, 4);
    file.set(PRIVATE, "SQ", Value::Bytes(vec![0xAB; 20]));
    assert_eq!(outcome(&file.bytes()), Ok(()));
}

#[test]
fn unknown_of_undefined_length_holds_an_implicit_sequence() {
    let mut file = File::ct(4, 4);
    let implicit = File { explicit: false, ..File::ct(1, 1) };
    let inner = implicit.element((0x0008, 0x0100), "SH", &Value::Text("T-11500".to_owned()));
    file.set(PRIVATE, "UN", nested(inner));
    assert_eq!(outcome(&file.bytes()), Ok(()));
}

#[test]
fn a_length_beyond_the_file_is_incomplete_and_beyond_reason_is_hostile() {
    let file = File::ct(4, 4);
    let bytes = file.bytes();
    let grown = outcome(&bytes[..bytes.len() - 1]);
    let element = Keyword(tags::PIXEL_DATA);
    assert_eq!(grown, Err(Rejection::EndsInValue { element, declared: 32, left: 31 }));
    let mut claims = bytes;
    let length = claims.len() - 36;
    claims[length..length + 4].copy_from_slice(&0xFFFF_FFFE_u32.to_le_bytes());
    assert_eq!(outcome(&claims), Err(Rejection::LengthBeyondReason { element, declared: 0xFFFF_FFFE }));
}

#[test]
fn fragments_without_a_sequence_delimiter_are_incomplete() {
    let mut file = File::ct(4, 4);
    file.encapsulate(file::RLE, &[&[1; 40], &[2; 40]]);
    let bytes = file.bytes();
    assert_eq!(outcome(&bytes), Ok(()));
    for missing in 1..=8 {
        let rejection = outcome(&bytes[..bytes.len() - missing]).unwrap_err();
        assert!(matches!(rejection, Rejection::EndsInHeader { .. }), "{rejection}");
    }
}

#[test]
fn elements_items_and_fragments_are_counted_together() {
    let limits = Limits { max_elements: 40, ..Limits::default() };
    let outcome = |file: &File| {
        let bytes = file.bytes();
        let dataset = open(&bytes, &limits).unwrap();
        scan(&dataset, &limits).outcome
    };
    assert_eq!(outcome(&File::ct(4, 4)), Ok(()));
    let empty: &[u8] = &[];
    let many = outcome(File::ct(4, 4).encapsulate(file::RLE, &[empty; 20]));
    assert_eq!(many, Err(Rejection::TooManyElements { limit: 40 }));
}

#[test]
fn a_file_that_is_allocated_and_not_filled_is_incomplete() {
    let bytes = File::ct(4, 4).bytes();
    assert_eq!(outcome(&vec![0; 2000]), Err(Rejection::OnlyZeros { offset: 132 }));
    // filled up to somewhere within the header
    for filled in 1..bytes.len() - 44 {
        let mut half = bytes.clone();
        half[filled..].fill(0);
        let rejection = outcome(&half).unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Incomplete, "filled to {filled} of {}: {rejection}", bytes.len());
    }
}

#[test]
fn the_transfer_syntax_is_read_off_the_data_set_where_the_header_is_wrong_or_missing() {
    let native = [(true, false, file::EXPLICIT), (false, false, file::IMPLICIT), (true, true, file::BIG_ENDIAN)];
    for (explicit, big_endian, _) in native {
        for (_, _, claimed) in native {
            let file = File { explicit, big_endian, transfer_syntax: Some(claimed.to_owned()), ..File::ct(4, 4) };
            assert_eq!(outcome(&file.bytes()), Ok(()), "{explicit} {big_endian} as {claimed}");
        }
        for preamble in [true, false] {
            let file = File { explicit, big_endian, preamble, transfer_syntax: None, ..File::ct(4, 4) };
            assert_eq!(outcome(&file.bytes()), Ok(()), "{explicit} {big_endian} unannounced, preamble {preamble}");
        }
    }
    let bare = File { preamble: false, ..File::ct(4, 4) }.bytes();
    assert_eq!(outcome(&[b"DICM".as_slice(), &bare].concat()), Ok(()), "prefix without preamble");
    let not_deflated = File { transfer_syntax: Some(file::DEFLATED.to_owned()), ..File::ct(4, 4) };
    assert_eq!(outcome(&not_deflated.bytes()), Ok(()));
}

#[test]
fn other_files_are_no_dicom_files() {
    for start in [&b"PK\x03\x04"[..], b"\x1F\x8B\x08\x00", b"\x89PNG\r\n\x1A\n", b"{\"verdict\":", b"\xFF\xD8\xFF\xE0"]
    {
        assert_eq!(outcome(&[start, &[b'x'; 200]].concat()), Err(Rejection::NotDicom));
    }
    assert_eq!(outcome(b"too short to tell"), Err(Rejection::EndsInHeader { offset: 0 }));
}

#[test]
fn a_value_that_claims_to_be_long_is_not_given_to_the_parser() {
    let mut file = File::ct(4, 4);
    file.text((0x0020, 0x000D), "UI", &"1".repeat(5000));
    assert_eq!(outcome(&file.bytes()), Ok(()));
    file.text((0x0020, 0x000E), "UI", &"1".repeat(15_000));
    assert!(matches!(outcome(&file.bytes()), Err(Rejection::ValueTooLong { limit: 16_384, .. })));
}

#[test]
fn what_inflates_beyond_the_limit_is_refused_at_the_limit() {
    use std::io::Write;
    let deflate = |bytes: &[u8]| {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let honest: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(inflate::inflate(&deflate(&honest), 400_000).as_deref(), Ok(honest.as_slice()));
    assert_eq!(inflate::inflate(&deflate(&honest), 399_999), Err(Rejection::InflatedTooLarge { limit: 399_999 }));
    let half = deflate(&honest);
    assert_eq!(inflate::inflate(&half[..half.len() / 2], 400_000), Err(Rejection::EndsInDeflate));
    assert_eq!(inflate::inflate(&[0xFF; 100], 400_000), Err(Rejection::Deflate));
}
