//! A health report in, Prometheus text out; on request served on a loopback port. Off unless a site switches it on.

mod serve;

mod text;

pub use serve::{ServeError, bind, serve};
pub use text::render;
