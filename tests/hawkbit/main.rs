//! Updates from a hawkBit server: the whole life of an action against a scripted server, its faults, power cuts, and TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../identity/authority.rs"]
#[allow(dead_code, reason = "shared with the tests of the MQTT link")]
mod authority;
mod board;
#[path = "../update/bundles.rs"]
#[allow(dead_code, reason = "shared with the tests of the installer")]
mod bundles;
#[path = "../update/bus.rs"]
#[allow(dead_code, reason = "shared with the tests of the installer")]
mod bus;
#[path = "../update/fake.rs"]
#[allow(dead_code, reason = "shared with the tests of the installer")]
mod fake;
mod faults;
mod life;
mod power;
mod secured;
mod server;
mod verb;
