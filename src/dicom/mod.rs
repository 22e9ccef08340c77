//! Bytes of one file in, slices in Hounsfield units or a named rejection out.

mod slice;

pub use slice::{Slice, SliceHeader, Uid};
