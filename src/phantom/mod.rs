//! Synthetic cervical CT with ground truth.
//!
//! From a seed to a patient (`anatomy`), to slices in Hounsfield units with their truth (`study`), to DICOM files.
//! Synthetic through and through: nothing here was derived from a person's images.

mod geometry;
mod noise;

mod solid;

mod vertebra;

mod fracture;

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

pub use build::AnatomyRange;
pub use fracture::{Fracture, FractureKind};
pub use habits::{CANARY, Habits, Opening, PaddingTag, Syntax};
pub use profile::Profile;
pub use scan::{Geometry, Tilt};
pub use spec::{Direction, Fractures, PUBLISHED_RATE, Padding, Protocol, Region, StudySpec};
pub use study::{FRACTURE_MM2, RenderedSlice, SHOWN_MM2, SliceTruth, Study, TruthBox};
