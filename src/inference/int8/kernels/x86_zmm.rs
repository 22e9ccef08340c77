//! What the AVX-512 back end and the table map do with vectors of 64 bytes.
#![allow(unsafe_code, reason = "vector loads and stores")]
#![allow(clippy::cast_possible_truncation, reason = "a mask of 16 bits")]

use std::arch::x86_64::*;

use crate::inference::int8::kernels::x86_ymm::COLUMNS;

/// Every byte as a dword: vector j has the bytes 4j to 4j + 3 of each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn quarters(a: __m512i) -> [__m512i; 4] {
    let mut vectors = [a; 4];
    for (j, vector) in (0..4).zip(&mut vectors) {
        let j = j * 4;
        let lane = _mm_setr_epi8(j, -1, -1, -1, j + 1, -1, -1, -1, j + 2, -1, -1, -1, j + 3, -1, -1, -1);
        *vector = _mm512_shuffle_epi8(a, _mm512_broadcast_i32x4(lane));
    }
    vectors
}

/// Per dword one byte of each: vector j has the bytes 4j to 4j + 3 of each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn interleave(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
    [
        _mm512_unpacklo_epi16(ab_low, cd_low),
        _mm512_unpackhi_epi16(ab_low, cd_low),
        _mm512_unpacklo_epi16(ab_high, cd_high),
        _mm512_unpackhi_epi16(ab_high, cd_high),
    ]
}

/// Lane i of vector j becomes lane j of vector i.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transpose_lanes(v: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_shuffle_i32x4::<0x44>(v[0], v[1]), _mm512_shuffle_i32x4::<0xee>(v[0], v[1]));
    let (cd_low, cd_high) = (_mm512_shuffle_i32x4::<0x44>(v[2], v[3]), _mm512_shuffle_i32x4::<0xee>(v[2], v[3]));
    [
        _mm512_shuffle_i32x4::<0x88>(ab_low, cd_low),
        _mm512_shuffle_i32x4::<0xdd>(ab_low, cd_low),
        _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high),
        _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high),
    ]
}

/// Scaled and rounded half to even. The conversion makes the least number of what is too large, hence the bound.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn to_steps(sums: __m512i, scale: __m512) -> __m512i {
    let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale);
    _mm512_cvtps_epi32(_mm512_min_ps(scaled, _mm512_set1_ps(65536.0)))
}

/// Zero added and saturated to bytes; lane i holds the lanes i of the four vectors. Saturating to 16 bits first
/// changes nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn saturate(steps: [__m512i; 4], zero: u8) -> __m512i {
    let zero = _mm512_set1_epi16(i16::from(zero));
    let low = _mm512_adds_epi16(_mm512_packs_epi32(steps[0], steps[1]), zero);
    let high = _mm512_adds_epi16(_mm512_packs_epi32(steps[2], steps[3]), zero);
    _mm512_packus_epi16(low, high)
}

/// From lanes of four vectors to one vector after the other.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn in_order(bytes: __m512i) -> __m512i {
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_permutexvar_epi32(order, bytes)
}

/// The table's value of every byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn apply(table: Option<&[u8; 256]>, bytes: __m512i) -> __m512i {
    let Some(table) = table else { return bytes };
    // SAFETY: four times 64 bytes.
    unsafe {
        let part = |i: usize| -> __m512i { _mm512_loadu_si512(table.as_ptr().add(i * 64).cast()) };
        let low = _mm512_permutex2var_epi8(part(0), bytes, part(1));
        let high = _mm512_permutex2var_epi8(part(2), bytes, part(3));
        _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(bytes), high)
    }
}

/// Of four lanes one; `part` is known when this is compiled.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn quarter(bytes: __m512i, part: usize) -> __m128i {
    match part {
        0 => _mm512_castsi512_si128(bytes),
        1 => _mm512_extracti32x4_epi32::<1>(bytes),
        2 => _mm512_extracti32x4_epi32::<2>(bytes),
        _ => _mm512_extracti32x4_epi32::<3>(bytes),
    }
}

/// Of two halves one; `part` is known when this is compiled.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn half(bytes: __m512i, part: usize) -> __m256i {
    if part == 0 { _mm512_castsi512_si256(bytes) } else { _mm512_extracti64x4_epi64::<1>(bytes) }
}

/// The first `width` bytes, 1 to 64.
///
/// # Safety
/// They can be written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn store_bytes(out: *mut u8, width: usize, bytes: __m512i) {
    // SAFETY: promised by the caller.
    unsafe {
        if width == 64 {
            _mm512_storeu_si512(out.cast(), bytes);
        } else {
            _mm512_mask_storeu_epi8(out.cast(), u64::MAX >> (64 - width), bytes);
        }
    }
}

/// Values `first` to `first + 15` of a row, as far as they are below `width`.
///
/// # Safety
/// `width` values can be written.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn store_floats(out: *mut f32, first: usize, width: usize, values: __m512) {
    let count = width.saturating_sub(first).min(COLUMNS);
    let mask = ((1_u32 << count) - 1) as u16;
    // SAFETY: `count` values beyond `first` lie below `width`.
    unsafe {
        if count == COLUMNS {
            _mm512_storeu_ps(out.add(first), values);
        } else {
            _mm512_mask_storeu_ps(out.wrapping_add(first), mask, values);
        }
    }
}
