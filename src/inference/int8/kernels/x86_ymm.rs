//! What the x86-64 back ends share: tiles of rows, and for 256 bits tables, stores and the interleaving of taps.
#![allow(unsafe_code, reason = "vector instructions on the pointers of a job")]
#![allow(clippy::needless_range_loop, reason = "counted loops over registers are unrolled")]

use std::arch::x86_64::*;

use crate::inference::int8::kernels::{Job, Store};

/// Output channels of one block of dense weights.
pub(super) const COLUMNS: usize = 16;

/// Where the next tile of rows begins, and of how many rows it is: `large`, `small` or one. Where a larger tile is the
/// cheaper way it begins earlier and computes some rows a second time.
#[inline]
pub(super) fn next_tile(done: usize, rows: usize, large: usize, small: usize) -> (usize, usize) {
    let left = rows - done;
    if left >= large || (left > large / 2 && rows >= large) {
        (done.min(rows - large), large)
    } else if left >= small || (left > small / 2 && rows >= small) {
        (done.min(rows - small), small)
    } else {
        (done, 1)
    }
}

/// A table of 256 bytes as sixteen of 16, each XORed with the one before it except at 0 and 128.
pub(super) struct Table([__m256i; 16]);

impl Table {
    #[target_feature(enable = "avx2")]
    pub(super) fn new(table: &[u8; 256]) -> Self {
        let mut parts = [_mm256_setzero_si256(); 16];
        let mut before = _mm_setzero_si128();
        for (i, (part, bytes)) in parts.iter_mut().zip(table.as_chunks::<16>().0).enumerate() {
            // SAFETY: 16 bytes.
            let this = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            let delta = if i % 8 == 0 { this } else { _mm_xor_si128(this, before) };
            *part = _mm256_broadcastsi128_si256(delta);
            before = this;
        }
        Self(parts)
    }

    /// The table's value of every byte. A shuffle gives zero for an index below zero: of each half of the table those
    /// parts take part that begin at or below the byte, and their XOR is the last of them.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn apply(&self, bytes: __m256i) -> __m256i {
        let step = _mm256_set1_epi8(16);
        let (mut low, mut high) = (bytes, _mm256_xor_si256(bytes, _mm256_set1_epi8(i8::MIN)));
        let mut found = _mm256_shuffle_epi8(self.0[0], low);
        let mut found_high = _mm256_shuffle_epi8(self.0[8], high);
        for i in 1..8 {
            (low, high) = (_mm256_subs_epi8(low, step), _mm256_subs_epi8(high, step));
            found = _mm256_xor_si256(found, _mm256_shuffle_epi8(self.0[i], low));
            found_high = _mm256_xor_si256(found_high, _mm256_shuffle_epi8(self.0[8 + i], high));
        }
        _mm256_xor_si256(found, found_high)
    }
}

/// The table of a job, made ready.
#[target_feature(enable = "avx2")]
pub(super) fn table_of(job: &Job<'_>) -> Option<Table> {
    match job.store {
        Store::Quantised { table: Some(table), .. } => Some(Table::new(table)),
        _ => None,
    }
}

