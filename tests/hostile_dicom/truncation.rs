//! Every truncation point of one file of each transfer syntax, and of the corpus where there is one.

use std::io::Write;

use spinewatch::dicom::RejectionKind;

use crate::file::{self, File};
use crate::meter::Cost;
use crate::read;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../src/dicom/codec/fixtures/", $name)).as_slice()
    };
}

/// The plane that every file here shows, of 17 rows and 23 columns.
const PLANE: &[u8] = fixture!("plane16.u16le");

fn native(explicit: bool, big_endian: bool, uid: &str) -> File {
    let mut file = File { explicit, big_endian, transfer_syntax: Some(uid.to_owned()), ..File::ct(17, 23) };
    file.words(&PLANE.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect::<Vec<_>>());
    file
}

fn deflated() -> Vec<u8> {
    let file = native(true, false, file::DEFLATED);
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&file.dataset()).unwrap();
    file.around(&encoder.finish().unwrap())
}

/// One code stream cut into two fragments.
fn encapsulated(uid: &str, bits: u16, stream: &[u8]) -> Vec<u8> {
    let mut file = File::ct(17, 23);
    file.short((0x0028, 0x0100), if bits > 8 { 16 } else { 8 }).short((0x0028, 0x0101), bits);
    file.short((0x0028, 0x0102), bits - 1).short((0x0028, 0x0103), 0);
    let (a, b) = stream.split_at(stream.len() / 4 * 2);
    file.encapsulate(uid, &[a, b]).bytes()
}

/// Runs are not needed to be RLE: literals of up to 128 bytes.
fn rle() -> Vec<u8> {
    let segment = |byte: usize| -> Vec<u8> {
        let bytes: Vec<u8> = PLANE.iter().skip(byte).step_by(2).copied().collect();
        bytes.chunks(128).flat_map(|run| [vec![u8::try_from(run.len() - 1).unwrap()], run.to_vec()].concat()).collect()
    };
    let (high, low) = (segment(1), segment(0));
    let mut header = [0u32; 16];
    header[..3].copy_from_slice(&[2, 64, 64 + u32::try_from(high.len()).unwrap()]);
    let header: Vec<u8> = header.iter().flat_map(|n| n.to_le_bytes()).collect();
    encapsulated(file::RLE, 16, &[header, high, low].concat())
}

fn one_of_each() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("implicit little endian", native(false, false, file::IMPLICIT).bytes()),
        ("explicit little endian", native(true, false, file::EXPLICIT).bytes()),
        ("explicit big endian", native(true, true, file::BIG_ENDIAN).bytes()),
        ("without preamble", File { preamble: false, ..native(true, false, file::EXPLICIT) }.bytes()),
        ("prefix without preamble", {
            let bare = File { preamble: false, ..native(true, false, file::EXPLICIT) };
            [b"DICM".as_slice(), &bare.bytes()].concat()
        }),
        ("deflated", deflated()),
        ("RLE", rle()),
        ("JPEG baseline", encapsulated("1.2.840.10008.1.2.4.50", 8, fixture!("dct8.jpg"))),
        ("JPEG extended 12 bit", encapsulated("1.2.840.10008.1.2.4.51", 12, fixture!("dct12.jpg"))),
        ("JPEG lossless", encapsulated("1.2.840.10008.1.2.4.57", 16, fixture!("lossless16_p6.jpg"))),
        ("JPEG lossless, first order", encapsulated("1.2.840.10008.1.2.4.70", 16, fixture!("lossless16_p1.jpg"))),
        ("JPEG-LS", encapsulated("1.2.840.10008.1.2.4.80", 16, fixture!("ls16.jls"))),
        ("JPEG-LS near-lossless", encapsulated("1.2.840.10008.1.2.4.81", 16, fixture!("ls16_near3.jls"))),
        ("JPEG 2000 lossless", encapsulated("1.2.840.10008.1.2.4.90", 16, fixture!("j2k16.j2k"))),
        ("JPEG 2000", encapsulated("1.2.840.10008.1.2.4.91", 12, fixture!("j2k12_lossy.j2k"))),
    ]
}

#[test]
fn every_truncation_of_every_transfer_syntax_is_incomplete() {
    for (name, bytes) in one_of_each() {
        let (whole, mut most) = read(name, &bytes);
        assert_eq!(whole.unwrap_or_else(|e| panic!("{name}: {e}")).len(), 1);
        for end in 0..bytes.len() {
            let (result, cost) = read(name, &bytes[..end]);
            most = most.max(cost);
            let rejection = result.expect_err(name);
            assert_eq!(rejection.kind(), RejectionKind::Incomplete, "{name} cut at {end}: {rejection}");
        }
        let Cost { time, bytes: held } = most;
        println!("{name:28} {:>5} truncations, at most {time:>9.1?} and {:>4} KiB", bytes.len(), held >> 10);
    }
}

/// The same in place: single bytes of the header and the code stream turned over, one after the other.
#[test]
fn every_byte_turned_over_in_every_transfer_syntax_costs_no_more() {
    for (name, mut bytes) in one_of_each() {
        let mut most = Cost::default();
        for at in 0..bytes.len() {
            for mask in [0xFF, 0x80, 0x01] {
                bytes[at] ^= mask;
                most = most.max(read(&format!("{name}, byte {at} xor {mask:02X}"), &bytes).1);
                bytes[at] ^= mask;
            }
        }
        println!(
            "{name:28} {:>5} changes, at most {:>9.1?} and {:>5} KiB",
            3 * bytes.len(),
            most.time,
            most.bytes >> 10
        );
    }
}

/// Real files are too long for every byte: a thousand points of each.
#[test]
fn corpus_truncations_are_incomplete() {
    let Some(folder) = std::env::var_os("SPINEWATCH_CORPUS").map(std::path::PathBuf::from) else {
        println!("skipped: SPINEWATCH_CORPUS does not name a corpus");
        return;
    };
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("transfer-syntaxes")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if [".53.dcm", ".55.dcm"].iter().any(|retired| name.ends_with(retired)) {
            continue;
        }
        for end in (0..bytes.len() - 1024).step_by(bytes.len() / 1000) {
            let rejection = read(&name, &bytes[..end]).0.expect_err(&name);
            assert_eq!(rejection.kind(), RejectionKind::Incomplete, "{name} cut at {end}: {rejection}");
        }
        files += 1;
    }
    assert_eq!(files, 13);
}
