//! The int8 engine: quantised regions of a tract network as one operator of integer arithmetic.

pub mod kernels;
pub mod qoperator;
