//! Health at its edges: a real metrics request over TCP, and a real systemd notification socket.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use spinewatch::health::metrics::{ServeError, bind, render, serve};
use spinewatch::health::{Decision, Health, Heartbeats, Limits, Notifier, Sensors};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn page() -> String {
    let mut health = Health::new(Limits::default());
    health.sensed(Sensors::new(std::env::temp_dir()).read("2026-11-01T00:00:00Z".parse().unwrap()));
    render(&health.report(Duration::from_secs(5)))
}

async fn served() -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, page));
    address
}

async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_metrics_are_served_over_tcp() {
    let address = served().await;
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    let value = |name: &str| -> f64 {
        let line = body.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!((value("spinewatch_uptime_seconds") - 5.0).abs() < 1e-9);
    assert!(value("spinewatch_memory_resident_bytes") > 1e6);
    assert!(value("spinewatch_disk_free_bytes") > 0.0);
}

#[tokio::test]
async fn a_broken_client_ends_only_itself() {
    let address = served().await;
    drop(TcpStream::connect(address).await.unwrap());
    let mut rude = vec![b'x'; 4096];
    rude[0] = 0xff;
    assert!(ask(address, &rude).await.starts_with("HTTP/1.1 400"));
    assert!(ask(address, b"GET /other HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 404"));
    assert!(ask(address, b"GET /metrics HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn metrics_are_never_offered_to_others() {
    for address in ["0.0.0.0:0", "192.0.2.7:9464", "[::]:0"] {
        let refused = bind(address.parse().unwrap()).await;
        assert!(matches!(refused, Err(ServeError::NotLoopback(_))), "{address}");
    }
    let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let taken = bind(first.local_addr().unwrap()).await;
    assert!(matches!(taken, Err(ServeError::Listen { .. })));
}

/// Run by the test below in a process of its own, whose environment names the socket.
#[test]
#[ignore = "needs the environment that systemd_is_told gives it"]
fn a_service_tells_its_life() {
    let notifier = Notifier::from_environment();
    assert_eq!(notifier.watchdog_interval(), Some(Duration::from_secs(5)));
    notifier.ready("online");
    let mut heartbeats = Heartbeats::default();
    let beat = heartbeats.stage("triage", Duration::from_secs(2));
    let mut watchdog = heartbeats.watchdog(Duration::ZERO);
    beat.tick();
    notifier.watchdog(watchdog.decide(Duration::from_secs(1)));
    let starved = watchdog.decide(Duration::from_secs(9));
    assert!(matches!(starved, Decision::Starve { .. }));
    notifier.watchdog(starved);
    notifier.stopping();
}

#[test]
fn systemd_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_service_tells_its_life", "--ignored"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "10000000")
        .env_remove("WATCHDOG_PID")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    socket.set_nonblocking(true).unwrap();
    let mut told = Vec::new();
    let mut buffer = [0; 512];
    while let Ok(length) = socket.recv(&mut buffer) {
        told.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    let expected =
        ["READY=1\nSTATUS=online\n", "WATCHDOG=1\n", "STATUS=triage has not moved for 8 s\n", "STOPPING=1\n"];
    assert_eq!(told, expected);
}

#[test]
fn without_systemd_nothing_happens() {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        let notifier = Notifier::from_environment();
        notifier.ready("online");
        notifier.stopping();
        assert_eq!(notifier.watchdog_interval(), None);
    }
}
