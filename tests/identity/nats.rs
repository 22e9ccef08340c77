//! Who may do what on NATS, by the configuration that ships in `board/brokers`.

use std::path::Path;
use std::process::{Child, Command};

use spinewatch::publish::{BrokerUrl, Connection, EventKind, Protocol, Subscriber, Tls, Topics};

use crate::access::{next_alert, people};
use crate::authority::VALID;
use crate::device::Device;
use crate::mosquitto::{free_port, listening, program};
use crate::{patiently, until};

const NATS: &str = include_str!("../../board/brokers/nats/nats.conf");

struct Nats {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Nats {
    /// With the shipped configuration: its paths and its ports replaced. `None`, and a word why, without nats-server.
    fn start(certificates: &Path) -> Option<Self> {
        let Some(program) = program("nats-server") else {
            eprintln!("skipped: no nats-server on this machine (apt-get install nats-server)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let (port, inner) = (free_port(), free_port());
        let configuration = NATS
            .replace("/etc/nats/certs", certificates.to_str().unwrap())
            .replace("/var/lib/nats", folder.path().to_str().unwrap())
            .replace("0.0.0.0:8883", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:4222", &format!("127.0.0.1:{inner}"));
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, configuration).unwrap();
        let checked = Command::new(&program).arg("-t").arg("-c").arg(&file).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let child = listening(&program, &file, port);
        Some(Self { folder, port, child })
    }

    fn url(&self) -> BrokerUrl {
        BrokerUrl { host: "localhost".into(), port: self.port, tls: true }
    }

    /// Deletes a user's entry and sends SIGHUP, as the file says.
    fn lock_out(&self, user: &str) {
        let file = self.folder.path().join("nats.conf");
        let configuration = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, configuration.replace(user, "CN=nobody")).unwrap();
        let hup = Command::new("kill").arg("-HUP").arg(self.child.id().to_string()).status().unwrap();
        assert!(hup.success());
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn device(nats: &Nats, tls: Tls, name: &str) -> Device {
    let mut device = Device::new(nats.url(), tls, "north", name);
    device.settings.connection.protocol = Some(Protocol::V311);
    device
}

async fn clinic(nats: &Nats, tls: Tls) -> Subscriber {
    let plain = Connection::plain(nats.url(), "clinic");
    let connection = Connection { tls: Some(tls), protocol: Some(Protocol::V311), ..plain };
    patiently("a subscription", Subscriber::connect(connection, Topics::everything())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_a_device_speaks_under_its_own_name_and_a_clinic_reads_and_acknowledges() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    let Some(nats) = Nats::start(folder.path()) else { return };
    let mut clinic = clinic(&nats, ours.tls(Some("clinic"))).await;
    let device = device(&nats, ours.tls(Some("ct-2")), "ct-2");
    let (publisher, mut acks) = device.start();
    device.alert("abcd");
    let alert = next_alert(&mut clinic).await;
    assert_eq!(alert.topic, "spinewatch/v1/north/ct-2/alert/abcd");
    clinic.acknowledge(&alert, "Dr. B").await;
    assert_eq!(patiently("an acknowledgement", acks.recv()).await.unwrap().by, "Dr. B");
    until("the word that it is recorded", || device.store.queue_depth().unwrap().waiting == 0).await;
    let recorded = patiently("what is recorded", async {
        loop {
            let received = clinic.next_event().await.unwrap();
            if received.topic.contains("/acknowledged/") {
                return received.topic;
            }
        }
    })
    .await;
    assert_eq!(recorded, "spinewatch/v1/north/ct-2/acknowledged/abcd");
    publisher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_nobody_hears_a_device_that_speaks_as_another() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    let Some(nats) = Nats::start(folder.path()) else { return };
    let mut clinic = clinic(&nats, ours.tls(Some("clinic"))).await;
    let device = device(&nats, ours.tls(Some("ct-3")), "ct-3");
    let (publisher, _acks) = device.start();
    device.alert_under(&Topics::new("north", "ct-2").unwrap(), "stolen");
    device.alert("own");
    let alert = next_alert(&mut clinic).await;
    assert_eq!((alert.topic.as_str(), alert.event.kind), ("spinewatch/v1/north/ct-3/alert/own", EventKind::Alert));
    // MQTT 3.1.1 has no word for a refusal, and this server acknowledges what it drops: the README says so.
    until("an empty outbox", || device.store.queue_depth().unwrap().waiting == 0).await;
    assert_eq!(device.store.queue_depth().unwrap().dead, 0);
    publisher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_a_device_with_the_certificate_of_another_is_noticed_by_its_acknowledgements() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    let Some(nats) = Nats::start(folder.path()) else { return };
    let device = device(&nats, ours.tls(Some("ct-3")), "ct-2");
    let (publisher, _acks) = device.start();
    until("the refused subscription", || publisher.link().borrow().acks_refused.is_some()).await;
    publisher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_a_stranger_does_not_come_in_and_a_deleted_device_is_thrown_out() {
    let folder = tempfile::tempdir().unwrap();
    let ours = people(folder.path());
    ours.client("unlisted", "north/ct-9", VALID);
    let Some(nats) = Nats::start(folder.path()) else { return };
    let unlisted = device(&nats, ours.tls(Some("unlisted")), "ct-9");
    let (publisher, _acks) = unlisted.start();
    until("a refusal", || publisher.link().borrow().trouble.is_some()).await;
    assert!(!publisher.link().borrow().online);
    drop(publisher);
    assert_eq!(crate::attempt(&ours.tls(None), "localhost", nats.port).await.0, "tls_certificate_required");

    let device = device(&nats, ours.tls(Some("ct-2")), "ct-2");
    let (publisher, _acks) = device.start();
    until("a connection", || publisher.link().borrow().online).await;
    nats.lock_out("CN=north/ct-2");
    until("the end of it", || !publisher.link().borrow().online).await;
    publisher.stop().await;
}
