//! The publisher's handle: starts the task that drains the outbox, tells it status and health, shows the link.
//!
//! Takes in the settings, the store and the device's status; hands on the state of the link and the acknowledgements
//! of clinics. Never waits for the broker.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Settings;
use super::cause::Trouble;
use super::driver::{Driver, FAREWELL, Inputs};
use super::payload::{HealthPayload, StatusPayload};
use crate::store::{Acknowledgement, Store, StoreError};

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
    pub trouble: Option<Trouble>,
    /// How often it was lost.
    pub losses: u32,
    /// Why the broker has refused a message last. Whether any refused one is left, the store knows.
    pub refused: Option<Trouble>,
    /// Why acknowledgements cannot arrive, when the broker refuses the subscription.
    pub acks_refused: Option<Trouble>,
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
        let refused = store.dead_letters(1)?.first().map(|letter| Trouble::from_line(&letter.reason));
        let revived = store.outbox_revive()?;
        if revived > 0 {
            tracing::info!(revived, "messages that were given up are tried again");
        }
        let offline =
            LinkState { online: false, since: Instant::now(), trouble: None, losses: 0, refused, acks_refused: None };
        let (link_sender, link) = watch::channel(offline);
        let (status, status_receiver) = watch::channel(birth);
        let (health, health_receiver) = watch::channel(None);
        let (ack_sender, acks) = mpsc::channel(ACK_CAPACITY);
        let (stop, stopped) = oneshot::channel();
        let inputs = Inputs { status: status_receiver, health: health_receiver };
        let driver = Driver::new(settings, store, inputs, link_sender, ack_sender);
        let task = tokio::spawn(driver.run(stopped));
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

    /// Says `offline` and farewell, within four seconds. What is still in the outbox leaves after the next start.
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
