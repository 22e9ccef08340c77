//! Promises of the wire: no alert is lost, the device's state is always to be seen, and what a broker does wrong is
//! survived. Against the embedded broker, a scripted one, and mosquitto where there is one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod clinic;
mod device;
mod kills;
mod measure;
mod misbehaving;
mod mosquitto;
mod mosquitto_only;
mod nats;
mod nats_only;
mod scripted_broker;
mod story;

pub use device::{patiently, until};
