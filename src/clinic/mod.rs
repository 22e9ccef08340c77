//! The clinic's side: what the devices tell becomes a list of alerts, for a browser and for a terminal.
//!
//! Takes in events from the broker; hands on a page on loopback, a terminal screen or lines of JSON, and the
//! acknowledgements of whoever looks at them. Holds nothing on disk and knows no patient; what it shows is gone when it
//! ends, and comes back from the broker. Never shows an old list as a current one, and never calls a study clear.

mod words;

mod study;

mod device;

mod view;

mod anchor;

mod board;

mod listener;

mod guard;

pub mod server;

pub mod terminal;

#[cfg(test)]
mod samples;

#[cfg(test)]
mod board_tests;

pub use board::{Board, Heard, Now, Rules};
pub use listener::{Clinic, Refused, ToAcknowledge};
pub use view::{AckView, Certainty, DeviceView, Group, LinkView, StudyView, View};
