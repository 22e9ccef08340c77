//! Worker threads over a bounded queue: slices in, analyses or named failures out.
//!
//! A full queue is handed back to the caller, so that files wait in the folder and not in memory. A panic costs its
//! slice, never the thread, and is never silent. Time is the monotonic time that the caller's clock gives.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::inference::{Analyser, Analysis, EngineError, SliceInput, Worker};

/// Why a slice was not analysed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SliceFailure {
    /// A network failed.
    #[error("inference failed: {0}")]
    Engine(#[from] EngineError),
    /// The stage itself failed: a defect of this program.
    #[error("inference stopped on a slice: {0}")]
    Panicked(String),
}

/// A slice that was worked on.
#[derive(Debug)]
pub struct Done<T> {
    /// What the caller gave with the slice.
    pub tag: T,
    /// Keyed hash of SOPInstanceUID and frame.
    pub slice_key: String,
    /// What was found, or why nothing was.
    pub outcome: Result<Analysis, SliceFailure>,
    /// Time from the submission to the start of the work.
    pub waited: Duration,
}

/// A slice that was not taken; it is handed back.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError<T> {
    /// The queue is full: come back later.
    #[error("inference queue is full")]
    Full(T, SliceInput),
    /// The workers are gone.
    #[error("inference workers have ended")]
    Ended(T, SliceInput),
}

/// A slice that a worker is busy with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Keyed hash of SOPInstanceUID and frame.
    pub slice_key: String,
    /// When the work began.
    pub since: Duration,
}

struct Job<T> {
    tag: T,
    input: SliceInput,
    submitted: Duration,
}

type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;
type Desk = Arc<Mutex<Option<Busy>>>;

/// The worker threads.
pub struct Pool<T> {
    jobs: Sender<Job<T>>,
    done: Receiver<Done<T>>,
    desks: Vec<Desk>,
    threads: Vec<JoinHandle<()>>,
    clock: Clock,
}

impl<T: Send + 'static> Pool<T> {
    /// Starts `workers` threads behind a queue of `queue` slices. The results queue is as long, so a caller that
    /// submits and collects on one thread uses [`Pool::submit`], which never blocks.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        analyser: &Arc<Analyser>,
        workers: NonZeroUsize,
        queue: NonZeroUsize,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let clock: Clock = Arc::new(clock);
        let (jobs, waiting) = bounded(queue.get());
        let (finished, done) = bounded(queue.get());
        let desks: Vec<Desk> = (0..workers.get()).map(|_| Desk::default()).collect();
        let mut threads = Vec::new();
        for (number, desk) in desks.iter().cloned().enumerate() {
            let (analyser, clock) = (analyser.clone(), clock.clone());
            let (waiting, finished) = (waiting.clone(), finished.clone());
            let work = move || serve(&analyser, &waiting, &finished, &desk, &clock);
            threads.push(thread::Builder::new().name(format!("inference-{number}")).spawn(work)?);
        }
        Ok(Self { jobs, done, desks, threads, clock })
    }

    /// Queues a slice without waiting.
    ///
    /// # Errors
    /// The slice, when the queue is full or the workers are gone.
    pub fn submit(&self, tag: T, input: SliceInput) -> Result<(), SubmitError<T>> {
        let submitted = (self.clock)();
        self.jobs.try_send(Job { tag, input, submitted }).map_err(|error| match error {
            TrySendError::Full(job) => SubmitError::Full(job.tag, job.input),
            TrySendError::Disconnected(job) => SubmitError::Ended(job.tag, job.input),
        })
    }

    /// Where the results arrive, in the order in which they are finished.
    pub const fn results(&self) -> &Receiver<Done<T>> {
        &self.done
    }

    /// Slices that wait for a worker.
    pub fn queued(&self) -> usize {
        self.jobs.len()
    }

    /// Slices that workers have been busy with for longer than `limit`: an engine that hangs.
    pub fn overdue(&self, now: Duration, limit: Duration) -> Vec<Busy> {
        let busy = self.desks.iter().filter_map(|desk| desk.lock().unwrap_or_else(PoisonError::into_inner).clone());
        busy.filter(|busy| now.saturating_sub(busy.since) > limit).collect()
    }

    /// Whether every worker still lives. A thread that ended by itself is a stage that ended.
    pub fn is_alive(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Takes no more slices; what is queued is still finished, and the results channel ends after the last one.
    pub fn close(self) -> Receiver<Done<T>> {
        self.done
    }
}

fn serve<T>(analyser: &Analyser, waiting: &Receiver<Job<T>>, finished: &Sender<Done<T>>, desk: &Desk, clock: &Clock) {
    let set = |busy| *desk.lock().unwrap_or_else(PoisonError::into_inner) = busy;
    let mut worker = analyser.worker();
    for Job { tag, input, submitted } in waiting {
        let since = clock();
        let slice_key = input.this.slice_key.clone();
        set(Some(Busy { slice_key: slice_key.clone(), since }));
        let outcome = guarded(&mut worker, &input);
        if matches!(outcome, Err(SliceFailure::Panicked(_))) {
            // whatever the panic left half done must not reach the next slice
            worker = analyser.worker();
        }
        set(None);
        if finished.send(Done { tag, slice_key, outcome, waited: since.saturating_sub(submitted) }).is_err() {
            return;
        }
    }
}

/// Analyses a slice; a panic becomes a failure of the slice. The worker is not to be used again after one.
pub(crate) fn guarded(worker: &mut Worker, input: &SliceInput) -> Result<Analysis, SliceFailure> {
    match catch_unwind(AssertUnwindSafe(|| worker.analyse(input))) {
        Ok(outcome) => Ok(outcome?),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(SliceFailure::Panicked(words.to_owned()))
        }
    }
}
