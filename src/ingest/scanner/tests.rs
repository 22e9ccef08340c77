#![allow(clippy::unwrap_used)]

use super::super::fingerprint::{PathKey, PathSecret};
use super::super::scripted::Scripted;
use super::super::share::Kind;
use super::*;
use crossbeam_channel::{Receiver, bounded};
use std::collections::BTreeSet;
use std::sync::Mutex;

const SECRET: PathSecret = PathSecret([7; 32]);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn key(path: &str) -> PathKey {
    PathKey::of(Path::new(path), &SECRET)
}

/// `...!` is whole, `text` is none of ours, all else is unfinished.
fn structure(bytes: &[u8]) -> Structure {
    match bytes {
        [.., b'!'] => Structure::Complete,
        b"text" => Structure::Unknown,
        _ => Structure::Incomplete,
    }
}

/// A scanner at work on a scripted share.
struct Bench {
    share: Scripted,
    scanner: Scanner<Scripted>,
    events: Receiver<Event>,
    now: Duration,
    last: ScanReport,
}

impl Bench {
    fn new() -> Self {
        Self::with(Scripted::new(), 1000, |_| false)
    }

    fn with(share: Scripted, capacity: usize, known: impl Fn(&Fingerprint) -> bool + Send + 'static) -> Self {
        let (sender, events) = bounded(capacity);
        let settings = Settings { max_file_bytes: 100, ..Settings::new(SECRET) };
        let scanner = Scanner::new(share.clone(), settings, known, structure, sender);
        Self { share, scanner, events, now: ms(0), last: ScanReport::default() }
    }

    /// Scans as often as the scanner wishes for `millis`, and collects what it hands on.
    fn run(&mut self, millis: u64) -> Vec<Event> {
        let end = self.now + ms(millis);
        let mut events = Vec::new();
        while self.now < end {
            let now = self.now;
            self.last = self.scanner.scan(&|| now).unwrap();
            events.extend(self.events.try_iter());
            self.now += self.last.pause.max(ms(1));
        }
        events
    }

    /// As `run`, the files only.
    fn arrivals(&mut self, millis: u64) -> Vec<Arrival> {
        let is_arrival = |event| if let Event::Arrival(arrival) = event { Some(arrival) } else { None };
        self.run(millis).into_iter().filter_map(is_arrival).collect()
    }

    fn states(&mut self, millis: u64) -> Vec<ShareState> {
        let is_state = |event| if let Event::Share(state) = event { Some(state) } else { None };
        self.run(millis).into_iter().filter_map(is_state).collect()
    }
}

fn paths(arrivals: &[Arrival]) -> Vec<PathKey> {
    arrivals.iter().map(|arrival| arrival.fingerprint.path).collect()
}

fn lost() -> ShareError {
    ShareError::Lost("Host is down (os error 112)".into())
}

#[test]
fn a_file_arrives_once_with_its_bytes_and_digests() {
    let mut bench = Bench::new();
    bench.run(1000);
    bench.share.write("study/1.dcm", b"slice!", 5);
    let [arrival] = &bench.arrivals(1100)[..] else { panic!("one arrival") };
    assert_eq!(arrival.bytes, b"slice!");
    assert_eq!(arrival.content_digest, ContentDigest::of(b"slice!"));
    assert_eq!(arrival.fingerprint, Fingerprint { path: key("study/1.dcm"), size: 6, mtime_ns: 5 });
    assert!(!arrival.incomplete);
    assert!(arrival.read_at - arrival.first_seen < ms(500));
    assert!(bench.arrivals(600_000).is_empty(), "never again");
    assert_eq!(bench.share.script().reads.len(), 1);
}

#[test]
fn a_file_is_handed_on_within_700_ms_while_a_study_arrives() {
    let mut bench = Bench::new();
    bench.share.write("study/0.dcm", b"0!", 1);
    bench.run(5000);
    for i in 1..50 {
        bench.share.write(&format!("study/{i}.dcm"), b"slice!", i);
        let written = bench.now;
        let arrivals = bench.arrivals(700);
        assert_eq!(arrivals.len(), 1);
        assert!(arrivals[0].read_at - written <= ms(700), "{:?}", arrivals[0].read_at - written);
    }
}

