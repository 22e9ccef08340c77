//! Whole files: what is a CT plane, what is none, and why.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]

mod enhanced;

use proptest::prelude::*;

use super::test_file::{self as file, File, PIXEL_DATA, Value};
use super::*;

fn read_file(file: &File) -> Result<Vec<Slice>, Rejection> {
    read(&file.bytes(), &Limits::default())
}

fn one(file: &File) -> Slice {
    let mut slices = read_file(file).unwrap();
    assert_eq!(slices.len(), 1);
    slices.remove(0)
}

fn refused(file: &File) -> (&'static str, RejectionKind) {
    let rejection = read_file(file).unwrap_err();
    (rejection.code(), rejection.kind())
}

#[test]
fn a_slice_has_its_identity_geometry_and_hounsfield_units() {
    let mut file = File::ct(2, 3);
    file.words(&[0, 1, 1024, 2048, 40_000, 65_535]);
    let Slice { header, hounsfield, burned_in_annotation } = one(&file);
    assert!(!burned_in_annotation, "what does not say so has none");
    // 40 000 and 65 535 are negative; -26 560 and below do not saturate 16 bits
    assert_eq!(hounsfield, [-1024, -1023, 0, 1024, -26_560, -1025]);
    assert_eq!(header.study_instance_uid.as_str(), "1.2.3.1");
    assert_eq!(header.series_instance_uid.as_str(), "1.2.3.2");
    assert_eq!(header.sop_instance_uid.as_str(), "1.2.3.4.1");
    assert_eq!((header.rows, header.columns, header.frame), (2, 3, 0));
    assert_eq!(header.pixel_spacing, [0.5, 0.5]);
    assert_eq!(header.image_position_patient, [-100.0, -120.5, 33.0]);
    assert_eq!(header.slice_thickness, Some(1.25));
    assert_eq!(header.instance_number, Some(7));
    assert_eq!(header.image_type, ["ORIGINAL", "PRIMARY", "AXIAL"]);
}

#[test]
fn text_in_the_picture_is_told() {
    let mut file = File::ct(2, 3);
    file.text((0x0028, 0x0301), "CS", "YES");
    assert!(one(&file).burned_in_annotation);
    file.text((0x0028, 0x0301), "CS", "NO");
    assert!(!one(&file).burned_in_annotation);
}

#[test]
fn hounsfield_units_are_rounded_and_saturated() {
    let mut file = File::ct(1, 4);
    file.short((0x0028, 0x0103), 0).text((0x0028, 0x1053), "DS", "001.500000E+00").text((0x0028, 0x1052), "DS", "-.5");
    file.words(&[0, 1, 2, 65_535]);
    assert_eq!(one(&file).hounsfield, [-1, 1, 3, i16::MAX]);
}

#[test]
fn stored_bits_are_what_counts_whatever_stands_above_and_below_them() {
    // 12 bits, signed, with an overlay in the upper four
    let mut file = File::ct(1, 3);
    file.short((0x0028, 0x0101), 12).short((0x0028, 0x0102), 11).text((0x0028, 0x1052), "DS", "0");
    file.words(&[0xF7FF, 0x0800, 0x5001]);
    assert_eq!(one(&file).hounsfield, [2047, -2048, 1]);
    // the same 12 bits at the upper end
    file.short((0x0028, 0x0102), 15).words(&[0x7FFF, 0x8000, 0x0010]);
    assert_eq!(one(&file).hounsfield, [2047, -2048, 1]);
    // unsigned, 8 of 8
    file.short((0x0028, 0x0100), 8).short((0x0028, 0x0101), 8).short((0x0028, 0x0102), 7).short((0x0028, 0x0103), 0);
    file.set(PIXEL_DATA, "OB", Value::Bytes(vec![0, 200, 255, 0]));
    assert_eq!(one(&file).hounsfield, [0, 200, 255]);
}

#[test]
fn every_native_encoding_gives_the_same_slice() {
    let words: Vec<u16> = (0..12).map(|i| i * 300).collect();
    let expected = one(File::ct(3, 4).words(&words));
    for (explicit, big_endian, uid) in
        [(false, false, file::IMPLICIT), (true, true, file::BIG_ENDIAN), (true, false, file::DEFLATED)]
    {
        let mut file = File { explicit, big_endian, transfer_syntax: Some(uid.to_owned()), ..File::ct(3, 4) };
        let slice = one(file.words(&words));
        assert_eq!(slice.hounsfield, expected.hounsfield, "{uid}");
        assert_eq!(slice.header, expected.header, "{uid}");
    }
}

#[test]
fn stripped_data_without_modality_class_and_preamble_is_read() {
    let mut file = File { preamble: false, transfer_syntax: None, ..File::ct(2, 2) };
    for tag in
        [(0x0008, 0x0008), (0x0008, 0x0016), (0x0008, 0x0060), (0x0010, 0x0010), (0x0018, 0x0050), (0x0020, 0x0013)]
    {
        file.without(tag);
    }
    let header = one(&file).header;
    assert_eq!((header.slice_thickness, header.instance_number), (None, None));
    assert!(header.image_type.is_empty());
}

