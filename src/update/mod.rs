//! Updates of the system by RAUC, and of model packages: what is installed, and whether it may stay.
//!
//! ```text
//! stick, file, hawkBit ─▶ Installer ─▶ RAUC ─▶ restart ─▶ confirm ─▶ proved, or back to the other slot
//!                          │ one bundle, signed, for this board, newer, every block as signed
//!                          └▶ progress.json ─▶ screen          pending.json, history.jsonl ─▶ daemon
//! ```
//!
//! [`verity`], [`bundle`], [`admission`] and [`confirm`] decide (pure, time is an argument); [`rauc`] speaks D-Bus.
//! Never says that an update succeeded before the new system has proved itself, and never looks at share or broker.

pub mod admission;

pub mod bundle;

mod refusal;

mod progress;

mod record;

pub mod verity;

pub mod stick;

pub mod rauc;

pub mod confirm;

mod attempts;

mod trial;

mod installer;

pub mod models;

pub mod hawkbit;

pub use attempts::BootLoader;
pub use installer::{InstallOptions, Installed, Installer, SYSTEM_CONF, boot_id, running, uptime};
pub use progress::{Phase, Progress, ProgressFile};
pub(crate) use record::replace;
pub use record::{Entry, Outcome, Pending, RecordError, Records, Source};
pub use refusal::Refusal;
pub use trial::{Trial, TrialError, Verdict};
