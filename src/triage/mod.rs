//! Evidence per slice in; findings per vertebra, verdict and priority out. Pure: no clock, no file, no randomness.
//!
//! [`rule`] is the rule in words and numbers. `spine` reads the vertebrae out of the slices, counted in `column`, `runs` joins boxes over
//! slices, `ruler` says where among the vertebrae a slice lies, `attribution` gives runs to vertebrae, `assess` takes the verdict, `revision` says what changed.

mod domain;

mod context;

pub mod rule;

mod column;

mod spine;

mod ruler;

mod runs;

mod attribution;

mod assess;

mod revision;

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "a probability fits")]
pub(crate) mod synthetic;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests;

pub use assess::{assess, assess_with, vertebrae_shown};
pub use context::{OperatingPoint, SeriesContext};
pub use domain::{
    Assessment, BestSlice, Completeness, Coverage, Evidence, Finding, FractureBox, Gap, Level, Missing, Priority,
    Verdict,
};
pub use revision::Revision;
