//! A real mosquitto on a free port, where there is one on this machine.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spinewatch::publish::BrokerUrl;

pub struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
    tls: bool,
    child: Child,
}

impl Mosquitto {
    /// `None`, and a word why, without mosquitto. `lines` go into its configuration, `{dir}` being its folder.
    pub fn start(lines: &str) -> Option<Self> {
        let Some(program) = program("mosquitto") else {
            eprintln!("skipped: no mosquitto on this machine (apt-get install mosquitto)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        Some(Self::start_in(&program, folder, lines))
    }

    pub fn start_in(program: &Path, folder: tempfile::TempDir, lines: &str) -> Self {
        let port = free_port();
        let lines = lines.replace("{dir}", folder.path().to_str().unwrap());
        let configuration = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{lines}\n");
        std::fs::write(folder.path().join("mosquitto.conf"), configuration).unwrap();
        let child = listening(program, &folder.path().join("mosquitto.conf"), port);
        Self { folder, port, tls: lines.contains("certfile"), child }
    }

    pub fn url(&self) -> BrokerUrl {
        BrokerUrl { host: "127.0.0.1".into(), port: self.port, tls: self.tls }
    }

    /// SIGKILL, as a power cut.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = listening(&program("mosquitto").unwrap(), &self.folder.path().join("mosquitto.conf"), self.port);
    }

    #[allow(dead_code, reason = "for the tests of delivery")]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a broker with its configuration file, and waits until it listens.
pub fn listening(program: &Path, configuration: &Path, port: u16) -> Child {
    let name = program.display();
    let mut child =
        Command::new(program).arg("-c").arg(configuration).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "{name} does not listen");
        assert!(child.try_wait().unwrap().is_none(), "{name} ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}
