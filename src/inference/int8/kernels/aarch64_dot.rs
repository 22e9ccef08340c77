//! AArch64 with `sdot`: four products per lane and instruction, the inputs made signed by their highest bit.
#![allow(unsafe_code, reason = "vector instructions on the pointers of a job")]

use std::arch::aarch64::{
    int8x16_t, int32x4_t, uint8x16_t, vdupq_n_s32, vdupq_n_u8, veorq_u8, vld1q_s8, vld1q_s32, vld1q_u8,
};
use std::arch::asm;

use crate::inference::int8::kernels::aarch64_store::store;
use crate::inference::int8::kernels::{Job, Kind, Shape, aarch64_depthwise};

/// Output channels of one block of weights.
const COLUMNS: usize = 16;

/// Rows of a tile: 20 registers of sums, and the inputs and weights stay in registers too.
const ROWS: usize = 5;

/// # Safety
/// As [`Job::run`].
pub(super) unsafe fn run(job: &Job<'_>) {
    if job.layer.shape.kind == Kind::Depthwise {
        // SAFETY: the caller's promises.
        return unsafe { aarch64_depthwise::run(job) };
    }
    let cout = job.layer.shape.cout;
    for channel in (0..cout).step_by(COLUMNS) {
        // SAFETY: the caller's promises; 8 columns do where no more are left.
        unsafe { if cout - channel > 8 { columns::<4>(job, channel) } else { columns::<2>(job, channel) } }
    }
}

/// All rows of `4 * V` output channels.
///
/// # Safety
/// As [`Job::run`].
unsafe fn columns<const V: usize>(job: &Job<'_>, channel: usize) {
    let rows = job.count();
    let mut row = 0;
    // SAFETY: the tiles stay within the rows.
    unsafe {
        while rows - row >= ROWS {
            tile::<ROWS, V>(job, row, channel);
            row += ROWS;
        }
        if rows - row >= 4 {
            tile::<4, V>(job, row, channel);
            row += 4;
        }
        if rows - row >= 2 {
            tile::<2, V>(job, row, channel);
            row += 2;
        }
        if rows > row {
            tile::<1, V>(job, row, channel);
        }
    }
}

/// `R` rows of `4 * V` output channels.
///
/// # Safety
/// As [`Job::run`]; the job has these rows and channels.
#[inline(always)]
unsafe fn tile<const R: usize, const V: usize>(job: &Job<'_>, row: usize, channel: usize) {
    let Shape { taps, cin, .. } = job.layer.shape;
    let groups = cin.div_ceil(4);
    // SAFETY: one block of weights follows another, biases are padded to whole blocks, and 16 bytes may be read where
    // less than 16 channels are left.
    unsafe {
        let mut weights = job.layer.weights.as_ptr().add(channel * taps * groups * 4).cast::<i8>();
        let pointers = job.rows.as_ptr().add(row * taps);
        let mut sums = [[vdupq_n_s32(0); V]; R];
        for v in 0..V {
            let bias = vld1q_s32(job.layer.bias.as_ptr().add(channel + 4 * v));
            for sums in &mut sums {
                sums[v] = bias;
            }
        }
        for tap in 0..taps {
            let mut inputs = [std::ptr::null(); R];
            for (r, input) in inputs.iter_mut().enumerate() {
                *input = *pointers.add(r * taps + tap);
            }
            let mut group = 0;
            while group + 4 <= groups {
                let inputs = load(&inputs, 4 * group);
                step::<R, V, 0>(&mut sums, &inputs, weights);
                step::<R, V, 1>(&mut sums, &inputs, weights.add(4 * COLUMNS));
                step::<R, V, 2>(&mut sums, &inputs, weights.add(8 * COLUMNS));
                step::<R, V, 3>(&mut sums, &inputs, weights.add(12 * COLUMNS));
                weights = weights.add(16 * COLUMNS);
                group += 4;
            }
            if group < groups {
                let inputs = load(&inputs, 4 * group);
                step::<R, V, 0>(&mut sums, &inputs, weights);
                if group + 1 < groups {
                    step::<R, V, 1>(&mut sums, &inputs, weights.add(4 * COLUMNS));
                }
                if group + 2 < groups {
                    step::<R, V, 2>(&mut sums, &inputs, weights.add(8 * COLUMNS));
                }
                weights = weights.add((groups - group) * 4 * COLUMNS);
            }
        }
        store(job, row, R, channel, &sums);
    }
}

/// 16 inputs of each row from `at` on, less 128.
///
/// # Safety
/// They can be read.
#[inline(always)]
unsafe fn load<const R: usize>(inputs: &[*const u8; R], at: usize) -> [uint8x16_t; R] {
    // SAFETY: promised by the caller.
    unsafe {
        let mut loaded = [vdupq_n_u8(0); R];
        for (loaded, input) in loaded.iter_mut().zip(inputs) {
            *loaded = veorq_u8(vld1q_u8(input.add(at)), vdupq_n_u8(0x80));
        }
        loaded
    }
}

/// The products of the inputs `4 * L` to `4 * L + 3` of each row.
///
/// # Safety
/// `16 * V` weights can be read, and the processor has `sdot`.
#[inline(always)]
unsafe fn step<const R: usize, const V: usize, const L: i32>(
    sums: &mut [[int32x4_t; V]; R],
    inputs: &[uint8x16_t; R],
    weights: *const i8,
) {
    for v in 0..V {
        // SAFETY: promised by the caller.
        unsafe {
            let weights = vld1q_s8(weights.add(16 * v));
            for (sums, &inputs) in sums.iter_mut().zip(inputs) {
                sums[v] = sdot::<L>(sums[v], weights, inputs);
            }
        }
    }
}

/// Adds to each of four columns the products of its four weights with the four inputs of lane `L`.
///
/// # Safety
/// The processor has `sdot`.
#[inline(always)]
unsafe fn sdot<const L: i32>(mut sums: int32x4_t, weights: int8x16_t, inputs: uint8x16_t) -> int32x4_t {
    // SAFETY: touches nothing but its operands.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sums:v}.4s, {weights:v}.16b, {inputs:v}.4b[{lane}]",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            inputs = in(vreg) inputs,
            lane = const L,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}
