//! Model packages that come after the system: installed in one of two places, switched by a link, taken back.
//!
//! Takes a signed package in, from a tar or a folder, and proves it on this machine before it counts. Hands on the packages
//! that a start uses, those of the system among them, and why an installed one is not used. Never writes into the
//! packages that came with the system, never touches the package in use, and never leaves a device without one.
//!
//! ```text
//! <state>/models/NAME             -> .places/NAME.b/NAME    the link that decides, replaced by a rename
//! <state>/models/.places/NAME.a/NAME/...                    the package before: `spinewatch models rollback NAME`
//! <state>/models/.places/NAME.b/NAME/...                    the package in use
//! <state>/models/.places/NAME.b/forced                      digest of the shipped package that it may be older than
//! <state>/models/.staging/                                  what is being unpacked; emptied by the next verb
//! ```

mod durable;
mod error;
mod install;
mod places;
mod selection;
mod unpack;

pub use error::SwitchError;
pub use install::{Installed, install, rollback};
pub use selection::{Selection, Sources};
