#![allow(clippy::unwrap_used)]

use super::super::fingerprint::PathSecret;
use super::super::folders::Folders;
use super::super::listing::Room;
use super::super::share::Kind;
use super::*;
use std::ffi::OsStr;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn stat(size: u64, mtime_ns: i64) -> Stat {
    Stat { kind: Kind::File, size, mtime_ns }
}

const fn settings() -> Settings {
    Settings::new(PathSecret([7; 32]))
}

fn file() -> Tracked {
    let mut folders = Folders::new(1, 1);
    let mut pass = folders.list(0, Room { any: 1, old: 1 }, ms(0)).unwrap();
    pass.entry(OsStr::new("a"), Kind::File);
    let id = pass.finish(Some(ms(1)))[0].id;
    Tracked::new(id, Arc::from(Path::new("a")), ms(0))
}

/// A file that has settled in the state `stat`, at 400 ms.
fn settled(stat: Stat) -> Tracked {
    let mut file = file();
    file.look(stat, ms(0), ms(0), &settings());
    file.look(stat, ms(400), ms(400), &settings());
    assert!(file.is_ready());
    file
}

fn reading(stat: Stat, content: &[u8], structure: Structure) -> Reading {
    Reading {
        opened: stat,
        after: stat,
        length: stat.size,
        content: ContentDigest::of(content),
        structure,
        flat_tail: false,
    }
}

/// Looks at the file whenever that is due, and reads it as `read` says once it is settled, until it is handed on.
fn live(
    file: &mut Tracked,
    mut at: impl FnMut(Duration) -> Stat,
    mut read: impl FnMut(Duration) -> Reading,
) -> (Duration, Finish) {
    let settings = settings();
    let mut now = file.due;
    for _ in 0..10_000 {
        file.look(at(now), now, now, &settings);
        if file.is_ready()
            && let Some(finish) = file.read(&read(now), now, &settings)
        {
            return (now, finish);
        }
        now = file.due.max(now + ms(1));
    }
    unreachable!("the file is never handed on");
}

#[test]
fn a_file_is_ready_when_two_looks_the_settle_time_apart_agree() {
    let mut file = file();
    assert_eq!(file.look(stat(9, 1), ms(0), ms(0), &settings()), Look::Changed);
    assert_eq!(file.due, ms(400));
    assert_eq!(file.look(stat(9, 1), ms(399), ms(399), &settings()), Look::Waiting);
    assert!(!file.is_ready());
    file.look(stat(9, 1), ms(400), ms(400), &settings());
    assert!(file.is_ready());
}

#[test]
fn growth_and_a_new_time_each_start_the_wait_anew() {
    for changed in [stat(10, 1), stat(9, 2)] {
        let mut file = file();
        file.look(stat(9, 1), ms(0), ms(0), &settings());
        file.look(changed, ms(390), ms(390), &settings());
        file.look(changed, ms(789), ms(789), &settings());
        assert!(!file.is_ready());
        file.look(changed, ms(790), ms(790), &settings());
        assert!(file.is_ready());
    }
}

#[test]
fn time_that_the_share_took_to_answer_does_not_count_as_unchanged() {
    let mut file = file();
    file.look(stat(9, 1), ms(0), ms(3000), &settings());
    file.look(stat(9, 1), ms(3100), ms(9000), &settings());
    assert!(!file.is_ready(), "100 ms lie between the first answer and the second question");
}

#[test]
fn a_settled_whole_file_is_handed_on_by_the_first_reading() {
    let mut file = settled(stat(9, 1));
    let reading = reading(stat(9, 1), b"slice", Structure::Complete);
    assert_eq!(file.read(&reading, ms(410), &settings()), Some(Finish::Whole));
}

#[test]
fn a_file_that_changes_while_it_is_read_settles_anew() {
    let before = stat(9, 1);
    let readings = [
        Reading { opened: stat(10, 1), ..reading(before, b"x", Structure::Complete) },
        Reading { after: stat(9, 2), ..reading(before, b"x", Structure::Complete) },
        Reading { length: 8, ..reading(before, b"x", Structure::Complete) },
    ];
    for reading in readings {
        let mut file = settled(before);
        assert_eq!(file.read(&reading, ms(410), &settings()), None);
        assert!(!file.is_ready());
        file.look(reading.after, ms(810), ms(810), &settings());
        assert!(file.is_ready());
    }
}

#[test]
fn a_file_reserved_in_full_and_filled_later_is_not_taken_before_it_is_filled() {
    // Size and time never change. Nothing but zeros until 2 s; header and half of the pixels until 5 s.
    let steady = stat(500_000, 1);
    let read = |now: Duration| match now {
        t if t < ms(2000) => Reading { flat_tail: true, ..reading(steady, b"zeros", Structure::Unknown) },
        t if t < ms(5000) => {
            let filled = t.as_millis().to_le_bytes();
            Reading { flat_tail: true, ..reading(steady, &filled, Structure::Complete) }
        }
        _ => reading(steady, b"all", Structure::Complete),
    };
    let (now, finish) = live(&mut file(), |_| steady, read);
    assert_eq!(finish, Finish::Whole);
    assert!(now >= ms(5000) && now < ms(7000), "{now:?}");
}

