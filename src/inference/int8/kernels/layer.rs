//! Weights in the order in which a back end reads them.

use crate::inference::int8::kernels::rows::Factor;
use crate::inference::int8::kernels::{Aligned, Isa};

/// How many bytes behind the last channel of a pixel a back end may read (and not use).
pub const READ_AHEAD: usize = 64;

/// How the channels of a layer meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Every output channel sums over every input channel of every tap: convolutions and matrix products.
    Dense,
    /// Every output channel sums over the taps of the input channel of the same number.
    Depthwise,
}

/// The extent of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// How the channels meet.
    pub kind: Kind,
    /// Positions of the kernel: 9 for 3 x 3, 1 for a matrix product.
    pub taps: usize,
    /// Input channels that are summed per tap (1 in a depthwise layer).
    pub cin: usize,
    /// Output channels.
    pub cout: usize,
}

/// How a back end cuts dense weights: `[cout / columns][taps][cin / depth][columns][depth]`, padded with zeros. Of
/// weights of two bytes the even channels of a group come before its odd ones: `[2][columns][depth / 2]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// Output channels that lie together.
    pub columns: usize,
    /// Input channels that lie together for one output channel.
    pub depth: usize,
    /// Bytes per weight: 1, or 2 where the back end multiplies 16-bit values.
    pub bytes: usize,
}

impl Blocking {
    /// The first byte of a weight: `group` counts the blocks of `columns` by `depth`.
    fn place(self, group: usize, column: usize, c: usize) -> usize {
        let Self { columns, depth, bytes } = self;
        let (inner, depth, c) = match bytes {
            1 => (group, depth, c % depth),
            _ => (group * 2 + c % 2, depth / 2, c % depth / 2),
        };
        ((inner * columns + column) * depth + c) * bytes
    }
}

/// A layer as a back end takes it. Values of `bias` and `scale` beyond `cout` are there and are zero.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// For which instruction set it was packed.
    pub isa: Isa,
    /// Its extent.
    pub shape: Shape,
    /// Packed weights.
    pub weights: &'a [u8],
    /// Begins each sum: the layer's bias, less the input's zero point times the sum of the channel's weights, plus
    /// what the back end takes off its inputs (see [`Isa::first_sum`]).
    pub bias: &'a [i32],
    /// From sums to steps of the result, per output channel.
    pub scale: &'a [f32],
}

/// A layer that owns its packed weights.
#[derive(Clone, Debug)]
pub struct Packed {
    /// For which instruction set.
    pub isa: Isa,
    /// Its extent.
    pub shape: Shape,
    /// In the order of the back end.
    pub weights: Aligned,
    /// Per output channel, padded with zeros to a multiple of 16.
    pub bias: Vec<i32>,
    /// Per output channel, padded with zeros to a multiple of 16.
    pub scale: Vec<f32>,
}

impl Packed {
    /// The layer, borrowed.
    pub fn layer(&self) -> Layer<'_> {
        let Self { isa, shape, weights, bias, scale } = self;
        Layer { isa: *isa, shape: *shape, weights: weights.as_slice(), bias, scale }
    }
}

impl Shape {
    /// Bytes of the packed weights.
    pub fn packed_len(&self, isa: Isa) -> usize {
        match self.kind {
            Kind::Dense => {
                let Blocking { columns, depth, bytes } = isa.blocking();
                self.cout.next_multiple_of(columns) * self.taps * self.cin.next_multiple_of(depth) * bytes
            }
            Kind::Depthwise => isa.depthwise_len(self.taps, self.cout),
        }
    }

    /// Number of products of one output row.
    pub fn macs_per_row(&self) -> usize {
        self.taps * self.cin * self.cout
    }
}

impl Isa {
    /// How dense weights are cut.
    pub fn blocking(self) -> Blocking {
        match self {
            Self::Scalar => Blocking { columns: 16, depth: 4, bytes: 1 },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Blocking { columns: 16, depth: 4, bytes: 2 },
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni | Self::Avx512Vnni => Blocking { columns: 16, depth: 4, bytes: 1 },
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Blocking { columns: 8, depth: 16, bytes: 1 },
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => Blocking { columns: 16, depth: 4, bytes: 1 },
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => Blocking { columns: 16, depth: 8, bytes: 1 },
        }
    }

