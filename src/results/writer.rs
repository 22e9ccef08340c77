//! Writes the documents of committed revisions into the folder, oldest first. A thread of its own drives it.
//!
//! The store keeps what is to be written from the verdict's own transaction on, so that a power cut or a full disk delays a
//! document and never loses one; it is marked only after all its files are durable. A cut between the two writes the same
//! bytes under the same names again. What a gateway does not take is removed after `state.retention_days`, and nothing else is.

use std::time::Duration;

use jiff::Timestamp;

use super::{Folder, StudyResult, document, file_name};
use crate::config::ResultFormat;
use crate::store::{PendingResult, Store, StoreError};

/// Revisions read at a time.
const BATCH: u32 = 16;
/// Removed at a time.
const REMOVED: u32 = 200;

/// What came of a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Documents written.
    pub written: u32,
    /// Why something was not written, in one line.
    pub fault: Option<String>,
    /// The folder failed: what waits is tried again later.
    pub is_stuck: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    folder: Folder,
    formats: Vec<ResultFormat>,
    retention: Duration,
}

impl Writer {
    /// Nothing is read or written yet.
    pub const fn new(store: Store, folder: Folder, formats: Vec<ResultFormat>, retention: Duration) -> Self {
        Self { store, folder, formats, retention }
    }

    /// Writes what waits. Stops at the first file that the folder does not take, so that the order is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub fn write(&self, now: Timestamp) -> Result<Outcome, StoreError> {
        let mut outcome = Outcome::default();
        loop {
            let pending = self.store.pending_results(BATCH)?;
            if pending.is_empty() {
                return Ok(outcome);
            }
            for one in pending {
                let sequence = one.sequence;
                match self.documents(one, &mut outcome.fault) {
                    Ok(written) => outcome.written += written,
                    Err(reason) => return Ok(Outcome { fault: Some(reason), is_stuck: true, ..outcome }),
                }
                self.store.result_written(sequence, now)?;
            }
        }
    }

    /// Removes what was written longer ago than the retention and is still in the folder.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let Ok(before) = now.checked_sub(self.retention) else { return Ok(()) };
        for event_id in self.store.old_results(before, REMOVED)? {
            match self.folder.remove(&event_id) {
                Ok(()) => self.store.forget_result(&event_id)?,
                Err(error) => tracing::warn!(event_id, "an old result cannot be removed: {error}"),
            }
        }
        Ok(())
    }

    /// One revision in every format. A document that cannot be made is a fault that is told and not tried again; a folder that
    /// takes none is an error.
    fn documents(&self, pending: PendingResult, fault: &mut Option<String>) -> Result<u32, String> {
        let event_id = pending.event_id.clone();
        let result = match StudyResult::recalled(pending) {
            Ok(result) => result,
            Err(error) => {
                *fault = Some(given_up(&event_id, "every format", &error));
                return Ok(0);
            }
        };
        let mut written = 0;
        for format in &self.formats {
            match document(&result, *format) {
                Ok(Some(bytes)) => {
                    self.folder
                        .write(&file_name(&event_id, *format), &bytes)
                        .map_err(|error| format!("{}: {}", self.folder.dir().display(), plain(&error)))?;
                    written += 1;
                }
                Ok(None) => {}
                Err(error) => *fault = Some(given_up(&event_id, format.name(), &error)),
            }
        }
        Ok(written)
    }
}

fn given_up(event_id: &str, what: &str, error: &dyn std::fmt::Display) -> String {
    tracing::error!(event_id, format = what, "a result cannot be made: {error}");
    format!("{what}: {error}")
}

/// What the system said, without its number.
fn plain(error: &std::io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error").next().unwrap_or(&words).to_lowercase()
}
