//! A region made ready: steps in order, buffers in slots, weights packed. Data only; `run` carries it out.

use serde::{Deserialize, Serialize};

use crate::inference::int8::functions::{ByteTable, RealTable};
use crate::inference::int8::graph::{Binary, Outside, Reduce, Steps, Unary, Window};
use crate::inference::int8::kernels::{Isa, Packed};
use crate::inference::int8::view::{Loops, View};

/// What a region does, shared by all threads.
#[derive(Clone, Debug)]
pub struct Program {
    /// For which instruction set its weights are packed.
    pub isa: Isa,
    /// In order.
    pub steps: Vec<Step>,
    /// Where each buffer lies.
    pub buffers: Vec<Place>,
    /// Size of each byte slot.
    pub byte_slots: Vec<usize>,
    /// Size of each slot of real numbers.
    pub real_slots: Vec<usize>,
    /// Numbers known beforehand.
    pub constants: Vec<Vec<f32>>,
    /// Weights.
    pub layers: Vec<Packed>,
    /// What comes from outside.
    pub inputs: Vec<Port>,
    /// What goes outside.
    pub outputs: Vec<Port>,
}

/// A tensor at the rim: contiguous outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The buffer that it is inside.
    pub buffer: usize,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its type outside.
    pub outside: Outside,
}

/// Where a buffer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A slot of bytes.
    Bytes(usize),
    /// A slot of real numbers.
    Reals(usize),
    /// An input of real numbers, where the caller has it.
    Input(usize),
    /// Numbers known beforehand.
    Constant(usize),
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The node that it ends with.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// Products that it sums.
    pub macs: usize,
}

/// What a step reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Where.
    pub view: View,
    /// What its values stand for.
    pub kind: SourceKind,
}

/// What values stand for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SourceKind {
    /// Themselves.
    Real,
    /// Quantised numbers.
    Quantised(Steps),
    /// Quantised numbers through a function.
    Table(#[serde(with = "real_table")] Box<RealTable>),
}

/// What a step writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sink {
    /// Where.
    pub view: View,
    /// How.
    pub kind: SinkKind,
}

/// How results are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SinkKind {
    /// As they are.
    Real,
    /// Quantised, then put through a table.
    Quantised(Steps, #[serde(with = "byte_table")] Option<Box<ByteTable>>),
}

/// The kinds of steps. Views are of one rank and shape per step unless it says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// Bytes through a table.
    Map {
        from: View,
        to: View,
        #[serde(with = "byte_table")]
        table: Option<Box<ByteTable>>,
        loops: Loops,
    },
    /// 1 x C x H x W to 1 x C x H x W, channels innermost; one layer per group.
    Convolve { from: View, to: Sink, layers: Vec<usize>, window: Window, zero: u8 },
    /// batch x rows x depth, times a layer, to batch x rows x columns.
    Multiply { from: View, to: Sink, layer: usize },
    /// batch x rows x depth, times batch x depth x columns, to batch x rows x columns.
    MultiplyBoth { left: View, left_zero: u8, right: View, right_zero: u8, to: Sink, scale: f32 },
    /// A formula of several tensors, element by element.
    Compute { sources: Vec<Source>, formula: Vec<Term>, to: Sink, loops: Loops },
    /// The largest byte of each window.
    MaxPool { from: View, to: View, window: Window },
    /// The mean of each window; whether padding counts.
    MeanPool { from: Source, to: Sink, window: Window, count_padding: bool },
    /// Along axes; in the result they have extent 1.
    Reduce { from: Source, to: Sink, reduce: Reduce, factor: f32, kept: Loops, along: Loops },
    /// Pixels by index.
    Pick { from: View, to: View, pixels: Vec<u32> },
    /// Row by row along the last axis.
    Rows { from: Source, to: Sink, row: Row, loops: Loops },
}

/// What is done with a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Row {
    /// `exp(x - max) / sum`.
    Softmax,
    /// `(x - mean) / sqrt(variance + epsilon) * gain + shift`; gain and shift are constants of the row's length.
    Normalise { epsilon: f32, gain: Option<usize>, shift: Option<usize> },
}

