//! Small graphs from a list of choices, for tests. Scales are powers of two and weights are small, so that every sum is
//! exact and a program must give what the graph means to the last bit (but for softmax and layer norm).
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use std::sync::Arc;

use crate::inference::int8::graph::{
    Axes, Binary, Convolve, Graph, Multiply, Node, Op, Outside, Steps, Unary, ValueId, Weights, Window,
};

/// A value that can be used further.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usable {
    pub value: ValueId,
    /// Comes from a dequantiser, at most moved since.
    pub quantised: bool,
    /// How many sums and products lie between it and a quantised value.
    pub depth: usize,
}

/// A graph in the making.
#[derive(Debug)]
pub struct Sketch<'c> {
    pub graph: Graph,
    choices: std::slice::Iter<'c, u16>,
    usable: Vec<Usable>,
    /// Outputs that need not be exact.
    pub loose: Vec<ValueId>,
}

/// Values of a tensor at most.
const LARGEST: usize = 500;

impl<'c> Sketch<'c> {
    /// A graph of as many operations as the choices are enough for.
    pub fn new(choices: &'c [u16]) -> Self {
        let mut sketch = Self { graph: Graph::default(), choices: choices.iter(), usable: vec![], loose: vec![] };
        for input in 0..=sketch.choose(2) {
            let shape = [1, 1 + sketch.choose(6), 1 + sketch.choose(5), 1 + sketch.choose(5)];
            let value = sketch.graph.add_value(&shape, None);
            sketch.graph.inputs.push(value);
            let outside = [Outside::Float, Outside::Unsigned, Outside::Signed][sketch.choose(3)];
            sketch.graph.values[value].outside = outside;
            if outside == Outside::Float {
                sketch.usable.push(Usable { value, quantised: false, depth: 0 });
                sketch.quantised(input);
            } else {
                sketch.dequantised(value);
            }
        }
        while sketch.choices.len() > 0 {
            sketch.step();
        }
        let wanted = sketch.usable.len() / 4 + 1;
        sketch.graph.outputs.extend(sketch.usable.iter().rev().take(wanted).map(|usable| usable.value));
        let loose = sketch.loose.clone();
        sketch.graph.outputs.extend(loose);
        sketch
    }

    pub(super) fn choose(&mut self, count: usize) -> usize {
        self.choices.next().map_or(0, |&choice| usize::from(choice) % count)
    }

    fn shape(&self, value: ValueId) -> Vec<usize> {
        self.graph.values[value].shape.clone()
    }

    pub(super) fn node(&mut self, op: Op, inputs: &[ValueId], shape: &[usize]) -> ValueId {
        let output = self.graph.add_value(shape, None);
        let name = format!("{}", self.graph.nodes.len());
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        output
    }

