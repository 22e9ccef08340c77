//! Drives the writer of results on a thread of its own, and tells health how it stands.
//!
//! Looks into the store, where the verdicts put down what is to be written; never in the path of a slice or of an alert.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use super::launch::lock;
use super::signals::Signals;
use crate::config::Settings;
use crate::health::Health;
use crate::results::{Folder, Writer};
use crate::store::Store;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Time between two tries while the folder fails.
const RETRY: Duration = Duration::from_secs(5);
/// Old documents are removed this often.
const REMOVE: Duration = Duration::from_secs(3600);

/// The writer that the settings name; `None` where no format is wanted.
pub fn writer(settings: &Settings, store: &Store) -> Option<Writer> {
    let wanted = &settings.results;
    let retention = Duration::from_secs(u64::from(settings.state.retention_days) * 86_400);
    (!wanted.formats.is_empty())
        .then(|| Writer::new(store.clone(), Folder::new(wanted.dir.clone()), wanted.formats.clone(), retention))
}

/// Writes until the appliance stops.
///
/// # Errors
/// When the database fails.
pub fn file(writer: &Writer, signals: &Signals, health: &Arc<Mutex<Health>>) -> anyhow::Result<()> {
    let (mut next_try, mut removed, mut was_stuck) = (Duration::ZERO, None, false);
    while !signals.is_stopping() {
        let now = signals.clock();
        if now >= next_try {
            lock(health).results_busy(Some(now));
            let outcome = writer.write(Timestamp::now())?;
            lock(health).results_busy(None);
            next_try = if outcome.is_stuck { now + RETRY } else { Duration::ZERO };
            // What could not be made stays on the screen until something is written.
            if outcome.fault.is_some() || outcome.written > 0 || was_stuck {
                lock(health).results(outcome.fault);
            }
            was_stuck = outcome.is_stuck;
        }
        let trusted = signals.clock_trusted.load(std::sync::atomic::Ordering::Relaxed);
        if trusted && removed.is_none_or(|at| now.saturating_sub(at) >= REMOVE) {
            removed = Some(now);
            writer.remove_old(Timestamp::now())?;
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
