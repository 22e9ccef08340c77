//! Slice headers in; series with order, spacing, gaps and completeness out. Pure; time is an argument.
//!
//! A [`Series`] is a function of the set of slices that arrived, not of the order in which they came: what is kept out
//! and what is a gap is decided anew with every slice. [`Studies`] holds the open series. Neither looks at pixels.

mod arrangement;
mod completeness;
mod exclusion;
#[cfg(test)]
mod fixtures;
mod geometry;
mod member;
mod series;
mod studies;

pub use completeness::Rules;
pub use exclusion::Exclusion;
pub use geometry::{Direction, Geometry};
pub use member::{PixelDigest, SliceKey};
pub use series::{Admission, Neighbours, Series, Work};
pub use studies::{Closed, Limits, Offered, Studies};
