use super::super::fixtures::{neck, own_pixels, secs, slice};
use super::*;

const LIMITS: Limits = Limits { open_series: 2, kept_series: 4, series_slices: 1000 };

fn studies() -> Studies {
    Studies::new(Rules::default(), LIMITS)
}

fn offer(studies: &mut Studies, key: &str, header: &SliceHeader, second: u64) -> Offered {
    studies.offer(key, header.clone(), own_pixels(header), secs(second))
}

fn closed(key: &str, completeness: Completeness, revision: u32) -> Closed {
    Closed { series_key: key.into(), completeness, revision }
}

#[test]
fn interleaved_series_are_kept_apart_and_each_completes_by_itself() {
    let mut studies = studies();
    for (second, header) in (0..).zip(neck(10)) {
        offer(&mut studies, "a", &header, second);
        if second < 5 {
            offer(&mut studies, "b", &header, second);
        }
    }
    assert_eq!(studies.open().count(), 2);
    assert_eq!(studies.tick(secs(9), |_| false), [closed("b", Completeness::Quiet, 1)]);
    assert_eq!(studies.tick(secs(14), |_| false), [closed("a", Completeness::Quiet, 1)]);
    assert!(studies.tick(secs(1000), |_| false).is_empty(), "each is told once");
    assert_eq!(studies.get("a").map(|series| series.geometry().slices), Some(10));
    assert_eq!(studies.get("b").map(|series| series.geometry().slices), Some(5));
}

#[test]
fn a_series_that_is_known_to_be_behind_is_not_ended_by_silence_but_by_the_limit() {
    let mut studies = studies();
    for header in &neck(5) {
        offer(&mut studies, "a", header, 0);
        offer(&mut studies, "b", header, 0);
    }
    let a_is_behind = |key: &str| key == "a";
    assert_eq!(studies.tick(secs(599), a_is_behind), [closed("b", Completeness::Quiet, 1)]);
    assert_eq!(studies.tick(secs(600), a_is_behind), [closed("a", Completeness::LimitReached, 1)]);
}

#[test]
fn a_late_slice_reopens_its_series_and_it_completes_again_with_the_next_revision() {
    let (mut studies, slices) = (studies(), neck(6));
    for header in &slices[..5] {
        assert!(!offer(&mut studies, "a", header, 0).reopened);
    }
    studies.tick(secs(10), |_| false);
    assert_eq!(studies.open().count(), 0);
    let late = offer(&mut studies, "a", &slices[5], 60);
    assert_eq!((late.admission, late.revision, late.reopened), (Admission::Accepted, 2, true));
    assert_eq!(studies.tick(secs(65), |_| false), [closed("a", Completeness::Quiet, 2)]);
    let copy = offer(&mut studies, "a", &slices[5], 70);
    assert_eq!((copy.admission, copy.reopened), (Admission::Duplicate, false));
    assert!(studies.tick(secs(100), |_| false).is_empty());
}

#[test]
fn one_series_too_many_ends_the_one_that_was_quiet_for_longest() {
    let mut studies = studies();
    offer(&mut studies, "a", &slice(1, 0.0), 0);
    offer(&mut studies, "b", &slice(1, 0.0), 1);
    offer(&mut studies, "a", &slice(2, 1.0), 2);
    let third = offer(&mut studies, "c", &slice(1, 0.0), 3);
    assert_eq!(third.closed, Some(closed("b", Completeness::LimitReached, 1)));
    let back = offer(&mut studies, "b", &slice(2, 1.0), 4);
    assert!(back.reopened, "and is not forgotten");
    assert_eq!(back.closed.map(|closed| closed.series_key), Some("a".into()));
    let much_later = offer(&mut studies, "d", &slice(1, 0.0), 500);
    assert_eq!(much_later.closed, Some(closed("c", Completeness::Quiet, 1)), "it was complete, and nobody had looked");
}

#[test]
fn memory_is_bounded_and_the_longest_ended_series_is_forgotten_first() {
    let mut studies = studies();
    for (second, i) in (0..).zip(0..100) {
        offer(&mut studies, &format!("{i:03}"), &slice(1, 0.0), second * 10);
        studies.tick(secs(second * 10 + 6), |_| false);
        assert!(studies.series.len() <= 4);
    }
    let kept: Vec<_> = studies.series.keys().cloned().collect();
    assert_eq!(kept, ["096", "097", "098", "099"]);
}

#[test]
fn an_open_series_is_never_forgotten() {
    let mut studies = Studies::new(Rules::default(), Limits { open_series: 4, kept_series: 1, series_slices: 10 });
    for (second, key) in (0..).zip(["a", "b", "c", "d"]) {
        assert_eq!(offer(&mut studies, key, &slice(1, 0.0), second).closed, None);
    }
    assert_eq!(studies.open().count(), 4);
}

#[test]
fn work_is_taken_through_the_registry() {
    let mut studies = studies();
    for header in neck(6) {
        offer(&mut studies, "a", &header, 0);
    }
    assert_eq!(studies.get_mut("a").map(|series| series.take_work().len()), Some(4));
    studies.tick(secs(5), |_| false);
    assert_eq!(studies.get_mut("a").map(|series| series.take_work().len()), Some(2));
}
