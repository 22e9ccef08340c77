//! Synthetic cervical CT with ground truth.
//!
//! From a seed to a patient (`anatomy`), to slices in Hounsfield units with their truth (`study`), to DICOM files.
//! Synthetic through and through: nothing here was derived from a person's images.

mod fracture;

mod geometry;
mod noise;

mod stream;

mod solid;

mod vertebra;

mod breaking;

mod lookalike;

mod haematoma;

mod surroundings;

mod field;

mod soft;

mod build;

mod column;

mod anatomy;

mod canvas;

mod broken;

mod chest;

mod company;

mod profile;

mod spec;

mod scan;

mod marking;

mod scanner;

mod truth;

mod study;

mod habits;

mod rle;

mod jpeg_lossless;

pub mod dicom_writer;

pub mod companions;

pub mod console;

mod segmentation;

pub mod dataset;

#[cfg(test)]
mod tests;

pub use fracture::FractureKind;
pub use habits::{Habits, Syntax};
pub use profile::Profile;
pub use spec::{Direction, Fractures, Padding, Protocol, Region, StudySpec};
pub use study::{RenderedSlice, Study};
pub use truth::SliceTruth;
