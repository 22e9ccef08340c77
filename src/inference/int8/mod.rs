//! The int8 engine: quantised regions of a tract network as one operator of integer arithmetic.

mod functions;
mod graph;
pub mod kernels;
mod lower;
mod program;
mod run;
mod view;
