#![allow(clippy::unwrap_used)]

use super::super::listing::{Found, What};
use super::*;
use std::ffi::OsStr;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const ROOMY: Room = Room { any: usize::MAX, old: usize::MAX };
const FOLDER: Stat = Stat { kind: Kind::Folder, size: 0, mtime_ns: 1 };

fn list(folders: &mut Folders, id: FolderId, names: &[&str], now: Duration) -> Vec<Found> {
    list_with(folders, id, names, ROOMY, Some(ms(1)), now)
}

fn list_with(
    folders: &mut Folders,
    id: FolderId,
    names: &[&str],
    room: Room,
    took: Option<Duration>,
    now: Duration,
) -> Vec<Found> {
    let mut pass = folders.list(id, room, now).unwrap();
    for name in names {
        pass.entry(OsStr::new(name), if name.ends_with('/') { Kind::Folder } else { Kind::File });
    }
    pass.finish(took)
}

fn names(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.name.to_str().unwrap()).collect()
}

/// A root whose one listing took `took`, and whose `files` are at rest.
fn at_rest(files: usize, took: Duration) -> (Folders, Vec<String>) {
    let mut folders = Folders::new(8, 1000);
    let files: Vec<String> = (0..files).map(|i| format!("{i}.dcm")).collect();
    folders.checked(ROOT, FOLDER.mtime_ns, ms(0));
    let borrowed: Vec<&str> = files.iter().map(String::as_str).collect();
    for found in list_with(&mut folders, ROOT, &borrowed, ROOMY, Some(took), ms(0)) {
        folders.know(found.id, Some(Stat { kind: Kind::File, size: 5, mtime_ns: 5 }), 1);
    }
    (folders, files)
}

#[test]
fn what_lies_there_at_first_is_old_and_what_comes_later_is_not() {
    let mut folders = Folders::new(8, 1000);
    let first = list(&mut folders, ROOT, &["a", "b", "sub/"], ms(0));
    assert!(first.iter().all(|found| found.is_old));
    assert_eq!(first[2].what, What::Folder);
    let second = list(&mut folders, ROOT, &["a", "b", "c", "sub/"], ms(500));
    assert_eq!(names(&second), ["c"]);
    assert!(!second[0].is_old);
}

#[test]
fn a_new_folder_holds_new_files_and_an_old_one_old_files() {
    let mut folders = Folders::new(8, 1000);
    let [old] = &list(&mut folders, ROOT, &["old/"], ms(0))[..] else { unreachable!() };
    folders.add(old.id, Arc::from(Path::new("old")), old.is_old);
    let [new] = &list(&mut folders, ROOT, &["old/", "new/"], ms(500))[..] else { unreachable!() };
    folders.add(new.id, Arc::from(Path::new("new")), new.is_old);
    assert_eq!(folders.unlisted(), Some(2), "the latest folder is listed first");
    assert!(list(&mut folders, 1, &["a"], ms(500))[0].is_old);
    assert!(!list(&mut folders, 2, &["a"], ms(500))[0].is_old);
}

