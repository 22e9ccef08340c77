//! System updates against real RAUC bundles and a RAUC on a private D-Bus that records what it is asked.
//!
//! Needs `rauc`, `mksquashfs` and `dbus-daemon`; without them the tests say so and pass.
//! `cargo test --test update -- --nocapture` prints the table.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

mod bundles;
mod bus;
mod daemon;
mod fake;
mod refusals;
mod trials;
mod verbs;

use std::process::{Command, Stdio};

/// Whether the programs are here that make bundles and carry D-Bus.
fn equipped() -> bool {
    let missing = [("rauc", "--version"), ("mksquashfs", "-version"), ("dbus-daemon", "--version")].into_iter().find(
        |(program, version)| {
            Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
        },
    );
    if let Some((program, _)) = missing {
        println!("skipped: {program} is not installed");
    }
    missing.is_none()
}
