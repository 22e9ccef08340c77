//! The second engine: networks on an NPU, a GPU or a vendor's processor library, through ONNX Runtime.
//!
//! [`Accelerated`] stands in front of the processor engine. Every network is loaded by both; the accelerator's answers
//! are used only where its golden cases hold and come fast enough. What it fails on, or does not answer in time, the
//! processor engine does, and the device says so. Nothing here depends on the feature `accelerator` but the loading of
//! ONNX Runtime itself, whose library is named in the configuration and opened at run time.

mod accelerated;
mod lane;
#[cfg(feature = "accelerator")]
mod onnx_runtime;
#[cfg(feature = "accelerator")]
mod placement;
mod standing;

pub use accelerated::{Accelerated, Rules};
pub use standing::{Standing, Watch};
