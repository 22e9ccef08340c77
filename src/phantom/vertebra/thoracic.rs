//! The thoracic vertebrae: taller bodies, transverse processes that point up and back to the ribs, steep spines.

use super::subaxial::{centrum, posterior_arch};
use super::{Measures, Shape, canal};
use crate::phantom::geometry::v;
use crate::phantom::solid::{ball, plate};

/// `first` for T1, whose upper rim still has side lips.
pub(in crate::phantom) fn thoracic(m: &Measures, first: bool) -> Shape {
    let (k, b) = (m.k, m.b);
    let mut shape = Shape::skewed(m.skew);
    shape.solids.push(centrum(m, [if first { 1.6 * k } else { 0.4 }, 0.3, 0.6 * k]));
    posterior_arch(&mut shape, m, v(15.5 * k, b + 8.2 * k, 0.0), 5.0);
    shape.both(|s| plate(v(s * 17.0 * k, b + 7.0 * k, 0.5), v(s * 30.0 * k, b + 12.0 * k, 3.5), 3.6 * k, 0.8));
    shape.both(|s| ball(v(s * 31.0 * k, b + 12.5 * k, 3.5), v(4.4, 4.2, 5.2) * k));
    canal(&mut shape, m, 8.2);
    shape
}
