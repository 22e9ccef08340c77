//! The verbs of the binary: arguments in, exit code out.

use clap::{Parser, Subcommand};

mod phantom;
mod screens;

/// Scanner-side triage of suspected cervical spine fractures. Notifies; never diagnoses, never clears.
#[derive(Debug, Parser)]
#[command(name = "spinewatch", version)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make synthetic cervical CT with ground truth.
    Phantom(phantom::PhantomArgs),
    /// Draw every screen in every size as PNG.
    Screens(screens::ScreensArgs),
}

impl Cli {
    /// Runs the verb.
    ///
    /// # Errors
    /// Whatever stopped the verb, as a chain of causes for a person to read.
    pub fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Phantom(args) => phantom::run(args),
            Verb::Screens(args) => screens::run(&args),
        }
    }
}
