//! Measurements, not promises.

use std::time::Instant;

use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{BrokerUrl, EventKind};
use spinewatch::triage::Level;

use crate::clinic::subscriber;
use crate::device::{Device, suspected};
use crate::mosquitto::Mosquitto;
use crate::patiently;

/// `cargo test --test mqtt -- --ignored --nocapture measure` prints the time from a commit to its alert's arrival.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_commit_to_arrival() {
    let embedded = EmbeddedBroker::start().await.unwrap();
    measure("embedded", embedded.url()).await;
    if let Some(broker) = Mosquitto::start("") {
        measure("mosquitto", broker.url()).await;
    }
}

async fn measure(name: &str, url: BrokerUrl) {
    let device = Device::new(url.clone());
    let mut clinic = subscriber(url, "clinic").await;
    let _publisher = device.start();
    let mut times = Vec::new();
    for n in 0..200 {
        let started = Instant::now();
        device.commit(&format!("study {n}"), suspected(&[Level::C2]));
        let committed = started.elapsed();
        while patiently("the alert", clinic.next_event()).await.unwrap().event.kind != EventKind::Alert {}
        times.push((started.elapsed(), committed));
    }
    times.sort();
    println!(
        "{name}: p50 {:?}, p95 {:?} from the commit's begin (which takes {:?})",
        times[100].0, times[190].0, times[100].1
    );
}
