//! x86-64 with AVX-512 VNNI and VBMI: 512 bits, four products per lane and instruction.
#![allow(unsafe_code, reason = "vector instructions on the pointers of a job")]
#![allow(clippy::needless_range_loop, reason = "counted loops over registers are unrolled")]

use std::arch::x86_64::*;

use crate::inference::int8::kernels::x86_ymm::{COLUMNS, next_tile};
use crate::inference::int8::kernels::x86_zmm::{
    apply, half, in_order, interleave, quarter, quarters, saturate, store_bytes, store_floats, to_steps,
    transpose_lanes,
};
use crate::inference::int8::kernels::{Job, Kind, Shape, Store};

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
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn dense(job: &Job<'_>) {
    let blocks = job.layer.shape.cout.div_ceil(COLUMNS);
    let mut block = 0;
    while block < blocks {
        // a single block at the end would be the slowest
        let taken = match blocks - block {
            5 | 6 | 9 => 3,
            left => left.min(4),
        };
        // SAFETY: the blocks exist; the rest is promised by the caller. Tiles fill the registers: 24 of 32 hold sums.
        unsafe {
            match taken {
                4 => blocks_of::<6, 3, 4>(job, block),
                3 => blocks_of::<8, 4, 3>(job, block),
                2 => blocks_of::<12, 4, 2>(job, block),
                _ => blocks_of::<16, 4, 1>(job, block),
            }
        }
        block += taken;
    }
}

/// All rows of `N` blocks of columns, in tiles of `A`, `B` or one row.
///
/// # Safety
/// As [`Job::run`], and there are `N` blocks at `block`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn blocks_of<const A: usize, const B: usize, const N: usize>(job: &Job<'_>, block: usize) {
    let rows = job.count();
    let mut done = 0;
    while done < rows {
        let (start, size) = next_tile(done, rows, A, B);
        // SAFETY: the rows lie in the job, and the rest is promised by the caller.
        unsafe {
            if size == A {
                tile::<A, N>(job, start, block);
            } else if size == B {
                tile::<B, N>(job, start, block);
            } else {
                tile::<1, N>(job, start, block);
            }
        }
        done = start + size;
    }
}

/// `M` rows by `N` blocks of columns.
///
/// # Safety
/// As [`Job::run`], and these rows and blocks exist.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn tile<const M: usize, const N: usize>(job: &Job<'_>, row: usize, block: usize) {
    let Shape { taps, cin, .. } = job.layer.shape;
    let groups = cin.div_ceil(4);
    let block_bytes = taps * groups * 64;
    // SAFETY: bias has 16 values per block, weights have `block_bytes`, every row has `taps` pointers with `cin` bytes
    // and READ_AHEAD behind them, and what is read beyond `cin` meets weights of zero.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); N]; M];
        for b in 0..N {
            let bias = _mm512_loadu_si512(job.layer.bias.as_ptr().add((block + b) * COLUMNS).cast());
            for m in 0..M {
                sums[m][b] = bias;
            }
        }
        if let Some(row_bias) = job.row_bias {
            for m in 0..M {
                let bias = _mm512_set1_epi32(row_bias[row + m]);
                for b in 0..N {
                    sums[m][b] = _mm512_add_epi32(sums[m][b], bias);
                }
            }
        }
        let mut weights = job.layer.weights.as_ptr().add(block * block_bytes);
        let rows = job.rows.as_ptr().add(row * taps);
        if groups == 1 {
            // first layers: what a pointer leads to is used but once, and keeping the pointers would cost as much again
            for tap in 0..taps {
                let mut w = [_mm512_setzero_si512(); N];
                for b in 0..N {
                    w[b] = _mm512_loadu_si512(weights.add(b * block_bytes).cast());
                }
                let mut input = rows.add(tap);
                for m in 0..M {
                    let x = _mm512_set1_epi32((*input).cast::<i32>().read_unaligned());
                    for b in 0..N {
                        sums[m][b] = _mm512_dpbusd_epi32(sums[m][b], x, w[b]);
                    }
                    input = input.wrapping_add(taps);
                }
                weights = weights.add(64);
            }
            return store_tile(job, row, block, &sums);
        }
        for tap in 0..taps {
            let mut inputs = [std::ptr::null::<u8>(); M];
            for m in 0..M {
                inputs[m] = *rows.add(m * taps + tap);
            }
            for group in 0..groups {
                let mut w = [_mm512_setzero_si512(); N];
                for b in 0..N {
                    w[b] = _mm512_loadu_si512(weights.add(b * block_bytes).cast());
                }
                for m in 0..M {
                    let x = _mm512_set1_epi32(inputs[m].add(group * 4).cast::<i32>().read_unaligned());
                    for b in 0..N {
                        sums[m][b] = _mm512_dpbusd_epi32(sums[m][b], x, w[b]);
                    }
                }
                weights = weights.add(64);
            }
        }
        store_tile(job, row, block, &sums);
    }
}

