//! The share: files in, settled and whole; each handed on once with its bytes. Knows nothing of DICOM.
//!
//! Network shares tell nothing by themselves (inotify never sees another client's writes), lie about being finished (the
//! final size comes first, the content later), vanish and come back. So: poll; let a file settle by size and
//! modification time, read it, look again, and ask for its structure; keep in memory what is done; take a lost share
//! for lost, not for empty. Never writes, locks, renames or deletes on the share, never compares its clock with ours.
//!
//! `watch` decides and is pure: what the share shows goes in with the time, what to look at next comes out.
//! [`Scanner`] asks the [`Share`] and sends what is whole; [`Scanner::spawn`] runs it on a thread of its own.

mod event;
mod files;
mod fingerprint;
mod folder;
mod folders;
mod listing;
mod names;
mod outlet;
mod pulse;
mod scanner;
#[cfg(test)]
mod scripted;
mod settings;
mod share;
mod thread;
mod turns;
mod watch;

pub use event::{Arrival, Event, ShareState, Unreadable, Why};
pub use files::Structure;
pub use fingerprint::{ContentDigest, Fingerprint, PathKey, PathSecret};
pub use folder::Folder;
pub use outlet::Deserted;
pub use pulse::{Pulse, Silence};
pub use scanner::{ScanReport, Scanner};
pub use settings::Settings;
pub use share::{Contents, Kind, Share, ShareError, Stat};
pub use thread::Running;