/// # Safety
/// The store has these rows and at least the first column of the block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn store_tile<const M: usize>(
    job: &Job<'_>,
    table: Option<&Table>,
    row: usize,
    block: usize,
    sums: &[[__m256i; 2]; M],
) {
    let first = block * COLUMNS;
    let width = (job.layer.shape.cout - first).min(COLUMNS);
    // SAFETY: scale has 16 values per block, and not more than `width` values are written per row.
    unsafe {
        let scale = job.layer.scale.as_ptr().add(first);
        let scale = [_mm256_loadu_ps(scale), _mm256_loadu_ps(scale.add(8))];
        match job.store {
            Store::Quantised { out, stride, zero, .. } => {
                let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
                for m in (0..M).step_by(2) {
                    let (a, b) = (&sums[m], &sums[(m + 1).min(M - 1)]);
                    let steps = [
                        to_steps(a[0], scale[0]),
                        to_steps(a[1], scale[1]),
                        to_steps(b[0], scale[0]),
                        to_steps(b[1], scale[1]),
                    ];
                    let bytes = _mm256_permutevar8x32_epi32(saturate(steps, zero), order);
                    let bytes = table.map_or(bytes, |table| table.apply(bytes));
                    let out = out.add((row + m) * stride + first);
                    store_half(out, width, _mm256_castsi256_si128(bytes));
                    if m + 1 < M {
                        store_half(out.add(stride), width, _mm256_extracti128_si256::<1>(bytes));
                    }
                }
            }
            Store::Float { out, stride } => {
                for m in 0..M {
                    let out = out.add((row + m) * stride + first);
                    for i in 0..2 {
                        store_floats(out, i * 8, width, _mm256_mul_ps(_mm256_cvtepi32_ps(sums[m][i]), scale[i]));
                    }
                }
            }
        }
    }
}

/// Values of 32 channels as depthwise sums hold them: vector j has the channels 4j to 4j + 3 of each 16.
///
/// # Safety
/// `width` values, 1 to 32, can be read.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn load_spread(values: *const i32, width: usize) -> [__m256i; 4] {
    // SAFETY: the second 16 are there where `width` reaches beyond the first.
    unsafe {
        let low = [_mm256_loadu_si256(values.cast()), _mm256_loadu_si256(values.add(8).cast())];
        let mut high = [_mm256_setzero_si256(); 2];
        if width > COLUMNS {
            high = [_mm256_loadu_si256(values.add(16).cast()), _mm256_loadu_si256(values.add(24).cast())];
        }
        [
            _mm256_permute2x128_si256::<0x20>(low[0], high[0]),
            _mm256_permute2x128_si256::<0x31>(low[0], high[0]),
            _mm256_permute2x128_si256::<0x20>(low[1], high[1]),
            _mm256_permute2x128_si256::<0x31>(low[1], high[1]),
        ]
    }
}

/// Per dword one byte of each of four taps, from pointers to 32 channels of the first of them: vector j has the
/// channels 4j to 4j + 3 of each 16. Taps that are missing are anything: their weights are zero.
///
/// # Safety
/// There is a tap, and 32 bytes can be read `first` behind each pointer.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn interleave(inputs: &[*const u8], first: usize) -> [__m256i; 4] {
    let x = |tap: usize| -> __m256i {
        // SAFETY: promised by the caller, and asked only for taps that are there.
        unsafe { _mm256_loadu_si256(inputs.get_unchecked(tap).add(first).cast()) }
    };
    let (a, b, c, d) = match inputs.len() {
        1 => return quarters(x(0)),
        2 => (x(0), x(1), x(1), x(1)),
        3 => (x(0), x(1), x(2), x(2)),
        _ => (x(0), x(1), x(2), x(3)),
    };
    let (ab_low, ab_high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
    let (cd_low, cd_high) = (_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d));
    [
        _mm256_unpacklo_epi16(ab_low, cd_low),
        _mm256_unpackhi_epi16(ab_low, cd_low),
        _mm256_unpacklo_epi16(ab_high, cd_high),
        _mm256_unpackhi_epi16(ab_high, cd_high),
    ]
}

/// Every byte as a dword: vector j has the bytes 4j to 4j + 3 of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn quarters(a: __m256i) -> [__m256i; 4] {
    let mut vectors = [a; 4];
    for (j, vector) in (0..4).zip(&mut vectors) {
        let j = j * 4;
        let lane = _mm_setr_epi8(j, -1, -1, -1, j + 1, -1, -1, -1, j + 2, -1, -1, -1, j + 3, -1, -1, -1);
        *vector = _mm256_shuffle_epi8(a, _mm256_broadcastsi128_si256(lane));
    }
    vectors
}

