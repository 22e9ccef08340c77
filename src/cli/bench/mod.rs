//! `spinewatch bench`: how fast, against whom, on this machine.
//!
//! Speeds are ratios against named peers that run in turn with us, since machines are noisy; never a timed test.

use std::process::ExitCode;

use clap::{Args, Subcommand};

mod clock;
mod contender;
mod delivery;
mod engine;
mod figures;
mod isa;
mod peak;
mod pipeline;
mod python;
mod scale;
mod subject;

/// Measure this build on this machine.
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Time of one image through the networks, against named peers.
    Engine(engine::EngineArgs),
    /// A study from its files to its verdict, against the same path in Python.
    Pipeline(pipeline::PipelineArgs),
    /// What a slice costs as a study grows, and a poll as the folder grows.
    Scale(scale::ScaleArgs),
    /// From a verdict's commit to a subscriber, against mosquitto's own clients.
    Delivery(delivery::DeliveryArgs),
    /// What this machine can do at most.
    Peak(peak::PeakArgs),
}

/// Runs the verb.
///
/// # Errors
/// When something that is needed is missing, with the cure.
pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Engine(args) => engine::run(args),
        What::Pipeline(args) => pipeline::run(args),
        What::Scale(args) => scale::run(args).map(|()| ExitCode::SUCCESS),
        What::Delivery(args) => delivery::run(args),
        What::Peak(args) => peak::run(args).map(|()| ExitCode::SUCCESS),
    }
}
