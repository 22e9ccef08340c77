//! TLS to the broker: files and clock in, a client configuration for each attempt to connect out.
//!
//! The files are read again for every attempt and looked at while a link stands, so that a renewed certificate needs no
//! restart. Files that cannot be used any more do not end the process: the last good ones stay in force, and
//! [`Tls::problem`] says so. Verification is never switched off, whatever the clock says.

mod clock;

mod files;

mod material;

mod reason;

mod renewal;

#[cfg(feature = "pkcs11")]
mod token;

mod validity;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::ClientConfig;

use super::cause::Trouble;
pub use clock::{CertificateClock, Reading, build_time};
pub use files::{ClientFiles, ClientKey, TlsError, TlsFiles, TokenKey};
use material::Material;
use renewal::Look;
pub use validity::{Expiry, Role, Validity};

/// How often the files are looked at while a link stands.
const LOOK: Duration = Duration::from_secs(10);

/// The configuration of one attempt to connect.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// For the TLS library.
    pub config: Arc<ClientConfig>,
    /// SHA-256 of the files that it was made of.
    pub digest: [u8; 32],
}

/// TLS as the configuration wants it. Clones share their state.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    clock: CertificateClock,
    look_every: Duration,
    state: Arc<Mutex<State>>,
}

struct State {
    in_use: Arc<Material>,
    problem: Option<String>,
}

impl Tls {
    /// Reads the files and checks that they belong together.
    ///
    /// # Errors
    /// [`TlsError`], naming the key of the configuration and the file.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let in_use = Arc::new(Material::read(&files, None)?);
        let state = Arc::new(Mutex::new(State { in_use, problem: None }));
        Ok(Self { files, clock: CertificateClock::system(), look_every: LOOK, state })
    }

    /// Certificates are verified by this clock.
    #[must_use]
    pub fn verified_by(self, clock: CertificateClock) -> Self {
        Self { clock, ..self }
    }

    /// The files are looked at so often while a link stands.
    #[must_use]
    pub fn looking_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// The configuration for one attempt to connect, from the files as they are now; from the last good ones where
    /// these cannot be used.
    pub fn attempt(&self) -> Attempt {
        self.look();
        let in_use = Arc::clone(&self.state().in_use);
        Attempt { config: in_use.config(self.clock.clone()), digest: in_use.digest() }
    }

    /// Resolves when other files than those of `attempt` are in force; the link is to be built anew then.
    pub async fn renewed(&self, attempt: &[u8; 32]) {
        loop {
            tokio::time::sleep(self.look_every).await;
            self.look();
            if self.state().in_use.digest() != *attempt {
                return;
            }
        }
    }

    /// Why the files as they are now are not in force; `None` when they are.
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// What is valid for how long, of the files in force.
    pub fn validities(&self) -> Vec<Validity> {
        self.state().in_use.validities().to_vec()
    }

    /// What ends within 30 days of `now`, or has ended; to be asked with a trusted clock only.
    pub fn expiries(&self, now: Timestamp) -> Vec<Expiry> {
        self.state().in_use.validities().iter().filter_map(|validity| validity.expiry(now)).collect()
    }

    /// Why a connection failed, if TLS is why.
    pub fn trouble(&self, error: &(dyn std::error::Error + 'static)) -> Option<Trouble> {
        let presents = self.files.client.is_some();
        reason::rustls_error(error).map(|error| reason::of(error, &self.clock.reading(), presents))
    }

    fn look(&self) {
        let in_use = Arc::clone(&self.state().in_use);
        let look =
            renewal::decide(&in_use, self.files.read(), |bytes| Material::parse(&self.files, bytes, Some(&in_use)));
        let mut state = self.state();
        match look {
            Look::Unchanged => state.problem = None,
            Look::Renewed(material) => {
                tracing::info!("other certificate files are in force");
                (state.in_use, state.problem) = (Arc::new(*material), None);
            }
            Look::Broken(why) => {
                if state.problem.as_ref() != Some(&why) {
                    tracing::error!(why, "the certificate files cannot be used; those before stay in force");
                }
                state.problem = Some(why);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // every change is whole before the guard goes
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}
