//! The daemon as a process of its own, with a configuration of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::model_folders::ModelFolders;
use crate::config::{
    DeviceSettings, DisplaySettings, ModelSettings, MqttSettings, Settings, ShareSettings, StateSettings, SurfaceKind,
};
use crate::health::Memory;
use crate::publish::BrokerUrl;

/// What the shipped unit tells the C library's allocator, so that the demo's memory is the device's.
pub const ALLOCATOR: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072")];

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    dir: PathBuf,
}

impl Daemon {
    /// Empties `dir` and starts a daemon that lives in it.
    pub fn start(dir: &Path, broker: &BrokerUrl, models: &ModelFolders) -> anyhow::Result<Self> {
        if dir.join("demo.toml").exists() {
            fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        for part in ["share", "state", "screens"] {
            fs::create_dir_all(dir.join(part)).with_context(|| format!("cannot create {}/{part}", dir.display()))?;
        }
        let dir = dir.canonicalize()?;
        let config = dir.join("demo.toml");
        let settings = Settings {
            device: DeviceSettings { site: "demo".into(), name: "ct1".into() },
            share: ShareSettings { path: dir.join("share"), ..ShareSettings::default() },
            models: ModelSettings {
                dir: absolute(models.dir())?,
                trusted_keys: absolute(models.keys())?,
                ..ModelSettings::default()
            },
            mqtt: MqttSettings { url: format!("mqtt://{}:{}", broker.host, broker.port), ..MqttSettings::default() },
            display: DisplaySettings {
                surface: SurfaceKind::Png,
                png_dir: dir.join("screens"),
                ..DisplaySettings::default()
            },
            state: StateSettings { dir: dir.join("state"), ..StateSettings::default() },
            ..Settings::default()
        };
        fs::write(&config, toml::to_string(&settings)?)?;
        let log = File::create(dir.join("daemon.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["-v", "run", "--config"])
            .arg(&config)
            .envs(ALLOCATOR)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the daemon")?;
        Ok(Self { child, dir })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder that the console writes to.
    pub fn share(&self) -> PathBuf {
        self.dir.join("share")
    }

    /// The daemon's state folder.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Where the screens are saved.
    pub fn screens(&self) -> PathBuf {
        self.dir.join("screens")
    }

    /// Where the key images are kept that the subscriber received.
    pub fn key_images(&self) -> PathBuf {
        self.dir.join("key-images")
    }

    /// The daemon's log.
    pub fn log(&self) -> PathBuf {
        self.dir.join("daemon.log")
    }

    /// What the daemon's process uses now, and has used at most.
    pub fn memory(&self) -> Option<Memory> {
        Memory::parse(&fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?)
    }

    /// Ends the daemon in order, as systemd would.
    pub fn stop(mut self) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok()) {
            let _ = self.child.wait();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("{} is not there: give --models and --keys", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_daemon_has_the_allocator_of_the_unit() {
        let unit = include_str!("../../../board/rootfs/usr/lib/systemd/system/spinewatch.service");
        let said: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("Environment=MALLOC_")).collect();
        let ours = ALLOCATOR.map(|(name, value)| format!("{}={value}", &name["MALLOC_".len()..]));
        assert_eq!(said, ours);
    }
}
