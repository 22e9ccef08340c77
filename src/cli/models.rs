//! `spinewatch models`: signs, verifies, lists, installs and takes back model packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::model_switch::{self, InstallArgs, RollbackArgs};
use super::table::Table;
use crate::inference::int8::Layer;
use crate::inference::{
    self, Loaded, Package, SelftestReport, TractEngine, TrustedKeys, read_secret_key, selftest, sign_package,
};

/// Sign, verify, list, install and take back model packages.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    verb: ModelsVerb,
}

#[derive(Debug, Subcommand)]
enum ModelsVerb {
    /// Check signature, digests, manifest and shapes, and run the golden cases on this machine.
    Verify {
        /// Folders of packages.
        #[arg(required = true, value_name = "DIR")]
        packages: Vec<PathBuf>,
        #[command(flatten)]
        keys: KeyArgs,
    },
    /// Write digest.txt and its minisign signature into a package.
    Sign {
        /// Secret minisign key; asks for its password where it has one.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Folder of the package.
        #[arg(value_name = "DIR")]
        package: PathBuf,
    },
    /// Tell which layers of a package the int8 engine runs and which tract, how long each takes and at what rate.
    Explain {
        /// Folder of the package.
        #[arg(value_name = "DIR")]
        package: PathBuf,
        /// Images to run; times are medians.
        #[arg(long, value_name = "N", default_value_t = 20)]
        rounds: usize,
        /// Print the layers as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        keys: KeyArgs,
    },
    /// Run the self-test of every package in a folder and print what each is.
    List {
        /// Folder that holds the packages' folders.
        #[arg(default_value = "models", value_name = "DIR")]
        models: PathBuf,
        #[command(flatten)]
        keys: KeyArgs,
    },
    /// Prove a package on this machine and let the next start of the daemon use it.
    Install(InstallArgs),
    /// Take the package back that was used before the last installation.
    Rollback(RollbackArgs),
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// Folder of trusted *.pub keys, instead of the development key.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

impl KeyArgs {
    fn read(&self) -> anyhow::Result<TrustedKeys> {
        Ok(match &self.keys {
            Some(folder) => TrustedKeys::from_folder(folder)?,
            None => TrustedKeys::development()?,
        })
    }
}

/// Runs the verb.
///
/// # Errors
/// When a package does not hold, or a key or a package cannot be read or written.
pub fn run(args: ModelsArgs) -> anyhow::Result<()> {
    match args.verb {
        ModelsVerb::Verify { packages, keys } => verify(&packages, &keys.read()?),
        ModelsVerb::Sign { key, package } => sign(&key, &package),
        ModelsVerb::Explain { package, rounds, json, keys } => explain(&package, rounds, json, &keys.read()?),
        ModelsVerb::List { models, keys } => list(&models, &keys.read()?),
        ModelsVerb::Install(args) => model_switch::install_package(&args),
        ModelsVerb::Rollback(args) => model_switch::take_back(&args),
    }
}

fn verify(packages: &[PathBuf], keys: &TrustedKeys) -> anyhow::Result<()> {
    let mut refused = 0;
    for folder in packages {
        match inference::load(folder, keys, &TractEngine::default()) {
            Ok(Loaded { summary, golden, load, .. }) => println!(
                "{} {}: holds; {} golden cases, largest difference {:.4} of {}, {:.1} ms per image, loaded in {} ms",
                summary.name,
                summary.version,
                golden.cases,
                golden.max_difference,
                golden.tolerance,
                golden.per_case.as_secs_f64() * 1e3,
                load.as_millis(),
            ),
            Err(refusal) => {
                refused += 1;
                println!("{}", refusal.why);
            }
        }
    }
    if refused > 0 {
        bail!("{refused} of {} packages refused", packages.len());
    }
    Ok(())
}

fn explain(package: &Path, rounds: usize, json: bool, keys: &TrustedKeys) -> anyhow::Result<()> {
    let package = Package::open(package, keys)?;
    let engine = TractEngine::default();
    let layers = engine.explain(&package, rounds)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&layers)?);
        return Ok(());
    }
    let isa = engine.int8().map_or("none", |int8| int8.isa.name());
    let total = layers.iter().map(|layer| layer.time.as_secs_f64()).sum::<f64>().max(f64::MIN_POSITIVE);
    let us = |seconds: f64| format!("{:.1}", seconds * 1e6);
    let rate = |layer: &Layer| if layer.macs == 0 { String::new() } else { format!("{:.0}", layer.gmacs()) };
    let mut table = Table::new(["layer", "engine", "what", "result", "us", "share", "GMAC/s"]);
    for layer in &layers {
        let seconds = layer.time.as_secs_f64();
        table.row([
            layer.name.clone(),
            if layer.int8 { "int8" } else { "tract" }.to_owned(),
            layer.kind.clone(),
            layer.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x "),
            us(seconds),
            format!("{:.1} %", seconds / total * 100.0),
            rate(layer),
        ]);
    }
    print!("{table}");
    let int8: Vec<&Layer> = layers.iter().filter(|layer| layer.int8).collect();
    let share = int8.iter().map(|layer| layer.time.as_secs_f64()).sum::<f64>() / total;
    println!(
        "\n{} {}: {} of {} layers in the int8 engine ({isa}), {:.0} % of {} us on one thread",
        package.manifest.name,
        package.manifest.version,
        int8.len(),
        layers.len(),
        share * 100.0,
        us(total),
    );
    Ok(())
}

fn sign(key: &Path, package: &Path) -> anyhow::Result<()> {
    let key = read_secret_key(key)?;
    let digest = sign_package(package, &key)?;
    let keys = TrustedKeys::of_signer(&key)?;
    let package = Package::open(package, &keys).context("signed, but the package cannot be used yet")?;
    println!(
        "{} {} signed by key {}; digest {digest}",
        package.manifest.name, package.manifest.version, package.key_id
    );
    Ok(())
}

fn list(models: &Path, keys: &TrustedKeys) -> anyhow::Result<()> {
    let report = selftest(models, keys, &TractEngine::default());
    print(&report);
    if !report.holds() {
        bail!("not every package in {} can be used", models.display());
    }
    Ok(())
}

fn print(report: &SelftestReport) {
    println!("{:28} {:10} {:20} {:14} {:>9} {:>10}", "name", "version", "kind", "digest", "ms", "difference");
    for model in &report.models {
        match &model.outcome {
            Ok((summary, golden, _)) => println!(
                "{:28} {:10} {:20} {:14} {:>9.1} {:>10.4}",
                summary.name,
                summary.version,
                summary.kind.name(),
                &summary.digest[..12],
                golden.per_case.as_secs_f64() * 1e3,
                golden.max_difference,
            ),
            Err(why) => println!("{:28} refused: {why}", model.package),
        }
    }
    if report.models.is_empty() {
        println!("no packages");
    }
    println!("engine: {}", report.engine);
}
