//! A model package from its folder: signature, then digests, then manifest, then golden cases; bytes in memory, so
//! that what was verified is what is used.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::inference::{GoldenCase, Kind, LinearHead, Manifest, TrustedKeys, digest, files};

/// A verified package: only [`Package::open`] makes one. (`Package::unverified` makes what can be measured and nothing else.)
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Package {
    /// What the network takes, gives and is for.
    pub manifest: Manifest,
    /// SHA-256 of `digest.txt`, which covers every file: the identity of the package on the wire.
    pub digest: String,
    /// Id of the key that signed it.
    pub key_id: String,
    /// The network, ONNX.
    pub onnx: Vec<u8>,
    /// The cases that must hold before it is used.
    pub golden: Vec<GoldenCase>,
    /// The last layer of a fracture classifier.
    pub last_layer: Option<LinearHead>,
}

/// Which model it was: for messages, screens and audits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelSummary {
    /// Name in the manifest.
    pub name: String,
    /// Version in the manifest.
    pub version: String,
    /// SHA-256 of the package's list of digests, hexadecimal.
    pub digest: String,
    /// What it is.
    pub kind: Kind,
    /// Trained on synthetic phantoms: never saw a patient.
    pub phantom_trained: bool,
}

/// A package that is not used, and why.
#[derive(Debug, thiserror::Error)]
#[error("model package {package}: {fault}")]
pub struct PackageError {
    /// Name of its folder.
    pub package: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a package, with the cure.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file system says no.
    #[error("cannot read {file}: {source}; copy the package again")]
    Unreadable {
        /// Path in the package.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Too large to be read into memory.
    #[error("{file} is larger than {limit_kib} KiB; this is no package for this device")]
    TooLarge {
        /// Path in the package.
        file: String,
        /// The limit.
        limit_kib: u64,
    },
    /// A link, a device, a name that is not text, or too many files or folders.
    #[error("{file} is a link, no plain file, or one too many (256 files, 4 levels); a package holds plain files only")]
    NotPlain {
        /// Path in the package.
        file: String,
    },
    /// No list or no signature.
    #[error("{0} is missing, so nothing vouches for it; sign the package with `spinewatch models sign`")]
    Unsigned(&'static str),
    /// Signed by somebody else.
    #[error("signed by key {key_id}, which this device does not trust; install a package signed by a trusted key")]
    UntrustedKey {
        /// As minisign prints it.
        key_id: String,
    },
    /// The signature is not one of this list.
    #[error("signature of digest.txt does not hold ({why}); copy the package again")]
    BrokenSignature {
        /// Why.
        why: String,
    },
    /// The signed list itself cannot be used.
    #[error("digest.txt line {line} {why}; sign the package again")]
    DigestList {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file that nothing vouches for.
    #[error("{0} is not in digest.txt; remove it or sign the package again")]
    Unlisted(String),
    /// A file that should be there.
    #[error("{0} is listed in digest.txt but missing; copy the package again")]
    Missing(String),
    /// A file that is not what was signed.
    #[error("{0} is not the file that was signed; copy the package again")]
    Altered(String),
    /// The manifest cannot be used.
    #[error("package.toml: {0}")]
    Manifest(String),
    /// A golden case cannot be used.
    #[error("{file} {why}; export the golden cases again")]
    Golden {
        /// Path in the package.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The last layer of a fracture classifier cannot be used.
    #[error("{file} {why}; export the package again")]
    LastLayer {
        /// Path in the package.
        file: String,
        /// What is wrong with it.
        why: String,
    },
}

const MANIFEST: &str = "package.toml";
const MAX_LIST_BYTES: u64 = 64 << 10;

impl Package {
    /// Opens and verifies the package in a folder.
    ///
    /// # Errors
    /// The first thing that does not hold; nothing of the package is parsed before its signature and digests do.
    pub fn open(dir: &Path, keys: &TrustedKeys) -> Result<Self, PackageError> {
        Self::verified(dir, keys).map_err(|fault| PackageError { package: folder_name(dir), fault })
    }

    /// A network that nothing vouches for, to be measured; never to be analysed with.
    pub(crate) const fn unverified(manifest: Manifest, onnx: Vec<u8>) -> Self {
        Self { manifest, digest: String::new(), key_id: String::new(), onnx, golden: Vec::new(), last_layer: None }
    }

    /// Name, version, digest and kind.
    pub fn summary(&self) -> ModelSummary {
        ModelSummary {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            digest: self.digest.clone(),
            kind: self.manifest.head.kind(),
            phantom_trained: self.manifest.trained_on.to_lowercase().contains("phantom"),
        }
    }

    fn verified(dir: &Path, keys: &TrustedKeys) -> Result<Self, Fault> {
        let mut present = files::list(dir)?;
        for name in [digest::LIST, digest::SIGNATURE] {
            if !present.remove(name) {
                return Err(Fault::Unsigned(name));
            }
        }
        let list = files::read(dir, digest::LIST, MAX_LIST_BYTES)?;
        let signature = files::read(dir, digest::SIGNATURE, MAX_LIST_BYTES)?;
        let key_id = keys.verify(&list, &String::from_utf8_lossy(&signature))?;
        let listed =
            digest::parse(&String::from_utf8_lossy(&list)).map_err(|(line, why)| Fault::DigestList { line, why })?;
        if let Some(file) = present.iter().find(|file| !listed.contains_key(*file)) {
            return Err(Fault::Unlisted(file.clone()));
        }
        let mut contents = BTreeMap::new();
        for (file, wanted) in listed {
            if !present.contains(&file) {
                return Err(Fault::Missing(file));
            }
            let bytes = files::read(dir, &file, files::MAX_FILE_BYTES)?;
            if digest::sha256(&bytes) != wanted {
                return Err(Fault::Altered(file));
            }
            contents.insert(file, bytes);
        }
        Self::parsed(contents, digest::sha256(&list), key_id)
    }

    fn parsed(mut contents: BTreeMap<String, Vec<u8>>, digest: String, key_id: String) -> Result<Self, Fault> {
        let text = contents.get(MANIFEST).ok_or_else(|| Fault::Missing(MANIFEST.to_owned()))?;
        let text = std::str::from_utf8(text).map_err(|error| Fault::Manifest(format!("not UTF-8 text: {error}")))?;
        let manifest = Manifest::parse(text).map_err(Fault::Manifest)?;
        let golden = GoldenCase::read_all(&contents, &manifest)?;
        let last_layer = last_layer(&contents, &manifest)?;
        let onnx = contents.remove(&manifest.model).ok_or_else(|| Fault::Missing(manifest.model.clone()))?;
        Ok(Self { manifest, digest, key_id, onnx, golden, last_layer })
    }
}

fn last_layer(files: &BTreeMap<String, Vec<u8>>, manifest: &Manifest) -> Result<Option<LinearHead>, Fault> {
    let Some(features) = &manifest.features else { return Ok(None) };
    let file = |name: &String| files.get(name).ok_or_else(|| Fault::Missing(name.clone()));
    LinearHead::read(features, file(&features.weights)?, file(&features.bias)?)
        .map(Some)
        .map_err(|(file, why)| Fault::LastLayer { file, why })
}

/// The last name of a path, for messages.
pub(super) fn folder_name(dir: &Path) -> String {
    dir.file_name().map_or_else(|| dir.display().to_string(), |name| name.to_string_lossy().into_owned())
}
