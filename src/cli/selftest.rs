//! `spinewatch selftest`: signature, digests, manifest and golden cases of every installed model package.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::model_folders::ModelFolders;
use crate::config::{AcceleratorSettings, Settings};
use crate::inference::{Accelerated, SelftestReport, TractEngine, Watch};

/// Prove the model packages on this machine: signatures, digests and golden cases.
#[derive(Debug, Args)]
pub struct SelftestArgs {
    #[command(flatten)]
    models: ModelFolders,
    /// Configuration whose model folders and accelerator are used.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["models", "keys"])]
    config: Option<PathBuf>,
}

/// Runs the verb; exit code 1 when a package does not hold (an installed one that is replaced by another among them), or
/// an accelerator is configured and not used.
///
/// # Errors
/// When no trusted key can be read.
pub fn run(args: &SelftestArgs) -> anyhow::Result<ExitCode> {
    let (folders, engine) = match &args.config {
        Some(path) => {
            let settings = Settings::read(path)?;
            let engine = Accelerated::of_device(&settings);
            (ModelFolders::of_settings(&settings), engine)
        }
        None => (args.models.clone(), Accelerated::new(TractEngine::default(), &AcceleratorSettings::default(), 1)),
    };
    let (report, fallbacks) = folders.selftest(&folders.trusted()?, &engine);
    print(&report);
    fallbacks.iter().for_each(|why| println!("  NOT USED {why}"));
    let accelerated = print_accelerator(&engine.watch());
    Ok(if report.holds() && fallbacks.is_empty() && accelerated { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line a network on the accelerator, and what is wrong with it; false when something is.
fn print_accelerator(watch: &Watch) -> bool {
    let standing = watch.standing();
    standing.proven().iter().for_each(|line| println!("  accelerator  {line}"));
    if let Some(fault) = standing.fault() {
        println!("  ACCELERATOR  {fault}");
    }
    standing.fault().is_none()
}

/// One line a package.
pub fn print(report: &SelftestReport) {
    println!("engine: {}", report.engine);
    for model in &report.models {
        match &model.outcome {
            Ok((summary, golden, load)) => println!(
                "  holds    {} {} ({}): {} golden cases, largest difference {:.4} of {}, {:.1} ms a case, loaded in {:.0} ms",
                summary.name,
                summary.version,
                summary.kind.name(),
                golden.cases,
                golden.max_difference,
                golden.tolerance,
                golden.per_case.as_secs_f64() * 1000.0,
                load.as_secs_f64() * 1000.0
            ),
            Err(why) => println!("  REFUSED  {}: {why}", model.package),
        }
    }
    if report.models.is_empty() {
        println!("  no model package found: this device would not analyse");
    }
}
