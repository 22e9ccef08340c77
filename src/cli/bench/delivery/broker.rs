//! The broker in the middle: mosquitto on a free port, or the embedded one.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::publish::BrokerUrl;
use crate::publish::embedded_broker::EmbeddedBroker;

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// A mosquitto process, its defaults but for queues without a limit.
    Mosquitto,
    /// The broker of the demo, in this process.
    Embedded,
}

/// A running broker; ends when dropped.
pub enum Broker {
    Mosquitto { child: Child, port: u16, version: String, _folder: tempfile::TempDir },
    Embedded(EmbeddedBroker),
}

impl Broker {
    /// Starts the chosen one; without a choice mosquitto where it is installed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(choice: Option<Choice>) -> anyhow::Result<Self> {
        match (choice, program("mosquitto")) {
            (Some(Choice::Embedded), _) | (None, None) => Ok(Self::Embedded(EmbeddedBroker::start().await?)),
            (_, Some(program)) => mosquitto(&program),
            (Some(Choice::Mosquitto), None) => bail!("there is no mosquitto on this machine: install mosquitto"),
        }
    }

    /// Where it listens.
    pub fn url(&self) -> BrokerUrl {
        match self {
            Self::Mosquitto { port, .. } => BrokerUrl { host: "127.0.0.1".to_owned(), port: *port, tls: false },
            Self::Embedded(broker) => broker.url(),
        }
    }

    /// Name and version.
    pub fn name(&self) -> String {
        match self {
            Self::Mosquitto { version, .. } => version.clone(),
            Self::Embedded(_) => "the embedded broker".to_owned(),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Self::Mosquitto { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn mosquitto(program: &PathBuf) -> anyhow::Result<Broker> {
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let file = folder.path().join("mosquitto.conf");
    let lines = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n");
    std::fs::write(&file, lines)?;
    let mut child = Command::new(program)
        .arg("-c")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if started.elapsed() > Duration::from_secs(10) || child.try_wait()?.is_some() {
            let _ = child.kill();
            bail!("{} does not listen on port {port}", program.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let help = Command::new(program).arg("-h").output()?;
    let version = String::from_utf8_lossy(&help.stdout).lines().next().unwrap_or("mosquitto").to_owned();
    Ok(Broker::Mosquitto { child, port, version, _folder: folder })
}

/// A program on the path, or where the distributions put daemons.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}
