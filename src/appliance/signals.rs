//! What the threads of the appliance share besides their channels: a clock, a stop flag, counts of files in hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

/// Shared by all threads.
#[derive(Debug)]
pub struct Signals {
    started: Instant,
    stopping: AtomicBool,
    /// The wall clock is to be trusted.
    pub clock_trusted: AtomicBool,
    /// Why the screen cannot be drawn on, in one line.
    pub screen_trouble: Mutex<Option<String>>,
    /// Which button, lamp or buzzer does not work, in one line.
    pub controls_trouble: Mutex<Option<String>>,
    /// Series that receive.
    pub open_series: AtomicU32,
    /// Files that a reader has in hand.
    reading: AtomicUsize,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            clock_trusted: AtomicBool::new(false),
            screen_trouble: Mutex::default(),
            controls_trouble: Mutex::default(),
            open_series: AtomicU32::new(0),
            reading: AtomicUsize::new(0),
        }
    }
}

impl Signals {
    /// Monotonic time since the start.
    pub fn clock(&self) -> Duration {
        self.started.elapsed()
    }

    /// Every thread ends as soon as it can.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the threads are to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Counts a file as in hand until the returned mark is dropped.
    pub fn in_hand(&self) -> InHand<'_> {
        self.reading.fetch_add(1, Ordering::AcqRel);
        InHand(self)
    }

    /// Files between the share and the desk: handed over by ingest, being read, or waiting to be taken in.
    pub fn backlog<A, B>(&self, arrivals: &Receiver<A>, readings: &Receiver<B>) -> usize {
        arrivals.len() + self.reading.load(Ordering::Acquire) + readings.len()
    }
}

/// A file in a reader's hand.
#[derive(Debug)]
pub struct InHand<'a>(&'a Signals);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::AcqRel);
    }
}
