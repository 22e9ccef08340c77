//! The MQTT client library: these files are the only ones that know it (the embedded broker borrows its codec).
//!
//! A [`Link`] is one connection: built by a [`Dialer`], used, dropped. It never reconnects and never replays by itself:
//! the outbox owns delivery, and everything unacknowledged is sent again on the next link. Events come out; nothing
//! blocks. MQTT 5 and MQTT 3.1.1 look the same from outside: on the latter a message goes in an envelope. A link whose
//! certificate files were renewed says farewell and is lost, so that the next one uses them.

mod dialer;

mod route;

mod v311;

mod v311_reasons;

mod v5;

mod v5_reasons;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::cause::{Cause, Trouble};
use super::settings::{BrokerUrl, Connection};
use super::tls::{Attempt, Tls};
use crate::store::{MessageProperties, OutboxMessage};

pub use dialer::Dialer;
pub use route::Protocol;

use dialer::Report;
use route::Outcome;

/// Requests that may wait in the library; far more than ever are in flight.
const REQUEST_CAPACITY: usize = 64;

/// Events that may wait for the owner of the link; the link stops reading when they are full.
const EVENT_CAPACITY: usize = 256;

/// Longest packet that is accepted from the broker.
const MAX_INCOMING_BYTES: u32 = 128 * 1024;

/// What happened on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The broker has accepted the connection.
    Connected {
        /// It still has the session: subscriptions, and messages that came meanwhile.
        session_present: bool,
        /// Its Maximum Packet Size.
        max_packet_bytes: Option<usize>,
        /// Its Receive Maximum.
        receive_max: Option<u16>,
    },
    /// The broker has taken the message with this event id (`Ok`), or refuses it.
    Published(String, Result<(), Trouble>),
    /// The broker has taken the subscription up.
    Subscribed,
    /// The broker refuses the subscription.
    SubscriptionRefused(Trouble),
    /// A message came.
    Message(Message),
    /// The link is gone, with the reason; the last event.
    Lost(Trouble),
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Bytes,
    /// Properties; none with MQTT 3.1.1.
    pub properties: MessageProperties,
    /// The broker had kept it.
    pub retained: bool,
}

/// One connection to a broker.
#[derive(Debug)]
pub struct Link {
    client: Client,
    events: mpsc::Receiver<LinkEvent>,
    sender: mpsc::Sender<LinkEvent>,
    task: JoinHandle<()>,
    /// Waits for other certificate files.
    renewal: Option<JoinHandle<()>>,
}

#[derive(Clone, Debug)]
enum Client {
    V5(v5::Client),
    V311(v311::Client),
}

/// How a link ended: for the choice of the next, and for the technician.
struct Ending {
    outcome: Outcome,
    trouble: Trouble,
}

/// What a link is built of.
struct Plan<'a> {
    connection: &'a Connection,
    url: &'a BrokerUrl,
    /// TLS, where the connection has it.
    attempt: Option<Attempt>,
    will: Option<(&'a OutboxMessage, Duration)>,
}

impl Client {
    /// True when the farewell is under way.
    fn disconnect(&self) -> bool {
        match self {
            Self::V5(client) => client.disconnect(),
            Self::V311(client) => client.disconnect(),
        }
    }
}

impl Link {
    fn open(plan: &Plan<'_>, protocol: Protocol, report: Report) -> Self {
        let (sender, events) = mpsc::channel(EVENT_CAPACITY);
        let renewed = Arc::new(AtomicBool::new(false));
        let tls = plan.connection.tls.clone();
        let outlet =
            Outlet { events: sender.clone(), report, tls: tls.clone(), renewed: Arc::clone(&renewed), accepted: false };
        let (client, task) = match protocol {
            Protocol::V5 => {
                let (client, event_loop) = v5::open(plan);
                (Client::V5(client), tokio::spawn(v5::poll(event_loop, outlet)))
            }
            Protocol::V311 => {
                let (client, event_loop) = v311::open(plan);
                (Client::V311(client), tokio::spawn(v311::poll(event_loop, outlet)))
            }
        };
        let secured = tls.zip(plan.attempt.as_ref());
        let renewal = secured.map(|(tls, attempt)| {
            tokio::spawn(say_farewell_when_renewed(tls, attempt.digest, client.clone(), renewed))
        });
        Self { client, events, sender, task, renewal }
    }

