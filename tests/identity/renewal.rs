//! Renewal without a restart: files change under a running device.

use std::path::Path;
use std::time::Duration;

use rustls::version::TLS13;
use spinewatch::publish::{Connection, EventKind, Subscriber, Topics};

use crate::authority::{Authority, VALID};
use crate::device::Device;
use crate::front::Front;
use crate::{patiently, until};

const LOOK: Duration = Duration::from_millis(50);

async fn alerts(subscriber: &mut Subscriber, wanted: usize) -> Vec<String> {
    let mut studies = Vec::new();
    patiently("the alerts", async {
        while studies.len() < wanted {
            let received = subscriber.next_event().await.unwrap();
            if received.event.kind == EventKind::Alert {
                studies.push(received.topic.rsplit('/').next().unwrap().to_owned());
            }
        }
    })
    .await;
    studies
}

fn replace(folder: &Path, from: &str, to: &str, extension: &str) {
    std::fs::copy(folder.join(format!("{from}.{extension}")), folder.join(format!("{to}.{extension}"))).unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_broker_without_a_restart_and_no_message_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "devices-ca");
    ours.broker("broker", "127.0.0.1", VALID);
    let first = ours.client("device", "north/ct-2", VALID);
    let second = ours.client("renewed", "north/ct-2", VALID);
    let front = Front::start(&ours, "broker", &TLS13).await;
    let plain = Connection::plain(front.broker.url(), "clinic");
    let mut clinic = Subscriber::connect(plain, Topics::everything()).await.unwrap();
    let device = Device::new(front.url(), ours.tls(Some("device")).looking_every(LOOK), "north", "ct-2");
    let (publisher, _acks) = device.start();
    device.alert("before");
    assert_eq!(alerts(&mut clinic, 1).await, ["before"]);

    replace(folder.path(), "renewed", "device", "key");
    let tls = device.settings.connection.tls.clone().unwrap();
    until("a word on the half", || tls.problem().is_some()).await;
    assert!(tls.problem().unwrap().starts_with("mqtt.key_file: "), "{:?}", tls.problem());
    device.alert("while half written");
    assert_eq!(alerts(&mut clinic, 1).await, ["while half written"]);
    assert_eq!(front.seen(), [format!("{first:x}")], "the link with the old certificate stays");

    replace(folder.path(), "renewed", "device", "pem");
    until("the new certificate", || front.seen().last() == Some(&format!("{second:x}"))).await;
    device.alert("after");
    assert_eq!(alerts(&mut clinic, 1).await, ["after"]);
    until("an empty outbox", || device.store.queue_depth().unwrap().waiting == 0).await;
    assert_eq!(tls.problem(), None);
    assert_eq!(front.seen(), [format!("{first:x}"), format!("{second:x}")], "one connection each");
    publisher.stop().await;
}

#[tokio::test]
async fn files_that_are_gone_or_broken_while_running_leave_the_old_ones_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "devices-ca");
    ours.broker("broker", "127.0.0.1", VALID);
    ours.client("device", "north/ct-2", VALID);
    let front = Front::start(&ours, "broker", &TLS13).await;
    let tls = ours.tls(Some("device"));
    for (file, key) in [("device.pem", "certificate_file"), ("device.key", "key_file"), ("devices-ca.pem", "ca_file")] {
        let whole = std::fs::read(folder.path().join(file)).unwrap();
        for broken in [None, Some(&b""[..]), Some(b"\0\xff\0"), Some(&whole[..whole.len() / 2])] {
            match broken {
                None => std::fs::remove_file(folder.path().join(file)).unwrap(),
                Some(bytes) => std::fs::write(folder.path().join(file), bytes).unwrap(),
            }
            assert_eq!(crate::attempt(&tls, "127.0.0.1", front.port).await.0, "connected", "{file}");
            let problem = tls.problem().unwrap_or_default();
            assert!(problem.starts_with(&format!("mqtt.{key}: ")) && problem.contains(file), "{file}: {problem}");
            assert!(!problem.contains("BEGIN"), "nothing of a key gets into the log: {problem}");
        }
        std::fs::write(folder.path().join(file), whole).unwrap();
        assert_eq!(crate::attempt(&tls, "127.0.0.1", front.port).await.0, "connected");
        assert_eq!(tls.problem(), None);
    }
}

#[tokio::test]
async fn another_authority_is_trusted_once_its_file_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(folder.path(), "old-ca"), Authority::new(folder.path(), "new-ca"));
    new.broker("broker", "127.0.0.1", VALID);
    let serial = new.client("device", "north/ct-2", VALID);
    let front = Front::start(&new, "broker", &TLS13).await;
    let device = Device::new(front.url(), old.tls(Some("device")).looking_every(LOOK), "north", "ct-2");
    let (publisher, _acks) = device.start();
    let tls = device.settings.connection.tls.clone().unwrap();
    assert_eq!(crate::attempt(&tls, "127.0.0.1", front.port).await.0, "tls_unknown_authority");
    replace(folder.path(), "new-ca", "old-ca", "pem");
    until("a connection", || publisher.link().borrow().online).await;
    assert!(front.seen().contains(&format!("{serial:x}")));
    publisher.stop().await;
}
