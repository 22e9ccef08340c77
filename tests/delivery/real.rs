//! The same promises over mosquitto, where there is one: faults that only a real broker makes in its own way.

use std::process::Command;
use std::time::Duration;

use spinewatch::publish::Cause;
use spinewatch::store::Keys;
use spinewatch::triage::Level;

use super::device::{Device, none_suspected, patiently, suspected, until};
use super::mosquitto::Mosquitto;
use super::tally::{Clinic, Tally};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("study {n}")).collect()
}

/// Whatever came again was passed over, and nothing else was wrong.
async fn all_is_well(clinic: &Clinic, device: &Device, studies: &[String]) {
    let keys = Keys::from_secret([5; 32]);
    until("the last message", || clinic.tally(&device.store, &keys, studies).lost == 0).await;
    let tally = clinic.tally(&device.store, &keys, studies);
    assert_eq!(tally, Tally { again: tally.again, ..Tally::default() });
}

#[tokio::test]
async fn a_mosquitto_that_is_frozen_and_thawed_gets_everything_once_and_in_order() {
    let Some(broker) = Mosquitto::start("") else { return };
    let clinic = Clinic::listen(broker.url()).await;
    let device = Device::new(broker.url());
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    patiently("online", link.wait_for(|link| link.online)).await.unwrap();
    let studies = names(10);
    broker.signal("STOP");
    for verdict in [suspected(&[Level::C2]), none_suspected(), suspected(&Level::ALL)] {
        studies.iter().for_each(|study| device.commit(study, verdict.clone()));
    }
    let half_open = |cause| cause == Cause::NotAcknowledged || cause == Cause::NoAnswer;
    patiently("the word", link.wait_for(|link| link.trouble.as_ref().is_some_and(|t| half_open(t.cause))))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    broker.signal("CONT");
    until("an empty outbox", || device.waiting() == 0).await;
    all_is_well(&clinic, &device, &studies).await;
}

#[tokio::test]
async fn an_alert_over_mosquittos_message_size_limit_is_kept_and_said_until_the_limit_is_raised() {
    let Some(mut broker) = Mosquitto::start("message_size_limit 900") else { return };
    let clinic = Clinic::listen(broker.url()).await;
    let mut device = Device::new(broker.url());
    device.settings.limits.revive = Duration::from_millis(500);
    device.commit("large", suspected(&Level::ALL));
    device.commit("small", none_suspected());
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    until("the small one", || clinic.topics().iter().any(|topic| topic.contains("/triage/"))).await;
    until("the word", || device.store.queue_depth().unwrap().refused > 0).await;
    let why = link.borrow_and_update().refused.clone().unwrap();
    assert_eq!(why.cause, Cause::PacketTooLarge, "{why}");
    until("dead letters", || device.store.queue_depth().unwrap().dead == 2).await;

    broker.kill();
    let file = broker.folder().join("mosquitto.conf");
    let lines = std::fs::read_to_string(&file).unwrap().replace("message_size_limit 900", "");
    std::fs::write(&file, lines).unwrap();
    broker.start_again();
    until("an empty outbox", || device.store.queue_depth().unwrap() == Default::default()).await;
    all_is_well(&clinic, &device, &["large".to_owned(), "small".to_owned()]).await;
}

#[tokio::test]
async fn two_devices_with_one_name_both_deliver_and_throw_each_other_out_less_and_less_often() {
    let Some(broker) = Mosquitto::start("") else { return };
    let clinic = Clinic::listen(broker.url()).await;
    let (mut one, mut two) = (Device::new(broker.url()), Device::new(broker.url()));
    for device in [&mut one, &mut two] {
        // Slower than a connection, so that either gets its turn.
        device.settings.limits.reconnect.1 = Duration::from_millis(400);
    }
    let studies = names(40);
    studies[..20].iter().for_each(|study| one.commit(study, suspected(&[Level::C2])));
    studies[20..].iter().for_each(|study| two.commit(study, suspected(&[Level::C2])));
    let (publisher_one, _acks) = one.start();
    let (publisher_two, _acks_two) = two.start();
    until("empty outboxes", || one.waiting() == 0 && two.waiting() == 0).await;
    all_is_well(&clinic, &one, &studies[..20]).await;
    all_is_well(&clinic, &two, &studies[20..]).await;

    // mosquitto 2.0 says nothing when it closes the old connection; others say `session_taken_over`.
    let losses = || publisher_one.link().borrow().losses + publisher_two.link().borrow().losses;
    let before = losses();
    assert!(before > 0, "they did throw each other out");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(losses() - before < 30, "and do so less and less often: {before}, then {}", losses());
}

impl Mosquitto {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}
