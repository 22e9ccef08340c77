//! The public keys whose packages this device runs.

use std::fs;
use std::path::{Path, PathBuf};

use minisign::{PublicKey, PublicKeyBox, SignatureBox};

use crate::inference::Fault;

/// Public minisign keys.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Vec<PublicKey>);

/// Why the trusted keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The folder or a key cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The folder or the key.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a minisign public key.
    #[error("{} is not a minisign public key ({why})", path.display())]
    NotAKey {
        /// The key.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A folder without keys would refuse every package.
    #[error("{} holds no *.pub file, so no model package could be trusted", .0.display())]
    Empty(PathBuf),
}

/// Base64 of the 64 bytes of an Ed25519 signature; minisign 0.10 panics on a shorter one in the fourth line.
const GLOBAL_SIGNATURE_LENGTH: usize = 88;

impl TrustedKeys {
    /// One key in the two lines of a minisign `.pub` file.
    ///
    /// # Errors
    /// When the text is no such key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        parse(text, Path::new("public key")).map(|key| Self(vec![key]))
    }

    /// The key that signs the packages of this repository. Anybody can read its secret half there, so it vouches for
    /// nothing but an undamaged copy; a site trusts keys of its own.
    ///
    /// # Errors
    /// When the key built into this program is no key.
    pub fn development() -> Result<Self, KeyError> {
        Self::from_text(include_str!("../../models/keys/development.pub"))
    }

    /// The public half of a secret key.
    ///
    /// # Errors
    /// When the secret key does not hold its public half.
    pub fn of_signer(key: &minisign::SecretKey) -> Result<Self, KeyError> {
        let fault = |why: minisign::PError| KeyError::NotAKey { path: "secret key".into(), why: why.to_string() };
        PublicKey::from_secret_key(key).map(|key| Self(vec![key])).map_err(fault)
    }

    /// Every `*.pub` file of a folder.
    ///
    /// # Errors
    /// When the folder or one of the keys cannot be read, or there is none.
    pub fn from_folder(folder: &Path) -> Result<Self, KeyError> {
        let unreadable = |path: &Path, source| KeyError::Unreadable { path: path.to_owned(), source };
        let mut keys = Vec::new();
        for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
            let path = entry.map_err(|source| unreadable(folder, source))?.path();
            if path.extension().is_some_and(|extension| extension == "pub") {
                let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
                keys.push(parse(&text, &path)?);
            }
        }
        if keys.is_empty() { Err(KeyError::Empty(folder.to_owned())) } else { Ok(Self(keys)) }
    }

    /// The key ids, as minisign prints them.
    pub fn ids(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|key| key_id(key.keynum()))
    }

    /// Holds when one of the keys signed exactly these bytes; gives that key's id.
    pub(super) fn verify(&self, message: &[u8], signature: &str) -> Result<String, Fault> {
        let broken = |why: String| Fault::BrokenSignature { why };
        let global = signature.lines().nth(3).map_or(0, |line| line.trim().len());
        if global != GLOBAL_SIGNATURE_LENGTH {
            return Err(broken("its fourth line is incomplete".to_owned()));
        }
        let signature = SignatureBox::from_string(signature).map_err(|error| broken(error.to_string()))?;
        let id = key_id(signature.keynum());
        let signers = self.0.iter().filter(|key| key.keynum() == signature.keynum());
        let mut last = Fault::UntrustedKey { key_id: id.clone() };
        for key in signers {
            match minisign::verify(key, &signature, std::io::Cursor::new(message), true, false, false) {
                Ok(()) => return Ok(id),
                Err(error) => last = broken(error.to_string()),
            }
        }
        Err(last)
    }
}

fn parse(text: &str, path: &Path) -> Result<PublicKey, KeyError> {
    PublicKey::from_box(PublicKeyBox::from(text.to_owned()))
        .map_err(|error| KeyError::NotAKey { path: path.to_owned(), why: error.to_string() })
}

fn key_id(keynum: &[u8]) -> String {
    keynum.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}
