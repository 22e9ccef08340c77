//! Promises of a fleet: what `board/fleet` configures loses no alert. The configuration is started as it stands there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spinewatch::publish::{BrokerUrl, Connection, EventKind, Subscriber};

const FLEET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/board/fleet");

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        eprintln!("skipped: no {name} on this machine (apt-get install {name})");
    }
    found
}

/// The report of a run of `spinewatch fleet-sim`, and whether it called it right.
fn fleet_sim(args: &[&str]) -> (serde_json::Value, bool) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_spinewatch")).arg("fleet-sim").arg("--json").args(args).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {words}"));
    (report, output.status.success())
}

#[test]
fn no_alert_is_lost_when_a_node_of_the_cluster_is_killed_under_load() {
    let Some(_) = program("nats-server") else { return };
    let load = ["--devices", "40", "--alerts-per-device", "6", "--over-secs", "4", "--start-cluster", FLEET];
    let (report, all_right) = fleet_sim(&load);
    assert!(all_right, "{report:#}");
    assert_eq!((&report["node_killed"], &report["alerts"]), (&true.into(), &240.into()));
    for count in ["lost", "handed_on_twice", "unexpected", "waiting"] {
        assert_eq!(report[count], 0, "{count}: {report:#}");
    }
    assert!(report["connections_lost"].as_u64() > Some(0), "the devices at the killed node noticed: {report:#}");
}

#[test]
fn a_fleet_at_the_embedded_broker_loses_nothing_and_keeps_the_order() {
    let (report, all_right) = fleet_sim(&["--devices", "20", "--alerts-per-device", "4", "--over-secs", "1"]);
    assert!(all_right, "{report:#}");
    assert_eq!((&report["alerts"], &report["out_of_order"], &report["waiting"]), (&80.into(), &0.into(), &0.into()));
}

/// A mosquitto with a file of `board/fleet`; addresses and the folder are replaced, nothing else.
struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Mosquitto {
    fn start(program: &Path, file: &str, port: u16, replace: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut lines = std::fs::read_to_string(Path::new(FLEET).join(file)).unwrap();
        let state = ("/var/lib/mosquitto/", format!("{}/", folder.path().display()));
        for (from, to) in replace.iter().chain([&state]) {
            assert!(lines.contains(from), "{file} says {from}");
            lines = lines.replace(from, to);
        }
        // An installed one drops root for its own user, who may not write into this folder.
        std::fs::write(folder.path().join("mosquitto.conf"), format!("user root\n{lines}")).unwrap();
        let child = Self::run(program, folder.path(), port);
        Self { folder, port, child }
    }

    fn run(program: &Path, folder: &Path, port: u16) -> Child {
        let configuration = folder.join("mosquitto.conf");
        let mut command = Command::new(program);
        command.arg("-c").arg(configuration).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "mosquitto does not listen");
            assert!(child.try_wait().unwrap().is_none(), "mosquitto ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }

    fn url(&self) -> BrokerUrl {
        BrokerUrl { host: "127.0.0.1".into(), port: self.port, tls: false }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self, program: &Path) {
        self.child = Self::run(program, self.folder.path(), self.port);
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn clinic(url: BrokerUrl) -> Subscriber {
    let filter = "spinewatch/v1/+/+/alert/+".to_owned();
    Subscriber::connect(Connection::plain(url, "clinic"), filter).await.unwrap()
}

/// `count` alerts, each once.
async fn receives(clinic: &mut Subscriber, count: usize) {
    let mut ids = std::collections::BTreeSet::new();
    let all = async {
        while ids.len() < count {
            let received = clinic.next_event().await.unwrap();
            assert_eq!(received.event.kind, EventKind::Alert);
            assert!(received.triage().is_ok() && received.response_topic.is_some(), "{received:?}");
            assert!(ids.insert(received.event.id), "handed on twice");
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), all).await.is_ok();
    assert!(in_time, "{} of {count} alerts came", ids.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospitals_mosquitto_keeps_its_alerts_while_the_centre_is_away() {
    let Some(mosquitto) = program("mosquitto") else { return };
    let (hospital_port, central_port) = (free_port(), free_port());
    let listener = |port: u16| format!("listener {port} 127.0.0.1");
    let mut central = Mosquitto::start(
        &mosquitto,
        "mosquitto-central.conf",
        central_port,
        &[("listener 8883", listener(central_port))],
    );
    let mut clinic = clinic(central.url()).await;
    let bridge = ("address central.example.org:8883", format!("address 127.0.0.1:{central_port}"));
    let replace = [("listener 1883", listener(hospital_port)), bridge];
    let hospital = Mosquitto::start(&mosquitto, "mosquitto-hospital.conf", hospital_port, &replace);

    let broker = hospital.url().to_string();
    let load = |seed: &'static str| {
        let broker = broker.clone();
        let args = ["--devices", "5", "--alerts-per-device", "4", "--over-secs", "1", "--seed", seed, "--broker"];
        tokio::task::spawn_blocking(move || fleet_sim(&[args.as_slice(), &[broker.as_str()]].concat()))
    };
    let (report, all_right) = load("1").await.unwrap();
    assert!(all_right, "the hospital's own clinic: {report:#}");
    receives(&mut clinic, 20).await;

    central.kill();
    let (report, all_right) = load("2").await.unwrap();
    assert!(all_right, "the hospital goes on by itself: {report:#}");
    central.start_again(&mosquitto);
    receives(&mut clinic, 20).await;
}
