//! Signs a package: lists the digests of its files, then signs the list. The inverse of `package`.

use std::fs;
use std::path::{Path, PathBuf};

use minisign::{SecretKey, SecretKeyBox};

use crate::inference::package::folder_name;
use crate::inference::{PackageError, digest, files};

/// Why a package cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The files of the package cannot be used.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The secret key cannot be used.
    #[error("secret key {}: {why}", path.display())]
    Key {
        /// The key.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// minisign could not sign.
    #[error("signing failed: {0}")]
    Signature(String),
    /// The list or the signature cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The list or the signature.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Reads a minisign secret key; asks on the terminal where it is protected by a password.
///
/// # Errors
/// When the file cannot be read, is no secret key, or the password is wrong.
pub fn read_secret_key(path: &Path) -> Result<SecretKey, SignError> {
    let fault = |why: String| SignError::Key { path: path.to_owned(), why };
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let open = SecretKeyBox::from(text.clone()).into_unencrypted_secret_key();
    open.or_else(|_| SecretKeyBox::from(text).into_secret_key(None)).map_err(|error| fault(error.to_string()))
}

/// Writes `digest.txt` and `digest.txt.minisig` into the package; gives the package's digest.
///
/// # Errors
/// When a file cannot be read or written, or the key cannot sign.
pub fn sign_package(dir: &Path, key: &SecretKey) -> Result<String, SignError> {
    let refused = |fault| PackageError { package: folder_name(dir), fault };
    let mut names = files::list(dir).map_err(refused)?;
    names.remove(digest::LIST);
    names.remove(digest::SIGNATURE);
    let mut digests = std::collections::BTreeMap::new();
    for name in names {
        let bytes = files::read(dir, &name, files::MAX_FILE_BYTES).map_err(refused)?;
        digests.insert(name, digest::sha256(&bytes));
    }
    let list = digest::write(&digests);
    let comment = format!("spinewatch model package {}", folder_name(dir));
    let signature = minisign::sign(None, key, list.as_bytes(), Some(&comment), None)
        .map_err(|error| SignError::Signature(error.to_string()))?;
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).map_err(|source| SignError::Write { path, source })
    };
    write(digest::LIST, &list)?;
    write(digest::SIGNATURE, &signature.into_string())?;
    Ok(digest::sha256(list.as_bytes()))
}