/// One term of a formula in reverse Polish notation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Term {
    /// Pushes a source.
    Load(usize),
    /// Pushes a number.
    Number(#[serde(with = "bits")] f32),
    /// Replaces the top.
    Unary(Unary),
    /// Replaces the top by itself and a number; `true` puts the number on the left.
    WithNumber(Binary, #[serde(with = "bits")] f32, bool),
    /// Replaces the two at the top.
    Binary(Binary),
}

impl Work {
    /// Buffers that it reads.
    pub fn reads(&self) -> Vec<usize> {
        match self {
            Self::Map { from, .. } | Self::Convolve { from, .. } | Self::Multiply { from, .. } => vec![from.buffer],
            Self::MaxPool { from, .. } | Self::Pick { from, .. } => vec![from.buffer],
            Self::MultiplyBoth { left, right, .. } => vec![left.buffer, right.buffer],
            Self::Compute { sources, .. } => sources.iter().map(|source| source.view.buffer).collect(),
            Self::MeanPool { from, .. } | Self::Reduce { from, .. } | Self::Rows { from, .. } => vec![from.view.buffer],
        }
    }

    /// Where it writes.
    pub fn writes(&self) -> &View {
        match self {
            Self::Map { to, .. } | Self::MaxPool { to, .. } | Self::Pick { to, .. } => to,
            Self::Convolve { to, .. }
            | Self::Multiply { to, .. }
            | Self::MultiplyBoth { to, .. }
            | Self::Compute { to, .. }
            | Self::MeanPool { to, .. }
            | Self::Reduce { to, .. }
            | Self::Rows { to, .. } => &to.view,
        }
    }

    /// The sink, of steps that quantise.
    pub fn sink(&self) -> Option<&Sink> {
        match self {
            Self::Map { .. } | Self::MaxPool { .. } | Self::Pick { .. } => None,
            Self::Convolve { to, .. }
            | Self::Multiply { to, .. }
            | Self::MultiplyBoth { to, .. }
            | Self::Compute { to, .. }
            | Self::MeanPool { to, .. }
            | Self::Reduce { to, .. }
            | Self::Rows { to, .. } => Some(to),
        }
    }

    /// The quantising sink, of steps that have one.
    pub fn sink_mut(&mut self) -> Option<&mut Sink> {
        match self {
            Self::Map { .. } | Self::MaxPool { .. } | Self::Pick { .. } => None,
            Self::Convolve { to, .. }
            | Self::Multiply { to, .. }
            | Self::MultiplyBoth { to, .. }
            | Self::Compute { to, .. }
            | Self::MeanPool { to, .. }
            | Self::Reduce { to, .. }
            | Self::Rows { to, .. } => Some(to),
        }
    }

    /// One word for reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Map { .. } => "map",
            Self::Convolve { layers, .. } if layers.len() > 1 => "grouped convolution",
            Self::Convolve { .. } => "convolution",
            Self::Multiply { .. } => "product with weights",
            Self::MultiplyBoth { .. } => "product",
            Self::Compute { .. } => "elementwise",
            Self::MaxPool { .. } => "max pool",
            Self::MeanPool { .. } => "mean pool",
            Self::Reduce { .. } => "reduction",
            Self::Pick { .. } => "resize",
            Self::Rows { row: Row::Softmax, .. } => "softmax",
            Self::Rows { .. } => "layer norm",
        }
    }
}

/// Tables as lists, since serde stops at arrays of 32.
mod byte_table {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::inference::int8::functions::ByteTable;

    pub(super) fn serialize<S: Serializer>(table: &Option<Box<ByteTable>>, to: S) -> Result<S::Ok, S::Error> {
        table.as_ref().map(|table| table.as_slice()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<ByteTable>>, D::Error> {
        let table: Option<Vec<u8>> = Option::deserialize(from)?;
        let boxed = |table: Vec<u8>| Box::<ByteTable>::try_from(table).map_err(|_| D::Error::custom("a table of 256"));
        table.map(boxed).transpose()
    }
}

/// As bits: JSON has no infinity.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(super) fn serialize<S: Serializer>(number: &f32, to: S) -> Result<S::Ok, S::Error> {
        number.to_bits().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
        u32::deserialize(from).map(f32::from_bits)
    }
}

/// As bits, too.
mod real_table {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::inference::int8::functions::RealTable;

    pub(super) fn serialize<S: Serializer>(table: &RealTable, to: S) -> Result<S::Ok, S::Error> {
        table.map(f32::to_bits).as_slice().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<RealTable>, D::Error> {
        let bits: Vec<u32> = Vec::deserialize(from)?;
        let numbers: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        Box::try_from(numbers).map_err(|_| D::Error::custom("a table of 256"))
    }
}
