//! Updates from an Eclipse hawkBit server: its Direct Device Integration API (DDI v1) in, a bundle for the installer out, and
//! the truth about it back to the server.
//!
//! ```text
//!            offered                  whole                 window open             written
//!   (none) ─────────▶ Downloading ─────────▶ Downloaded ─────────▶ Installing ─────────▶ Proving ── restart
//!                          │ │                   │ │   ▲               │  │ power cut          │
//!           gone, cancelled│ │wrong sum          │ │   └───────────────┼──┘ (3 times)          │ proved, rolled back
//!                          ▼ └────────────┐      ▼ └──────────┐        │refused                ▼
//!                       (none)            │   (none)          └────────┴──────────────────▶ Finished ─▶ told ─▶ (none)
//!                                         └─────────────────────────────────────────────────▶
//! ```
//!
//! [`life`] decides (pure), [`poller`] carries out, [`record`] remembers over power cuts. Success is told only when the
//! installer's records say that the new system has proved itself after the restart. A server that is away, refuses the device
//! or talks nonsense is no fault of the device: nothing here writes what health is judged by.

mod ddi;

mod feedback;

mod item;

mod record;

mod life;

mod schedule;

mod trouble;

mod transport;

mod access;

mod server;

mod download;

mod device;

mod board;

mod settings;

mod poller;

pub use access::{Access, Credential};
pub use board::Board;
pub use device::{Device, InstallError, Installed, Standing};
pub use item::{Item, Kind};
pub use poller::{Poller, Settings};
pub use record::{Action, Outcome, Record, Stage};
pub use settings::{SettingsError, of as settings};
pub use trouble::Trouble;
