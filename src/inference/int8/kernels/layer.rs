//! Weights in the order in which a back end reads them.

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

/// A layer as a back end takes it. Values of `bias` and `scale` beyond `cout` are there and are zero.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// For which instruction set it was packed.
    pub isa: Isa,
    /// Its extent.
    pub shape: Shape,
    /// Packed weights.
    pub weights: &'a [u8],
    /// Begins each sum: the layer's bias, less the input's zero point times the sum of the channel's weights.
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
            Self::Neon => Blocking { columns: 8, depth: 8, bytes: 1 },
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => Blocking { columns: 16, depth: 4, bytes: 1 },
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => Blocking { columns: 16, depth: 8, bytes: 1 },
        }
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
        let sum: i32 = weights.iter().map(|&w| i32::from(w)).sum();
        packed.bias[channel] = bias[channel].wrapping_sub(sum.wrapping_mul(i32::from(input_zero)));
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
                let group = (block * taps + tap) * groups + c / depth;
                let (inner, depth, c) = match bytes {
                    1 => (group, depth, c % depth),
                    _ => (group * 2 + c % 2, depth / 2, c % depth / 2),
                };
                let at = (inner * columns + column) * depth + c;
                out[at * bytes..][..bytes].copy_from_slice(&i16::from(weight).to_le_bytes()[..bytes]);
            }
        }
    }
}

/// `[taps][channels]`, one byte each, channels padded to 64; back ends that want another order say so here.
fn pack_depthwise(isa: Isa, shape: Shape, weights: &[i8], out: &mut [u8]) {
    let padded = shape.cout.next_multiple_of(64);
    match isa {
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
