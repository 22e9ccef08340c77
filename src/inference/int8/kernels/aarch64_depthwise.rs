//! Depthwise layers of all AArch64 back ends: 16 channels of several rows, two taps at a time.
//!
//! Two products are summed in 16 bits before they are widened; the inputs of odd taps become `127 - x` and their
//! products are subtracted, for the reason given in `aarch64_neon`.
#![allow(unsafe_code, reason = "vector instructions on the pointers of a job")]

use std::arch::aarch64::{
    int8x16_t, int16x8_t, int32x4_t, vaddw_high_s16, vaddw_s16, vdupq_n_s32, vdupq_n_u8, veorq_u8, vget_low_s8,
    vget_low_s16, vld1q_s8, vld1q_s32, vld1q_u8, vmlsl_high_s8, vmlsl_s8, vmull_high_s8, vmull_s8, vreinterpretq_s8_u8,
};

use crate::inference::int8::kernels::Job;
use crate::inference::int8::kernels::aarch64_store::store;

/// Channels of one block of weights, `[channels / 16][taps][16]`.
const CHANNELS: usize = 16;

/// Rows of a tile: as many as leave registers for products.
const ROWS: usize = 4;

/// # Safety
/// As [`Job::run`].
pub(super) unsafe fn run(job: &Job<'_>) {
    let rows = job.count();
    for channel in (0..job.layer.shape.cout).step_by(CHANNELS) {
        let mut row = 0;
        // SAFETY: the tiles stay within the rows.
        unsafe {
            while rows - row >= ROWS {
                tile::<ROWS>(job, row, channel);
                row += ROWS;
            }
            while rows > row {
                tile::<1>(job, row, channel);
                row += 1;
            }
        }
    }
}

/// # Safety
/// As [`Job::run`]; the job has these rows and channels.
#[inline(always)]
unsafe fn tile<const R: usize>(job: &Job<'_>, row: usize, channel: usize) {
    let taps = job.layer.shape.taps;
    // SAFETY: one block of weights follows another, biases are padded to whole blocks, and 16 bytes may be read where
    // less than 16 channels are left.
    unsafe {
        let weights = job.layer.weights.as_ptr().add(channel * taps).cast::<i8>();
        let pointers = job.rows.as_ptr().add(row * taps);
        let mut sums = [[vdupq_n_s32(0); 4]; R];
        for v in 0..4 {
            let bias = vld1q_s32(job.layer.bias.as_ptr().add(channel + 4 * v));
            for sums in &mut sums {
                sums[v] = bias;
            }
        }
        let mut tap = 0;
        while tap + 2 <= taps {
            let [even, odd] = [tap, tap + 1].map(|tap| vld1q_s8(weights.add(CHANNELS * tap)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let pointers = pointers.add(r * taps + tap);
                let first = load::<0x80>((*pointers).add(channel));
                let second = load::<0x7f>((*pointers.add(1)).add(channel));
                let low =
                    vmlsl_s8(vmull_s8(vget_low_s8(first), vget_low_s8(even)), vget_low_s8(second), vget_low_s8(odd));
                add(sums, low, vmlsl_high_s8(vmull_high_s8(first, even), second, odd));
            }
            tap += 2;
        }
        if tap < taps {
            let last = vld1q_s8(weights.add(CHANNELS * tap));
            for (r, sums) in sums.iter_mut().enumerate() {
                let input = load::<0x80>((*pointers.add(r * taps + tap)).add(channel));
                add(sums, vmull_s8(vget_low_s8(input), vget_low_s8(last)), vmull_high_s8(input, last));
            }
        }
        store(job, row, R, channel, &sums);
    }
}

/// # Safety
/// 16 bytes can be read.
#[inline(always)]
unsafe fn load<const FLIP: u8>(input: *const u8) -> int8x16_t {
    // SAFETY: promised by the caller.
    unsafe { vreinterpretq_s8_u8(veorq_u8(vld1q_u8(input), vdupq_n_u8(FLIP))) }
}

#[inline(always)]
fn add(sums: &mut [int32x4_t; 4], low: int16x8_t, high: int16x8_t) {
    // SAFETY: every AArch64 processor has NEON.
    unsafe {
        sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
        sums[1] = vaddw_high_s16(sums[1], low);
        sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
        sums[3] = vaddw_high_s16(sums[3], high);
    }
}