#[test]
fn text_in_another_character_set_costs_nothing() {
    let mut file = File::ct(2, 2);
    file.text((0x0008, 0x0005), "CS", "ISO_IR 192");
    file.set((0x0010, 0x0010), "PN", Value::Bytes(b"M\xFCller^\xE5\xBC\xA0".to_vec()));
    file.set((0x0008, 0x0008), "CS", Value::Bytes(b"ORIGINAL\\PRIM\xC4R\\\xFF\xFE ".to_vec()));
    assert_eq!(one(&file).header.image_type[0], "ORIGINAL");
}

#[test]
fn bytes_in_big_endian_words_are_refused_rather_than_swapped() {
    let mut file = File { big_endian: true, transfer_syntax: Some(file::BIG_ENDIAN.to_owned()), ..File::ct(2, 2) };
    file.short((0x0028, 0x0100), 8).short((0x0028, 0x0101), 8).short((0x0028, 0x0102), 7);
    assert_eq!(refused(&file), ("unusable_bits_allocated", RejectionKind::Broken));
}

#[test]
fn each_attribute_that_a_slice_cannot_do_without_is_named() {
    let cases: [(file::Tag, &str); 12] = [
        ((0x0008, 0x0018), "missing_sop_instance_uid"),
        ((0x0020, 0x000D), "missing_study_instance_uid"),
        ((0x0020, 0x000E), "missing_series_instance_uid"),
        ((0x0020, 0x0032), "missing_image_position_patient"),
        ((0x0020, 0x0037), "missing_image_orientation_patient"),
        ((0x0028, 0x0010), "missing_rows"),
        ((0x0028, 0x0011), "missing_columns"),
        ((0x0028, 0x0030), "missing_pixel_spacing"),
        ((0x0028, 0x0100), "missing_bits_allocated"),
        ((0x0028, 0x0103), "missing_pixel_representation"),
        ((0x0028, 0x1052), "missing_rescale_intercept"),
        ((0x0028, 0x1053), "missing_rescale_slope"),
    ];
    for (tag, code) in cases {
        assert_eq!(refused(File::ct(2, 2).without(tag)), (code, RejectionKind::Broken));
        // empty is as good as absent
        let vr = File::ct(2, 2).elements[&tag].0;
        assert_eq!(refused(File::ct(2, 2).text(tag, vr, "")), (code, RejectionKind::Broken));
        // of a file that does not claim to be CT the study lacks nothing
        let mut capture = File::ct(2, 2);
        capture.text((0x0008, 0x0016), "UI", "1.2.840.10008.5.1.4.1.1.7").without(tag);
        assert_eq!(refused(&capture), (code, RejectionKind::NotAnImageOfThisKind));
    }
    assert_eq!(refused(File::ct(2, 2).without(PIXEL_DATA)), ("missing_pixel_data", RejectionKind::Incomplete));
}

#[test]
fn each_value_that_no_slice_can_have_is_named() {
    type Change = fn(&mut File) -> &mut File;
    let cases: [(&str, Change); 10] = [
        ("unusable_rows", |f| f.short((0x0028, 0x0010), 0)),
        ("unusable_bits_stored", |f| f.short((0x0028, 0x0101), 17)),
        ("unusable_high_bit", |f| f.short((0x0028, 0x0102), 16)),
        ("unusable_pixel_representation", |f| f.short((0x0028, 0x0103), 2)),
        ("unusable_number_of_frames", |f| f.text((0x0028, 0x0008), "IS", "0")),
        ("unusable_rescale_slope", |f| f.text((0x0028, 0x1053), "DS", "0")),
        ("unusable_rescale_intercept", |f| f.text((0x0028, 0x1052), "DS", "NaN")),
        ("unusable_pixel_spacing", |f| f.text((0x0028, 0x0030), "DS", "-1\\0.5")),
        ("unusable_image_position_patient", |f| f.text((0x0020, 0x0032), "DS", "1\\2")),
        ("unusable_image_orientation_patient", |f| f.text((0x0020, 0x0037), "DS", "1\\0\\0\\1\\0\\0")),
    ];
    for (code, change) in cases {
        assert_eq!(refused(change(&mut File::ct(2, 2))), (code, RejectionKind::Broken));
    }
}

