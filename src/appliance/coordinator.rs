//! Drives the desk: one thread between the readers, the networks, the ledger and the screen.
//!
//! Takes in readings, analyses, acknowledgements and the state of the share; executes what the desk wants, in order.
//! Never decodes, never draws, never waits for the network.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select};
use jiff::Timestamp;

use super::desk::{Act, Content, Desk, Job, JobTag, Now, Reading, Statement};
use super::launch::lock;
use super::screen;
use super::signals::Signals;
use super::telling::{Moment, Teller};
use crate::display::DeviceState;
use crate::health::{Beat, Health};
use crate::inference::{Done, Pool, PreparedSlice, SubmitError};
use crate::ingest::{Event, Pulse};
use crate::publish::KeyImage;
use crate::store::{FileRecord, StoreError};

/// Slices that may wait for the networks in memory, some 80 KiB each.
const MOST_WAITING: usize = 64;
/// Records are written together at least this often.
const FLUSH: Duration = Duration::from_millis(250);
/// The loop looks at the clock at least this often.
const TICK: Duration = Duration::from_millis(50);

/// What the coordinator works with.
pub struct Parts {
    /// Decisions.
    pub desk: Desk,
    /// Networks; `None` on a device that does not analyse.
    pub pool: Option<Pool<JobTag>>,
    /// Verdicts and messages.
    pub teller: Teller,
    /// What the screen shows.
    pub screen: Arc<Mutex<DeviceState>>,
    /// Clock and flags shared with the other threads.
    pub signals: Arc<Signals>,
    /// Key images may leave the device.
    pub key_images: bool,
    /// What goes through is counted there.
    pub health: Arc<Mutex<Health>>,
    /// Files that ingest has handed over and no reader has taken yet; only ever counted.
    pub arrivals: Receiver<Event>,
    /// The scanner's signs of life.
    pub share: Arc<Pulse>,
    /// A slice that the networks are busy with for longer is a fault.
    pub slice_deadline: Duration,
}

/// See the module.
pub struct Coordinator {
    parts: Parts,
    waiting: VecDeque<Job>,
    records: Vec<FileRecord>,
    last_slice: BTreeMap<String, Duration>,
    flushed: Duration,
    nothing_waits: u32,
}

