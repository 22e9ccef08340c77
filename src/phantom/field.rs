//! A slowly changing value over one slice, from a coarse grid. What the value means is the caller's matter.

use super::canvas::Canvas;
use super::geometry::{Vec3, mix};

/// A slowly changing value over the canvas, from a coarse grid.
pub(super) struct Field {
    step: usize,
    side: usize,
    values: Vec<f32>,
}

impl Field {
    /// Of `value` at every `step`-th pixel.
    pub(super) fn sampled(canvas: &Canvas, step: usize, value: impl Fn(Vec3) -> f32) -> Self {
        let side = canvas.size / step + 2;
        let values = (0..side * side).map(|i| value(canvas.place((i % side) * step, (i / side) * step))).collect();
        Self { step, side, values }
    }

    /// At every pixel of a canvas of `size` x `size`, bilinear, row by row.
    pub(super) fn dense(&self, size: usize) -> Vec<f32> {
        let scale = 1.0 / self.step as f32;
        let mut dense = vec![0.0; size * size];
        let mut line = vec![0.0; self.side];
        for (y, row) in dense.chunks_exact_mut(size).enumerate() {
            let (from, t) = (y / self.step * self.side, (y % self.step) as f32 * scale);
            let (upper, lower) = (&self.values[from..from + self.side], &self.values[from + self.side..]);
            for ((at, a), b) in line.iter_mut().zip(upper).zip(lower) {
                *at = mix(*a, *b, t);
            }
            for (cell, ends) in row.chunks_mut(self.step).zip(line.windows(2)) {
                for (i, at) in cell.iter_mut().enumerate() {
                    *at = mix(ends[0], ends[1], i as f32 * scale);
                }
            }
        }
        dense
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::geometry::v;

    #[test]
    fn a_field_is_linear_between_its_samples() {
        let canvas = Canvas::new(10, 0.5, v(3.0, -2.0, 0.0), 1.0);
        let dense = Field::sampled(&canvas, 4, |p| 2.0 * p.x - p.y).dense(canvas.size);
        for (i, value) in dense.iter().enumerate() {
            let p = canvas.place(i % 10, i / 10);
            assert!((value - (2.0 * p.x - p.y)).abs() < 1e-4, "pixel {i}: {value}");
        }
    }
}
