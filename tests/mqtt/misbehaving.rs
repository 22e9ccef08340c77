//! A broker that misbehaves, packet by packet.

use std::time::Duration;

use rumqttc::mqttbytes::v5::{ConnectReturnCode, PubAckReason};
use spinewatch::publish::Cause;
use spinewatch::triage::Level;

use crate::device::{Device, cause, none_suspected, study_key, suspected};
use crate::scripted_broker::{ScriptedBroker, event_id, max_packet_size, topic};
use crate::{patiently, until};

#[tokio::test]
async fn an_alert_survives_a_drop_before_its_puback() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", suspected(&[Level::C2]));
    let (_publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    let alert = visit.publish().await;
    assert!(event_id(&alert).ends_with("-1-alert"), "the alert goes before the verdict");
    drop(visit);

    let mut visit = broker.welcome().await;
    let again = visit.publish().await;
    assert_eq!((event_id(&again), &again.payload), (event_id(&alert), &alert.payload), "the same event again");
    visit.acknowledge(&again, PubAckReason::Success).await;
    let verdict = visit.publish().await;
    visit.acknowledge(&verdict, PubAckReason::NoMatchingSubscribers).await;
    until("an empty outbox", || device.waiting() == 0).await;
}

#[tokio::test]
async fn an_alert_survives_a_power_cut_before_its_puback() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", suspected(&[Level::C2]));
    let (publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    let alert = visit.publish().await;
    drop(publisher);
    drop(visit);

    let device = device.restarted().await;
    let (_publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    assert_eq!(event_id(&visit.publish().await), event_id(&alert));
}

#[tokio::test]
async fn a_withheld_puback_makes_a_new_connection_and_the_message_comes_again() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", none_suspected());
    let (publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    let first = visit.publish().await;
    // The broker answers pings, so that only the missing PUBACK can tell.
    assert!(visit.next_publish().await.is_none(), "the device hangs up");
    assert_eq!(cause(&publisher.link().borrow()), Some(Cause::NotAcknowledged));

    let mut visit = broker.welcome().await;
    let again = visit.publish().await;
    assert_eq!(event_id(&again), event_id(&first));
    visit.acknowledge(&again, PubAckReason::Success).await;
    until("an empty outbox", || device.waiting() == 0).await;
}

#[tokio::test]
async fn a_broker_that_takes_the_connection_and_says_nothing_is_given_up() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (publisher, _acks) = device.start();
    let half_open = broker.visit().await;
    let mut link = publisher.link();
    patiently("the word", link.wait_for(|link| cause(link) == Some(Cause::NoAnswer))).await.unwrap();
    broker.welcome().await;
    drop(half_open);
}

#[tokio::test]
async fn a_link_that_is_half_open_is_given_up_when_the_birth_is_not_acknowledged() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (_publisher, _acks) = device.start();
    let mut half_open = broker.visit().await;
    half_open.accept(false, None).await;
    broker.welcome().await;
}

#[tokio::test]
async fn a_lost_session_and_a_resumed_one_deliver_alike() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (_publisher, _acks) = device.start();
    for (n, session_present) in [true, false, true, false].into_iter().enumerate() {
        let mut visit = broker.visit().await;
        assert!(
            !visit.connect.clean_start
                && visit.connect.properties.as_ref().unwrap().session_expiry_interval == Some(3600)
        );
        visit.accept(session_present, None).await;
        let birth = visit.publish().await;
        assert!(topic(&birth).ends_with("/status"));
        visit.acknowledge(&birth, PubAckReason::Success).await;
        device.commit(&format!("study {n}"), none_suspected());
        let message = visit.publish().await;
        assert!(!message.dup, "a new packet, not the library's replay");
        visit.acknowledge(&message, PubAckReason::Success).await;
        until("an empty outbox", || device.waiting() == 0).await;
    }
}

#[tokio::test]
async fn twenty_messages_survive_a_session_that_is_lost_with_all_of_them_in_flight() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    (0..20).for_each(|n| device.commit(&format!("study {n}"), none_suspected()));
    let (_publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    for _ in 0..8 {
        visit.publish().await;
    }
    drop(visit);
    let mut visit = broker.welcome().await;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let message = visit.publish().await;
        visit.acknowledge(&message, PubAckReason::Success).await;
        ids.insert(event_id(&message));
    }
    assert_eq!(ids.len(), 20, "each once");
    until("an empty outbox", || device.waiting() == 0).await;
}

