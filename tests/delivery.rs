//! Promises of delivery: whatever the broker does wrong, nothing is lost, nothing doubled, nothing out of order, and the
//! reason is shown by its code. `cargo test --test delivery -- --nocapture` prints the table;
//! `SPINEWATCH_FAULTS=50` and `SPINEWATCH_POWER_CUTS=200` make the runs longer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "mqtt/device.rs"]
#[expect(dead_code, reason = "shared with the tests of the wire")]
mod device;
#[path = "delivery/faulty_broker.rs"]
mod faulty_broker;
#[path = "mqtt/mosquitto.rs"]
mod mosquitto;
#[path = "delivery/outage.rs"]
mod outage;
#[path = "delivery/real.rs"]
mod real;
#[path = "mqtt/scripted_broker.rs"]
#[expect(dead_code, reason = "shared with the tests of the wire")]
mod scripted_broker;
#[path = "delivery/table.rs"]
mod table;
#[path = "delivery/tally.rs"]
mod tally;
