//! Slices in, input tensors out, as the model package's recipe says. Pure: no files, no clock, no state.
//!
//! The steps: the middle of a field of view that is too wide ([`View`]), Hounsfield window in floating point, resize in
//! floating point, round half up to 8 bits ([`plane`]); then channels and normalisation ([`image_tensor`]), and the numbers
//! beside the image ([`metadata`]). Never looks at a header beyond rows, columns and pixel spacing.

mod recipe;
mod resize;
mod tensor;
mod view;

pub use recipe::{MetadataField, Neighbours, Recipe, Resize};
pub use resize::{Plane, PlaneError, Resizer, plane};
pub use tensor::{SlicePosition, image_tensor, metadata};
pub use view::View;
