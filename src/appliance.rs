//! The one place that builds every stage and joins the channels.
//!
//! ```text
//! ingest ──events──▶ readers ──readings──▶ coordinator ◀──▶ inference workers
//!  (share)            (decode,              (desk: series,        │
//!                      resize)               triage, ledger)      └ evidence
//!                                             │        │
//!                                     store + outbox   screen state
//!                                             │        │
//!                            publisher (tokio) ┘        └ display
//! ```
//!
//! Named threads for work, tokio for the network. Every channel is bounded: what does not fit waits on the share.

mod attendant;

mod case;

mod coordinator;

mod crash;

pub mod desk;

#[cfg(test)]
mod desk_tests;

mod filing;

mod front;

mod launch;

mod logbook;

mod offline;

mod reader;

mod screen;

mod service;

mod signals;

mod stages;

mod telling;

mod threads;

mod updates;

mod vitals;

pub use case::{Case, FileOfSlices, ReadSlice};
pub use crash::seal;
pub use launch::{Appliance, Launch, desk_rules, model_tags, surface};
pub use offline::{Offline, Outcome, Rejected, Uids};
pub use reader::Reader;
pub use service::last_update;
pub use signals::Signals;
pub use stages::{StageTime, StageTimes};
pub use telling::stage_timings;