    /// What the back end takes off the input at this tap and channel before it multiplies: some instruction sets
    /// multiply signed bytes only. [`Isa::first_sum`] gives it back.
    #[cfg_attr(not(target_arch = "aarch64"), allow(unused_variables, reason = "only AArch64 lacks mixed products"))]
    fn centre(self, kind: Kind, tap: usize, c: usize) -> i32 {
        match (self, kind) {
            #[cfg(target_arch = "aarch64")]
            (Self::Neon, Kind::Dense) => 128 - i32::from(c % 16 >= 8),
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot, Kind::Dense) => 128,
            #[cfg(target_arch = "aarch64")]
            (Self::Neon | Self::NeonDot | Self::NeonI8mm, Kind::Depthwise) => 128 - i32::from(tap % 2 == 1),
            _ => 0,
        }
    }

    /// Begins the sums of an output channel (see [`Layer::bias`]): its bias and what its weights, `taps` x `cin`, make
    /// of the zero point and of what the back end takes off its inputs.
    pub fn first_sum(self, shape: Shape, weights: &[i8], bias: i32, input_zero: u8) -> i32 {
        let mut sum = bias;
        for (tap, weights) in weights.chunks_exact(shape.cin).enumerate() {
            for (c, &weight) in weights.iter().enumerate() {
                let off = self.centre(shape.kind, tap, c) - i32::from(input_zero);
                sum = sum.wrapping_add(off * i32::from(weight));
            }
        }
        sum
    }

    /// Bytes of the packed weights of a depthwise layer; every back end has its own order.
    pub(super) fn depthwise_len(self, taps: usize, channels: usize) -> usize {
        channels.next_multiple_of(64) * taps.next_multiple_of(4) * 2
    }
}

/// Packs a layer. `weights` is cout x taps x cin (depthwise: channels x taps), `bias` and `scale` have one value per
/// output channel, `input_zero` is the zero point of the input.
pub fn pack(isa: Isa, shape: Shape, weights: &[i8], bias: &[i32], scale: &[f32], input_zero: u8) -> Packed {
    let per_channel = shape.taps * shape.cin;
    assert_eq!(weights.len(), shape.cout * per_channel, "weights of {shape:?}");
    let padded = shape.cout.next_multiple_of(16);
    let mut packed = Packed {
        isa,
        shape,
        weights: Aligned::zeroed(shape.packed_len(isa)),
        bias: vec![0; padded],
        scale: vec![0.0; padded],
    };
    for (channel, weights) in weights.chunks_exact(per_channel).enumerate() {
        packed.bias[channel] = isa.first_sum(shape, weights, bias[channel], input_zero);
    }
    packed.scale[..shape.cout].copy_from_slice(scale);
    match shape.kind {
        Kind::Dense => pack_dense(isa.blocking(), shape, weights, packed.weights.as_mut_slice()),
        Kind::Depthwise => pack_depthwise(isa, shape, weights, packed.weights.as_mut_slice()),
    }
    packed
}

fn pack_dense(blocking: Blocking, shape: Shape, weights: &[i8], out: &mut [u8]) {
    let Blocking { columns, depth, bytes } = blocking;
    let Shape { taps, cin, cout, .. } = shape;
    let groups = cin.div_ceil(depth);
    for channel in 0..cout {
        let (block, column) = (channel / columns, channel % columns);
        for tap in 0..taps {
            for c in 0..cin {
                let weight = weights[(channel * taps + tap) * cin + c];
                let at = blocking.place((block * taps + tap) * groups + c / depth, column, c);
                out[at..][..bytes].copy_from_slice(&i16::from(weight).to_le_bytes()[..bytes]);
            }
        }
    }
}

