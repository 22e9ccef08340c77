//! A real NATS server with JetStream and its MQTT listener on free ports, where there is one on this machine.

use std::process::Child;

use spinewatch::publish::BrokerUrl;

use crate::mosquitto::{free_port, listening, program};

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
        let child = listening(&program, &folder.path().join("nats.conf"), port);
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
        self.child = listening(&program("nats-server").unwrap(), &self.folder.path().join("nats.conf"), self.port);
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
