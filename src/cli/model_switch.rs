//! `spinewatch models install` and `models rollback`: which package the next start of the daemon uses.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{DEFAULT_PATH, Settings};
use crate::inference::{Accelerated, TractEngine, TrustedKeys};
use crate::update::models::{Installed, Sources, SwitchError, install, rollback};

/// The device whose packages are switched.
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// Configuration of the device. Default: the installed one, where there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of installed packages. Default: `models` in the configured state folder.
    #[arg(long, value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Folder of the packages that came with the system. Default: the configured one.
    #[arg(long, value_name = "DIR")]
    shipped_dir: Option<PathBuf>,
    /// Folder of trusted *.pub keys. Default: the configured one.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

/// Prove a package on this machine and let the next start use it.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// A package: a tar of its folder, or the folder.
    #[arg(value_name = "FILE.tar|DIR")]
    package: PathBuf,
    /// Install it although it is not newer than what this device uses.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    device: SwitchArgs,
}

/// Take the package back that was used before the last installation.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Name of the package, as its manifest says it.
    name: String,
    /// Go back to the package that came with the system.
    #[arg(long)]
    shipped: bool,
    #[command(flatten)]
    device: SwitchArgs,
}

/// Runs `models install`.
///
/// # Errors
/// What does not hold; what was in use before is in use after it.
pub fn install_package(args: &InstallArgs) -> anyhow::Result<()> {
    let installed = args.device.with_sources(|sources| install(sources, &args.package, args.force))?;
    println!("installed {}", said(&installed));
    Ok(())
}

/// Runs `models rollback`.
///
/// # Errors
/// When there is nothing to go back to, or it does not hold.
pub fn take_back(args: &RollbackArgs) -> anyhow::Result<()> {
    let before = args.device.with_sources(|sources| rollback(sources, &args.name, args.shipped))?;
    println!("back to {}", said(&before));
    Ok(())
}

impl SwitchArgs {
    fn with_sources<T>(&self, act: impl FnOnce(&Sources<'_>) -> Result<T, SwitchError>) -> anyhow::Result<T> {
        let settings = match &self.config {
            Some(path) => Settings::read(path)?,
            None if Path::new(DEFAULT_PATH).exists() => Settings::read(Path::new(DEFAULT_PATH))?,
            None => Settings::default(),
        };
        let keys = TrustedKeys::from_folder(self.keys.as_ref().unwrap_or(&settings.models.trusted_keys))?;
        // not the engine of the device with its networks made ready: what is proven is what was signed
        let engine = Accelerated::new(TractEngine::default(), &settings.accelerator, settings.models.workers);
        let (shipped, installed) = (&settings.models.dir, settings.installed_models());
        let done = act(&Sources {
            shipped: self.shipped_dir.as_ref().unwrap_or(shipped),
            installed: self.models_dir.as_ref().unwrap_or(&installed),
            keys: &keys,
            engine: &engine,
        })?;
        if let Some(fault) = engine.watch().fault() {
            println!("the processor would do the accelerator's work: {fault}");
        }
        Ok(done)
    }
}

/// Which package, what its golden cases gave, and when it is taken over.
fn said(Installed { summary, golden, before }: &Installed) -> String {
    let before =
        before.as_ref().map_or_else(|| "nothing".into(), |before| format!("{} {}", before.name, before.version));
    format!(
        "{} {} in the place of {before}: {} golden cases, largest difference {:.4} of {}\n\
         A daemon that runs uses it from its next start on: systemctl restart spinewatch",
        summary.name, summary.version, golden.cases, golden.max_difference, golden.tolerance,
    )
}
