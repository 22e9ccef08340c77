//! Where in a slice a fracture classifier saw what it saw: Grad-CAM (arXiv 1610.02391), computed exactly and without
//! differentiation. The last feature map and the weights of the head in, a map of heat per vertebra out. Pure.
//!
//! The network ends in the mean over the image and one linear layer, so that the logit of a vertebra is
//! `z = b + sum_c w[c] * mean_ij A[c][i][j]` over the C channels of a map A of H x W. Its gradient is the same at every place:
//! `dz / dA[c][i][j] = w[c] / (H W)`. Grad-CAM weighs each channel with the mean of that gradient, which is `w[c] / (H W)`
//! again, and cuts off what speaks against: `ReLU(sum_c w[c] / (H W) * A[c])`. That is the class activation map (arXiv
//! 1512.04150) but for a factor.

use crate::inference::manifest::FeaturesOutput;
use crate::inference::npy;
use crate::triage::Level;

/// The linear layer behind the mean over the image.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearHead {
    /// Level by level, one weight a channel.
    weights: [Vec<f32>; 7],
    bias: [f32; 7],
}

/// The heat of one vertebra, at the size of the feature map.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Row by row, 0 where nothing speaks for a fracture; in units of the logit.
    pub values: Vec<f32>,
    hottest: f32,
}

/// A layer whose values are no numbers.
const NOT_NUMBERS: &str = "holds a value that is not finite";

impl LinearHead {
    /// Reads weights (7 x C) and bias (7), both `f32` in NumPy's format. The error names the file.
    pub(super) fn read(features: &FeaturesOutput, weights: &[u8], bias: &[u8]) -> Result<Self, (String, String)> {
        let channels = features.channels();
        let array = |file: &str, bytes: &[u8], shape: &[usize]| {
            let values = npy::read::<f32>(bytes, shape).map_err(|why| (file.to_owned(), why))?;
            let finite = values.iter().all(|value| value.is_finite());
            if finite { Ok(values) } else { Err((file.to_owned(), NOT_NUMBERS.to_owned())) }
        };
        let rows = array(&features.weights, weights, &[7, channels])?;
        let bias = array(&features.bias, bias, &[7])?;
        let weights = std::array::from_fn(|level| rows[level * channels..(level + 1) * channels].to_vec());
        Ok(Self { weights, bias: std::array::from_fn(|level| bias[level]) })
    }

    /// What the network must say of a feature map C x H x W, row by row: probabilities of C1 to C7.
    pub(super) fn probabilities(&self, features: &[f32]) -> [f32; 7] {
        let area = features.len() / self.channels();
        let means: Vec<f32> =
            features.chunks_exact(area.max(1)).map(|map| map.iter().sum::<f32>() / area as f32).collect();
        std::array::from_fn(|level| {
            let logit: f32 = self.weights[level].iter().zip(&means).map(|(weight, mean)| weight * mean).sum();
            1.0 / (1.0 + (-(logit + self.bias[level])).exp())
        })
    }

    /// Grad-CAM of one vertebra for a feature map C x `rows` x `columns`, row by row.
    pub fn heat(&self, level: Level, features: &[f32], rows: usize, columns: usize) -> Heat {
        let area = rows * columns;
        let mut values = vec![0.0_f32; area];
        for (map, &weight) in features.chunks_exact(area.max(1)).zip(&self.weights[level as usize]) {
            let share = weight / area as f32;
            values.iter_mut().zip(map).for_each(|(sum, value)| *sum += share * value);
        }
        Heat::new(rows, columns, values)
    }

    fn channels(&self) -> usize {
        self.weights[0].len()
    }
}

impl Heat {
    /// What speaks against a fracture is no heat.
    pub(crate) fn new(rows: usize, columns: usize, mut values: Vec<f32>) -> Self {
        values.iter_mut().for_each(|value| *value = value.max(0.0));
        let hottest = values.iter().copied().fold(0.0, f32::max);
        Self { rows, columns, values, hottest }
    }

    /// Heat at a place of the image, both from 0 to 1, between the centres of the map's cells; 1 is the hottest cell.
    /// 0 everywhere where nothing speaks for a fracture.
    pub fn at(&self, down: f32, across: f32) -> f32 {
        let (upper, lower, below) = between(down, self.rows);
        let (left, right, beyond) = between(across, self.columns);
        let value = |row: usize, column: usize| self.values[row * self.columns + column];
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let row = |row: usize| mix(value(row, left), value(row, right), beyond);
        if self.hottest > 0.0 { mix(row(upper), row(lower), below) / self.hottest } else { 0.0 }
    }
}

/// The two cells around a place from 0 to 1 along `count` cells, and how far it lies towards the second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the cells by the clamp")]
fn between(place: f32, count: usize) -> (usize, usize, f32) {
    let last = count.saturating_sub(1);
    let at = (place * count as f32 - 0.5).clamp(0.0, last as f32);
    let first = (at.floor() as usize).min(last);
    (first, (first + 1).min(last), at - at.floor())
}

#[cfg(test)]
#[path = "cam_tests.rs"]
mod tests;
