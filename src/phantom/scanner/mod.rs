//! The scanner: a slice without noise in, what a scanner would make of it out.
//!
//! The picture is projected coarsely along the rays of the beam. What goes wrong on each ray (noise that grows with the
//! path, starvation behind shoulders and metal, beam hardening, a detector out of tune) is projected back and added: so
//! streaks and dark bands lie where they do in a scanner. Detail finer than the rays is the kernel's: the slice filtered,
//! and noise filtered the same way, as strong as the rays say at each place. Knows no anatomy.

mod kernel;
mod metal;
mod motion;
mod projection;
mod range;
mod reconstruction;
mod texture;

#[cfg(test)]
mod tests;

pub(super) use kernel::Kernel;
use motion::Motion;
use projection::{Grid, Rays, Sinogram};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
pub(super) use range::ScannerRange;
use reconstruction::RayError;

use super::canvas::Canvas;
use super::geometry::{Vec3, index_below};
use super::noise::{hash, normal};

/// Photons on a ray of 1 mm in one view over half a turn, for slices of 1 mm and a usual dose.
const PHOTONS: f32 = 2.2e8;
/// Path (as attenuation) at which a usual dose is given; thicker parts get more current.
const USUAL_PATH: f32 = 3.0;
/// From this path on the detector's own noise adds to that of the photons.
const STARVED_PATH: f32 = 7.6;
/// Side of the square that the whole body fits into, mm.
pub(super) const BODY_MM: f32 = 500.0;

/// One scanner with its settings for one study.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scanner {
    seed: u64,
    pub kernel: Kernel,
    dose: f32,
    hardening: f32,
    /// How much metal is in the teeth, 0 to 1.
    fillings: f32,
    motion: Motion,
    /// Error of the bins that are out of tune, of the line integral.
    ring: f32,
    ring_at: [f32; 3],
}

impl Scanner {
    /// The scanner that `rng` draws, for a patient between the heights `reach`, mm.
    pub(super) fn draw(range: &ScannerRange, reach: [f32; 2], rng: &mut Xoshiro256PlusPlus) -> Self {
        let dose = (range.dose.start().ln()..=range.dose.end().ln(), range.hardening.clone());
        let (filled, moves, rings) =
            (rng.random_bool(range.fillings), rng.random_bool(range.motion.0), rng.random_bool(range.rings));
        let most = rng.random_range(range.motion.1.clone());
        let motion = Motion::draw(most, reach, rng);
        let (fillings, ring) = (rng.random_range(0.15..=0.7_f32), rng.random_range(0.0008..=0.002_f32));
        Self {
            seed: rng.random(),
            kernel: range.kernel(rng),
            dose: rng.random_range(dose.0).exp(),
            hardening: rng.random_range(dose.1),
            fillings: if filled { fillings } else { 0.0 },
            motion: if moves { motion } else { Motion::default() },
            ring: if rings { ring } else { 0.0 },
            ring_at: rng.random(),
        }
    }

    /// Where the patient is at a height, mm to the back.
    pub(super) fn shift(&self, height: f32) -> f32 {
        self.motion.breath(height)
    }

    /// Makes of a slice without noise what the scanner shows. `body` is the same plane on a coarse grid of [`BODY_MM`] around
    /// the same centre; `front` is a line (y, mm) behind which there are no teeth; slices differ by `index`.
    pub(super) fn expose(&self, canvas: &mut Canvas, body: &Canvas, front: f32, thickness: f32, index: usize) {
        if self.fillings > 0.0 {
            metal::fill(canvas, texture::low(self.seed), self.fillings, front);
        }
        let (size, pitch) = (canvas.size, canvas.pitch);
        let block = size.div_ceil(128).max(2);
        let grid = Grid::of(&canvas.hu, size, pitch, block);
        let (rays, paths) = measure(&grid, body, pitch * size as f32);
        let seed = self.seed ^ hash(index as u64 + 1);
        let errors = self.errors(&paths, &rays, thickness, seed);
        let streaks = streaks(&errors, &rays);
        let errors = reconstruction::reconstruct(&errors, &rays, grid.side, grid.pitch);
        metal::clip(&mut canvas.hu);
        if let Some((by, share)) = self.motion.second(canvas.origin.z) {
            motion::double(&mut canvas.hu, size, by.map(|mm| whole(mm / pitch)), share);
        }
        kernel::filter(&mut canvas.hu, size, &self.kernel.taps(pitch));
        let finest = 0.5 / rays.pitch;
        let fine = self.kernel.power_above(finest, pitch).sqrt();
        let noise = texture::noise(size, pitch, &self.kernel, finest, streaks, seed);
        errors.spread(size, block, |at, [error, variance]| {
            canvas.hu[at] += error + fine * variance.sqrt() * noise[at];
        });
    }

