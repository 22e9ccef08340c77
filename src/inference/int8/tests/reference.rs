//! What a graph means, one value at a time: tests compare programs with it.
#![allow(clippy::expect_used, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes kept as real numbers")]

use crate::inference::int8::graph::{Convolve, Graph, Multiply, Node, Op, Reduce, Window};

/// A tensor in the order of its axes; quantised values are whole numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Tensor {
    fn of(shape: &[usize], value: impl Fn(&[usize]) -> f32) -> Self {
        let values = (0..shape.iter().product()).map(|number| value(&place(shape, number))).collect();
        Self { shape: shape.to_vec(), values }
    }

    /// The value at a place; axes of extent 1 stand for all places.
    fn at(&self, place: &[usize]) -> f32 {
        let number = self.shape.iter().zip(place).fold(0, |at, (&n, &i)| at * n + if n == 1 { 0 } else { i });
        self.values[number]
    }

    fn permuted(&self, order: &[usize]) -> Self {
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        Self::of(&shape, |place| {
            let mut old = vec![0; order.len()];
            order.iter().zip(place).for_each(|(&axis, &i)| old[axis] = i);
            self.at(&old)
        })
    }
}

/// The indices of a value by its number.
pub fn place(shape: &[usize], mut number: usize) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (i, &extent) in place.iter_mut().zip(shape).rev() {
        *i = number % extent;
        number /= extent;
    }
    place
}

/// The outputs of a graph.
pub fn evaluate(graph: &Graph, inputs: &[Vec<f32>]) -> Vec<Tensor> {
    let given = |value: usize| graph.inputs.iter().position(|&input| input == value).map(|at| inputs[at].clone());
    let known = graph.values.iter().enumerate().map(|(number, value)| {
        let values = value.constant.as_deref().cloned().or_else(|| given(number))?;
        Some(Tensor { shape: value.shape.clone(), values })
    });
    let mut values: Vec<Option<Tensor>> = known.collect();
    for node in &graph.nodes {
        let operands: Vec<&Tensor> = node.inputs.iter().map(|&input| values[input].as_ref().expect("made")).collect();
        let result = result(node, &operands, &graph.values[node.output].shape);
        values[node.output] = Some(result);
    }
    graph.outputs.iter().map(|&output| values[output].clone().expect("made")).collect()
}

fn result(node: &Node, operands: &[&Tensor], shape: &[usize]) -> Tensor {
    let x = operands[0];
    match &node.op {
        Op::Quantise(steps) => Tensor::of(shape, |at| f32::from(steps.quantise(x.at(at)))),
        Op::Dequantise(steps) => Tensor::of(shape, |at| steps.real(x.at(at) as u8)),
        Op::Convolve(convolve) => convolved(convolve, x, shape),
        Op::Multiply(multiply) => multiplied(multiply, operands),
        Op::Unary(function) => Tensor::of(shape, |at| function.at(x.at(at))),
        Op::Binary(function) => Tensor::of(shape, |at| function.at(x.at(at), operands[1].at(at))),
        Op::Reshape => Tensor { shape: shape.to_vec(), values: x.values.clone() },
        Op::Permute(order) => x.permuted(order),
        Op::Slice { axis, start } => Tensor::of(shape, |at| {
            let mut at = at.to_vec();
            at[*axis] += start;
            x.at(&at)
        }),
        Op::Broadcast => Tensor::of(shape, |at| x.at(at)),
        Op::Concat(axis) => Tensor::of(shape, |at| {
            let mut at = at.to_vec();
            let part = operands.iter().find(|part| {
                let here = at[*axis] < part.shape[*axis];
                at[*axis] -= if here { 0 } else { part.shape[*axis] };
                here
            });
            part.expect("a part").at(&at)
        }),
        Op::MaxPool(window) => {
            Tensor::of(shape, |at| under(window, x, at).into_iter().fold(f32::NEG_INFINITY, f32::max))
        }
        Op::MeanPool(window, padding) => Tensor::of(shape, |at| {
            let seen = under(window, x, at);
            let count = if *padding { window.taps() } else { seen.len() };
            seen.iter().sum::<f32>() / count as f32
        }),
        Op::Reduce(reduce, axes) => Tensor::of(shape, |at| {
            let all = (0..x.values.len()).filter(|&number| {
                let other = place(&x.shape, number);
                (0..at.len()).all(|axis| axes.contains(&axis) || at[axis] == other[axis])
            });
            let all = all.map(|number| x.values[number]);
            if *reduce == Reduce::Sum { all.sum() } else { all.fold(f32::NEG_INFINITY, f32::max) }
        }),
        Op::Pick(pixels) => Tensor::of(shape, |at| {
            x.values[at[1] * x.shape[2] * x.shape[3] + pixels[at[2] * shape[3] + at[3]] as usize]
        }),
        Op::Softmax(axis) => Tensor::of(shape, |at| {
            let row = row(x, at, *axis);
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            (x.at(at) - largest).exp() / row.iter().map(|x| (x - largest).exp()).sum::<f32>()
        }),
        Op::Normalise { epsilon } => Tensor::of(shape, |at| {
            let row = row(x, at, shape.len() - 1);
            let mean = row.iter().sum::<f32>() / row.len() as f32;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / row.len() as f32;
            (x.at(at) - mean) / (variance + epsilon).sqrt()
        }),
    }
}

