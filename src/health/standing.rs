//! Whether this program does its work, for whoever judges a new system: screen, models and store, each good or in words.
//!
//! In: the health report. Out: `standing.json` in the daemon's runtime folder, on change and every few seconds. Never says
//! anything of share or broker: a pulled cable must not roll an update back.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Degraded, HealthReport};

/// An unchanged standing is written again after this long.
const AGAIN: Duration = Duration::from_secs(3);
/// The word for a part that does its work.
const GOOD: &str = "good";

/// What `standing.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Version of this program.
    pub version: String,
    /// The boot, where the sandbox lets it be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Time since the boot at which this process started, s: a program that restarts again and again is not settled.
    pub started_secs: u64,
    /// Time since the boot at which this was written, s.
    pub uptime_secs: u64,
    /// Every stage runs.
    pub ready: bool,
    /// `good`, or what is wrong with the screen.
    pub screen: String,
    /// `good`, or what is wrong with the models' self-test or the networks.
    pub models: String,
    /// `good`, or what is wrong with the database's disk.
    pub store: String,
}

impl Standing {
    /// Of a program whose stages run.
    pub fn of(report: &HealthReport, started_secs: u64, uptime_secs: u64) -> Self {
        let silent = |stages: &[&str]| {
            report.degraded.iter().find_map(|degraded| match degraded {
                Degraded::StageSilent { stage, .. } if stages.contains(stage) => Some(degraded.to_string()),
                _ => None,
            })
        };
        let refused = report.degraded.iter().find(|degraded| matches!(degraded, Degraded::ModelRefused { .. }));
        let dark = report.degraded.iter().find(|degraded| matches!(degraded, Degraded::ScreenLost { .. }));
        let in_memory = report.degraded.iter().find(|degraded| matches!(degraded, Degraded::StateInMemory));
        let no_disk = report.disk.is_none().then(|| "its disk does not answer".to_owned());
        let good = |fault: Option<String>| fault.unwrap_or_else(|| GOOD.to_owned());
        Self {
            version: report.device.version.to_owned(),
            boot_id: boot_id(),
            started_secs,
            uptime_secs,
            ready: true,
            screen: good(dark.map(ToString::to_string).or_else(|| silent(&["display"]))),
            models: good(refused.map(ToString::to_string).or_else(|| silent(&["triage"]))),
            store: good(in_memory.map(ToString::to_string).or(no_disk)),
        }
    }

    /// Of a program that could not start, and why.
    pub fn of_failed_start(why: &str, uptime_secs: u64) -> Self {
        let unknown = || format!("did not start: {why}");
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: boot_id(),
            started_secs: uptime_secs,
            uptime_secs,
            ready: false,
            screen: unknown(),
            models: unknown(),
            store: unknown(),
        }
    }

    /// What is wrong, in one line; nothing for a program that does its work.
    pub fn fault(&self) -> Option<String> {
        let parts = [("screen", &self.screen), ("models", &self.models), ("store", &self.store)];
        let bad = parts.into_iter().find(|(_, words)| *words != GOOD);
        match bad {
            Some((part, words)) => Some(format!("{part}: {words}")),
            None if self.ready => None,
            None => Some("not every stage runs yet".to_owned()),
        }
    }

    /// What `file` says; `None` before the first.
    pub fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }

    fn write(&self, file: &Path) -> io::Result<()> {
        crate::update::replace(file, &serde_json::to_vec(self)?)
    }
}

/// Where the daemon says how it stands: in the folder that systemd made for it, if it did.
#[derive(Clone, Debug)]
pub struct StandingFile {
    path: Option<PathBuf>,
    started_secs: u64,
    written: Option<Standing>,
}

