#![allow(clippy::expect_used)]

use super::super::fixtures::{neck, own_pixels, pixels, scout, slice, tilted};
use super::*;
use crate::dicom::Uid;

fn members(slices: &[SliceHeader]) -> Vec<Member> {
    (0..).zip(slices).map(|(arrival, header)| Member::new(header.clone(), own_pixels(header), arrival)).collect()
}

/// How the last of `others` stands in a neck of 20 slices that it comes after.
fn standing_in_a_neck(others: &[SliceHeader]) -> Standing {
    let mut slices = neck(20);
    slices.extend_from_slice(others);
    *Arrangement::of(&members(&slices)).standing.last().expect("one for each")
}

fn excluded(exclusion: Exclusion) -> Standing {
    Standing::Excluded(exclusion)
}

fn of_type(values: &[&str]) -> SliceHeader {
    SliceHeader { image_type: values.iter().map(|v| (*v).to_owned()).collect(), ..slice(21, -20.0) }
}

#[test]
fn the_volume_is_ordered_from_head_to_foot_by_position_not_by_number_or_arrival() {
    let slices = [slice(1, -3.0), slice(2, 5.0), slice(3, 1.0)];
    assert_eq!(Arrangement::of(&members(&slices)).order, [1, 2, 0]);
}

#[test]
fn a_localiser_is_kept_out_whatever_its_plane() {
    for values in [&["ORIGINAL", "PRIMARY", "LOCALIZER"][..], &["DERIVED", "SECONDARY", "SCOUT"], &["CT TOPOGRAM"]] {
        assert_eq!(standing_in_a_neck(&[of_type(values)]), excluded(Exclusion::Localizer), "{values:?}");
    }
}

#[test]
fn reformats_and_projections_are_kept_out_and_mere_derived_images_are_not() {
    for values in [
        &["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"][..],
        &["DERIVED", "PRIMARY", "MPR"],
        &["DERIVED", "SECONDARY", "CSA MPR"],
        &["DERIVED", "SECONDARY", "PROJECTION IMAGE"],
        &["DERIVED", "SECONDARY", "CT_MIP"],
    ] {
        assert_eq!(standing_in_a_neck(&[of_type(values)]), excluded(Exclusion::Reformat), "{values:?}");
    }
    for values in [&["DERIVED", "SECONDARY", "AXIAL"][..], &["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 MPR"], &[]] {
        assert_eq!(standing_in_a_neck(&[of_type(values)]), Standing::Accepted, "{values:?}");
    }
}

#[test]
fn a_plane_that_is_not_axial_is_kept_out_even_when_it_is_the_majority() {
    let scouts: Vec<_> =
        (0..3).map(|i| SliceHeader { image_position_patient: [f64::from(i), 0.0, 0.0], ..scout() }).collect();
    let arrangement = Arrangement::of(&members(&scouts));
    assert!(arrangement.order.is_empty());
    assert!(arrangement.standing.iter().all(|standing| *standing == excluded(Exclusion::NotAxial)));
}

#[test]
fn a_gantry_tilt_of_30_degrees_is_axial_and_the_majority_decides_which_tilt_is_the_series() {
    let mut slices: Vec<_> = neck(5).into_iter().map(|slice| tilted(slice, 30.0)).collect();
    slices.push(slice(6, -9.0));
    let arrangement = Arrangement::of(&members(&slices));
    assert_eq!(arrangement.order, [0, 1, 2, 3, 4]);
    assert_eq!(arrangement.standing[5], excluded(Exclusion::OtherOrientation));
}

#[test]
fn another_matrix_and_another_pixel_size_are_kept_out_and_rounding_is_not() {
    let at = || slice(21, -20.0);
    assert_eq!(standing_in_a_neck(&[SliceHeader { rows: 256, ..at() }]), excluded(Exclusion::OtherMatrix));
    assert_eq!(standing_in_a_neck(&[SliceHeader { columns: 768, ..at() }]), excluded(Exclusion::OtherMatrix));
    let wide = SliceHeader { pixel_spacing: [0.4, 0.41], ..at() };
    assert_eq!(standing_in_a_neck(&[wide]), excluded(Exclusion::OtherPixelSpacing));
    let rounded = SliceHeader { pixel_spacing: [0.4001, 0.3999], ..tilted(at(), 0.5) };
    assert_eq!(standing_in_a_neck(&[rounded]), Standing::Accepted);
}

