//! How good the packages are on studies with a known truth: what the device's own path said in, figures with their 95 %
//! intervals out. Pure, but for [`dataset`], which reads the truth, and [`facts`], which describes it beside the real data.
//! [`report`] makes a page of it all.
//!
//! Per slice: the vertebra classifier ([`vertebrae`]), and the fracture classifier where there is one ([`fractured_slices`]). Per box and per image: the fracture detector ([`boxes`], [`images`]).
//! Per study: what a site would see ([`studies`]). [`catalogue`] names every figure once. Intervals are bootstrapped by
//! study, never by slice: the slices of one neck are alike.

mod boxes;
mod catalogue;
pub mod dataset;
pub mod facts;
mod figures;
mod fractured_slices;
mod images;
mod interval;
mod masks;
mod measured;
pub mod predictions;
mod ranked;
mod reliability;
pub mod report;
mod strata;
mod studies;
mod vertebrae;

pub use figures::{Beside, Figure, Group, beside, figures};
pub use strata::{Stratum, strata};

use crate::triage::{Assessment, FractureBox, Level, OperatingPoint};

/// A box without a score, in pixels of the slice as stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueBox {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Columns.
    pub width: f32,
    /// Rows.
    pub height: f32,
}

/// What the makers of a data set know of a fracture beyond its level.
#[derive(Clone, Debug, PartialEq)]
pub struct TrueFracture {
    /// The vertebra.
    pub level: Level,
    /// Its pattern.
    pub kind: String,
    /// 0: wide and displaced; 1: a hair line.
    pub difficulty: f32,
}

/// What a fracture classifier says of a slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FractureOpinion {
    /// That C1 to C7 are fractured in it, 0 to 1.
    pub probabilities: [f32; 7],
    /// Which of them reach their thresholds.
    pub said: [bool; 7],
}

/// One slice: what it shows, and what the networks say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceResult {
    /// Its number in the data set.
    pub number: u32,
    /// Which of C1 to C7 it shows; `None` where nobody has said.
    pub visible: Option<[bool; 7]>,
    /// What the classifier says, 0 to 1.
    pub vertebrae: [f32; 7],
    /// Which of C1 to C7 the device counts in it, with the whole series before it.
    pub counted: [bool; 7],
    /// Fractures.
    pub true_boxes: Vec<TrueBox>,
    /// What the detector says, down to scores far below the operating point; none where the gate kept it from running.
    pub boxes: Vec<FractureBox>,
    /// What the fracture classifier says, where there is one.
    pub opinion: Option<FractureOpinion>,
}

/// One study.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyResult {
    /// Its StudyInstanceUID.
    pub study: String,
    /// Which of C1 to C7 are fractured.
    pub fractured: [bool; 7],
    /// What is known of the fractures; empty where nobody has said.
    pub fractures: Vec<TrueFracture>,
    /// The boxes of this study are known: it has some, or no fracture.
    pub boxes_known: bool,
    /// Its slices.
    pub slices: Vec<SliceResult>,
    /// What the device says of it.
    pub assessment: Assessment,
}

/// What counts as a yes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cuts {
    /// Thresholds of the classifier and scores of the detector.
    pub point: OperatingPoint,
    /// Resamples of the studies for the intervals.
    pub resamples: usize,
    /// The same seed gives the same intervals.
    pub seed: u64,
}
