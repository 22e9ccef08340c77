//! Who is not let in, and what is said of it: one line each. `cargo test --test identity -- --nocapture negative` prints
//! the table.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rustls::version::{TLS12, TLS13};
use spinewatch::publish::tls::{CertificateClock, TlsFiles};
use spinewatch::publish::{BrokerUrl, Tls};

use crate::access::{self, GUARDED};
use crate::authority::{Authority, VALID, self_signed};
use crate::device::Device;
use crate::front::Front;
use crate::{attempt, until};

/// A case: its name, where it connects to, with what, and the code that must come of it.
struct Case {
    name: &'static str,
    port: u16,
    host: &'static str,
    tls: Tls,
    code: &'static str,
}

async fn run(broker: &str, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for case in cases {
        let (code, words) = attempt(&case.tls, case.host, case.port).await;
        println!("{broker:<22} {:<44} {code:<32} {words}", case.name);
        if code != case.code {
            wrong.push(format!("{broker}, {}: {code} ({words}), not {}", case.name, case.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two authorities, and clients of all kinds.
fn files(folder: &Path) -> (Authority, Authority) {
    let (ours, other) = (Authority::new(folder, "devices-ca"), Authority::new(folder, "other-ca"));
    ours.broker("broker", "localhost", VALID);
    ours.broker("expired-broker", "localhost", (-30, -2));
    ours.broker("strange-broker", "elsewhere.example.org", VALID);
    other.broker("other-broker", "localhost", VALID);
    ours.client("device", "north/ct-2", VALID);
    ours.client("expired", "north/ct-2", (-30, -2));
    other.client("other", "north/ct-2", VALID);
    self_signed(folder, "self-signed", "north/ct-2");
    let revoked = ours.client("revoked", "north/ct-3", VALID);
    ours.revoke(&[revoked], (-1, 30));
    (ours, other)
}

fn with_list(authority: &Authority, list: &Authority) -> Tls {
    Tls::open(TlsFiles { crl: Some(list.crl()), ..authority.files(Some("device")) }).unwrap()
}

#[tokio::test]
async fn negative_cases_against_mosquitto() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = files(folder.path());
    let brokers = ["broker", "expired-broker", "strange-broker", "other-broker"];
    let Some(started) = brokers.iter().map(|name| access::mosquitto(folder.path(), name)).collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let port = |n: usize| started[n].url().port;
    let case = |name, n, client, code| Case { name, port: port(n), host: "localhost", tls: ours.tls(client), code };
    let stranger = Tls::open(TlsFiles { ca: other.pem(), ..ours.files(Some("device")) }).unwrap();
    run(
        "mosquitto",
        vec![
            case("a certificate of the authority", 0, Some("device"), "connected"),
            case("the broker is of another authority", 3, Some("device"), "tls_unknown_authority"),
            Case { tls: stranger, ..case("the device trusts another authority", 0, None, "tls_unknown_authority") },
            case("the broker's certificate has expired", 1, Some("device"), "tls_expired"),
            case("the broker's certificate is for another host", 2, Some("device"), "tls_wrong_host"),
            Case {
                host: "127.0.0.1",
                ..case("the address is not in the certificate", 0, Some("device"), "tls_wrong_host")
            },
            case("no certificate", 0, None, "tls_certificate_required"),
            case("a self-signed certificate", 0, Some("self-signed"), "tls_certificate_refused"),
            case("a certificate of another authority", 0, Some("other"), "tls_certificate_refused"),
            case("an expired certificate", 0, Some("expired"), "tls_certificate_expired"),
            case("a revoked certificate", 0, Some("revoked"), "tls_certificate_revoked"),
        ],
    )
    .await;
}

#[tokio::test]
async fn negative_cases_with_each_version_of_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = files(folder.path());
    for (name, version) in [("front, TLS 1.2", &TLS12), ("front, TLS 1.3", &TLS13)] {
        let front = Front::start(&ours, "broker", version).await;
        let case = |name, client, code| Case { name, port: front.port, host: "localhost", tls: ours.tls(client), code };
        run(
            name,
            vec![
                case("a certificate of the authority", Some("device"), "connected"),
                case("no certificate", None, "tls_certificate_required"),
                case("a self-signed certificate", Some("self-signed"), "tls_certificate_refused"),
                case("an expired certificate", Some("expired"), "tls_certificate_expired"),
                case("a revoked certificate", Some("revoked"), "tls_certificate_revoked"),
                Case { tls: with_list(&ours, &ours), ..case("a list without the broker", None, "connected") },
                Case {
                    tls: with_list(&ours, &other),
                    ..case("a list of another authority", None, "tls_no_revocation_list")
                },
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_revoked_broker_is_refused_also_by_a_list_past_its_next_update() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "devices-ca");
    let serial = ours.broker("broker", "localhost", VALID);
    ours.client("device", "north/ct-2", VALID);
    let front = Front::start(&ours, "broker", &TLS13).await;
    let case = |name, code| Case { name, port: front.port, host: "localhost", tls: with_list(&ours, &ours), code };
    ours.revoke(&[], (-20, -10));
    run("front, TLS 1.3", vec![case("a list past its next update", "connected")]).await;
    let expiries = with_list(&ours, &ours).expiries(Timestamp::now());
    assert!(expiries.iter().any(|expiry| expiry.role.words() == "the revocation list"), "{expiries:?}");
    ours.revoke(&[serial], (-20, -10));
    run("front, TLS 1.3", vec![case("a revoked broker, in such a list", "tls_revoked")]).await;
    ours.revoke(&[serial], (-1, 30));
    run("front, TLS 1.3", vec![case("a revoked broker", "tls_revoked")]).await;
}

/// What OpenSSL answers where 1.2 is too new for it: the alert protocol_version, in TLS 1.0.
#[tokio::test]
async fn a_broker_that_speaks_only_old_tls_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = files(folder.path());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for answer in [&[0x15, 3, 1, 0, 2, 2, 70][..], &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]] {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 2048]);
            stream.write_all(answer).unwrap();
        }
    });
    let case = |name, code| Case { name, port, host: "localhost", tls: ours.tls(None), code };
    run("old", vec![case("TLS 1.0 only", "tls_version"), case("not TLS at all", "tls_handshake")]).await;
    server.join().unwrap();
}