/// `[taps][channels]`, one byte each, channels padded to 64; back ends that want another order say so here.
fn pack_depthwise(isa: Isa, shape: Shape, weights: &[i8], out: &mut [u8]) {
    let padded = shape.cout.next_multiple_of(64);
    match isa {
        // [channels / 16][taps][16]
        #[cfg(target_arch = "aarch64")]
        Isa::Neon | Isa::NeonDot | Isa::NeonI8mm => {
            for (channel, weights) in weights.chunks_exact(shape.taps).enumerate() {
                for (tap, weight) in weights.iter().enumerate() {
                    out[(channel / 16 * shape.taps + tap) * 16 + channel % 16] = weight.to_le_bytes()[0];
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => pack_interleaved(64, 1, shape, weights, out),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => pack_interleaved(32, 1, shape, weights, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => pack_interleaved(32, 2, shape, weights, out),
        _ => {
            for (channel, weights) in weights.chunks_exact(shape.taps).enumerate() {
                for (tap, weight) in weights.iter().enumerate() {
                    out[tap * padded + channel] = weight.to_le_bytes()[0];
                }
            }
        }
    }
}

/// `[channels / vector][taps / 4][4][vector / 16][4 channels][4 taps]`: the order that unpacking within lanes of 16
/// bytes gives, where the third index counts the quarters of a lane. Of weights of two bytes the even taps of four come
/// before the odd ones: `[2][vector / 16][4 channels][2 taps]`.
#[cfg(target_arch = "x86_64")]
fn pack_interleaved(vector: usize, bytes: usize, shape: Shape, weights: &[i8], out: &mut [u8]) {
    let quads = shape.taps.div_ceil(4);
    for (channel, weights) in weights.chunks_exact(shape.taps).enumerate() {
        let (lane, quarter) = (channel % vector / 16, channel % 16 / 4);
        for (tap, weight) in weights.iter().enumerate() {
            let quarter = ((channel / vector) * quads + tap / 4) * 4 + quarter;
            let (inner, depth, tap) = match bytes {
                1 => (quarter, 4, tap % 4),
                _ => (quarter * 2 + tap % 2, 2, tap % 4 / 2),
            };
            let at = (inner * vector / 4 + lane * 4 + channel % 4) * depth + tap;
            out[at * bytes..][..bytes].copy_from_slice(&i16::from(*weight).to_le_bytes()[..bytes]);
        }
    }
}

/// Packs the right factor of a product at run time: depth by columns bytes, taken as signed, 128 less. Adds to `bias`
/// what begins each column's sums (see [`Isa::first_sum`]).
pub(super) fn pack_product(isa: Isa, shape: Shape, right: Factor<'_>, left_zero: u8, out: &mut [u8], bias: &mut [i32]) {
    let blocking = isa.blocking();
    let groups = shape.cin.div_ceil(blocking.depth);
    if blocking == (Blocking { columns: 16, depth: 4, bytes: 1 }) {
        for (block, bias) in bias.chunks_exact_mut(16).enumerate().take(shape.cout.div_ceil(16)) {
            let columns = 16.min(shape.cout - block * 16);
            for group in 0..groups {
                let depth = 4.min(shape.cin - group * 4);
                let out = <&mut [u8; 64]>::try_from(&mut out[(block * groups + group) * 64..][..64]);
                let Ok(out) = out else { return };
                pack_tile(right, [group * 4, depth], [block * 16, columns], out);
                let off = isa.centre(Kind::Dense, 0, group * 4) - i32::from(left_zero);
                for (bias, values) in bias.iter_mut().zip(out.as_chunks::<4>().0) {
                    *bias += off * values.iter().map(|value| i32::from(value.cast_signed())).sum::<i32>();
                }
            }
        }
        return;
    }
    out.fill(0);
    for (column, bias) in bias.iter_mut().enumerate().take(shape.cout) {
        let (block, place) = (column / blocking.columns, column % blocking.columns);
        for c in 0..shape.cin {
            let off = isa.centre(Kind::Dense, 0, c) - i32::from(left_zero);
            let value = (right.bytes[c * right.row_step + column * right.column_step] ^ 0x80).cast_signed();
            *bias += off * i32::from(value);
            let at = blocking.place(block * groups + c / blocking.depth, place, c);
            out[at..][..blocking.bytes].copy_from_slice(&i16::from(value).to_le_bytes()[..blocking.bytes]);
        }
    }
}

/// Four rows of sixteen columns, column by column, 128 less; what is beyond `depth` and `columns` (begin and extent)
/// is zero.
fn pack_tile(right: Factor<'_>, depth: [usize; 2], columns: [usize; 2], out: &mut [u8; 64]) {
    let at = |row: usize, column: usize| (depth[0] + row) * right.row_step + (columns[0] + column) * right.column_step;
    match (depth[1], columns[1], right.row_step, right.column_step) {
        (4, 16, _, 1) => {
            let row = |row: usize| &right.bytes[at(row, 0)..][..16];
            let (a, b, c, d) = (row(0), row(1), row(2), row(3));
            for (column, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *out = [a[column] ^ 0x80, b[column] ^ 0x80, c[column] ^ 0x80, d[column] ^ 0x80];
            }
        }
        (4, 16, 1, _) => {
            for (column, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                out.copy_from_slice(&right.bytes[at(0, column)..][..4]);
            }
            out.iter_mut().for_each(|value| *value ^= 0x80);
        }
        _ => {
            out.fill(0);
            for (column, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate().take(columns[1]) {
                for (row, out) in out.iter_mut().enumerate().take(depth[1]) {
                    *out = right.bytes[at(row, column)] ^ 0x80;
                }
            }
        }
    }
}
