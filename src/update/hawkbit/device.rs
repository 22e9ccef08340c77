//! The edge to the device: what the poller needs of it. The board's own is made of the installer and its records.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::item::Item;
use super::record::Record;

/// What the installer's records say of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Unknown,
    /// The installer began to write and has not finished.
    Begun,
    /// Written; it waits for its proof.
    Written {
        /// The device has been restarted since.
        restarted: bool,
    },
    /// The new system has proved itself.
    Proved,
    /// It has ended without a proof, and why: nothing was written, or another update took its place.
    Ended(String),
    /// Writing did not come to its end, and why.
    Failed(String),
    /// The old system runs again, and why.
    RolledBack(String),
}

/// What came of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// The next boot decides.
    NeedsProof,
    /// It has proved itself, in words: models, by their golden cases on this device.
    InForce(String),
}

/// Why nothing was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstallError {
    /// It cannot be done now: another update is on its way.
    Later(String),
    /// It is what runs already, and has proved itself.
    RunsAlready(String),
    /// It will never be, in one line.
    Refused(String),
}

/// The device that is updated.
pub trait Device {
    /// What the installer's records say of the action that they know as `reference`.
    ///
    /// # Errors
    /// When they cannot be read: then nothing is known, which is not the same as nothing being there.
    fn standing(&mut self, reference: &str) -> io::Result<Standing>;

    /// Installs `file`, and remembers it as `reference`.
    ///
    /// # Errors
    /// [`InstallError`], with its reason in one line.
    fn install(&mut self, reference: &str, item: &Item, file: &Path) -> Result<Installed, InstallError>;

    /// Restarts the device, so that the new system can prove itself.
    ///
    /// # Errors
    /// When the system refuses.
    fn restart(&mut self) -> io::Result<()>;

    /// What the server is told of the device.
    fn attributes(&mut self) -> BTreeMap<String, String>;

    /// Remembers `record`, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    fn keep(&mut self, record: &Record) -> io::Result<()>;
}