impl Coordinator {
    /// Nothing taken in yet.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            waiting: VecDeque::new(),
            records: Vec::new(),
            last_slice: BTreeMap::new(),
            flushed: Duration::ZERO,
            nothing_waits: 0,
        }
    }

    /// Works until the inputs end or the appliance stops.
    ///
    /// # Errors
    /// When the ledger cannot be written, or the networks' threads have ended: the process must end and start again.
    pub fn run(mut self, readings: &Receiver<Reading>, beat: &Beat) -> anyhow::Result<()> {
        while !self.parts.signals.is_stopping() {
            let now = self.now();
            self.step(readings, now)?;
            self.watch_networks(now, beat);
        }
        self.flush()?;
        Ok(())
    }

    fn step(&mut self, readings: &Receiver<Reading>, now: Now) -> anyhow::Result<()> {
        let results = self.parts.pool.as_ref().map_or_else(never, |pool| pool.results().clone());
        // With enough work in hand nothing more is taken in: files wait on the share, not in memory.
        let inputs = if self.waiting.len() < MOST_WAITING { readings.clone() } else { never() };
        select! {
            recv(inputs) -> reading => match reading {
                Ok(reading) => self.read(reading, now)?,
                Err(_) => anyhow::bail!("the readers have ended"),
            },
            recv(results) -> done => match done {
                Ok(done) => self.analysed(done, now)?,
                Err(_) => anyhow::bail!("the inference workers have ended"),
            },
            default(TICK) => {}
        }
        self.submit()?;
        if now.monotonic.saturating_sub(self.flushed) >= FLUSH {
            self.flush()?;
            self.flushed = now.monotonic;
            self.show_progress();
        }
        // Asked for first: what was handed on before it was set is in the count below.
        let caught_up = self.parts.share.has_caught_up();
        let backlog = self.parts.signals.backlog(&self.parts.arrivals, readings);
        self.nothing_waits = if backlog > 0 { 0 } else { self.nothing_waits + 1 };
        // Twice, because a file is in nobody's count for an instant while it changes hands.
        if self.nothing_waits >= 2 {
            let acts = self.parts.desk.tick(now, caught_up);
            self.execute(acts, now)?;
        }
        Ok(())
    }

    fn read(&mut self, reading: Reading, now: Now) -> anyhow::Result<()> {
        if let Content::Slices(slices) = &reading.content
            && let Some(slice) = slices.first()
        {
            self.recall(&slice.header.series_key, now)?;
            self.last_slice.insert(slice.header.series_key.clone(), now.monotonic);
        }
        let acts = self.parts.desk.read(reading, now);
        self.execute(acts, now)
    }

    /// A late slice of a series that is no longer on the desk: what is recorded of it comes back first.
    fn recall(&mut self, series_key: &str, now: Now) -> Result<(), StoreError> {
        if !self.parts.desk.knows(series_key)
            && let Some(recorded) = self.parts.teller.store.series(series_key)?
        {
            self.parts.desk.restore(recorded, now);
        }
        Ok(())
    }

    fn analysed(&mut self, done: Done<JobTag>, now: Now) -> anyhow::Result<()> {
        lock(&self.parts.health).slice_analysed(now.monotonic);
        let analysis = done.outcome.map_err(|error| tracing::error!(slice = done.slice_key, "{error}")).ok();
        let acts = self.parts.desk.analysed(&done.tag, done.waited, analysis);
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
        let picture = self.picture(statement);
        let moment = Moment {
            at: now.wall,
            clock_trusted: self.parts.signals.clock_trusted.load(Ordering::Relaxed),
            since_last_slice: since,
            unreadable: self.parts.desk.unreadable(&statement.series_key),
            study_instance_uid: self.parts.desk.study_instance_uid(&statement.series_key),
            key_image: picture.as_deref().filter(|_| self.parts.key_images).and_then(key_image),
        };
        let committed = self.parts.teller.tell(statement, moment)?;
        if let Some(committed) = committed {
            let trusted = self.parts.signals.clock_trusted.load(Ordering::Relaxed);
            let best = committed.assessment.findings.first().map(|finding| &finding.best_slice.slice_key);
            let picture = picture.as_deref().filter(|picture| Some(&picture.slice_key) == best);
            let report = screen::report(&statement.study_key, &committed, picture, now, trusted);
            self.lock_screen().report(report, now.monotonic);
            if !committed.assessment.provisional {
                lock(&self.parts.health).verdict(&committed.assessment.verdict);
            }
        }
        if !statement.assessment.provisional {
            self.last_slice.remove(&statement.series_key);
            self.parts.desk.clear_away(&statement.series_key);
        }
        Ok(())
    }

    /// The best slice of the first finding.
    fn picture(&self, statement: &Statement) -> Option<Arc<PreparedSlice>> {
        let best = &statement.assessment.findings.first()?.best_slice;
        self.parts.desk.picture(&statement.series_key, &best.slice_key).cloned()
    }

    /// An engine that hangs is not told from one that works by ticks of this thread alone.
    fn watch_networks(&self, now: Now, beat: &Beat) {
        let overdue = self.parts.pool.as_ref().map(|pool| pool.overdue(now.monotonic, self.parts.slice_deadline));
        if overdue.is_none_or(|overdue| overdue.is_empty()) {
            beat.tick();
        }
    }

    fn submit(&mut self) -> anyhow::Result<()> {
        let Some(pool) = &self.parts.pool else {
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
            self.parts.teller.store.record(&self.records)?;
            self.records.clear();
        }
        Ok(())
    }

    fn show_progress(&self) {
        let progress = self.parts.desk.progress();
        let open = u32::try_from(progress.len()).unwrap_or(u32::MAX);
        self.parts.signals.open_series.store(open, Ordering::Relaxed);
        let mut shown = self.lock_screen();
        shown.set_arriving(progress.iter().map(screen::progress));
        shown.beat(self.parts.signals.clock());
    }

    fn lock_screen(&self) -> MutexGuard<'_, DeviceState> {
        lock(&self.parts.screen)
    }

    fn now(&self) -> Now {
        Now { monotonic: self.parts.signals.clock(), wall: Timestamp::now() }
    }
}

/// The slice as it may leave the device: not with text in it.
pub(super) fn key_image(slice: &PreparedSlice) -> Option<KeyImage> {
    let plane = slice.picture();
    let side = u32::try_from(plane.size).ok()?;
    (!slice.burned_in_annotation).then(|| KeyImage {
        slice_key: slice.slice_key.clone(),
        side,
        grey: plane.pixels.clone(),
    })
}
