//! One update from its source to the restart: a path in, an installed slot or one line of refusal out.
//!
//! Nothing is written to a slot before every check has passed. Never says that the update succeeded: `confirm` does,
//! after the restart.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use semver::Version;

use super::admission::{self, Running};
use super::bundle::Bundle;
use super::progress::{Phase, Progress, ProgressFile};
use super::rauc::{Rauc, RaucError, Slots};
use super::record::{Entry, Outcome, Pending, RecordError, Records, Source};
use super::refusal::Refusal;
use super::stick::{self, Found};
use crate::config::Settings;

/// RAUC's configuration.
pub const SYSTEM_CONF: &str = "/etc/rauc/system.conf";

/// How an update is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallOptions {
    /// Also what is not newer, or was rolled back here.
    pub force: bool,
    /// Restart when it is written.
    pub restart: bool,
    /// Where it came from, where the path does not say it.
    pub source: Option<Source>,
    /// The server's number of it, to report its end to.
    pub reference: Option<String>,
}

/// What was written. It has proved nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Version of the bundle.
    pub version: String,
    /// RAUC's name of the slot.
    pub slot: String,
    /// The device restarts.
    pub restarting: bool,
}

/// Installs bundles on this device.
#[derive(Debug)]
pub struct Installer {
    /// RAUC.
    pub rauc: Rauc,
    /// Over restarts.
    pub records: Records,
    /// Folder for progress, lock and mount point.
    pub run_dir: PathBuf,
    /// This boot.
    pub boot_id: String,
}

impl Installer {
    /// On this device: the system bus, the configured folders.
    ///
    /// # Errors
    /// [`Refusal::NoRauc`] without a bus, [`Refusal::Records`] without the folder for progress.
    pub fn of_device(settings: &Settings) -> Result<Self, Refusal> {
        let rauc = Rauc::connect(None, Path::new(SYSTEM_CONF)).map_err(absent)?;
        Self::new(rauc, &settings.state.dir, &settings.update.run_dir)
    }

    /// With its records in `state_dir` and its progress in `run_dir`.
    ///
    /// # Errors
    /// [`Refusal::Records`] without the folder for progress.
    pub fn new(rauc: Rauc, state_dir: &Path, run_dir: &Path) -> Result<Self, Refusal> {
        let unwritable = |error| Refusal::Records { why: format!("{}: {error}", run_dir.display()) };
        std::fs::create_dir_all(run_dir).map_err(unwritable)?;
        let records = Records::within(state_dir);
        Ok(Self { rauc, records, run_dir: run_dir.to_owned(), boot_id: boot_id() })
    }

    /// Installs the bundle that `source` means: a file, a folder with one, or a block device with one. `told` hears every
    /// step. The outcome, or the refusal, is on record when this returns.
    ///
    /// # Errors
    /// The [`Refusal`], in one line.
    pub fn install(
        &self,
        source: &Path,
        options: &InstallOptions,
        told: &mut dyn FnMut(&Progress),
    ) -> Result<Installed, Refusal> {
        let _lock = self.lock()?;
        let mut telling = Telling { file: ProgressFile::within(&self.run_dir), told, what: "an update".to_owned() };
        let mut offered = Offered { source: options.source.unwrap_or(Source::File), bundle: None };
        match self.carry_out(source, options, &mut offered, &mut telling) {
            Ok(installed) if options.restart => Ok(self.restart(installed, &mut telling)),
            Ok(installed) => {
                telling.say(Phase::Installed, None, "restart the device");
                Ok(installed)
            }
            Err(refusal) => {
                let is_recorded = refusal.is_quiet() || matches!(refusal, Refusal::Failed { .. });
                telling.say(if refusal.is_quiet() { Phase::Idle } else { Phase::Failed }, None, &refusal.to_string());
                if !is_recorded {
                    self.records.append(offered.refused(&refusal, options))?;
                }
                Err(refusal)
            }
        }
    }

    /// What is written stays written when nobody takes the order to restart.
    fn restart(&self, installed: Installed, telling: &mut Telling<'_>) -> Installed {
        telling.say(Phase::Restarting, None, "into the new system");
        match self.rauc.restart() {
            Ok(()) => Installed { restarting: true, ..installed },
            Err(error) => {
                tracing::error!(%error, "the device does not restart by itself");
                telling.say(Phase::Installed, None, "restart the device by hand");
                installed
            }
        }
    }

    fn carry_out(
        &self,
        source: &Path,
        options: &InstallOptions,
        offered: &mut Offered,
        telling: &mut Telling<'_>,
    ) -> Result<Installed, Refusal> {
        telling.say(Phase::Checking, None, "looking for the bundle");
        admission::may_overwrite(self.records.pending()?.as_ref(), &self.boot_id)?;
        let slots = self.rauc.slots().map_err(absent)?;
        let running = Running { compatible: self.rauc.compatible().map_err(absent)?, version: running(&slots) };
        let found = stick::find(source, &self.run_dir.join("stick"))?;
        offered.source = options.source.unwrap_or(found.source);
        let bundle = self.checked(&found, &running, options.force, offered, telling)?;
        let pending = self.write(&found, &bundle, &slots, options, offered.source, telling)?;
        drop(found);
        Ok(Installed { version: pending.version, slot: pending.to_slot, restarting: false })
    }

