#![allow(clippy::expect_used)]

use super::super::fixtures::{key, neck, own_pixels, pixels, scout, secs, slice};
use super::*;
use crate::dicom::Uid;
use crate::study::Direction;
use proptest::prelude::*;

const RULES: Rules = Rules {
    series_quiet: secs(5),
    series_gap_patience: secs(30),
    series_count_quiet: secs(1),
    series_limit: secs(600),
};

fn empty() -> Series {
    Series::new(1000, secs(0))
}

/// The slices offered in this order, one a second from 0 s on.
fn series<'a>(slices: impl IntoIterator<Item = &'a SliceHeader>) -> Series {
    let mut series = empty();
    for (second, header) in (0..).zip(slices) {
        series.offer(header.clone(), own_pixels(header), secs(second));
    }
    series
}

fn offer(series: &mut Series, header: &SliceHeader, second: u64) -> Admission {
    series.offer(header.clone(), own_pixels(header), secs(second))
}

fn keys<'a>(slices: impl IntoIterator<Item = &'a SliceHeader>) -> Vec<SliceKey> {
    slices.into_iter().map(key).collect()
}

#[test]
fn slices_in_order_are_accepted_and_form_the_volume() {
    let (mut series, slices) = (empty(), neck(5));
    for header in &slices {
        assert_eq!(offer(&mut series, header, 0), Admission::Accepted);
    }
    assert_eq!(series.slices().cloned().collect::<Vec<_>>(), slices);
    assert_eq!(series.rank(&key(&slices[3])), Some(3));
    assert_eq!(series.rank(&key(&slice(9, 9.0))), None);
}

#[test]
fn a_second_copy_of_a_file_is_a_duplicate_in_any_folder() {
    let slices = neck(7);
    let mut series = series(&slices);
    for _ in 0..4 {
        assert!(slices.iter().all(|header| offer(&mut series, header, 50) == Admission::Duplicate));
    }
    assert_eq!((series.geometry().slices, series.duplicates()), (7, 28));
    assert_eq!(series.changed(), secs(6), "copies do not keep a series from being quiet");
}

#[test]
fn a_changed_reading_of_a_slice_takes_the_place_of_the_earlier_one() {
    let slices = neck(5);
    let mut series = series(&slices);
    assert_eq!(series.offer(slices[2].clone(), pixels(1), secs(9)), Admission::Revised);
    assert_eq!(series.geometry().slices, 5);
    assert_eq!(series.changed(), secs(9));
    assert_eq!(series.offer(slices[2].clone(), pixels(1), secs(10)), Admission::Duplicate);
}

#[test]
fn a_scout_that_comes_first_is_outvoted_later() {
    let mut series = empty();
    let first = SliceHeader { rows: 888, ..slice(900, 40.0) };
    assert_eq!(offer(&mut series, &first, 0), Admission::Accepted, "nothing to compare it with");
    let slices = neck(3);
    for header in &slices {
        offer(&mut series, header, 1);
    }
    assert_eq!(series.excluded().collect::<Vec<_>>(), [(&first, Exclusion::OtherMatrix)]);
    assert_eq!(series.geometry().range_mm, Some([0.0, -2.0]), "and stretches nothing");
    assert_eq!(offer(&mut series, &scout(), 2), Admission::Excluded(Exclusion::NotAxial));
}

#[test]
fn a_full_series_takes_no_more_and_counts_what_it_turned_away() {
    let mut series = Series::new(3, secs(0));
    let slices = neck(5);
    let admissions: Vec<_> = slices.iter().map(|header| offer(&mut series, header, 0)).collect();
    assert_eq!(
        admissions[2..],
        [Admission::Accepted, Admission::Excluded(Exclusion::SeriesFull), Admission::Excluded(Exclusion::SeriesFull)]
    );
    assert_eq!((series.geometry().slices, series.refused()), (3, 2));
    assert_eq!(offer(&mut series, &slices[0], 0), Admission::Duplicate);
}

#[test]
fn a_contiguous_series_is_complete_when_quiet() {
    let series = series(&neck(10));
    assert_eq!(series.completeness(Duration::from_millis(13_999), &RULES), Completeness::Receiving);
    assert_eq!(series.completeness(secs(14), &RULES), Completeness::Quiet);
}

