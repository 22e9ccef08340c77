//! Layers over slices: the safe way to run a kernel. Every row that a kernel reads or writes is checked here, by the
//! corners of what is read and written, once per call.
#![allow(unsafe_code, reason = "hands checked pointers to the kernels")]

use std::cell::RefCell;
use std::ops::Range;

use crate::inference::int8::graph::Window;
use crate::inference::int8::kernels::{Aligned, Isa, Job, Kind, Layer, READ_AHEAD, Shape, Store, pack_product};

/// Rows of pixels, channels together.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// All of them lie in here, with [`READ_AHEAD`] bytes behind.
    pub bytes: &'a [u8],
    /// Rows and columns.
    pub size: [usize; 2],
    /// From row to row and from pixel to pixel.
    pub steps: [usize; 2],
}

/// Where rows of results go: from the first value of `into`, `stride` values from row to row.
#[derive(Debug)]
pub enum Rows<'a> {
    /// Quantised.
    Bytes {
        /// Where.
        into: &'a mut [u8],
        /// From row to row.
        stride: usize,
        /// Zero point.
        zero: u8,
        /// Applied to each value.
        table: Option<&'a [u8; 256]>,
    },
    /// Real.
    Reals {
        /// Where.
        into: &'a mut [f32],
        /// From row to row.
        stride: usize,
    },
}

impl<'a> Rows<'a> {
    /// The first `rows` rows, and those behind.
    pub fn split_at(self, rows: usize) -> (Self, Self) {
        match self {
            Rows::Bytes { into, stride, zero, table } => {
                let (first, second) = into.split_at_mut(rows * stride);
                let part = |into: &'a mut [u8]| Rows::Bytes { into, stride, zero, table };
                (part(first), part(second))
            }
            Rows::Reals { into, stride } => {
                let (first, second) = into.split_at_mut(rows * stride);
                (Rows::Reals { into: first, stride }, Rows::Reals { into: second, stride })
            }
        }
    }

    /// The store of a kernel that begins at a row.
    fn store(&mut self, row: usize, rows: usize, columns: usize) -> Store<'_> {
        let end = |stride: usize| (row + rows - 1) * stride + columns;
        match self {
            Rows::Bytes { into, stride, zero, table } => {
                assert!(end(*stride) <= into.len(), "rows of results");
                Store::Quantised {
                    out: into[row * *stride..].as_mut_ptr(),
                    stride: *stride,
                    zero: *zero,
                    table: *table,
                }
            }
            Rows::Reals { into, stride } => {
                assert!(end(*stride) <= into.len(), "rows of results");
                Store::Float { out: into[row * *stride..].as_mut_ptr(), stride: *stride }
            }
        }
    }
}

/// How many rows a kernel gets at once: their pointers and results stay in the first cache.
const BLOCK: usize = 192;

thread_local! {
    static POINTERS: RefCell<Vec<*const u8>> = const { RefCell::new(Vec::new()) };
    static PACKED: RefCell<Product> = RefCell::new(Product::default());
}

/// A right factor, packed.
#[derive(Default)]
struct Product {
    weights: Option<Aligned>,
    bias: Vec<i32>,
    scale: Vec<f32>,
    row_bias: Vec<i32>,
}

/// Convolves the output pixels `range` (counted row by row in an output of this width) and writes them from the
/// beginning of `to`. `zeros` is a pixel of zero points, with [`READ_AHEAD`] bytes behind.
pub fn convolve(
    layer: Layer<'_>,
    image: &Image<'_>,
    window: &Window,
    width: usize,
    range: Range<usize>,
    zeros: &[u8],
    mut to: Rows<'_>,
) {
    let channels = if layer.shape.kind == Kind::Depthwise { layer.shape.cout } else { layer.shape.cin };
    let [rows, columns] = image.size;
    let last = (rows - 1) * image.steps[0] + (columns - 1) * image.steps[1];
    assert!(last + channels + READ_AHEAD <= image.bytes.len() && channels + READ_AHEAD <= zeros.len(), "pixels");
    assert_eq!(layer.shape.taps, window.taps(), "taps");
    let taps = layer.shape.taps;
    POINTERS.with_borrow_mut(|pointers| {
        let mut at = range.start;
        while at < range.end {
            let count = BLOCK.min(range.end - at);
            pointers.clear();
            pointers.resize(count * taps, zeros.as_ptr());
            point(pointers, image, window, width, at);
            let store = to.store(at - range.start, count, layer.shape.cout);
            let job = Job { layer, rows: pointers, row_bias: None, store };
            // SAFETY: pointers go to pixels inside the image or to `zeros`, both checked above with what lies behind;
            // `store` has checked the rows of results, which cannot overlap what is only borrowed for reading.
            unsafe { job.run() };
            at += count;
        }
    });
}

