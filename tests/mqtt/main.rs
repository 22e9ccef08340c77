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

use std::future::Future;
use std::time::Duration;

/// Waits, but not for ever.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap_or_else(|_| panic!("{what} never came"))
}

/// Waits until it is so, but not for ever.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    patiently(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
