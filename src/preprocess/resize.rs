//! Window and resize: one slice in, one square plane of 8 bits out.
//!
//! A slice that is not square is squeezed into the square, as the published methods do; boxes are mapped back with
//! one factor per axis. The filter is separable: weights per output row and per output column.

use std::ops::Range;

use crate::dicom::Slice;
use crate::preprocess::{Recipe, Resize, View};

/// One slice, windowed and resized: `size` x `size` values, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Rows and columns.
    pub size: usize,
    /// 0 (bottom of the window) to 255 (top).
    pub pixels: Vec<u8>,
}

/// A slice whose pixels do not match its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("slice of {rows} x {columns} pixels holds {values} values")]
pub struct PlaneError {
    /// Rows (0028,0010).
    pub rows: u16,
    /// Columns (0028,0011).
    pub columns: u16,
    /// Values present.
    pub values: usize,
}

/// Windows and resizes a part of a slice to `size` x `size`. The weights are built anew: a twentieth of the work.
///
/// # Errors
/// When the slice is empty or holds more or fewer values than its header says.
pub fn plane(slice: &Slice, view: View, recipe: &Recipe, size: usize) -> Result<Plane, PlaneError> {
    let (rows, columns) = (slice.header.rows, slice.header.columns);
    Resizer::new([rows, columns], view, size, recipe.resize).apply(&slice.hounsfield, recipe).ok_or(PlaneError {
        rows,
        columns,
        values: slice.hounsfield.len(),
    })
}

/// The source pixels under one output pixel along one axis: from `start`, one weight each, summing to 1.
#[derive(Clone, Debug)]
struct Span {
    start: usize,
    weights: Vec<f32>,
}

/// Weights from a part of one matrix to one square, to be used for every slice of that matrix.
#[derive(Clone, Debug)]
pub struct Resizer {
    source: (usize, usize),
    /// First and last column but one of the part; its first row is in the spans.
    across: Range<usize>,
    rows: Vec<Span>,
    columns: Vec<Span>,
}

impl Resizer {
    /// Weights from what `view` shows of a matrix of `rows` x `columns` to `size` x `size`.
    pub fn new([rows, columns]: [u16; 2], view: View, size: usize, resize: Resize) -> Self {
        let spans = match resize {
            Resize::Area => area_spans,
            Resize::Nearest => nearest_spans,
        };
        let first = [view.row, view.column].map(usize::from);
        let mut down = spans(usize::from(view.rows), size);
        down.iter_mut().for_each(|span| span.start += first[0]);
        Self {
            source: (usize::from(rows), usize::from(columns)),
            across: first[1]..first[1] + usize::from(view.columns),
            rows: down,
            columns: spans(usize::from(view.columns), size),
        }
    }

    /// Windows and resizes; `None` when `hounsfield` is not the matrix that the weights were made for, or is empty.
    pub fn apply(&self, hounsfield: &[i16], recipe: &Recipe) -> Option<Plane> {
        let (rows, columns) = self.source;
        if rows == 0 || columns == 0 || rows.checked_mul(columns) != Some(hounsfield.len()) {
            return None;
        }
        let window = recipe.window();
        let mut pixels = Vec::with_capacity(self.rows.len() * self.columns.len());
        let mut sums = vec![0.0_f32; self.across.len()];
        for span in &self.rows {
            sums.fill(0.0);
            for (row, &weight) in hounsfield[span.start * columns..].chunks_exact(columns).zip(&span.weights) {
                add_windowed(&mut sums, &row[self.across.clone()], weight, window);
            }
            match self.whole_columns() {
                Some((2, weight)) => pixels.extend(shrunk::<2>(&sums, weight)),
                Some((4, weight)) => pixels.extend(shrunk::<4>(&sums, weight)),
                _ => pixels.extend(self.columns.iter().map(|span| round_half_up(weighted(&sums, span)))),
            }
        }
        Some(Plane { size: self.rows.len(), pixels })
    }
}

impl Resizer {
    /// How many whole columns every output column covers, and the weight of each, where that is so.
    fn whole_columns(&self) -> Option<(usize, f32)> {
        let first = self.columns.first()?;
        let (count, weight) = (first.weights.len(), *first.weights.first()?);
        let whole =
            self.columns.len() * count == self.across.len() && first.weights.iter().all(|&other| other == weight);
        whole.then_some((count, weight))
    }
}

/// Sums of `N` neighbours, each weighed as [`weighted`] does.
fn shrunk<const N: usize>(sums: &[f32], weight: f32) -> impl Iterator<Item = u8> {
    sums.as_chunks::<N>().0.iter().map(move |chunk| round_half_up(chunk.iter().map(|sum| sum * weight).sum()))
}

fn add_windowed(sums: &mut [f32], row: &[i16], weight: f32, (low, scale): (f32, f32)) {
    for (sum, &hu) in sums.iter_mut().zip(row) {
        *sum += weight * ((f32::from(hu) - low) * scale).clamp(0.0, 255.0);
    }
}

fn weighted(sums: &[f32], span: &Span) -> f32 {
    sums[span.start..].iter().zip(&span.weights).map(|(sum, weight)| sum * weight).sum()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255 by construction; `as` saturates")]
fn round_half_up(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// Output pixel `i` covers `i * source / size` to `(i + 1) * source / size`; counted in units of `1 / size`, so exactly.
fn area_spans(source: usize, size: usize) -> Vec<Span> {
    (0..size)
        .map(|i| {
            let (from, to) = (i * source, (i + 1) * source);
            let start = from / size;
            let weights = (start..to.div_ceil(size))
                .map(|pixel| {
                    let covered = to.min((pixel + 1) * size) - from.max(pixel * size);
                    covered as f32 / source as f32
                })
                .collect();
            Span { start, weights }
        })
        .collect()
}

fn nearest_spans(source: usize, size: usize) -> Vec<Span> {
    (0..size).map(|i| Span { start: (2 * i + 1) * source / (2 * size), weights: vec![1.0] }).collect()
}

#[cfg(test)]
#[path = "resize_tests.rs"]
mod tests;
