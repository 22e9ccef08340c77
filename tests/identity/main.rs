//! Promises of identity: nobody is let in who does not belong, and whoever does belong stays in while certificates are
//! renewed and clocks are wrong. Against mosquitto with the configuration in `board/brokers`, and a TLS front.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access;
mod authority;
mod device;
mod expiry;
mod front;
mod guide;
#[allow(dead_code, reason = "shared with the tests of the wire")]
#[path = "../mqtt/mosquitto.rs"]
mod mosquitto;
mod nats;
mod negative;
mod renewal;
#[cfg(feature = "pkcs11")]
mod token;

use std::future::Future;
use std::time::Duration;

use rumqttc::{AsyncClient, Broker, ConnectionError, Event, MqttOptions, Packet, TlsConfiguration, Transport};
use spinewatch::publish::Tls;

/// Waits, but not for ever.
async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap_or_else(|_| panic!("{what} never came"))
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    patiently(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// One attempt to connect; what came of it, as a code and words.
async fn attempt(tls: &Tls, host: &str, port: u16) -> (String, String) {
    let mut options = MqttOptions::new("attempt", Broker::tcp(host, port));
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.attempt().config)));
    let (_client, mut event_loop) = AsyncClient::builder(options).capacity(4).build();
    let error = patiently("an outcome", async {
        loop {
            match event_loop.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => return None,
                Ok(_) => {}
                Err(error) => return Some(error),
            }
        }
    })
    .await;
    match error {
        None => ("connected".into(), String::new()),
        Some(ConnectionError::ConnectionRefused(code)) => (format!("{code:?}"), "refused by MQTT".into()),
        Some(error) => match tls.trouble(&error) {
            Some(trouble) => (trouble.cause.code().into(), trouble.to_string()),
            None => ("not TLS".into(), format!("{error:?}")),
        },
    }
}