#[tokio::test]
async fn a_refused_message_is_tried_again_then_given_up_and_never_called_sent() {
    for (reason, words) in [
        (PubAckReason::NotAuthorized, "not_authorized"),
        (PubAckReason::QuotaExceeded, "quota_exceeded"),
        (PubAckReason::PayloadFormatInvalid, "payload_refused"),
        (PubAckReason::ImplementationSpecificError, "refused"),
    ] {
        let broker = ScriptedBroker::start().await;
        let device = Device::new(broker.url());
        device.commit("a", none_suspected());
        let (publisher, _acks) = device.start();
        let mut visit = broker.welcome().await;
        for _ in 0..3 {
            let message = visit.publish().await;
            visit.acknowledge(&message, reason).await;
        }
        until("the end of its tries", || device.store.queue_depth().unwrap().dead == 1).await;
        assert_eq!(device.store.dead_letters(9).unwrap()[0].reason, words);
        // Others still pass, over the same link.
        device.commit("b", none_suspected());
        let other = visit.publish().await;
        assert!(topic(&other).ends_with(&study_key("b")));
        visit.acknowledge(&other, PubAckReason::Success).await;
        until("delivery", || device.waiting() == 0).await;
        drop(publisher);
        drop(visit);

        // A restart, after a repair, tries it again.
        let (_publisher, _acks) = device.start();
        let mut visit = broker.welcome().await;
        assert!(topic(&visit.publish().await).ends_with(&study_key("a")));
    }
}

#[tokio::test]
async fn a_message_over_the_brokers_packet_size_is_never_sent_and_holds_up_nobody() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", suspected(&Level::ALL));
    device.commit("b", none_suspected());
    let (_publisher, _acks) = device.start();
    let mut visit = broker.visit().await;
    visit.accept(false, Some(max_packet_size(2000))).await;
    let birth = visit.publish().await;
    visit.acknowledge(&birth, PubAckReason::Success).await;
    let small = visit.publish().await;
    assert!(topic(&small).ends_with(&study_key("b")));
    visit.acknowledge(&small, PubAckReason::Success).await;
    until("the end of its tries", || device.store.queue_depth().unwrap().dead == 2).await;
    let reason = device.store.dead_letters(9).unwrap().remove(0).reason;
    assert!(reason.ends_with("bytes, the limit is 2000"), "{reason}");
}

#[tokio::test]
async fn a_message_on_which_the_broker_hangs_up_holds_up_nobody() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    ["poison", "b", "c", "d"].into_iter().for_each(|study| device.commit(study, none_suspected()));
    let (_publisher, _acks) = device.start();
    let poison = study_key("poison");
    let mut arrived = std::collections::BTreeSet::new();
    while arrived.len() < 3 {
        let mut visit = broker.welcome().await;
        while let Some(message) = visit.next_publish().await {
            if topic(&message).ends_with(&poison) {
                break;
            }
            visit.acknowledge(&message, PubAckReason::Success).await;
            arrived.insert(topic(&message));
        }
    }
    until("only the poison", || device.waiting() == 1).await;
    assert_eq!(device.store.queue_depth().unwrap().dead, 0, "a bad network looks the same: it is kept");
}

#[tokio::test]
async fn a_broker_that_refuses_or_sends_garbage_is_told_of_and_tried_again() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    for (code, expected) in [
        (ConnectReturnCode::BadUserNamePassword, Cause::BadCredentials),
        (ConnectReturnCode::NotAuthorized, Cause::NotAuthorized),
        (ConnectReturnCode::Banned, Cause::Banned),
        (ConnectReturnCode::QuotaExceeded, Cause::QuotaExceeded),
        (ConnectReturnCode::ServerBusy, Cause::ServerBusy),
    ] {
        broker.visit().await.refuse(code).await;
        patiently(expected.code(), link.wait_for(|link| cause(link) == Some(expected))).await.unwrap();
        assert!(!link.borrow().online);
    }
    broker.visit().await.write_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut visit = broker.welcome().await;
    patiently("online", link.wait_for(|link| link.online)).await.unwrap();
    visit.write_bytes(&[0xFF; 64]).await;
    broker.welcome().await;
}

#[tokio::test]
async fn the_connect_carries_the_last_will_of_an_offline_device() {
    let broker = ScriptedBroker::start().await;
    let mut device = Device::new(broker.url());
    device.settings.limits.will_delay = Duration::from_secs(5);
    let (_publisher, _acks) = device.start();
    let will = broker.visit().await.will.expect("a will");
    assert!(will.retain && will.topic == "spinewatch/v1/north/ct-2/status");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&will.message).unwrap()["state"], "offline");
    let properties = will.properties.unwrap();
    assert_eq!(properties.delay_interval, Some(5));
    assert!(properties.user_properties.iter().any(|(key, value)| key == "type" && value.contains("status")));
    assert!(!properties.user_properties.iter().any(|(key, _)| key == "time"), "nobody knows when it will be");
}
