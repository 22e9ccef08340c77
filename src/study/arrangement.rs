//! The set of slices in; which of them form the volume, in which order, and why the others do not, out.
//!
//! Never looks at the order of arrival: the same set gives the same arrangement.

use super::exclusion::{self, Exclusion};
use super::member::Member;
use crate::dicom::SliceHeader;
use std::cmp::Ordering;

/// Two slices nearer than this lie at the same place, mm. Real series go down to 0.2 mm.
pub(super) const SAME_POSITION_MM: f64 = 0.01;
/// Cosine of 2 degrees: the cosines of one series differ by rounding only.
const SAME_DIRECTION: f64 = 0.9994;
/// PixelSpacing of one series differs by rounding only.
const SAME_SPACING: f64 = 0.01;

/// How a slice stands to its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Accepted,
    Duplicate,
    Excluded(Exclusion),
}

/// Indices refer to the members that were arranged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Arrangement {
    /// The volume, from head to foot.
    pub order: Vec<usize>,
    /// One for each member.
    pub standing: Vec<Standing>,
}

impl Arrangement {
    pub fn of(members: &[Member]) -> Self {
        let mut standing: Vec<Standing> = members
            .iter()
            .map(|m| exclusion::of_header_alone(&m.header).map_or(Standing::Accepted, Standing::Excluded))
            .collect();
        let mut order: Vec<usize> = (0..members.len()).filter(|&i| standing[i] == Standing::Accepted).collect();
        // From here on every step walks the members in an order that depends on what they are, not on when they came.
        order.sort_by(|&a, &b| canonical(&members[a], &members[b]));
        keep_majority(members, &order, &mut standing);
        let uid_reused = |_: &Member, _: &Member| Standing::Excluded(Exclusion::UidReused);
        keep_first(members, &order, &mut standing, (by_key, same_key), uid_reused);
        keep_first(members, &order, &mut standing, (by_position, same_position), |kept, other| {
            if kept.pixels == other.pixels { Standing::Duplicate } else { Standing::Excluded(Exclusion::SamePosition) }
        });
        order.retain(|&i| standing[i] == Standing::Accepted);
        order.sort_by(|&a, &b| members[b].position.total_cmp(&members[a].position));
        Self { order, standing }
    }
}

/// The lower instance number wins a place, so that of two passes over the neck the same one is kept throughout.
fn canonical(a: &Member, b: &Member) -> Ordering {
    let number = |m: &Member| m.header.instance_number.unwrap_or(i32::MAX);
    number(a)
        .cmp(&number(b))
        .then_with(|| a.header.sop_instance_uid.cmp(&b.header.sop_instance_uid))
        .then_with(|| a.header.frame.cmp(&b.header.frame))
        .then_with(|| b.position.total_cmp(&a.position))
        .then_with(|| a.pixels.cmp(&b.pixels))
}

/// Planes of one orientation, matrix and pixel size, seen in one member of the kind.
struct Shape<'a> {
    first: &'a SliceHeader,
    members: Vec<usize>,
}

fn keep_majority(members: &[Member], order: &[usize], standing: &mut [Standing]) {
    let mut shapes: Vec<Shape> = Vec::new();
    for &i in order {
        let header = &members[i].header;
        match shapes.iter_mut().find(|shape| difference(shape.first, header).is_none()) {
            Some(shape) => shape.members.push(i),
            None => shapes.push(Shape { first: header, members: vec![i] }),
        }
    }
    // `min_by_key` takes the first of equals, and the shapes stand in canonical order.
    let Some(most) = shapes.iter().min_by_key(|shape| std::cmp::Reverse(shape.members.len())) else { return };
    for shape in &shapes {
        if let Some(exclusion) = difference(most.first, shape.first) {
            shape.members.iter().for_each(|&i| standing[i] = Standing::Excluded(exclusion));
        }
    }
}

/// In what the second plane differs from the first.
fn difference(a: &SliceHeader, b: &SliceHeader) -> Option<Exclusion> {
    let cosine = |from: usize| {
        let (u, v) = (&a.image_orientation_patient[from..from + 3], &b.image_orientation_patient[from..from + 3]);
        let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(x, y)| x * y).sum::<f64>();
        dot(u, v) / (dot(u, u) * dot(v, v)).sqrt()
    };
    let spacing_differs =
        |axis: usize| (a.pixel_spacing[axis] - b.pixel_spacing[axis]).abs() > SAME_SPACING * a.pixel_spacing[axis];
    if cosine(0) < SAME_DIRECTION || cosine(3) < SAME_DIRECTION {
        Some(Exclusion::OtherOrientation)
    } else if (a.rows, a.columns) != (b.rows, b.columns) {
        Some(Exclusion::OtherMatrix)
    } else if spacing_differs(0) || spacing_differs(1) {
        Some(Exclusion::OtherPixelSpacing)
    } else {
        None
    }
}

/// How members are told to be the same: an order that puts them side by side, and the test of two side by side.
type Sameness = (fn(&Member, &Member) -> Ordering, fn(&Member, &Member) -> bool);

/// Of accepted members that are the same, the canonically first stays; `rest` says what becomes of each of the others.
fn keep_first(
    members: &[Member],
    order: &[usize],
    standing: &mut [Standing],
    (sort, same): Sameness,
    rest: impl Fn(&Member, &Member) -> Standing,
) {
    let mut accepted: Vec<usize> = order.iter().copied().filter(|&i| standing[i] == Standing::Accepted).collect();
    accepted.sort_by(|&a, &b| sort(&members[a], &members[b]));
    for run in accepted.chunk_by(|&a, &b| same(&members[a], &members[b])) {
        let Some(kept) = run.iter().copied().min_by(|&a, &b| canonical(&members[a], &members[b])) else { continue };
        for &i in run.iter().filter(|&&i| i != kept) {
            standing[i] = rest(&members[kept], &members[i]);
        }
    }
}

fn by_key(a: &Member, b: &Member) -> Ordering {
    (&a.header.sop_instance_uid, a.header.frame).cmp(&(&b.header.sop_instance_uid, b.header.frame))
}

fn same_key(a: &Member, b: &Member) -> bool {
    by_key(a, b).is_eq()
}

fn by_position(a: &Member, b: &Member) -> Ordering {
    a.position.total_cmp(&b.position)
}

fn same_position(a: &Member, b: &Member) -> bool {
    (a.position - b.position).abs() < SAME_POSITION_MM
}

#[cfg(test)]
mod tests;