/// Depthwise sums of up to 32 channels of one row.
///
/// # Safety
/// The store has this row and at least the channel `first`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn store_spread(
    job: &Job<'_>,
    table: Option<&Table>,
    row: usize,
    first: usize,
    sums: [__m256i; 4],
    scale: [__m256i; 4],
) {
    let width = (job.layer.shape.cout - first).min(32);
    // SAFETY: not more than `width` values are written.
    unsafe {
        match job.store {
            Store::Quantised { out, stride, zero, .. } => {
                let mut steps = sums;
                for j in 0..4 {
                    steps[j] = to_steps(sums[j], _mm256_castsi256_ps(scale[j]));
                }
                // lanes come out of the saturation in the order of the channels
                let bytes = saturate(steps, zero);
                let bytes = table.map_or(bytes, |table| table.apply(bytes));
                let out = out.add(row * stride + first);
                if width == 32 {
                    _mm256_storeu_si256(out.cast(), bytes);
                } else {
                    store_half(out, width.min(16), _mm256_castsi256_si128(bytes));
                    if width > 16 {
                        store_half(out.add(16), width - 16, _mm256_extracti128_si256::<1>(bytes));
                    }
                }
            }
            Store::Float { out, stride } => {
                let out = out.add(row * stride + first);
                let mut v = [_mm256_setzero_ps(); 4];
                for j in 0..4 {
                    v[j] = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[j]), _mm256_castsi256_ps(scale[j]));
                }
                store_floats(out, 0, width, _mm256_permute2f128_ps::<0x20>(v[0], v[1]));
                store_floats(out, 8, width, _mm256_permute2f128_ps::<0x20>(v[2], v[3]));
                store_floats(out, 16, width, _mm256_permute2f128_ps::<0x31>(v[0], v[1]));
                store_floats(out, 24, width, _mm256_permute2f128_ps::<0x31>(v[2], v[3]));
            }
        }
    }
}

/// Scaled and rounded half to even. The conversion makes the least number of what is too large, hence the bound.
#[inline]
#[target_feature(enable = "avx2")]
fn to_steps(sums: __m256i, scale: __m256) -> __m256i {
    let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale);
    _mm256_cvtps_epi32(_mm256_min_ps(scaled, _mm256_set1_ps(65536.0)))
}

/// Zero added and saturated to bytes; lane i holds the lanes i of the four vectors. Saturating to 16 bits first
/// changes nothing.
#[inline]
#[target_feature(enable = "avx2")]
fn saturate(steps: [__m256i; 4], zero: u8) -> __m256i {
    let zero = _mm256_set1_epi16(i16::from(zero));
    let low = _mm256_adds_epi16(_mm256_packs_epi32(steps[0], steps[1]), zero);
    let high = _mm256_adds_epi16(_mm256_packs_epi32(steps[2], steps[3]), zero);
    _mm256_packus_epi16(low, high)
}

/// The first `width` bytes, 1 to 16.
///
/// # Safety
/// They can be written.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_half(out: *mut u8, width: usize, bytes: __m128i) {
    // SAFETY: promised by the caller.
    unsafe {
        if width == 16 {
            _mm_storeu_si128(out.cast(), bytes);
        } else {
            let mut buffer = [0_u8; 16];
            _mm_storeu_si128(buffer.as_mut_ptr().cast(), bytes);
            std::ptr::copy_nonoverlapping(buffer.as_ptr(), out, width);
        }
    }
}

/// Values `first` to `first + 7` of a row, as far as they are below `width`.
///
/// # Safety
/// `width` values can be written.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_floats(out: *mut f32, first: usize, width: usize, values: __m256) {
    let mut buffer = [0.0_f32; 8];
    // SAFETY: not more than `width` values are written.
    unsafe {
        if width >= first + 8 {
            _mm256_storeu_ps(out.add(first), values);
        } else if width > first {
            _mm256_storeu_ps(buffer.as_mut_ptr(), values);
            std::ptr::copy_nonoverlapping(buffer.as_ptr(), out.add(first), width - first);
        }
    }
}