#[test]
fn a_temporary_name_is_ignored_until_it_is_renamed() {
    let mut bench = Bench::new();
    bench.share.write("1.dcm.tmp", b"slice!", 5);
    assert!(bench.arrivals(5000).is_empty());
    bench.share.remove("1.dcm.tmp");
    bench.share.write("1.dcm", b"slice!", 5);
    assert_eq!(paths(&bench.arrivals(2000)), [key("1.dcm")]);
}

#[test]
fn links_and_devices_are_never_opened() {
    let mut bench = Bench::new();
    bench.share.script().put("link", Kind::Other, b"slice!", 1);
    bench.share.script().is_terse = true;
    bench.share.write("1.dcm", b"slice!", 5);
    assert_eq!(paths(&bench.arrivals(3000)), [key("1.dcm")]);
    assert_eq!(bench.share.script().reads, [Path::new("1.dcm")]);
}

#[test]
fn a_share_whose_listings_do_not_tell_files_from_folders_works_too() {
    let mut bench = Bench::new();
    bench.share.script().is_terse = true;
    bench.share.write("a/b/c/1.dcm", b"slice!", 5);
    assert_eq!(paths(&bench.arrivals(5000)), [key("a/b/c/1.dcm")]);
}

#[test]
fn a_new_file_is_found_even_when_the_folder_times_lie() {
    let mut bench = Bench::new();
    bench.share.script().folder_times_lie = true;
    bench.share.write("study/1.dcm", b"slice!", 5);
    bench.run(60_000);
    bench.share.write("study/2.dcm", b"slice!", 5);
    assert_eq!(paths(&bench.arrivals(7000)), [key("study/2.dcm")]);
}

#[test]
fn what_was_handed_on_in_an_earlier_life_is_neither_read_nor_handed_on() {
    let share = Scripted::new();
    let earlier = Arc::new(Mutex::new(BTreeSet::new()));
    (0..20).for_each(|i| share.write(&format!("{i}.dcm"), b"slice!", i));
    let mut first = Bench::with(share.clone(), 1000, |_| false);
    earlier.lock().unwrap().extend(first.arrivals(3000).iter().map(|arrival| arrival.fingerprint));
    share.script().reads.clear();
    share.write("20.dcm", b"slice!", 20);
    share.write("7.dcm", b"another slice!", 700);
    let mut second = Bench::with(share.clone(), 1000, move |f| earlier.lock().unwrap().contains(f));
    let arrived: BTreeSet<_> = paths(&second.arrivals(3000)).into_iter().collect();
    assert_eq!(arrived, BTreeSet::from([key("20.dcm"), key("7.dcm")]));
    assert_eq!(share.script().reads.len(), 2);
}

#[test]
fn an_outage_is_told_once_and_leads_to_no_second_arrival() {
    let mut bench = Bench::new();
    (0..50).for_each(|i| bench.share.write(&format!("study/{i}.dcm"), b"slice!", i));
    assert_eq!(bench.arrivals(3000).len(), 50);
    bench.share.script().outage = Some(lost());
    assert_eq!(bench.states(600_000), [ShareState::Lost { reason: "Host is down (os error 112)".into() }]);
    bench.share.script().outage = None;
    bench.share.write("study/new.dcm", b"slice!", 99);
    let events = bench.run(600_000);
    assert!(matches!(events[0], Event::Share(ShareState::Available)));
    let [_, Event::Arrival(arrival)] = &events[..] else { panic!("the new file only: {events:?}") };
    assert_eq!(arrival.fingerprint.path, key("study/new.dcm"));
    assert_eq!(bench.share.script().reads.len(), 51);
}

#[test]
fn a_bare_mount_point_is_not_an_empty_share() {
    let mut bench = Bench::new();
    bench.share.write("1.dcm", b"slice!", 1);
    bench.run(3000);
    bench.share.script().outage = Some(ShareError::NotMounted);
    assert_eq!(bench.states(5000), [ShareState::NotMounted]);
    bench.share.script().outage = None;
    let events = bench.run(60_000);
    assert!(matches!(events[..], [Event::Share(ShareState::Available)]), "{events:?}");
}

