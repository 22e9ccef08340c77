//! What to send, and what to do on every event: the core of the publisher. Pure; `now` is an argument.
//!
//! ```text
//!             Connect ──▶ connecting ──Connected──▶ online ──Lost, or no acknowledgement in time──▶ waiting ──▶ Connect
//!                              └────────────────── Lost ──────────────────────────────────────────────▲
//! a row:      outbox ──Fetch──▶ in flight ──Acknowledged──▶ Delete (again and again until the store has done it)
//!                ▲                  ├──Refused──▶ Refuse: rests, then another try; given up after `max_attempts`
//!                └──────────────────┴──Lost: everything unacknowledged is sent again
//! ```
//!
//! A message that makes the broker hang up must not block the others for ever: after a loss, rows go out one by one;
//! the one that was alone in flight when the next loss comes, on a link that had worked, rests longer each time. It
//! is never given up for that: a bad network looks the same.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::backoff::{Backoff, step};
use super::cause::{Cause, Trouble};
use super::limits::Limits;
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
    Lost,
    /// The broker has taken a message.
    Acknowledged(String),
    /// The broker refuses a message.
    Refused(String, Trouble),
    /// Rows that the outbox had, as asked for by [`Command::Fetch`], with the bytes of their packets.
    Rows(Vec<(OutboxRow, usize)>),
    /// A row has left the outbox, or was given up.
    Gone(String),
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
    /// Delete a row: the broker has it.
    Delete(String),
    /// Count a refusal of a row.
    Refuse(String, Trouble),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Waiting { until: Duration },
    Connecting { since: Duration },
    Online { max_packet_bytes: usize, window: usize, proven: bool },
}

#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    /// `None`: it has rested, and is due.
    until: Option<Duration>,
    times: u32,
}

/// Id prefix of status messages, which have no row in the outbox.
pub const STATUS_PREFIX: &str = "status-";

/// The state of delivery.
#[derive(Debug)]
pub struct Outflow {
    limits: Limits,
    link: Link,
    backoff: Backoff,
    random: Xoshiro256PlusPlus,
    /// Event id and time of sending.
    in_flight: BTreeMap<String, Duration>,
    /// Rows that rest.
    resting: BTreeMap<String, Rest>,
    /// Rows that the broker has and the store has not deleted yet.
    delivered: Vec<String>,
    /// So many rows go out one at a time: as many as were in flight when the link was lost.
    one_by_one: usize,
    /// The outbox may hold rows to send.
    dirty: bool,
    /// The store failed: nothing is asked of it before then.
    store_rests_until: Option<Duration>,
    status_count: u64,
}