/// Points to what the output pixels from `first` on read; what is outside the image stays as it is.
fn point(pointers: &mut [*const u8], image: &Image<'_>, window: &Window, width: usize, first: usize) {
    let Window { kernel, stride, pad, dilation } = *window;
    let [rows, columns] = image.size;
    let taps = kernel[0] * kernel[1];
    let base = image.bytes.as_ptr();
    let place = |y: usize, x: usize| (y * image.steps[0]).wrapping_add(x * image.steps[1]);
    let mut offsets = [0; 64];
    let offsets = &mut offsets[..taps.min(64)];
    for (tap, offset) in offsets.iter_mut().enumerate() {
        *offset = place(tap / kernel[1] * dilation[0], tap % kernel[1] * dilation[1]);
    }
    // output columns whose window lies inside the image
    let reach = (kernel[1] - 1) * dilation[1];
    let inner_begin = pad[1].div_ceil(stride[1]);
    let inner_end = if columns > reach { (columns - reach - 1 + pad[1]) / stride[1] + 1 } else { 0 };
    let mut at = 0;
    while at < pointers.len() / taps {
        let (y, x) = ((first + at) / width, (first + at) % width);
        let here = (width - x).min(pointers.len() / taps - at);
        let top = y * stride[0];
        let inside = top >= pad[0] && top - pad[0] + (kernel[0] - 1) * dilation[0] < rows && taps <= offsets.len();
        let inner = if inside { x.max(inner_begin)..inner_end.min(x + here).max(x.max(inner_begin)) } else { x..x };
        if !inner.is_empty() {
            let corner = place(top - pad[0], inner.start * stride[1] - pad[1]);
            let corner = base.wrapping_add(corner);
            let step = stride[1] * image.steps[1];
            let out = &mut pointers[(at + inner.start - x) * taps..(at + inner.end - x) * taps];
            match taps {
                1 => fill::<1>(out, corner, step, offsets),
                3 => fill::<3>(out, corner, step, offsets),
                9 => fill::<9>(out, corner, step, offsets),
                _ => {
                    for (pixel, out) in out.chunks_exact_mut(taps).enumerate() {
                        let corner = corner.wrapping_add(pixel * step);
                        out.iter_mut().zip(&*offsets).for_each(|(out, &offset)| *out = corner.wrapping_add(offset));
                    }
                }
            }
        }
        for rim in (x..x + here).filter(|rim| !inner.contains(rim)) {
            let out = &mut pointers[(at + rim - x) * taps..][..taps];
            for (tap, out) in out.iter_mut().enumerate() {
                let y = (top + tap / kernel[1] * dilation[0]).wrapping_sub(pad[0]);
                let x = (rim * stride[1] + tap % kernel[1] * dilation[1]).wrapping_sub(pad[1]);
                if y < rows && x < columns {
                    *out = base.wrapping_add(place(y, x));
                }
            }
        }
        at += here;
    }
}

/// Pixels `step` bytes apart, each with its taps.
fn fill<const TAPS: usize>(out: &mut [*const u8], corner: *const u8, step: usize, offsets: &[usize]) {
    let Ok(offsets) = <&[usize; TAPS]>::try_from(offsets) else { return };
    for (pixel, out) in out.as_chunks_mut::<TAPS>().0.iter_mut().enumerate() {
        let corner = corner.wrapping_add(pixel * step);
        *out = offsets.map(|offset| corner.wrapping_add(offset));
    }
}

/// A factor of a product of two tensors.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a> {
    /// It lies in here, with [`READ_AHEAD`] bytes behind.
    pub bytes: &'a [u8],
    /// From row to row (left: of the result; right: along the depth).
    pub row_step: usize,
    /// From column to column (left: along the depth, must be 1; right: of the result).
    pub column_step: usize,
    /// Its zero point.
    pub zero: u8,
}

/// `scale * sum over depth of (left - zero) * (right - zero)`; `size` is rows, depth, columns.
pub fn multiply_both(isa: Isa, left: Factor<'_>, right: Factor<'_>, size: [usize; 3], scale: f32, mut to: Rows<'_>) {
    let [rows, depth, columns] = size;
    assert!(left.column_step == 1 || depth == 1, "the depth of the left factor lies together");
    assert!((rows - 1) * left.row_step + depth + READ_AHEAD <= left.bytes.len(), "left factor");
    assert!((depth - 1) * right.row_step + (columns - 1) * right.column_step < right.bytes.len(), "right factor");
    let shape = Shape { kind: Kind::Dense, taps: 1, cin: depth, cout: columns };
    // the right factor is taken as signed, 128 less
    let right_zero = i32::from(right.zero) - 128;
    let zeros = (i32::from(left.zero) * right_zero).wrapping_mul(i32::try_from(depth).unwrap_or(i32::MAX));
    PACKED.with_borrow_mut(|product| {
        let len = shape.packed_len(isa);
        let weights = product.weights.get_or_insert_with(|| Aligned::zeroed(len));
        if weights.as_slice().len() < len {
            *weights = Aligned::zeroed(len);
        }
        let padded = columns.next_multiple_of(16);
        product.bias.clear();
        product.bias.resize(padded, zeros);
        product.scale.clear();
        product.scale.resize(padded, scale);
        pack_product(isa, shape, right, left.zero, &mut weights.as_mut_slice()[..len], &mut product.bias);
        product.row_bias.clear();
        product.row_bias.extend((0..rows).map(|row| {
            let sum = super::vector::sum_bytes(isa, &left.bytes[row * left.row_step..][..depth]);
            sum.wrapping_mul(-right_zero)
        }));
        let weights = &weights.as_slice()[..len];
        let layer = Layer { isa, shape, weights, bias: &product.bias, scale: &product.scale };
        POINTERS.with_borrow_mut(|pointers| {
            pointers.clear();
            pointers.extend((0..rows).map(|row| left.bytes[row * left.row_step..].as_ptr()));
            let store = to.store(0, rows, columns);
            let job = Job { layer, rows: pointers, row_bias: Some(&product.row_bias), store };
            // SAFETY: each pointer has `depth` bytes and READ_AHEAD behind it, checked above, and `store` has checked
            // the rows of results.
            unsafe { job.run() };
        });
    });
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
