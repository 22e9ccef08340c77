//! What goes into the core of the publisher, and what comes out of it.

use crate::publish::cause::{Cause, Trouble};
use crate::store::OutboxRow;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The broker has accepted the connection.
    Connected {
        /// Its Maximum Packet Size, if it has one.
        max_packet_bytes: Option<usize>,
        /// Its Receive Maximum.
        receive_max: Option<u16>,
    },
    /// The connection is gone, or could not be made.
    Lost(Cause),
    /// The broker has taken a message.
    Acknowledged(String),
    /// The broker refuses a message.
    Refused(String, Trouble),
    /// Rows that the outbox had, as asked for by [`Command::Fetch`], with the bytes of their packets.
    Rows(Vec<(OutboxRow, usize)>),
    /// Rows have left the outbox.
    Gone(Vec<String>),
    /// A row was refused for the last time of this life.
    GivenUp(String),
    /// What was given up has another life.
    Revived,
    /// The store could not do what it was told.
    StoreFailed,
    /// New rows were committed.
    Committed,
    /// The device's status has changed and is to be published.
    StatusChanged,
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Build a link.
    Connect,
    /// Drop the link, with the reason.
    Drop(Cause),
    /// Ask the outbox for at most `limit` rows other than `held`.
    Fetch {
        /// At most.
        limit: usize,
        /// Event ids to leave out.
        held: Vec<String>,
    },
    /// Publish a row.
    Send(OutboxRow),
    /// Publish the device's status under this id.
    SendStatus(String),
    /// Delete rows: the broker has them.
    Delete(Vec<String>),
    /// Give what was given up another life.
    Revive,
    /// Count a refusal of a row.
    Refuse(String, Trouble),
}
