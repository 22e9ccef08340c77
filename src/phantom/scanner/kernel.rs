//! Reconstruction kernels: the modulation transfer from soft to bone, and the filter that gives a picture that transfer.
//!
//! A soft kernel blurs; a bone kernel keeps fine detail, lifts the middle frequencies (edges overshoot) and falls off
//! steeply (they ring).

use std::f32::consts::{LN_2, PI};

/// Modulation transfer of a kernel over the spatial frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::phantom) struct Kernel {
    /// Half modulation without the lift, line pairs per mm.
    pub half: f32,
    /// How steeply it falls: 2 as a Gauss curve, more rings.
    pub order: f32,
    /// Lift of the middle frequencies: 0 none, 0.5 to one and a half.
    pub lift: f32,
}

/// A filter reaches this far, mm, and so many pixels.
const REACH: (f32, f32) = (2.8, 8.0);

impl Kernel {
    /// Modulation at `f` line pairs per mm.
    pub fn transfer(&self, f: f32) -> f32 {
        let middle = (f / (0.55 * self.half)).powi(2);
        let lift = 1.0 + self.lift * middle * (1.0 - middle).exp();
        lift * (-LN_2 * (f / self.half).powf(self.order)).exp()
    }

    /// The half filter for pixels of `pitch` mm, from its middle outwards; the whole adds up to 1.
    pub fn taps(&self, pitch: f32) -> Vec<f32> {
        const STEPS: u16 = 64;
        let reach = (REACH.0 / pitch).clamp(2.0, REACH.1);
        let tap = |n: f32| {
            let wave = |i: u16| {
                let share = (f32::from(i) + 0.5) / f32::from(STEPS);
                self.transfer(share * 0.5 / pitch) * (PI * share * n).cos()
            };
            // The ends fade out, so that cutting them off adds no ring of its own.
            let fade = (0.5 * PI * n / (reach + 1.0)).cos();
            (0..STEPS).map(wave).sum::<f32>() * fade
        };
        let mut taps: Vec<f32> = (0_u8..).map(f32::from).take_while(|n| *n <= reach).map(tap).collect();
        let sum = 2.0 * taps.iter().sum::<f32>() - taps[0];
        taps.iter_mut().for_each(|tap| *tap /= sum);
        taps
    }

    /// Noise power from `low` line pairs per mm up to what pixels of `pitch` mm hold, relative to all of it below `low`:
    /// after filtered back projection the noise power grows with the frequency, and the kernel shapes it.
    pub fn power_above(&self, low: f32, pitch: f32) -> f32 {
        const STEPS: u16 = 64;
        let step = (0.5 / pitch - low).max(0.0) / f32::from(STEPS);
        let power = |i: u16| {
            let f = low + (f32::from(i) + 0.5) * step;
            (f * self.transfer(f)).powi(2) * step
        };
        (0..STEPS).map(power).sum::<f32>() * 3.0 / low.powi(3)
    }
}

/// Filters a square picture along its rows and columns; `taps` is the half filter. The edge repeats.
pub(super) fn filter(picture: &mut [f32], size: usize, taps: &[f32]) {
    let reach = taps.len() - 1;
    let mut padded = vec![0.0; size + 2 * reach];
    for row in picture.chunks_exact_mut(size) {
        padded[..reach].fill(row[0]);
        padded[reach..reach + size].copy_from_slice(row);
        padded[reach + size..].fill(row[size - 1]);
        row.iter_mut().for_each(|value| *value *= taps[0]);
        for (n, tap) in taps.iter().enumerate().skip(1) {
            add(row, &padded[reach - n..][..size], &padded[reach + n..][..size], *tap);
        }
    }
    let source = picture.to_vec();
    let line = |y: usize| &source[y.min(size - 1) * size..][..size];
    for (y, row) in picture.chunks_exact_mut(size).enumerate() {
        row.iter_mut().for_each(|value| *value *= taps[0]);
        for (n, tap) in taps.iter().enumerate().skip(1) {
            add(row, line(y.saturating_sub(n)), line(y + n), *tap);
        }
    }
}

fn add(row: &mut [f32], before: &[f32], after: &[f32], tap: f32) {
    for ((value, before), after) in row.iter_mut().zip(before).zip(after) {
        *value += tap * (before + after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFT: Kernel = Kernel { half: 0.4, order: 2.0, lift: 0.0 };
    const BONE: Kernel = Kernel { half: 0.95, order: 4.0, lift: 0.4 };

    /// A step of 1000 across the picture, filtered: one row.
    fn step(kernel: Kernel) -> Vec<f32> {
        let mut picture: Vec<f32> = (0..64 * 64).map(|i| if i % 64 < 32 { 0.0 } else { 1000.0 }).collect();
        filter(&mut picture, 64, &kernel.taps(0.35));
        picture[32 * 64..33 * 64].to_vec()
    }

    #[test]
    fn a_bone_kernel_resolves_more_than_a_soft_one_and_overshoots() {
        let steepest = |row: &[f32]| row.windows(2).map(|pair| pair[1] - pair[0]).fold(f32::MIN, f32::max);
        let [soft, bone] = [SOFT, BONE].map(step);
        assert!(steepest(&bone) > 1.8 * steepest(&soft), "{} {}", steepest(&bone), steepest(&soft));
        assert!(bone.iter().any(|hu| *hu > 1060.0) && soft.iter().all(|hu| *hu < 1020.0), "{bone:?} {soft:?}");
    }

    #[test]
    fn no_kernel_changes_what_is_even() {
        for kernel in [SOFT, BONE] {
            let mut picture = vec![40.0; 32 * 32];
            filter(&mut picture, 32, &kernel.taps(0.5));
            assert!(picture.iter().all(|hu| (hu - 40.0).abs() < 1e-3));
        }
    }
}
