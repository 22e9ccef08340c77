//! Tars that no vendor makes: each is refused in words, leaves nothing behind and changes nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use tar::{Builder, EntryType, Header};

use crate::device::{Device, SHIPPED, file, sparse};

/// One entry with a name, a link's target and a kind that the library would not write by itself.
fn entry(name: &str, kind: EntryType, link: &str, body: &[u8], claimed: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let raw = header.as_old_mut();
    raw.name[..name.len()].copy_from_slice(name.as_bytes());
    raw.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(claimed);
    header.set_mode(0o4777);
    header.set_cksum();
    let padding = body.len().next_multiple_of(512) - body.len();
    [header.as_bytes(), body, &vec![0; padding]].concat()
}

fn plain(name: &str, body: &[u8]) -> Vec<u8> {
    entry(name, EntryType::Regular, "", body, body.len() as u64)
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions(records.iter().map(|(key, value)| (*key, value.as_bytes()))).unwrap();
    let bytes = builder.into_inner().unwrap();
    bytes[..bytes.len() - 1024].to_vec()
}

fn refused(device: &Device, path: &Path, words: &str) {
    let started = Instant::now();
    let error = device.install(path, true).unwrap_err().to_string();
    assert!(error.contains(words), "{words}: {error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{words}: {:?}", started.elapsed());
    device.assert_clean();
}

#[test]
fn a_hostile_tar_is_refused_and_leaves_nothing_behind() {
    let device = Device::new();
    let outside = device.folder.path().join("outside");
    let absolute = outside.to_str().unwrap();
    let link = |kind| [entry("d/x", kind, absolute, b"", 0), plain("d/x/evil", b"evil")].concat();
    let deep = format!("{}f", "d/".repeat(40));
    let many: Vec<u8> = (0..300).flat_map(|n| plain(&format!("d/{n}"), b"x")).collect();
    let folders: Vec<u8> =
        (0..2000).flat_map(|n| entry(&format!("d/{n}/"), EntryType::Directory, "", b"", 0)).collect();
    let leaves = "leaves the folder of the package";
    let no_plain = "is no plain file; a package holds plain files only";
    let cases: [(Vec<u8>, &str); 24] = [
        (plain("../outside", b"evil"), leaves),
        (plain("d/../../../../outside", b"evil"), leaves),
        (plain(absolute, b"evil"), leaves),
        (entry("../outside/", EntryType::Directory, "", b"", 0), leaves),
        (plain(&deep, b"x"), "too deep"),
        (link(EntryType::Symlink), no_plain),
        (link(EntryType::Link), no_plain),
        (entry("d/null", EntryType::Char, "", b"", 0), no_plain),
        (entry("d/disk", EntryType::Block, "", b"", 0), no_plain),
        (entry("d/pipe", EntryType::Fifo, "", b"", 0), no_plain),
        (entry("d/holes", EntryType::GNUSparse, "", b"", 0), no_plain),
        (entry("d/old", EntryType::Continuous, "", b"", 0), no_plain),
        (entry("././@LongLink", EntryType::GNULongName, "", b"../outside\0", 11), no_plain),
        (entry("././@LongLink", EntryType::GNULongLink, "", b"../outside\0", 11), no_plain),
        ([pax(&[("path", "../outside")]), plain("d/x", b"x")].concat(), "extended headers with names or sizes"),
        ([pax(&[("size", "1099511627776")]), plain("d/x", b"x")].concat(), "extended headers with names or sizes"),
        ([pax(&[("GNU.sparse.size", "9")]), plain("d/x", b"x")].concat(), "extended headers with names or sizes"),
        (entry("x", EntryType::XHeader, "", &vec![b'1'; 100 << 10], 100 << 10), "extended headers"),
        ([plain("d/x", b"one"), plain("d/./x", b"two")].concat(), "is in it twice"),
        ([plain("d", b"file"), plain("d/x", b"in a file")].concat(), "cannot write"),
        (many, "at most 256 files"),
        (folders, "more than 1024 entries"),
        (Vec::new(), "holds no file"),
        (b"\x1f\x8b\x08 and so on, which is gzip".repeat(40), "unpacked from gzip"),
    ];
    for (bytes, words) in cases {
        refused(&device, &file(&device, "hostile.tar", &bytes), words);
        assert!(!outside.exists(), "{words}");
    }
    refused(&device, &device.folder.path().join("nothing.tar"), "cannot be read");
    refused(&device, Path::new("/dev/null"), "is neither a tar nor a folder");
    assert_eq!(device.runs(), SHIPPED);
}

#[test]
fn a_tar_that_claims_to_be_huge_is_refused_before_it_fills_the_disk() {
    let device = Device::new();
    // 8 GiB by its header and, being sparse, by its size too; then a file that is as large as a package's may be, thrice
    let huge = sparse(&device, "huge.tar", &entry("d/x", EntryType::Regular, "", b"", 8 << 30), (8 << 30) + 1536);
    refused(&device, &huge, "is too much");
    let lie = file(&device, "lie.tar", &entry("d/x", EntryType::Regular, "", b"", 200 << 20));
    refused(&device, &lie, "ends in the middle");
}

#[test]
fn harmless_extended_headers_are_passed_over() {
    let device = Device::new();
    let times = pax(&[("mtime", "1767225600.25"), ("LIBARCHIVE.xattr.user.note", "x"), ("uname", "vendor")]);
    let mut bytes = times.clone();
    bytes.extend(crate::device::tar(&device.detector("0.3.0")));
    device.install(&file(&device, "python.tar", &bytes), false).unwrap();
    assert_eq!(device.runs(), "0.3.0");
}

#[test]
fn links_and_pipes_in_a_folder_are_not_followed() {
    let device = Device::new();
    let package = device.detector("0.3.0");
    std::os::unix::fs::symlink("/etc/passwd", package.join("more")).unwrap();
    refused(&device, &package, "a package holds plain files only");
    std::fs::remove_file(package.join("more")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, package.join("more"), rustix::fs::Mode::RUSR).unwrap();
    refused(&device, &package, "a package holds plain files only");
}
