//! `spinewatch phantom`: data sets, series and a console, all synthetic.

use clap::Args;

/// Make synthetic cervical CT with ground truth.
#[derive(Debug, Args)]
pub struct PhantomArgs {}

/// Runs the verb.
///
/// # Errors
/// When the output cannot be written.
pub fn run(_args: PhantomArgs) -> anyhow::Result<()> {
    Ok(())
}
