//! AArch64 as every one of them is: products of eight bits in 16, two at a time, and then in 32.
//!
//! -128 x -128 twice does not fit 16 bits. Therefore the lower eight of 16 inputs become `x - 128`, the upper eight
//! `127 - x`, and the products of the upper eight are subtracted: a product is -16256 to 16384, so a difference of two
//! fits. That the upper inputs are off by 127, not 128, is in the bias (see `Isa::centre`).
#![allow(unsafe_code, reason = "vector instructions on the pointers of a job")]

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vaddq_s32, vcombine_u8, vdup_n_u8, vdupq_n_s8, vdupq_n_s32, veorq_u8, vld1q_s8, vld1q_s32,
    vld1q_u8, vpaddq_s32, vreinterpretq_s8_u8,
};
use std::arch::asm;

use crate::inference::int8::kernels::aarch64_store::store;
use crate::inference::int8::kernels::{Job, Kind, Shape, aarch64_depthwise};

/// Output channels of one block of weights.
const COLUMNS: usize = 8;

/// Rows of a tile: as many as leave registers for products.
const ROWS: usize = 2;

/// # Safety
/// As [`Job::run`].
pub(super) unsafe fn run(job: &Job<'_>) {
    if job.layer.shape.kind == Kind::Depthwise {
        // SAFETY: the caller's promises.
        return unsafe { aarch64_depthwise::run(job) };
    }
    for channel in (0..job.layer.shape.cout).step_by(COLUMNS) {
        // SAFETY: the caller's promises.
        unsafe { columns(job, channel) };
    }
}

/// All rows of eight output channels.
///
/// # Safety
/// As [`Job::run`].
unsafe fn columns(job: &Job<'_>, channel: usize) {
    let rows = job.count();
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

/// `R` rows of eight output channels.
///
/// # Safety
/// As [`Job::run`]; the job has these rows and channels.
#[inline(always)]
unsafe fn tile<const R: usize>(job: &Job<'_>, row: usize, channel: usize) {
    let Shape { taps, cin, .. } = job.layer.shape;
    // SAFETY: one block of weights follows another, biases are padded to whole blocks, and 16 bytes may be read where
    // less than 16 channels are left.
    unsafe {
        let mut weights = job.layer.weights.as_ptr().add(channel * taps * cin.next_multiple_of(16)).cast::<i8>();
        let pointers = job.rows.as_ptr().add(row * taps);
        let mut sums = [[vdupq_n_s32(0); COLUMNS]; R];
        for tap in 0..taps {
            let mut inputs = [std::ptr::null(); R];
            for (r, input) in inputs.iter_mut().enumerate() {
                *input = *pointers.add(r * taps + tap);
            }
            let mut c = 0;
            // the weights of the upper eight are zeros where no more than eight channels are left
            while c + 8 < cin {
                step::<R, true>(&mut sums, &load(&inputs, c), weights);
                weights = weights.add(16 * COLUMNS);
                c += 16;
            }
            if c < cin {
                step::<R, false>(&mut sums, &load(&inputs, c), weights);
                weights = weights.add(16 * COLUMNS);
            }
        }
        let mut rows = [[vdupq_n_s32(0); 2]; R];
        for v in 0..2 {
            let bias = vld1q_s32(job.layer.bias.as_ptr().add(channel + 4 * v));
            for r in 0..R {
                let parts = &sums[r][4 * v..4 * v + 4];
                let sum = vpaddq_s32(vpaddq_s32(parts[0], parts[1]), vpaddq_s32(parts[2], parts[3]));
                rows[r][v] = vaddq_s32(sum, bias);
            }
        }
        store(job, row, R, channel, &rows);
    }
}

/// 16 inputs of each row from `at` on: eight less 128, and eight taken from 127.
///
/// # Safety
/// They can be read.
#[inline(always)]
unsafe fn load<const R: usize>(inputs: &[*const u8; R], at: usize) -> [int8x16_t; R] {
    // SAFETY: promised by the caller.
    unsafe {
        let flip = vcombine_u8(vdup_n_u8(0x80), vdup_n_u8(0x7f));
        let mut loaded = [vdupq_n_s8(0); R];
        for (loaded, input) in loaded.iter_mut().zip(inputs) {
            *loaded = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(input.add(at)), flip));
        }
        loaded
    }
}

