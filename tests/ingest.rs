//! The share scanner on real folders: what consoles and networks do to files, and what it costs to watch them.
//!
//! Time is an argument; only files are real. The last test measures, and is run by hand:
//! `cargo test --release --test ingest -- --ignored --nocapture`
#![allow(clippy::unwrap_used, clippy::expect_used)]

use crossbeam_channel::{Receiver, bounded};
use rustix::time::{ClockId, clock_gettime};
use spinewatch::ingest::{
    Arrival, Event, Fingerprint, Folder, PathKey, PathSecret, ScanReport, Scanner, Settings, Share, ShareError,
    ShareState, Structure,
};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const SECRET: PathSecret = PathSecret([7; 32]);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn key(path: &str) -> PathKey {
    PathKey::of(Path::new(path), &SECRET)
}

/// A file format for tests: the length in 4 bytes, little endian, and as many bytes.
fn file_of(length: u32) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend((0..length).map(|i| u8::try_from(i % 251).unwrap()));
    bytes
}

fn structure(bytes: &[u8]) -> Structure {
    let Some((length, content)) = bytes.split_first_chunk() else { return Structure::Incomplete };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap();
    match length.cmp(&content.len()) {
        _ if length > 1_000_000 || length == 0 => Structure::Unknown,
        std::cmp::Ordering::Equal => Structure::Complete,
        std::cmp::Ordering::Greater => Structure::Incomplete,
        std::cmp::Ordering::Less => Structure::Unknown,
    }
}

struct Bench {
    root: PathBuf,
    scanner: Scanner<Folder>,
    events: Receiver<Event>,
    now: Duration,
    last: ScanReport,
}

impl Bench {
    fn new(root: &Path) -> Self {
        Self::knowing(root, |_| false)
    }

    fn knowing(root: &Path, known: impl Fn(&Fingerprint) -> bool + Send + 'static) -> Self {
        let (sender, events) = bounded(10_000);
        let scanner = Scanner::new(Folder::new(root, false), Settings::new(SECRET), known, structure, sender);
        Self { root: root.to_owned(), scanner, events, now: ms(0), last: ScanReport::default() }
    }

    fn run(&mut self, millis: u64) -> Vec<Event> {
        let end = self.now + ms(millis);
        while self.now < end {
            let now = self.now;
            self.last = self.scanner.scan(&|| now).unwrap();
            self.now += self.last.pause.max(ms(1));
        }
        self.events.try_iter().collect()
    }

