//! The one place that builds every stage and joins the channels.

mod case;

pub mod desk;

mod stages;

pub use case::{Case, FileOfSlices, ReadSlice};
pub use stages::{StageTime, StageTimes};
