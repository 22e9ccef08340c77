//! AArch64 with `usmmla`: two rows by two columns of eight products each in one instruction, inputs unsigned.
#![allow(unsafe_code, reason = "vector instructions on the pointers of a job")]

use std::arch::aarch64::{
    int8x16_t, int32x4_t, uint8x16_t, vcombine_u64, vdup_n_u64, vdupq_n_s32, vdupq_n_u8, vld1_u64, vld1q_dup_s64,
    vld1q_lane_u64, vld1q_s8, vreinterpretq_s32_s64, vreinterpretq_s64_s32, vreinterpretq_u8_u64, vzip1q_s64,
    vzip2q_s64,
};
use std::arch::asm;

use crate::inference::int8::kernels::aarch64_store::store;
use crate::inference::int8::kernels::{Job, Kind, Shape, aarch64_depthwise};

/// Output channels of one block of weights.
const COLUMNS: usize = 16;

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
    // SAFETY: the tiles begin within the rows.
    unsafe {
        while rows - row >= 6 {
            tile::<6, V>(job, row, 6, channel);
            row += 6;
        }
        match rows - row {
            0 => {}
            1 | 2 => tile::<2, V>(job, row, rows - row, channel),
            3 | 4 => tile::<4, V>(job, row, rows - row, channel),
            _ => tile::<6, V>(job, row, rows - row, channel),
        }
    }
}

/// `R` rows of `4 * V` output channels, of which `rows` are stored; `R` is even.
///
/// # Safety
/// As [`Job::run`]; the job has these rows and channels, `rows` is at least 1.
#[inline(always)]
unsafe fn tile<const R: usize, const V: usize>(job: &Job<'_>, row: usize, rows: usize, channel: usize) {
    let Shape { taps, cin, .. } = job.layer.shape;
    let groups = cin.div_ceil(8);
    // SAFETY: one block of weights follows another, biases are padded to whole blocks, and eight bytes may be read
    // where less than eight channels are left.
    unsafe {
        let mut weights = job.layer.weights.as_ptr().add(channel * taps * groups * 8).cast::<i8>();
        let pointers = job.rows.as_ptr().add(row * taps);
        // at first the two rows of a pair share vectors: `sums[2p + c % 2][c / 2]` has the columns 2c and 2c + 1 of
        // row 2p, then those of row 2p + 1
        let mut sums = [[vdupq_n_s32(0); V]; R];
        for c in 0..2 * V {
            let bias = vreinterpretq_s32_s64(vld1q_dup_s64(job.layer.bias.as_ptr().add(channel + 2 * c).cast()));
            for p in 0..R / 2 {
                sums[2 * p + c % 2][c / 2] = bias;
            }
        }
        for tap in 0..taps {
            let mut inputs = [std::ptr::null(); R];
            for (r, input) in inputs.iter_mut().enumerate() {
                *input = *pointers.add(r.min(rows - 1) * taps + tap);
            }
            for group in 0..groups {
                step(&mut sums, &inputs, 8 * group, weights);
                weights = weights.add(8 * COLUMNS);
            }
        }
        for p in 0..R / 2 {
            for v in 0..V {
                let [even, odd] = [sums[2 * p][v], sums[2 * p + 1][v]].map(|sums| vreinterpretq_s64_s32(sums));
                sums[2 * p][v] = vreinterpretq_s32_s64(vzip1q_s64(even, odd));
                sums[2 * p + 1][v] = vreinterpretq_s32_s64(vzip2q_s64(even, odd));
            }
        }
        store(job, row, rows, channel, &sums);
    }
}

/// The products of eight inputs of each row from `at` on.
///
/// # Safety
/// They and `32 * V` weights can be read, and the processor has `usmmla`.
#[inline(always)]
unsafe fn step<const R: usize, const V: usize>(
    sums: &mut [[int32x4_t; V]; R],
    inputs: &[*const u8; R],
    at: usize,
    weights: *const i8,
) {
    // SAFETY: promised by the caller.
    unsafe {
        let mut pairs = [vdupq_n_u8(0); R];
        for p in 0..R / 2 {
            let first = vcombine_u64(vld1_u64(inputs[2 * p].add(at).cast()), vdup_n_u64(0));
            pairs[p] = vreinterpretq_u8_u64(vld1q_lane_u64::<1>(inputs[2 * p + 1].add(at).cast(), first));
        }
        for c in 0..2 * V {
            let weights = vld1q_s8(weights.add(16 * c));
            for p in 0..R / 2 {
                let sums = &mut sums[2 * p + c % 2][c / 2];
                *sums = usmmla(*sums, pairs[p], weights);
            }
        }
    }
}

/// Adds the products of two rows of eight inputs with two columns of eight weights: row 0 with both, row 1 with both.
///
/// # Safety
/// The processor has `usmmla`.
#[inline(always)]
unsafe fn usmmla(mut sums: int32x4_t, inputs: uint8x16_t, weights: int8x16_t) -> int32x4_t {
    // SAFETY: touches nothing but its operands.
    unsafe {
        asm!(
            ".arch_extension i8mm",
            "usmmla {sums:v}.4s, {inputs:v}.16b, {weights:v}.16b",
            sums = inout(vreg) sums,
            inputs = in(vreg) inputs,
            weights = in(vreg) weights,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}