#[test]
fn a_series_with_a_gap_is_given_time_for_late_slices() {
    let mut slices = neck(10);
    let late = slices.remove(4);
    let mut series = series(&slices);
    assert_eq!(series.completeness(secs(37), &RULES), Completeness::Receiving);
    assert_eq!(series.completeness(secs(38), &RULES), Completeness::Quiet);
    assert!(!series.geometry().is_contiguous());
    offer(&mut series, &late, 20);
    assert_eq!(series.completeness(secs(25), &RULES), Completeness::Quiet, "it came, and all is there");
}

#[test]
fn a_count_that_is_reached_ends_a_series_early_and_a_count_that_is_not_makes_it_wait() {
    let promised = |count| neck(10).into_iter().map(move |s| SliceHeader { expected_slices: Some(count), ..s });
    let reached = series(&promised(10).collect::<Vec<_>>());
    assert_eq!(reached.completeness(Duration::from_millis(9_999), &RULES), Completeness::Receiving);
    assert_eq!(reached.completeness(secs(10), &RULES), Completeness::CountReached);
    let short = series(&promised(12).collect::<Vec<_>>());
    assert_eq!(short.completeness(secs(38), &RULES), Completeness::Receiving);
    assert_eq!(short.completeness(secs(39), &RULES), Completeness::Quiet);
    assert_eq!(short.geometry().missing_slices, 2);
    let lie = series(&promised(1).collect::<Vec<_>>());
    assert_eq!(
        lie.completeness(secs(13), &RULES),
        Completeness::Receiving,
        "a count that is exceeded counts for nothing"
    );
    assert_eq!(lie.completeness(secs(14), &RULES), Completeness::Quiet);
}

#[test]
fn a_series_that_never_ends_is_ended_by_the_limit() {
    let mut series = empty();
    for second in 0..=600 {
        assert_eq!(
            series.completeness(secs(second), &RULES),
            if second < 600 { Completeness::Receiving } else { Completeness::LimitReached }
        );
        offer(&mut series, &slice(i32::try_from(second).expect("small"), -(second as f64)), second);
    }
}

#[test]
fn a_series_of_nothing_but_scouts_ends_too() {
    let mut series = empty();
    offer(&mut series, &scout(), 0);
    offer(&mut series, &SliceHeader { sop_instance_uid: Uid::new("9"), ..scout() }, 3);
    assert_eq!(series.completeness(secs(7), &RULES), Completeness::Receiving);
    assert_eq!(series.completeness(secs(8), &RULES), Completeness::Quiet);
    assert_eq!((series.geometry().slices, series.excluded().count()), (0, 2));
    series.end(Completeness::Quiet);
    offer(&mut series, &SliceHeader { sop_instance_uid: Uid::new("99"), ..scout() }, 60);
    assert_eq!(series.revision(), 1, "one scout more is no news");
}

#[test]
fn a_late_slice_opens_an_ended_series_again_as_its_next_revision() {
    let slices = neck(6);
    let mut series = series(&slices[..5]);
    series.end(Completeness::Quiet);
    assert_eq!(series.completeness(secs(900), &RULES), Completeness::Quiet);
    assert_eq!(offer(&mut series, &slices[0], 900), Admission::Duplicate);
    assert_eq!(offer(&mut series, &scout(), 900), Admission::Excluded(Exclusion::NotAxial));
    assert!(series.has_ended(), "what changes nothing opens nothing");
    offer(&mut series, &slices[5], 901);
    assert_eq!((series.has_ended(), series.revision()), (false, 2));
    assert_eq!(series.completeness(secs(905), &RULES), Completeness::Receiving, "the limit counts from now on");
    assert_eq!(series.completeness(secs(906), &RULES), Completeness::Quiet);
}

#[test]
fn neighbours_settle_while_the_series_still_arrives() {
    let slices = neck(6);
    let series = series(&slices);
    let middle = series.neighbours(&key(&slices[2])).expect("accepted");
    assert_eq!(middle, Neighbours { above: Some(key(&slices[1])), below: Some(key(&slices[3])), settled: true });
    let last = series.neighbours(&key(&slices[5])).expect("accepted");
    assert_eq!((last.below, last.settled), (None, false), "the next slice may still come");
    assert_eq!(series.neighbours(&key(&scout())), None);
}

