//! A subscriber: what a clinic's software does with the events. For the demo and the tests.
//!
//! Takes in messages; hands on events, validated as CloudEvents, each once by its id, with the time of arrival. It
//! reconnects by itself and keeps its session, so that what came meanwhile arrives later.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::client::{Dialer, Link, LinkEvent, Message};
use super::cloud_event::{CloudEvent, NotAnEvent};
use super::key_image::SLICE_KEY;
use super::payload::{AckPayload, TriagePayload};
use super::settings::Connection;
use super::structured;
use crate::store::{MessagePriority, MessageProperties, OutboxMessage};

/// Event ids that are remembered.
const REMEMBERED: usize = 4096;

const CAPACITY: usize = 1024;

/// An event that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub arrived: Instant,
    /// Topic.
    pub topic: String,
    /// Attributes.
    pub event: CloudEvent,
    /// Payload.
    pub payload: Bytes,
    /// The broker had kept it.
    pub retained: bool,
    /// Where an answer goes.
    pub response_topic: Option<String>,
    /// What an answer carries back.
    pub correlation_data: Option<String>,
    /// Of a key image: the slice that it shows.
    pub slice_key: Option<String>,
}

impl Received {
    /// The payload of a verdict or an alert.
    ///
    /// # Errors
    /// When it has another form.
    pub fn triage(&self) -> Result<TriagePayload, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }

    /// The payload as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }
}

/// What a message is to the subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly all are the large one")]
pub enum Arrival {
    /// An event that did not come before.
    Event(Received),
    /// An event that came before (QoS 1 delivers at least once).
    Duplicate(String),
    /// Not one of our events.
    Foreign(NotAnEvent),
}

/// Which events came before. Pure.
#[derive(Debug, Default)]
pub struct Inbox {
    seen: HashSet<(String, String)>,
    order: VecDeque<(String, String)>,
}

impl Inbox {
    /// Reads a message.
    pub fn take(&mut self, message: Message, arrived: Instant) -> Arrival {
        let message = structured::opened(message);
        let properties = message.properties;
        let content_type = Some(properties.content_type.as_str()).filter(|text| !text.is_empty());
        let event = match CloudEvent::parse(&properties.user, content_type) {
            Ok(event) => event,
            Err(error) => return Arrival::Foreign(error),
        };
        let key = (event.source.clone(), event.id.clone());
        if !self.seen.insert(key.clone()) {
            return Arrival::Duplicate(event.id);
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        Arrival::Event(Received {
            arrived,
            topic: message.topic,
            event,
            payload: message.payload,
            retained: message.retained,
            response_topic: properties.response_topic,
            correlation_data: properties.correlation_data,
            slice_key: properties.user.into_iter().find(|(name, _)| name == SLICE_KEY).map(|(_, value)| value),
        })
    }
}

/// A connected subscriber.
#[derive(Debug)]
pub struct Subscriber {
    arrivals: mpsc::Receiver<Arrival>,
    outgoing: mpsc::Sender<OutboxMessage>,
    link: watch::Receiver<Result<(), String>>,
    task: JoinHandle<()>,
}

impl Subscriber {
    /// Connects and subscribes to `filter` (inside a tokio runtime); returns when the broker has taken the subscription
    /// up, so that nothing published from then on is missed.
    ///
    /// # Errors
    /// The words of the link when the first connection fails.
    pub async fn connect(connection: Connection, filter: String) -> Result<Self, String> {
        let mut dialer = Dialer::new(connection);
        let mut connected = subscribed(&mut dialer, &filter).await;
        for _ in 1..dialer.round() {
            if connected.is_err() {
                connected = subscribed(&mut dialer, &filter).await;
            }
        }
        let (link, early) = connected?;
        let (sender, arrivals) = mpsc::channel(CAPACITY);
        let (outgoing, commands) = mpsc::channel(16);
        let (link_state, link_seen) = watch::channel(Ok(()));
        let task = tokio::spawn(run(dialer, filter, link, early, sender, commands, link_state));
        Ok(Self { arrivals, outgoing, link: link_seen, task })
    }

    /// The next message of any kind.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// The next event that did not come before; duplicates and foreign messages are passed over.
    pub async fn next_event(&mut self) -> Option<Received> {
        loop {
            if let Arrival::Event(received) = self.next().await? {
                return Some(received);
            }
        }
    }

