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
//! is never given up for that: a bad network looks the same. Only where the broker says in its DISCONNECT that the
//! message was at fault (too large, say) is that a refusal like any other.
//!
//! # What is promised
//!
//! - **At least once.** A row is deleted after its acknowledgement and not before. A consumer that passes over event ids
//!   it has seen gets every message exactly once.
//! - **In order, per study and topic.** The store hands a row out only when no older row of its topic is left (except
//!   given-up ones), and deletion is durable before that: a revision is never followed by an older one, not even by
//!   its duplicate after a power cut. While a row rests after a refusal, what is newer in its topic waits.
//! - **Superseded.** A row that was given up lets newer ones of its topic pass, and is not sent after one of them has
//!   been delivered: it leaves with it. Until then it stays as a dead letter and screen and health say so; it gets another
//!   life with each start, each connect, and every [`Limits::revive`].
//! - **Alerts first.** Of all rows that may go, alerts go before verdicts, older ones before newer ones.
//! - What an old link still had in the network cannot come late: the device returns under the same client id, and a
//!   broker closes the old connection for that (MQTT 5, 3.1.4).
//!
//! Between topics there is no order: a study's alert is sent before its verdict, and may be refused where that is taken.

mod exchange;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::backoff::{Backoff, step};
use super::cause::{Cause, Trouble};
use super::limits::Limits;
use crate::store::OutboxRow;

pub use exchange::{Command, Event};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Waiting { until: Duration },
    Connecting { since: Duration },
    Online { since: Duration, max_packet_bytes: usize, window: usize, proven: bool },
}

#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    /// `None`: it has rested, and is due.
    until: Option<Duration>,
    times: u32,
}

/// Id prefix of status messages, which have no row in the outbox.
pub const STATUS_PREFIX: &str = "status-";

/// Rows that may be delivered and not yet deleted.
const MOST_UNDELETED: usize = 64;

