//! Attenuation in the plane of a slice in, its line integrals out: parallel rays over half a turn.
//!
//! Coarse, as it only has to say how much of the beam each ray loses and in what.

use std::f32::consts::PI;

/// Attenuation of water, 1/mm, at the middle energy of a 120 kV beam.
pub(super) const WATER: f32 = 0.0195;

/// Attenuation on a square grid around the centre of rotation, 1/mm: all of it, and what is denser than soft tissue.
pub(super) struct Grid {
    pub side: usize,
    /// mm.
    pub pitch: f32,
    pub values: Vec<[f32; 2]>,
}

/// The rays of an exposure: `views` directions over half a turn, `bins` rays each, `pitch` mm apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rays {
    pub views: usize,
    pub bins: usize,
    pub pitch: f32,
}

/// What the rays cross, view by view: line integrals of the two attenuations.
pub(super) type Sinogram = Vec<[f32; 2]>;

/// The two attenuations of a Hounsfield value.
pub(super) fn attenuation(hu: f32) -> [f32; 2] {
    [(1.0 + 0.001 * hu).max(0.0), 0.001 * (hu - 300.0).max(0.0)].map(|relative| relative * WATER)
}

impl Grid {
    /// A picture of `size` pixels of `pitch` mm a side, thinned to squares of `block` pixels.
    pub fn of(hu: &[f32], size: usize, pitch: f32, block: usize) -> Self {
        let side = size.div_ceil(block);
        let mut values = vec![[0.0; 2]; side * side];
        let share = 1.0 / (block * block) as f32;
        for (y, row) in hu.chunks_exact(size).enumerate() {
            let coarse = &mut values[y / block * side..][..side];
            for (x, hu) in row.iter().enumerate() {
                let [all, dense] = attenuation(*hu);
                coarse[x / block][0] += all * share;
                coarse[x / block][1] += dense * share;
            }
        }
        Self { side, pitch: pitch * block as f32, values }
    }

    /// Takes out the square of `half` mm to each side of the centre.
    pub fn clear(&mut self, half: f32) {
        let middle = 0.5 * (self.side as f32 - 1.0);
        let outside: Vec<f32> = (0..self.side)
            .map(|i| (((i as f32 - middle).abs() * self.pitch - half) / self.pitch + 0.5).clamp(0.0, 1.0))
            .collect();
        for (i, value) in self.values.iter_mut().enumerate() {
            let share = 1.0 - (1.0 - outside[i % self.side]) * (1.0 - outside[i / self.side]);
            *value = value.map(|v| v * share);
        }
    }

    fn transposed(&self) -> Vec<[f32; 2]> {
        let n = self.side;
        (0..n * n).map(|i| self.values[i % n * n + i / n]).collect()
    }

    /// Line integrals along the rays.
    pub fn project(&self, rays: &Rays) -> Sinogram {
        let turned = self.transposed();
        let mut sinogram = vec![[0.0; 2]; rays.views * rays.bins];
        for (view, line) in sinogram.chunks_exact_mut(rays.bins).enumerate() {
            let (sin, cos) = rays.angle(view).sin_cos();
            // Rays that run rather down than across meet each row once; the others each column.
            if cos.abs() >= sin.abs() {
                self.sweep(&self.values, [cos, sin], rays.pitch, line);
            } else {
                self.sweep(&turned, [sin, cos], rays.pitch, line);
            }
        }
        sinogram
    }

    /// Adds up the rows, each crossed where `x * main + y * other` is the ray's distance from the centre (Joseph 1982).
    fn sweep(&self, values: &[[f32; 2]], [main, other]: [f32; 2], pitch: f32, line: &mut [[f32; 2]]) {
        let middle = 0.5 * (self.side as f32 - 1.0);
        let (step, length) = (pitch / (main * self.pitch), self.pitch / main.abs());
        let first = -0.5 * (line.len() as f32 - 1.0) * step + middle;
        for (y, row) in values.chunks_exact(self.side).enumerate() {
            let start = first - (y as f32 - middle) * other / main;
            let (one, other_end) = (-start / step, (self.side as f32 - 1.0 - start) / step);
            let from = split(one.min(other_end).max(0.0)).0;
            let to = split(one.max(other_end).max(0.0)).0 + 1;
            for (bin, sum) in line.iter_mut().enumerate().take(to).skip(from) {
                let (left, share) = split((start + bin as f32 * step).max(0.0));
                let Some([a, b]) = row.get(left..left + 2).and_then(|pair| pair.first_chunk::<2>()) else { continue };
                sum[0] += (a[0] + (b[0] - a[0]) * share) * length;
                sum[1] += (a[1] + (b[1] - a[1]) * share) * length;
            }
        }
    }
}

impl Rays {
    pub fn angle(&self, view: usize) -> f32 {
        PI * view as f32 / self.views as f32
    }
}

/// Whole part and rest of a number from 0 on.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to integer casts saturate")]
pub(super) fn split(at: f32) -> (usize, f32) {
    let whole = at as u32;
    (whole as usize, at - whole as f32)
}

/// Adds a coarser sinogram of the same views between its bins.
pub(super) fn add_between(sinogram: &mut Sinogram, rays: &Rays, coarse: &Sinogram, coarse_rays: &Rays) {
    let step = rays.pitch / coarse_rays.pitch;
    let first = 0.5 * (coarse_rays.bins as f32 - 1.0) - 0.5 * (rays.bins as f32 - 1.0) * step;
    for (line, coarse) in sinogram.chunks_exact_mut(rays.bins).zip(coarse.chunks_exact(coarse_rays.bins)) {
        for (bin, sum) in line.iter_mut().enumerate() {
            let (left, share) = split((first + bin as f32 * step).max(0.0));
            let (a, b) = (coarse[left.min(coarse.len() - 1)], coarse[(left + 1).min(coarse.len() - 1)]);
            sum[0] += a[0] + (b[0] - a[0]) * share;
            sum[1] += a[1] + (b[1] - a[1]) * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_through_a_disc_of_water_crosses_its_chord() {
        let (side, pitch) = (64, 2.0);
        let inside = |i: usize| (i as f32 - 31.5) * pitch;
        let hu: Vec<f32> = (0..side * side)
            .map(|i| if inside(i % side).hypot(inside(i / side)) < 50.0 { 0.0 } else { -1000.0 })
            .collect();
        let rays = Rays { views: 20, bins: 91, pitch };
        let sinogram = Grid::of(&hu, side, pitch, 1).project(&rays);
        for line in sinogram.chunks_exact(91) {
            for (bin, chord) in [(45, 100.0), (60, 80.0), (75, 0.0)] {
                assert!((line[bin][0] / WATER - chord).abs() < 5.0, "{} for {chord}", line[bin][0] / WATER);
                assert!(line[bin][1].abs() < 1e-6, "water is not dense");
            }
        }
    }
}
