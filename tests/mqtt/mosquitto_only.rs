//! What only mosquitto has: outages of a real broker, its packet limit, its access list, TLS.

use std::process::Command;

use spinewatch::publish::tls::{ClientFiles, ClientKey, TlsFiles};
use spinewatch::publish::{Cause, EventKind, Tls};
use spinewatch::triage::Level;

use crate::clinic::{next, subscriber};
use crate::device::{Device, cause, none_suspected, study_key, suspected};
use crate::mosquitto::{self, Mosquitto};
use crate::{patiently, until};

#[tokio::test]
async fn verdicts_survive_an_outage_of_mosquitto() {
    let Some(mut broker) = Mosquitto::start("") else { return };
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
    assert_eq!(link.borrow().losses, 1);
}

#[tokio::test]
async fn mosquittos_packet_limit_and_access_list_cost_the_message_not_the_link() {
    let Some(program) = mosquitto::program("mosquitto") else {
        return eprintln!("skipped: no mosquitto on this machine");
    };
    let folder = tempfile::tempdir().unwrap();
    let allowed = study_key("allowed");
    let list = format!("topic write spinewatch/v1/+/+/status\ntopic write spinewatch/v1/+/+/triage/{allowed}\n");
    std::fs::write(folder.path().join("acl"), list).unwrap();
    let broker = Mosquitto::start_in(&program, folder, "max_packet_size 2000\nacl_file {dir}/acl\nuser root");
    let device = Device::new(broker.url());
    device.commit("large", suspected(&Level::ALL));
    device.commit("forbidden", none_suspected());
    device.commit("allowed", none_suspected());
    let (publisher, _acks) = device.start();
    until("the end of all tries", || device.waiting() == 0).await;
    let reasons: Vec<_> = device.store.dead_letters(9).unwrap().into_iter().map(|letter| letter.reason).collect();
    assert_eq!(reasons.len(), 3, "alert and verdict of the first, verdict of the second: {reasons:?}");
    assert!(reasons[0].ends_with("the limit is 2000") && reasons[2] == "not_authorized", "{reasons:?}");
    assert_eq!(publisher.link().borrow().losses, 0);
}

/// A certificate authority, a broker's and a device's certificate; `None`, and a word, without openssl.
fn certificates(folder: &std::path::Path) -> Option<()> {
    let Some(openssl) = mosquitto::program("openssl") else {
        eprintln!("skipped: no openssl on this machine");
        return None;
    };
    let run = |line: &str| {
        let output = Command::new(&openssl).current_dir(folder).args(line.split('|')).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    std::fs::write(folder.join("device.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    let key = "-newkey|ec|-pkeyopt|ec_paramgen_curve:P-256|-nodes";
    for authority in ["ca", "other"] {
        run(&format!("req|-x509|{key}|-keyout|{authority}.key|-out|{authority}.crt|-subj|/CN={authority}|-days|2"));
    }
    for name in ["server", "device"] {
        run(&format!("req|{key}|-keyout|{name}.key|-out|{name}.csr|-subj|/CN={name}"));
        run(&format!(
            "x509|-req|-in|{name}.csr|-CA|ca.crt|-CAkey|ca.key|-CAcreateserial|-out|{name}.crt|-days|2|-extfile|{name}.ext"
        ));
    }
    Some(())
}

#[tokio::test]
async fn mosquitto_over_tls_wants_the_devices_certificate_and_the_device_wants_the_brokers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = mosquitto::program("mosquitto") else {
        eprintln!("skipped: no mosquitto on this machine");
        return;
    };
    let Some(()) = certificates(folder.path()) else { return };
    let lines =
        "cafile {dir}/ca.crt\ncertfile {dir}/server.crt\nkeyfile {dir}/server.key\nrequire_certificate true\nuser root";
    let broker = Mosquitto::start_in(&program, folder, lines);
    let file = |name: &str| broker.folder().join(name);
    let tls =
        |ca: &str, client: Option<ClientFiles>| Some(Tls::open(TlsFiles { ca: file(ca), crl: None, client }).unwrap());
    let mut device = Device::new(broker.url());
    let connect = |device: &Device| device.start();

    let client = ClientFiles { certificate: file("device.crt"), key: ClientKey::File(file("device.key")) };
    device.settings.connection.tls = tls("ca.crt", Some(client));
    let (publisher, _acks) = connect(&device);
    patiently("online", publisher.link().wait_for(|link| link.online)).await.unwrap();
    device.commit("a", suspected(&[Level::C2]));
    until("an empty outbox", || device.waiting() == 0).await;
    publisher.stop().await;

    device.settings.connection.tls = tls("other.crt", None);
    let (publisher, _acks) = connect(&device);
    let mut link = publisher.link();
    let link = patiently("a reason", link.wait_for(|link| link.trouble.is_some())).await.unwrap().clone();
    assert!(!link.online && cause(&link) == Some(Cause::TlsUnknownAuthority), "{link:?}");

    device.settings.connection.tls = tls("ca.crt", None);
    let (publisher, _acks) = connect(&device);
    let mut link = publisher.link();
    let link = patiently("a reason", link.wait_for(|link| link.trouble.is_some())).await.unwrap().clone();
    assert!(!link.online, "{link:?}");
}
