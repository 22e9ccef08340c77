//! Drives the desk: one thread between the readers, the networks, the ledger and the screen.
//!
//! Takes in readings, analyses, acknowledgements and the state of the share; executes what the desk wants, in order.
//! Never decodes, never draws, never waits for the network.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select};
use jiff::Timestamp;

use super::desk::{Act, Desk, Job, JobTag, Now, Reading, Statement};
use super::screen;
use super::signals::Signals;
use super::telling::{Moment, Teller};
use crate::display::DeviceState;
use crate::inference::{Done, Pool, SubmitError};
use crate::store::{FileRecord, StoreError};

/// Records are written together at least this often.
const FLUSH: Duration = Duration::from_millis(250);
/// The loop looks at the clock at least this often.
const TICK: Duration = Duration::from_millis(50);

/// What reaches the coordinator besides results of the networks.
#[derive(Debug)]
pub enum Input {
    /// A file was read.
    Read(Reading),
    /// A clinic has acknowledged a study.
    Acknowledged {
        /// Keyed hash of the study.
        study_key: String,
        /// Revision, the latest when absent.
        revision: Option<u32>,
        /// Who.
        by: String,
    },
}

/// See the module.
pub struct Coordinator {
    /// Decisions.
    pub desk: Desk,
    /// Networks; `None` on a device that does not analyse.
    pub pool: Option<Pool<JobTag>>,
    /// Verdicts and messages.
    pub teller: Teller,
    /// What the screen shows.
    pub screen: Arc<Mutex<DeviceState>>,
    /// Counters and flags shared with the other threads.
    pub signals: Arc<Signals>,
    waiting: VecDeque<Job>,
    records: Vec<FileRecord>,
    last_slice: BTreeMap<String, Duration>,
    flushed: Duration,
    idle_ticks: u32,
}

impl Coordinator {
    /// Nothing taken in yet.
    pub fn new(
        desk: Desk,
        pool: Option<Pool<JobTag>>,
        teller: Teller,
        screen: Arc<Mutex<DeviceState>>,
        signals: Arc<Signals>,
    ) -> Self {
        Self {
            desk,
            pool,
            teller,
            screen,
            signals,
            waiting: VecDeque::new(),
            records: Vec::new(),
            last_slice: BTreeMap::new(),
            flushed: Duration::ZERO,
            idle_ticks: 0,
        }
    }

    /// Works until the inputs end or the appliance stops.
    ///
    /// # Errors
    /// When the ledger cannot be written, or the networks' threads have ended: the process must end and start again.
    pub fn run(mut self, inputs: &Receiver<Input>) -> anyhow::Result<()> {
        while !self.signals.is_stopping() {
            let now = self.now();
            self.step(inputs, now)?;
            self.signals.beat("triage");
        }
        self.flush()?;
        Ok(())
    }

    fn step(&mut self, inputs: &Receiver<Input>, now: Now) -> anyhow::Result<()> {
        let results = self.pool.as_ref().map_or_else(never, |pool| pool.results().clone());
        // With enough work in hand nothing more is taken in: files wait on the share, not in memory.
        let inputs = if self.waiting.len() < self.signals.capacity { inputs.clone() } else { never() };
        let mut busy = true;
        select! {
            recv(inputs) -> input => match input {
                Ok(Input::Read(reading)) => self.read(reading, now)?,
                Ok(Input::Acknowledged { study_key, revision, by }) => self.acknowledge(&study_key, revision, &by, now)?,
                Err(_) => anyhow::bail!("the readers have ended"),
            },
            recv(results) -> done => match done {
                Ok(done) => self.analysed(done, now)?,
                Err(_) => anyhow::bail!("the inference workers have ended"),
            },
            default(TICK) => busy = false,
        }
        self.submit()?;
        if now.monotonic.saturating_sub(self.flushed) >= FLUSH {
            self.flush()?;
            self.flushed = now.monotonic;
            self.show_progress();
        }
        self.idle_ticks = if busy || self.signals.backlog() > 0 { 0 } else { self.idle_ticks + 1 };
        // Twice, because a file is in nobody's count for an instant while it changes hands.
        if self.idle_ticks >= 2 {
            let acts = self.desk.tick(now);
            self.execute(acts, now)?;
        }
        Ok(())
    }