#[test]
fn files_without_room_get_their_turn_and_keep_the_folder_lively_until_then() {
    let mut folders = Folders::new(8, 1000);
    let room = Room { any: 10, old: 2 };
    let all = ["a", "b", "c", "d", "e"];
    assert_eq!(names(&list_with(&mut folders, ROOT, &all, room, Some(ms(1)), ms(0))), ["a", "b"]);
    assert!(folders.any_lively(ms(1_000_000)));
    let all = ["a", "b", "c", "d", "e", "live"];
    let found = list_with(&mut folders, ROOT, &all, room, Some(ms(1)), ms(500));
    assert_eq!(names(&found), ["c", "d", "live"]);
    assert_eq!(found.iter().map(|f| f.is_old).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(names(&list_with(&mut folders, ROOT, &all, room, Some(ms(1)), ms(1000))), ["e"]);
    assert!(!folders.any_lively(ms(1_000_000)));
}

#[test]
fn a_lively_folder_is_listed_for_a_tenth_of_the_time_at_most() {
    let mut folders = Folders::new(8, 1000);
    assert!(folders.checked(ROOT, 1, ms(0)), "never listed");
    assert!(!folders.any_lively(ms(0)) || folders.unlisted().is_some(), "what lies there is not lively by itself");
    list_with(&mut folders, ROOT, &["a"], ROOMY, Some(ms(100)), ms(0));
    assert!(!folders.checked(ROOT, 2, ms(900)));
    assert!(folders.checked(ROOT, 2, ms(1000)), "changed, and ten times its listing time has passed");
}

#[test]
fn an_idle_folder_is_still_listed_since_its_time_may_lie() {
    let (mut folders, _) = at_rest(3, ms(1));
    let mut listings = Vec::new();
    for t in (500..30_000).step_by(500) {
        assert!(!folders.checked(ROOT, FOLDER.mtime_ns, ms(t)));
        if let Some(ROOT) = folders.idle(ms(t)) {
            list(&mut folders, ROOT, &["0.dcm", "1.dcm", "2.dcm"], ms(t));
            listings.push(t);
        }
    }
    assert_eq!(listings, [5000, 10_000, 15_000, 20_000, 25_000]);
}

#[test]
fn all_idle_folders_together_are_listed_for_a_400th_of_the_time_and_each_has_its_turn() {
    let mut folders = Folders::new(8, 1000);
    for i in 1..=20 {
        folders.insert(Arc::from(Path::new(&i.to_string())), 1, None, true);
    }
    for id in 0..=20 {
        list(&mut folders, id, &[], ms(0));
    }
    let mut listings = BTreeMap::new();
    for t in (20_000..440_000).step_by(500) {
        while let Some(id) = folders.idle(ms(t)) {
            list_with(&mut folders, id, &[], ROOMY, Some(ms(10)), ms(t));
            *listings.entry(id).or_insert(0) += 1;
        }
    }
    assert_eq!(listings.values().sum::<u32>(), 420 / 4 + 1, "10 ms every 4 s");
    assert_eq!(listings.values().map(|n| n / 5).collect::<Vec<_>>(), [1; 21], "five or six times each: {listings:?}");
}

#[test]
fn known_files_are_looked_at_again_in_turn_and_in_measure() {
    let (mut folders, files) = at_rest(2500, ms(1));
    let borrowed: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut again = Vec::new();
    for t in 1..=16_u64 {
        let found = list(&mut folders, ROOT, &borrowed, ms(t * 1000));
        assert!(found.len() <= if t == 1 { 1000 } else { 100 }, "{}", found.len());
        for found in found {
            let What::KnownFile(stat, 1) = found.what else { unreachable!("{:?}", found.what) };
            folders.know(found.id, Some(stat), 1);
            again.push(found.name);
        }
    }
    assert_eq!(again.len(), 2500);
    again.sort();
    again.dedup();
    assert_eq!(again.len(), 2500, "each once before any twice");
}

#[test]
fn one_short_listing_forgets_nothing_and_two_do() {
    let (mut folders, _) = at_rest(2, ms(1));
    assert!(list(&mut folders, ROOT, &[], ms(500)).is_empty());
    let found = list(&mut folders, ROOT, &["0.dcm", "1.dcm"], ms(1000));
    assert!(found.iter().all(|found| matches!(found.what, What::KnownFile(..))), "still known: {found:?}");
    list(&mut folders, ROOT, &[], ms(1500));
    list(&mut folders, ROOT, &[], ms(2000));
    let found = list(&mut folders, ROOT, &["0.dcm", "1.dcm"], ms(2500));
    assert!(found.iter().all(|found| found.what == What::NewFile), "forgotten: {found:?}");
}

#[test]
fn a_listing_that_breaks_off_concludes_nothing_from_what_it_did_not_name() {
    let (mut folders, _) = at_rest(2, ms(1));
    for t in 1..10 {
        let found = list_with(&mut folders, ROOT, &["new"], ROOMY, None, ms(t * 500));
        assert_eq!(found.len(), usize::from(t == 1), "what it named is not lost, nor found twice");
    }
    let found = list(&mut folders, ROOT, &["0.dcm", "1.dcm", "new"], ms(9000));
    assert!(found.iter().all(|found| matches!(found.what, What::KnownFile(..))), "{found:?}");
}

#[test]
fn depth_and_number_of_folders_are_bounded_and_counted() {
    let mut folders = Folders::new(1, 3);
    let found = list(&mut folders, ROOT, &["a/", "b/", "c/"], ms(0));
    for found in &found {
        folders.add(found.id, Arc::from(Path::new(&found.name)), true);
    }
    assert_eq!(folders.left_out, 1, "the root and two more");
    let deep = list(&mut folders, 1, &["deep/"], ms(0));
    folders.gone(2);
    folders.add(deep[0].id, Arc::from(Path::new("a/deep")), true);
    assert_eq!(folders.left_out, 2, "too deep");
}

#[test]
fn a_folder_that_went_and_came_again_is_a_new_one() {
    let mut folders = Folders::new(8, 1000);
    let found = list(&mut folders, ROOT, &["a/"], ms(0));
    folders.add(found[0].id, Arc::from(Path::new("a")), true);
    folders.gone(1);
    assert!(folders.path(1).is_none());
    let found = list(&mut folders, ROOT, &["a/"], ms(500));
    assert_eq!((names(&found), found[0].is_old), (vec!["a/"], false));
}

#[test]
fn of_many_folders_the_lively_and_the_root_are_checked_always_and_the_rest_in_turn() {
    let mut folders = Folders::new(8, 5000);
    for i in 0..1000 {
        folders.insert(Arc::from(Path::new(&i.to_string())), 1, None, true);
    }
    for id in 0..=1000 {
        list(&mut folders, id, &[], ms(0));
    }
    folders.checked(700, 1, ms(90_000));
    folders.checked(700, 2, ms(100_000));
    let mut seen = std::collections::BTreeSet::new();
    for t in 0..11 {
        let due = folders.due_for_check(ms(100_000 + t * 500));
        assert!(due.len() <= CHECKS_PER_SCAN + 2, "{}", due.len());
        assert!(due.contains(&ROOT) && due.contains(&700));
        seen.extend(due);
    }
    assert_eq!(seen.len(), 1001, "every folder has had its turn");
}

#[test]
fn a_folder_that_may_not_be_listed_holds_up_no_other() {
    let mut folders = Folders::new(8, 1000);
    folders.insert(Arc::from(Path::new("locked")), 1, None, true);
    folders.refused(1, ms(0));
    assert_eq!(folders.unlisted(), Some(ROOT));
    assert_eq!(folders.idle(ms(60_000)), Some(1), "it is tried again in its turn");
}