    /// What goes wrong on each ray.
    fn errors(&self, paths: &Sinogram, rays: &Rays, thickness: f32, seed: u64) -> Vec<RayError> {
        let lines = || paths.chunks_exact(rays.bins);
        let longest: f32 = lines().map(|line| line.iter().map(|path| path[0]).fold(0.0, f32::max)).sum();
        let current = (0.7 * (longest / rays.views as f32 - USUAL_PATH)).exp().clamp(0.5, 6.0);
        let photons = PHOTONS * self.dose * thickness * current * rays.pitch / rays.views as f32;
        let middle = 0.5 * (rays.bins as f32 - 1.0);
        let ring = |bin: usize| {
            let place = (bin as f32 - middle).abs() / middle;
            if self.ring_at.iter().any(|at| (at * 0.5 - place).abs() * middle < 0.6) { self.ring } else { 0.0 }
        };
        let rings: Vec<f32> = (0..rays.bins).map(ring).collect();
        let error = |(i, [path, dense]): (usize, &[f32; 2])| {
            let path = path.min(11.0);
            let variance = path.exp() * (1.0 + (path - STARVED_PATH).exp()) / photons;
            let hardened = -self.hardening * dense * (path + 2.0 * dense);
            let noise = variance.min(0.3).sqrt() * normal(hash(seed.wrapping_add(i as u64)));
            [noise + hardened + rings[i % rays.bins], variance.min(0.3)]
        };
        paths.iter().enumerate().map(error).collect()
    }
}

/// Share of the noise that lies in streaks from side to side, as through shoulders: 0 where all directions are alike.
fn streaks(errors: &[RayError], rays: &Rays) -> f32 {
    let centre = rays.bins / 2;
    let sum = |across: bool| {
        let of_view = |(view, line): (usize, &[RayError])| {
            let lateral = rays.angle(view).sin().powi(2);
            line[centre][1] * if across { lateral } else { 1.0 - lateral }
        };
        errors.chunks_exact(rays.bins).enumerate().map(of_view).sum::<f32>()
    };
    let (lateral, frontal) = (sum(true), sum(false));
    ((lateral - frontal) / (lateral + frontal).max(1e-12)).clamp(0.0, 0.75)
}

/// What the rays cross: the field of view finely, the rest of the body coarsely.
fn measure(grid: &Grid, body: &Canvas, field_mm: f32) -> (Rays, Sinogram) {
    // Odd, so that a ray goes through the centre; enough for the diagonal.
    let bins = index_below(grid.side as f32 * 0.7072) * 2 + 3;
    let rays = Rays { views: (grid.side * 15 / 16).max(24), bins, pitch: grid.pitch };
    let mut paths = grid.project(&rays);
    let mut around = Grid::of(&body.hu, body.size, body.pitch, 1);
    around.clear(0.5 * field_mm);
    let wide = Rays { views: rays.views, bins: body.size | 1, pitch: body.pitch };
    projection::add_between(&mut paths, &rays, &around.project(&wide), &wide);
    (rays, paths)
}

/// Nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
fn whole(value: f32) -> isize {
    value.round() as isize
}

/// First pixel of a grid of [`BODY_MM`] around the centre of a picture, and its pitch; `side` squares.
pub(super) fn around(canvas: &Canvas, side: usize) -> (Vec3, f32) {
    let pitch = BODY_MM / side as f32;
    let half = 0.5 * canvas.pitch * (canvas.size as f32 - 1.0);
    let back = half - 0.5 * pitch * (side as f32 - 1.0);
    let origin = canvas.origin;
    (Vec3 { x: origin.x + back, y: origin.y + back, z: origin.z }, pitch)
}
