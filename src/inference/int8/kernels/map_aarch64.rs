//! A table of bytes over a run of bytes, by table instructions.
#![allow(unsafe_code, reason = "vector instructions")]

use std::arch::aarch64::{vld1q_u8, vst1q_u8};

use crate::inference::int8::kernels::aarch64_store::look_up;

/// `out[i] = table[input[i]]`; both are equally long.
pub(super) fn map(table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    assert_eq!(input.len(), out.len());
    let (lines, rest) = input.as_chunks::<64>();
    let (out_lines, out_rest) = out.as_chunks_mut::<64>();
    for (line, out) in lines.iter().zip(out_lines) {
        // SAFETY: four times 16 bytes are within both lines.
        unsafe {
            let mut bytes = [0, 16, 32, 48].map(|at| vld1q_u8(line.as_ptr().add(at)));
            look_up(table, &mut bytes);
            for (i, bytes) in bytes.into_iter().enumerate() {
                vst1q_u8(out.as_mut_ptr().add(16 * i), bytes);
            }
        }
    }
    for (&byte, out) in rest.iter().zip(out_rest) {
        *out = table[usize::from(byte)];
    }
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn every_byte_becomes_its_entry_at_every_length() {
        let byte = |i: usize| (i * 167 + i / 256 * 31 + 5).to_le_bytes()[0];
        let table: [u8; 256] = std::array::from_fn(byte);
        for len in [0, 1, 15, 63, 64, 65, 127, 128, 700] {
            let input: Vec<u8> = (0..len).map(|i| byte(i * 3)).collect();
            let mut out = vec![0; len];
            map(&table, &input, &mut out);
            assert!(out.iter().zip(&input).all(|(&out, &byte)| out == table[usize::from(byte)]), "{len}");
        }
        let every: Vec<u8> = (0..=255).collect();
        let mut out = vec![0; 256];
        map(&table, &every, &mut out);
        assert_eq!(out, table);
    }
}
