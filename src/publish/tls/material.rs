//! The files' bytes in; the library's configuration out, once certificates, lists and key belong together.

use std::path::Path;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};

use super::clock::CertificateClock;
use super::files::{Bytes, ClientFiles, ClientKey, TlsError, TlsFiles};
use super::validity::{Role, Validity};

/// Everything that the files hold, checked.
#[derive(Debug)]
pub(super) struct Material {
    digest: [u8; 32],
    config: ClientConfig,
    #[cfg(feature = "pkcs11")]
    identity: Option<Arc<CertifiedKey>>,
    validities: Vec<Validity>,
}

/// Names the key of the configuration and the file with a problem.
struct At<'a>(&'static str, &'a Path);

impl At<'_> {
    fn problem(&self, problem: impl ToString) -> TlsError {
        TlsError::Unusable { key: self.0, path: self.1.to_owned(), problem: problem.to_string() }
    }
}

impl Material {
    /// Reads and checks the files; `before` is what they held before.
    pub(super) fn read(files: &TlsFiles, before: Option<&Self>) -> Result<Self, TlsError> {
        Self::parse(files, &files.read()?, before)
    }

    /// Checks what the files hold; `before` lends the key in a token that it has already opened.
    pub(super) fn parse(files: &TlsFiles, bytes: &Bytes, before: Option<&Self>) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let mut validities = Vec::new();
        let (verifier, broker) = verifier(files, bytes, &provider)?;
        let identity = match (&files.client, &bytes.certificate) {
            (Some(client), Some(pem)) => {
                let at = At("certificate_file", &client.certificate);
                let chain = certificates(&at, pem)?;
                validities.push(Validity::of_chain(Role::Client, &chain).map_err(|why| at.problem(why))?);
                Some(identity(client, chain, bytes.key.as_deref(), &provider, before)?)
            }
            _ => None,
        };
        validities.extend(broker);
        let config =
            config(provider, verifier, identity.clone()).map_err(|error| At("ca_file", &files.ca).problem(error))?;
        Ok(Self {
            digest: bytes.digest(),
            config,
            #[cfg(feature = "pkcs11")]
            identity,
            validities,
        })
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(super) fn validities(&self) -> &[Validity] {
        &self.validities
    }

    /// For one attempt, verified by `clock`.
    pub(super) fn config(&self, clock: CertificateClock) -> Arc<ClientConfig> {
        let mut config = self.config.clone();
        config.time_provider = Arc::new(clock);
        Arc::new(config)
    }
}

/// TLS 1.2 and 1.3. No session is ever resumed from another attempt, so every certificate is looked at every time.
fn config(
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    identity: Option<Arc<CertifiedKey>>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_webpki_verifier(verifier);
    let mut config = match identity {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Checks the broker's chain. With revocation lists, the whole chain must be covered by them: a list of another authority
/// would be a check that checks nothing. A list past its next update stays in force and is told as expired.
fn verifier(
    files: &TlsFiles,
    bytes: &Bytes,
    provider: &Arc<CryptoProvider>,
) -> Result<(Arc<WebPkiServerVerifier>, Vec<Validity>), TlsError> {
    let at = At("ca_file", &files.ca);
    let authorities = certificates(&at, &bytes.ca)?;
    let mut validities = vec![Validity::of_authorities(&authorities).map_err(|why| at.problem(why))?];
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|error| at.problem(error))?;
    }
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let mut at = at;
    if let (Some(path), Some(crl)) = (&files.crl, &bytes.crl) {
        at = At("crl_file", path);
        let lists = revocation_lists(&at, crl)?;
        validities.extend(Validity::of_lists(&lists).map_err(|why| at.problem(why))?);
        builder = builder.with_crls(lists);
    }
    Ok((builder.build().map_err(|error| at.problem(error))?, validities))
}

fn identity(
    client: &ClientFiles,
    chain: Vec<CertificateDer<'static>>,
    key: Option<&[u8]>,
    provider: &CryptoProvider,
    before: Option<&Material>,
) -> Result<Arc<CertifiedKey>, TlsError> {
    match &client.key {
        ClientKey::File(path) => {
            let at = At("key_file", path);
            let key = PrivateKeyDer::from_pem_slice(key.unwrap_or_default())
                .map_err(|error| at.problem(format!("no private key in PEM: {}", pem_words(&error))))?;
            CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    at.problem(format!("is not the key of the certificate in {}", client.certificate.display()))
                }
                other => at.problem(other),
            })
        }
        ClientKey::Token(token) => token_identity(token, chain, provider, before),
    }
}

#[cfg(feature = "pkcs11")]
fn token_identity(
    settings: &super::TokenKey,
    chain: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
    before: Option<&Material>,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let opened = before.and_then(|before| before.identity.as_ref()).map(|identity| Arc::clone(&identity.key));
    let at = At("pkcs11_module", &settings.module);
    super::token::identity(settings, chain, provider, opened).map(Arc::new).map_err(|why| at.problem(why))
}

#[cfg(not(feature = "pkcs11"))]
fn token_identity(
    settings: &super::TokenKey,
    _: Vec<CertificateDer<'static>>,
    _: &CryptoProvider,
    _: Option<&Material>,
) -> Result<Arc<CertifiedKey>, TlsError> {
    Err(At("pkcs11_module", &settings.module).problem("needs a build with the feature pkcs11"))
}

fn certificates(at: &At<'_>, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(at.problem("no certificate in PEM")),
        Err(error) => Err(at.problem(pem_words(&error))),
    }
}

/// PEM, with any number of them, or one in DER.
fn revocation_lists(at: &At<'_>, bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    // DER begins with SEQUENCE
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.to_vec().into()]);
    }
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(at.problem("no revocation list in PEM or DER")),
        Err(error) => Err(at.problem(pem_words(&error))),
    }
}

/// The library quotes the text that it stumbled on; a private key's text must not get into a log.
fn pem_words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "nothing of the kind in it",
        pem::Error::MissingSectionEnd { .. } => "the END line is missing: the file is not whole",
        _ => "not PEM",
    }
}
