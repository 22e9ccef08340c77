//! The verbs of the binary: arguments in, exit code out.
//!
//! Helpers are verbs, not scripts, so that they work on the device too.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::ConfigError;

mod analyze;
mod ask;
mod audit;
mod bench;
mod boot;
mod broker_args;
mod certificates;
mod check;
mod clinic;
mod demo;
mod documents;
mod evaluate;
mod facts;
mod fleet_sim;
mod heatmaps;
mod model_folders;
mod model_switch;
mod models;
mod phantom;
mod run;
mod screens;
mod selftest;
mod support_bundle;
mod table;
mod update;
mod update_poll;
mod watch;
mod workers;

/// EX_CONFIG of sysexits.h.
const EX_CONFIG: u8 = 78;

/// Scanner-side triage of suspected cervical spine fractures.
///
/// Pulls CT slices from a shared folder as the console writes them, analyses them with quantised models, alerts on a
/// small screen and publishes the result over MQTT. It names suspected findings for prioritisation: it never
/// diagnoses, never clears, never lowers a priority. "None suspected" does not mean "no fracture".
#[derive(Debug, Parser)]
#[command(name = "spinewatch", version, max_term_width = 100)]
pub struct Cli {
    /// Say more on standard error; the variable SPINEWATCH_LOG sets levels per module.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Watch the share, analyse, alert, publish, until SIGTERM or Ctrl-C.
    Run(run::RunArgs),
    /// Show the whole path on this machine: phantom console, daemon, broker, subscriber. Needs nothing installed.
    Demo(demo::DemoArgs),
    /// Show the alerts of all devices in a browser, with sound, and acknowledge them.
    Clinic(clinic::ClinicArgs),
    /// Show the alerts of all devices in this terminal, and acknowledge them.
    Watch(watch::WatchArgs),
    /// Check a configuration, and whether this device can work with it.
    Check(check::CheckArgs),
    /// Analyse DICOM files or folders on this machine and print a verdict per series.
    Analyze(analyze::AnalyzeArgs),
    /// Evaluate the packages on studies with a known truth: the papers' figures, with 95 % intervals.
    Evaluate(evaluate::EvaluateArgs),
    /// Measure engine, path and scale on this machine, against named peers.
    Bench(bench::BenchArgs),
    /// Drive a broker, or a cluster of which a node is killed, with many devices, and count what arrives.
    FleetSim(fleet_sim::FleetSimArgs),
    /// Prove the model packages on this machine: signatures, digests and golden cases.
    Selftest(selftest::SelftestArgs),
    /// Sign, verify, list, install and take back model packages.
    Models(models::ModelsArgs),
    /// Verify or show the audit trail: who did what, when.
    Audit(audit::AuditArgs),
    /// Install signed system bundles, prove a new system, go back to the old one.
    Update(update::UpdateArgs),
    /// Make synthetic cervical CT with ground truth.
    Phantom(phantom::PhantomArgs),
    /// Pack logs, versions, health and every check into one file for the manufacturer, without identities.
    SupportBundle(support_bundle::SupportBundleArgs),
    /// Draw every screen in every size as PNG.
    Screens(screens::ScreensArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}

impl Cli {
    /// Level of messages on standard error.
    pub const fn log_level(&self) -> &'static str {
        match self.verbose {
            // a warning for each of hundreds of devices would hide the result
            0 if matches!(self.verb, Verb::FleetSim(_)) => "error",
            0 => "warn",
            1 => "spinewatch=info,warn",
            _ => "spinewatch=debug,info",
        }
    }

    /// Runs the verb. A code other than 0 without an error says that the verb did its work and found something wrong.
    ///
    /// # Errors
    /// Whatever stopped the verb, as a chain of causes for a person to read.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Run(args) => run::run(&args),
            Verb::Demo(args) => demo::run(&args),
            Verb::Clinic(args) => clinic::run(&args),
            Verb::Watch(args) => watch::run(&args),
            Verb::Check(args) => check::run(&args),
            Verb::Analyze(args) => analyze::run(&args),
            Verb::Evaluate(args) => evaluate::run(&args),
            Verb::Bench(args) => bench::run(&args),
            Verb::FleetSim(args) => fleet_sim::run(&args),
            Verb::Selftest(args) => selftest::run(&args),
            Verb::Models(args) => models::run(args).map(|()| ExitCode::SUCCESS),
            Verb::Audit(args) => audit::run(args),
            Verb::Update(args) => update::run(args),
            Verb::Phantom(args) => phantom::run(args).map(|()| ExitCode::SUCCESS),
            Verb::SupportBundle(args) => support_bundle::run(&args),
            Verb::Screens(args) => screens::run(&args).map(|()| ExitCode::SUCCESS),
            Verb::Completions { shell } => {
                clap_complete::generate(shell, &mut Self::command(), "spinewatch", &mut std::io::stdout());
                Ok(ExitCode::SUCCESS)
            }
            Verb::Man => {
                clap_mangen::Man::new(Self::command()).render(&mut std::io::stdout())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// 78 for a refused configuration, 1 for everything else.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(<dyn std::error::Error>::is::<ConfigError>) {
        ExitCode::from(EX_CONFIG)
    } else {
        ExitCode::FAILURE
    }
}
