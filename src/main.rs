//! Arguments, logging and exit codes; everything else is in the library.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use spinewatch::cli::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("SPINEWATCH_LOG").unwrap_or_else(|_| EnvFilter::new(cli.log_level()));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("spinewatch: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            spinewatch::cli::exit_code(&error)
        }
    }
}
