//! A network as the engine sees it: a list of simple operations in the order of their use, shapes known.

use std::sync::Arc;

/// Number of a value.
pub type ValueId = usize;

/// A quantised region, or a whole network.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Every value, by number.
    pub values: Vec<Value>,
    /// In an order in which they can be run.
    pub nodes: Vec<Node>,
    /// Values that come from outside.
    pub inputs: Vec<ValueId>,
    /// Values that are wanted outside.
    pub outputs: Vec<ValueId>,
}

/// A tensor.
#[derive(Clone, Debug)]
pub struct Value {
    /// Extents.
    pub shape: Vec<usize>,
    /// Its values, in the order of its axes, where they are known beforehand.
    pub constant: Option<Arc<Vec<f32>>>,
    /// The type it has outside, for inputs and outputs.
    pub outside: Outside,
}

/// Type of a tensor at the rim of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Outside {
    /// Single precision.
    Float,
    /// Quantised, unsigned.
    Unsigned,
    /// Quantised, signed; inside, 128 is added.
    Signed,
}

/// One operation with one result.
#[derive(Clone, Debug)]
pub struct Node {
    /// As in the file.
    pub name: String,
    /// What is done.
    pub op: Op,
    /// Operands.
    pub inputs: Vec<ValueId>,
    /// Result.
    pub output: ValueId,
}

/// How quantised values stand for real ones: `(value - zero) * scale`. Signed values are kept with 128 added, and so
/// are their zero points.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Steps {
    /// Size of a step.
    pub scale: f32,
    /// Which value is zero.
    pub zero: u8,
}

/// What a node does. Results are real numbers but for `Quantise`.
#[derive(Clone, Debug)]
pub enum Op {
    /// Real to quantised.
    Quantise(Steps),
    /// Quantised to real.
    Dequantise(Steps),
    /// Two-dimensional convolution of a 1 x C x H x W tensor.
    Convolve(Convolve),
    /// Matrix product.
    Multiply(Multiply),
    /// One value at a time.
    Unary(Unary),
    /// Two values at a time; axes of extent 1 are stretched.
    Binary(Binary),
    /// Another shape.
    Reshape,
    /// Axis `order[i]` becomes axis `i`.
    Permute(Vec<usize>),
    /// Positions of an axis from `start`; how many, the shape of the result says.
    Slice {
        /// Which axis.
        axis: usize,
        /// First position.
        start: usize,
    },
    /// One value of an axis stands for all its positions.
    Broadcast,
    /// One after the other along an axis.
    Concat(usize),
    /// The largest value of each window of a 1 x C x H x W tensor.
    MaxPool(Window),
    /// The mean of each window of a 1 x C x H x W tensor; whether padding counts.
    MeanPool(Window, bool),
    /// Along axes, which stay with extent 1.
    Reduce(Reduce, Vec<usize>),
    /// Pixels of a 1 x C x H x W tensor picked by their index `y * width + x`: resizing to the nearest.
    Pick(Arc<Vec<u32>>),
    /// Along an axis.
    Softmax(usize),
    /// Along the last axis, without the affine step that may follow.
    Normalise {
        /// Added to the variance.
        epsilon: f32,
    },
}

/// Integer weights found in a network.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Output channel by tap by input channel.
    pub values: Vec<i8>,
    /// Size of a step, per output channel.
    pub scale: Vec<f32>,
}

/// A convolution.
#[derive(Clone, Debug)]
pub struct Convolve {
    /// Of every group, one after the other.
    pub weights: Arc<Weights>,
    /// Per output channel.
    pub bias: Vec<f32>,
    /// Groups of channels.
    pub groups: usize,
    /// Where it looks.
    pub window: Window,
}

/// A product of matrices: rows by depth, times depth by columns.
#[derive(Clone, Debug)]
pub struct Multiply {
    /// The right factor, column by depth, if it is known beforehand (then the node has one operand).
    pub weights: Option<Arc<Weights>>,
    /// Order of the left factor's axes: batch, rows, depth; and how many are batch and rows.
    pub left: Axes,
    /// Order of the right factor's axes: batch, depth, columns; and how many are batch and depth.
    pub right: Axes,
    /// Where the axes batch, rows, columns stand in the result.
    pub result: Vec<usize>,
}

/// A permutation of axes in three groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    /// Old axes in their new order.
    pub order: Vec<usize>,
    /// How many belong to the first and second group.
    pub groups: [usize; 2],
}

/// A sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps down and right.
    pub stride: [usize; 2],
    /// Padding above and left.
    pub pad: [usize; 2],
    /// Distance of the kernel's positions.
    pub dilation: [usize; 2],
}

/// Functions of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names of the functions")]
pub enum Unary {
    Sigmoid,
    Tanh,
    Erf,
    Exp,
    Sqrt,
    Rsqrt,
    Recip,
    Negate,
    Abs,
    Square,
    Silu,
    HardSwish,
    Gelu,
}

/// Functions of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names of the functions")]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Maximum,
    Minimum,
}

/// Ways to make one value of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names of the functions")]
pub enum Reduce {
    Sum,
    Maximum,
}

impl Window {
    /// Positions of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

impl Graph {
    /// Adds a value and returns its number.
    pub fn add_value(&mut self, shape: &[usize], constant: Option<Arc<Vec<f32>>>) -> ValueId {
        self.values.push(Value { shape: shape.to_vec(), constant, outside: Outside::Float });
        self.values.len() - 1
    }

    /// The single number that a constant consists of.
    pub fn scalar(&self, value: ValueId) -> Option<f32> {
        let constant = self.values[value].constant.as_ref()?;
        let first = *constant.first()?;
        constant.iter().all(|&other| other == first).then_some(first)
    }

    /// For each value, the places in `nodes` that use it.
    pub fn consumers(&self) -> Vec<Vec<usize>> {
        let mut consumers = vec![Vec::new(); self.values.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            for &input in &node.inputs {
                consumers[input].push(place);
            }
        }
        consumers
    }
}