#[test]
fn a_picture_that_ends_in_air_is_taken_when_a_second_reading_agrees() {
    let steady = stat(500_000, 1);
    let read = |_| Reading { flat_tail: true, ..reading(steady, b"air", Structure::Complete) };
    assert_eq!(live(&mut file(), |_| steady, read), (ms(1400), Finish::Whole));
}

#[test]
fn an_unfinished_file_is_handed_on_as_such_when_it_has_not_changed_for_long() {
    let steady = stat(9, 1);
    let (now, finish) = live(&mut file(), |_| steady, |_| reading(steady, b"half", Structure::Incomplete));
    assert_eq!((now, finish), (ms(30_000), Finish::Incomplete));
}

#[test]
fn a_slow_copy_that_pauses_is_never_handed_on_unfinished() {
    // A block every 3 s for 40 s: at every pause the file is unchanged for longer than it settles.
    let grown = |now: Duration| stat(1 + u64::try_from(now.as_millis() / 3000).unwrap().min(13), 1);
    let mut readings = 0;
    let (now, finish) = live(&mut file(), grown, |now| {
        readings += 1;
        let structure = if now < ms(39_000) { Structure::Incomplete } else { Structure::Complete };
        reading(grown(now), b"block", structure)
    });
    assert_eq!(finish, Finish::Whole);
    assert!(now < ms(60_000), "{now:?}");
    assert!(readings < 8, "a growing file is read ever less often: {readings}");
}

#[test]
fn a_file_that_is_none_of_ours_is_handed_on_at_once_and_an_empty_one_is_waited_for() {
    let mut foreign = settled(stat(9, 1));
    assert_eq!(
        foreign.read(&reading(stat(9, 1), b"text", Structure::Unknown), ms(410), &settings()),
        Some(Finish::Whole)
    );
    let mut empty = settled(stat(0, 1));
    assert_eq!(empty.read(&reading(stat(0, 1), b"", Structure::Unknown), ms(410), &settings()), None);
}

#[test]
fn a_refused_file_is_tried_again_and_given_up_in_the_end() {
    let mut file = settled(stat(9, 1));
    assert!(!file.refused(ms(400), &settings()), "open elsewhere, perhaps");
    assert!(!file.is_ready());
    file.look(stat(9, 1), ms(1200), ms(1200), &settings());
    assert!(file.is_ready(), "tried again after twice the settle time");
    assert!(file.refused(ms(30_000), &settings()));
}

#[test]
fn a_handed_file_is_looked_at_four_more_times_and_then_rests() {
    let mut file = settled(stat(9, 1));
    file.handed(ms(1000));
    for due in [3000, 9000, 29_000, 89_000] {
        assert_eq!(file.due, ms(due));
        let look = file.look(stat(9, 1), file.due, file.due, &settings());
        assert_eq!(look, if due == 89_000 { Look::AtRest } else { Look::Waiting });
        assert!(!file.is_waiting());
    }
}

#[test]
fn a_handed_file_that_changes_is_read_again_as_a_new_one() {
    let mut file = settled(stat(9, 1));
    file.handed(ms(1000));
    assert_eq!(file.look(stat(9, 2), ms(3000), ms(3000), &settings()), Look::Changed);
    assert!(file.is_waiting());
    assert_eq!(file.first_seen, ms(3000));
    file.look(stat(9, 2), ms(3800), ms(3800), &settings());
    assert!(file.is_ready());
}

#[test]
fn a_file_that_changes_for_ever_costs_ever_less() {
    let mut file = file();
    let mut handed: Vec<Duration> = Vec::new();
    let mut now = ms(0);
    while now < ms(600_000) {
        // A log that grows every 50 ms once it was read.
        let state = stat(9 + u64::try_from(handed.len()).unwrap(), 1);
        file.look(state, now, now, &settings());
        if file.is_ready() && file.read(&reading(state, b"log", Structure::Unknown), now, &settings()).is_some() {
            file.handed(now);
            handed.push(now);
        }
        now = file.due.max(now + ms(1));
    }
    assert!(handed.len() < 20, "{handed:?}");
    assert!(handed.windows(3).all(|w| w[2] - w[1] >= w[1] - w[0]), "{handed:?}");
}

#[test]
fn a_known_file_is_looked_at_once() {
    let name = file().name;
    let mut same = Tracked::known(name, Arc::from(Path::new("a")), stat(9, 1), 1, ms(50));
    assert_eq!((same.due, same.is_waiting()), (ms(50), false));
    assert_eq!(same.look(stat(9, 1), ms(50), ms(50), &settings()), Look::AtRest);
    let mut changed = Tracked::known(name, Arc::from(Path::new("a")), stat(9, 1), 1, ms(50));
    assert_eq!(changed.look(stat(8, 1), ms(50), ms(50), &settings()), Look::Changed);
    assert!(changed.is_waiting());
}

#[test]
fn an_outage_makes_a_file_settle_anew_but_not_a_handed_one() {
    let mut file = settled(stat(9, 1));
    file.unsettle();
    assert!(!file.is_ready());
    assert_eq!(file.look(stat(9, 1), ms(90_000), ms(90_000), &settings()), Look::Changed);
    assert_eq!(file.due, ms(90_400));
    let mut handed = settled(stat(9, 1));
    handed.handed(ms(400));
    handed.unsettle();
    assert_eq!(handed.look(stat(9, 1), ms(90_000), ms(90_000), &settings()), Look::Waiting);
}
