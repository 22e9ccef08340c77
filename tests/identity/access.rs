//! Who may do what, by the broker configurations that ship in `board/brokers`.

use std::path::Path;
use std::time::Duration;

use spinewatch::publish::{BrokerUrl, Connection, EventKind, Received, Subscriber, Tls, Topics};

use crate::authority::{Authority, VALID};
use crate::device::Device;
use crate::mosquitto::{self, Mosquitto};
use crate::{patiently, until};

pub const MOSQUITTO: &str = include_str!("../../board/brokers/mosquitto/mosquitto.conf");
const ACL: &str = include_str!("../../board/brokers/mosquitto/acl");

/// What must stay in the shipped file.
pub const GUARDED: &[&str] =
    &["require_certificate true", "use_identity_as_username true", "allow_anonymous false", "tls_version tlsv1.2"];

/// mosquitto with the shipped configuration: its paths, its port and its user replaced. `None`, and a word why, without
/// mosquitto.
pub fn mosquitto(folder: &Path, broker: &str) -> Option<Mosquitto> {
    let Some(program) = mosquitto::program("mosquitto") else {
        eprintln!("skipped: no mosquitto on this machine (apt-get install mosquitto)");
        return None;
    };
    let own = tempfile::tempdir().unwrap();
    let path = |name: &str| own.path().join(name);
    std::fs::write(path("acl"), ACL).unwrap();
    std::fs::copy(folder.join(format!("{broker}.pem")), path("broker.pem")).unwrap();
    std::fs::copy(folder.join(format!("{broker}.key")), path("broker.key")).unwrap();
    let lines: String = MOSQUITTO
        .lines()
        .filter(|line| {
            !line.starts_with("listener") && !line.starts_with("allow_anonymous") && !line.starts_with("persistence ")
        })
        .map(|line| line.to_owned() + "\n")
        .collect();
    let lines = lines
        .replace("/etc/mosquitto/certs/devices", &folder.join("devices").to_string_lossy())
        .replace("/etc/mosquitto/certs/", "{dir}/")
        .replace("/etc/mosquitto/", "{dir}/")
        .replace("/var/lib/mosquitto/", "{dir}/");
    Some(Mosquitto::start_in(&program, own, &format!("{lines}allow_anonymous false\nuser root\n")))
}

fn url(broker: &Mosquitto) -> BrokerUrl {
    BrokerUrl { host: "localhost".into(), ..broker.url() }
}

async fn subscriber(url: BrokerUrl, tls: Tls, id: &str) -> Subscriber {
    let connection = Connection { tls: Some(tls), ..Connection::plain(url, id) };
    patiently("a subscription", Subscriber::connect(connection, Topics::everything())).await.unwrap()
}

pub async fn next_alert(subscriber: &mut Subscriber) -> Received {
    patiently("an alert", async {
        loop {
            let received = subscriber.next_event().await.unwrap();
            if received.event.kind == EventKind::Alert {
                return received;
            }
        }
    })
    .await
}

pub fn people(folder: &Path) -> Authority {
    let ours = Authority::new(folder, "devices-ca");
    ours.broker("broker", "localhost", VALID);
    ours.client("ct-2", "north/ct-2", VALID);
    ours.client("ct-3", "north/ct-3", VALID);
    ours.client("clinic", "north-radiology", VALID);
    ours.client("nobody", "somebody-else", VALID);
    ours
}

#[tokio::test]
async fn a_device_speaks_under_its_own_name_and_a_clinic_reads_and_acknowledges() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    let Some(broker) = mosquitto(folder.path(), "broker") else { return };
    let mut clinic = subscriber(url(&broker), ours.tls(Some("clinic")), "clinic").await;
    let mut nobody = subscriber(url(&broker), ours.tls(Some("nobody")), "nobody").await;
    let device = Device::new(url(&broker), ours.tls(Some("ct-2")), "north", "ct-2");
    let (publisher, mut acks) = device.start();
    device.alert("abcd");
    let alert = next_alert(&mut clinic).await;
    assert_eq!(alert.topic, "spinewatch/v1/north/ct-2/alert/abcd");
    clinic.acknowledge(&alert, "Dr. B").await;
    assert_eq!(patiently("an acknowledgement", acks.recv()).await.unwrap().by, "Dr. B");
    until("an empty outbox", || device.store.queue_depth().unwrap().waiting == 0).await;
    assert_eq!(device.store.queue_depth().unwrap().dead, 0, "everything that a device says is allowed");
    // The clinic has everything by now; who is in no list has nothing.
    assert!(tokio::time::timeout(Duration::from_millis(200), nobody.next()).await.is_err());
    publisher.stop().await;
}

