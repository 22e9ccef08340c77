//! The board as the poller's device: systems by RAUC and the installer, packages of models by their switch, the records, a
//! restart.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::device::{Device, InstallError, Installed, Standing};
use super::item::{Item, Kind};
use super::record::Record;
use crate::config::Settings;
use crate::inference::{Accelerated, ModelSummary, TractEngine, TrustedKeys};
use crate::update::models::{self, Sources, SwitchError};
use crate::update::rauc::Rauc;
use crate::update::{Entry, InstallOptions, Installer, Outcome, Pending, Records, Refusal, Source, boot_id, running};

/// This device.
#[derive(Debug)]
pub struct Board {
    settings: Settings,
    rauc_conf: PathBuf,
    records: Records,
    boot_id: String,
}

impl Board {
    /// With the folders of `settings` and RAUC's configuration in `rauc_conf`. Nothing is opened: RAUC may come later.
    pub fn new(settings: Settings, rauc_conf: PathBuf) -> Self {
        let records = Records::within(&settings.state.dir);
        Self { settings, rauc_conf, records, boot_id: boot_id() }
    }

    /// Where the poller left off.
    ///
    /// # Errors
    /// When the record is there and cannot be read.
    pub fn record(&self) -> io::Result<Record> {
        Record::load(&self.folder())
    }

    fn folder(&self) -> PathBuf {
        self.settings.state.dir.join("update")
    }

    fn rauc(&self) -> io::Result<Rauc> {
        Rauc::connect(None, &self.rauc_conf).map_err(io::Error::other)
    }

    fn install_system(&self, reference: &str, file: &Path) -> Result<Installed, InstallError> {
        let later = |error: io::Error| InstallError::Later(format!("RAUC does not answer: {error}"));
        let (state, run) = (&self.settings.state.dir, &self.settings.update.run_dir);
        let installer = Installer::new(self.rauc().map_err(later)?, state, run).map_err(refused)?;
        // the restart comes when the poller has remembered that it is due
        let options = InstallOptions {
            force: false,
            restart: false,
            source: Some(Source::Hawkbit),
            reference: Some(reference.to_owned()),
        };
        installer.install(file, &options, &mut |_| {}).map(|_| Installed::NeedsProof).map_err(refused)
    }

    /// The daemon that runs takes the package over when it is started anew; whether its golden cases hold here is known before.
    fn install_models(&self, file: &Path) -> Result<Installed, InstallError> {
        let config = &self.settings;
        let keys = TrustedKeys::from_folder(&config.models.trusted_keys)
            .map_err(|error| InstallError::Refused(error.to_string()))?;
        let engine = Accelerated::new(TractEngine::default(), &config.accelerator, config.models.workers);
        let (shipped, installed) = (&config.models.dir, &config.installed_models());
        let sources = Sources { shipped, installed, keys: &keys, engine: &engine };
        let done = models::install(&sources, file, false).map_err(|error| not_switched(&error))?;
        let restarted = Command::new("systemctl").args(["try-restart", "spinewatch.service"]).status();
        let used =
            if restarted.is_ok_and(|status| status.success()) { "in use" } else { "used from the next start on" };
        let ModelSummary { name, version, .. } = done.summary;
        Ok(Installed::InForce(format!("{name} {version}: its {} golden cases hold here; {used}", done.golden.cases)))
    }
}

impl Device for Board {
    fn standing(&mut self, reference: &str) -> io::Result<Standing> {
        let pending = self.records.pending().map_err(io::Error::other)?;
        Ok(standing(reference, pending.as_ref(), &self.records.history(), &self.boot_id))
    }

    fn install(&mut self, reference: &str, item: &Item, file: &Path) -> Result<Installed, InstallError> {
        match item.kind {
            Kind::System => self.install_system(reference, file),
            Kind::Models => self.install_models(file),
        }
    }

    fn restart(&mut self) -> io::Result<()> {
        self.rauc()?.restart().map_err(io::Error::other)
    }

    fn attributes(&mut self) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::from([
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("site", self.settings.device.site.clone()),
            ("device", self.settings.device.name.clone()),
            ("arch", std::env::consts::ARCH.to_owned()),
        ]);
        if let Ok(rauc) = self.rauc() {
            attributes.extend(rauc.compatible().ok().map(|compatible| ("compatible", compatible)));
            if let Ok(slots) = rauc.slots() {
                attributes.insert("version", running(&slots).to_string());
                attributes.insert("slot", slots.booted.name);
            }
        }
        attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn keep(&mut self, record: &Record) -> io::Result<()> {
        self.records.folder()?;
        record.save(&self.folder())
    }
}

