//! The task between the broker and the board: events in, acknowledgements out, again until the device has recorded them.
//!
//! Owns the clocks and the link. Tells whoever watches that something has changed, and what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use super::board::{Board, Heard, Now, Rules};
use super::view::View;
use crate::publish::{
    AckPayload, CloudEvent, Connection, EventKind, NotAnAck, Subscriber, ack_name, ack_note, rfc3339,
};
use crate::store::{MessagePriority, OutboxMessage};

/// Ages move, devices fall silent, old studies leave: looked after this often.
const TICK: Duration = Duration::from_secs(1);
/// An acknowledgement is sent so often until the device has recorded it, each time after twice the wait.
const ATTEMPTS: u32 = 6;
/// Wait before the second attempt.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// Changes that a slow watcher may leave unread before it is told to look at everything.
const CHANGES: usize = 256;

/// What a person acknowledges.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToAcknowledge {
    /// `site/device/study-key`.
    pub id: String,
    /// The event that they saw.
    pub event_id: String,
    /// Who.
    pub by: String,
    /// What they write; nothing that identifies a patient.
    #[serde(default)]
    pub note: String,
}

/// Why an acknowledgement is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such study.
    #[error("this study is no longer in the list")]
    Unknown,
    /// The study was revised while the person looked at it.
    #[error("this study was revised meanwhile: look at it again")]
    Revised,
    /// The name or the note does not fit.
    #[error(transparent)]
    Words(#[from] NotAnAck),
    /// The link is down.
    #[error("no connection to the broker: the acknowledgement was not sent")]
    Offline,
}

/// Handle to the running task; clones share it.
#[derive(Clone, Debug)]
pub struct Clinic {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    board: Mutex<Board>,
    changes: broadcast::Sender<Heard>,
    acks: mpsc::Sender<Outgoing>,
    started: Instant,
    name: String,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// An acknowledgement until the device has recorded it.
#[derive(Clone, Debug)]
struct Outgoing {
    id: String,
    message: OutboxMessage,
    attempts: u32,
    due: Duration,
}

impl Clinic {
    /// Starts to listen to `filter` (inside a tokio runtime); connects for as long as it takes. `name` is this workplace.
    pub fn start(connection: Connection, filter: String, rules: Rules, name: &str) -> Self {
        let (acks, outgoing) = mpsc::channel(64);
        let shared = Arc::new(Shared {
            board: Mutex::new(Board::new(rules)),
            changes: broadcast::channel(CHANGES).0,
            acks,
            started: Instant::now(),
            name: name.to_owned(),
            task: Mutex::default(),
        });
        let task = tokio::spawn(run(Arc::clone(&shared), connection, filter, outgoing));
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Self { shared }
    }

    /// The two clocks.
    pub fn now(&self) -> Now {
        self.shared.now()
    }

    /// Everything as it stands.
    pub fn view(&self) -> View {
        self.board().view(self.now())
    }

    /// The board itself.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.shared.board()
    }