/// The products of 16 inputs of each row, or of the lower eight.
///
/// # Safety
/// 16 weights of each column can be read.
#[inline(always)]
unsafe fn step<const R: usize, const BOTH: bool>(
    sums: &mut [[int32x4_t; COLUMNS]; R],
    inputs: &[int8x16_t; R],
    weights: *const i8,
) {
    for first in (0..R * COLUMNS).step_by(4) {
        // four sums, column by column
        let place = [first, first + 1, first + 2, first + 3].map(|i| (i % R, i / R));
        // SAFETY: promised by the caller.
        let weights = place.map(|(_, column)| unsafe { vld1q_s8(weights.add(16 * column)) });
        let added = products::<BOTH>(place.map(|(r, c)| sums[r][c]), place.map(|(r, _)| inputs[r]), weights);
        for ((r, c), sum) in place.into_iter().zip(added) {
            sums[r][c] = sum;
        }
    }
}

/// Adds to each sum the products of its inputs with its weights. Four at a time, in this order, so that none waits for
/// the one before; left to the compiler, all products come before all sums and do not fit the registers.
#[inline(always)]
fn products<const BOTH: bool>(
    [mut s0, mut s1, mut s2, mut s3]: [int32x4_t; 4],
    [x0, x1, x2, x3]: [int8x16_t; 4],
    [w0, w1, w2, w3]: [int8x16_t; 4],
) -> [int32x4_t; 4] {
    // SAFETY: touches nothing but its operands.
    unsafe {
        if BOTH {
            asm!(
                "smull {p0:v}.8h, {x0:v}.8b, {w0:v}.8b",
                "smull {p1:v}.8h, {x1:v}.8b, {w1:v}.8b",
                "smull {p2:v}.8h, {x2:v}.8b, {w2:v}.8b",
                "smull {p3:v}.8h, {x3:v}.8b, {w3:v}.8b",
                "smlsl2 {p0:v}.8h, {x0:v}.16b, {w0:v}.16b",
                "smlsl2 {p1:v}.8h, {x1:v}.16b, {w1:v}.16b",
                "smlsl2 {p2:v}.8h, {x2:v}.16b, {w2:v}.16b",
                "smlsl2 {p3:v}.8h, {x3:v}.16b, {w3:v}.16b",
                "sadalp {s0:v}.4s, {p0:v}.8h",
                "sadalp {s1:v}.4s, {p1:v}.8h",
                "sadalp {s2:v}.4s, {p2:v}.8h",
                "sadalp {s3:v}.4s, {p3:v}.8h",
                s0 = inout(vreg) s0, s1 = inout(vreg) s1, s2 = inout(vreg) s2, s3 = inout(vreg) s3,
                x0 = in(vreg) x0, x1 = in(vreg) x1, x2 = in(vreg) x2, x3 = in(vreg) x3,
                w0 = in(vreg) w0, w1 = in(vreg) w1, w2 = in(vreg) w2, w3 = in(vreg) w3,
                p0 = out(vreg) _, p1 = out(vreg) _, p2 = out(vreg) _, p3 = out(vreg) _,
                options(pure, nomem, nostack, preserves_flags),
            );
        } else {
            asm!(
                "smull {p0:v}.8h, {x0:v}.8b, {w0:v}.8b",
                "smull {p1:v}.8h, {x1:v}.8b, {w1:v}.8b",
                "smull {p2:v}.8h, {x2:v}.8b, {w2:v}.8b",
                "smull {p3:v}.8h, {x3:v}.8b, {w3:v}.8b",
                "sadalp {s0:v}.4s, {p0:v}.8h",
                "sadalp {s1:v}.4s, {p1:v}.8h",
                "sadalp {s2:v}.4s, {p2:v}.8h",
                "sadalp {s3:v}.4s, {p3:v}.8h",
                s0 = inout(vreg) s0, s1 = inout(vreg) s1, s2 = inout(vreg) s2, s3 = inout(vreg) s3,
                x0 = in(vreg) x0, x1 = in(vreg) x1, x2 = in(vreg) x2, x3 = in(vreg) x3,
                w0 = in(vreg) w0, w1 = in(vreg) w1, w2 = in(vreg) w2, w3 = in(vreg) w3,
                p0 = out(vreg) _, p1 = out(vreg) _, p2 = out(vreg) _, p3 = out(vreg) _,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
    }
    [s0, s1, s2, s3]
}