#[test]
fn what_is_no_ct_plane_is_refused_as_foreign() {
    type Change = fn(&mut File) -> &mut File;
    let cases: [(&str, Change); 12] = [
        ("foreign_modality", |f| f.text((0x0008, 0x0060), "CS", "MR")),
        ("foreign_modality", |f| f.text((0x0008, 0x0060), "CS", "SR").without(PIXEL_DATA)),
        ("foreign_sop_class_uid", |f| {
            f.without((0x0008, 0x0060)).text((0x0008, 0x0016), "UI", "1.2.840.10008.5.1.4.1.1.4")
        }),
        ("foreign_image_type", |f| f.text((0x0008, 0x0008), "CS", "ORIGINAL\\PRIMARY\\LOCALIZER")),
        ("foreign_photometric_interpretation", |f| f.text((0x0028, 0x0004), "CS", "RGB").short((0x0028, 0x0002), 3)),
        ("foreign_photometric_interpretation", |f| f.text((0x0028, 0x0004), "CS", "PALETTE COLOR")),
        ("foreign_samples_per_pixel", |f| f.short((0x0028, 0x0002), 3)),
        ("foreign_bits_allocated", |f| f.short((0x0028, 0x0100), 32)),
        ("foreign_float_pixel_data", |f| f.without(PIXEL_DATA).set((0x7FE0, 0x0008), "OF", Value::Bytes(vec![0; 16]))),
        ("foreign_rescale_type", |f| f.text((0x0028, 0x1054), "LO", "Z_EFF")),
        // a scout from the side, and a reformat along the spine
        ("not_axial", |f| f.text((0x0020, 0x0037), "DS", "0\\1\\0\\0\\0\\-1")),
        ("not_axial", |f| f.text((0x0020, 0x0037), "DS", "1\\0\\0\\0\\0.6\\-0.8")),
    ];
    for (code, change) in cases {
        assert_eq!(refused(change(&mut File::ct(2, 2))), (code, RejectionKind::NotAnImageOfThisKind));
    }
}

#[test]
fn a_gantry_tilted_by_thirty_degrees_is_axial() {
    let (sin, cos) = 30f64.to_radians().sin_cos();
    one(File::ct(2, 2).text((0x0020, 0x0037), "DS", &format!("1\\0\\0\\0\\{cos:.6}\\-{sin:.6}")));
}

#[test]
fn images_in_acquisition_is_believed_only_where_it_can_be_true() {
    let expected = |count: &str| one(File::ct(2, 2).text((0x0020, 0x1002), "IS", count)).header.expected_slices;
    assert_eq!(expected("300"), Some(300));
    assert_eq!(expected("1"), None);
    assert_eq!(expected("100000"), None);
    assert_eq!(expected("many"), None);
    let mut late = File::ct(2, 2);
    late.text((0x0020, 0x1002), "IS", "20").text((0x0020, 0x0013), "IS", "21");
    assert_eq!(one(&late).header.expected_slices, None);
}

#[test]
fn the_identity_of_a_truncated_file_is_what_is_there_of_it() {
    let bytes = File::ct(64, 64).bytes();
    let identity = identity(&bytes[..bytes.len() - 100], &Limits::default()).unwrap();
    assert_eq!(identity.series_instance_uid, Some(Uid::new("1.2.3.2")));
    let end = bytes.windows(7).position(|w| w == b"1.2.3.2").unwrap();
    let identity = super::identity(&bytes[..end], &Limits::default()).unwrap();
    assert_eq!(identity.study_instance_uid, Some(Uid::new("1.2.3.1")));
    assert_eq!(identity.series_instance_uid, None);
}

#[test]
fn structure_tells_a_finished_file_from_one_that_may_grow() {
    let structure = |bytes: &[u8]| structure(bytes, &Limits::default());
    let bytes = File::ct(4, 4).bytes();
    assert_eq!(structure(&bytes), Structure::Complete);
    // what stands behind PixelData is of no use
    assert_eq!(structure(&[bytes.as_slice(), &[0; 7]].concat()), Structure::Complete);
    for end in 0..bytes.len() {
        assert_eq!(structure(&bytes[..end]), Structure::Incomplete, "cut at {end}");
    }
    assert_eq!(structure(&vec![0; 4096]), Structure::Incomplete);
    assert_eq!(structure(&b"a note on the share".repeat(9)), Structure::Unknown);
}

proptest! {
    #[test]
    fn mutated_files_are_read_or_refused_but_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        kind in 0..4usize,
    ) {
        let mut file = if kind == 1 { enhanced::two_frames() } else { File::ct(17, 23) };
        match kind {
            2 => file.encapsulate("1.2.840.10008.1.2.4.80", &[include_bytes!("../codec/fixtures/ls16.jls")]),
            3 => file.encapsulate("1.2.840.10008.1.2.4.70", &[include_bytes!("../codec/fixtures/lossless16_p7.jpg")]),
            _ => &mut file,
        };
        let mut bytes = file.bytes();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        for result in [read(&bytes, &Limits::default()).err(), stored(&bytes, &Limits::default()).err()] {
            prop_assert_ne!(result, Some(Rejection::DecoderFailed));
        }
        structure(&bytes, &Limits::default());
        identity(&bytes, &Limits::default());
    }
}