impl Outflow {
    /// `seed` makes the jitter.
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits,
            link: Link::Waiting { until: Duration::ZERO },
            backoff: Backoff::new(limits.reconnect.0, limits.reconnect.1),
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            in_flight: BTreeMap::new(),
            resting: BTreeMap::new(),
            delivered: Vec::new(),
            one_by_one: 0,
            dirty: true,
            store_rests_until: None,
            status_count: 0,
        }
    }

    /// Takes an event, returns what is to be done, in this order.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Connected { max_packet_bytes, receive_max } => {
                self.connected(max_packet_bytes, receive_max);
                commands.push(self.send_status(now));
            }
            // Two causes of one loss may both be told.
            Event::Lost if matches!(self.link, Link::Waiting { .. }) => {}
            Event::Lost => self.lost(now),
            Event::Acknowledged(id) => self.acknowledged(&id, &mut commands),
            Event::Refused(id, trouble) => self.refused(id, trouble, now, &mut commands),
            Event::Rows(rows) => self.rows(rows, now, &mut commands),
            Event::Gone(id) => self.gone(&id),
            Event::StoreFailed => self.store_rests_until = Some(now + self.limits.rest.0),
            Event::Committed => self.dirty = true,
            Event::StatusChanged if self.is_online() => commands.push(self.send_status(now)),
            Event::StatusChanged | Event::Tick => {}
        }
        self.time(now, &mut commands);
        self.fetch(&mut commands);
        commands
    }

    /// When [`Event::Tick`] is due at the latest; `None` when only an event can change anything.
    pub fn deadline(&self) -> Option<Duration> {
        let link = match self.link {
            Link::Waiting { until } => Some(until),
            Link::Connecting { since } => Some(since + self.limits.connect_timeout),
            Link::Online { .. } => self.in_flight.values().min().map(|sent| *sent + self.limits.ack_timeout),
        };
        let rested = self.resting.values().filter_map(|rest| rest.until).min().filter(|_| self.is_online());
        [link, rested, self.store_rests_until].into_iter().flatten().min()
    }

    /// True between `Connected` and the loss of the link.
    pub const fn is_online(&self) -> bool {
        matches!(self.link, Link::Online { .. })
    }

    /// Longest packet in bytes that may be sent now.
    pub const fn max_packet_bytes(&self) -> usize {
        match self.link {
            Link::Online { max_packet_bytes, .. } => max_packet_bytes,
            _ => self.limits.max_packet_bytes,
        }
    }

    fn connected(&mut self, max_packet_bytes: Option<usize>, receive_max: Option<u16>) {
        let ours = self.limits.max_packet_bytes;
        self.link = Link::Online {
            max_packet_bytes: max_packet_bytes.map_or(ours, |theirs| theirs.min(ours)),
            window: receive_max.map_or(self.limits.in_flight, |max| self.limits.in_flight.min(max.into())).max(1),
            proven: false,
        };
        self.dirty = true;
    }

    /// Everything that was not acknowledged is still in the outbox, and will be fetched again.
    fn lost(&mut self, now: Duration) {
        let proven = matches!(self.link, Link::Online { proven: true, .. });
        let rows: Vec<String> = std::mem::take(&mut self.in_flight).into_keys().filter(|id| is_row(id)).collect();
        if let ([suspect], true) = (rows.as_slice(), proven) {
            self.rest(suspect.clone(), now);
        }
        self.one_by_one = self.one_by_one.max(rows.len());
        let unit = self.random.random();
        self.link = Link::Waiting { until: now + self.backoff.next(unit) };
    }

    fn acknowledged(&mut self, id: &str, commands: &mut Vec<Command>) {
        // A late acknowledgement of a message that is no longer in flight still means that the broker has it.
        self.in_flight.remove(id);
        self.resting.remove(id);
        self.prove();
        if is_row(id) {
            self.one_by_one = self.one_by_one.saturating_sub(1);
            self.delivered.push(id.to_owned());
            commands.push(Command::Delete(id.to_owned()));
        }
        self.dirty = true;
    }

    fn refused(&mut self, id: String, trouble: Trouble, now: Duration, commands: &mut Vec<Command>) {
        self.in_flight.remove(&id);
        self.prove();
        if is_row(&id) {
            self.one_by_one = self.one_by_one.saturating_sub(1);
            self.rest(id.clone(), now);
            commands.push(Command::Refuse(id, trouble));
        }
        self.dirty = true;
    }

    fn gone(&mut self, id: &str) {
        self.delivered.retain(|delivered| delivered != id);
        self.resting.remove(id);
        // What waited behind it in its topic may go now.
        self.dirty = true;
    }

    /// The broker answers: the link works, and the next loss starts with the shortest wait.
    fn prove(&mut self) {
        if let Link::Online { proven, .. } = &mut self.link {
            *proven = true;
            self.backoff.reset();
        }
    }

    fn rest(&mut self, id: String, now: Duration) {
        let (first, longest) = self.limits.rest;
        let rest = self.resting.entry(id).or_default();
        rest.until = Some(now + step(first, longest, rest.times));
        rest.times = rest.times.saturating_add(1);
    }

    fn rows(&mut self, rows: Vec<(OutboxRow, usize)>, now: Duration, commands: &mut Vec<Command>) {
        let most = self.max_packet_bytes();
        for (row, bytes) in rows {
            let id = row.message.event_id.clone();
            // The link may have been lost while the store was asked.
            if self.free() == 0 || self.is_held(&id) {
                self.dirty = true;
                break;
            }
            if bytes > most {
                self.rest(id.clone(), now);
                commands.push(Command::Refuse(id, too_large(bytes, most)));
            } else {
                self.in_flight.insert(id, now);
                commands.push(Command::Send(row));
            }
        }
    }

    fn send_status(&mut self, now: Duration) -> Command {
        self.status_count += 1;
        let id = format!("{STATUS_PREFIX}{}", self.status_count);
        self.in_flight.insert(id.clone(), now);
        Command::SendStatus(id)
    }

    /// What time alone brings about.
    fn time(&mut self, now: Duration, commands: &mut Vec<Command>) {
        match self.link {
            Link::Waiting { until } if until <= now => {
                self.link = Link::Connecting { since: now };
                commands.push(Command::Connect);
            }
            Link::Connecting { since } if since + self.limits.connect_timeout <= now => {
                commands.push(Command::Drop(Cause::NoAnswer));
                self.lost(now);
            }
            Link::Online { .. } if self.in_flight.values().any(|sent| *sent + self.limits.ack_timeout <= now) => {
                commands.push(Command::Drop(Cause::NotAcknowledged));
                self.lost(now);
            }
            _ => {}
        }
        if self.store_rests_until.is_some_and(|until| until <= now) {
            self.store_rests_until = None;
            self.dirty = true;
            commands.extend(self.delivered.iter().cloned().map(Command::Delete));
        }
        for rest in self.resting.values_mut().filter(|rest| rest.until.is_some_and(|until| until <= now)) {
            rest.until = None;
            self.dirty = true;
        }
    }

    /// Asks for rows while there may be some and there is room for them.
    fn fetch(&mut self, commands: &mut Vec<Command>) {
        let limit = self.free();
        if limit == 0 || self.store_rests_until.is_some() || !self.dirty {
            return;
        }
        self.dirty = false;
        let resting = self.resting.iter().filter(|(_, rest)| rest.until.is_some()).map(|(id, _)| id);
        let held = self.in_flight.keys().filter(|id| is_row(id)).chain(resting).chain(&self.delivered);
        commands.push(Command::Fetch { limit, held: held.cloned().collect() });
    }

    fn free(&self) -> usize {
        let Link::Online { window, .. } = self.link else { return 0 };
        let window = if self.one_by_one > 0 { 1 } else { window };
        window.saturating_sub(self.in_flight.keys().filter(|id| is_row(id)).count())
    }

    fn is_held(&self, id: &str) -> bool {
        self.in_flight.contains_key(id)
            || self.delivered.iter().any(|delivered| delivered == id)
            || self.resting.get(id).is_some_and(|rest| rest.until.is_some())
    }
}

/// A packet of so many bytes is over the broker's limit, or ours.
pub fn too_large(bytes: usize, most: usize) -> Trouble {
    Trouble::new(Cause::PacketTooLarge, format!("{bytes} bytes, the limit is {most}"))
}

fn is_row(id: &str) -> bool {
    !id.starts_with(STATUS_PREFIX)
}
