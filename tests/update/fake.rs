//! RAUC's D-Bus interface, recording what it is asked. Signatures are judged by the real `rauc info`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use zbus::fdo;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{OwnedValue, Str};

/// How RAUC behaves.
pub struct Script {
    system_conf: PathBuf,
    /// RAUC before 1.11 has no `InspectBundle`.
    pub is_old: bool,
    /// What an installation ends with.
    pub ends: Ends,
    /// 0: slot A runs; 1: slot B.
    pub booted: usize,
    /// Version of the bundle in each slot.
    pub versions: [Option<&'static str>; 2],
    /// What the boot loader says of each slot.
    pub good: [bool; 2],
    /// logind takes the order to restart.
    pub restarts: bool,
    /// `Operation`.
    pub operation: &'static str,
    /// Options with which the bundle's folder was mounted during the last installation.
    pub mounted: Option<String>,
    last_error: String,
    progress: (i32, String, i32),
}

/// How an installation ends.
#[derive(Clone, Copy)]
pub enum Ends {
    Well,
    With(&'static str),
    /// The service is gone.
    Never,
}

impl Script {
    pub fn new(system_conf: PathBuf) -> Self {
        Self {
            system_conf,
            is_old: false,
            ends: Ends::Well,
            booted: 0,
            versions: [Some("0.2.0"), None],
            good: [true, true],
            restarts: true,
            operation: "idle",
            mounted: None,
            last_error: String::new(),
            progress: (0, String::new(), 0),
        }
    }
}

pub struct FakeRauc {
    pub calls: Arc<Mutex<Vec<String>>>,
    pub script: Arc<Mutex<Script>>,
}

impl FakeRauc {
    fn record(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }
}

type Dictionary = HashMap<String, OwnedValue>;

fn mount_options(folder: &str) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|mount| mount[1] == folder)?;
    Some(mount[3].to_owned())
}

fn text(value: &str) -> OwnedValue {
    OwnedValue::from(Str::from(value.to_owned()))
}

#[zbus::interface(name = "de.pengutronix.rauc.Installer")]
impl FakeRauc {
    fn inspect_bundle(&self, bundle: &str, _arguments: Dictionary) -> fdo::Result<Dictionary> {
        let script = self.script.lock().unwrap();
        if script.is_old {
            return Err(fdo::Error::UnknownMethod("No such method \"InspectBundle\"".into()));
        }
        self.record("InspectBundle".into());
        let output =
            Command::new("rauc").arg("--conf").arg(&script.system_conf).args(["info", bundle]).output().unwrap();
        if output.status.success() {
            return Ok(HashMap::from([("manifest-hash".to_owned(), text("00"))]));
        }
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(fdo::Error::Failed(words.lines().last().unwrap_or_default().to_owned()))
    }

    async fn install_bundle(
        &mut self,
        bundle: &str,
        _arguments: Dictionary,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        let name = bundle.rsplit('/').next().unwrap_or_default();
        self.record(format!("InstallBundle {name}"));
        let ends = {
            let mut script = self.script.lock().unwrap();
            script.mounted = mount_options(bundle.rsplit_once('/').map_or("", |(folder, _)| folder));
            script.ends
        };
        for (percent, words) in
            [(0, "Installing"), (20, "Determining slot states done."), (60, "Copying image to rootfs.1")]
        {
            self.script.lock().unwrap().progress = (percent, words.to_owned(), 1);
            self.progress_changed(&emitter).await?;
        }
        match ends {
            Ends::Well => Self::completed(&emitter, 0).await?,
            Ends::With(why) => {
                self.script.lock().unwrap().last_error = why.to_owned();
                Self::completed(&emitter, 1).await?;
            }
            Ends::Never => {
                emitter.connection().release_name("de.pengutronix.rauc").await?;
            }
        }
        Ok(())
    }

    fn mark(&self, state: &str, slot: &str) -> (String, String) {
        self.record(format!("Mark {state} {slot}"));
        ("rootfs".into(), format!("marked slot {slot} {state}"))
    }

    fn get_slot_status(&self) -> Vec<(String, Dictionary)> {
        let script = self.script.lock().unwrap();
        let slot = |number: usize| {
            let state = if number == script.booted { "booted" } else { "inactive" };
            let good = if script.good[number] { "good" } else { "bad" };
            let mut status = HashMap::from([
                ("class".to_owned(), text("rootfs")),
                ("bootname".to_owned(), text(["A", "B"][number])),
                ("state".to_owned(), text(state)),
                ("boot-status".to_owned(), text(good)),
            ]);
            status.extend(script.versions[number].map(|version| ("bundle.version".to_owned(), text(version))));
            (format!("rootfs.{number}"), status)
        };
        let other = ("bootloader.0".to_owned(), HashMap::from([("state".to_owned(), text("inactive"))]));
        vec![other, slot(0), slot(1)]
    }

    #[zbus(property)]
    fn compatible(&self) -> String {
        super::bundles::BOARD.to_owned()
    }

    #[zbus(property)]
    fn operation(&self) -> String {
        self.script.lock().unwrap().operation.to_owned()
    }

    #[zbus(property)]
    fn last_error(&self) -> String {
        self.script.lock().unwrap().last_error.clone()
    }

    #[zbus(property)]
    fn progress(&self) -> (i32, String, i32) {
        self.script.lock().unwrap().progress.clone()
    }

    #[zbus(signal)]
    async fn completed(emitter: &SignalEmitter<'_>, result: i32) -> zbus::Result<()>;
}

pub struct FakeLogind {
    pub calls: Arc<Mutex<Vec<String>>>,
    pub script: Arc<Mutex<Script>>,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl FakeLogind {
    fn reboot(&self, _interactive: bool) -> fdo::Result<()> {
        if !self.script.lock().unwrap().restarts {
            return Err(fdo::Error::AccessDenied("Permission denied".into()));
        }
        self.calls.lock().unwrap().push("Reboot".into());
        Ok(())
    }
}
