//! The daemon as a process, a broker behind a recording proxy, a clinic that listens; and all that the daemon leaves
//! anywhere, as bytes with the name of their place.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spinewatch::config::{
    DisplaySettings, HealthSettings, Identifiers, ModelSettings, MqttSettings, PrivacySettings, Settings,
    ShareSettings, StateSettings, StudySettings, SurfaceKind,
};
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{Connection, Received, Subscriber, Topics};

use super::wire::{self, Recorded};

/// Where something was left, and what.
pub type Places = Vec<(&'static str, Vec<u8>)>;

pub struct Device {
    daemon: Child,
    dir: PathBuf,
    metrics: SocketAddr,
    wire: Recorded,
    notified: Arc<Mutex<Vec<u8>>>,
    clinic: Subscriber,
    heard: Vec<Received>,
    _broker: EmbeddedBroker,
}

impl Device {
    /// Starts a daemon that lives in `dir`.
    pub async fn start(dir: &Path, share: &Path, identifiers: Identifiers) -> Self {
        let broker = EmbeddedBroker::start().await.unwrap();
        let clinic =
            Subscriber::connect(Connection::plain(broker.url(), "clinic"), Topics::everything()).await.unwrap();
        let (proxy, wire) = wire::record(broker.address());
        let metrics = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        for part in ["state", "screens"] {
            fs::create_dir_all(dir.join(part)).unwrap();
        }
        let config = dir.join("spinewatch.toml");
        let settings = settings(dir, share, proxy, metrics, identifiers);
        fs::write(&config, toml::to_string(&settings).unwrap()).unwrap();
        let notified = listen(&dir.join("notify"));
        let daemon = spinewatch(&["-vv", "run"], &config)
            // everything that any crate would ever tell, and from all that is drawn the words
            .env(
                "SPINEWATCH_LOG",
                "trace,tract_core=info,tract_hir=info,tract_onnx=info,tract_data=info,tract_linalg=info",
            )
            .env("RUST_BACKTRACE", "1")
            .env("NOTIFY_SOCKET", dir.join("notify"))
            .stdout(File::create(dir.join("stdout")).unwrap())
            .stderr(File::create(dir.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        Self { daemon, dir: dir.to_owned(), metrics, wire, notified, clinic, heard: Vec::new(), _broker: broker }
    }

    /// Listens until what was heard satisfies `enough`.
    pub async fn until(&mut self, enough: impl Fn(&[Received]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !enough(&self.heard) {
            let event = tokio::time::timeout_at(deadline.into(), self.clinic.next_event()).await;
            let topics: Vec<_> = self.heard.iter().map(|event| &event.topic).collect();
            self.heard.push(event.unwrap_or_else(|_| panic!("not told in time; heard {topics:?}")).unwrap());
        }
    }

    /// The clinic acknowledges the last alert, and the running device has it on record.
    pub async fn acknowledged(&mut self, by: &str) {
        let alert = self.heard.iter().rev().find(|event| event.topic.contains("/alert/")).unwrap().clone();
        self.clinic.acknowledge(&alert, by).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while !String::from_utf8_lossy(&self.said(&["audit", "show"])).contains(by) {
            assert!(Instant::now() < deadline, "the acknowledgement is not recorded");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What another verb of the binary says with this device's configuration.
    fn said(&self, words: &[&str]) -> Vec<u8> {
        let output = spinewatch(words, &self.dir.join("spinewatch.toml")).output().unwrap();
        [output.stdout, output.stderr].concat()
    }

    /// All members of a support bundle, for which the journal gives all that the daemon has written.
    fn support_bundle(&self) -> Vec<u8> {
        let (bin, bundle) = (self.dir.join("bin"), self.dir.join("bundle.tar.gz"));
        fs::create_dir_all(&bin).unwrap();
        let journalctl = bin.join("journalctl");
        fs::write(&journalctl, format!("#!/bin/sh\ncat '{}'\n", self.dir.join("stderr").display())).unwrap();
        fs::set_permissions(&journalctl, fs::Permissions::from_mode(0o755)).unwrap();
        let output =
            spinewatch(&["support-bundle", "--out", bundle.to_str().unwrap()], &self.dir.join("spinewatch.toml"))
                .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
                .output()
                .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut unpacked = [output.stdout, output.stderr].concat();
        let unzipped = flate2::read::GzDecoder::new(File::open(&bundle).unwrap());
        for member in tar::Archive::new(unzipped).entries().unwrap() {
            let mut member = member.unwrap();
            unpacked.extend(member.path_bytes().to_vec());
            member.read_to_end(&mut unpacked).unwrap();
        }
        let drawn = String::from_utf8_lossy(&unpacked).lines().filter(|line| line.contains("drawn")).count();
        assert!(drawn > 20, "the daemon's trace is in it: {drawn} lines of what was drawn");
        unpacked
    }

    /// The words of everything that was drawn on the screen so far.
    pub fn drawn(&self) -> String {
        let log = String::from_utf8_lossy(&fs::read(self.dir.join("stderr")).unwrap()).into_owned();
        log.lines().filter(|line| line.contains("drawn")).map(|line| format!("{line}\n")).collect()
    }

    /// Where the daemon lives.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the clinic heard so far.
    pub fn heard(&self) -> &[Received] {
        &self.heard
    }

    /// Ends the daemon as a failed assertion in C would, with no limit on cores.
    pub fn abort(mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.daemon);
        let none = rustix::process::Rlimit { current: None, maximum: None };
        rustix::process::prlimit(Some(id), rustix::process::Resource::Core, none).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::ABORT).unwrap();
        self.daemon.wait().unwrap()
    }

    /// Ends the daemon in order, and returns all that it left.
    pub fn stop(mut self) -> Places {
        let mut places = Places::new();
        places.push(("metrics page", page(self.metrics)));
        places.push(("database and WAL, running", folder(&self.dir.join("state"), is_database)));
        let drawn = self.drawn();
        let id = rustix::process::Pid::from_child(&self.daemon);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(self.daemon.wait().unwrap().success(), "the daemon ends in order");
        for (place, words) in [
            ("spinewatch check", &["check"][..]),
            ("spinewatch audit verify", &["audit", "verify"]),
            ("spinewatch audit show", &["audit", "show", "--json", "--last", "10000"]),
        ] {
            places.push((place, self.said(words)));
        }
        places.push(("support bundle, unpacked", self.support_bundle()));
        let heard = self
            .heard
            .iter()
            .flat_map(|event| format!("{event:?}").into_bytes().into_iter().chain(event.payload.to_vec()));
        let state = self.dir.join("state");
        places.extend([
            ("MQTT, device to broker", self.wire.sent.lock().unwrap().clone()),
            ("MQTT, broker to device", self.wire.received.lock().unwrap().clone()),
            ("MQTT, as a clinic hears it", heard.collect()),
            ("journal (all crates, trace)", fs::read(self.dir.join("stderr")).unwrap()),
            ("standard output", fs::read(self.dir.join("stdout")).unwrap()),
            ("words to systemd", self.notified.lock().unwrap().clone()),
            ("screens, by their draw calls", drawn.into_bytes()),
            ("screens, PNG files", folder(&self.dir.join("screens"), |_| true)),
            ("database and WAL, after", folder(&state, is_database)),
            ("state folder, all else", folder(&state, |path| !is_database(path))),
        ]);
        places
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn settings(dir: &Path, share: &Path, broker: SocketAddr, metrics: SocketAddr, identifiers: Identifiers) -> Settings {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    Settings {
        share: ShareSettings {
            path: share.to_owned(),
            scan_millis: 50,
            settle_millis: 100,
            incomplete_secs: 1,
            ..Default::default()
        },
        study: StudySettings { series_quiet_secs: 2, series_gap_patience_secs: 4, ..Default::default() },
        models: ModelSettings { trusted_keys: models.join("keys"), dir: models, ..Default::default() },
        mqtt: MqttSettings { url: format!("mqtt://{broker}"), ..Default::default() },
        display: DisplaySettings { surface: SurfaceKind::Png, png_dir: dir.join("screens"), ..Default::default() },
        privacy: PrivacySettings { identifiers, ..Default::default() },
        health: HealthSettings { interval_secs: 5, metrics_address: Some(metrics), ..Default::default() },
        state: StateSettings { dir: dir.join("state"), ..Default::default() },
        ..Default::default()
    }
}

fn spinewatch(words: &[&str], config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spinewatch"));
    command.args(words).arg("--config").arg(config).stdin(Stdio::null());
    command
}

/// Plays systemd's part.
fn listen(path: &Path) -> Arc<Mutex<Vec<u8>>> {
    let socket = UnixDatagram::bind(path).unwrap();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let notified = Arc::clone(&kept);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = socket.recv(&mut buffer) {
            kept.lock().unwrap().extend(&buffer[..count]);
        }
    });
    notified
}

fn page(address: SocketAddr) -> Vec<u8> {
    let mut page = Vec::new();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_end(&mut page).unwrap();
    page
}

fn is_database(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("spinewatch.db"))
}

/// Names and bytes of all files below `folder` that are meant.
fn folder(folder: &Path, meant: impl Fn(&Path) -> bool + Copy) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            bytes.extend(path.to_string_lossy().as_bytes());
            bytes.extend(self::folder(&path, meant));
        } else if meant(&path) {
            bytes.extend(path.to_string_lossy().as_bytes());
            bytes.extend(fs::read(&path).unwrap_or_default());
        }
    }
    bytes
}