#[test]
fn an_outage_in_the_middle_of_a_copy_makes_the_file_settle_anew() {
    let mut bench = Bench::new();
    bench.run(1000);
    bench.share.write("1.dcm", b"half", 1);
    bench.run(300);
    bench.share.script().outage = Some(lost());
    bench.run(3_600_000);
    bench.share.script().outage = None;
    assert!(bench.arrivals(10_000).is_empty(), "the console may resume: an hour of outage is no patience used up");
    bench.share.write("1.dcm", b"half and half!", 2);
    assert_eq!(bench.arrivals(20_000)[0].bytes, b"half and half!");
}

#[test]
fn one_bad_sector_is_not_a_lost_share() {
    let mut bench = Bench::new();
    bench.share.script().broken.insert("bad.dcm".into(), ShareError::Lost("Input/output error".into()));
    bench.share.write("bad.dcm", b"slice!", 1);
    bench.share.write("good.dcm", b"slice!", 1);
    let events = bench.run(40_000);
    let [Event::Share(ShareState::Available), Event::Arrival(good), Event::Unreadable(bad)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(good.fingerprint.path, key("good.dcm"));
    assert_eq!(bad.fingerprint.path, key("bad.dcm"));
    assert_eq!(bad.why, Why::Refused("Input/output error".into()));
}

#[test]
fn a_share_that_lets_nobody_in_is_lost_not_empty() {
    let mut bench = Bench::new();
    let refused = ShareError::Refused("Permission denied (os error 13)".into());
    bench.share.script().broken.insert("".into(), refused);
    let lost = ShareState::Lost { reason: "Permission denied (os error 13)".into() };
    assert_eq!(bench.states(60_000), [lost], "once, and without coming and going");
    bench.share.script().broken.clear();
    bench.share.write("1.dcm", b"slice!", 1);
    let events = bench.run(5000);
    assert!(matches!(&events[..], [Event::Share(ShareState::Available), Event::Arrival(_)]), "{events:?}");
}

#[test]
fn many_errors_in_one_scan_are_a_lost_share_even_if_its_root_answers_from_a_cache() {
    let mut bench = Bench::new();
    for i in 0..5 {
        bench.share.write(&format!("{i}.dcm"), b"slice!", i);
        bench.share.script().broken.insert(format!("{i}.dcm").into(), ShareError::Lost("Stale file handle".into()));
    }
    assert_eq!(bench.states(100), [ShareState::Lost { reason: "Stale file handle".into() }]);
}

#[test]
fn files_on_bad_sectors_are_named_in_the_end_and_starve_no_other() {
    let mut bench = Bench::new();
    for i in 0..9 {
        bench.share.write(&format!("{i}.dcm"), b"slice!", i);
        bench.share.script().broken.insert(format!("{i}.dcm").into(), ShareError::Lost("Input/output error".into()));
    }
    bench.share.write("good.dcm", b"slice!", 1);
    assert_eq!(paths(&bench.arrivals(5000)), [key("good.dcm")]);
    let events = bench.run(60_000);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Unreadable(_))).count(), 9, "{events:?}");
    assert!(bench.run(600_000).is_empty(), "and the share is quiet from then on");
}

