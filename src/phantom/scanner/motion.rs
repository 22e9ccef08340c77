//! Patients move: they breathe, which wavers the outline from slice to slice, and they swallow, which doubles it in a few.

use std::f32::consts::TAU;

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// How a patient moved during the scan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Motion {
    /// To the front and back, mm; 0 for one who held the breath.
    breath_mm: f32,
    /// Length of table feed in one breath, mm, and where it begins.
    breath: [f32; 2],
    /// Displacement at the height of a jolt, mm to the left and to the back; a second picture laid over the first.
    jolt: [f32; 2],
    /// Middle of the jolt along the body, mm, and its half length.
    jolt_at: [f32; 2],
}

impl Motion {
    /// A patient who moves by up to `most` mm between the heights `top` and `bottom`.
    pub fn draw(most: f32, [top, bottom]: [f32; 2], rng: &mut Xoshiro256PlusPlus) -> Self {
        let jolts = rng.random_bool(0.6);
        let mut mm = |share: f32| most * share * rng.random_range(-1.0..=1.0_f32);
        let (jolt, breath_mm) = ([mm(1.0), mm(1.0)], mm(0.4));
        Self {
            breath_mm,
            breath: [rng.random_range(18.0..=60.0), rng.random()],
            jolt: if jolts { jolt } else { [0.0; 2] },
            jolt_at: [rng.random_range(bottom..=top), rng.random_range(4.0..=12.0)],
        }
    }

    /// Where the patient is at a height, mm to the back.
    pub fn breath(&self, height: f32) -> f32 {
        if self.breath_mm == 0.0 {
            return 0.0;
        }
        self.breath_mm * (TAU * (height / self.breath[0] + self.breath[1])).sin()
    }

    /// Displacement of the second picture, mm, and its share; `None` where there is only one.
    pub fn second(&self, height: f32) -> Option<([f32; 2], f32)> {
        let near = 1.0 - (height - self.jolt_at[0]).abs() / self.jolt_at[1].max(1.0);
        (near > 0.0 && self.jolt != [0.0; 2]).then(|| (self.jolt, 0.45 * (2.0 * near).min(1.0)))
    }
}

/// Lays a picture over itself, displaced by whole pixels.
pub(super) fn double(picture: &mut [f32], size: usize, [right, down]: [isize; 2], share: f32) {
    let source = picture.to_vec();
    let from = |at: usize, by: isize| at.saturating_add_signed(-by).min(size - 1);
    for (y, row) in picture.chunks_exact_mut(size).enumerate() {
        let line = &source[from(y, down) * size..][..size];
        for (x, value) in row.iter_mut().enumerate() {
            *value += share * (line[from(x, right)] - *value);
        }
    }
}
