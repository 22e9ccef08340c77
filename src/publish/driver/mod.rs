//! The task behind the publisher: drains the outbox to the broker and brings acknowledgements back.
//!
//! [`Outflow`] decides; this task owns the clock, the link and the way to the store, and carries the decisions out.
//! Never deletes a row before the broker has acknowledged it.

mod outbox;

mod own;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::Settings;
use super::cause::Trouble;
use super::client::{Dialer, Link, LinkEvent};
use super::outflow::{Command, Event, Outflow};
use super::payload::{HealthPayload, StatusPayload};
use super::publisher::LinkState;
use crate::store::{Acknowledgement, OutboxMessage, Store};

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

    /// A link that cannot take a message has ended, and its last word, which says why, is on its way. Should it not
    /// come, the acknowledgement is missed in time.
    fn send(&self, message: &OutboxMessage) {
        if let Some(Err(trouble)) = self.link.as_ref().map(|link| link.publish(message)) {
            tracing::debug!(%trouble, "the link has ended");
        }
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
