//! Builds links, one after the other, each to the broker and in the version that the [`Route`] says.
//!
//! Takes in the checked settings; a link tells it how it went, and a link that was dropped before it could counts as
//! one that got no answer. Never waits: the owner decides when the next link is built.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::route::{Hop, Outcome, Route};
use super::{Link, Plan};
use crate::publish::settings::{BrokerUrl, Connection};
use crate::publish::tls::Tls;
use crate::store::OutboxMessage;

/// Builds the links of one client.
pub struct Dialer {
    connection: Connection,
    shared: Arc<Mutex<Attempts>>,
    hop: Hop,
}

#[derive(Debug)]
struct Attempts {
    route: Route,
    number: u64,
    /// The current attempt has not ended.
    open: bool,
}

/// Where a link tells how it went.
#[derive(Debug)]
pub(super) struct Report {
    shared: Arc<Mutex<Attempts>>,
    number: u64,
}

impl Dialer {
    /// Nothing happens before [`Dialer::open`].
    pub fn new(connection: Connection) -> Self {
        let route = Route::new(1 + connection.fallback.len(), connection.protocol);
        let hop = route.hop();
        let attempts = Attempts { route, number: 0, open: false };
        Self { connection, shared: Arc::new(Mutex::new(attempts)), hop }
    }

    /// Starts the next link; the one before has to be dropped. `will` is published by the broker when the link ends
    /// without a farewell, after `will_delay` (MQTT 5 only).
    pub fn open(&mut self, will: Option<(&OutboxMessage, Duration)>) -> Link {
        let number = {
            let mut attempts = lock(&self.shared);
            if attempts.open {
                attempts.route.on(Outcome::Gone);
            }
            attempts.number += 1;
            attempts.open = true;
            self.hop = attempts.route.hop();
            attempts.number
        };
        let report = Report { shared: Arc::clone(&self.shared), number };
        let attempt = self.connection.tls.as_ref().map(Tls::attempt);
        let plan = Plan { connection: &self.connection, url: self.url(), attempt, will };
        Link::open(&plan, self.hop.protocol, report)
    }

    /// The broker of the last link, or of the first.
    pub fn url(&self) -> &BrokerUrl {
        self.hop.broker.checked_sub(1).and_then(|n| self.connection.fallback.get(n)).unwrap_or(&self.connection.url)
    }

    /// After so many attempts, every broker was asked in every version.
    pub fn round(&self) -> usize {
        lock(&self.shared).route.round()
    }
}

impl Report {
    /// A word of a link that is no longer the current one counts for nothing.
    pub(super) fn tell(&self, outcome: Outcome) {
        let mut attempts = lock(&self.shared);
        if attempts.number == self.number && attempts.open {
            attempts.open = outcome == Outcome::Accepted;
            attempts.route.on(outcome);
        }
    }
}

/// What is behind the lock is whole after every step, so a poisoned one is taken over.
fn lock(shared: &Mutex<Attempts>) -> MutexGuard<'_, Attempts> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