/// What the installer's records say. The update that waits comes before the ended ones: it may be another try.
fn standing(reference: &str, pending: Option<&Pending>, history: &[Entry], boot_id: &str) -> Standing {
    let is_this = |named: &Option<String>| named.as_deref() == Some(reference);
    if let Some(pending) = pending.filter(|pending| is_this(&pending.reference)) {
        let restarted = pending.boot_id != boot_id;
        // not marked as written, and restarted: whether it was whole is being judged
        return if pending.written || restarted { Standing::Written { restarted } } else { Standing::Begun };
    }
    let Some(entry) = history.iter().rev().find(|entry| is_this(&entry.reference)) else { return Standing::Unknown };
    let why = entry.why.clone().unwrap_or_else(|| entry.outcome.words().to_owned());
    match entry.outcome {
        Outcome::Proved => Standing::Proved,
        Outcome::RolledBack | Outcome::Undone => Standing::RolledBack(why),
        Outcome::Refused => Standing::Ended(why),
        Outcome::Failed => Standing::Failed(why),
        Outcome::Installed => Standing::Ended("another update took its place before it had proved itself".into()),
    }
}

fn not_switched(error: &SwitchError) -> InstallError {
    let line = error.to_string();
    match error {
        SwitchError::Busy(_) => InstallError::Later(line),
        // also after a power cut between the installation and its record
        SwitchError::NotNewer { name, version, have } if version == have => {
            InstallError::RunsAlready(format!("{name} {version} is what this device uses already"))
        }
        _ => InstallError::Refused(line),
    }
}

fn refused(refusal: Refusal) -> InstallError {
    let line = refusal.to_string();
    match refusal {
        Refusal::Busy | Refusal::NotProvedYet { .. } | Refusal::NoRauc { .. } | Refusal::Records { .. } => {
            InstallError::Later(line)
        }
        Refusal::SameVersion { version, .. } => InstallError::RunsAlready(format!("{version} is what runs already")),
        _ => InstallError::Refused(line),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::Timestamp;

    use super::*;

    fn pending(reference: &str, written: bool) -> Pending {
        Pending {
            version: "0.2.0".into(),
            bundle: "ab".repeat(32),
            from_slot: "rootfs.0".into(),
            to_slot: "rootfs.1".into(),
            source: Source::Hawkbit,
            reference: Some(reference.into()),
            boot_id: "b1".into(),
            at: Timestamp::UNIX_EPOCH,
            written,
            condemned: None,
        }
    }

    fn ended(reference: &str, outcome: Outcome) -> Entry {
        Entry::of(&pending(reference, true), outcome, Some("why".into()), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_records_of_another_action_say_nothing_of_this_one() {
        let history = [ended("9.x", Outcome::Proved)];
        assert_eq!(standing("8.x", Some(&pending("9.x", true)), &history, "b1"), Standing::Unknown);
        assert_eq!(standing("8.x", None, &[], "b1"), Standing::Unknown);
    }

    #[test]
    fn only_the_record_of_a_proof_is_a_proof() {
        for outcome in [Outcome::Installed, Outcome::RolledBack, Outcome::Undone, Outcome::Refused, Outcome::Failed] {
            assert_ne!(standing("8.x", None, &[ended("8.x", outcome)], "b2"), Standing::Proved, "{outcome:?}");
        }
        let history = [ended("8.x", Outcome::Installed), ended("8.x", Outcome::Proved), ended("9.x", Outcome::Refused)];
        assert_eq!(standing("8.x", None, &history, "b2"), Standing::Proved);
    }

    #[test]
    fn another_try_that_waits_comes_before_the_try_that_failed() {
        let history = [ended("8.x", Outcome::Failed)];
        let of = |written, boot_id: &str| standing("8.x", Some(&pending("8.x", written)), &history, boot_id);
        assert_eq!(of(true, "b1"), Standing::Written { restarted: false });
        assert_eq!(of(true, "b2"), Standing::Written { restarted: true });
        assert_eq!(of(false, "b1"), Standing::Begun);
        assert_eq!(
            of(false, "b2"),
            Standing::Written { restarted: true },
            "the new system may run: it is being judged"
        );
    }

    #[test]
    fn a_package_of_models_that_is_in_use_already_is_no_failure_and_an_older_one_is() {
        let error =
            |have: &str| SwitchError::NotNewer { name: "vertebra".into(), version: "1.1.0".into(), have: have.into() };
        assert!(matches!(not_switched(&error("1.1.0")), InstallError::RunsAlready(_)));
        assert!(matches!(not_switched(&error("1.2.0")), InstallError::Refused(_)));
        assert!(matches!(not_switched(&SwitchError::Busy("x".into())), InstallError::Later(_)));
    }

    #[test]
    fn what_is_no_fault_of_the_bundle_waits_and_what_is_ends() {
        assert!(matches!(refused(Refusal::Busy), InstallError::Later(_)));
        assert!(matches!(refused(Refusal::NotProvedYet { version: "1.0.0".into() }), InstallError::Later(_)));
        let same = Refusal::SameVersion { file: "f".into(), version: "1.0.0".into() };
        assert_eq!(refused(same), InstallError::RunsAlready("1.0.0 is what runs already".into()));
        let older = Refusal::Older { file: "f".into(), version: "0.9.0".into(), running: "1.0.0".into() };
        assert!(matches!(refused(older), InstallError::Refused(why) if why.contains("older than 1.0.0")));
    }
}