    /// What changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Heard> {
        self.shared.changes.subscribe()
    }

    /// Sends an acknowledgement, and again until the device has recorded it.
    ///
    /// # Errors
    /// [`Refused`]; nothing is sent then.
    pub fn acknowledge(&self, given: &ToAcknowledge) -> Result<(), Refused> {
        let (by, note) = (ack_name(&given.by)?, ack_note(&given.note)?);
        let now = self.now();
        let mut board = self.board();
        let event_id = board.to_acknowledge(&given.id, &given.event_id).ok_or(Refused::Unknown)?;
        let event_id = event_id.ok_or(Refused::Revised)?;
        let (place, study_key) = given.id.rsplit_once('/').ok_or(Refused::Unknown)?;
        if !board.is_online() {
            return Err(Refused::Offline);
        }
        let message = self.shared.message(place, study_key, &event_id, (&by, note.as_deref()), now);
        let outgoing = Outgoing { id: given.id.clone(), message, attempts: 0, due: now.monotonic };
        self.shared.acks.try_send(outgoing).map_err(|_| Refused::Offline)?;
        board.sent(&given.id, &by, note.as_deref(), now);
        drop(board);
        let _ = self.shared.changes.send(Heard::Study(given.id.clone()));
        Ok(())
    }

    /// Ends the connection.
    pub fn stop(&self) {
        if let Some(task) = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Shared {
    fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed(), wall: Timestamp::now() }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, what: Heard) {
        if what != Heard::Nothing {
            let _ = self.changes.send(what);
        }
    }

    fn link(&self, state: Result<(), String>) {
        self.board().link(state, self.now());
        self.changed(Heard::Link);
    }

    fn message(
        &self,
        place: &str,
        study_key: &str,
        event_id: &str,
        (by, note): (&str, Option<&str>),
        now: Now,
    ) -> OutboxMessage {
        let payload = AckPayload {
            acknowledged_by: by.to_owned(),
            event_id: Some(event_id.to_owned()),
            note: note.map(str::to_owned),
        };
        let event = CloudEvent {
            id: format!("ack-{event_id}-{}-{}", now.wall.as_millisecond(), self.started.elapsed().as_micros()),
            source: format!("/spinewatch/clinic/{}", self.name),
            kind: EventKind::Ack,
            time: Some(rfc3339(now.wall)),
            subject: Some(study_key.to_owned()),
        };
        let mut properties = event.properties();
        properties.correlation_data = Some(event_id.to_owned());
        OutboxMessage {
            event_id: event.id,
            topic: format!("spinewatch/v1/{place}/ack/{study_key}"),
            payload: serde_json::to_vec(&payload).unwrap_or_default(),
            properties,
            retain: false,
            expiry_secs: Some(24 * 3600),
            priority: MessagePriority::Other,
        }
    }
}

async fn run(shared: Arc<Shared>, connection: Connection, filter: String, mut acks: mpsc::Receiver<Outgoing>) {
    let mut subscriber = connected(&shared, &connection, &filter).await;
    let mut link = subscriber.link();
    let mut waiting: BTreeMap<String, Outgoing> = BTreeMap::new();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            event = subscriber.next_event() => match event {
                Some(event) => {
                    let heard = shared.board().hear(&event, shared.now());
                    shared.changed(heard);
                }
                None => {
                    subscriber = connected(&shared, &connection, &filter).await;
                    link = subscriber.link();
                }
            },
            Ok(()) = link.changed() => {
                let state = link.borrow_and_update().clone();
                shared.link(state);
            }
            Some(outgoing) = acks.recv() => {
                waiting.insert(outgoing.id.clone(), outgoing);
                send_due(&shared, &subscriber, &mut waiting).await;
            }
            _ = ticks.tick() => {
                shared.board().tidy(shared.now());
                send_due(&shared, &subscriber, &mut waiting).await;
            }
        }
    }
}

async fn connected(shared: &Shared, connection: &Connection, filter: &str) -> Subscriber {
    loop {
        match Subscriber::connect(connection.clone(), filter.to_owned()).await {
            Ok(subscriber) => {
                shared.link(Ok(()));
                return subscriber;
            }
            Err(reason) => {
                tracing::warn!(broker = %connection.url, reason, "no broker");
                shared.link(Err(reason));
                tokio::time::sleep(TICK).await;
            }
        }
    }
}

/// Sends what is due, and forgets what the device has recorded or what was tried often enough.
async fn send_due(shared: &Shared, subscriber: &Subscriber, waiting: &mut BTreeMap<String, Outgoing>) {
    let now = shared.now().monotonic;
    let online = subscriber.link().borrow().is_ok();
    waiting.retain(|id, outgoing| outgoing.attempts < ATTEMPTS && !shared.board().is_acknowledged(id));
    for outgoing in waiting.values_mut().filter(|outgoing| online && outgoing.due <= now) {
        subscriber.publish(outgoing.message.clone()).await;
        outgoing.due = now + FIRST_WAIT * 2_u32.pow(outgoing.attempts);
        outgoing.attempts += 1;
    }
}