    fn arrivals(&mut self, millis: u64) -> Vec<Arrival> {
        let is_arrival = |event| if let Event::Arrival(arrival) = event { Some(arrival) } else { None };
        self.run(millis).into_iter().filter_map(is_arrival).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// Path, size and modification time of everything below `root`.
fn census(root: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            all.push((path, metadata.len(), metadata.modified().unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn files_in_nested_folders_arrive_once_and_the_share_is_left_as_it_was() {
    let share = TempDir::new().unwrap();
    let mut bench = Bench::new(share.path());
    fs::create_dir_all(bench.path("patient/study/series")).unwrap();
    for i in 0..40 {
        fs::write(bench.path(&format!("patient/study/series/{i}.dcm")), file_of(1000 + i)).unwrap();
    }
    fs::write(bench.path("Thumbs.db"), file_of(10)).unwrap();
    let before = census(share.path());
    let arrivals = bench.arrivals(3000);
    assert_eq!(arrivals.len(), 40);
    let first = arrivals.iter().find(|a| a.fingerprint.path == key("patient/study/series/0.dcm")).unwrap();
    assert_eq!((first.fingerprint.size, &first.bytes), (1004, &file_of(1000)));
    assert!(bench.run(300_000).is_empty());
    assert_eq!(census(share.path()), before);
}

#[test]
fn a_console_that_writes_block_by_block_is_waited_for() {
    let share = TempDir::new().unwrap();
    let mut bench = Bench::new(share.path());
    bench.run(1000);
    let bytes = file_of(50_000);
    let mut file = File::create(bench.path("1.dcm")).unwrap();
    for block in bytes.chunks(10_000) {
        file.write_all(block).unwrap();
        assert!(bench.arrivals(900).is_empty());
    }
    drop(file);
    assert_eq!(bench.arrivals(8000)[0].bytes, bytes);
}

#[test]
fn a_file_of_final_size_that_is_filled_under_one_and_the_same_time_is_waited_for() {
    let share = TempDir::new().unwrap();
    let mut bench = Bench::new(share.path());
    bench.run(1000);
    let bytes = file_of(60_000);
    let file = File::create(bench.path("1.dcm")).unwrap();
    file.set_len(60_004).unwrap();
    let time = file.metadata().unwrap().modified().unwrap();
    for end in [0, 4, 20_000, 40_000] {
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes[..end], 0).unwrap();
        file.set_modified(time).unwrap();
        assert!(bench.arrivals(700).is_empty(), "filled to {end}");
    }
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(bench.arrivals(8000)[0].bytes, bytes);
}

#[test]
fn a_file_that_is_renamed_into_place_arrives_under_its_final_name_only() {
    let share = TempDir::new().unwrap();
    let mut bench = Bench::new(share.path());
    for i in 0..5 {
        fs::write(bench.path(&format!("{i}.dcm.tmp")), file_of(100)).unwrap();
        assert!(bench.arrivals(1000).is_empty());
        fs::rename(bench.path(&format!("{i}.dcm.tmp")), bench.path(&format!("{i}.dcm"))).unwrap();
        assert_eq!(bench.arrivals(1000)[0].fingerprint.path, key(&format!("{i}.dcm")));
    }
}

#[test]
fn links_pipes_and_sockets_are_neither_followed_nor_opened() {
    let (share, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut bench = Bench::new(share.path());
    fs::write(elsewhere.path().join("secret.dcm"), file_of(100)).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), bench.path("folder")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("secret.dcm"), bench.path("1.dcm")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, bench.path("2.dcm"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("3.dcm")).unwrap();
    fs::write(bench.path("4.dcm"), file_of(100)).unwrap();
    let arrivals = bench.arrivals(10_000);
    assert_eq!(arrivals.iter().map(|a| a.fingerprint.path).collect::<Vec<_>>(), [key("4.dcm")]);
    let mut folder = Folder::new(share.path(), false);
    for name in ["1.dcm", "2.dcm", "folder"] {
        assert!(matches!(folder.read(Path::new(name), 1000), Err(ShareError::Refused(_))), "{name}");
    }
}

#[test]
fn a_name_that_is_no_utf_8_arrives_too() {
    let share = TempDir::new().unwrap();
    let mut bench = Bench::new(share.path());
    let name = OsStr::from_bytes(b"IM\xff\xfe001");
    fs::write(share.path().join(name), file_of(100)).unwrap();
    assert_eq!(bench.arrivals(2000)[0].fingerprint.path, PathKey::of(Path::new(name), &SECRET));
}

#[test]
fn a_share_that_goes_and_comes_back_brings_only_what_is_new() {
    let parent = TempDir::new().unwrap();
    let root = parent.path().join("share");
    fs::create_dir(&root).unwrap();
    let mut bench = Bench::new(&root);
    for i in 0..200 {
        fs::write(bench.path(&format!("{i}.dcm")), file_of(100)).unwrap();
    }
    assert_eq!(bench.arrivals(3000).len(), 200);
    fs::rename(&root, parent.path().join("away")).unwrap();
    let events = bench.run(60_000);
    assert!(matches!(&events[..], [Event::Share(ShareState::Lost { .. })]), "{events:?}");
    fs::write(parent.path().join("away/new.dcm"), file_of(100)).unwrap();
    fs::rename(parent.path().join("away"), &root).unwrap();
    let events = bench.run(60_000);
    let [Event::Share(ShareState::Available), Event::Arrival(arrival)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(arrival.fingerprint.path, key("new.dcm"));
}

#[test]
fn a_restart_with_a_ledger_reads_only_what_the_ledger_does_not_know() {
    let share = TempDir::new().unwrap();
    for i in 0..50 {
        fs::write(share.path().join(format!("{i}.dcm")), file_of(100)).unwrap();
    }
    let ledger: BTreeSet<Fingerprint> = Bench::new(share.path()).arrivals(3000).iter().map(|a| a.fingerprint).collect();
    assert_eq!(ledger.len(), 50);
    fs::write(share.path().join("50.dcm"), file_of(100)).unwrap();
    let mut restarted = Bench::knowing(share.path(), move |fingerprint| ledger.contains(fingerprint));
    assert_eq!(restarted.arrivals(3000).iter().map(|a| a.fingerprint.path).collect::<Vec<_>>(), [key("50.dcm")]);
}

#[test]
fn a_bare_mount_point_is_told_from_a_mounted_one() {
    let bare = TempDir::new().unwrap();
    assert_eq!(Folder::new(bare.path(), true).probe(), Err(ShareError::NotMounted));
    assert_eq!(Folder::new(bare.path(), false).probe(), Ok(()));
    assert_eq!(Folder::new("/proc", true).probe(), Ok(()));
    assert!(matches!(Folder::new(bare.path().join("none"), true).probe(), Err(ShareError::Lost(_))));
}

#[test]
fn a_file_larger_than_the_limit_is_not_read_into_memory() {
    let share = TempDir::new().unwrap();
    File::create(share.path().join("big")).unwrap().set_len(1 << 40).unwrap();
    let refused = Folder::new(share.path(), false).read(Path::new("big"), 1 << 20);
    assert_eq!(refused.unwrap_err().to_string(), "1099511627776 bytes, more than 1048576");
}

#[test]
fn the_thread_hands_files_on_and_ends_when_asked() {
    let share = TempDir::new().unwrap();
    fs::write(share.path().join("1.dcm"), file_of(100)).unwrap();
    let (sender, events) = bounded(4);
    let settings = Settings { settle: ms(1), ..Settings::new(SECRET) };
    let scanner = Scanner::new(Folder::new(share.path(), false), settings, |_| false, structure, sender);
    let start = std::time::Instant::now();
    let running = scanner.spawn(move || start.elapsed()).unwrap();
    let patience = Duration::from_secs(60);
    assert!(matches!(events.recv_timeout(patience), Ok(Event::Share(ShareState::Available))));
    assert!(matches!(events.recv_timeout(patience), Ok(Event::Arrival(_))));
    assert!(running.pulse().beats() > 0);
    running.stop().join().unwrap();
    assert!(events.recv_timeout(patience).is_err(), "the sender is gone with the thread");
}

#[test]
#[ignore = "writes 100,000 files and measures"]
fn watching_a_hundred_thousand_old_files_takes_less_than_half_a_percent_of_a_core() {
    let cpu = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
    };
    let share = TempDir::new().unwrap();
    for i in 0..100_000 {
        fs::write(share.path().join(format!("1.2.840.113619.2.55.3.{i:06}.dcm")), []).unwrap();
    }
    let mut bench = Bench::knowing(share.path(), |_| true);
    let start = cpu();
    bench.run(300_000);
    println!("first five minutes, in which all are looked at once: {:?} of processor time", cpu() - start);
    let (start, from) = (cpu(), bench.now);
    bench.run(300_000);
    let (idle, span) = (cpu() - start, bench.now - from);
    let percent = 100.0 * idle.as_secs_f64() / span.as_secs_f64();
    println!("idle: {idle:?} of processor time in {span:?}: {percent:.3} %");
    assert!(percent < 0.5);
    let small = TempDir::new().unwrap();
    for i in 0..300 {
        fs::write(small.path().join(format!("{i}.dcm")), []).unwrap();
    }
    let mut bench = Bench::knowing(small.path(), |_| true);
    bench.run(300_000);
    let (start, from) = (cpu(), bench.now);
    bench.run(300_000);
    let percent = 100.0 * (cpu() - start).as_secs_f64() / (bench.now - from).as_secs_f64();
    println!("idle with 300 files: {percent:.3} %");
    assert!(percent < 0.1);
}
