//! Files that are cut short, damaged or made to do harm: each is refused by name, or read, within 50 ms of processor
//! time (in a release build) and 64 MiB, and nothing panics.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod cves;
#[path = "../../src/dicom/test_file.rs"]
mod file;
mod meter;
mod shapes;
mod truncation;

use std::cell::Cell;
use std::sync::Once;
use std::time::Duration;

use meter::{Cost, measure};
use spinewatch::dicom::{self, Limits, Rejection, Slice};

/// The promise is that of the release build; a development build may take twice as long.
const MOST_TIME: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 50 });
/// A busy machine makes even processor time longer (shared caches, shared cores): the best of so many counts.
const READINGS: usize = 3;
const MOST_BYTES: usize = 64 << 20;

thread_local! {
    /// Set while the reader is at work, so that a failing test is not taken for a panic of the reader.
    static READING: Cell<bool> = const { Cell::new(false) };
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

static HOOK: Once = Once::new();

fn read(name: &str, bytes: &[u8]) -> (Result<Vec<Slice>, Rejection>, Cost) {
    read_within(name, bytes, MOST_TIME)
}

/// Reads a file in every way there is, and holds the costs against the promise. A panic that the reader catches counts.
fn read_within(name: &str, bytes: &[u8], most: Duration) -> (Result<Vec<Slice>, Rejection>, Cost) {
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + usize::from(READING.get()));
            default(info);
        }));
    });
    let limits = Limits::default();
    READING.set(true);
    let once = || {
        let (result, cost) = measure(|| dicom::read(bytes, &limits));
        let (_, beside) = measure(|| (dicom::structure(bytes, &limits), dicom::identity(bytes, &limits)));
        (result, cost.max(beside))
    };
    let (result, mut cost) = once();
    for _ in 1..READINGS {
        if cost.time >= most {
            cost.time = cost.time.min(once().1.time);
        }
    }
    READING.set(false);
    assert!(cost.time < most, "{name}: {:?}", cost.time);
    assert!(cost.bytes < MOST_BYTES, "{name}: {} bytes", cost.bytes);
    assert_eq!(PANICS.get(), 0, "{name}");
    (result, cost)
}

/// Reads a file that must be refused with this code, and prints what it cost.
fn refused(name: &str, bytes: &[u8], code: &str) {
    let (result, Cost { time, bytes: held }) = read(name, bytes);
    let rejection = result.expect_err(name);
    println!(
        "{name:58} {:>9} bytes  {time:>10.1?}  {:>8} KiB  {}: {rejection}",
        bytes.len(),
        held >> 10,
        rejection.code()
    );
    assert_eq!(rejection.code(), code, "{name}: {rejection}");
}