fn row(x: &Tensor, at: &[usize], axis: usize) -> Vec<f32> {
    let mut at = at.to_vec();
    (0..x.shape[axis])
        .map(|i| {
            at[axis] = i;
            x.at(&at)
        })
        .collect()
}

/// The pixel that a tap of an output pixel's window sees.
fn seen(window: &Window, size: &[usize], pixel: &[usize], tap: usize) -> Option<[usize; 2]> {
    let tap = [tap / window.kernel[1], tap % window.kernel[1]];
    let at = |axis: usize| {
        let at =
            (pixel[axis] * window.stride[axis] + tap[axis] * window.dilation[axis]).checked_sub(window.pad[axis])?;
        (at < size[axis]).then_some(at)
    };
    Some([at(0)?, at(1)?])
}

fn under(window: &Window, x: &Tensor, at: &[usize]) -> Vec<f32> {
    let pixels = (0..window.taps()).filter_map(|tap| seen(window, &x.shape[2..], &at[2..], tap));
    pixels.map(|[row, column]| x.at(&[0, at[1], row, column])).collect()
}

fn convolved(convolve: &Convolve, x: &Tensor, shape: &[usize]) -> Tensor {
    let Convolve { weights, bias, groups, window } = convolve;
    let (cin, cout, taps) = (x.shape[1] / groups, shape[1] / groups, window.taps());
    Tensor::of(shape, |at| {
        let (group, mut sum) = (at[1] / cout, f64::from(bias[at[1]]));
        for tap in 0..taps {
            let Some([row, column]) = seen(window, &x.shape[2..], &at[2..], tap) else { continue };
            for c in 0..cin {
                let weight = weights.values[(at[1] * taps + tap) * cin + c];
                let weight = f64::from(weight) * f64::from(weights.scale[at[1]]);
                sum += weight * f64::from(x.at(&[0, group * cin + c, row, column]));
            }
        }
        sum as f32
    })
}

fn multiplied(multiply: &Multiply, operands: &[&Tensor]) -> Tensor {
    let left = operands[0].permuted(&multiply.left.order);
    let [batch, rows] = multiply.left.groups;
    let depth: usize = left.shape[batch + rows..].iter().product();
    let mut shape = left.shape[..batch + rows].to_vec();
    let right = operands.get(1).map(|right| right.permuted(&multiply.right.order));
    match (&multiply.weights, &right) {
        (Some(weights), _) => shape.push(weights.scale.len()),
        (None, right) => shape.extend(&right.as_ref().expect("two factors").shape[batch + multiply.right.groups[1]..]),
    }
    let columns: usize = shape[batch + rows..].iter().product();
    let result = Tensor { values: vec![0.0; shape.iter().product()], shape };
    let rows_of_batch: usize = result.shape[batch..batch + rows].iter().product();
    let values = (0..result.values.len()).map(|number| {
        let (row, column) = (number / columns, number % columns);
        let at = |d: usize| match (&multiply.weights, &right) {
            (Some(weights), _) => f64::from(weights.values[column * depth + d]) * f64::from(weights.scale[column]),
            (None, right) => {
                let right = right.as_ref().expect("two factors");
                f64::from(right.values[(row / rows_of_batch * depth + d) * columns + column])
            }
        };
        (0..depth).map(|d| f64::from(left.values[row * depth + d]) * at(d)).sum::<f64>() as f32
    });
    let result = Tensor { values: values.collect(), ..result };
    let mut order = vec![0; result.shape.len()];
    multiply.result.iter().enumerate().for_each(|(axis, &place)| order[place] = axis);
    result.permuted(&order)
}
