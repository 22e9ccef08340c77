//! The files that make up TLS: paths in, their bytes and what is wrong with them out. Knows nothing of certificates.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Where everything for TLS lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate authorities of the broker, PEM (`mqtt.ca_file`).
    pub ca: PathBuf,
    /// Revocation lists for the broker's chain, PEM or DER (`mqtt.crl_file`).
    pub crl: Option<PathBuf>,
    /// What this client shows of itself.
    pub client: Option<ClientFiles>,
}

/// Certificate and key of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// Certificate and what leads to its authority, PEM (`mqtt.certificate_file`).
    pub certificate: PathBuf,
    /// Its key.
    pub key: ClientKey,
}

/// Where the key of the client's certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKey {
    /// In a file, PEM (`mqtt.key_file`).
    File(PathBuf),
    /// In a PKCS#11 token, which it never leaves.
    Token(TokenKey),
}

/// A key in a PKCS#11 token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    /// The token's library (`mqtt.pkcs11_module`).
    pub module: PathBuf,
    /// Label of the token (`mqtt.pkcs11_token`).
    pub token: String,
    /// Label of the private key (`mqtt.pkcs11_key`).
    pub key: String,
    /// File whose first line is the user PIN (`mqtt.pkcs11_pin_file`).
    pub pin_file: PathBuf,
}

/// Why files cannot be used. Names the key of the configuration and the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read.
    #[error("mqtt.{key}: cannot read {}: {source}", .path.display())]
    Unreadable {
        /// Key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("mqtt.{key}: {}: {problem}", .path.display())]
    Unusable {
        /// Key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// The files' bytes at one moment.
#[derive(Clone, Default)]
pub(super) struct Bytes {
    pub(super) ca: Vec<u8>,
    pub(super) crl: Option<Vec<u8>>,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
}

impl Bytes {
    /// SHA-256 over all of them; the length before each keeps a byte from moving between two files unseen.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [Some(&self.ca), self.crl.as_ref(), self.certificate.as_ref(), self.key.as_ref()] {
            let bytes = part.map_or(&[][..], Vec::as_slice);
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
        digest.finalize().into()
    }
}

impl TlsFiles {
    pub(super) fn read(&self) -> Result<Bytes, TlsError> {
        let mut bytes = Bytes { ca: read("ca_file", &self.ca)?, ..Bytes::default() };
        if let Some(crl) = &self.crl {
            bytes.crl = Some(read("crl_file", crl)?);
        }
        if let Some(client) = &self.client {
            bytes.certificate = Some(read("certificate_file", &client.certificate)?);
            if let ClientKey::File(key) = &client.key {
                bytes.key = Some(read("key_file", key)?);
            }
        }
        Ok(bytes)
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { key, path: path.to_owned(), source })
}
