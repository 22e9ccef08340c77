//! Model packages, engines and the analysis of one slice.
//!
//! Takes signed packages from a folder and prepared slices from the study; hands on evidence per slice with timings,
//! or a named failure. A package is read in one order: signature, digests, manifest, shapes, then the engine and its
//! golden cases. Never parses a byte of a package that its signature does not cover, and never lets a slice that
//! could not be analysed look like one without findings.

mod accelerator;
mod analyser;
mod cam;
mod digest;
mod engine;
pub(crate) mod files;
mod golden;
mod graph;
pub mod int8;
mod keys;
mod manifest;
mod manifest_checks;
mod npy;
mod package;
mod pool;
mod second_opinion;
mod selftest;
mod sign;
mod tract;
mod worker;
mod yolo;

pub use accelerator::{Accelerated, Rules as AcceleratorRules, Standing, Watch};
pub use analyser::{Analyser, AnalyserError, Choice};
pub use cam::{Heat, LinearHead};
pub use engine::{Engine, EngineError, Model};
pub use golden::{GoldenCase, GoldenFault, GoldenReport};
pub use graph::{Graph, Port};
pub use keys::{KeyError, TrustedKeys};
pub use manifest::{
    ClassifierPoint, DetectorPoint, FeaturesOutput, FracturePoint, Golden, Head, ImageInput, Kind, Manifest,
    MetadataInput, Output,
};
pub use package::{Fault, ModelSummary, Package, PackageError};
pub(crate) use pool::guarded;
pub use pool::{Busy, Done, Pool, SliceFailure, SubmitError};
pub use second_opinion::{Opinion, OpinionError, SecondOpinion};
pub use selftest::{Loaded, ModelReport, Refusal, SelftestReport, load, selftest};
pub(crate) use selftest::{load_all, package_folders};
pub use sign::{SignError, read_secret_key, sign_package};
pub use tract::{Int8, Quantised, TractEngine};
pub use worker::{Analysis, PreparedSlice, SliceInput, Timings, Worker};
pub use yolo::MAX_BOXES;
