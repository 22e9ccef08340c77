//! `spinewatch check`: the configuration first, then what the daemon works with, then, with `--device`, the board.
//!
//! Changes nothing: it may create folders that the daemon would create, and leaves no file in them.

mod appliance;

mod board;

mod network;

mod outcome;

mod services;

mod storage;

mod update;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

pub use outcome::{Ill, Outcome, Part, summary};

use crate::config::{DEFAULT_PATH, Settings};
use crate::health::board::Board;

/// Check a configuration, and whether this device can work with it.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Look at the file only, not at the device.
    #[arg(long, conflicts_with = "device")]
    configuration_only: bool,
    /// Look at the board and its system as well: slots, disks, network, watchdog, units. Run it as root.
    #[arg(long)]
    device: bool,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Look at a machine whose files lie below this folder.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// Runs the verb; exit code 78 for a bad configuration, 1 when a part of the device does not work.
///
/// # Errors
/// When the configuration is refused.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(&args.config)?;
    if !args.json {
        println!("{}: every key is known and in range", args.config.display());
    }
    let mut parts = Vec::new();
    if !args.configuration_only {
        let mut tell = |part: Part| {
            if !args.json {
                println!("{part}");
            }
            parts.push(part);
        };
        appliance::look(&settings, &mut tell);
        if args.device {
            look_at_board(&settings, &Board::at(&args.root), &mut tell);
        }
    }
    let well = parts.iter().all(|part| part.outcome.is_ok());
    if args.json {
        println!("{:#}", json!({ "configuration": args.config, "well": well, "parts": parts }));
    } else if args.device {
        println!("{}", summary(&parts));
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every part of the device, for the support bundle.
pub fn device(settings: &Settings, board: &Board) -> Vec<Part> {
    let mut parts = Vec::new();
    appliance::look(settings, &mut |part| parts.push(part));
    look_at_board(settings, board, &mut |part| parts.push(part));
    parts
}

/// From the metal upwards, each told as soon as it is known. The share's mount comes after the share was looked into,
/// which is what makes an automount mount it.
fn look_at_board(settings: &Settings, board: &Board, tell: &mut dyn FnMut(Part)) {
    board::look(settings, board, tell);
    storage::look(settings, board, tell);
    network::look(board, tell);
    services::look(board, tell);
    update::look(settings, tell);
}
