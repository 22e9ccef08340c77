//! From a folder of packages to networks that were proven here, or refusals in words.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::inference::package::folder_name;
use crate::inference::{
    Engine, GoldenReport, LinearHead, Manifest, Model, ModelSummary, Package, TrustedKeys, digest, golden,
};

/// A network whose golden cases held on this device.
pub struct Loaded {
    /// What it takes, gives and is for.
    pub manifest: Arc<Manifest>,
    /// Which it is.
    pub summary: ModelSummary,
    /// The network.
    pub model: Box<dyn Model>,
    /// The last layer of a fracture classifier.
    pub last_layer: Option<LinearHead>,
    /// What its golden cases gave.
    pub golden: GoldenReport,
    /// Time to verify and prepare it.
    pub load: Duration,
}

/// A package that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Name of its folder.
    pub package: String,
    /// Why, in one line that names the package and the cure.
    pub why: String,
}

/// What the self-test found of one package.
#[derive(Clone, Debug)]
pub struct ModelReport {
    /// Name of its folder.
    pub package: String,
    /// The model with what its golden cases gave and the time to load it, or why it is refused.
    pub outcome: Result<(ModelSummary, GoldenReport, Duration), String>,
}

/// What the self-test found of all packages.
#[derive(Clone, Debug)]
pub struct SelftestReport {
    /// Name of the engine.
    pub engine: &'static str,
    /// One entry per package, by name of folder.
    pub models: Vec<ModelReport>,
}

impl SelftestReport {
    /// Whether there is a package and every one holds.
    pub fn holds(&self) -> bool {
        !self.models.is_empty() && self.models.iter().all(|model| model.outcome.is_ok())
    }
}

/// Verifies, prepares and proves every package of a folder.
pub fn selftest(models_dir: &Path, keys: &TrustedKeys, engine: &dyn Engine) -> SelftestReport {
    let report = |outcome: Result<Loaded, Refusal>| match outcome {
        Ok(Loaded { summary, golden, load, .. }) => {
            ModelReport { package: summary.name.clone(), outcome: Ok((summary, golden, load)) }
        }
        Err(Refusal { package, why }) => ModelReport { package, outcome: Err(why) },
    };
    let models = load_all(models_dir, keys, engine).into_iter().map(report).collect();
    SelftestReport { engine: engine.name(), models }
}

/// Every package of a folder, by name; a folder that cannot be read is one refusal.
pub(crate) fn load_all(models_dir: &Path, keys: &TrustedKeys, engine: &dyn Engine) -> Vec<Result<Loaded, Refusal>> {
    match package_folders(models_dir) {
        Ok(folders) => folders.iter().map(|folder| load(folder, keys, engine)).collect(),
        Err(error) => {
            let package = models_dir.display().to_string();
            let why = format!("cannot read the folder of model packages {package}: {error}");
            vec![Err(Refusal { package, why })]
        }
    }
}

/// Verifies one package, prepares its network, and runs its golden cases. A panic of the engine is a refusal.
///
/// # Errors
/// The first thing that does not hold, with its cure.
pub fn load(folder: &Path, keys: &TrustedKeys, engine: &dyn Engine) -> Result<Loaded, Refusal> {
    let name = folder_name(folder);
    let refusal = |why: String| Refusal { package: name.clone(), why };
    let engine_refusal = |why: &dyn std::fmt::Display| refusal(format!("model package {name}: {why}"));
    let started = Instant::now();
    let package = Package::open(folder, keys).map_err(|error| refusal(error.to_string()))?;
    let prepared = catch_unwind(AssertUnwindSafe(|| {
        let mut model = engine.load(&package).map_err(|error| engine_refusal(&error))?;
        let load = started.elapsed();
        let golden = golden::check(model.as_mut(), &package).map_err(|fault| engine_refusal(&fault))?;
        Ok((model, golden, load))
    }));
    let (model, golden, load) =
        prepared.unwrap_or_else(|_| Err(engine_refusal(&format!("{} panicked on it", engine.name()))))?;
    let summary = package.summary();
    Ok(Loaded { manifest: Arc::new(package.manifest), summary, model, last_layer: package.last_layer, golden, load })
}

/// Folders that claim to be packages: `models/training` and `models/keys` do not.
pub(crate) fn package_folders(models_dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(models_dir)? {
        let path = entry?.path();
        if path.join("package.toml").exists() || path.join(digest::LIST).exists() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
