//! `spinewatch support-bundle`: one file that says why a device is ill, for whoever is not standing before it.
//!
//! Every part is asked for a limited time and keeps a limited size; one that fails leaves a note in its place. Holds no
//! identity: no patient's data, no UID, no name of a file of the share, no user name, password or key.

mod archive;

mod configuration;

mod records;

mod scrub;

mod sources;

mod system;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;

use archive::Bundle;
use sources::Subject;

use crate::config::{DEFAULT_PATH, Settings};
use crate::health::board::Board;

/// Pack logs, versions, health and the outcome of every check into one file, without identities.
#[derive(Debug, Args)]
pub struct SupportBundleArgs {
    /// The file to write. Default: spinewatch-support-DEVICE-TIME.tar.gz in this folder, or in /tmp.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Configuration file; one that is refused is passed over, and the bundle says why.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Look at a machine whose files lie below this folder.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// Runs the verb; exit code 0 when a bundle was written, whatever the device is like.
///
/// # Errors
/// When no bundle can be written.
pub fn run(args: &SupportBundleArgs) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let (settings, refused) = match Settings::read(&args.config) {
        Ok(settings) => (settings, None),
        Err(error) => (Settings::default(), Some(error.to_string())),
    };
    let subject = Subject::new(settings, refused, Board::at(&args.root), now);
    let mut bundle = Bundle::new(now);
    for source in &sources::ALL {
        bundle.add(source.name, subject.ask(source), source.most);
    }
    let path = write(&bundle, args.out.as_deref(), &subject.name())?;
    println!("{}: {}", path.display(), bundle.summary());
    for (name, why) in bundle.failed() {
        println!("  missing  {name}: {why}");
    }
    Ok(ExitCode::SUCCESS)
}

/// To the file that was named; else here, or, where nothing can be written here, in the folder for temporary files.
fn write(bundle: &Bundle, named: Option<&Path>, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = named {
        bundle.write(path).with_context(|| format!("cannot write {}: give another file with --out", path.display()))?;
        return Ok(path.to_owned());
    }
    let (here, aside) = (PathBuf::from(name), std::env::temp_dir().join(name));
    if bundle.write(&here).is_ok() {
        return Ok(here);
    }
    let words = || format!("cannot write {name} here or in {}: give a file with --out", std::env::temp_dir().display());
    bundle.write(&aside).with_context(words)?;
    Ok(aside)
}
