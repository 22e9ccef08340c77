//! `spinewatch update`: install a bundle, prove a new system, say how updates ended, go back.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;

use super::update_poll;
use crate::config::{DEFAULT_PATH, Settings};
use crate::health::Standing;
use crate::update::confirm::Limits;
use crate::update::rauc::Slots;
use crate::update::{
    BootLoader, Entry, InstallOptions, Installer, Outcome, Phase, Progress, ProgressFile, Records, Refusal, Source,
    Trial, Verdict, rauc::Rauc, running, uptime,
};

/// Time between two looks at the daemon's standing.
const LOOK: Duration = Duration::from_secs(1);

/// Install signed system bundles (RAUC), prove a new system, go back to the old one.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    #[command(subcommand)]
    verb: UpdateVerb,
}

#[derive(Debug, Subcommand)]
enum UpdateVerb {
    /// Check a bundle block by block, write it into the other slot, and restart into it.
    Install(InstallArgs),
    /// Judge the system that was started: keep it, or go back. For the service that runs once a boot.
    Confirm(ConfirmArgs),
    /// Say which slots there are, what waits, and how updates ended.
    Status(StatusArgs),
    /// Go back to the system in the other slot, and restart into it.
    Rollback(RollbackArgs),
    /// Ask the configured hawkBit server for updates, until SIGTERM or Ctrl-C.
    Poll(update_poll::PollArgs),
}

#[derive(Debug, Args)]
struct InstallArgs {
    /// A bundle (*.raucb), a folder such as a mounted stick, or a block device; the last two hold exactly one bundle.
    #[arg(value_name = "FILE|DIR|DEVICE")]
    source: PathBuf,
    /// Also a version that is not newer, and a bundle that was rolled back here.
    #[arg(long)]
    force: bool,
    /// Do not restart: somebody else does.
    #[arg(long, visible_alias = "no-reboot")]
    no_restart: bool,
    #[command(flatten)]
    device: Device,
}

#[derive(Debug, Args)]
struct ConfirmArgs {
    /// What the daemon says of itself.
    #[arg(long, value_name = "FILE", default_value = "/run/spinewatch/standing.json")]
    standing: PathBuf,
    /// Do not restart when the update is bad: somebody else does.
    #[arg(long, visible_alias = "no-reboot")]
    no_restart: bool,
    #[command(flatten)]
    device: Device,
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: Device,
}

#[derive(Debug, Args)]
struct RollbackArgs {
    /// Do not restart: somebody else does.
    #[arg(long, visible_alias = "no-reboot")]
    no_restart: bool,
    #[command(flatten)]
    device: Device,
}

#[derive(Debug, Args)]
struct Device {
    /// Configuration file; where it cannot be used, the defaults: it must not keep an update away.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// RAUC's configuration.
    #[arg(long, value_name = "FILE", default_value = crate::update::SYSTEM_CONF)]
    rauc_conf: PathBuf,
}

impl Device {
    fn settings(&self) -> Settings {
        Settings::read(&self.config).unwrap_or_else(|error| {
            tracing::warn!(%error, "the defaults are used");
            Settings::default()
        })
    }

    fn rauc(&self) -> Result<Rauc, Refusal> {
        Rauc::connect(None, &self.rauc_conf).map_err(|error| Refusal::NoRauc { why: error.to_string() })
    }

    fn installer(&self) -> anyhow::Result<Installer> {
        let settings = self.settings();
        Ok(Installer::new(self.rauc()?, &settings.state.dir, &settings.update.run_dir)?)
    }
}

/// Runs the verb; exit code 1 for a refusal, for a system that is not good, and for one that goes back.
///
/// # Errors
/// The refusal, or why RAUC or the records cannot be used.
pub fn run(args: UpdateArgs) -> anyhow::Result<ExitCode> {
    match args.verb {
        UpdateVerb::Install(args) => install(&args),
        UpdateVerb::Confirm(args) => confirm(&args),
        UpdateVerb::Status(args) => status(&args),
        UpdateVerb::Rollback(args) => rollback(&args),
        UpdateVerb::Poll(args) => update_poll::run(&args),
    }
}

fn install(args: &InstallArgs) -> anyhow::Result<ExitCode> {
    let installer = args.device.installer()?;
    let options = InstallOptions { force: args.force, restart: !args.no_restart, source: None, reference: None };
    let mut shown = Shown::new()?;
    let installed = installer.install(&args.source, &options, &mut |progress| shown.show(progress));
    shown.bar.finish_and_clear();
    let installed = installed?;
    let next = if installed.restarting { "restarting into it" } else { "restart the device" };
    println!("{} is written to {}: {next}; it must prove itself there", installed.version, installed.slot);
    Ok(ExitCode::SUCCESS)
}

/// A bar on a terminal, a line per phase and ten per cent elsewhere.
struct Shown {
    bar: ProgressBar,
    said: Option<(Phase, u8)>,
}

impl Shown {
    fn new() -> anyhow::Result<Self> {
        let bar = ProgressBar::new(100);
        bar.set_style(ProgressStyle::with_template("{prefix:22} [{bar:30}] {pos:>3} %  {wide_msg}")?);
        Ok(Self { bar, said: None })
    }

