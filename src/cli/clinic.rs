//! `spinewatch clinic`: the list of alerts as a page on this machine.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::broker_args::BrokerArgs;
use crate::clinic::server;

/// Show the alerts of all devices in a browser, with sound, and acknowledge them.
///
/// The page is served on this machine only. It has no login and no encryption of its own: to serve it to others, put a
/// proxy with both before it, or name the hosts under which it may be reached with --allow-host.
#[derive(Debug, Args)]
pub struct ClinicArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// Where the page is served; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A name under which browsers may reach the page, beside the usual ones of this machine (may be given several
    /// times). Needed to listen beyond this machine: whoever reaches the page can acknowledge.
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
}

/// Runs the verb until Ctrl-C.
///
/// # Errors
/// When the broker's settings do not fit, or the page's address cannot be had.
pub fn run(args: &ClinicArgs) -> anyhow::Result<ExitCode> {
    if !args.listen.ip().is_loopback() && args.allow_host.is_empty() {
        bail!(
            "--listen {}: this address can be reached from other machines, and the page has no login; say with \
             --allow-host under which name it may be reached, or listen on 127.0.0.1",
            args.listen
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let clinic = args.broker.listen("clinic")?;
        let listener =
            server::bind(args.listen).await.with_context(|| format!("cannot serve the page on {}", args.listen))?;
        println!("The clinic's page: http://{}/  (Ctrl-C ends it)", listener.local_addr()?);
        tokio::select! {
            served = server::serve(listener, clinic, &args.allow_host) => served.context("the page has ended")?,
            stopped = tokio::signal::ctrl_c() => stopped?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
