//! Evidence per slice in; findings per vertebra, verdict and priority out. Pure.

mod domain;

pub use domain::{
    Assessment, BestSlice, Completeness, Coverage, Evidence, Finding, FractureBox, Gap, Level, Missing, Priority, Verdict,
};