    /// Whether the link stands, or why not; now and on every change.
    pub fn link(&self) -> watch::Receiver<Result<(), String>> {
        self.link.clone()
    }

    /// Hands a message to the link; it is lost when the link is down.
    pub async fn publish(&self, message: OutboxMessage) {
        let _ = self.outgoing.send(message).await;
    }

    /// Acknowledges an alert as a clinic does: to its response topic, with its correlation data.
    pub async fn acknowledge(&self, alert: &Received, by: &str) {
        let Some(topic) = alert.response_topic.clone() else { return };
        let payload = AckPayload { acknowledged_by: by.to_owned(), event_id: Some(alert.event.id.clone()), note: None };
        let message = OutboxMessage {
            event_id: format!("ack-{}", alert.event.id),
            topic,
            payload: super::events::json(&payload),
            properties: MessageProperties {
                content_type: "application/json".to_owned(),
                correlation_data: alert.correlation_data.clone(),
                ..MessageProperties::default()
            },
            retain: false,
            expiry_secs: None,
            priority: MessagePriority::Other,
        };
        self.publish(message).await;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A link whose subscription the broker has taken up, and the messages that came before that word.
async fn subscribed(dialer: &mut Dialer, filter: &str) -> Result<(Link, Vec<Message>), String> {
    let mut link = dialer.open(None);
    let mut early = Vec::new();
    loop {
        match link.next().await {
            LinkEvent::Connected { .. } => link.subscribe(filter).map_err(|trouble| trouble.to_string())?,
            LinkEvent::Subscribed => return Ok((link, early)),
            LinkEvent::Message(message) => early.push(message),
            LinkEvent::SubscriptionRefused(trouble) | LinkEvent::Lost(trouble) => return Err(trouble.to_string()),
            LinkEvent::Published(..) => {}
        }
    }
}

async fn run(
    mut dialer: Dialer,
    filter: String,
    mut link: Link,
    mut early: Vec<Message>,
    sender: mpsc::Sender<Arrival>,
    mut commands: mpsc::Receiver<OutboxMessage>,
    link_state: watch::Sender<Result<(), String>>,
) {
    let mut inbox = Inbox::default();
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    loop {
        for message in early.drain(..) {
            if sender.send(inbox.take(message, Instant::now())).await.is_err() {
                return;
            }
        }
        let event = tokio::select! {
            event = link.next() => event,
            Some(message) = commands.recv() => {
                let _ = link.publish(&message);
                continue;
            }
        };
        match event {
            LinkEvent::Message(message) => early.push(message),
            LinkEvent::Lost(reason) => loop {
                let _ = link_state.send_replace(Err(reason.to_string()));
                tokio::time::sleep(backoff.next(1.0)).await;
                if let Ok((next_link, messages)) = subscribed(&mut dialer, &filter).await {
                    (link, early) = (next_link, messages);
                    backoff.reset();
                    let _ = link_state.send_replace(Ok(()));
                    break;
                }
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cloud_event::EventKind;
    use super::*;

    fn message(id: &str) -> Message {
        let event =
            CloudEvent { id: id.into(), source: "/s".into(), kind: EventKind::Alert, time: None, subject: None };
        Message { topic: "t".into(), payload: Bytes::new(), properties: event.properties(), retained: false }
    }

    #[test]
    fn an_event_counts_once_by_its_id() {
        let mut inbox = Inbox::default();
        let now = Instant::now();
        assert!(matches!(inbox.take(message("a-1"), now), Arrival::Event(_)));
        assert!(matches!(inbox.take(message("a-2"), now), Arrival::Event(_)));
        assert_eq!(inbox.take(message("a-1"), now), Arrival::Duplicate("a-1".into()));
        let foreign = Message { properties: MessageProperties::default(), ..message("a-3") };
        assert_eq!(inbox.take(foreign, now), Arrival::Foreign(NotAnEvent::Missing("specversion")));
    }

    #[test]
    fn the_memory_for_ids_is_bounded() {
        let mut inbox = Inbox::default();
        for n in 0..2 * REMEMBERED {
            inbox.take(message(&n.to_string()), Instant::now());
        }
        assert_eq!((inbox.seen.len(), inbox.order.len()), (REMEMBERED, REMEMBERED));
    }
}
