//! `spinewatch watch`: the list of alerts in a terminal, or as lines of JSON.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::broker_args::BrokerArgs;
use crate::clinic::{Clinic, Heard, terminal};

/// Show the alerts of all devices in this terminal, and acknowledge them.
#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// One line of JSON for each change, for scripts.
    #[arg(long)]
    json: bool,
}

/// Runs the verb until the person ends it.
///
/// # Errors
/// When the broker's settings do not fit, or the terminal cannot be drawn on.
pub fn run(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let clinic = {
        let _inside = runtime.enter();
        args.broker.listen(if args.json { "watch-json" } else { "watch" })?
    };
    if args.json {
        runtime.block_on(async {
            tokio::select! {
                told = lines(&clinic) => told,
                stopped = tokio::signal::ctrl_c() => stopped.context("cannot listen for Ctrl-C"),
            }
        })?;
    } else {
        terminal::run(&clinic, &args.broker.name()).context("this terminal cannot be drawn on (--json needs none)")?;
    }
    clinic.stop();
    Ok(ExitCode::SUCCESS)
}

/// Until whoever reads has gone.
async fn lines(clinic: &Clinic) -> anyhow::Result<()> {
    let mut changes = clinic.changes();
    loop {
        let line = match changes.recv().await {
            Ok(heard) => line(clinic, &heard),
            // too slow: everything at once
            Err(RecvError::Lagged(_)) => Some(json!({"type": "view", "view": clinic.view()})),
            Err(RecvError::Closed) => return Ok(()),
        };
        let Some(line) = line else { continue };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
}

/// A change with all that is known of what has changed.
fn line(clinic: &Clinic, heard: &Heard) -> Option<serde_json::Value> {
    let (board, now) = (clinic.board(), clinic.now());
    let at = crate::publish::rfc3339(now.wall);
    match heard {
        Heard::Study(id) => board.study(id, now).map(|study| json!({"type": "study", "at": at, "study": study})),
        Heard::Device(id) => board.device(id, now).map(|device| json!({"type": "device", "at": at, "device": device})),
        Heard::Link => Some(json!({"type": "link", "at": at, "link": board.view(now).link})),
        Heard::Nothing => None,
    }
}
