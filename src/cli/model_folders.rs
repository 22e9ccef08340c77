//! Where a verb finds packages and keys when there is no configuration: beside the checkout, or installed.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{ModelSettings, Settings};
use crate::inference::{Engine, KeyError, SelftestReport, TrustedKeys, selftest};
use crate::update::models::Sources;

/// Folders of packages and keys.
#[derive(Clone, Debug, Default, Args)]
pub struct ModelFolders {
    /// Folder with one folder a package. Default: ./models, else the installed one.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Folder with the trusted *.pub keys. Default: `keys` in the folder of the packages.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Of a device: where packages are that were installed later.
    #[arg(skip)]
    installed: Option<PathBuf>,
}

impl ModelFolders {
    /// As a configuration says.
    pub fn of_settings(settings: &Settings) -> Self {
        Self {
            models: Some(settings.models.dir.clone()),
            keys: Some(settings.models.trusted_keys.clone()),
            installed: Some(settings.installed_models()),
        }
    }

    /// The packages.
    pub fn dir(&self) -> PathBuf {
        let beside = Path::new("models");
        match &self.models {
            Some(dir) => dir.clone(),
            None if beside.is_dir() => beside.to_owned(),
            None => ModelSettings::default().dir,
        }
    }

    /// The self-test of the packages that a start would use, and why an installed one would not be.
    pub fn selftest(&self, keys: &TrustedKeys, engine: &dyn Engine) -> (SelftestReport, Vec<String>) {
        let dir = self.dir();
        match &self.installed {
            Some(installed) => Sources { shipped: &dir, installed, keys, engine }.selftest(),
            None => (selftest(&dir, keys, engine), Vec::new()),
        }
    }

    /// The keys.
    pub fn keys(&self) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| self.dir().join("keys"))
    }

    /// The keys, read.
    ///
    /// # Errors
    /// When there is none, or one cannot be read.
    pub fn trusted(&self) -> Result<TrustedKeys, KeyError> {
        TrustedKeys::from_folder(&self.keys())
    }
}
