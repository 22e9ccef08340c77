//! `spinewatch run`: the daemon, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::appliance::{Appliance, Launch, seal, surface};
use crate::config::{DEFAULT_PATH, Settings};
use crate::health::StandingFile;
use crate::update::uptime;

/// Watch the share, analyse, alert, publish, until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// When the configuration is refused, or a stage ends by itself.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    seal();
    let appliance = start(args).inspect_err(|error| {
        StandingFile::from_environment().tell_failed_start(&format!("{error:#}"), uptime());
    })?;
    let stop = appliance.stopper();
    std::thread::Builder::new().name("signals".into()).spawn(move || wait_for_signal(stop))?;
    appliance.wait()?;
    Ok(ExitCode::SUCCESS)
}

fn start(args: &RunArgs) -> anyhow::Result<Appliance> {
    let settings = Settings::read(&args.config)?;
    let surface = surface(&settings)?;
    Appliance::start(Launch { settings, surface })
}

fn wait_for_signal(stop: impl Fn()) {
    let waited = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
            tokio::select! {
                _ = terminate.recv() => {}
                outcome = tokio::signal::ctrl_c() => outcome?,
            }
            anyhow::Ok(())
        })
    });
    if let Ok(Err(error)) = waited {
        tracing::error!("{error:#}");
    }
    stop();
}
