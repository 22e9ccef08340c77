//! Arguments, logging and exit codes; everything else is in the library.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    spinewatch::cli::Cli::parse().run()
}
