//! A private D-Bus, and a device on it: RAUC, logind, slots, the updater's folders.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use spinewatch::update::rauc::Rauc;
use spinewatch::update::{InstallOptions, Installer, Progress, Records};
use tempfile::TempDir;
use zbus::blocking::{Connection, connection};

use super::bundles::Signer;
use super::fake::{FakeLogind, FakeRauc, Script};

/// A `dbus-daemon` of our own.
pub struct Bus {
    daemon: Child,
    pub address: String,
}

impl Bus {
    pub fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { daemon, address: address.trim().to_owned() }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A device with a maker that it trusts.
pub struct Device {
    pub bus: Bus,
    pub folder: TempDir,
    pub maker: Signer,
    pub calls: Arc<Mutex<Vec<String>>>,
    pub script: Arc<Mutex<Script>>,
    pub system_conf: PathBuf,
    service: Connection,
}

impl Device {
    pub fn new() -> Self {
        let (bus, folder) = (Bus::start(), tempfile::tempdir().unwrap());
        for name in ["state", "run"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let maker = Signer::new(folder.path(), "maker");
        let system_conf = maker.system_conf(folder.path());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(Script::new(system_conf.clone())));
        let rauc = FakeRauc { calls: Arc::clone(&calls), script: Arc::clone(&script) };
        let logind = FakeLogind { calls: Arc::clone(&calls), script: Arc::clone(&script) };
        let service = connection::Builder::address(&*bus.address)
            .unwrap()
            .serve_at("/", rauc)
            .unwrap()
            .serve_at("/org/freedesktop/login1", logind)
            .unwrap()
            .name("de.pengutronix.rauc")
            .unwrap()
            .name("org.freedesktop.login1")
            .unwrap()
            .build()
            .unwrap();
        Self { bus, folder, maker, calls, script, system_conf, service }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A bundle of the maker, version 0.3.0, for this board.
    pub fn good_bundle(&self, at: &Path) {
        self.maker.bundle(at, super::bundles::BOARD, "0.3.0", "verity");
    }

    pub fn rauc(&self) -> Rauc {
        Rauc::connect(Some(&self.bus.address), &self.system_conf).unwrap()
    }

    pub fn records(&self) -> Records {
        Records::within(&self.path("state"))
    }

    /// An updater, in the boot `boot_id`.
    pub fn installer(&self, boot_id: &str) -> Installer {
        let installer = Installer::new(self.rauc(), &self.path("state"), &self.path("run")).unwrap();
        Installer { boot_id: boot_id.to_owned(), ..installer }
    }

    /// Installs; the line that it ends with, and what was said on the way.
    pub fn install(&self, source: &Path, force: bool) -> (Result<String, String>, Vec<Progress>) {
        self.calls.lock().unwrap().clear();
        let options = InstallOptions { force, restart: true, source: None, reference: None };
        let mut said = Vec::new();
        let outcome =
            self.installer("first boot").install(source, &options, &mut |progress| said.push(progress.clone()));
        let words = |refusal: spinewatch::update::Refusal| format!("[{}] {refusal}", refusal.code());
        (outcome.map(|installed| installed.version).map_err(words), said)
    }

    /// What RAUC and logind were asked that changes something.
    pub fn changes(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| !call.starts_with("Inspect")).cloned().collect()
    }

    /// RAUC's service goes away.
    pub fn stop_rauc(&self) {
        self.service.release_name("de.pengutronix.rauc").unwrap();
    }
}
