//! The int8 engine: quantised regions of a tract network as one operator of integer arithmetic.

pub mod cache;
mod explain;
mod functions;
mod graph;
pub mod kernels;
mod lower;
mod operator;
mod patterns;
mod program;
mod qoperator;
mod recognise;
mod regions;
mod run;
mod team;
#[cfg(test)]
mod tests;
mod view;
mod weights;

pub use explain::{Layer, explain};
pub use graph::Outside;
pub use program::{Port, Program};
pub use qoperator::to_qdq;
pub use regions::{replace, whole};
pub use run::{Given, Runner};
pub use team::Team;
