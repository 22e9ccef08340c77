//! The commands of `board/certificates.md`, as they stand there.

use std::path::Path;
use std::process::Command;

use rustls::version::TLS13;
use spinewatch::publish::Tls;
use spinewatch::publish::tls::{ClientFiles, ClientKey, TlsFiles};

use crate::access;
use crate::front::Front;
use crate::mosquitto::program;

const GUIDE: &str = include_str!("../../board/certificates.md");

/// Runs the block of commands under a heading of the guide.
fn follow(heading: &str, folder: &Path) {
    let section = GUIDE.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
    let commands = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
    let output = Command::new("sh").args(["-eu", "-c", commands]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{heading}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_guide_s_commands_make_certificates_that_connect_and_a_list_that_locks_out() {
    if program("openssl").is_none() {
        eprintln!("skipped: no openssl on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    follow("An authority", folder.path());
    let client = ClientFiles { certificate: file("device.pem"), key: ClientKey::File(file("device.key")) };
    let tls = Tls::open(TlsFiles { ca: file("devices-ca.pem"), crl: None, client: Some(client) }).unwrap();
    assert!(tls.validities().iter().any(|validity| validity.names == ["north/ct-2"]), "{:?}", tls.validities());

    // an empty list, as the section below makes it without its line -revoke
    let section = GUIDE.split("\n## Revocation").nth(1).unwrap().split("```").nth(1).unwrap();
    let empty: Vec<&str> = section.lines().skip(1).filter(|line| !line.contains("-revoke")).collect();
    let made = Command::new("sh").args(["-eu", "-c", &empty.join("\n")]).current_dir(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let front = Front::start_in(folder.path(), "devices-ca", "broker", &TLS13).await;
    assert_eq!(crate::attempt(&tls, "localhost", front.port).await.0, "connected");

    std::fs::remove_file(file("index.txt")).unwrap();
    follow("Revocation", folder.path());
    let front = Front::start_in(folder.path(), "devices-ca", "broker", &TLS13).await;
    assert_eq!(crate::attempt(&tls, "localhost", front.port).await.0, "tls_certificate_revoked");
    let Some(mosquitto) = access::mosquitto(folder.path(), "broker") else { return };
    assert_eq!(crate::attempt(&tls, "localhost", mosquitto.url().port).await.0, "tls_certificate_revoked");
}
