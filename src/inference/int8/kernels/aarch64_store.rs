//! From sums to stored values, for all AArch64 back ends.
#![allow(unsafe_code, reason = "writes through the pointers of a job")]

use std::arch::aarch64::{
    float32x4_t, int16x8_t, int32x4_t, uint8x16_t, vaddq_s32, vcvtnq_s32_f32, vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s16,
    vdupq_n_s32, vdupq_n_u8, veorq_u8, vextq_u8, vget_low_u8, vgetq_lane_u8, vgetq_lane_u16, vgetq_lane_u32,
    vgetq_lane_u64, vld1q_f32, vld1q_u8_x4, vmulq_f32, vqaddq_s16, vqmovn_high_s32, vqmovn_s32, vqmovun_high_s16,
    vqmovun_s16, vqtbl4q_u8, vqtbx4q_u8, vreinterpretq_u8_f32, vreinterpretq_u16_u8, vreinterpretq_u32_u8,
    vreinterpretq_u64_u8, vst1_u8, vst1q_f32, vst1q_u8,
};

use crate::inference::int8::kernels::{Job, Store};

/// Stores the first `rows` of `R` rows from `row` on. `V` is 2 or 4; vector `v` of a row has the sums of the channels
/// from `channel + 4 * v` on, those beyond `cout` are not stored.
///
/// # Safety
/// The store of the job has the rows, and scales can be read up to channel `channel + 4 * V`.
#[inline(always)]
pub(super) unsafe fn store<const R: usize, const V: usize>(
    job: &Job<'_>,
    row: usize,
    rows: usize,
    channel: usize,
    sums: &[[int32x4_t; V]; R],
) {
    const { assert!(V == 2 || V == 4) };
    let width = (job.layer.shape.cout - channel).min(4 * V);
    // SAFETY: promised by the caller, as for every block below.
    let mut scale = unsafe { [vdupq_n_f32(0.0); V] };
    for (v, scale) in scale.iter_mut().enumerate() {
        // SAFETY: there are scales up to the padded number of channels.
        *scale = unsafe { vld1q_f32(job.layer.scale.as_ptr().add(channel + 4 * v)) };
    }
    let mut sums = *sums;
    if let Some(bias) = job.row_bias {
        for (sums, &bias) in sums.iter_mut().zip(&bias[row..row + rows]) {
            for sum in sums {
                // SAFETY: every AArch64 processor has NEON.
                *sum = unsafe { vaddq_s32(*sum, vdupq_n_s32(bias)) };
            }
        }
    }
    match job.store {
        Store::Float { out, stride } => {
            // SAFETY: the store has this row and channel.
            let mut out = unsafe { out.add(row * stride + channel) };
            for sums in &sums[..rows] {
                // SAFETY: the store has these rows, and `width` channels from this one on.
                unsafe { put_floats(out, width, sums, &scale) };
                out = out.wrapping_add(stride);
            }
        }
        Store::Quantised { out, stride, zero, table } => {
            // four vectors of sums make one of bytes: one row of it, or two
            // SAFETY: every AArch64 processor has NEON.
            let mut bytes = unsafe { [vdupq_n_u8(0); R] };
            for (b, bytes) in bytes.iter_mut().enumerate().take((R * V).div_ceil(4)) {
                let (first, second) = if V == 4 { ((b, 0), (b, 2)) } else { ((2 * b, 0), ((2 * b + 1).min(R - 1), 0)) };
                let half =
                    |(r, v): (usize, usize)| quantise([sums[r][v], sums[r][v + 1]], [scale[v], scale[v + 1]], zero);
                // SAFETY: as above.
                *bytes = unsafe { vqmovun_high_s16(vqmovun_s16(half(first)), half(second)) };
            }
            if let Some(table) = table {
                look_up(table, &mut bytes);
            }
            // SAFETY: as for floats.
            let mut out = unsafe { out.add(row * stride + channel) };
            let bytes_of = |r: usize| if V == 4 { bytes[r] } else { half_row(&bytes, r) };
            // SAFETY: as for floats.
            unsafe {
                if width == 4 * V {
                    for r in 0..rows {
                        if V == 4 {
                            vst1q_u8(out, bytes_of(r))
                        } else {
                            vst1_u8(out, vget_low_u8(bytes_of(r)))
                        }
                        out = out.wrapping_add(stride);
                    }
                } else {
                    for r in 0..rows {
                        put_bytes(out, width, bytes_of(r));
                        out = out.wrapping_add(stride);
                    }
                }
            }
        }
    }
}