    pub(super) fn constant(&mut self, shape: &[usize]) -> ValueId {
        let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| self.choose(9) as f32 / 4.0 - 1.0).collect();
        self.graph.add_value(shape, Some(Arc::new(numbers)))
    }

    fn steps(&mut self) -> Steps {
        let zero = [0, 128, 255, self.choose(256)][self.choose(4)];
        Steps { scale: [0.125, 0.0625, 0.03125, 0.015_625][self.choose(4)], zero: zero as u8 }
    }

    fn dequantised(&mut self, bytes: ValueId) {
        let (steps, shape) = (self.steps(), self.shape(bytes));
        let value = self.node(Op::Dequantise(steps), &[bytes], &shape);
        self.usable.push(Usable { value, quantised: true, depth: 0 });
    }

    /// Quantises one of the usable values and dequantises it, sometimes twice, sometimes with an activation between.
    fn quantised(&mut self, which: usize) {
        let (value, shape) = (self.usable[which].value, self.shape(self.usable[which].value));
        let (steps, again) = (self.steps(), self.choose(4) == 0);
        let bytes = self.node(Op::Quantise(steps), &[value], &shape);
        if self.choose(8) == 0 {
            self.graph.values[bytes].outside = if self.choose(2) == 0 { Outside::Unsigned } else { Outside::Signed };
            self.graph.outputs.push(bytes);
        }
        self.dequantised(bytes);
        if again {
            let last = self.usable.len() - 1;
            self.activated(last);
        }
    }

    fn activated(&mut self, which: usize) {
        let (value, shape) = (self.usable[which].value, self.shape(self.usable[which].value));
        let function = [Unary::Silu, Unary::Sigmoid, Unary::Gelu, Unary::HardSwish][self.choose(4)];
        let mut real = self.node(Op::Unary(function), &[value], &shape);
        if self.choose(2) == 0 {
            real = self.node(Op::Binary(Binary::Multiply), &[value, real], &shape);
        }
        let steps = self.steps();
        let bytes = self.node(Op::Quantise(steps), &[real], &shape);
        self.dequantised(bytes);
    }

    /// A usable value that fits, later ones more often.
    pub(super) fn pick(&mut self, fits: impl Fn(&Self, &Usable) -> bool) -> Option<(usize, Usable, Vec<usize>)> {
        let found: Vec<usize> = (0..self.usable.len()).filter(|&at| fits(self, &self.usable[at])).collect();
        let back = self.choose(5).min(self.choose(5));
        let at = *found.get(found.len().checked_sub(1)?.saturating_sub(back))?;
        Some((at, self.usable[at], self.shape(self.usable[at].value)))
    }

    pub(super) fn made(&mut self, op: Op, from: &[ValueId], shape: &[usize], usable: (bool, usize)) {
        if shape.iter().product::<usize>() <= LARGEST && !shape.contains(&0) {
            let value = self.node(op, from, shape);
            self.usable.push(Usable { value, quantised: usable.0, depth: usable.1 });
        }
    }

    fn step(&mut self) {
        // nothing is done where no value fits
        let _ = match self.choose(14) {
            0 | 1 => self.convolve(),
            2 => self.multiply(),
            3 => self.multiply_both(),
            4 | 5 => self.binary(),
            6 => self.with_constant(),
            7 | 8 => self.moved(),
            9 => self.concat(),
            10 => self.pooled(),
            11 => self.reduced(),
            12 => self.rows(),
            _ => self.pick(|_, _| true).map(|(at, ..)| self.quantised(at)),
        };
    }

    pub(super) fn window(&mut self, size: &[usize]) -> Option<(Window, [usize; 2])> {
        let mut pair = |count: usize| [1 + self.choose(count), 1 + self.choose(count)];
        let (kernel, stride, dilation) = (pair(3), pair(2), pair(2));
        let pad = [self.choose(kernel[0]), self.choose(kernel[1])];
        let behind = [self.choose(kernel[0]), self.choose(kernel[1])];
        let extent = |axis: usize| {
            let room = (size[axis] + pad[axis] + behind[axis]).checked_sub((kernel[axis] - 1) * dilation[axis] + 1)?;
            Some(room / stride[axis] + 1)
        };
        Some((Window { kernel, stride, pad, dilation }, [extent(0)?, extent(1)?]))
    }

    fn weights(&mut self, columns: usize, depth: usize) -> Arc<Weights> {
        let values = (0..columns * depth).map(|_| self.choose(17) as i8 - 8).collect();
        let scale = (0..columns).map(|_| [0.0625, 0.03125, 0.015_625][self.choose(3)]).collect();
        Arc::new(Weights { values, scale })
    }

    fn convolve(&mut self) -> Option<()> {
        let (_, from, shape) = self.pick(|s, u| u.quantised && s.graph.values[u.value].shape.len() == 4)?;
        let (window, [height, width]) = self.window(&shape[2..])?;
        let cin = shape[1];
        let groups = [1, 1, cin, if cin.is_multiple_of(2) { 2 } else { 1 }][self.choose(4)];
        let cout = groups * (1 + self.choose(3));
        let weights = self.weights(cout, window.taps() * cin / groups);
        let bias = (0..cout).map(|_| self.choose(64) as f32 / 128.0 - 0.25).collect();
        let convolve = Convolve { weights, bias, groups, window };
        self.made(Op::Convolve(convolve), &[from.value], &[1, cout, height, width], (false, 1));
        self.finished()
    }

    /// Sometimes what a step can take over.
    pub(super) fn finished(&mut self) -> Option<()> {
        let from = *self.usable.last()?;
        let shape = self.shape(from.value);
        let mut value = from.value;
        for _ in 0..self.choose(3) {
            let columns: Vec<usize> =
                (0..shape.len()).map(|axis| if axis + 1 == shape.len() { shape[axis] } else { 1 }).collect();
            let (function, extents) = match self.choose(5) {
                0 => (Binary::Maximum, vec![1; shape.len()]),
                1 => (Binary::Minimum, vec![1; shape.len()]),
                2 => (Binary::Add, columns),
                3 => (Binary::Add, vec![1; shape.len()]),
                _ => (Binary::Multiply, vec![1; shape.len()]),
            };
            let other = if function == Binary::Multiply {
                self.graph.add_value(&extents, Some(Arc::new(vec![0.5])))
            } else {
                self.constant(&extents)
            };
            let operands = if self.choose(2) == 0 { [value, other] } else { [other, value] };
            value = self.node(Op::Binary(function), &operands, &shape);
        }
        if value != from.value {
            self.usable.push(Usable { value, quantised: false, depth: from.depth + 1 });
        }
        if self.choose(4) > 0 {
            self.quantised(self.usable.len() - 1);
        }
        Some(())
    }

    fn multiply(&mut self) -> Option<()> {
        let (_, from, shape) = self.pick(|s, u| u.quantised && s.graph.values[u.value].shape.len() == 3)?;
        let order = [[0, 1, 2], [0, 2, 1], [1, 2, 0]][self.choose(3)].to_vec();
        let columns = 1 + self.choose(5);
        let weights = Some(self.weights(columns, shape[order[2]]));
        let result = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1]][self.choose(4)].to_vec();
        let mut made = vec![0; 3];
        let extents = [shape[order[0]], shape[order[1]], columns];
        result.iter().zip(extents).for_each(|(&place, extent)| made[place] = extent);
        let left = Axes { order, groups: [0, 2] };
        let right = Axes { order: vec![1, 0], groups: [0, 1] };
        self.made(Op::Multiply(Multiply { weights, left, right, result }), &[from.value], &made, (false, 1));
        self.finished()
    }

    fn multiply_both(&mut self) -> Option<()> {
        let cube = |s: &Self, u: &Usable| u.quantised && s.graph.values[u.value].shape.len() == 3;
        let (_, left, shape) = self.pick(cube)?;
        let (_, right, other) = self.pick(|s, u| cube(s, u) && s.graph.values[u.value].shape[2] == shape[2])?;
        let batch = shape[0] == other[0] && self.choose(2) == 0;
        let result = if self.choose(2) == 0 || !batch { vec![0, 1, 2] } else { vec![1, 0, 2] };
        let (groups, made, result) = if batch {
            let mut made = vec![0; 3];
            result.iter().zip([shape[0], shape[1], other[1]]).for_each(|(&place, extent)| made[place] = extent);
            ([[1, 1], [1, 1]], made, result)
        } else {
            ([[0, 2], [0, 1]], vec![shape[0], shape[1], other[0], other[1]], vec![0, 1, 2, 3])
        };
        let left_axes = Axes { order: vec![0, 1, 2], groups: groups[0] };
        let right_axes = Axes { order: if batch { vec![0, 2, 1] } else { vec![2, 0, 1] }, groups: groups[1] };
        let multiply = Multiply { weights: None, left: left_axes, right: right_axes, result };
        self.made(Op::Multiply(multiply), &[left.value, right.value], &made, (false, 1));
        self.finished()
    }
}
