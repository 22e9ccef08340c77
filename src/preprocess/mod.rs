//! Slices in, input tensors out, as the model package's recipe says. Pure: no files, no clock, no state.
//!
//! The steps: Hounsfield window in floating point, resize in floating point, round half up to 8 bits
//! ([`plane`]); then channels and normalisation ([`image_tensor`]), and the numbers beside the image ([`metadata`]).
//! Never looks at a header beyond rows and columns.

mod recipe;
mod resize;
mod tensor;

pub use recipe::{MetadataField, Neighbours, Recipe, Resize};
pub use resize::{Plane, PlaneError, Resizer, plane};
pub use tensor::{SlicePosition, image_tensor, metadata};