/// Steps of the result, the zero point added. Saturating to 16 bits before that changes nothing: what they cannot hold
/// lies outside 0 to 255 by far more than a zero point.
#[inline(always)]
fn quantise(sums: [int32x4_t; 2], scale: [float32x4_t; 2], zero: u8) -> int16x8_t {
    // SAFETY: every AArch64 processor has NEON.
    unsafe {
        let low = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums[0]), scale[0]));
        let high = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums[1]), scale[1]));
        vqaddq_s16(vqmovn_high_s32(vqmovn_s32(low), high), vdupq_n_s16(i16::from(zero)))
    }
}

/// Row `r` of vectors of two rows each, in the lower half.
#[inline(always)]
fn half_row<const N: usize>(bytes: &[uint8x16_t; N], r: usize) -> uint8x16_t {
    let both = bytes[r / 2];
    // SAFETY: every AArch64 processor has NEON.
    if r.is_multiple_of(2) { both } else { unsafe { vextq_u8::<8>(both, both) } }
}

/// Every byte becomes the table's entry of its number.
#[inline(always)]
pub(super) fn look_up<const N: usize>(table: &[u8; 256], bytes: &mut [uint8x16_t; N]) {
    // SAFETY: every AArch64 processor has NEON; the four quarters of 64 bytes are within the table.
    unsafe {
        let quarter = |q: usize| vld1q_u8_x4(table.as_ptr().add(64 * q));
        let first = quarter(0);
        let mut found = *bytes;
        for (found, &index) in found.iter_mut().zip(bytes.iter()) {
            *found = vqtbl4q_u8(first, index);
        }
        // an index outside a quarter leaves what was found before; exclusive or brings exactly its own below 64
        for (q, base) in [(1, 0x40), (2, 0x80), (3, 0xc0)] {
            let quarter = quarter(q);
            for (found, &index) in found.iter_mut().zip(bytes.iter()) {
                *found = vqtbx4q_u8(*found, quarter, veorq_u8(index, vdupq_n_u8(base)));
            }
        }
        *bytes = found;
    }
}

/// # Safety
/// `width` bytes (less than 16) can be written.
#[inline(always)]
unsafe fn put_bytes(mut out: *mut u8, width: usize, bytes: uint8x16_t) {
    // SAFETY: the parts written add up to `width`.
    unsafe {
        let mut left = bytes;
        if width & 8 != 0 {
            out.cast::<u64>().write_unaligned(vgetq_lane_u64::<0>(vreinterpretq_u64_u8(left)));
            left = vextq_u8::<8>(left, left);
            out = out.add(8);
        }
        if width & 4 != 0 {
            out.cast::<u32>().write_unaligned(vgetq_lane_u32::<0>(vreinterpretq_u32_u8(left)));
            left = vextq_u8::<4>(left, left);
            out = out.add(4);
        }
        if width & 2 != 0 {
            out.cast::<u16>().write_unaligned(vgetq_lane_u16::<0>(vreinterpretq_u16_u8(left)));
            left = vextq_u8::<2>(left, left);
            out = out.add(2);
        }
        if width & 1 != 0 {
            *out = vgetq_lane_u8::<0>(left);
        }
    }
}

/// # Safety
/// `width` values (at most `4 * V`) can be written.
#[inline(always)]
unsafe fn put_floats<const V: usize>(out: *mut f32, width: usize, sums: &[int32x4_t; V], scale: &[float32x4_t; V]) {
    for v in 0..V {
        // SAFETY: only values below `width` are written.
        unsafe {
            let values = vmulq_f32(vcvtq_f32_s32(sums[v]), scale[v]);
            if width >= 4 * (v + 1) {
                vst1q_f32(out.add(4 * v), values);
            } else if width > 4 * v {
                put_bytes(out.add(4 * v).cast(), 4 * (width - 4 * v), vreinterpretq_u8_f32(values));
            }
        }
    }
}