    fn show(&mut self, progress: &Progress) {
        let Progress { phase, percent, words, what, .. } = progress;
        if matches!(phase, Phase::Failed | Phase::Idle) {
            return;
        }
        let percent = percent.unwrap_or(0);
        self.bar.set_prefix(format!("{} {}", phase.words(), what.trim_start_matches("Spinewatch ")));
        self.bar.set_position(u64::from(percent));
        self.bar.set_message(words.clone());
        let step = (*phase, percent / 10);
        if self.bar.is_hidden() && self.said.replace(step) != Some(step) {
            println!("{what}: {} {percent} % {words}", phase.words());
        }
    }
}

fn confirm(args: &ConfirmArgs) -> anyhow::Result<ExitCode> {
    let settings = args.device.settings();
    let (rauc, records) = (args.device.rauc()?, Records::within(&settings.state.dir));
    let boot_id = crate::update::boot_id();
    let trial = Trial {
        rauc: &rauc,
        boot_loader: BootLoader::default(),
        records: &records,
        boot_id: &boot_id,
        limits: Limits { settled: settings.update.settled(), limit: settings.update.limit() },
        restart: !args.no_restart,
    };
    let mut looked = false;
    let verdict = trial.run(&mut || {
        if std::mem::replace(&mut looked, true) {
            std::thread::sleep(LOOK);
        }
        (Standing::read(&args.standing), uptime())
    })?;
    let (good, words) = match verdict {
        Verdict::Proved(version) => (true, format!("{version} is proved: this slot stays")),
        Verdict::Good => (true, "this system is good".to_owned()),
        Verdict::BeforeRestart => (true, "an update waits for the restart".to_owned()),
        Verdict::RollingBack(why) => (false, format!("the update is bad ({why}): going back to the other slot")),
        Verdict::Stayed(why) => (false, format!("the update is bad, and it stays: {why}")),
        Verdict::NotGood(why) => (false, format!("this system is not good, and there is no update to undo: {why}")),
    };
    println!("{words}");
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let settings = args.device.settings();
    let slots = args.device.rauc()?.slots().context("RAUC does not say its slots")?;
    let records = Records::within(&settings.state.dir);
    let (pending, history) = (records.pending()?, records.history());
    if args.json {
        let slot = |slot: &crate::update::rauc::Slot| {
            json!({"name": slot.name, "bootname": slot.bootname, "booted": slot.booted, "good": slot.good,
                   "version": slot.version})
        };
        let progress = ProgressFile::within(&settings.update.run_dir).read().map(|file| file.as_of(uptime()));
        let all = json!({"version": running(&slots).to_string(), "slots": [slot(&slots.booted), slot(&slots.other)],
                         "pending": pending, "progress": progress, "history": history});
        println!("{all:#}");
        return Ok(ExitCode::SUCCESS);
    }
    print_slots(&slots);
    match pending {
        None => println!("no update waits"),
        Some(pending) => {
            println!("{} waits in {}: it has not proved itself yet", pending.version, pending.to_slot);
        }
    }
    for entry in history.iter().rev().take(10) {
        println!("  {}", line(entry));
    }
    Ok(ExitCode::SUCCESS)
}

fn print_slots(slots: &Slots) {
    for slot in [&slots.booted, &slots.other] {
        let runs = if slot.booted { "runs" } else { "other" };
        let state = if slot.good { "good" } else { "not good" };
        let version = slot.version.as_deref().unwrap_or("flashed");
        println!("{runs:<6}{} ({})  {version}  {state}", slot.name, slot.bootname);
    }
}

fn line(entry: &Entry) -> String {
    let (version, outcome) = (entry.version.as_deref().unwrap_or("?"), entry.outcome.words());
    let why = entry.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    format!("{:.0}  {version}  {outcome}{why}", entry.at)
}

fn rollback(args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let rauc = args.device.rauc()?;
    let records = Records::within(&args.device.settings().state.dir);
    let slots = rauc.slots().context("RAUC does not say its slots")?;
    let (history, other) = (records.history(), &slots.other);
    if !other.good || (other.version.is_none() && history.is_empty()) {
        bail!("{} holds no system that is known to be good: install a bundle instead", other.name);
    }
    rauc.mark("active", &other.name)?;
    records.conclude(undone(&slots, &history))?;
    println!("{} is started next", other.name);
    if !args.no_restart {
        rauc.restart()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The system that is left, with the bundle that it came from: a stick that is still there must not bring it back.
fn undone(slots: &Slots, history: &[Entry]) -> Entry {
    let version = running(slots).to_string();
    let from = history.iter().rev().find(|entry| entry.version.as_ref() == Some(&version) && entry.bundle.is_some());
    Entry {
        number: 0,
        at: Timestamp::now(),
        outcome: Outcome::Undone,
        bundle: from.and_then(|entry| entry.bundle.clone()),
        version: Some(version),
        why: Some(format!("asked for on the device, into {}", slots.other.name)),
        code: None,
        source: Source::File,
        reference: None,
    }
}
