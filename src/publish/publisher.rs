//! The publisher: a task that drains the outbox to the broker and brings acknowledgements back.
//!
//! Takes in committed rows (through the store), the device's status and health; hands on the state of the link and the
//! acknowledgements of clinics. [`Outflow`] decides, this file owns the clock, the link and the store. Never deletes a
//! row before the broker has acknowledged it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::client::{self, Link, LinkEvent, Message};
use super::outflow::{Command, Event, Outflow, STATUS_PREFIX};
use super::payload::{DeviceState, HealthPayload, Reason, StatusPayload};
use super::{Settings, ack, events};
use crate::store::{Acknowledgement, OutboxMessage, Store, StoreError};

/// How long the broker waits for a device that vanished before it publishes the last will: a short outage is no alarm.
const WILL_DELAY: Duration = Duration::from_secs(5);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Acknowledgements that may wait for the screen; all of them are in the store as well.
const ACK_CAPACITY: usize = 64;

/// The link to the broker, for screen and health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// The broker accepts messages.
    pub online: bool,
    /// Since when it has been so.
    pub since: Instant,
    /// Why it was last lost, or could not be built.
    pub reason: Option<String>,
    /// How often it was lost.
    pub losses: u32,
    /// Why acknowledgements cannot arrive, when the broker refuses the subscription.
    pub acks_refused: Option<String>,
}

