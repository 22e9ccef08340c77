#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Cursor;

use super::super::item::Kind;
use super::*;

struct Case {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    item: Item,
}

impl Case {
    fn new() -> Self {
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let sha256 = hex(Sha256::new_with_prefix(&bytes));
        let item = Item { kind: Kind::System, what: "spinewatch 0.2.0".into(), size: bytes.len() as u64, sha256 };
        Self { folder: tempfile::tempdir().unwrap(), bytes, item }
    }

    fn downloads(&self) -> Downloads {
        Downloads::new(self.folder.path().join("download"), 0)
    }

    /// The file from `have` on, of which the connection lets `length` bytes through.
    fn part(&self, have: u64, length: usize) -> Part {
        let start = usize::try_from(have).unwrap();
        let end = start.saturating_add(length).min(self.bytes.len());
        let sent = Cursor::new(self.bytes[start..end].to_vec());
        let broken = end < self.bytes.len();
        let bytes: Box<dyn Read> = if broken { Box::new(sent.chain(Broken)) } else { Box::new(sent) };
        Part { from: have, bytes }
    }

    fn fetch(&self, length: usize) -> (Result<Fetched, Failure>, u64) {
        let mut asked = 0;
        let open = |have| {
            asked = have;
            Ok(self.part(have, length))
        };
        (self.downloads().fetch(&self.item, open, || false), asked)
    }

    fn stored(&self) -> Vec<u8> {
        std::fs::read(self.downloads().path(&self.item)).unwrap()
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let case = Case::new();
    let (first, asked) = case.fetch(500_000);
    assert!(matches!(first, Err(Failure::Trouble(Trouble::Away(_)))), "{first:?}");
    assert_eq!(asked, 0);
    assert!(!case.downloads().has(&case.item));
    assert_eq!(case.fetch(usize::MAX), (Ok(Fetched::Whole), 500_000));
    assert!(case.downloads().has(&case.item) && case.stored() == case.bytes);
    let unasked = |_| -> Result<Part, Trouble> { panic!("it is there") };
    assert_eq!(case.downloads().fetch(&case.item, unasked, || false), Ok(Fetched::Whole));
}

#[test]
fn a_server_that_knows_no_ranges_is_read_from_the_beginning() {
    let case = Case::new();
    case.fetch(500_000).0.unwrap_err();
    let whole = |_| Ok(case.part(0, usize::MAX));
    assert_eq!(case.downloads().fetch(&case.item, whole, || false), Ok(Fetched::Whole));
    assert_eq!(case.stored(), case.bytes);
}

#[test]
fn a_wrong_sum_is_refused_and_what_a_power_cut_spoilt_is_fetched_again_whole() {
    let mut case = Case::new();
    case.fetch(500_000).0.unwrap_err();
    let path = case.downloads().path(&case.item);
    let mut spoilt = std::fs::read(&path).unwrap();
    spoilt[499_000..].fill(0);
    std::fs::write(&path, spoilt).unwrap();
    let (first, _) = case.fetch(usize::MAX);
    assert!(matches!(first, Err(Failure::Trouble(Trouble::Nonsense { .. }))), "{first:?}");
    assert_eq!(case.fetch(usize::MAX), (Ok(Fetched::Whole), 0));
    case.item.sha256 = "ab".repeat(32);
    let (wrong, _) = case.fetch(usize::MAX);
    let Err(Failure::Hopeless(why)) = wrong else { panic!("{wrong:?}") };
    assert!(why.contains("SHA-256") && why.contains(&"ab".repeat(32)), "{why}");
}

#[test]
fn no_byte_more_than_was_announced_is_stored() {
    let mut case = Case::new();
    case.item.size -= 1;
    let (more, _) = case.fetch(usize::MAX);
    let Err(Failure::Hopeless(why)) = more else { panic!("{more:?}") };
    assert!(why.contains("more than the 1199999 bytes"), "{why}");
    assert_eq!(case.stored().len(), 0);
}

#[test]
fn a_disk_without_room_is_told_before_the_first_byte() {
    let case = Case::new();
    let downloads = Downloads::new(case.folder.path().join("download"), u64::MAX / 2);
    let unasked = |_| -> Result<Part, Trouble> { panic!("there is no room") };
    let Err(Failure::Hopeless(why)) = downloads.fetch(&case.item, unasked, || false) else { panic!("room") };
    assert!(why.contains("MiB are needed") && why.contains("MiB are free"), "{why}");
}

#[test]
fn there_is_only_ever_one_file() {
    let case = Case::new();
    let folder = case.folder.path().join("download");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("old.raucb"), "old").unwrap();
    case.fetch(usize::MAX).0.unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    case.downloads().clear().unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn links_in_the_place_of_folder_or_file_are_not_followed() {
    let case = Case::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = case.folder.path().join("download");
    std::os::unix::fs::symlink(elsewhere.path(), &folder).unwrap();
    let (linked, _) = case.fetch(usize::MAX);
    assert!(
        matches!(&linked, Err(Failure::Trouble(Trouble::Device(why))) if why.contains("not a folder")),
        "{linked:?}"
    );
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    let victim = elsewhere.path().join("victim");
    std::os::unix::fs::symlink(&victim, case.downloads().path(&case.item)).unwrap();
    assert!(case.fetch(usize::MAX).0.is_err());
    assert!(!victim.exists());
}

#[test]
fn a_download_ends_when_it_is_not_wanted_any_more_and_keeps_what_it_has() {
    let case = Case::new();
    let mut steps = 0;
    let watch = || {
        steps += 1;
        steps == 3
    };
    let open = |have| Ok(case.part(have, usize::MAX));
    assert_eq!(case.downloads().fetch(&case.item, open, watch), Ok(Fetched::Stopped));
    assert_eq!(case.stored().len(), 3 * STEP);
}
