//! What the device tells of itself, beside the outbox: status, health, last will, farewell.

use jiff::Timestamp;

use super::{Driver, FAREWELL};
use crate::publish::cause::Trouble;
use crate::publish::client::{self, Link, LinkEvent, Protocol};
use crate::publish::events;
use crate::publish::outflow::{Event, STATUS_PREFIX, too_large};
use crate::publish::payload::{DeviceState, Reason, StatusPayload};
use crate::store::OutboxMessage;

impl Driver {
    pub(super) fn connect(&mut self) {
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

    pub(super) fn send_status(&mut self, id: &str) -> Option<Event> {
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

    /// Best effort: the next one follows soon.
    pub(super) fn send_health(&mut self) {
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

    /// Rows are checked by the core; what is not a row is checked here.
    fn fits(&self, message: &OutboxMessage) -> Result<(), Trouble> {
        let (bytes, most) = (client::packet_bytes(message, self.protocol()), self.outflow.max_packet_bytes());
        if bytes <= most { Ok(()) } else { Err(too_large(bytes, most)) }
    }

    /// The envelope has a time where the payload has one: while the clock is trusted.
    fn status_message(&self, status: &StatusPayload, id: &str) -> OutboxMessage {
        let at = status.started_at.as_ref().map(|_| Timestamp::now());
        events::status(status, self.event_id(id), at, &self.settings.topics)
    }

    fn event_id(&self, rest: &str) -> String {
        format!("{}-{}-{rest}", self.settings.topics.device(), self.boot)
    }

    /// The retained status must not stay `online` after an orderly end.
    pub(super) async fn farewell(mut self) {
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

    pub(super) fn protocol(&self) -> Protocol {
        self.link.as_ref().map_or(Protocol::V5, Link::protocol)
    }
}