#[test]
fn work_comes_one_slice_behind_the_scan_and_the_rest_at_the_end() {
    let slices = neck(8);
    let mut series = empty();
    let mut handed = Vec::new();
    for (count, header) in (1..).zip(&slices) {
        offer(&mut series, header, 0);
        let work = series.take_work();
        assert!(work.iter().all(|work| work.neighbours.settled && !work.again));
        handed.extend(work.into_iter().map(|work| work.slice));
        assert_eq!(handed.len(), if count < 4 { 0 } else { count - 2 }, "all but the first and the last");
    }
    series.end(Completeness::Quiet);
    let rest = series.take_work();
    assert_eq!(rest.iter().map(|work| &work.slice).collect::<Vec<_>>(), [&key(&slices[0]), &key(&slices[7])]);
    assert_eq!((&rest[0].neighbours.above, &rest[1].neighbours.below), (&None, &None));
    assert!(series.take_work().is_empty(), "each once");
}

#[test]
fn a_slice_next_to_a_gap_waits_for_the_end_and_has_no_neighbour_beyond_it() {
    let mut slices = neck(12);
    slices.remove(5);
    let mut series = series(&slices);
    let beside = key(&slices[4]);
    assert!(!series.take_work().iter().any(|work| work.slice == beside));
    series.end(Completeness::Quiet);
    let work = series.take_work().into_iter().find(|work| work.slice == beside).expect("at the end");
    assert_eq!((work.neighbours.above, work.neighbours.below), (Some(key(&slices[3])), None));
}

#[test]
fn a_slice_is_analysed_again_when_a_nearer_neighbour_comes() {
    let slices = neck(21);
    let (odd, even): (Vec<_>, Vec<_>) = slices.iter().partition(|s| s.instance_number.is_some_and(|n| n % 2 == 1));
    let mut series = series(odd);
    assert_eq!(series.take_work().len(), 9, "2 mm apart looks like a regular series");
    for header in even {
        offer(&mut series, header, 50);
    }
    let work = series.take_work();
    assert_eq!(work.len(), 19);
    assert_eq!(work.iter().filter(|work| work.again).count(), 9);
}

#[test]
fn a_changed_file_has_its_neighbours_analysed_again_too() {
    let slices = neck(9);
    let mut series = series(&slices);
    series.take_work();
    series.offer(slices[4].clone(), pixels(1), secs(20));
    let work = series.take_work();
    assert_eq!(work.iter().map(|work| &work.slice).collect::<Vec<_>>(), keys(&slices[3..6]).iter().collect::<Vec<_>>());
    assert!(work.iter().all(|work| work.again));
}

type Offers = Vec<(SliceHeader, PixelDigest)>;

/// A neck with what a console mixes in, each part present or not: a scout, a reformat, copies under other names, another
/// picture at the same place, missing slices, slices without a number, a second acquisition with a shift.
fn mixtures() -> impl Strategy<Value = Offers> {
    let options = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (4_i32..40, proptest::collection::vec(any::<u8>(), 0..6), options, 0.3_f64..5.0).prop_map(
        |(count, dropped, (with_scouts, with_copies, with_rivals, tilt, head_last), spacing)| {
            let sign = if head_last { 1.0 } else { -1.0 };
            let mut slices: Vec<_> = (1..=count).map(|n| slice(n, sign * spacing * f64::from(n))).collect();
            for at in dropped {
                if slices.len() > 3 {
                    slices.remove(usize::from(at) % slices.len());
                }
            }
            if tilt {
                slices = slices.into_iter().map(|s| super::super::fixtures::tilted(s, 15.0)).collect();
            }
            let mut all: Vec<_> = slices.iter().map(|s| (s.clone(), own_pixels(s))).collect();
            let renamed = |s: &SliceHeader, n: i32| SliceHeader {
                sop_instance_uid: Uid::new(&format!("{}.{n}", s.sop_instance_uid.as_str())),
                instance_number: Some(n),
                ..s.clone()
            };
            if with_scouts {
                all.push((scout(), pixels(1)));
                all.push((SliceHeader { rows: 256, ..slice(901, 7.7) }, pixels(2)));
            }
            if with_copies {
                all.push((renamed(&slices[0], 0), own_pixels(&slices[0])));
                all.push(all[1].clone());
            }
            if with_rivals {
                all.push((renamed(&slices[1], 902), pixels(3)));
                all.push((renamed(&slices[2], -5), pixels(4)));
            }
            all
        },
    )
}

fn shuffled() -> impl Strategy<Value = (Offers, Offers)> {
    mixtures().prop_flat_map(|slices| (Just(slices.clone()), Just(slices).prop_shuffle()))
}

