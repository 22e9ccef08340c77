//! One network on the accelerator, on a thread of its own: images in one at a time, answers out before a deadline.
//!
//! A call into a driver may never return, so no other thread makes one. A lane whose network is overdue is closed: its
//! thread is left to its fate, and ends if the driver ever lets go of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::standing::Silence;
use crate::inference::{Engine, EngineError, Package};

/// An engine that another thread can use.
pub type SharedEngine = Arc<dyn Engine + Send + Sync>;

type Answer = Result<Vec<f32>, EngineError>;

struct Job {
    image: Vec<f32>,
    metadata: Option<Vec<f32>>,
}

struct Ends {
    jobs: Sender<Job>,
    answers: Receiver<Answer>,
}

/// See the module. Shared by the threads that have slices; they take turns, since an accelerator is one device.
pub struct Lane {
    /// `None` once it is closed.
    ends: Mutex<Option<Ends>>,
    deadline: Duration,
    whereabouts: Option<String>,
}

impl Lane {
    /// Loads the network on a new thread. `patience`: for the loading; `deadline`: for each image, from its turn on.
    ///
    /// # Errors
    /// What the engine says, that it panicked, or that it did not answer in time.
    pub fn start(
        engine: SharedEngine,
        package: Package,
        patience: Duration,
        deadline: Duration,
    ) -> Result<Self, Silence> {
        let (ready_in, ready) = bounded(1);
        let (jobs, waiting) = bounded::<Job>(1);
        let (answers_in, answers) = bounded(1);
        let work = move || {
            let mut model = match guarded(|| engine.load(&package)) {
                Ok(model) => model,
                Err(error) => return drop(ready_in.send(Err(error))),
            };
            drop(package);
            let _ = ready_in.send(Ok(model.whereabouts()));
            for Job { image, metadata } in waiting {
                if answers_in.send(guarded(|| model.run(&image, metadata.as_deref()))).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("accelerator".into()).spawn(work);
        spawned.map_err(|error| Silence::Failed(EngineError::Run(format!("no thread: {error}"))))?;
        let whereabouts = answer(&ready, patience)?;
        Ok(Self { ends: Mutex::new(Some(Ends { jobs, answers })), deadline, whereabouts })
    }

    /// Where the network's nodes run, as the engine says.
    pub fn whereabouts(&self) -> Option<&str> {
        self.whereabouts.as_deref()
    }

    /// Runs one image.
    ///
    /// # Errors
    /// Why there is no answer. After the first one that is late there is never one again.
    pub fn ask(&self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, Silence> {
        let mut turn = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = turn.as_ref().ok_or(Silence::Overdue(self.deadline))?;
        let job = Job { image: image.to_vec(), metadata: metadata.map(<[f32]>::to_vec) };
        let outcome = ends.jobs.send(job).map_err(|_| Silence::Ended);
        let outcome = outcome.and_then(|()| answer(&ends.answers, self.deadline));
        if matches!(outcome, Err(Silence::Overdue(_))) {
            // an answer that comes later must not be taken for that of the next slice
            *turn = None;
        }
        outcome
    }
}

fn answer<T>(from: &Receiver<Result<T, EngineError>>, within: Duration) -> Result<T, Silence> {
    match from.recv_timeout(within) {
        Ok(outcome) => outcome.map_err(Silence::Failed),
        Err(RecvTimeoutError::Timeout) => Err(Silence::Overdue(within)),
        Err(RecvTimeoutError::Disconnected) => Err(Silence::Ended),
    }
}

fn guarded<T>(call: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(EngineError::Run(format!("it panicked: {}", words.unwrap_or("no message"))))
    })
}