/// # Safety
/// The store has these rows and at least the first column of the blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn store_tile<const M: usize, const N: usize>(
    job: &Job<'_>,
    row: usize,
    block: usize,
    sums: &[[__m512i; N]; M],
) {
    let first = block * COLUMNS;
    let width = (job.layer.shape.cout - first).min(N * COLUMNS);
    // SAFETY: scale has 16 values per block, and not more than `width` values are written per row.
    unsafe {
        let mut scale = [_mm512_setzero_ps(); N];
        for b in 0..N {
            scale[b] = _mm512_loadu_ps(job.layer.scale.as_ptr().add(first + b * COLUMNS));
        }
        match job.store {
            Store::Quantised { out, stride, zero, table } => {
                let out = out.add(row * stride + first);
                // rows that share one vector of bytes
                let together = match N {
                    1 => 4,
                    2 => 2,
                    _ => 1,
                };
                let slots = 4 / together;
                for m in (0..M).step_by(together) {
                    let mut steps = [_mm512_setzero_si512(); 4];
                    for (i, steps) in steps.iter_mut().enumerate() {
                        let b = (i % slots).min(N - 1);
                        *steps = to_steps(sums[(m + i / slots).min(M - 1)][b], scale[b]);
                    }
                    let bytes = apply(table, in_order(saturate(steps, zero)));
                    for part in 0..together.min(M - m) {
                        let out = out.add((m + part) * stride);
                        match (N, width) {
                            (1, 16) => _mm_storeu_si128(out.cast(), quarter(bytes, part)),
                            (2, 32) => _mm256_storeu_si256(out.cast(), half(bytes, part)),
                            (1, _) => store_bytes(out, width, _mm512_castsi128_si512(quarter(bytes, part))),
                            (2, _) => store_bytes(out, width, _mm512_castsi256_si512(half(bytes, part))),
                            _ => store_bytes(out, width, bytes),
                        }
                    }
                }
            }
            Store::Float { out, stride } => {
                for m in 0..M {
                    let out = out.add((row + m) * stride + first);
                    for b in 0..N {
                        store_floats(out, b * COLUMNS, width, _mm512_mul_ps(_mm512_cvtepi32_ps(sums[m][b]), scale[b]));
                    }
                }
            }
        }
    }
}

/// # Safety
/// As [`Job::run`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn depthwise(job: &Job<'_>) {
    let Shape { taps, cout, .. } = job.layer.shape;
    let quads = taps.div_ceil(4);
    for first in (0..cout).step_by(64) {
        let width = (cout - first).min(64);
        // SAFETY: bias and scale have values up to the next multiple of 16, weights up to that of 64 channels; every
        // pointer has `cout` bytes and READ_AHEAD behind it; not more than `width` values are written per row.
        unsafe {
            let mut bias = [_mm512_setzero_si512(); 4];
            let mut scale = [_mm512_setzero_si512(); 4];
            for b in 0..width.div_ceil(COLUMNS) {
                bias[b] = _mm512_loadu_si512(job.layer.bias.as_ptr().add(first + b * COLUMNS).cast());
                scale[b] = _mm512_loadu_si512(job.layer.scale.as_ptr().add(first + b * COLUMNS).cast());
            }
            let (bias, scale) = (transpose_lanes(bias), transpose_lanes(scale).map(|s| _mm512_castsi512_ps(s)));
            let weights = job.layer.weights.as_ptr().add(first * quads * 4);
            for row in 0..job.count() {
                let mut sums = bias;
                if let Some(row_bias) = job.row_bias {
                    let bias = _mm512_set1_epi32(row_bias[row]);
                    for sum in &mut sums {
                        *sum = _mm512_add_epi32(*sum, bias);
                    }
                }
                let inputs = job.rows.get_unchecked(row * taps..(row + 1) * taps);
                for quad in 0..quads {
                    let inputs = inputs.get_unchecked(quad * 4..);
                    let x = |tap: usize| -> __m512i { _mm512_loadu_si512(inputs.get_unchecked(tap).add(first).cast()) };
                    // taps that are missing meet weights of zero
                    let spread = match inputs.len() {
                        1 => quarters(x(0)),
                        2 => interleave(x(0), x(1), x(1), x(1)),
                        3 => interleave(x(0), x(1), x(2), x(2)),
                        _ => interleave(x(0), x(1), x(2), x(3)),
                    };
                    for j in 0..4 {
                        let w = _mm512_loadu_si512(weights.add((quad * 4 + j) * 64).cast());
                        sums[j] = _mm512_dpbusd_epi32(sums[j], spread[j], w);
                    }
                }
                match job.store {
                    Store::Quantised { out, stride, zero, table } => {
                        let mut steps = sums;
                        for j in 0..4 {
                            steps[j] = to_steps(sums[j], scale[j]);
                        }
                        // lanes come out of the saturation in the order of the channels
                        store_bytes(out.add(row * stride + first), width, apply(table, saturate(steps, zero)));
                    }
                    Store::Float { out, stride } => {
                        let mut scaled = sums;
                        for j in 0..4 {
                            scaled[j] = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[j]), scale[j]));
                        }
                        for (b, scaled) in transpose_lanes(scaled).into_iter().enumerate() {
                            let out = out.add(row * stride + first);
                            store_floats(out, b * COLUMNS, width, _mm512_castsi512_ps(scaled));
                        }
                    }
                }
            }
        }
    }
}
