//! Synthetic cervical CT with ground truth.
//!
//! From a seed to a patient (`anatomy`), to slices in Hounsfield units with their truth (`study`), to DICOM files.
//! Synthetic through and through: nothing here was derived from a person's images.

mod geometry;
mod noise;

mod solid;

mod vertebra;

mod fracture;

mod surroundings;

mod soft;

mod anatomy;

mod canvas;

mod study;

pub mod dicom_writer;

pub mod dataset;

pub use fracture::{Fracture, FractureKind};
pub use study::{
    Direction, FRACTURE_MM2, Fractures, Geometry, RenderedSlice, SHOWN_MM2, SliceTruth, Study, StudySpec, TruthBox,
};