    fn read(&mut self, reading: Reading, now: Now) -> anyhow::Result<()> {
        self.signals.files_taken_in.fetch_add(1, Ordering::Relaxed);
        if let super::desk::Content::Slices(slices) = &reading.content
            && let Some(slice) = slices.first()
        {
            self.last_slice.insert(slice.header.series_key.clone(), now.monotonic);
        }
        let acts = self.desk.read(reading, now);
        self.execute(acts, now)
    }

    fn analysed(&mut self, done: Done<JobTag>, now: Now) -> anyhow::Result<()> {
        self.signals.slices_analysed.fetch_add(1, Ordering::Relaxed);
        let analysis = done.outcome.map_err(|error| tracing::error!(slice = done.slice_key, "{error}")).ok();
        let acts = self.desk.analysed(&done.tag, done.waited, analysis);
        self.execute(acts, now)
    }

    fn execute(&mut self, acts: Vec<Act>, now: Now) -> anyhow::Result<()> {
        for act in acts {
            match act {
                Act::Analyse(job) => self.waiting.push_back(job),
                Act::Record(record) => self.records.push(record),
                Act::Tell(statement) => self.tell(&statement, now)?,
            }
        }
        Ok(())
    }

    /// What was read is recorded before what is said of it: after a power cut the evidence stands without its verdict,
    /// and the verdict is taken again; never the other way round.
    fn tell(&mut self, statement: &Statement, now: Now) -> anyhow::Result<()> {
        self.flush()?;
        let since = self.last_slice.get(&statement.series_key).map_or(Duration::ZERO, |at| now.monotonic - *at);
        let moment = Moment {
            at: now.wall,
            clock_trusted: self.signals.clock_trusted.load(Ordering::Relaxed),
            since_last_slice: since,
            unreadable: self.desk.unreadable(&statement.series_key),
            study_instance_uid: self.desk.study_instance_uid(&statement.series_key),
        };
        let committed = self.teller.tell(statement, moment)?;
        if let Some(committed) = committed {
            let picture = committed.assessment.findings.first().and_then(|finding| {
                self.desk.picture(&statement.series_key, &finding.best_slice.slice_key).cloned()
            });
            let report = screen::report(statement, &committed, picture.as_deref(), now);
            self.lock_screen().report(report, now.monotonic);
        }
        if !statement.assessment.provisional {
            self.last_slice.remove(&statement.series_key);
            self.desk.clear_away(&statement.series_key);
        }
        Ok(())
    }

    fn acknowledge(&mut self, study_key: &str, revision: Option<u32>, by: &str, now: Now) -> anyhow::Result<()> {
        if let Some(taken) = self.teller.store.acknowledge(study_key, revision, by, now.wall)? {
            self.lock_screen().acknowledge(&taken.study_key, &taken.by, now.monotonic);
        }
        Ok(())
    }

    fn submit(&mut self) -> anyhow::Result<()> {
        let Some(pool) = &self.pool else {
            self.waiting.clear();
            return Ok(());
        };
        while let Some(Job { tag, input }) = self.waiting.pop_front() {
            match pool.submit(tag, input) {
                Ok(()) => {}
                Err(SubmitError::Full(tag, input)) => {
                    self.waiting.push_front(Job { tag, input });
                    break;
                }
                Err(SubmitError::Ended(..)) => anyhow::bail!("the inference workers have ended"),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if !self.records.is_empty() {
            self.teller.store.record(&self.records)?;
            self.records.clear();
        }
        Ok(())
    }

    fn show_progress(&self) {
        let progress = self.desk.progress();
        self.lock_screen().set_arriving(progress.iter().map(screen::progress));
    }

    fn lock_screen(&self) -> MutexGuard<'_, DeviceState> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now { monotonic: self.signals.clock(), wall: Timestamp::now() }
    }
}