/// A delivered row is deleted so soon.
const DELETE_WITHIN: Duration = Duration::from_millis(20);

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
    /// When the first of them was acknowledged; `None` while the store deletes, or has failed to.
    delete_by: Option<Duration>,
    /// So many rows go out one at a time: as many as were in flight when the link was lost.
    one_by_one: usize,
    /// The outbox may hold rows to send.
    dirty: bool,
    /// Something was given up, and gets another life then.
    revive_at: Option<Duration>,
    /// The link was lost, and not for a message: what the broker refused before, it may take after the next connect.
    broker_may_differ: bool,
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
            delete_by: None,
            one_by_one: 0,
            dirty: true,
            revive_at: None,
            broker_may_differ: false,
            store_rests_until: None,
            status_count: 0,
        }
    }

    /// Takes an event, returns what is to be done, in this order.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Connected { max_packet_bytes, receive_max } => {
                self.connected(max_packet_bytes, receive_max, now);
                commands.push(self.send_status(now));
                if std::mem::take(&mut self.broker_may_differ) {
                    commands.extend(self.revive(now));
                }
            }
            // Two causes of one loss may both be told.
            Event::Lost(_) if matches!(self.link, Link::Waiting { .. }) => {}
            Event::Lost(cause) => self.lost(cause, now, &mut commands),
            Event::Acknowledged(id) => self.acknowledged(&id, now),
            Event::Refused(id, trouble) => self.refused(id, trouble, now, &mut commands),
            Event::Rows(rows) => self.rows(rows, now, &mut commands),
            Event::Gone(ids) => self.gone(&ids, now),
            Event::GivenUp(id) => self.given_up(&id, now),
            Event::Revived => (self.revive_at, self.dirty) = (None, true),
            Event::StoreFailed => (self.store_rests_until, self.delete_by) = (Some(now + self.limits.rest.0), None),
            Event::Committed => self.dirty = true,
            Event::StatusChanged if self.is_online() => commands.push(self.send_status(now)),
            Event::StatusChanged | Event::Tick => {}
        }
        self.time(now, &mut commands);
        self.fetch(&mut commands);
        self.delete(now, &mut commands);
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
        let revived = self.revive_at.filter(|_| self.is_online());
        [link, rested, revived, self.delete_by, self.store_rests_until].into_iter().flatten().min()
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

    fn connected(&mut self, max_packet_bytes: Option<usize>, receive_max: Option<u16>, now: Duration) {
        let ours = self.limits.max_packet_bytes;
        self.link = Link::Online {
            since: now,
            max_packet_bytes: max_packet_bytes.map_or(ours, |theirs| theirs.min(ours)),
            window: receive_max.map_or(self.limits.in_flight, |max| self.limits.in_flight.min(max.into())).max(1),
            proven: false,
        };
        self.dirty = true;
    }

    /// Everything that was not acknowledged is still in the outbox, and will be fetched again.
    fn lost(&mut self, cause: Cause, now: Duration, commands: &mut Vec<Command>) {
        let proven = matches!(self.link, Link::Online { proven: true, .. });
        let in_flight = std::mem::take(&mut self.in_flight);
        let alone = in_flight.len() == 1;
        let rows: Vec<String> = in_flight.into_keys().filter(|id| is_row(id)).collect();
        self.one_by_one = self.one_by_one.max(rows.len());
        match rows.as_slice() {
            // The broker has said that it is the message's fault.
            [culprit] if alone && cause.is_of_a_message() => {
                self.rest(culprit.clone(), now);
                commands.push(Command::Refuse(culprit.clone(), cause.into()));
            }
            [suspect] if proven => self.rest(suspect.clone(), now),
            _ => {}
        }
        self.broker_may_differ |= !cause.is_of_a_message();
        // A link that neither lasts nor brings anything forward is no success: another device may have this name.
        let longest = self.limits.reconnect.1;
        if matches!(self.link, Link::Online { since, .. } if now.saturating_sub(since) >= longest) {
            self.backoff.reset();
        }
        // Two devices with one name must not throw each other out as fast as they can.
        let unit = self.random.random();
        let wait = if cause == Cause::SessionTakenOver { self.backoff.longest(unit) } else { self.backoff.next(unit) };
        self.link = Link::Waiting { until: now + wait };
    }

    fn acknowledged(&mut self, id: &str, now: Duration) {
        // A late acknowledgement of a message that is no longer in flight still means that the broker has it.
        self.in_flight.remove(id);
        self.resting.remove(id);
        self.prove();
        if is_row(id) {
            self.backoff.reset();
            self.one_by_one = self.one_by_one.saturating_sub(1);
            // A failed store is asked when it has rested.
            if self.delivered.is_empty() {
                self.delete_by = Some(now + DELETE_WITHIN);
            }
            self.delivered.push(id.to_owned());
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

    /// Deletes together what was delivered: a transaction each, synced to the disk, would cost more than the sending. Soon
    /// all the same: what is newer in its topic waits for it, and after a power cut it is sent again.
    fn delete(&mut self, now: Duration, commands: &mut Vec<Command>) {
        let Some(by) = self.delete_by else { return };
        let none_is_coming = !self.in_flight.keys().any(|id| is_row(id));
        if none_is_coming || by <= now || self.delivered.len() >= MOST_UNDELETED {
            self.delete_by = None;
            commands.push(Command::Delete(self.delivered.clone()));
        }
    }

    fn gone(&mut self, ids: &[String], now: Duration) {
        self.delivered.retain(|delivered| !ids.contains(delivered));
        self.delete_by = (!self.delivered.is_empty()).then_some(now + DELETE_WITHIN);
        self.resting.retain(|id, _| !ids.contains(id));
        // What waited behind it in its topic may go now.
        self.dirty = true;
    }

    fn given_up(&mut self, id: &str, now: Duration) {
        self.resting.remove(id);
        self.revive_at.get_or_insert(now + self.limits.revive);
        self.dirty = true;
    }

    /// Where something was given up; asked again later should the store fail.
    fn revive(&mut self, now: Duration) -> Option<Command> {
        self.revive_at?;
        self.revive_at = Some(now + self.limits.revive);
        Some(Command::Revive)
    }

    /// The broker answers: the link works.
    const fn prove(&mut self) {
        if let Link::Online { proven, .. } = &mut self.link {
            *proven = true;
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
                self.lost(Cause::NoAnswer, now, commands);
            }
            Link::Online { .. } if self.in_flight.values().any(|sent| *sent + self.limits.ack_timeout <= now) => {
                commands.push(Command::Drop(Cause::NotAcknowledged));
                self.lost(Cause::NotAcknowledged, now, commands);
            }
            _ => {}
        }
        if self.is_online() && self.revive_at.is_some_and(|at| at <= now) {
            commands.extend(self.revive(now));
        }
        if self.store_rests_until.is_some_and(|until| until <= now) {
            self.store_rests_until = None;
            self.dirty = true;
            if !self.delivered.is_empty() {
                commands.push(Command::Delete(self.delivered.clone()));
            }
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