    /// The next event; waits for ever after [`LinkEvent::Lost`].
    pub async fn next(&mut self) -> LinkEvent {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Hands a message to the library with QoS 1; its fate comes as [`LinkEvent::Published`].
    ///
    /// # Errors
    /// The words of the library when it cannot take it now.
    pub fn publish(&self, message: &OutboxMessage) -> Result<(), Trouble> {
        match &self.client {
            Client::V5(client) => client.publish(message, self.sender.clone()),
            Client::V311(client) => client.publish(message, self.sender.clone()),
        }
    }

    /// Hands a message to the library with QoS 0: sent once, or not at all.
    ///
    /// # Errors
    /// The words of the library when it cannot take it now.
    pub fn publish_once(&self, message: &OutboxMessage) -> Result<(), Trouble> {
        match &self.client {
            Client::V5(client) => client.publish_once(message),
            Client::V311(client) => client.publish_once(message),
        }
    }

    /// Subscribes with QoS 1; the answer comes as [`LinkEvent::Subscribed`] or [`LinkEvent::SubscriptionRefused`].
    ///
    /// # Errors
    /// The words of the library when it cannot take it now.
    pub fn subscribe(&self, filter: &str) -> Result<(), Trouble> {
        match &self.client {
            Client::V5(client) => client.subscribe(filter, self.sender.clone()),
            Client::V311(client) => client.subscribe(filter, self.sender.clone()),
        }
    }

    /// The version that is spoken.
    pub const fn protocol(&self) -> Protocol {
        match self.client {
            Client::V5(_) => Protocol::V5,
            Client::V311(_) => Protocol::V311,
        }
    }

    /// Says farewell, so that the broker does not publish the last will, and waits until it is on the wire.
    pub async fn farewell(mut self, at_most: Duration) {
        if self.client.disconnect() {
            let _ = tokio::time::timeout(at_most, &mut self.task).await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

/// With a farewell the broker does not publish the last will.
async fn say_farewell_when_renewed(tls: Tls, digest: [u8; 32], client: Client, renewed: Arc<AtomicBool>) {
    tls.renewed(&digest).await;
    renewed.store(true, Ordering::Relaxed);
    let _ = client.disconnect();
}

/// Bytes of the packet that carries `message` with QoS 1.
pub fn packet_bytes(message: &OutboxMessage, protocol: Protocol) -> usize {
    match protocol {
        Protocol::V5 => v5::packet_bytes(message),
        Protocol::V311 => v311::packet_bytes(message),
    }
}

/// Where the events of a connection go: to the owner of the link, and in short to the dialer.
struct Outlet {
    events: mpsc::Sender<LinkEvent>,
    report: Report,
    tls: Option<Tls>,
    renewed: Arc<AtomicBool>,
    /// The broker has accepted the connection.
    accepted: bool,
}

impl Outlet {
    /// False when the owner of the link has dropped it.
    async fn put(&mut self, event: LinkEvent) -> bool {
        if matches!(event, LinkEvent::Connected { .. }) {
            self.accepted = true;
            self.report.tell(Outcome::Accepted);
        }
        self.events.send(event).await.is_ok()
    }

    /// How the attempt ended: an accepted connection is lost, whatever the library's error says of one that is not.
    const fn outcome(&self, of_error: Outcome) -> Outcome {
        if self.accepted { Outcome::Gone } else { of_error }
    }

    /// What TLS has to say of the library's error, if TLS is why.
    fn of_tls(&self, error: &(dyn std::error::Error + 'static)) -> Option<Trouble> {
        self.tls.as_ref()?.trouble(error)
    }

    /// The connection has ended; `ending` is `None` where this side has ended it.
    async fn end(self, ending: Option<Ending>) {
        let renewed = self.renewed.load(Ordering::Relaxed);
        let ending = if renewed {
            Ending { outcome: Outcome::Farewell, trouble: Cause::CertificateRenewed.into() }
        } else if let Some(ending) = ending {
            ending
        } else {
            return;
        };
        self.report.tell(ending.outcome);
        let _ = self.events.send(LinkEvent::Lost(ending.trouble)).await;
    }
}