impl StandingFile {
    /// In the folder of `RUNTIME_DIRECTORY`; nowhere without.
    pub fn from_environment() -> Self {
        Self::within(std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from))
    }

    /// In `dir`, if there is one.
    pub fn within(dir: Option<PathBuf>) -> Self {
        let path = dir.map(|dir| dir.join("standing.json"));
        Self { path, started_secs: crate::update::uptime().as_secs(), written: None }
    }

    /// Says how the report stands at `uptime`, the time since the boot.
    pub fn tell(&mut self, report: &HealthReport, uptime: Duration) {
        self.write(Standing::of(report, self.started_secs, uptime.as_secs()));
    }

    /// Says that the program does not start.
    pub fn tell_failed_start(&mut self, why: &str, uptime: Duration) {
        self.write(Standing::of_failed_start(why, uptime.as_secs()));
    }

    /// Only what is news, or old enough.
    fn write(&mut self, standing: Standing) {
        let Some(path) = &self.path else { return };
        let is_news = self.written.as_ref().is_none_or(|written| {
            let same = Standing { uptime_secs: written.uptime_secs, ..standing.clone() } == *written;
            !same || standing.uptime_secs >= written.uptime_secs + AGAIN.as_secs()
        });
        if !is_news {
            return;
        }
        match standing.write(path) {
            Ok(()) => self.written = Some(standing),
            Err(error) => tracing::warn!(path = %path.display(), %error, "the standing is not told"),
        }
    }
}

fn boot_id() -> Option<String> {
    Some(crate::update::boot_id()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::{BrokerHealth, ClockTrust, Disk, Health, Limits, Model, Sensed, ShareHealth};
    use super::*;

    fn health(refused: Option<&str>, disk: bool) -> Health {
        let mut health = Health::new(Limits::default());
        health.models(vec![Model { name: "detector 1".into(), digest: None, refused: refused.map(Into::into) }]);
        health.sensed(Sensed {
            disk: disk.then_some(Disk { free_bytes: 1 << 20, total_bytes: 1 << 34 }),
            temperatures: vec![],
            memory: None,
            clock: ClockTrust::BeforeBuild,
        });
        health
    }

    fn fault(health: &Health) -> Option<String> {
        Standing::of(&health.report(Duration::from_secs(60)), 10, 70).fault()
    }

    #[test]
    fn neither_share_nor_broker_nor_clock_nor_a_full_disk_stand_in_an_updates_way() {
        let mut lost = health(None, true);
        lost.share(ShareHealth::Lost { reason: "no route to host".into() }, Duration::ZERO);
        lost.broker(BrokerHealth::default(), Duration::ZERO);
        assert!(lost.report(Duration::from_secs(60)).degraded.len() >= 4, "much is wrong");
        assert_eq!(fault(&lost), None);
    }

    #[test]
    fn screen_models_and_store_do_each() {
        assert!(fault(&health(Some("its golden outputs do not hold"), true)).unwrap().starts_with("models: "));
        assert_eq!(fault(&health(None, false)).unwrap(), "store: its disk does not answer");
        let mut forgetful = health(None, true);
        forgetful.state_in_memory();
        assert!(fault(&forgetful).unwrap().starts_with("store: the state partition cannot be used"));
        let mut silent = health(None, true);
        silent.silent_stage(Some(("display", Duration::from_secs(20))));
        assert!(fault(&silent).unwrap().starts_with("screen: "));
        silent.silent_stage(Some(("triage", Duration::from_secs(20))));
        assert!(fault(&silent).unwrap().starts_with("models: "));
        let mut dark = health(None, true);
        dark.screen(Some("the OLED does not answer".into()));
        assert!(fault(&dark).unwrap().starts_with("screen: "));
        let failed = Standing::of_failed_start("the state folder cannot be written", 30);
        assert!(failed.fault().unwrap().contains("did not start: the state folder"), "{failed:?}");
    }

    #[test]
    fn it_is_written_on_change_and_every_few_seconds() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = StandingFile::within(Some(dir.path().to_owned()));
        let path = dir.path().join("standing.json");
        let mut tell = |health: &Health, secs| {
            file.tell(&health.report(Duration::ZERO), Duration::from_secs(secs));
            Standing::read(&path).unwrap()
        };
        let (good, bad) = (health(None, true), health(Some("x"), true));
        let written: Vec<u64> = (100..107).map(|secs| tell(&good, secs).uptime_secs).collect();
        assert_eq!(written, [100, 100, 100, 103, 103, 103, 106]);
        assert_eq!(tell(&bad, 107).uptime_secs, 107);
        StandingFile::within(None).tell(&good.report(Duration::ZERO), Duration::ZERO);
    }
}
