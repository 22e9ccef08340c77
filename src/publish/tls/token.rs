//! A private key in a PKCS#11 token: messages in, signatures out. The key never leaves the token.
//!
//! The token's library blocks for as long as it likes, so it is called on a thread of its own: a token that hangs costs
//! an attempt to connect, not the network's thread. After an error the session is opened anew, so that a token that was
//! pulled out and put back works again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::TokenKey;

/// How long a signature may take; smart cards need up to a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Signed once to see that key and certificate belong together.
const CHALLENGE: &[u8] = b"spinewatch: does this key belong to this certificate?";

/// Certificate and key, proven to belong together. `opened` is the key as it was opened before.
pub(super) fn identity(
    settings: &TokenKey,
    chain: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
    opened: Option<Arc<dyn SigningKey>>,
) -> Result<CertifiedKey, String> {
    let first = chain.first().ok_or("no certificate")?;
    let (_, certificate) = X509Certificate::from_der(first).map_err(|error| error.to_string())?;
    let algorithm = match certificate.public_key().parsed() {
        Ok(PublicKey::EC(point)) if point.key_size() == 256 => SignatureAlgorithm::ECDSA,
        Ok(PublicKey::RSA(_)) => SignatureAlgorithm::RSA,
        _ => return Err("the certificate's key is neither ECDSA P-256 nor RSA".into()),
    };
    let public = certificate.public_key().subject_public_key.data.as_ref();
    if let Some(key) = opened.filter(|key| belongs(key.as_ref(), public, provider).is_ok()) {
        return Ok(CertifiedKey::new(chain, key));
    }
    let key = Key::open(settings.clone(), algorithm)?;
    belongs(&key, public, provider)?;
    Ok(CertifiedKey::new(chain, Arc::new(key)))
}

/// Signs the challenge and verifies it with the certificate's public key.
fn belongs(key: &dyn SigningKey, public: &[u8], provider: &CryptoProvider) -> Result<(), String> {
    let algorithms = provider.signature_verification_algorithms;
    let signer = key.choose_scheme(&algorithms.supported_schemes()).ok_or("no scheme in common with the token")?;
    let signature = signer.sign(CHALLENGE).map_err(|error| error.to_string())?;
    let verifies = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signer.scheme());
    let mut verifies = verifies.flat_map(|(_, algorithms)| algorithms.iter());
    if verifies.any(|algorithm| algorithm.verify_signature(public, CHALLENGE, &signature).is_ok()) {
        Ok(())
    } else {
        Err("the token's key is not the key of the certificate".into())
    }
}

struct Request {
    scheme: SignatureScheme,
    message: Vec<u8>,
    answer: Sender<Result<Vec<u8>, String>>,
}

/// The key; its thread ends when the last of its signers is gone.
#[derive(Debug)]
struct Key {
    algorithm: SignatureAlgorithm,
    requests: Sender<Request>,
}

impl Key {
    /// Opens the token once before it returns, so that what is wrong is known at start.
    fn open(settings: TokenKey, algorithm: SignatureAlgorithm) -> Result<Self, String> {
        let (requests, queue) = bounded(4);
        let (opened, outcome) = bounded(1);
        let serve = move || {
            let first = Opened::open(&settings, algorithm);
            let _ = opened.send(first.as_ref().map(|_| ()).map_err(Clone::clone));
            if let Ok(first) = first {
                serve(&settings, algorithm, first, &queue);
            }
        };
        std::thread::Builder::new().name("token".into()).spawn(serve).map_err(|error| error.to_string())?;
        outcome.recv_timeout(PATIENCE).map_err(|_| silent())??;
        Ok(Self { algorithm, requests })
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours: &[SignatureScheme] = match self.algorithm {
            SignatureAlgorithm::RSA => &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256],
            _ => &[SignatureScheme::ECDSA_NISTP256_SHA256],
        };
        let scheme = *ours.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(TokenSigner { scheme, requests: self.requests.clone() }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}

#[derive(Debug)]
struct TokenSigner {
    scheme: SignatureScheme,
    requests: Sender<Request>,
}

impl Signer for TokenSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let (answer, answered) = bounded(1);
        let request = Request { scheme: self.scheme, message: message.to_vec(), answer };
        let signature = match self.requests.send_timeout(request, PATIENCE) {
            Ok(()) => answered.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(silent())),
            Err(_) => Err(silent()),
        };
        signature.map_err(|why| rustls::Error::General(format!("the token: {why}")))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

fn silent() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

