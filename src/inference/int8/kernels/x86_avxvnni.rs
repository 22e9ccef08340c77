//! x86-64 with AVX-VNNI: 256 bits, four products per lane and instruction.
#![allow(unsafe_code, reason = "vector instructions on the pointers of a job")]
#![allow(clippy::needless_range_loop, reason = "counted loops over registers are unrolled")]

use std::arch::x86_64::*;

use crate::inference::int8::kernels::x86_ymm::{
    COLUMNS, Table, interleave, load_spread, next_tile, store_spread, store_tile, table_of,
};
use crate::inference::int8::kernels::{Job, Kind, Shape};

/// Rows of a tile: 12 of 16 registers hold sums.
const ROWS: usize = 6;

/// # Safety
/// As [`Job::run`].
pub(super) unsafe fn run(job: &Job<'_>) {
    // SAFETY: promised by the caller.
    unsafe {
        match job.layer.shape.kind {
            Kind::Dense => dense(job),
            Kind::Depthwise => depthwise(job),
        }
    }
}

/// # Safety
/// As [`Job::run`].
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn dense(job: &Job<'_>) {
    let table = table_of(job);
    let rows = job.count();
    for block in 0..job.layer.shape.cout.div_ceil(COLUMNS) {
        let mut done = 0;
        while done < rows {
            let (start, size) = next_tile(done, rows, ROWS, 2);
            // SAFETY: these rows and the block exist; the rest is promised by the caller.
            unsafe {
                match size {
                    ROWS => tile::<ROWS>(job, table.as_ref(), start, block),
                    2 => tile::<2>(job, table.as_ref(), start, block),
                    _ => tile::<1>(job, table.as_ref(), start, block),
                }
            }
            done = start + size;
        }
    }
}

/// `M` rows by one block of columns.
///
/// # Safety
/// As [`Job::run`], and these rows and this block exist.
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile<const M: usize>(job: &Job<'_>, table: Option<&Table>, row: usize, block: usize) {
    let Shape { taps, cin, .. } = job.layer.shape;
    let groups = cin.div_ceil(4);
    // SAFETY: bias has 16 values per block, weights have 64 bytes per tap and group, every row has `taps` pointers with
    // `cin` bytes and READ_AHEAD behind them, and what is read beyond `cin` meets weights of zero.
    unsafe {
        let bias = job.layer.bias.as_ptr().add(block * COLUMNS);
        let bias = [_mm256_loadu_si256(bias.cast()), _mm256_loadu_si256(bias.add(8).cast())];
        let mut sums = [bias; M];
        if let Some(row_bias) = job.row_bias {
            for m in 0..M {
                let bias = _mm256_set1_epi32(row_bias[row + m]);
                sums[m] = [_mm256_add_epi32(sums[m][0], bias), _mm256_add_epi32(sums[m][1], bias)];
            }
        }
        let mut weights = job.layer.weights.as_ptr().add(block * taps * groups * 64);
        let rows = job.rows.as_ptr().add(row * taps);
        for tap in 0..taps {
            let mut inputs = [std::ptr::null::<u8>(); M];
            for m in 0..M {
                inputs[m] = *rows.add(m * taps + tap);
            }
            for group in 0..groups {
                let low = _mm256_loadu_si256(weights.cast());
                let high = _mm256_loadu_si256(weights.add(32).cast());
                for m in 0..M {
                    let x = _mm256_set1_epi32(inputs[m].add(group * 4).cast::<i32>().read_unaligned());
                    sums[m][0] = _mm256_dpbusd_avx_epi32(sums[m][0], x, low);
                    sums[m][1] = _mm256_dpbusd_avx_epi32(sums[m][1], x, high);
                }
                weights = weights.add(64);
            }
        }
        store_tile(job, table, row, block, &sums);
    }
}

/// # Safety
/// As [`Job::run`].
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn depthwise(job: &Job<'_>) {
    let table = table_of(job);
    let Shape { taps, cout, .. } = job.layer.shape;
    let quads = taps.div_ceil(4);
    for first in (0..cout).step_by(32) {
        // SAFETY: bias and scale have values up to the next multiple of 16, weights up to that of 32 channels; every
        // pointer has `cout` bytes and READ_AHEAD behind it.
        unsafe {
            let bias = load_spread(job.layer.bias.as_ptr().add(first), cout - first);
            let scale = load_spread(job.layer.scale.as_ptr().add(first).cast(), cout - first);
            for row in 0..job.count() {
                let mut sums = bias;
                if let Some(row_bias) = job.row_bias {
                    let bias = _mm256_set1_epi32(row_bias[row]);
                    for sum in &mut sums {
                        *sum = _mm256_add_epi32(*sum, bias);
                    }
                }
                let inputs = job.rows.get_unchecked(row * taps..(row + 1) * taps);
                let mut weights = job.layer.weights.as_ptr().add(first * quads * 4);
                for quad in 0..quads {
                    let x = interleave(inputs.get_unchecked(quad * 4..), first);
                    for j in 0..4 {
                        let w = _mm256_loadu_si256(weights.add(j * 32).cast());
                        sums[j] = _mm256_dpbusd_avx_epi32(sums[j], x[j], w);
                    }
                    weights = weights.add(128);
                }
                store_spread(job, table.as_ref(), row, first, sums, scale);
            }
        }
    }
}
