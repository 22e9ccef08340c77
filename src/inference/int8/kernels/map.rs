//! A table of 256 bytes over a run of bytes.
#![allow(unsafe_code, reason = "vector instructions and their loads and stores")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use crate::inference::int8::kernels::Isa;
#[cfg(target_arch = "x86_64")]
use crate::inference::int8::kernels::{x86_ymm, x86_zmm};

/// `out[i] = table[input[i]]`.
///
/// # Panics
/// Where the lengths differ, or the processor does not have the instruction set.
pub fn map(isa: Isa, table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    assert_eq!(input.len(), out.len(), "a byte for a byte");
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => {
            assert!(is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi"));
            // SAFETY: the processor has what it takes.
            unsafe { map_avx512(table, input, out) }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni | Isa::Avx2 => {
            assert!(is_x86_feature_detected!("avx2"));
            // SAFETY: the processor has what it takes.
            unsafe { map_avx2(table, input, out) }
        }
        #[cfg(target_arch = "aarch64")]
        Isa::Neon | Isa::NeonDot | Isa::NeonI8mm => super::map_aarch64::map(table, input, out),
        Isa::Scalar => map_scalar(table, input, out),
    }
}

/// `bytes[i] = table[bytes[i]]`, a cache line at a time.
pub fn map_in_place(isa: Isa, table: &[u8; 256], bytes: &mut [u8]) {
    let mut line = [0; 512];
    for bytes in bytes.chunks_mut(line.len()) {
        let line = &mut line[..bytes.len()];
        line.copy_from_slice(bytes);
        map(isa, table, line, bytes);
    }
}

fn map_scalar(table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    for (out, &byte) in out.iter_mut().zip(input) {
        *out = table[usize::from(byte)];
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn map_avx512(table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    for (out, input) in out.chunks_mut(64).zip(input.chunks(64)) {
        // SAFETY: only the bytes of the chunk are read and written.
        unsafe {
            let bytes = _mm512_maskz_loadu_epi8(u64::MAX >> (64 - input.len()), input.as_ptr().cast());
            x86_zmm::store_bytes(out.as_mut_ptr(), out.len(), x86_zmm::apply(Some(table), bytes));
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn map_avx2(table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    let parts = x86_ymm::Table::new(table);
    let (whole, rest) = input.as_chunks::<32>();
    let (whole_out, rest_out) = out.as_chunks_mut::<32>();
    for (out, input) in whole_out.iter_mut().zip(whole) {
        // SAFETY: 32 bytes each.
        unsafe {
            let bytes = _mm256_loadu_si256(input.as_ptr().cast());
            _mm256_storeu_si256(out.as_mut_ptr().cast(), parts.apply(bytes));
        }
    }
    map_scalar(table, rest, rest_out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_every_length_is_looked_up() {
        let mut table = [0_u8; 256];
        let mut state = 1_u32;
        for byte in &mut table {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = state.to_le_bytes()[3];
        }
        let input: Vec<u8> = (0..600_u32).map(|i| (i * 167 % 256).to_le_bytes()[0]).collect();
        for isa in Isa::available() {
            for len in (0..140).chain([256, 511, 600]) {
                let mut out = vec![0xa5_u8; len + 1];
                map(isa, &table, &input[..len], &mut out[..len]);
                assert!(
                    out.iter().zip(&input[..len]).all(|(&out, &byte)| out == table[usize::from(byte)]),
                    "{isa:?} {len}"
                );
                assert_eq!(out[len], 0xa5, "{isa:?} {len}");
            }
        }
    }
}