#[test]
fn an_equal_vote_is_settled_the_same_way_in_any_order() {
    let (a, b) = (slice(1, 0.0), SliceHeader { rows: 256, ..slice(2, -1.0) });
    let one = Arrangement::of(&members(&[a.clone(), b.clone()]));
    let other = Arrangement::of(&members(&[b, a]));
    assert_eq!(one.standing, [Standing::Accepted, excluded(Exclusion::OtherMatrix)]);
    assert_eq!(other.standing, [excluded(Exclusion::OtherMatrix), Standing::Accepted]);
}

#[test]
fn a_header_without_a_usable_plane_is_kept_out_and_breaks_nothing() {
    let at = || slice(21, -20.0);
    let broken = [
        SliceHeader { image_position_patient: [0.0, 0.0, f64::NAN], ..at() },
        SliceHeader { image_position_patient: [f64::INFINITY, 0.0, 0.0], ..at() },
        SliceHeader { image_orientation_patient: [0.0; 6], ..at() },
        SliceHeader { pixel_spacing: [0.0, 0.4], ..at() },
        SliceHeader { pixel_spacing: [0.4, -0.4], ..at() },
        SliceHeader { rows: 0, ..at() },
    ];
    for header in broken {
        assert_eq!(standing_in_a_neck(&[header]), excluded(Exclusion::BrokenGeometry));
    }
}

#[test]
fn the_same_picture_at_the_same_place_is_a_duplicate_and_another_picture_is_kept_out() {
    let mut members = members(&neck(5));
    let again = |number| Member::new(slice(number, -2.0), members[2].pixels, 9);
    let other = Member::new(slice(100, -2.0), pixels(9), 10);
    let (copy, earlier_copy) = (again(100), again(2));
    members.push(copy);
    members.push(Member {
        header: SliceHeader { sop_instance_uid: Uid::new("9"), ..earlier_copy.header.clone() },
        ..earlier_copy
    });
    members.push(Member { header: SliceHeader { sop_instance_uid: Uid::new("99"), ..other.header.clone() }, ..other });
    let standing = Arrangement::of(&members).standing;
    assert_eq!(standing[2], Standing::Duplicate, "the copy with the lower InstanceNumber stays");
    assert_eq!(standing[5..], [Standing::Duplicate, Standing::Accepted, excluded(Exclusion::SamePosition)]);
}

#[test]
fn of_two_passes_over_the_neck_the_one_with_the_lower_numbers_is_kept_throughout() {
    let mut slices = neck(10);
    slices.extend((1..=10).map(|i| slice(100 + i, f64::from(1 - i))));
    slices.reverse();
    let arrangement = Arrangement::of(&members(&slices));
    assert_eq!(arrangement.order, (10..20).rev().collect::<Vec<_>>());
}

#[test]
fn slices_that_share_one_identifier_are_kept_out_but_for_one_and_frames_do_not_share() {
    let one_uid: Vec<_> = neck(4).into_iter().map(|s| SliceHeader { sop_instance_uid: Uid::new("1"), ..s }).collect();
    let standing = Arrangement::of(&members(&one_uid)).standing;
    assert_eq!(standing[0], Standing::Accepted);
    assert!(standing[1..].iter().all(|standing| *standing == excluded(Exclusion::UidReused)));
    let frames: Vec<_> = (0..).zip(one_uid).map(|(frame, s)| SliceHeader { frame, ..s }).collect();
    assert_eq!(Arrangement::of(&members(&frames)).order.len(), 4);
}

#[test]
fn every_exclusion_has_a_code_of_its_own_and_words_that_name_the_attribute() {
    let codes: std::collections::BTreeSet<_> = Exclusion::ALL.iter().map(|exclusion| exclusion.code()).collect();
    assert_eq!(codes.len(), Exclusion::ALL.len());
    for exclusion in Exclusion::ALL {
        let words = exclusion.to_string();
        assert!(words.contains('(') || exclusion == Exclusion::SeriesFull, "{words}");
    }
}