#[tokio::test]
async fn in_1970_the_clock_is_blamed_and_once_it_is_set_the_device_connects() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = files(folder.path());
    ours.broker("late-broker", "localhost", (-30, -2));
    let front = Front::start(&ours, "broker", &TLS13).await;
    let late = Front::start(&ours, "late-broker", &TLS13).await;
    let set = Arc::new(AtomicBool::new(false));
    let clock = {
        let set = Arc::clone(&set);
        let read = move || match set.load(Ordering::Relaxed) {
            true => (Timestamp::now(), true),
            false => (Timestamp::UNIX_EPOCH, false),
        };
        CertificateClock::of_device(read, folder.path())
    };
    let tls = ours.tls(Some("device")).verified_by(clock.clone());
    let case = |name, code| Case { name, port: front.port, host: "localhost", tls: tls.clone(), code };
    run("front, TLS 1.3", vec![case("the clock says 1970", "clock_untrusted")]).await;
    let device = Device::new(BrokerUrl { host: "localhost".into(), ..front.url() }, tls.clone(), "north", "ct-2");
    let (publisher, _acks) = device.start();
    device.alert("abcd");
    until("a first failure", || publisher.link().borrow().trouble.is_some()).await;
    assert!(!publisher.link().borrow().online && front.seen().is_empty());
    set.store(true, Ordering::Relaxed);
    run("front, TLS 1.3", vec![case("the clock is set", "connected")]).await;
    until("an empty outbox, without a restart", || device.store.queue_depth().unwrap().waiting == 0).await;
    publisher.stop().await;
    clock.keep().unwrap();
    set.store(false, Ordering::Relaxed);
    run(
        "front, TLS 1.3",
        vec![
            case("1970 again, with a kept time", "connected"),
            Case { port: late.port, ..case("what expired before the kept time", "tls_expired") },
        ],
    )
    .await;
}

#[test]
fn the_shipped_configuration_of_mosquitto_lets_nobody_in_without_a_certificate() {
    for line in GUARDED {
        assert!(access::MOSQUITTO.lines().any(|shipped| shipped == *line), "{line} is not in mosquitto.conf");
    }
}