/// Handle to the running publisher. When it is dropped without [`Publisher::stop`], the broker publishes the last will.
#[derive(Debug)]
pub struct Publisher {
    link: watch::Receiver<LinkState>,
    status: watch::Sender<StatusPayload>,
    health: watch::Sender<Option<HealthPayload>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Starts the task (inside a tokio runtime). Messages that were given up before this start get another life. The
    /// receiver gives the acknowledgements by clinics, each after it was recorded in the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn start(
        settings: Settings,
        store: Store,
        birth: StatusPayload,
    ) -> Result<(Self, mpsc::Receiver<Acknowledgement>), StoreError> {
        let revived = store.outbox_revive()?;
        if revived > 0 {
            tracing::info!(revived, "messages that were given up are tried again");
        }
        let now = Instant::now();
        let (link_sender, link) =
            watch::channel(LinkState { online: false, since: now, reason: None, losses: 0, acks_refused: None });
        let (status, status_receiver) = watch::channel(birth);
        let (health, health_receiver) = watch::channel(None);
        let (ack_sender, acks) = mpsc::channel(ACK_CAPACITY);
        let (stop, stop_receiver) = oneshot::channel();
        let driver = Driver {
            outflow: Outflow::new(settings.limits, rand_seed()),
            settings,
            store,
            link: None,
            started: now,
            boot: format!("{:016x}", rand_seed()),
            messages: 0,
            status: status_receiver,
            health: health_receiver,
            link_state: link_sender,
            acks: ack_sender,
        };
        let task = tokio::spawn(driver.run(stop_receiver));
        Ok((Self { link, status, health, stop: Some(stop), task }, acks))
    }

    /// The state of the link, now and on every change.
    pub fn link(&self) -> watch::Receiver<LinkState> {
        self.link.clone()
    }

    /// Publishes the device's status, if it differs from the last; it is published again after every connect.
    pub fn set_status(&self, status: StatusPayload) {
        self.status.send_if_modified(|last| {
            let differs = *last != status;
            *last = status;
            differs
        });
    }

    /// Publishes the device's health; the latest goes out again after a connect.
    pub fn set_health(&self, health: HealthPayload) {
        self.health.send_replace(Some(health));
    }

    /// Says `offline` and farewell, within two seconds. What is still in the outbox leaves after the next start.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
            let _ = tokio::time::timeout(2 * FAREWELL, &mut self.task).await;
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Driver {
    settings: Settings,
    store: Store,
    outflow: Outflow,
    link: Option<Link>,
    started: Instant,
    /// Makes the ids of status and health messages unique over restarts.
    boot: String,
    messages: u64,
    status: watch::Receiver<StatusPayload>,
    health: watch::Receiver<Option<HealthPayload>>,
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
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
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
                Ok(()) = self.status.changed() => Wake::Event(Event::StatusChanged),
                Ok(()) = self.health.changed() => Wake::Health,
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

    async fn carry_out(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Connect => {
                self.connect();
                None
            }
            Command::Drop(reason) => {
                self.link = None;
                self.went_offline(reason);
                None
            }
            Command::Fetch { limit, held } => self.fetch(limit, held).await,
            Command::Send(row) => self.send(&row.message),
            Command::SendStatus(id) => self.send_status(&id),
            Command::Delete(id) => {
                let gone = Event::Gone(id.clone());
                self.with_store(move |store| store.outbox_sent(&id).map(|()| gone)).await
            }
            Command::Refuse(id, reason) => self.refuse(id, reason).await,
        }
    }

    async fn link_event(&mut self, event: LinkEvent) -> Option<Event> {
        match event {
            LinkEvent::Connected { session_present, max_packet_bytes, receive_max } => {
                tracing::info!(broker = %self.settings.connection.url, session_present, "connected");
                self.went_online();
                self.send_health();
                Some(Event::Connected { max_packet_bytes, receive_max })
            }
            LinkEvent::Published(id, Ok(())) => Some(Event::Acknowledged(id)),
            LinkEvent::Published(id, Err(reason)) => Some(Event::Refused(id, reason)),
            LinkEvent::Subscribed => None,
            LinkEvent::SubscriptionRefused(reason) => {
                tracing::warn!(reason, "the broker refuses the subscription to acknowledgements");
                self.link_state.send_modify(|state| state.acks_refused = Some(reason));
                None
            }
            LinkEvent::Message(message) => {
                self.acknowledge(&message).await;
                None
            }
            LinkEvent::Lost(reason) => {
                self.link = None;
                self.went_offline(&reason);
                Some(Event::Lost)
            }
        }
    }

    fn connect(&mut self) {
        let offline = StatusPayload {
            state: DeviceState::Offline,
            reasons: vec![Reason { code: "connection_lost".into(), words: "the device does not answer".into() }],
            ..self.status.borrow().clone()
        };
        let will = events::status(&offline, self.event_id("will"), None, &self.settings.topics);
        self.link = Some(Link::open(&self.settings.connection, Some((&will, WILL_DELAY))));
    }

    async fn fetch(&self, limit: usize, held: Vec<String>) -> Option<Event> {
        self.with_store(move |store| {
            let held: Vec<&str> = held.iter().map(String::as_str).collect();
            let rows = store.outbox_next(limit, &held)?;
            let sized = rows.into_iter().map(|row| {
                let bytes = client::packet_bytes(&row.message);
                (row, bytes)
            });
            Ok(Event::Rows(sized.collect()))
        })
        .await
    }

    fn send_status(&mut self, id: &str) -> Option<Event> {
        let status = self.status.borrow_and_update().clone();
        let mut message = events::status(&status, self.event_id(id), Some(Timestamp::now()), &self.settings.topics);
        // Inside, the short id tells a status from a row.
        message.event_id = id.to_owned();
        self.send(&message)
    }

    /// A link that cannot take a message is of no use.
    fn send(&mut self, message: &OutboxMessage) -> Option<Event> {
        let link = self.link.as_ref()?;
        let reason = link.publish(message).err()?;
        self.link = None;
        self.went_offline(&reason);
        Some(Event::Lost)
    }

    /// Best effort: the next one follows soon.
    fn send_health(&mut self) {
        let Some(health) = self.health.borrow_and_update().clone() else { return };
        self.messages += 1;
        let id = self.event_id(&format!("health-{}", self.messages));
        let message = events::health(&health, id, Some(Timestamp::now()), &self.settings.topics);
        if let Some(link) = self.link.as_ref().filter(|_| self.link_state.borrow().online)
            && let Err(reason) = link.publish_once(&message)
        {
            tracing::debug!(reason, "health not sent");
        }
    }

    async fn refuse(&self, id: String, reason: String) -> Option<Event> {
        let max_attempts = self.settings.limits.max_attempts;
        tracing::warn!(event_id = id, reason, "message refused");
        self.with_store(move |store| {
            let given_up = store.outbox_refused(&id, &reason, max_attempts)?;
            if given_up {
                tracing::error!(event_id = id, reason, "message given up until the next start");
            }
            Ok(if given_up { Event::Gone(id) } else { Event::Tick })
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
        let recorded =
            tokio::task::spawn_blocking(move || store.acknowledge(&ack.study_key, ack.revision, &ack.by, at)).await;
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

    fn event_id(&self, rest: &str) -> String {
        format!("{}-{}-{rest}", self.settings.topics.device(), self.boot)
    }

    fn went_online(&self) {
        if let Some(Err(reason)) = self.link.as_ref().map(|link| link.subscribe(&self.settings.topics.all_acks())) {
            tracing::warn!(reason, "cannot subscribe to acknowledgements");
        }
        self.link_state.send_modify(|state| {
            (state.online, state.since, state.acks_refused) = (true, Instant::now(), None);
        });
    }

    fn went_offline(&self, reason: &str) {
        self.link_state.send_modify(|state| {
            if state.online || state.reason.is_none() {
                tracing::warn!(broker = %self.settings.connection.url, reason, "no broker");
            }
            if state.online {
                (state.online, state.since) = (false, Instant::now());
                state.losses += 1;
            }
            state.reason = Some(reason.to_owned());
        });
    }

    /// The retained status must not stay `online` after an orderly end.
    async fn farewell(mut self) {
        let Some(mut link) = self.link.take().filter(|_| self.outflow.is_online()) else { return };
        let offline = StatusPayload { state: DeviceState::Offline, reasons: vec![], ..self.status.borrow().clone() };
        let id = format!("{STATUS_PREFIX}farewell");
        let mut message =
            events::status(&offline, self.event_id("farewell"), Some(Timestamp::now()), &self.settings.topics);
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
fn rand_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(Instant::now())
}