    /// Everything that can be known without writing.
    fn checked(
        &self,
        found: &Found,
        running: &Running,
        force: bool,
        offered: &mut Offered,
        telling: &mut Telling<'_>,
    ) -> Result<Bundle, Refusal> {
        let name = &found.name;
        let mut file = stick::open(found)?;
        let bundle = Bundle::read(&mut file, name)?;
        self.rauc.inspect(&found.path).map_err(|error| match error {
            RaucError::Said(why) => Refusal::Signature { file: name.clone(), why },
            RaucError::Absent(why) => Refusal::NoRauc { why },
        })?;
        // From here on its words are those of whom this device trusts.
        telling.what = format!("Spinewatch {}", bundle.manifest.version);
        offered.bundle = Some((bundle.manifest.version.clone(), bundle.digest.clone()));
        admission::admit(&bundle, name, running, &self.records.history(), force)?;
        let (payload, mut last) = (bundle.payload().max(1), None);
        bundle.check_content(&mut file, name, &mut |done| {
            let percent = u8::try_from(done * 100 / payload).unwrap_or(100);
            if last.replace(percent) != Some(percent) {
                telling.say(Phase::Checking, Some(percent), "every block");
            }
        })?;
        Ok(bundle)
    }

    /// The record comes first: after a power cut at any point, the next boot knows what was under way.
    fn write(
        &self,
        found: &Found,
        bundle: &Bundle,
        slots: &Slots,
        options: &InstallOptions,
        source: Source,
        telling: &mut Telling<'_>,
    ) -> Result<Pending, Refusal> {
        if self.rauc.is_busy().map_err(absent)? {
            return Err(Refusal::Busy);
        }
        let pending = Pending {
            version: bundle.manifest.version.clone(),
            bundle: bundle.digest.clone(),
            from_slot: slots.booted.name.clone(),
            to_slot: slots.other.name.clone(),
            source,
            reference: options.reference.clone(),
            boot_id: self.boot_id.clone(),
            at: Timestamp::now(),
            written: false,
            condemned: None,
        };
        self.records.set_pending(&pending)?;
        telling.say(Phase::Writing, Some(0), "");
        let installed =
            self.rauc.install(&found.path, &mut |percent, words| telling.say(Phase::Writing, Some(percent), words));
        if let Err(error) = installed {
            let why = error.to_string();
            self.records.conclude(Entry::of(&pending, Outcome::Failed, Some(why.clone()), Timestamp::now()))?;
            return Err(Refusal::Failed { version: pending.version, why });
        }
        let pending = Pending { written: true, ..pending };
        self.records.set_pending(&pending)?;
        self.records.append(Entry::of(&pending, Outcome::Installed, None, Timestamp::now()))?;
        Ok(pending)
    }

    /// One updater at a time; the lock goes with the process.
    fn lock(&self) -> Result<OnlyUpdater, Refusal> {
        let path = self.run_dir.join("lock");
        let unwritable = |error: std::io::Error| Refusal::Records { why: format!("{}: {error}", path.display()) };
        let file = File::create(&path).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => Ok(OnlyUpdater(file)),
            Err(TryLockError::WouldBlock) => Err(Refusal::Busy),
            Err(TryLockError::Error(error)) => Err(unwritable(error)),
        }
    }
}

/// The lock of the one updater. Given back by name: a program that is just being started still holds the file open.
struct OnlyUpdater(File);

impl Drop for OnlyUpdater {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// The version of the booted slot's bundle; of this program where the slot was flashed.
pub fn running(slots: &Slots) -> Version {
    let of_bundle = slots.booted.version.as_deref().and_then(|version| Version::parse(version).ok());
    of_bundle.or_else(|| Version::parse(env!("CARGO_PKG_VERSION")).ok()).unwrap_or_else(|| Version::new(0, 0, 0))
}

/// The kernel's name of this boot; empty where it does not say.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Time since the boot, sleep included.
pub fn uptime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or(0))
}

fn absent(error: RaucError) -> Refusal {
    let (RaucError::Absent(why) | RaucError::Said(why)) = error;
    Refusal::NoRauc { why }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        Self::Records { why: error.to_string() }
    }
}

/// What is known of a bundle so far.
struct Offered {
    source: Source,
    bundle: Option<(String, String)>,
}

impl Offered {
    fn refused(self, refusal: &Refusal, options: &InstallOptions) -> Entry {
        let (version, bundle) = self.bundle.unzip();
        Entry {
            number: 0,
            at: Timestamp::now(),
            outcome: Outcome::Refused,
            version,
            bundle,
            why: Some(refusal.to_string()),
            code: Some(refusal.code().to_owned()),
            source: self.source,
            reference: options.reference.clone(),
        }
    }
}

/// Tells whoever started the update, and the screen.
struct Telling<'a> {
    file: ProgressFile,
    told: &'a mut dyn FnMut(&Progress),
    what: String,
}

impl Telling<'_> {
    fn say(&mut self, phase: Phase, percent: Option<u8>, words: &str) {
        let progress = Progress {
            what: self.what.clone(),
            phase,
            percent,
            words: words.to_owned(),
            uptime_secs: uptime().as_secs(),
        };
        (self.told)(&progress);
        // The screen is not worth an update.
        if let Err(error) = self.file.write(&progress) {
            tracing::warn!(%error, "the progress is not shown");
        }
    }
}
