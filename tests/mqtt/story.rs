//! What every broker has to do: the same suite against each of them.

use std::collections::BTreeMap;

use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{BrokerUrl, DeviceState, EventKind, KeyImage, Protocol};
use spinewatch::triage::{Level, Revision};

use crate::clinic::{next, subscriber};
use crate::device::{Device, Reach, health, none_suspected, status, study_key, suspected};
use crate::mosquitto::Mosquitto;
use crate::nats::Nats;
use crate::{patiently, until};

/// Birth, alert, verdict, acknowledgement, degraded, health, farewell, last will: as a clinic sees it.
async fn tells_the_whole_story(reach: impl Into<Reach>) {
    let reach = reach.into();
    let device = Device::new(reach.clone());
    let mut clinic = subscriber(reach.clone(), "clinic").await;
    let (publisher, mut acks) = device.start();
    let birth = next(&mut clinic, EventKind::Status).await;
    assert_eq!(birth.json().unwrap()["state"], "online");
    assert_eq!(birth.event.source, "/spinewatch/v1/north/ct-2");

    let suspicion = suspected(&[Level::C2]);
    let slice_key = suspicion.findings[0].best_slice.slice_key.clone();
    let noise = (0..256 * 256_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    device.commit_with("a", suspicion, Some(KeyImage { slice_key, side: 256, grey: noise }));
    let alert = next(&mut clinic, EventKind::Alert).await;
    assert_eq!(alert.topic, format!("spinewatch/v1/north/ct-2/alert/{}", study_key("a")));
    assert_eq!(alert.event.subject, Some(study_key("a")));
    assert_eq!(alert.triage().unwrap().findings[0].level, Level::C2);
    assert!(!alert.retained && alert.event.time.is_some());
    assert_eq!(next(&mut clinic, EventKind::Triage).await.triage().unwrap().verdict, "suspected");
    let image = next(&mut clinic, EventKind::Image).await;
    assert_eq!(image.topic, format!("spinewatch/v1/north/ct-2/image/{}", study_key("a")));
    until("the acknowledgements by the broker", || device.waiting() == 0).await;

    clinic.acknowledge(&alert, "ER desk 2").await;
    let ack = patiently("the acknowledgement", acks.recv()).await.unwrap();
    assert_eq!((ack.study_key, ack.revision, ack.by), (study_key("a"), 1, "ER desk 2".to_owned()));
    let recorded = device.store.latest_verdict(&study_key("a")).unwrap().unwrap().acknowledged;
    assert_eq!(recorded.unwrap().0, "ER desk 2");
    let told = next(&mut clinic, EventKind::Acknowledged).await.json().unwrap();
    assert_eq!((told["acknowledged_by"].as_str(), told["levels"][0].as_str()), (Some("ER desk 2"), Some("C2")));
    until("the acknowledgements by the broker", || device.waiting() == 0).await;

    device.commit("a", none_suspected());
    let retraction = next(&mut clinic, EventKind::Alert).await.triage().unwrap();
    assert_eq!((retraction.change, retraction.supersedes), (Revision::Retracts, Some(alert.event.id)));

    publisher.set_status(status(DeviceState::Degraded));
    assert_eq!(next(&mut clinic, EventKind::Status).await.json().unwrap()["reasons"][0]["code"], "share_lost");
    publisher.set_health(health());
    assert_eq!(next(&mut clinic, EventKind::Health).await.json().unwrap()["share"]["state"], "available");

    until("the acknowledgements by the broker", || device.waiting() == 0).await;
    late_subscriber_sees_what_is_current(reach.clone()).await;
    publisher.stop().await;
    let farewell = next(&mut clinic, EventKind::Status).await;
    assert_eq!(
        (farewell.json().unwrap()["state"].as_str(), farewell.json().unwrap()["reasons"].as_array().map(Vec::len)),
        (Some("offline"), Some(0))
    );

    let (publisher, _acks) = device.start();
    assert_eq!(next(&mut clinic, EventKind::Status).await.json().unwrap()["state"], "online");
    drop(publisher);
    let will = next(&mut clinic, EventKind::Status).await.json().unwrap();
    assert_eq!(
        (will["state"].as_str(), will["reasons"][0]["code"].as_str()),
        (Some("offline"), Some("connection_lost"))
    );
}

async fn late_subscriber_sees_what_is_current(reach: impl Into<Reach>) {
    let mut late = subscriber(reach, "late").await;
    let mut current = BTreeMap::new();
    for _ in 0..5 {
        let received = patiently("a retained event", late.next_event()).await.unwrap();
        assert!(received.retained, "{received:?}");
        if received.event.kind == EventKind::Image {
            continue;
        }
        current.insert(received.event.kind, received.json().unwrap());
    }
    assert_eq!(current[&EventKind::Status]["state"], "degraded");
    assert_eq!(current[&EventKind::Triage]["verdict"], "none_suspected", "the latest revision");
    assert!(current.contains_key(&EventKind::Health) && !current.contains_key(&EventKind::Alert));
}

#[tokio::test]
async fn the_whole_story_over_the_embedded_broker() {
    let broker = EmbeddedBroker::start().await.unwrap();
    tells_the_whole_story(broker.url()).await;
}

#[tokio::test]
async fn the_whole_story_over_mosquitto() {
    let Some(broker) = Mosquitto::start("") else { return };
    tells_the_whole_story(broker.url()).await;
}

fn v311(url: BrokerUrl) -> Reach {
    Reach { protocol: Some(Protocol::V311), ..url.into() }
}

#[tokio::test]
async fn the_whole_story_over_mosquitto_in_mqtt_3_1_1() {
    let Some(broker) = Mosquitto::start("") else { return };
    tells_the_whole_story(v311(broker.url())).await;
}

#[tokio::test]
async fn the_whole_story_over_nats() {
    let Some(broker) = Nats::start() else { return };
    tells_the_whole_story(broker.url()).await;
}

/// The device's session is kept by the broker, and with it what a clinic says meanwhile.
async fn an_acknowledgement_arrives_although_the_device_was_away(reach: impl Into<Reach>) {
    let reach = reach.into();
    let device = Device::new(reach.clone());
    let mut clinic = subscriber(reach, "clinic").await;
    let (publisher, _acks) = device.start();
    device.commit("a", suspected(&[Level::C2]));
    let alert = next(&mut clinic, EventKind::Alert).await;
    until("delivery", || device.waiting() == 0).await;
    publisher.stop().await;
    clinic.acknowledge(&alert, "night shift").await;

    let device = device.restarted().await;
    device.commit("b", none_suspected());
    let (_publisher, mut acks) = device.start();
    assert_eq!(patiently("the acknowledgement", acks.recv()).await.unwrap().by, "night shift");
    // And the resumed session does not keep the device from publishing.
    until("delivery", || device.waiting() == 0).await;
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_device_in_the_embedded_broker() {
    let broker = EmbeddedBroker::start().await.unwrap();
    an_acknowledgement_arrives_although_the_device_was_away(broker.url()).await;
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_device_in_mosquitto() {
    let Some(broker) = Mosquitto::start("") else { return };
    an_acknowledgement_arrives_although_the_device_was_away(broker.url()).await;
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_device_in_mosquitto_in_mqtt_3_1_1() {
    let Some(broker) = Mosquitto::start("") else { return };
    an_acknowledgement_arrives_although_the_device_was_away(v311(broker.url())).await;
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_device_in_nats() {
    let Some(broker) = Nats::start() else { return };
    an_acknowledgement_arrives_although_the_device_was_away(broker.url()).await;
}
