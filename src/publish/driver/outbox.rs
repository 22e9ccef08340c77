//! The driver's way to the store: rows out of the outbox and away, acknowledgements into the record.
//!
//! The store blocks, so it is asked beside the task. Never deletes a row before the broker has acknowledged it.

use jiff::Timestamp;

use super::Driver;
use crate::publish::cause::Trouble;
use crate::publish::client::{self, Message};
use crate::publish::outflow::Event;
use crate::publish::{ack, events};
use crate::store::{GivenAcknowledgement, Store, StoreError};

impl Driver {
    pub(super) async fn fetch(&self, limit: usize, held: Vec<String>) -> Option<Event> {
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

    pub(super) async fn delete(&self, ids: Vec<String>) -> Option<Event> {
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

    pub(super) async fn revive(&self) -> Option<Event> {
        self.with_store(|store| {
            let revived = store.outbox_revive()?;
            tracing::info!(revived, "messages that were given up are tried again");
            Ok(Event::Revived)
        })
        .await
    }

    pub(super) async fn refuse(&self, id: String, trouble: Trouble) -> Option<Event> {
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

    pub(super) async fn acknowledge(&self, message: &Message) {
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
}
