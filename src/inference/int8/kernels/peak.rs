//! What the inner instruction of an instruction set reaches, for reports to be judged by.
#![allow(unsafe_code, reason = "vector instructions")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::inference::int8::kernels::Isa;

/// Repetitions between two looks at the clock.
const ROUNDS: u32 = 20_000;

/// 10^9 products per second of one thread, from registers, with sums enough to hide the latency.
pub fn measure(isa: Isa, time: Duration) -> f64 {
    assert!(Isa::available().contains(&isa), "{isa:?} is not of this processor");
    #[cfg(target_arch = "aarch64")]
    if isa != Isa::Scalar {
        return super::peak_aarch64::measure(isa, time);
    }
    let (begin, mut products, mut best) = (Instant::now(), 0_u64, 0.0_f64);
    while products == 0 || begin.elapsed() < time {
        let round = Instant::now();
        products = match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instruction set, as for those below.
            Isa::Avx512Vnni => unsafe { avx512() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::AvxVnni => unsafe { avxvnni() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { avx2() },
            _ => scalar(),
        };
        best = best.max(products as f64 / round.elapsed().as_secs_f64() / 1e9);
    }
    best
}

/// What one product and one sum at a time give, or what the compiler makes of it.
fn scalar() -> u64 {
    let (inputs, weights) = (black_box([3_u8; 64]), black_box([5_i8; 64]));
    let mut sum = 0_i32;
    for _ in 0..ROUNDS {
        let (inputs, weights) = (black_box(&inputs), black_box(&weights));
        for (&x, &w) in inputs.iter().zip(weights) {
            sum = sum.wrapping_add(i32::from(x) * i32::from(w));
        }
    }
    black_box(sum);
    u64::from(ROUNDS) * 64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn avx512() -> u64 {
    const SUMS: usize = 24;
    let (x, w) = (_mm512_set1_epi32(black_box(0x0102_0304)), _mm512_set1_epi32(black_box(0x0101_0101)));
    let mut sums = [_mm512_setzero_si512(); SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, x, w);
        }
    }
    black_box(sums);
    u64::from(ROUNDS) * SUMS as u64 * 64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avxvnni")]
fn avxvnni() -> u64 {
    const SUMS: usize = 12;
    let (x, w) = (_mm256_set1_epi32(black_box(0x0102_0304)), _mm256_set1_epi32(black_box(0x0101_0101)));
    let mut sums = [_mm256_setzero_si256(); SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm256_dpbusd_avx_epi32(*sum, x, w);
        }
    }
    black_box(sums);
    u64::from(ROUNDS) * SUMS as u64 * 32
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2() -> u64 {
    const SUMS: usize = 12;
    let (x, w) = (_mm256_set1_epi32(black_box(0x0002_0004)), _mm256_set1_epi32(black_box(0x0001_0001)));
    let mut sums = [_mm256_setzero_si256(); SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            let products: __m256i;
            // SAFETY: only registers; written out because the compiler would multiply but once.
            unsafe {
                std::arch::asm!("vpmaddwd {}, {}, {}", lateout(ymm_reg) products, in(ymm_reg) x, in(ymm_reg) w,
                    options(nomem, nostack, preserves_flags));
            }
            *sum = _mm256_add_epi32(*sum, products);
        }
    }
    black_box(sums);
    u64::from(ROUNDS) * SUMS as u64 * 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_multiplies() {
        for isa in Isa::available() {
            let rate = measure(isa, Duration::from_millis(5));
            assert!(rate.is_finite() && rate > 0.0, "{isa:?} {rate}");
        }
    }
}
