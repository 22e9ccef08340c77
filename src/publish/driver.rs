//! The task behind the publisher: drains the outbox to the broker and brings acknowledgements back.
//!
//! [`Outflow`] decides; this file owns the clock, the link and the way to the store, and carries the decisions out.
//! Never deletes a row before the broker has acknowledged it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::cause::Trouble;
use super::client::{self, Dialer, Link, LinkEvent, Message, Protocol};
use super::outflow::{Command, Event, Outflow, STATUS_PREFIX, too_large};
use super::payload::{DeviceState, HealthPayload, Reason, StatusPayload};
use super::publisher::LinkState;
use super::{Settings, ack, events};
use crate::store::{Acknowledgement, GivenAcknowledgement, OutboxMessage, Store, StoreError};

/// How long each half of a farewell may take: the last status, and the good-bye.
pub const FAREWELL: Duration = Duration::from_secs(2);

/// What the rest of the device tells.
pub struct Inputs {
    /// The latest status.
    pub status: watch::Receiver<StatusPayload>,
    /// The latest health, once there is one.
    pub health: watch::Receiver<Option<HealthPayload>>,
}

/// The task's state.
pub struct Driver {
    settings: Settings,
    store: Store,
    outflow: Outflow,
    dialer: Dialer,
    link: Option<Link>,
    started: Instant,
    /// Makes the ids of status and health messages unique over restarts.
    boot: String,
    messages: u64,
    inputs: Inputs,
    link_state: watch::Sender<LinkState>,
    acks: mpsc::Sender<Acknowledgement>,
}

/// What woke the driver.
enum Wake {
    Link(LinkEvent),
    Event(Event),
    Health,
    Stop,
}

impl Driver {
    /// Nothing is done before [`Driver::run`].
    pub fn new(
        settings: Settings,
        store: Store,
        inputs: Inputs,
        link_state: watch::Sender<LinkState>,
        acks: mpsc::Sender<Acknowledgement>,
    ) -> Self {
        Self {
            outflow: Outflow::new(settings.limits, random()),
            dialer: Dialer::new(settings.connection.clone()),
            settings,
            store,
            link: None,
            started: Instant::now(),
            boot: format!("{:016x}", random()),
            messages: 0,
            inputs,
            link_state,
            acks,
        }
    }

