//! Loops over real numbers and bytes, compiled once per instruction set. No step is contracted or reordered by the
//! compiler, so that every instruction set gives the same bits.
#![allow(unsafe_code, reason = "calls functions compiled for what the processor has")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a byte holds before")]
#![allow(clippy::inline_always, reason = "the body must be compiled for the caller's instruction set")]

use crate::inference::int8::graph::Binary;
use crate::inference::int8::kernels::Isa;

macro_rules! versions {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$doc])*
        pub fn $name(isa: Isa, $($arg: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn plain($($arg: $kind),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $kind),*) $(-> $result)? { plain($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
            fn avx512($($arg: $kind),*) $(-> $result)? { plain($($arg),*) }
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: an Isa above Scalar is only handed out where the processor has it.
                Isa::Avx2 | Isa::AvxVnni => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Isa::Avx512Vnni => unsafe { avx512($($arg),*) },
                _ => plain($($arg),*),
            }
        }
    )*};
}

/// Lanes of the partial sums of long rows, fixed so that sums do not depend on the instruction set.
const LANES: usize = 16;
/// The same of short rows.
const FEW_LANES: usize = 8;

versions! {
    /// `(x - zero) * scale`.
    fn dequantise(from: &[u8], to: &mut [f32], scale: f32, zero: u8) {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = (f32::from(from) - f32::from(zero)) * scale;
        }
    }

    /// `saturate(round_half_even(x / scale) + zero)`.
    fn quantise(from: &[f32], to: &mut [u8], scale: f32, zero: u8) {
        for (to, &from) in to.iter_mut().zip(from) {
            let steps = (from / scale).round_ties_even() + f32::from(zero);
            // what is not a number becomes 0
            let steps = if steps > 0.0 { steps } else { 0.0 };
            let steps = if steps < 255.0 { steps } else { 255.0 };
            // SAFETY: clamped to what a byte holds.
            *to = unsafe { steps.to_int_unchecked::<i32>() } as u8;
        }
    }

    /// `a = f(a, b)`.
    fn binary(function: Binary, a: &mut [f32], b: &[f32]) {
        let pairs = a.iter_mut().zip(b);
        match function {
            Binary::Add => pairs.for_each(|(a, &b)| *a += b),
            Binary::Subtract => pairs.for_each(|(a, &b)| *a -= b),
            Binary::Multiply => pairs.for_each(|(a, &b)| *a *= b),
            Binary::Divide => pairs.for_each(|(a, &b)| *a /= b),
            Binary::Maximum => pairs.for_each(|(a, &b)| *a = if *a > b { *a } else { b }),
            Binary::Minimum => pairs.for_each(|(a, &b)| *a = if *a < b { *a } else { b }),
        }
    }

    /// `a = f(a, number)`, or `f(number, a)` with `left`.
    fn with_number(function: Binary, a: &mut [f32], number: f32, left: bool) {
        match function {
            Binary::Add => a.iter_mut().for_each(|a| *a += number),
            Binary::Subtract if left => a.iter_mut().for_each(|a| *a = number - *a),
            Binary::Subtract => a.iter_mut().for_each(|a| *a -= number),
            Binary::Multiply => a.iter_mut().for_each(|a| *a *= number),
            Binary::Divide if left => a.iter_mut().for_each(|a| *a = number / *a),
            Binary::Divide => a.iter_mut().for_each(|a| *a /= number),
            Binary::Maximum => a.iter_mut().for_each(|a| *a = if *a > number { *a } else { number }),
            Binary::Minimum => a.iter_mut().for_each(|a| *a = if *a < number { *a } else { number }),
        }
    }

    /// Softmax of each row.
    fn softmax(values: &mut [f32], row: usize) {
        for row in values.chunks_exact_mut(row) {
            let largest = lanes(row, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
            row.iter_mut().for_each(|x| *x -= largest);
        }
        // over all rows at once, since short ones would leave lanes idle
        values.iter_mut().for_each(|x| *x = exp(*x));
        for row in values.chunks_exact_mut(row) {
            let sum = lanes(row, 0.0, |a, b| a + b);
            row.iter_mut().for_each(|x| *x /= sum);
        }
    }

    /// `(x - mean) / sqrt(variance + epsilon)` of each row.
    fn normalise(values: &mut [f32], row: usize, epsilon: f32) {
        for row in values.chunks_exact_mut(row) {
            let count = row.len() as f32;
            let mean = lanes(row, 0.0, |a, b| a + b) / count;
            row.iter_mut().for_each(|x| *x -= mean);
            let mut squares = [0.0; LANES];
            let mut chunks = row.chunks_exact(LANES);
            for chunk in &mut chunks {
                for (sum, &x) in squares.iter_mut().zip(chunk) {
                    *sum += x * x;
                }
            }
            let rest: f32 = chunks.remainder().iter().map(|x| x * x).sum();
            let variance = (squares.iter().sum::<f32>() + rest) / count;
            let factor = 1.0 / (variance + epsilon).sqrt();
            row.iter_mut().for_each(|x| *x *= factor);
        }
    }

    /// The sum of all values.
    fn sum(values: &[f32]) -> f32 {
        lanes(values, 0.0, |a, b| a + b)
    }

    /// `sums += ` the sum of each row.
    fn add_rows(sums: &mut [f32], values: &[f32]) {
        let row = values.len() / sums.len();
        for (sum, row) in sums.iter_mut().zip(values.chunks_exact(row)) {
            *sum += lanes(row, 0.0, |a, b| a + b);
        }
    }

    /// `sums += bytes`.
    fn add_bytes(sums: &mut [i32], bytes: &[u8]) {
        for (sum, &byte) in sums.iter_mut().zip(bytes) {
            *sum += i32::from(byte);
        }
    }

    /// `largest = max(largest, bytes)`.
    fn max_bytes(largest: &mut [u8], bytes: &[u8]) {
        for (largest, &byte) in largest.iter_mut().zip(bytes) {
            *largest = (*largest).max(byte);
        }
    }

    /// The sum of bytes.
    fn sum_bytes(bytes: &[u8]) -> i32 {
        bytes.iter().map(|&byte| i32::from(byte)).sum()
    }
}