fn serve(settings: &TokenKey, algorithm: SignatureAlgorithm, first: Opened, queue: &Receiver<Request>) {
    let mut opened = Some(first);
    for request in queue {
        let signature = match opened.take().map_or_else(|| Opened::open(settings, algorithm), Ok) {
            Ok(token) => token.sign(request.scheme, &request.message).inspect(|_| opened = Some(token)),
            Err(why) => Err(why),
        };
        let _ = request.answer.send(signature);
    }
}

/// A session in which the user is logged in, and the key in it.
struct Opened {
    session: Session,
    key: ObjectHandle,
}

impl Opened {
    fn open(settings: &TokenKey, algorithm: SignatureAlgorithm) -> Result<Self, String> {
        let module = module(&settings.module)?;
        let slots = module.get_slots_with_initialized_token().map_err(|error| words(&error))?;
        let labelled = |slot: &&cryptoki::slot::Slot| {
            module.get_token_info(**slot).is_ok_and(|info| info.label() == settings.token)
        };
        let slot = slots.iter().find(labelled).ok_or_else(|| format!("no token is labelled {:?}", settings.token))?;
        let session = module.open_ro_session(*slot).map_err(|error| words(&error))?;
        let pin = std::fs::read_to_string(&settings.pin_file)
            .map_err(|error| format!("mqtt.pkcs11_pin_file: cannot read {}: {error}", settings.pin_file.display()))?;
        let pin = AuthPin::from(pin.lines().next().unwrap_or_default().to_owned());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(words(&error)),
        }
        let (kind, name) =
            if algorithm == SignatureAlgorithm::RSA { (KeyType::RSA, "RSA") } else { (KeyType::EC, "EC") };
        let wanted = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(kind),
            Attribute::Label(settings.key.clone().into()),
        ];
        let found = session.find_objects(&wanted).map_err(|error| words(&error))?;
        match found.as_slice() {
            [key] => Ok(Self { key: *key, session }),
            [] => Err(format!("no private key of the kind {name} is labelled {:?}", settings.key)),
            several => Err(format!("{} private keys are labelled {:?}", several.len(), settings.key)),
        }
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, String> {
        let sign = |mechanism, data: &[u8]| self.session.sign(&mechanism, self.key, data).map_err(|e| words(&e));
        match scheme {
            SignatureScheme::ECDSA_NISTP256_SHA256 => {
                sign(Mechanism::Ecdsa, &Sha256::digest(message)).map(|signature| der(&signature))
            }
            SignatureScheme::RSA_PSS_SHA256 => {
                let pss =
                    PkcsPssParams { hash_alg: MechanismType::SHA256, mgf: PkcsMgfType::MGF1_SHA256, s_len: 32.into() };
                sign(Mechanism::Sha256RsaPkcsPss(pss), message)
            }
            _ => sign(Mechanism::Sha256RsaPkcs, message),
        }
    }
}

/// The library is loaded and initialised once in a process (PKCS #11 v2.40, 5.4) and stays.
fn module(path: &Path) -> Result<Pkcs11, String> {
    static LOADED: LazyLock<Mutex<HashMap<PathBuf, Pkcs11>>> = LazyLock::new(Mutex::default);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = loaded.get(path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path).map_err(|error| words(&error))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(words(&error)),
    }
    loaded.insert(path.to_owned(), module.clone());
    Ok(module)
}

/// The standard's name of an error; the library's own words are a paragraph.
fn words(error: &Error) -> String {
    match error {
        Error::Pkcs11(RvError::PinIncorrect, _) => "the PIN in mqtt.pkcs11_pin_file is wrong".into(),
        Error::Pkcs11(RvError::PinLocked, _) => "the PIN is locked after too many wrong ones".into(),
        Error::Pkcs11(code, function) => format!("{function:?}: {code:?}"),
        other => other.to_string(),
    }
}

/// The token gives r and s one after the other; TLS wants SEQUENCE { INTEGER r, INTEGER s } (RFC 3279, 2.2.3).
fn der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [&[0x30, short(body.len())], body.as_slice()].concat()
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1));
    let digits = bytes.get(zeros..).unwrap_or_default();
    // a first bit of 1 would make it negative
    let sign: &[u8] = if digits.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    [&[0x02, short(sign.len() + digits.len())], sign, digits].concat()
}

/// P-256 never needs a length of two bytes: at most 2 + 33 + 2 + 33.
fn short(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_encoded_with_as_few_bytes_as_its_numbers_need() {
        assert_eq!(der(&[0x00, 0x01, 0x80, 0x02]), [0x30, 8, 0x02, 1, 0x01, 0x02, 3, 0x00, 0x80, 0x02]);
        assert_eq!(der(&[0x00, 0x00, 0x7f, 0xff]), [0x30, 7, 0x02, 1, 0x00, 0x02, 2, 0x7f, 0xff]);
    }
}