    /// Until `stop` resolves; then a farewell.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let committed = self.store.outbox_committed();
        let mut event = Some(Event::Tick);
        loop {
            if let Some(event) = event.take() {
                self.handle(event).await;
            }
            let deadline = self.outflow.deadline();
            let wake = tokio::select! {
                biased;
                _ = &mut stop => Wake::Stop,
                link_event = next(&mut self.link) => Wake::Link(link_event),
                () = committed.notified() => Wake::Event(Event::Committed),
                Ok(()) = self.inputs.status.changed() => Wake::Event(Event::StatusChanged),
                Ok(()) = self.inputs.health.changed() => Wake::Health,
                () = sleep_until(deadline.map(|at| self.started + at)) => Wake::Event(Event::Tick),
            };
            event = match wake {
                Wake::Link(link_event) => self.link_event(link_event).await,
                Wake::Event(event) => Some(event),
                Wake::Health => {
                    self.send_health();
                    None
                }
                Wake::Stop => break,
            };
        }
        self.farewell().await;
    }

    /// Carries out what the core decides; the store's answers are events themselves.
    async fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for command in self.outflow.on(event, self.started.elapsed()) {
                events.extend(self.carry_out(command).await);
            }
        }
    }

    async fn delete(&self, ids: Vec<String>) -> Option<Event> {
        self.with_store(move |store| {
            let superseded =
                store.outbox_sent(&ids.iter().map(String::as_str).collect::<Vec<_>>(), Timestamp::now())?;
            if superseded > 0 {
                tracing::warn!(superseded, "messages that were given up are superseded by newer ones");
            }
            Ok(Event::Gone(ids))
        })
        .await
    }

    async fn revive(&self) -> Option<Event> {
        self.with_store(|store| {
            let revived = store.outbox_revive()?;
            tracing::info!(revived, "messages that were given up are tried again");
            Ok(Event::Revived)
        })
        .await
    }

    async fn carry_out(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Connect => {
                self.connect();
                None
            }
            Command::Drop(cause) => {
                self.link = None;
                self.went_offline(cause.into());
                None
            }
            Command::Fetch { limit, held } => self.fetch(limit, held).await,
            Command::Send(row) => {
                self.send(&row.message);
                None
            }
            Command::SendStatus(id) => self.send_status(&id),
            Command::Delete(ids) => self.delete(ids).await,
            Command::Revive => self.revive().await,
            Command::Refuse(id, trouble) => self.refuse(id, trouble).await,
        }
    }

    async fn link_event(&mut self, event: LinkEvent) -> Option<Event> {
        match event {
            LinkEvent::Connected { session_present, max_packet_bytes, receive_max } => {
                tracing::info!(broker = %self.dialer.url(), session_present, "connected");
                self.went_online();
                self.handle(Event::Connected { max_packet_bytes, receive_max }).await;
                self.send_health();
                None
            }
            LinkEvent::Published(id, Ok(())) => Some(Event::Acknowledged(id)),
            LinkEvent::Published(id, Err(trouble)) => Some(Event::Refused(id, trouble)),
            LinkEvent::Subscribed => None,
            LinkEvent::SubscriptionRefused(trouble) => {
                tracing::warn!(code = trouble.cause.code(), %trouble, "the broker refuses the subscription to acknowledgements");
                self.link_state.send_modify(|state| state.acks_refused = Some(trouble));
                None
            }
            LinkEvent::Message(message) => {
                self.acknowledge(&message).await;
                None
            }
            LinkEvent::Lost(trouble) => {
                self.link = None;
                let lost = Event::Lost(trouble.cause);
                self.went_offline(trouble);
                Some(lost)
            }
        }
    }

    fn connect(&mut self) {
        let offline = StatusPayload {
            state: DeviceState::Offline,
            reasons: vec![Reason { code: "connection_lost".into(), words: "the device does not answer".into() }],
            ..self.inputs.status.borrow().clone()
        };
        // Each connection's will is an event of its own, or a subscriber would pass over the second.
        self.messages += 1;
        let id = self.event_id(&format!("will-{}", self.messages));
        let will = events::status(&offline, id, None, &self.settings.topics);
        self.link = Some(self.dialer.open(Some((&will, self.settings.limits.will_delay))));
    }

    async fn fetch(&self, limit: usize, held: Vec<String>) -> Option<Event> {
        let protocol = self.protocol();
        self.with_store(move |store| {
            let held: Vec<&str> = held.iter().map(String::as_str).collect();
            let rows = store.outbox_next(limit, &held)?;
            let sized = rows.into_iter().map(|row| {
                let bytes = client::packet_bytes(&row.message, protocol);
                (row, bytes)
            });
            Ok(Event::Rows(sized.collect()))
        })
        .await
    }

    fn send_status(&mut self, id: &str) -> Option<Event> {
        let status = self.inputs.status.borrow_and_update().clone();
        let mut message = self.status_message(&status, id);
        // Inside, the short id tells a status from a row.
        message.event_id = id.to_owned();
        if let Err(trouble) = self.fits(&message) {
            return Some(Event::Refused(message.event_id, trouble));
        }
        self.send(&message);
        None
    }

    fn protocol(&self) -> Protocol {
        self.link.as_ref().map_or(Protocol::V5, Link::protocol)
    }

    /// Rows are checked by the core; what is not a row is checked here.
    fn fits(&self, message: &OutboxMessage) -> Result<(), Trouble> {
        let (bytes, most) = (client::packet_bytes(message, self.protocol()), self.outflow.max_packet_bytes());
        if bytes <= most { Ok(()) } else { Err(too_large(bytes, most)) }
    }

    /// A link that cannot take a message has ended, and its last word, which says why, is on its way. Should it not
    /// come, the acknowledgement is missed in time.
    fn send(&self, message: &OutboxMessage) {
        if let Some(Err(trouble)) = self.link.as_ref().map(|link| link.publish(message)) {
            tracing::debug!(%trouble, "the link has ended");
        }
    }

    /// Best effort: the next one follows soon.
    fn send_health(&mut self) {
        let Some(health) = self.inputs.health.borrow_and_update().clone() else { return };
        self.messages += 1;
        let id = self.event_id(&format!("health-{}", self.messages));
        let at = health.clock_trusted.then(Timestamp::now);
        let message = events::health(&health, id, at, &self.settings.topics);
        let Some(link) = self.link.as_ref().filter(|_| self.outflow.is_online()) else { return };
        if let Err(trouble) = self.fits(&message).and_then(|()| link.publish_once(&message)) {
            tracing::warn!(code = trouble.cause.code(), %trouble, "health not sent");
        }
    }

    async fn refuse(&self, id: String, trouble: Trouble) -> Option<Event> {
        let max_attempts = self.settings.limits.max_attempts;
        tracing::warn!(event_id = id, code = trouble.cause.code(), %trouble, "message refused");
        self.link_state.send_modify(|state| state.refused = Some(trouble.clone()));
        self.with_store(move |store| {
            let given_up = store.outbox_refused(&id, &trouble.line(), max_attempts, Timestamp::now())?;
            if given_up {
                tracing::error!(event_id = id, code = trouble.cause.code(), "message given up until its next life");
            }
            Ok(if given_up { Event::GivenUp(id) } else { Event::Tick })
        })
        .await
    }

    async fn acknowledge(&self, message: &Message) {
        let ack = match ack::parse(message, &self.settings.topics) {
            Ok(ack) => ack,
            Err(reason) => return tracing::warn!(%reason, "acknowledgement ignored"),
        };
        let store = self.store.clone();
        let at = Timestamp::now();
        let (topics, limits) = (self.settings.topics.clone(), self.settings.limits);
        // The status has a start where the clock is trusted.
        let clock_trusted = self.inputs.status.borrow().started_at.is_some();
        let recorded = tokio::task::spawn_blocking(move || {
            let (revision, note) = (ack.revision, ack.note.as_deref());
            let given = GivenAcknowledgement { study_key: &ack.study_key, revision, by: &ack.by, note, at };
            store.acknowledge_with(&given, |told, ack| {
                Some(events::acknowledged(told, ack, &topics, &limits, clock_trusted))
            })
        })
        .await;
        match recorded {
            Ok(Ok(Some(acknowledgement))) => {
                if self.acks.try_send(acknowledgement).is_err() {
                    tracing::warn!("nobody takes the acknowledgements; the store has them");
                }
            }
            Ok(Ok(None)) => tracing::warn!("acknowledgement of an unknown study or revision ignored"),
            Ok(Err(error)) => tracing::error!(%error, "acknowledgement not recorded"),
            Err(error) => tracing::error!(%error, "acknowledgement not recorded"),
        }
    }

    /// Runs blocking work of the store beside the task; a failure becomes an event, after a word in the log.
    async fn with_store(
        &self,
        work: impl FnOnce(&Store) -> Result<Event, StoreError> + Send + 'static,
    ) -> Option<Event> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(Ok(event)) => Some(event),
            Ok(Err(error)) => {
                tracing::error!(%error, "outbox");
                Some(Event::StoreFailed)
            }
            Err(error) => {
                tracing::error!(%error, "outbox");
                Some(Event::StoreFailed)
            }
        }
    }

    /// The envelope has a time where the payload has one: while the clock is trusted.
    fn status_message(&self, status: &StatusPayload, id: &str) -> OutboxMessage {
        let at = status.started_at.as_ref().map(|_| Timestamp::now());
        events::status(status, self.event_id(id), at, &self.settings.topics)
    }

    fn event_id(&self, rest: &str) -> String {
        format!("{}-{}-{rest}", self.settings.topics.device(), self.boot)
    }

    fn went_online(&self) {
        if let Some(Err(trouble)) = self.link.as_ref().map(|link| link.subscribe(&self.settings.topics.all_acks())) {
            tracing::warn!(%trouble, "cannot subscribe to acknowledgements");
        }
        self.link_state.send_modify(|state| {
            (state.online, state.since, state.acks_refused) = (true, Instant::now(), None);
        });
    }

    fn went_offline(&self, trouble: Trouble) {
        self.link_state.send_modify(|state| {
            if state.online || state.trouble.as_ref() != Some(&trouble) {
                tracing::warn!(broker = %self.dialer.url(), code = trouble.cause.code(), %trouble, "no broker");
            }
            if state.online {
                (state.online, state.since) = (false, Instant::now());
                state.losses += 1;
            }
            state.trouble = Some(trouble);
        });
    }

    /// The retained status must not stay `online` after an orderly end.
    async fn farewell(mut self) {
        let Some(mut link) = self.link.take().filter(|_| self.outflow.is_online()) else { return };
        let offline =
            StatusPayload { state: DeviceState::Offline, reasons: vec![], ..self.inputs.status.borrow().clone() };
        let id = format!("{STATUS_PREFIX}farewell");
        let mut message = self.status_message(&offline, "farewell");
        message.event_id.clone_from(&id);
        if link.publish(&message).is_ok() {
            let acknowledged = async {
                loop {
                    match link.next().await {
                        LinkEvent::Published(published, _) if published == id => break,
                        LinkEvent::Lost(_) => break,
                        _ => {}
                    }
                }
            };
            let _ = tokio::time::timeout(FAREWELL, acknowledged).await;
        }
        link.farewell(FAREWELL).await;
    }
}

async fn next(link: &mut Option<Link>) -> LinkEvent {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The standard library's hash keys are the only randomness that needs no device file.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(Instant::now())
}
