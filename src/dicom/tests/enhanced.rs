//! Multi-frame instances: functional groups, and fragments divided into frames.

use super::*;
use crate::dicom::test_file::item;

/// An item in the byte order of its file.
fn item_in(big_endian: bool, content: &[u8]) -> Vec<u8> {
    let mut item = item(content);
    if big_endian {
        item[..4].copy_from_slice(&[0xFF, 0xFE, 0xE0, 0x00]);
        item[4..8].reverse();
    }
    item
}

/// Two frames: orientation, spacing and rescale shared, position and rescale of the second frame its own.
pub fn two_frames() -> File {
    two_frames_in(File::ct(1, 2))
}

fn two_frames_in(mut file: File) -> File {
    let text = |tag, value: &str| file.element(tag, "DS", &Value::Text(value.to_owned()));
    let big = file.big_endian;
    let sequence = |items: &[Vec<u8>]| Value::Bytes(items.iter().flat_map(|content| item_in(big, content)).collect());
    let group = |tag, elements: &[Vec<u8>]| file.element(tag, "SQ", &sequence(&[elements.concat()]));
    let orientation = group((0x0020, 0x9116), &[text((0x0020, 0x0037), "1\\0\\0\\0\\1\\0")]);
    let measures = group((0x0028, 0x9110), &[text((0x0018, 0x0050), "2"), text((0x0028, 0x0030), "0.4\\0.4")]);
    let rescale =
        |intercept: &str| group((0x0028, 0x9145), &[text((0x0028, 0x1052), intercept), text((0x0028, 0x1053), "1")]);
    let position = |z: &str| group((0x0020, 0x9113), &[text((0x0020, 0x0032), &format!("1\\2\\{z}"))]);
    let shared = sequence(&[[orientation, measures, rescale("-1024")].concat()]);
    let own = sequence(&[position("10"), [position("12"), rescale("-1000")].concat()]);
    for tag in
        [(0x0018, 0x0050), (0x0020, 0x0032), (0x0020, 0x0037), (0x0028, 0x0030), (0x0028, 0x1052), (0x0028, 0x1053)]
    {
        file.without(tag);
    }
    file.text((0x0028, 0x0008), "IS", "2").set((0x5200, 0x9229), "SQ", shared).set((0x5200, 0x9230), "SQ", own);
    file.words(&[0, 1, 2, 3]);
    file
}

#[test]
fn an_enhanced_instance_gives_a_slice_for_each_frame() {
    let slices = read_file(&two_frames()).unwrap();
    let z: Vec<f64> = slices.iter().map(|s| s.header.image_position_patient[2]).collect();
    assert_eq!(z, [10.0, 12.0]);
    assert_eq!(slices[0].hounsfield, [-1024, -1023]);
    assert_eq!(slices[1].hounsfield, [-998, -997]);
    assert_eq!(slices[1].header.frame, 1);
    assert_eq!(slices[1].header.pixel_spacing, [0.4, 0.4]);
    assert_eq!(slices[1].header.expected_slices, Some(2));
}

#[test]
fn functional_groups_are_read_in_every_encoding_and_beside_what_is_malformed() {
    let expected = read_file(&two_frames()).unwrap();
    for (explicit, big_endian) in [(false, false), (true, true)] {
        let slices = read_file(&two_frames_in(File { explicit, big_endian, ..File::ct(1, 2) })).unwrap();
        for (slice, expected) in slices.iter().zip(&expected) {
            assert_eq!(slice.header, expected.header);
            assert_eq!(slice.hounsfield, expected.hounsfield);
        }
    }
    let mut file = two_frames();
    let Some((_, Value::Bytes(shared))) = file.elements.get(&(0x5200, 0x9229)).cloned() else { panic!() };
    let junk = file.element((0x0029, 0x1010), "SQ", &Value::Bytes(vec![0xAB; 20]));
    file.set((0x5200, 0x9229), "SQ", Value::Bytes(item(&[junk, shared[8..].to_vec()].concat())));
    assert_eq!(read_file(&file).unwrap()[1].hounsfield, expected[1].hounsfield);
}

#[test]
fn frames_and_functional_groups_must_agree_in_number() {
    let code = |f: &mut File| refused(f).0;
    let per_frame = "unusable_per_frame_functional_groups_sequence";
    assert_eq!(code(two_frames().text((0x0028, 0x0008), "IS", "3")), per_frame);
    assert_eq!(code(two_frames().without((0x5200, 0x9230))), "missing_per_frame_functional_groups_sequence");
    assert_eq!(code(two_frames().words(&[0, 1, 2])), "pixel_data_too_short");
}

#[test]
fn frames_are_found_by_the_number_of_fragments_and_by_signature() {
    let stream = include_bytes!("../codec/fixtures/ls16.jls");
    let mut file = two_frames();
    file.short((0x0028, 0x0010), 17).short((0x0028, 0x0011), 23).short((0x0028, 0x0103), 0);
    let (a, b) = stream.split_at(200);
    let expected =
        stored(&file.clone().encapsulate("1.2.840.10008.1.2.4.80", &[stream, stream]).bytes(), &Limits::default());
    let expected = expected.unwrap().values;
    let cut = file.clone().encapsulate("1.2.840.10008.1.2.4.80", &[a, b, a, b]).bytes();
    assert_eq!(stored(&cut, &Limits::default()).unwrap().values, expected);
    // frames that begin in the middle of a fragment cannot be told apart
    let lost = file.encapsulate("1.2.840.10008.1.2.4.80", &[a, b, b]).bytes();
    assert_eq!(stored(&lost, &Limits::default()).unwrap_err().code(), "pixel_data_fragments");
}
