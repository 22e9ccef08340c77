//! Power cuts in a process: the real writes of the store and of the model switch are recorded by strace, and every prefix
//! of them is opened with the product's own code; so is what a disk may hold that keeps nothing before it is synced.
//!
//! `cargo test --test power_prefix -- --nocapture` prints the counts; `SPINEWATCH_CARELESS=20000` draws more cuts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation, reason = "tests")]
#![allow(clippy::cast_sign_loss, clippy::cast_possible_wrap, reason = "tests")]

#[path = "inference/bench.rs"]
#[expect(dead_code, reason = "shared with the tests of the engine")]
mod bench;
#[path = "model_switch/device.rs"]
#[expect(dead_code, reason = "shared with the tests of the model switch")]
mod device;
#[path = "power_prefix/disk.rs"]
mod disk;
#[path = "power_prefix/models.rs"]
mod models;
#[path = "inference/onnx.rs"]
#[expect(dead_code, reason = "shared with the tests of the engine")]
mod onnx;
#[path = "power_prefix/replay.rs"]
mod replay;
#[path = "power_prefix/store.rs"]
mod store;
#[path = "power_prefix/trace.rs"]
mod trace;

/// How many cuts of a careless disk are drawn.
fn careless(usual: usize) -> usize {
    std::env::var("SPINEWATCH_CARELESS").ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}
