//! What a look at the share costs when its folder holds so many old files.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam_channel::bounded;
use serde::Serialize;

use crate::cli::bench::clock::Moment;
use crate::cli::bench::figures::median;
use crate::ingest::{Event, Folder, PathSecret, Scanner, Settings, Structure};

/// Polls that are measured while nothing happens: two minutes of the device's time.
const QUIET: usize = 240;
/// Files that arrive one after the other.
const ARRIVALS: usize = 10;
/// Polls after which a file that has not arrived counts as lost.
const PATIENCE: usize = 1000;

/// Of one folder; processor time in ms.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ShareCost {
    /// Old files in it.
    pub files: usize,
    /// A poll when nothing has happened.
    pub quiet_median_ms: f64,
    /// The same with the occasional listing of the folder.
    pub quiet_mean_ms: f64,
    /// The worst of them.
    pub quiet_largest_ms: f64,
    /// A poll between the writing of a file and its arrival.
    pub arrival_ms: f64,
    /// How many such polls a file takes.
    pub arrival_polls: f64,
}

/// A scanner whose pauses are not waited for: its clock is put forward by them.
struct Watcher {
    scanner: Scanner<Folder>,
    started: Instant,
    skipped: Duration,
}

impl Watcher {
    /// Looks once; processor time in ms.
    fn poll(&mut self) -> anyhow::Result<f64> {
        let (started, skipped) = (self.started, self.skipped);
        let began = Moment::now();
        let report = self.scanner.scan(&|| started.elapsed() + skipped)?;
        let cpu_ms = began.elapsed().cpu_ms;
        self.skipped += report.pause;
        Ok(cpu_ms)
    }
}

/// Polls a folder with so many files that were handed on in an earlier life.
///
/// # Errors
/// When the folder cannot be written, or the scanner does not see what lies in it.
pub fn measure(files: usize) -> anyhow::Result<ShareCost> {
    let folder = tempfile::tempdir()?;
    let write = |name: String| fs::write(folder.path().join(name), b"a file").context("cannot write the folder");
    (0..files).try_for_each(|number| write(format!("{number:06}.dcm")))?;
    let old = Arc::new(AtomicBool::new(true));
    let (known, whole) = (old.clone(), |_: &[u8]| Structure::Complete);
    let (events, arrived) = bounded(16);
    let settings = Settings::new(PathSecret([7; 32]));
    let share = Folder::new(folder.path(), false);
    let scanner = Scanner::new(share, settings, move |_| known.load(Ordering::Relaxed), whole, events);
    let pulse = scanner.pulse();
    let mut watcher = Watcher { scanner, started: Instant::now(), skipped: Duration::ZERO };
    for _ in 0..PATIENCE {
        watcher.poll()?;
        if pulse.has_caught_up() {
            break;
        }
    }
    if !pulse.has_caught_up() {
        bail!("the scanner did not get through {files} files");
    }
    let quiet = (0..QUIET).map(|_| watcher.poll()).collect::<anyhow::Result<Vec<f64>>>()?;

    old.store(false, Ordering::Relaxed);
    let is_file = |event: Event| matches!(event, Event::Arrival(_));
    anyhow::ensure!(!arrived.try_iter().any(is_file), "an old file arrived again");
    let mut busy = Vec::new();
    for number in 0..ARRIVALS {
        write(format!("new-{number}.dcm"))?;
        let before = busy.len();
        while !arrived.try_iter().any(is_file) {
            if busy.len() - before > PATIENCE {
                bail!("a file did not arrive in a folder of {files} files");
            }
            busy.push(watcher.poll()?);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    Ok(ShareCost {
        files,
        quiet_median_ms: median(quiet.iter().copied()),
        quiet_mean_ms: mean(&quiet),
        quiet_largest_ms: quiet.iter().copied().fold(0.0, f64::max),
        arrival_ms: mean(&busy),
        arrival_polls: busy.len() as f64 / ARRIVALS as f64,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn old_files_stay_unread_and_new_ones_arrive() {
        let cost = measure(30).unwrap();
        assert_eq!(cost.files, 30);
        assert!(cost.arrival_polls >= 1.0);
    }
}
