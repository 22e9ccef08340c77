//! `spinewatch update poll`: asks the configured hawkBit server for updates, for a service of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::config::{ConfigError, DEFAULT_PATH, Settings};
use crate::update::hawkbit::{Board, Poller, settings};

/// Ask the configured hawkBit server for updates, until SIGTERM or Ctrl-C.
///
/// Every step is remembered: the process may be ended at any time.
#[derive(Debug, Args)]
pub struct PollArgs {
    /// Configuration file; `[update] hawkbit_url` says where the server is.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// RAUC's configuration.
    #[arg(long, value_name = "FILE", default_value = crate::update::SYSTEM_CONF)]
    rauc_conf: PathBuf,
    /// One round, then end: 0 when the server answered as it should.
    #[arg(long)]
    once: bool,
}

/// Runs the verb; it ends by a signal only, unless `once`.
///
/// # Errors
/// A configuration that cannot be used or names no server (exit code 78), or a record that cannot be read.
pub fn run(args: &PollArgs) -> anyhow::Result<ExitCode> {
    let config = Settings::read(&args.config)?;
    let refused = |problem: String| ConfigError::OutOfRange { path: args.config.clone(), problems: vec![problem] };
    let nobody = || refused("update.hawkbit_url is not set: there is no server to ask".into());
    let settings = settings(&config).map_err(|error| refused(error.to_string()))?.ok_or_else(nobody)?;
    let board = Board::new(config, args.rauc_conf.clone());
    let record = board.record().context("the record of hawkBit's action cannot be read")?;
    let mut poller = Poller::new(settings, record, board);
    if args.once {
        poller.round()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed());
    loop {
        std::thread::sleep(poller.turn(random.random()));
    }
}

/// Different on every device and in every boot.
fn seed() -> u64 {
    crate::update::boot_id()
        .bytes()
        .fold(u64::from(std::process::id()), |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}
