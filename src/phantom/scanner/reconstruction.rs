//! Filtered back projection of what is wrong with the measured rays: artefacts in the picture, and how noisy it is where.

use std::f32::consts::PI;

use super::projection::{Rays, WATER, split};

/// Errors of the rays on a coarse grid around the centre of rotation.
pub(super) struct Errors {
    pub side: usize,
    /// What is added to the picture, and the variance of the noise below the frequencies of the grid; HU and HU2.
    pub values: Vec<[f32; 2]>,
}

/// One ray: its error and the variance of its noise, both of the line integral.
pub(super) type RayError = [f32; 2];

/// From the errors of the rays to those of the picture, on `side` x `side` squares of `pitch` mm.
pub(super) fn reconstruct(errors: &[RayError], rays: &Rays, side: usize, pitch: f32) -> Errors {
    let ramp = ramp(rays.bins);
    let mut values = vec![[0.0; 2]; side * side];
    let mut line = vec![[0.0; 2]; rays.bins];
    for (view, measured) in errors.chunks_exact(rays.bins).enumerate() {
        filtered(measured, &ramp, &mut line);
        let (sin, cos) = rays.angle(view).sin_cos();
        let (middle, step) = (0.5 * (side as f32 - 1.0), pitch / rays.pitch);
        for (y, row) in values.chunks_exact_mut(side).enumerate() {
            let start = 0.5 * (rays.bins as f32 - 1.0) + ((y as f32 - middle) * sin - middle * cos) * step;
            for (x, sum) in row.iter_mut().enumerate() {
                let (left, share) = split(start + x as f32 * cos * step);
                let Some([a, b]) = line.get(left..left + 2).and_then(|pair| pair.first_chunk::<2>()) else { continue };
                sum[0] += a[0] + (b[0] - a[0]) * share;
                sum[1] += a[1];
            }
        }
    }
    let turn = PI / rays.views as f32;
    let hu = 1000.0 / WATER;
    let gain = [hu * turn / rays.pitch, (hu * turn / rays.pitch).powi(2) / 12.0];
    values.iter_mut().for_each(|value| *value = [value[0] * gain[0], value[1] * gain[1]]);
    Errors { side, values }
}

/// The ramp filter in the space of the bins (Ramachandran and Lakshminarayanan 1971), from its middle outwards.
fn ramp(bins: usize) -> Vec<f32> {
    (0..bins)
        .map(|n| match n {
            0 => 0.25,
            n if n % 2 == 1 => -1.0 / (PI * n as f32).powi(2),
            _ => 0.0,
        })
        .collect()
}

fn filtered(measured: &[RayError], ramp: &[f32], line: &mut [RayError]) {
    let bins = measured.len();
    let error: Vec<f32> = measured.iter().map(|ray| ray[0]).collect();
    let mut sum: Vec<f32> = error.iter().map(|e| e * ramp[0]).collect();
    for n in (1..bins).step_by(2) {
        for (sum, error) in sum[n..].iter_mut().zip(&error) {
            *sum += ramp[n] * error;
        }
        for (sum, error) in sum.iter_mut().zip(&error[n..]) {
            *sum += ramp[n] * error;
        }
    }
    for (out, (sum, ray)) in line.iter_mut().zip(sum.into_iter().zip(measured)) {
        *out = [sum, ray[1]];
    }
}

impl Errors {
    /// Between the squares, at each of `size` x `size` pixels: hands row, column and both values to `each`.
    pub fn spread(&self, size: usize, block: usize, mut each: impl FnMut(usize, [f32; 2])) {
        let place = |i: usize| split(((i as f32 + 0.5) / block as f32 - 0.5).clamp(0.0, self.side as f32 - 1.001));
        let columns: Vec<(usize, f32)> = (0..size).map(place).collect();
        let mut mixed = vec![[0.0; 2]; self.side];
        for y in 0..size {
            let (above, share) = place(y);
            let (upper, lower) = (&self.values[above * self.side..], &self.values[(above + 1) * self.side..]);
            for (mixed, (a, b)) in mixed.iter_mut().zip(upper.iter().zip(lower)) {
                *mixed = [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
            }
            for (x, (left, share)) in columns.iter().enumerate() {
                let (a, b) = (mixed[*left], mixed[left + 1]);
                each(y * size + x, [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::projection::Grid;
    use super::*;

    #[test]
    fn the_line_integrals_of_a_disc_reconstruct_to_the_disc() {
        let (side, pitch) = (64, 2.0);
        let at = |i: usize| (i as f32 - 31.5) * pitch;
        let hu: Vec<f32> =
            (0..side * side).map(|i| if at(i % side).hypot(at(i / side)) < 40.0 { 0.0 } else { -1000.0 }).collect();
        let rays = Rays { views: 90, bins: 92, pitch };
        let errors: Vec<RayError> = Grid::of(&hu, side, pitch, 1).project(&rays).iter().map(|p| [p[0], 1e-6]).collect();
        let picture = reconstruct(&errors, &rays, side, pitch);
        let [middle, air] = [(32, 32), (4, 32)].map(|(x, y)| picture.values[y * side + x]);
        assert!((middle[0] - 1000.0).abs() < 40.0 && air[0].abs() < 60.0, "{middle:?} {air:?}");
        let expected = (1000.0 / WATER * PI / pitch).powi(2) / 12.0 / 90.0 * 1e-6;
        assert!((middle[1] / expected - 1.0).abs() < 0.01, "{middle:?} for {expected}");
    }
}
