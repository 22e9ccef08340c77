//! A device with a classifier and a detector that came with the system, and a vendor who signs newer ones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use minisign::PublicKey;
use spinewatch::inference::TractEngine;
use spinewatch::update::models::{Installed, Selection, Sources, SwitchError, install, rollback};
use tempfile::TempDir;

use crate::bench::{Bench, CLASSIFIER, DETECTOR, classifier_onnx, detector_onnx};

/// Version of the detector that came with the system.
pub const SHIPPED: &str = "0.2.0";

pub struct Device {
    pub vendor: Bench,
    pub folder: TempDir,
}

/// A folder in memory where there is one: what is synced there costs nothing.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Device {
    pub fn new() -> Self {
        let device = Self { vendor: Bench::empty(), folder: scratch() };
        for folder in [device.keys(), device.state()] {
            fs::create_dir(folder).unwrap();
        }
        let public = PublicKey::from_secret_key(&device.vendor.secret).unwrap().to_box().unwrap().to_string();
        fs::write(device.keys().join("vendor.pub"), public).unwrap();
        device.vendor.write("shipped/classifier", CLASSIFIER, &classifier_onnx());
        device.ship(SHIPPED);
        device
    }

    /// Another version of the detector comes with the system.
    pub fn ship(&self, version: &str) {
        self.vendor.write("shipped/detector", &manifest("detector", version), &detector_onnx());
    }

    pub fn shipped(&self) -> PathBuf {
        self.vendor.package("shipped")
    }

    pub fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn installed(&self) -> PathBuf {
        self.state().join("models")
    }

    /// Folder of the detector in place `a` or `b`.
    pub fn place(&self, place: char) -> PathBuf {
        self.installed().join(format!(".places/detector.{place}/detector"))
    }

    /// A signed folder of the detector.
    pub fn detector(&self, version: &str) -> PathBuf {
        self.named("detector", version)
    }

    /// A signed folder of a detector of another name.
    pub fn named(&self, name: &str, version: &str) -> PathBuf {
        let folder = format!("{name}-{version}");
        self.vendor.write(&folder, &manifest(name, version), &detector_onnx());
        self.vendor.package(&folder)
    }

    pub fn install(&self, source: &Path, force: bool) -> Result<Installed, SwitchError> {
        self.with(|sources| install(sources, source, force))
    }

    pub fn rollback(&self, to_shipped: bool) -> Result<Installed, SwitchError> {
        self.with(|sources| rollback(sources, "detector", to_shipped))
    }

    pub fn select(&self) -> Selection {
        self.with(|sources| sources.select())
    }

    /// Version of the detector that a start would use, where nothing was replaced by another.
    pub fn runs(&self) -> String {
        let selection = self.select();
        assert!(selection.refused.is_empty() && selection.fallbacks.is_empty(), "{:?}", selection.fallbacks);
        assert_eq!(selection.loaded.len(), 2);
        detector_of(&selection)
    }

    /// A configuration of the self.
    pub fn configuration(&self, url: &str) -> PathBuf {
        let text = format!(
            "[share]\npath = '{0}'\n[models]\ndir = '{1}'\ntrusted_keys = '{2}'\n[state]\ndir = '{3}'\n[display]\nsurface = \
             'none'\n[mqtt]\nurl = '{url}'\n[health]\ndisk_free_min_mib = 1\n",
            self.folder.path().display(),
            self.shipped().display(),
            self.keys().display(),
            self.state().display()
        );
        file(self, "spinewatch.toml", text.as_bytes())
    }

    fn with<T>(&self, act: impl FnOnce(&Sources<'_>) -> T) -> T {
        let (shipped, installed, engine) = (self.shipped(), self.installed(), TractEngine::default());
        act(&Sources { shipped: &shipped, installed: &installed, keys: &self.vendor.keys, engine: &engine })
    }

    /// Nothing is left of an installation that failed.
    pub fn assert_clean(&self) {
        let left: Vec<_> = fs::read_dir(self.installed().join(".staging")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Version of the detector.
pub fn detector_of(selection: &Selection) -> String {
    let mut found = selection.loaded.iter().filter(|model| model.manifest.head.detector().is_some());
    found.next().unwrap().summary.version.clone()
}

fn manifest(name: &str, version: &str) -> String {
    DETECTOR.replace("name = \"detector\"", &format!("name = \"{name}\"")).replace("0.2.0", version)
}

/// The folder as a tar, with the folder's own name before each file.
pub fn tar(folder: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all(folder.file_name().unwrap(), folder).unwrap();
    builder.into_inner().unwrap()
}

/// Writes bytes to a file beside the device.
pub fn file(device: &Device, name: &str, bytes: &[u8]) -> PathBuf {
    let path = device.folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A file that claims to be large.
pub fn sparse(device: &Device, name: &str, bytes: &[u8], length: u64) -> PathBuf {
    let path = file(device, name, bytes);
    File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
    path
}
