//! The named threads of the appliance; the first to end ends the process.

use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

/// How a thread ended.
#[derive(Debug)]
pub struct Ended {
    /// Its name.
    pub name: &'static str,
    /// Why, if not in order.
    pub outcome: anyhow::Result<()>,
}

/// Starts threads and hears of their ends.
#[derive(Debug)]
pub struct Threads {
    sender: Sender<Ended>,
    ended: Receiver<Ended>,
    running: Vec<(&'static str, thread::JoinHandle<()>)>,
}

impl Default for Threads {
    fn default() -> Self {
        let (sender, ended) = unbounded();
        Self { sender, ended, running: Vec::new() }
    }
}

impl Threads {
    /// Starts a thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> std::io::Result<()> {
        let thread = self.spawn(name, work)?;
        self.running.push((name, thread));
        Ok(())
    }

    /// As [`Self::start`], for work that may hang in a dead mount: it is not waited for at the end.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start_unjoined(
        &self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> std::io::Result<()> {
        self.spawn(name, work).map(drop)
    }

    fn spawn(
        &self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> std::io::Result<thread::JoinHandle<()>> {
        let guard = Guard { name, sender: self.sender.clone(), outcome: None };
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut guard = guard;
            guard.outcome = Some(work());
        })
    }

    /// Where ends are told.
    pub const fn ended(&self) -> &Receiver<Ended> {
        &self.ended
    }

    /// Waits for all of them.
    pub fn join(self) {
        for (name, thread) in self.running {
            if thread.join().is_err() {
                tracing::error!(thread = name, "panicked");
            }
        }
    }
}

/// Tells the end of a thread also when it panics.
struct Guard {
    name: &'static str,
    sender: Sender<Ended>,
    outcome: Option<anyhow::Result<()>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Err(anyhow::anyhow!("panicked")));
        let _ = self.sender.send(Ended { name: self.name, outcome });
    }
}