/// Folds in an order that depends on the number of values alone.
#[inline(always)]
fn lanes(values: &[f32], start: f32, fold: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
    if values.len() < 2 * LANES {
        folded::<FEW_LANES>(values, start, fold)
    } else {
        folded::<LANES>(values, start, fold)
    }
}

/// Folds to partial results, then those, pair by pair, then the rest.
#[inline(always)]
fn folded<const N: usize>(values: &[f32], start: f32, fold: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
    let mut partial = [start; N];
    let mut chunks = values.chunks_exact(N);
    for chunk in &mut chunks {
        for (partial, &x) in partial.iter_mut().zip(chunk) {
            *partial = fold(*partial, x);
        }
    }
    let rest = chunks.remainder().iter().fold(start, |a, &b| fold(a, b));
    let mut half = N / 2;
    while half > 0 {
        for lane in 0..half {
            partial[lane] = fold(partial[lane], partial[lane + half]);
        }
        half /= 2;
    }
    fold(partial[0], rest)
}

/// The exponential function of numbers from -87 to 88, to about one unit in the last place: `2^n * e^r` with the
/// polynomial of Cephes' `expf` for `e^r`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = if x > -87.0 { x } else { -87.0 };
    let x = if x < 88.0 { x } else { 88.0 };
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut poly = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        poly = poly * r + coefficient;
    }
    let poly = poly * r * r + r + 1.0;
    // SAFETY: n is between -126 and 127.
    let n = unsafe { n.to_int_unchecked::<i32>() };
    poly * f32::from_bits(((n + 127) << 23).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e6 - 8.0;
        let values: Vec<f32> = (0..1000).map(noise).collect();
        let bytes: Vec<u8> = (0..1000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let run = |isa: Isa| {
            let (mut a, mut b) = (values.clone(), values.clone());
            softmax(isa, &mut a, 50);
            normalise(isa, &mut b, 125, 1e-5);
            binary(isa, Binary::Divide, &mut b, &values);
            let mut real = vec![0.0; 1000];
            dequantise(isa, &bytes, &mut real, 0.37, 131);
            with_number(isa, Binary::Divide, &mut real, 3.1, true);
            let mut quantised = vec![0; 1000];
            quantise(isa, &values, &mut quantised, 0.011, 120);
            let bits: Vec<u32> = [a, b, real].concat().iter().map(|x| x.to_bits()).collect();
            (bits, quantised, sum(isa, &values).to_bits())
        };
        for isa in Isa::available() {
            assert!(run(isa) == run(Isa::Scalar), "{isa:?}");
        }
    }

    #[test]
    fn the_exponential_function_is_exact_to_a_unit_in_the_last_place() {
        for step in 0..87_000 {
            let x = -(step as f32) / 1000.0;
            let wanted = f64::from(x).exp();
            assert!((f64::from(exp(x)) - wanted).abs() <= wanted.max(1.7e-38) * 1.3e-7, "{x}");
        }
    }
}
