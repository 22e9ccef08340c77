//! The scanner on a thread of its own, with the clock and the pauses that it does not have itself.

use super::pulse::Pulse;
use super::scanner::Scanner;
use super::share::Share;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A scanner at work. Dropping it asks the thread to end, and does not wait: the thread may hang in a dead mount.
#[derive(Debug)]
pub struct Running {
    pulse: Arc<Pulse>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// The scanner's signs of life.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// The thread has ended: nobody listens to it any more, or it has panicked.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Asks the thread to end after the call to the share that it is in, and hands it over. Joining it can take as long
    /// as a dead mount pleases.
    pub fn stop(self) -> JoinHandle<()> {
        drop(self.stop);
        self.thread
    }
}

impl<S: Share + 'static> Scanner<S> {
    /// Scans on a thread named `ingest` until stopped or deserted. `clock` is the process's monotonic clock.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn spawn(mut self, clock: impl Fn() -> Duration + Send + 'static) -> io::Result<Running> {
        let pulse = self.pulse();
        let (stop, stopped) = bounded(0);
        let thread = thread::Builder::new().name("ingest".into()).spawn(move || {
            while let Ok(report) = self.scan(&clock) {
                if stopped.recv_timeout(report.pause) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        })?;
        Ok(Running { pulse, stop, thread })
    }
}