/// Whether a topic stands under one of the lines for devices, for north/ct-2.
fn device_may(verb: &str, topic: &str) -> bool {
    let filters = ACL.lines().filter_map(|line| line.strip_prefix(&format!("pattern {verb} ")));
    filters.map(|filter| filter.replace("%u", "north/ct-2")).any(|filter| rumqttc::matches(topic, &filter))
}

#[test]
fn the_access_list_has_every_topic_of_a_device_and_none_of_another() {
    let (own, other) = (Topics::new("north", "ct-2").unwrap(), Topics::new("north", "ct-3").unwrap());
    let written = |topics: &Topics| {
        [
            topics.status(),
            topics.health(),
            topics.triage("ab"),
            topics.alert("ab"),
            topics.image("ab"),
            topics.acknowledged("ab"),
        ]
    };
    assert!(written(&own).iter().all(|topic| device_may("write", topic)));
    assert!(!written(&other).iter().any(|topic| device_may("write", topic)));
    assert!(device_may("read", &own.ack("ab")) && !device_may("read", &other.ack("ab")));
    assert!(!device_may("write", &own.ack("ab")), "a device does not acknowledge its own alerts");
}

#[tokio::test]
async fn a_device_cannot_speak_as_another_and_its_refused_alert_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    let Some(broker) = mosquitto(folder.path(), "broker") else { return };
    let mut clinic = subscriber(url(&broker), ours.tls(Some("clinic")), "clinic").await;
    let device = Device::new(url(&broker), ours.tls(Some("ct-3")), "north", "ct-3");
    let (publisher, _acks) = device.start();
    device.alert_under(&Topics::new("north", "ct-2").unwrap(), "stolen");
    until("the refusal", || device.store.queue_depth().unwrap().dead == 2).await;
    assert_eq!(device.store.undelivered().unwrap().get("stolen"), Some(&true), "the screen says refused");
    device.alert("own");
    let alert = next_alert(&mut clinic).await;
    assert_eq!(alert.topic, "spinewatch/v1/north/ct-3/alert/own", "the stolen one would have come first");
    publisher.stop().await;
}

#[tokio::test]
async fn a_device_reads_no_alert_and_no_acknowledgement_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    let Some(broker) = mosquitto(folder.path(), "broker") else { return };
    let mut clinic = subscriber(url(&broker), ours.tls(Some("clinic")), "clinic").await;
    let mut spy = subscriber(url(&broker), ours.tls(Some("ct-3")), "spy").await;
    let device = Device::new(url(&broker), ours.tls(Some("ct-2")), "north", "ct-2");
    let (publisher, mut acks) = device.start();
    device.alert("abcd");
    let alert = next_alert(&mut clinic).await;
    clinic.acknowledge(&alert, "Dr. B").await;
    patiently("an acknowledgement", acks.recv()).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(200), spy.next()).await.is_err());
    publisher.stop().await;
}

#[tokio::test]
async fn a_revoked_device_is_locked_out_when_the_broker_reads_its_list_again() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    let stolen = ours.client("stolen", "north/ct-4", VALID);
    let Some(mut broker) = mosquitto(folder.path(), "broker") else { return };
    let port = broker.url().port;
    let tls = ours.tls(Some("stolen"));
    assert_eq!(crate::attempt(&tls, "localhost", port).await.0, "connected");
    ours.revoke(&[stolen], (-1, 30));
    broker.kill();
    broker.start_again();
    assert_eq!(crate::attempt(&tls, "localhost", port).await.0, "tls_certificate_revoked");
    assert_eq!(crate::attempt(&ours.tls(Some("ct-2")), "localhost", port).await.0, "connected");
}

#[tokio::test]
async fn a_list_past_its_next_update_locks_everybody_out_of_mosquitto() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    ours.revoke(&[], (-20, -10));
    let Some(broker) = mosquitto(folder.path(), "broker") else { return };
    let (code, words) = crate::attempt(&ours.tls(Some("ct-2")), "localhost", broker.url().port).await;
    assert_eq!(code, "tls_certificate_expired", "{words}");
}

#[test]
fn every_kind_of_message_of_a_device_is_allowed_and_forwarded_by_the_shipped_configurations() {
    let nats = include_str!("../../board/brokers/nats/nats.conf");
    let bridge = include_str!("../../board/fleet/mosquitto-hospital.conf");
    for kind in EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Ack) {
        let of_device = matches!(kind, EventKind::Status | EventKind::Health);
        let (level, subject) = if of_device { ("", "") } else { ("/+", ".*") };
        let word = kind.word();
        assert!(ACL.contains(&format!("pattern write spinewatch/v1/%u/{word}{level}\n")), "acl: {word}");
        assert!(nats.contains(&format!("\"spinewatch.v1.north.ct-2.{word}{subject}\"")), "nats.conf: {word}");
        assert!(bridge.contains(&format!("topic spinewatch/v1/+/+/{word}{level} out 1\n")), "bridge: {word}");
    }
}
