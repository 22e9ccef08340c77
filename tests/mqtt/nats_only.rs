//! What only MQTT 3.1.1 and NATS have: the version that is found out, envelopes, topics without a dot.

use spinewatch::publish::{EventKind, LinkState, Protocol, Topics};
use spinewatch::triage::Level;

use crate::clinic::{next, subscriber};
use crate::device::{Device, Reach, none_suspected, suspected};
use crate::mosquitto::Mosquitto;
use crate::nats::Nats;
use crate::{patiently, until};

#[tokio::test]
async fn verdicts_survive_an_outage_of_nats() {
    let Some(mut broker) = Nats::start() else { return };
    let device = Device::new(broker.url());
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    patiently("online", link.wait_for(|link| link.online)).await.unwrap();
    broker.kill();
    patiently("offline", link.wait_for(|link| !link.online)).await.unwrap();
    (0..10).for_each(|n| device.commit(&format!("study {n}"), suspected(&[Level::C5])));
    assert_eq!(device.waiting(), 20);
    broker.start_again();
    until("an empty outbox", || device.waiting() == 0).await;
    let mut clinic = subscriber(broker.url(), "clinic").await;
    for _ in 0..10 {
        next(&mut clinic, EventKind::Triage).await;
    }
}

#[tokio::test]
async fn a_dot_in_a_name_is_what_nats_does_not_take_and_the_device_says_so() {
    let Some(broker) = Nats::start() else { return };
    let mut device = Device::new(broker.url());
    device.settings.topics = Topics::new("north.wing", "ct-2").unwrap();
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    patiently("the word", link.wait_for(|link| says(link, "device.site"))).await.unwrap();
}

#[tokio::test]
async fn a_fixed_version_that_the_broker_does_not_speak_is_named() {
    let Some(broker) = Nats::start() else { return };
    let device = Device::new(Reach { protocol: Some(Protocol::V5), ..broker.url().into() });
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    patiently("the word", link.wait_for(|link| says(link, "mqtt.protocol"))).await.unwrap();
}

/// The other way round it cannot be: a broker drops the attributes on the way from MQTT 5 to MQTT 3.1.1.
#[tokio::test]
async fn a_clinic_in_mqtt_5_reads_the_events_of_devices_in_both_versions() {
    let Some(broker) = Mosquitto::start("") else { return };
    let mut clinic = subscriber(broker.url(), "clinic").await;
    for protocol in [Protocol::V311, Protocol::V5] {
        let device = Device::new(Reach { protocol: Some(protocol), ..broker.url().into() });
        let (publisher, mut acks) = device.start();
        device.commit(protocol.word(), suspected(&[Level::C2]));
        let alert = next(&mut clinic, EventKind::Alert).await;
        clinic.acknowledge(&alert, "desk").await;
        assert_eq!(patiently("the acknowledgement", acks.recv()).await.unwrap().by, "desk");
        until("delivery", || device.waiting() == 0).await;
        publisher.stop().await;
    }
}

#[tokio::test]
async fn a_broker_that_falls_out_is_replaced_by_the_next_one_for_device_and_clinic() {
    let (Some(mut first), Some(second)) = (Mosquitto::start(""), Nats::start()) else { return };
    let reach = Reach { fallback: vec![second.url()], ..first.url().into() };
    let device = Device::new(reach.clone());
    let mut clinic = subscriber(reach, "clinic").await;
    let (_publisher, _acks) = device.start();
    device.commit("a", none_suspected());
    next(&mut clinic, EventKind::Triage).await;
    first.kill();
    device.commit("b", suspected(&[Level::C2]));
    // Retained: it arrives even when the device was at the second broker before the clinic.
    let verdict = next(&mut clinic, EventKind::Triage).await.triage().unwrap();
    assert_eq!(verdict.verdict, "suspected");
    until("an empty outbox", || device.waiting() == 0).await;
}

fn says(link: &LinkState, word: &str) -> bool {
    link.trouble.as_ref().is_some_and(|trouble| trouble.to_string().contains(word))
}
