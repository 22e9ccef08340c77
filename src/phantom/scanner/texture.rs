//! Noise finer than the rays of the projection: white noise through the kernel, without what the rays have already.

use super::super::noise::{hash, normal};
use super::kernel::{Kernel, filter};

/// Lower half of a seed.
pub(super) fn low(seed: u64) -> u32 {
    let [a, b, c, d, ..] = seed.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Noise of deviation 1 on `size` x `size` pixels of `pitch` mm, with the texture of the kernel above `low` line pairs per mm.
pub(super) fn noise(size: usize, pitch: f32, kernel: &Kernel, low: f32, seed: u64) -> Vec<f32> {
    let taps = kernel.taps(pitch);
    let coarse = Kernel { half: low, order: 3.0, lift: 0.0 }.taps(pitch);
    let seed = hash(seed ^ 0x4015E);
    let mut noise: Vec<f32> = (0..size * size).map(|i| normal(hash(seed.wrapping_add(i as u64)))).collect();
    filter(&mut noise, size, &taps);
    let mut slow = noise.clone();
    filter(&mut slow, size, &coarse);
    noise.iter_mut().zip(&slow).for_each(|(noise, slow)| *noise -= slow);
    // Of few pixels the deviation is as good as that of all.
    let sample = noise.iter().step_by(7);
    let power = sample.clone().map(|n| n * n).sum::<f32>() / sample.len() as f32;
    let gain = 1.0 / power.sqrt().max(1e-3);
    noise.iter_mut().for_each(|n| *n *= gain);
    noise
}
