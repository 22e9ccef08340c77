//! Threads that help one another: a slice that is analysed alone is analysed by all of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::inference::int8::graph::Window;
use crate::inference::int8::kernels::Layer;
use crate::inference::int8::kernels::rows::{Image, Rows, convolve};

/// Below so many products a layer is not worth sharing: waking a thread costs some microseconds.
const WORTH_SHARING: usize = 2_000_000;

/// A bounded set of threads for the runs of one device. While several runs are under way, each keeps to its own thread
/// (throughput); a run that is alone is shared (latency). Threads without work sleep.
#[derive(Debug)]
pub struct Team {
    pool: rayon::ThreadPool,
    threads: usize,
    running: AtomicUsize,
}

impl Team {
    /// A team of this many threads.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let name = |number| format!("int8-{number}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build()?;
        Ok(Self { pool, threads, running: AtomicUsize::new(0) })
    }

    /// Runs something, with the team's help if nobody else is running.
    pub(super) fn run(&self, run: impl FnOnce(Option<&Self>) + Send) {
        let _running = Running::begin(&self.running);
        if self.threads > 1 && self.is_alone() { self.pool.install(|| run(Some(self))) } else { run(None) }
    }

    fn is_alone(&self) -> bool {
        self.running.load(Ordering::Relaxed) <= 1
    }
}

/// Counts a run while it lasts, also if it panics.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What every part of a layer needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub layer: Layer<'a>,
    pub image: Image<'a>,
    pub window: &'a Window,
    /// Output columns.
    pub width: usize,
    pub zeros: &'a [u8],
}

/// Convolves all `pixels` of the output, in parts if a team helps and it is worth it.
pub(super) fn convolve_all(team: Option<&Team>, part: &Part<'_>, pixels: usize, to: Rows<'_>) {
    let macs = part.layer.shape.macs_per_row() * pixels;
    match team {
        Some(team) if team.is_alone() && macs >= WORTH_SHARING => share(part, 0, pixels, team.threads, to),
        _ => convolve(part.layer, &part.image, part.window, part.width, 0..pixels, part.zeros, to),
    }
}

fn share(part: &Part<'_>, begin: usize, end: usize, threads: usize, to: Rows<'_>) {
    if threads < 2 || end - begin < 2 {
        return convolve(part.layer, &part.image, part.window, part.width, begin..end, part.zeros, to);
    }
    let half = threads / 2;
    let middle = begin + (end - begin) * half / threads;
    let (first, second) = to.split_at(middle - begin);
    rayon::join(|| share(part, begin, middle, half, first), || share(part, middle, end, threads - half, second));
}
