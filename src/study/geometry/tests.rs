#![allow(clippy::expect_used)]

use super::super::fixtures::{own_pixels, slice, tilted};
use super::*;

/// Of slices at these positions, numbered from head to foot.
fn at(positions: &[f64]) -> Geometry {
    of(&(1..).zip(positions).map(|(number, z)| slice(number, *z)).collect::<Vec<_>>())
}

fn of(slices: &[SliceHeader]) -> Geometry {
    let members: Vec<Member> =
        (0..).zip(slices).map(|(arrival, header)| Member::new(header.clone(), own_pixels(header), arrival)).collect();
    Geometry::of(&members.iter().collect::<Vec<_>>())
}

/// Slices so far apart, from 0 mm towards the feet.
fn apart(distances: &[f64]) -> Geometry {
    let mut z = 0.0;
    let below = distances.iter().map(|distance| {
        z -= distance;
        z
    });
    at(&std::iter::once(0.0).chain(below).collect::<Vec<_>>())
}

fn missing(distances: &[f64]) -> Vec<u32> {
    apart(distances).gaps.iter().map(|gap| gap.missing_slices).collect()
}

#[test]
fn a_regular_series_has_spacing_extent_and_range_and_no_gap() {
    let geometry = at(&[10.0, 9.0, 8.0, 7.0]);
    assert_eq!(geometry.spacing_mm, Some(1.0));
    assert_eq!(geometry.range_mm, Some([10.0, 7.0]));
    assert!((geometry.extent_mm() - 3.0).abs() < 1e-9);
    assert!(geometry.is_contiguous());
}

#[test]
fn none_and_one_slice_are_no_special_case() {
    assert_eq!(at(&[]), Geometry::default());
    let one = at(&[4.0]);
    assert_eq!((one.slices, one.spacing_mm, one.range_mm, one.extent_mm()), (1, None, Some([4.0, 4.0]), 0.0));
    assert!(one.is_contiguous());
}

#[test]
fn one_missing_slice_is_a_gap_with_its_place_and_count() {
    let geometry = at(&[5.0, 4.0, 3.0, 1.0, 0.0, -1.0]);
    assert_eq!(geometry.gaps, [Gap { from_mm: 3.0, to_mm: 1.0, missing_slices: 1 }]);
    assert_eq!(geometry.missing_slices, 1);
    assert_eq!(geometry.spacing_mm, Some(1.0), "the gap does not stretch the spacing");
}

#[test]
fn missing_slices_are_counted_wherever_they_are_missing() {
    assert_eq!(missing(&[1.0, 1.0, 4.0, 1.0, 1.0]), [3]);
    assert_eq!(missing(&[2.0, 1.0, 1.0, 1.0]), [1], "the second slice");
    assert_eq!(missing(&[1.0, 1.0, 1.0, 2.0]), [1], "the last but one");
    assert_eq!(missing(&[1.0, 1.0, 2.0, 2.0, 1.0, 1.0]), [1, 1], "two, one by one");
    assert_eq!(missing(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0]), [1, 1, 1], "every third");
    assert_eq!(missing(&[0.625, 0.625, 1.25, 0.625, 0.625]), [1], "of overlapping slices");
}

#[test]
fn jitter_of_the_table_is_no_gap() {
    assert!(missing(&[1.0, 1.3, 0.8, 1.2, 0.7, 1.1, 1.0]).is_empty());
}

#[test]
fn thin_and_thick_regions_of_one_series_are_no_gaps() {
    assert!(missing(&[2.4, 2.4, 2.4, 4.8, 4.8, 4.8, 4.8]).is_empty());
    assert!(missing(&[5.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0]).is_empty());
    assert_eq!(missing(&[1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 10.0, 5.0, 5.0]), [1], "a slice missing in the thick one");
    assert_eq!(missing(&[1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0]), [1], "and in the thin one");
}

#[test]
fn the_real_tilted_head_of_28_slices_is_contiguous() {
    // 14 slices 7 mm apart, 1.081 mm to the next sequence, 14 slices 4 mm apart.
    let mut distances = vec![6.999; 13];
    distances.push(1.081);
    distances.extend([4.002; 13]);
    let geometry = apart(&distances);
    assert_eq!((geometry.slices, geometry.gaps.len(), geometry.missing_slices), (28, 0, 0));
    assert!((geometry.extent_mm() - 144.094).abs() < 1e-6);
}

#[test]
fn positions_are_measured_along_the_normal_of_a_tilted_gantry() {
    // The table moves by 2 mm; along the normal of a plane tilted by 20 degrees that is less.
    let slices: Vec<_> = (1..=5).map(|n| tilted(slice(n, f64::from(n) * -2.0), 20.0)).collect();
    let spacing = of(&slices).spacing_mm.expect("two slices and more");
    assert!((spacing - 2.0 * 20_f64.to_radians().cos()).abs() < 1e-9, "{spacing}");
}

#[test]
fn the_direction_is_told_by_instance_numbers_and_by_arrival_where_there_are_none() {
    let numbered = |numbers: [Option<i32>; 3]| {
        let slices = (0..).zip(numbers).map(|(i, n)| SliceHeader { instance_number: n, ..slice(i, f64::from(-i)) });
        of(&slices.collect::<Vec<_>>()).direction
    };
    assert_eq!(numbered([Some(1), Some(2), Some(3)]), Some(Direction::HeadToFoot));
    assert_eq!(numbered([Some(3), Some(2), Some(1)]), Some(Direction::FootToHead));
    assert_eq!(numbered([Some(3), None, Some(1)]), Some(Direction::FootToHead));
    assert_eq!(numbered([None; 3]), Some(Direction::HeadToFoot), "as they came");
    assert_eq!(numbered([Some(7); 3]), None, "equal numbers tell nothing");
    assert_eq!(at(&[0.0]).direction, None);
}

#[test]
fn a_count_is_believed_when_all_headers_agree_and_no_more_slices_came() {
    let with = |expected: [Option<u32>; 3]| {
        let slices = (0..).zip(expected).map(|(i, e)| SliceHeader { expected_slices: e, ..slice(i, f64::from(-i)) });
        let geometry = of(&slices.collect::<Vec<_>>());
        (geometry.expected_slices, geometry.missing_slices)
    };
    assert_eq!(with([Some(5); 3]), (Some(5), 2));
    assert_eq!(with([Some(3); 3]), (Some(3), 0));
    assert_eq!(with([Some(2); 3]), (None, 0));
    assert_eq!(with([Some(5), Some(4), Some(5)]), (None, 0));
    assert_eq!(with([Some(5), None, Some(5)]), (None, 0));
}

#[test]
fn slices_missing_in_gaps_are_not_counted_twice_against_the_promised_count() {
    let slices: Vec<_> = [0.0, -1.0, -2.0, -4.0, -5.0, -6.0]
        .iter()
        .zip(1..)
        .map(|(z, n)| SliceHeader { expected_slices: Some(7), ..slice(n, *z) })
        .collect();
    assert_eq!(of(&slices).missing_slices, 1);
}

#[test]
fn the_median_is_that_of_the_textbook() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
}
