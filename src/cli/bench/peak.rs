//! `spinewatch bench peak`: what this machine can do at most, for shares of a peak.

use std::hint::black_box;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::clock::Moment;
use super::figures::median;
use crate::cli::table::Table;
use crate::inference::int8::kernels::{self, Isa};

/// Print what this machine can do at most: int8 products by instruction set, memory bandwidth of one thread.
#[derive(Debug, Args)]
pub struct PeakArgs {
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// How long an instruction set is measured.
const TIME: Duration = Duration::from_millis(300);
/// Far more than a cache holds, bytes.
const BUFFER: usize = 256 << 20;

#[derive(Serialize)]
struct Report {
    instruction_sets: Vec<Set>,
    memory_read_gb_s: f64,
    memory_copy_gb_s: f64,
}

#[derive(Serialize)]
struct Set {
    name: &'static str,
    peak_gmac_s: f64,
}

/// Int8 products of one thread with operands in registers, GMAC/s.
fn peak(isa: Isa) -> f64 {
    kernels::peak::measure(isa, TIME)
}

/// Peak of an instruction set, of the best one where none is named.
pub fn of(isa: Option<Isa>) -> f64 {
    peak(isa.unwrap_or_else(Isa::best))
}

/// Runs the verb.
///
/// # Errors
/// When the report cannot be written as JSON.
pub fn run(args: &PeakArgs) -> anyhow::Result<()> {
    let sets = Isa::available().into_iter().map(|isa| Set { name: isa.name(), peak_gmac_s: peak(isa) });
    let [memory_read_gb_s, memory_copy_gb_s] = bandwidth(BUFFER);
    let report = Report { instruction_sets: sets.collect(), memory_read_gb_s, memory_copy_gb_s };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    let mut table = Table::new(["instruction set", "int8 peak, one thread"]);
    for set in &report.instruction_sets {
        table.row([set.name.to_owned(), format!("{:.0} GMAC/s", set.peak_gmac_s)]);
    }
    println!("{table}");
    println!("memory, one thread: read {memory_read_gb_s:.1} GB/s, copy {memory_copy_gb_s:.1} GB/s");
    Ok(())
}

/// Bytes read by a sum, and bytes read and written by a copy, GB/s; medians of seven passes.
fn bandwidth(bytes: usize) -> [f64; 2] {
    let source = vec![1_u64; bytes / 8];
    let mut target = vec![2_u64; bytes / 8];
    let passes = |pass: &mut dyn FnMut()| {
        median((0..7).map(|_| {
            let started = Moment::now();
            pass();
            started.elapsed().wall_ms
        }))
    };
    let read = passes(&mut || {
        black_box(black_box(&source).iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
    });
    let copy = passes(&mut || black_box(&mut target).copy_from_slice(black_box(&source)));
    [bytes as f64 / read / 1e6, 2.0 * bytes as f64 / copy / 1e6]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bandwidth_is_a_number() {
        assert!(bandwidth(1 << 20).iter().all(|gb_s| gb_s.is_finite() && *gb_s > 0.0));
    }
}
