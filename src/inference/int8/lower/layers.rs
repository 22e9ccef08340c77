//! Convolutions, matrix products, softmax and layer norm: weights packed, results stored as what follows wants them.

use crate::inference::int8::graph::{Convolve, Multiply, Steps, ValueId, Weights};
use crate::inference::int8::kernels::{Kind, Shape, pack};
use crate::inference::int8::lower::finish::{Absorbs, Finish};
use crate::inference::int8::lower::{Lowering, Result2};
use crate::inference::int8::program::{Row, Source, Work};
use crate::inference::int8::view::{Loops, View};

impl Lowering<'_> {
    pub(super) fn convolve(&mut self, convolve: &Convolve, input: ValueId, output: ValueId) -> Result2<()> {
        let (from, steps) = self.quantised(input)?;
        let from = self.channels_last(from);
        let shape = self.graph.values[output].shape.clone();
        let finish = self.finish(output, Absorbs::default());
        let (cin, cout, taps) = (from.shape[1], shape[1], convolve.window.taps());
        let depthwise = convolve.groups == cin && cin == cout && cin > 1;
        let groups = if depthwise { 1 } else { convolve.groups };
        let kind = if depthwise { Kind::Depthwise } else { Kind::Dense };
        let group = Shape { kind, taps, cin: if depthwise { 1 } else { cin / groups }, cout: cout / groups };
        let mut layers = Vec::new();
        for number in 0..groups {
            let channels = number * group.cout..(number + 1) * group.cout;
            let per_channel = group.taps * group.cin;
            let weights = Weights {
                values: convolve.weights.values[channels.start * per_channel..channels.end * per_channel].to_vec(),
                scale: convolve.weights.scale[channels.clone()].to_vec(),
            };
            layers.push(self.layer(group, &weights, &convolve.bias[channels], steps, &finish));
        }
        let view = self.tensor(finish.is_real(), &shape, &[0, 2, 3, 1]);
        let to = finish.sink(view);
        self.set_stored(finish.value, &to);
        let macs = shape[2] * shape[3] * group.macs_per_row() * groups;
        let (window, zero) = (convolve.window, steps.zero);
        self.emit(Work::Convolve { from, to, layers, window, zero }, macs);
        Ok(())
    }

    /// Packs a layer for inputs of these steps and returns its number.
    fn layer(&mut self, shape: Shape, weights: &Weights, bias: &[f32], input: Steps, finish: &Finish) -> usize {
        let mut values = weights.values.clone();
        let per_channel = shape.taps * shape.cin;
        let channels = values.chunks_exact_mut(per_channel).zip(&weights.scale).zip(bias);
        let unit: Vec<f32> =
            channels.map(|((values, scale), &bias)| fitting_unit(values, input.scale * scale, bias)).collect();
        #[allow(clippy::cast_possible_truncation, reason = "saturates, which is what is wanted")]
        let bias: Vec<i32> =
            bias.iter().zip(&unit).map(|(bias, unit)| (bias / unit).round_ties_even() as i32).collect();
        let output = finish.steps().map_or(1.0, |steps| steps.scale);
        let scale: Vec<f32> = unit.iter().map(|unit| unit / output).collect();
        self.layers.push(pack(self.isa, shape, &values, &bias, &scale, input.zero));
        self.layers.len() - 1
    }

    pub(super) fn multiply(
        &mut self,
        multiply: &Multiply,
        weights: &Weights,
        input: ValueId,
        output: ValueId,
    ) -> Result2<()> {
        let (from, steps) = self.quantised(input)?;
        let left = from.permuted(&multiply.left.order);
        let rows_shape = &left.shape[..multiply.left.groups.iter().sum()];
        let (rows, depth) = (rows_shape.iter().product::<usize>(), left.len() / rows_shape.iter().product::<usize>());
        let columns = weights.scale.len();
        let outer = rows_shape.to_vec();
        let left = self.as_matrix(&left, &[1, rows, depth]);
        let shape = self.graph.values[output].shape.clone();
        let columns_last = multiply.result.last() == Some(&(shape.len() - 1));
        let bias = (columns_last && shape.last() == Some(&columns)).then_some(columns);
        let finish = self.finish(output, Absorbs { bias, ..Default::default() });
        let added = finish.bias.map_or_else(|| vec![0.0; columns], |bias| self.columns(bias, columns));
        let shape = Shape { kind: Kind::Dense, taps: 1, cin: depth, cout: columns };
        let layer = self.layer(shape, weights, &added, steps, &finish);
        let view = self.tensor(finish.is_real(), &[1, rows, columns], &[0, 1, 2]);
        let to = finish.sink(view);
        let result = self.result_view(&to.view, &outer, &[columns], multiply)?;
        self.set_stored(finish.value, &finish.sink(result));
        self.emit(Work::Multiply { from: left, to, layer }, rows * depth * columns);
        Ok(())
    }

    pub(super) fn multiply_both(
        &mut self,
        multiply: &Multiply,
        left: ValueId,
        right: ValueId,
        output: ValueId,
    ) -> Result2<()> {
        let (left, left_steps) = self.quantised(left)?;
        let (right, right_steps) = self.quantised(right)?;
        let (left, right) = (left.permuted(&multiply.left.order), right.permuted(&multiply.right.order));
        let [batch_axes, row_axes] = multiply.left.groups;
        let batch = left.shape[..batch_axes].to_vec();
        let row_shape = left.shape[batch_axes..batch_axes + row_axes].to_vec();
        let column_shape = right.shape[batch_axes + multiply.right.groups[1]..].to_vec();
        let (rows, columns) = (row_shape.iter().product::<usize>(), column_shape.iter().product::<usize>());
        let depth = left.shape[batch_axes + row_axes..].iter().product::<usize>();
        let with_batch = |last: [usize; 2]| [batch.as_slice(), &last].concat();
        let left = self.as_matrix(&left, &with_batch([rows, depth]));
        let right = match right.reshaped(&with_batch([depth, columns])) {
            Some(view) => view,
            None => self.copied_bytes(&right).reshaped(&with_batch([depth, columns])).ok_or("its factors' shapes")?,
        };
        let finish = self.finish(output, Absorbs { factor: true, ..Default::default() });
        let shape = with_batch([rows, columns]);
        let order: Vec<usize> = (0..shape.len()).collect();
        let view = self.tensor(finish.is_real(), &shape, &order);
        let to = finish.sink(view);
        let outer = [batch.as_slice(), &row_shape].concat();
        let result = self.result_view(&to.view, &outer, &column_shape, multiply)?;
        self.set_stored(finish.value, &finish.sink(result));
        let scale =
            left_steps.scale * right_steps.scale / finish.steps().map_or(1.0, |steps| steps.scale) * finish.factor;
        let macs = batch.iter().product::<usize>() * rows * depth * columns;
        let (left_zero, right_zero) = (left_steps.zero, right_steps.zero);
        self.emit(Work::MultiplyBoth { left, left_zero, right, right_zero, to, scale }, macs);
        Ok(())
    }

    /// A factor whose depth lies together.
    fn as_matrix(&mut self, view: &View, shape: &[usize]) -> View {
        let fits = view.reshaped(shape).filter(|view| view.strides.last() == Some(&1) || view.shape.last() == Some(&1));
        match fits {
            Some(view) => view,
            None => {
                let copied = self.copied_bytes(view);
                View { shape: shape.to_vec(), ..View::contiguous(copied.buffer, shape) }
            }
        }
    }

    /// The result in the axes of the node.
    fn result_view(&self, view: &View, outer: &[usize], columns: &[usize], multiply: &Multiply) -> Result2<View> {
        let shape = [outer, columns].concat();
        let view = view.reshaped(&shape).ok_or("its result's shape")?;
        let mut order = vec![0; shape.len()];
        for (axis, &place) in multiply.result.iter().enumerate() {
            order[place] = axis;
        }
        Ok(view.permuted(&order))
    }

    pub(super) fn softmax(&mut self, axis: usize, input: ValueId, output: ValueId) -> Result2<()> {
        let from = self.source(input)?;
        let finish = self.finish(output, Absorbs::default());
        self.rows(axis, from, &finish, Row::Softmax);
        Ok(())
    }

    pub(super) fn normalise(&mut self, epsilon: f32, input: ValueId, output: ValueId) -> Result2<()> {
        let from = self.source(input)?;
        let axis = from.view.shape.len() - 1;
        let columns = from.view.shape[axis];
        let finish = self.finish(output, Absorbs { bias: Some(columns), gain: Some(columns), factor: false });
        let mut constant = |operand: Option<ValueId>| {
            operand.map(|operand| {
                let numbers = self.columns(operand, columns);
                self.constants.push(numbers);
                self.constants.len() - 1
            })
        };
        let (gain, shift) = (constant(finish.gain), constant(finish.bias));
        self.rows(axis, from, &finish, Row::Normalise { epsilon, gain, shift });
        Ok(())
    }

    fn rows(&mut self, axis: usize, from: Source, finish: &Finish, row: Row) {
        let shape = from.view.shape.clone();
        let stored = self.tensor(finish.is_real(), &shape, &from.view.order());
        self.set_stored(finish.value, &finish.sink(stored.clone()));
        let mut last: Vec<usize> = (0..shape.len()).filter(|&other| other != axis).collect();
        last.push(axis);
        let from = Source { view: from.view.permuted(&last), kind: from.kind };
        let to = finish.sink(stored.permuted(&last));
        self.emit(Work::Rows { from, to, row, loops: Loops::default() }, 0);
    }
}

/// What one step of a channel's sums is worth: the product of the steps of input and weights, but for channels whose
/// bias would be lost in whole steps or overflow them. Of those without weights any step will do; weights that are tiny
/// beside the bias are made coarser.
#[allow(clippy::cast_possible_truncation, reason = "not larger than it was")]
fn fitting_unit(weights: &mut [i8], unit: f32, bias: f32) -> f32 {
    const LARGEST: f32 = 1_073_741_824.0;
    let least = bias.abs() / LARGEST;
    if weights.iter().all(|&weight| weight == 0) {
        return if least.is_normal() { least } else { unit };
    }
    if least <= unit {
        return unit;
    }
    weights.iter_mut().for_each(|weight| *weight = (f32::from(*weight) * (unit / least)).round() as i8);
    least
}
