//! What is left behind when the process fails: where, never with what.
//!
//! A core dump would hold slices and identifiers; the message of a panic may quote what the code choked on.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// From here on the process leaves no core, whatever the system's limits say, and a panic tells its thread and its
/// place in the source, and with `RUST_BACKTRACE` the functions on the way there.
pub fn seal() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps cannot be switched off here: LimitCORE=0 in the unit does it too");
    }
    panic::set_hook(Box::new(tell));
}

/// On standard error, which is still there when logging is what has failed.
fn tell(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    eprintln!("spinewatch: thread {} panicked{place}", thread.name().unwrap_or("without a name"));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        eprintln!("{backtrace}");
    }
}