fn offered(slices: &[(SliceHeader, PixelDigest)]) -> Series {
    let mut series = empty();
    for (header, pixels) in slices {
        series.offer(header.clone(), *pixels, secs(1));
        series.take_work();
    }
    series.end(Completeness::Quiet);
    series
}

proptest! {
    #[test]
    fn any_order_of_arrival_gives_the_same_series((one, other) in shuffled()) {
        let (one, other) = (offered(&one), offered(&other));
        prop_assert_eq!(one.slices().collect::<Vec<_>>(), other.slices().collect::<Vec<_>>());
        prop_assert_eq!(one.geometry(), other.geometry());
        prop_assert_eq!(one.duplicates(), other.duplicates());
        let excluded = |series: &Series| {
            let mut all: Vec<_> = series.excluded().map(|(header, why)| (key(header), why)).collect();
            all.sort();
            all
        };
        prop_assert_eq!(excluded(&one), excluded(&other));
        let neighbours = |series: &Series| series.slices().map(|s| series.neighbours(&key(s))).collect::<Vec<_>>();
        prop_assert_eq!(neighbours(&one), neighbours(&other));
    }

    #[test]
    fn no_slice_is_lost((_, slices) in shuffled()) {
        let series = offered(&slices);
        let accounted = series.slices().len() + series.excluded().count();
        prop_assert_eq!(accounted + usize::try_from(series.duplicates()).expect("few"), slices.len());
    }

    #[test]
    fn every_slice_is_last_analysed_with_the_neighbours_that_it_has_in_the_end((_, slices) in shuffled()) {
        let mut series = empty();
        let mut last = std::collections::BTreeMap::new();
        let pixels_of: std::collections::BTreeMap<_, _> = slices.iter().map(|(s, pixels)| (key(s), *pixels)).collect();
        let mut analyse = |series: &mut Series| {
            for work in series.take_work() {
                let again = last.insert(work.slice, work.neighbours).is_some();
                assert_eq!(again, work.again);
            }
        };
        for (header, pixels) in &slices {
            series.offer(header.clone(), *pixels, secs(1));
            analyse(&mut series);
        }
        series.end(Completeness::Quiet);
        analyse(&mut series);
        for header in series.slices() {
            let neighbours = series.neighbours(&key(header)).expect("accepted");
            let analysed = &last[&key(header)];
            // A copy under another name is the same neighbour.
            let seen = |slice: &Option<SliceKey>| slice.as_ref().map(|slice| pixels_of[slice]);
            prop_assert_eq!(seen(&analysed.above), seen(&neighbours.above));
            prop_assert_eq!(seen(&analysed.below), seen(&neighbours.below));
        }
    }

    #[test]
    fn a_dropped_run_inside_a_regular_series_is_always_a_gap_of_its_size(
        spacing in 0.2_f64..6.0, before in 4_u8..40, dropped in 1_u8..20, after in 4_u8..40, head_first in any::<bool>(),
    ) {
        let sign = if head_first { -1.0 } else { 1.0 };
        let numbers = (0..before).chain(before + dropped..before + dropped + after);
        let slices: Vec<_> = numbers.map(|n| slice(i32::from(n), sign * spacing * f64::from(n))).collect();
        let series = series(&slices);
        let geometry = series.geometry();
        prop_assert_eq!(geometry.gaps.len(), 1);
        prop_assert_eq!(geometry.gaps[0].missing_slices, u32::from(dropped));
        prop_assert!((geometry.gaps[0].extent_mm() - spacing * f64::from(dropped + 1)).abs() < 1e-6);
        let direction = if head_first { Direction::HeadToFoot } else { Direction::FootToHead };
        prop_assert_eq!(geometry.direction, Some(direction));
    }

    #[test]
    fn a_series_never_ends_before_it_was_quiet(arrivals in proptest::collection::vec(0_u64..8, 4..40)) {
        let mut series = empty();
        let (mut now, mut number) = (0, 0);
        for pause in arrivals {
            for second in now..now + pause {
                let ended = series.completeness(secs(second), &RULES) != Completeness::Receiving;
                prop_assert_eq!(ended, second - now >= 5 && number > 0 || number == 0 && second >= 5);
            }
            now += pause;
            number += 1;
            offer(&mut series, &slice(number, f64::from(-number)), now);
        }
    }
}
