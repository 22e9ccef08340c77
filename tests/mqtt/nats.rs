//! A real NATS server with JetStream and its MQTT listener on free ports, where there is one on this machine.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spinewatch::publish::BrokerUrl;

use crate::mosquitto::program;

pub struct Nats {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Nats {
    /// `None`, and a word why, without nats-server.
    pub fn start() -> Option<Self> {
        let Some(program) = program("nats-server") else {
            eprintln!("skipped: no nats-server on this machine (apt-get install nats-server)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let (port, inner) = (free_port(), free_port());
        let configuration = format!(
            "server_name: test\nlisten: 127.0.0.1:{inner}\njetstream {{ store_dir: {:?} }}\nmqtt {{ listen: 127.0.0.1:{port} }}\n",
            folder.path()
        );
        std::fs::write(folder.path().join("nats.conf"), configuration).unwrap();
        let child = run(&program, folder.path(), port);
        Some(Self { folder, port, child })
    }

    pub fn url(&self) -> BrokerUrl {
        BrokerUrl { host: "127.0.0.1".into(), port: self.port, tls: false }
    }

    /// SIGKILL, as a power cut.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = run(&program("nats-server").unwrap(), self.folder.path(), self.port);
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn run(program: &std::path::Path, folder: &std::path::Path, port: u16) -> Child {
    let mut child = Command::new(program)
        .arg("-c")
        .arg(folder.join("nats.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "nats-server does not listen");
        assert!(child.try_wait().unwrap().is_none(), "nats-server ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}