#[test]
fn a_file_open_elsewhere_arrives_when_it_is_released_and_is_named_when_it_is_not() {
    let mut bench = Bench::new();
    bench.run(500);
    let refused = ShareError::Refused("Permission denied (os error 13)".into());
    for name in ["released.dcm", "kept.dcm"] {
        bench.share.script().broken.insert(name.into(), refused.clone());
        bench.share.write(name, b"slice!", 1);
    }
    assert!(bench.run(10_000).is_empty());
    bench.share.script().broken.remove(Path::new("released.dcm"));
    assert_eq!(paths(&bench.arrivals(15_000)), [key("released.dcm")]);
    let events = bench.run(60_000);
    let [Event::Unreadable(kept)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((kept.fingerprint.path, kept.why.code()), (key("kept.dcm"), "file_refused"));
}

#[test]
fn a_file_larger_than_allowed_is_named_and_never_read() {
    let mut bench = Bench::new();
    bench.run(500);
    bench.share.write("big.dcm", &[b'!'; 101], 1);
    let events = bench.run(5000);
    let [Event::Unreadable(big)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(big.why, Why::TooLarge { size: 101, limit: 100 });
    assert!(bench.share.script().reads.is_empty());
    assert!(bench.run(600_000).is_empty(), "named once");
}

#[test]
fn an_unfinished_file_is_handed_on_as_incomplete_and_again_when_it_grows() {
    let mut bench = Bench::new();
    bench.run(500);
    bench.share.write("1.dcm", b"half", 1);
    assert!(bench.arrivals(29_000).is_empty());
    let [half] = &bench.arrivals(3000)[..] else { panic!("one arrival") };
    assert!(half.incomplete);
    bench.share.write("1.dcm", b"half and half!", 2);
    let [whole] = &bench.arrivals(10_000)[..] else { panic!("one arrival") };
    assert!(!whole.incomplete);
    assert_eq!(whole.bytes, b"half and half!");
    assert!(bench.run(600_000).is_empty());
}

#[test]
fn an_old_file_that_is_overwritten_long_after_is_read_again() {
    let mut bench = Bench::new();
    bench.share.write("1.dcm", b"slice!", 1);
    assert_eq!(bench.arrivals(200_000).len(), 1);
    bench.share.write("1.dcm", b"other!", 2);
    assert_eq!(bench.arrivals(10_000)[0].bytes, b"other!");
}

#[test]
fn a_full_channel_leaves_the_files_on_the_share_and_loses_none() {
    let share = Scripted::new();
    (0..30).for_each(|i| share.write(&format!("{i}.dcm"), b"slice!", i));
    let mut bench = Bench::with(share, 4, |_| false);
    for _ in 0..20 {
        let now = bench.now;
        bench.last = bench.scanner.scan(&|| now).unwrap();
        bench.now += ms(400);
    }
    assert!(bench.last.held_back);
    assert_eq!(bench.last.pause, ms(50));
    assert_eq!(bench.share.script().reads.len(), 3, "the state of the share and three files fill the channel");
    assert_eq!(bench.scanner.pulse().waiting(), 27);
    let arrivals = bench.arrivals(5000);
    assert_eq!(arrivals.len(), 30);
    assert_eq!(bench.share.script().reads.len(), 30);
    assert_eq!(bench.scanner.pulse().waiting(), 0);
}

#[test]
fn what_arrives_goes_before_a_backlog() {
    let share = Scripted::new();
    (0..3000).for_each(|i| share.write(&format!("old/{i}.dcm"), b"slice!", i));
    let mut bench = Bench::with(share, 8, |_| false);
    let backlog = bench.arrivals(700).len();
    assert!(backlog < 3000, "still busy with the backlog: {backlog}");
    bench.share.write("new/1.dcm", b"slice!", 9000);
    let arrivals = paths(&bench.arrivals(1500));
    let place = arrivals.iter().position(|path| *path == key("new/1.dcm")).unwrap();
    assert!(arrivals.len() > place + 1, "the backlog goes on behind it");
    let rest = bench.arrivals(60_000).len();
    assert_eq!(backlog + arrivals.len() + rest, 3001);
}

#[test]
fn it_has_caught_up_when_all_that_lay_there_was_read_once() {
    let share = Scripted::new();
    (0..30).for_each(|i| share.write(&format!("old/{i}.dcm"), b"slice!", i));
    share.write("old/half.dcm", b"half", 99);
    let mut bench = Bench::with(share, 4, |_| false);
    let mut arrivals = Vec::new();
    while !bench.scanner.pulse().has_caught_up() {
        assert!(bench.now < ms(60_000), "it never does");
        arrivals.extend(bench.arrivals(1));
    }
    assert_eq!(arrivals.len(), 30, "and no half-written file keeps it from that");
    assert!(arrivals[..20].iter().all(|arrival| arrival.backlog_beside));
    bench.share.write("old/new.dcm", b"slice!", 100);
    assert!(!bench.arrivals(2000)[0].backlog_beside, "what arrives is no backlog");
}

#[test]
fn a_lost_share_is_not_caught_up_with() {
    let share = Scripted::new();
    share.script().outage = Some(lost());
    let mut bench = Bench::with(share, 8, |_| false);
    bench.run(60_000);
    assert!(!bench.scanner.pulse().has_caught_up());
    bench.share.script().outage = None;
    bench.run(5000);
    assert!(bench.scanner.pulse().has_caught_up(), "nothing lies there");
}

#[test]
fn a_large_old_folder_costs_next_to_nothing_when_nothing_happens() {
    let share = Scripted::new();
    (0..20_000).for_each(|i| share.script().put(&format!("{i}.dcm"), Kind::File, b"slice!", 1));
    // A listing takes 60 ms, as one of 100,000 names does on a slow board.
    share.script().per_entry = Duration::from_micros(3);
    let mut bench = Bench::with(share, 8, |_| true);
    bench.run(200_000);
    let asked = |bench: &Bench| {
        let script = bench.share.script();
        (script.stats, script.listings)
    };
    let before = asked(&bench);
    bench.run(100_000);
    let after = asked(&bench);
    let (stats, listings) = (after.0 - before.0, after.1 - before.1);
    assert!(listings <= 5, "{listings} listings in 100 s");
    assert!(stats <= 200 + listings * 1000, "{stats} stats in 100 s");
    assert!(bench.share.script().reads.is_empty());
    bench.share.write("new.dcm", b"slice!", 2);
    bench.run(1500);
    assert_eq!(bench.last.pause, ms(200), "and a change is noticed at once");
}

#[test]
fn among_a_thousand_old_folders_a_new_study_is_found_at_once_and_a_late_file_soon() {
    let share = Scripted::new();
    (0..1000).for_each(|i| share.write(&format!("{i}/1.dcm"), b"slice!", 1));
    let mut bench = Bench::with(share, 8, |f| f.mtime_ns == 1);
    bench.run(120_000);
    bench.share.write("new/study/1.dcm", b"slice!", 2);
    assert_eq!(paths(&bench.arrivals(1500)), [key("new/study/1.dcm")]);
    bench.share.write("77/late.dcm", b"slice!", 3);
    assert_eq!(paths(&bench.arrivals(7000)), [key("77/late.dcm")]);
    bench.run(120_000);
    let before = bench.share.script().stats;
    bench.run(10_000);
    let stats = bench.share.script().stats - before;
    assert!(stats <= 21 * 101 + 1100, "{stats} stats in 10 s");
}

#[test]
fn a_file_that_vanishes_before_it_is_read_is_counted() {
    let mut bench = Bench::new();
    bench.run(500);
    bench.share.write("1.dcm", b"slice!", 1);
    bench.run(300);
    bench.share.remove("1.dcm");
    assert!(bench.arrivals(5000).is_empty());
    assert_eq!(bench.last.vanished, 1);
}

#[test]
fn a_root_that_is_removed_is_a_lost_share() {
    let mut bench = Bench::new();
    bench.run(500);
    bench.share.script().broken.insert("".into(), ShareError::Gone);
    assert_eq!(bench.states(600), [ShareState::Lost { reason: "not there".into() }]);
    bench.share.script().broken.clear();
    bench.share.write("1.dcm", b"slice!", 1);
    assert_eq!(bench.run(3000).len(), 2, "available, and the file");
}

#[test]
fn a_folder_that_may_not_be_listed_does_not_stop_the_others() {
    let mut bench = Bench::new();
    bench.share.write("locked/1.dcm", b"slice!", 1);
    bench.share.write("open/1.dcm", b"slice!", 1);
    bench.share.script().broken.insert("locked".into(), ShareError::Refused("Permission denied".into()));
    assert_eq!(paths(&bench.arrivals(5000)), [key("open/1.dcm")]);
    bench.share.script().broken.clear();
    assert_eq!(paths(&bench.arrivals(20_000)), [key("locked/1.dcm")]);
}

#[test]
fn a_quiet_share_is_scanned_twice_a_second_and_the_pulse_beats_with_every_call() {
    let mut bench = Bench::new();
    bench.share.write("1.dcm", b"slice!", 1);
    bench.run(200_000);
    assert_eq!(bench.last.pause, ms(500));
    let before = bench.scanner.pulse().beats();
    bench.run(500);
    assert!(bench.scanner.pulse().beats() >= before + 3, "probe, stat, scan");
}

#[test]
fn a_scanner_to_which_nobody_listens_says_so() {
    let mut bench = Bench::new();
    bench.run(1000);
    drop(std::mem::replace(&mut bench.events, bounded(0).1));
    bench.share.write("1.dcm", b"slice!", 1);
    let outcomes = [2000, 3000, 4000].map(|t| bench.scanner.scan(&|| ms(t)));
    assert_eq!(outcomes.last(), Some(&Err(Deserted)));
}
