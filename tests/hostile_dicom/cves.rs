//! Orthanc's nine of April 2026 (CVE-2026-5437 to 5445), each as the file that would do the same to a reader of a share.

use crate::file::{self, File, PIXEL_DATA, Value};
use crate::refused;

/// Finds the value of an element by what stands before it.
fn after(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|w| w == needle).unwrap() + needle.len()
}

#[test]
fn cve_2026_5437_a_meta_header_that_is_longer_than_the_file() {
    let mut bytes = File::ct(4, 4).bytes();
    let length = after(&bytes, &[0x02, 0x00, 0x10, 0x00, b'U', b'I']);
    bytes[length..length + 2].copy_from_slice(&0xFFFE_u16.to_le_bytes());
    refused("5437: TransferSyntaxUID of 65534 bytes", &bytes, "truncated");
    let mut bytes = File::ct(4, 4).bytes();
    // FileMetaInformationGroupLength of 4 GiB is not believed, so that the file is read
    bytes.splice(132..132, [0x02, 0, 0, 0, b'U', b'L', 4, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    let (result, _) = crate::read("5437: group length", &bytes);
    assert_eq!(result.map(|slices| slices.len()), Ok(1));
}

#[test]
fn cve_2026_5438_a_gzip_bomb_instead_of_a_file() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![0; 64 << 20]).unwrap();
    refused("5438: gzip bomb", &encoder.finish().unwrap(), "not_dicom");
}

#[test]
fn cve_2026_5439_a_zip_archive_that_claims_four_gibibytes() {
    let local =
        [&b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00"[..], &[0; 4], &[0xFF; 8], &[5, 0, 0, 0], b"1.dcm"];
    refused("5439: zip archive", &[local.concat(), vec![0xA5; 200]].concat(), "not_dicom");
}

#[test]
fn cve_2026_5440_a_length_that_is_believed_before_the_bytes_are_there() {
    let mut file = File::ct(4, 4);
    file.without(PIXEL_DATA);
    let claim = [0xE0, 0x7F, 0x10, 0x00, b'O', b'W', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF];
    refused("5440: PixelData of FFFFFFF0", &[file.bytes(), claim.to_vec()].concat(), "length_beyond_reason");
}

#[test]
fn cve_2026_5441_pixels_compressed_in_a_private_way() {
    // PMSCT_RLE1: (07A1,1011) names the compression, PixelData is shorter than the planes
    let mut file = File::ct(512, 512);
    file.text((0x07A1, 0x0010), "LO", "ELSCINT1").text((0x07A1, 0x1011), "CS", "PMSCT_RLE1");
    file.set(PIXEL_DATA, "OW", Value::Bytes([0xA5, 0xFF, 0xFF].repeat(40)));
    refused("5441: PMSCT_RLE1", &file.bytes(), "pixel_data_too_short");
}

#[test]
fn cve_2026_5442_rows_and_columns_of_32_bits() {
    let mut file = File::ct(4, 4);
    let long = |value: u32| Value::Bytes(value.to_le_bytes().to_vec());
    file.set((0x0028, 0x0010), "UL", long(0x0001_0004)).set((0x0028, 0x0011), "UL", long(0x0001_0004));
    refused("5442: Rows and Columns as UL", &file.bytes(), "unusable_rows");
    let mut file = File::ct(65_535, 1);
    file.short((0x0028, 0x0011), 65_535).text((0x0028, 0x0008), "IS", "65536");
    refused("5442: Rows x Columns x NumberOfFrames overflows", &file.bytes(), "image_too_large");
}

fn palette() -> File {
    let mut file = File::ct(4, 4);
    file.text((0x0028, 0x0004), "CS", "PALETTE COLOR").short((0x0028, 0x0100), 8).short((0x0028, 0x0101), 8);
    file.short((0x0028, 0x0102), 7).short((0x0028, 0x0103), 0);
    for (descriptor, table) in [(0x1101, 0x1201), (0x1102, 0x1202), (0x1103, 0x1203)] {
        let four_entries = [4u16, 0, 16].iter().flat_map(|n| n.to_le_bytes()).collect();
        file.set((0x0028, descriptor), "US", Value::Bytes(four_entries));
        file.set((0x0028, table), "OW", Value::Bytes(vec![0x7F; 8]));
    }
    file.set(PIXEL_DATA, "OB", Value::Bytes(vec![0xFF; 16]));
    file
}

#[test]
fn cve_2026_5443_a_palette_image_whose_size_overflows() {
    let mut file = palette();
    file.short((0x0028, 0x0010), 65_535).short((0x0028, 0x0011), 65_535);
    refused("5443: palette image of 65535 x 65535", &file.bytes(), "foreign_photometric_interpretation");
}

#[test]
fn cve_2026_5444_a_pam_image_as_code_stream() {
    let pam = b"P7\nWIDTH 4294967295\nHEIGHT 4294967295\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
    for uid in ["1.2.840.10008.1.2.4.90", file::EXPLICIT, file::RLE] {
        let mut file = File::ct(4, 4);
        let code = if uid == file::RLE { "code_stream_contradicts_header" } else { "code_stream" };
        refused("5444: PAM", &file.encapsulate(uid, &[pam]).bytes(), code);
    }
}

#[test]
fn cve_2026_5445_pixels_beyond_their_palette() {
    refused("5445: index 255 of a palette of 4", &palette().bytes(), "foreign_photometric_interpretation");
    // a lookup table behind a monochrome image is never looked at
    let mut file = palette();
    file.text((0x0028, 0x0004), "CS", "MONOCHROME2");
    let (result, _) = crate::read("5445: monochrome with palette", &file.bytes());
    assert_eq!(result.map(|slices| slices[0].hounsfield[0]), Ok(255 - 1024));
}
