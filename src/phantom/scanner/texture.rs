//! Noise finer than the rays of the projection: white noise through the kernel, without what the rays have already.

use super::super::noise::{hash, normal};
use super::kernel::{Kernel, filter};

/// Lower half of a seed.
pub(super) fn low(seed: u64) -> u32 {
    let [a, b, c, d, ..] = seed.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Length of a fine streak, mm.
const STREAK_MM: f32 = 14.0;

/// Noise of deviation 1 on `size` x `size` pixels of `pitch` mm, with the texture of the kernel above `low` line pairs per mm;
/// the share `streaks` of its power runs in streaks from side to side.
pub(super) fn noise(size: usize, pitch: f32, kernel: &Kernel, low: f32, streaks: f32, seed: u64) -> Vec<f32> {
    let taps = kernel.taps(pitch);
    let coarse = Kernel { half: low, order: 3.0, lift: 0.0 }.taps(pitch);
    let seed = hash(seed ^ 0x4015E);
    let mut noise: Vec<f32> = (0..size * size).map(|i| normal(hash(seed.wrapping_add(i as u64)))).collect();
    if streaks > 0.0 {
        lengthen(&mut noise, size, (STREAK_MM / pitch).max(2.0), streaks);
    }
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

/// Gives a share of white noise a memory of `length` pixels along the rows; the deviation stays.
fn lengthen(noise: &mut [f32], size: usize, length: f32, share: f32) {
    let memory = (-2.0 / length).exp();
    let (fresh, kept) = ((1.0 - memory * memory).sqrt(), (1.0 - share).sqrt());
    for row in noise.chunks_exact_mut(size) {
        let mut streak = row[0];
        for value in row {
            // The next value drives the streak as well: little correlation is left where the memory is long.
            streak = memory * streak + fresh * *value;
            *value = kept * *value + share.sqrt() * streak;
        }
    }
}
