//! What a node of tract's typed model means to the engine, if anything.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::axes::Axis;
use tract_onnx::tract_core::internal::DimLike;
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Slice, StridedSlice, Tile, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::nn::{self, DataFormat, Reducer, SoftmaxKind};
use tract_onnx::tract_core::ops::quant::{DequantizeLinearF32, QuantizeLinearI8, QuantizeLinearU8};

use crate::inference::int8::graph::{Axes, Binary, Convolve, Multiply, Op, Reduce, Steps, Unary, Window};
use crate::inference::int8::weights;

/// Outputs that are known beforehand.
pub type Constants = HashMap<OutletId, Arc<Tensor>>;

/// A node that the engine knows: what it does, and which of its inputs are operands.
pub type Recognised = (Op, Vec<OutletId>);

/// Looks at one node; `None` is left to tract.
pub fn recognise(model: &TypedModel, node: &TypedNode, constants: &Constants) -> Option<Recognised> {
    let [outlet] = node.outputs.as_slice() else { return None };
    let shape = outlet.fact.shape.as_concrete()?;
    let empty = |input: &OutletId| {
        model.outlet_fact(*input).is_ok_and(|fact| fact.shape.as_concrete().is_none_or(|shape| shape.contains(&0)))
    };
    if shape.contains(&0) || node.inputs.is_empty() || node.inputs.iter().any(empty) {
        return None;
    }
    let look = Look { model, node, constants, shape };
    let operands = |count: usize| node.inputs[..count].to_vec();
    let op = node.op.as_op();
    if let Some(op) = op.downcast_ref::<DequantizeLinearF32>() {
        let kind = look.kind(0)?;
        let zero = if kind == i8::datum_type() { op.zero_point.checked_add(128)? } else { op.zero_point };
        let bytes = kind == u8::datum_type() || kind == i8::datum_type();
        let steps = steps(op.scale, u8::try_from(zero).ok()?)?;
        return bytes.then(|| (Op::Dequantise(steps), operands(1)));
    }
    if let Some(ElementWiseOp(op, _)) = op.downcast_ref::<ElementWiseOp>() {
        let quantise =
            |scale: f32, zero: u8| Some((Op::Quantise(steps(look.exact_step(scale.recip()), zero)?), operands(1)));
        if let Some(op) = op.downcast_ref::<QuantizeLinearU8>() {
            return quantise(op.scale, op.zero_point);
        }
        if let Some(op) = op.downcast_ref::<QuantizeLinearI8>() {
            return quantise(op.scale, op.zero_point.wrapping_add(-128).cast_unsigned());
        }
        return look.is_real().then(|| Some((Op::Unary(unary(&op.name())?), operands(1))))?;
    }
    if let Some(TypedBinOp(op, _)) = op.downcast_ref::<TypedBinOp>() {
        return look.is_real().then(|| Some((Op::Binary(binary(op.name())?), operands(2))))?;
    }
    if let Some(op) = op.downcast_ref::<AxisOp>() {
        return Some((look.axis_op(op), operands(1)));
    }
    if op.is::<Cast>() {
        // from real to real, as tract writes around layer norm
        return look.is_real().then(|| (Op::Reshape, operands(1)));
    }
    if let Some(op) = op.downcast_ref::<Slice>() {
        return Some((Op::Slice { axis: op.axis, start: op.start.to_usize().ok()? }, operands(1)));
    }
    if op.is::<StridedSlice>() {
        return Some((look.cut()?, operands(1)));
    }
    if op.is::<Tile>() || op.is::<MultiBroadcastTo>() {
        let before = look.input_shape(0)?;
        let stretches = before.iter().zip(shape).all(|(&before, &after)| before == after || before == 1);
        return (before.len() == shape.len() && stretches).then(|| (Op::Broadcast, operands(1)));
    }
    if !look.is_real() {
        return None;
    }
    if let Some(op) = op.downcast_ref::<TypedConcat>() {
        return Some((Op::Concat(op.axis), node.inputs.to_vec()));
    }
    if let Some(op) = op.downcast_ref::<Conv>() {
        return Some((look.conv(op)?, operands(1)));
    }
    if let Some(op) = op.downcast_ref::<EinSum>() {
        return look.einsum(op);
    }
    if let Some(op) = op.downcast_ref::<MaxPool>() {
        let window = look.window(&op.pool_spec)?;
        let fits = op.with_index_outputs.is_none() && look.is_quantised(0) && look.sees_pixels(&window)?;
        return fits.then(|| (Op::MaxPool(window), operands(1)));
    }
    if let Some(op) = op.downcast_ref::<SumPool>() {
        let window = look.window(&op.pool_spec)?;
        // what rounding up adds behind the padding does not count, and the padding does
        let rounded_up = matches!(op.pool_spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true));
        let counts = !(op.count_include_pad && rounded_up);
        let fits = op.normalize && counts && look.sees_pixels(&window)?;
        return fits.then(|| (Op::MeanPool(window, op.count_include_pad), operands(1)));
    }
    if let Some(op) = op.downcast_ref::<nn::Reduce>() {
        let reduce = match op.reducer {
            Reducer::Sum => Reduce::Sum,
            Reducer::Max => Reduce::Maximum,
            _ => return None,
        };
        return Some((Op::Reduce(reduce, op.axes.to_vec()), operands(1)));
    }
    if let Some(op) = op.downcast_ref::<nn::Softmax>() {
        let plain = matches!(op.kind, SoftmaxKind::Softmax) && op.quant_output_dt.is_none();
        return (plain && op.axes.len() == 1).then(|| (Op::Softmax(op.axes[0]), operands(1)));
    }
    if node.op.name() == "Resize" && look.is_quantised(0) {
        return Some((look.pick()?, operands(1)));
    }
    None
}

/// Steps that quantise: those of a broken file are left to tract.
fn steps(scale: f32, zero: u8) -> Option<Steps> {
    (scale.is_normal() && scale > 0.0).then_some(Steps { scale, zero })
}

struct Look<'m> {
    model: &'m TypedModel,
    node: &'m TypedNode,
    constants: &'m Constants,
    shape: &'m [usize],
}

impl Look<'_> {
    fn fact(&self, input: usize) -> Option<&TypedFact> {
        self.model.outlet_fact(*self.node.inputs.get(input)?).ok()
    }

    fn kind(&self, input: usize) -> Option<DatumType> {
        Some(self.fact(input)?.datum_type)
    }

    fn input_shape(&self, input: usize) -> Option<&[usize]> {
        self.fact(input)?.shape.as_concrete()
    }

    fn is_real(&self) -> bool {
        let real = |fact: &TypedFact| fact.datum_type == f32::datum_type();
        real(&self.node.outputs[0].fact) && self.fact(0).is_some_and(real)
    }

    fn constant(&self, input: usize) -> Option<&Arc<Tensor>> {
        self.constants.get(self.node.inputs.get(input)?)
    }

    fn numbers(&self, input: usize) -> Option<Vec<f32>> {
        numbers(self.constant(input)?)
    }

    /// Whether an operand is a dequantised tensor, perhaps transposed or cut.
    fn is_quantised(&self, input: usize) -> bool {
        let mut outlet = self.node.inputs[input];
        loop {
            let node = &self.model.nodes[outlet.node];
            let op = node.op.as_op();
            if op.is::<DequantizeLinearF32>() {
                return true;
            }
            let cuts = op.is::<Slice>() || op.is::<StridedSlice>();
            let moves = op.is::<AxisOp>() || cuts || op.is::<Tile>();
            match node.inputs.first() {
                Some(&before) if moves || op.is::<MultiBroadcastTo>() => outlet = before,
                _ => return false,
            }
        }
    }

    /// tract keeps the reciprocal of a quantiser's step; the dequantiser behind it has the step itself.
    fn exact_step(&self, step: f32) -> f32 {
        let behind = self.node.outputs[0].successors.iter().filter_map(|inlet| {
            self.model.nodes[inlet.node].op.as_op().downcast_ref::<DequantizeLinearF32>().map(|op| op.scale)
        });
        behind.into_iter().find(|exact| (exact - step).abs() < step * 1e-6).unwrap_or(step)
    }

    fn axis_op(&self, op: &AxisOp) -> Op {
        let AxisOp::Move(from, to) = *op else { return Op::Reshape };
        let mut order: Vec<usize> = (0..self.shape.len()).collect();
        let axis = order.remove(from);
        order.insert(to, axis);
        Op::Permute(order)
    }

    /// What the node makes of the numbers 0, 1, 2, ...: which value stands where.
    fn indices(&self, shape: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
        let len: usize = shape.iter().product();
        // single precision counts exactly to 2^24
        if len >= 1 << 24 {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "below 2^24")]
        let numbers: Vec<f32> = (0..len).map(|number| number as f32).collect();
        let mut inputs: TVec<TValue> = tvec!(Tensor::from_shape(shape, &numbers).ok()?.into());
        for input in 1..self.node.inputs.len() {
            inputs.push(self.constant(input)?.clone().into_tvalue());
        }
        let outputs = self.node.op.eval_out_of_plan(inputs).ok()??;
        let output = outputs.first()?;
        let found = output.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec();
        let whole = found.iter().all(|x| x.fract() == 0.0 && *x >= 0.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and not negative")]
        let found: Vec<usize> = found.into_iter().map(|x| x as usize).collect();
        (whole && found.iter().all(|&index| index < len)).then(|| (found, output.shape().to_vec()))
    }

    /// ONNX's Slice, as tract writes it before it simplifies: positions of one axis, one behind the other.
    fn cut(&self) -> Option<Op> {
        let before = self.input_shape(0)?;
        let (found, shape) = self.indices(before)?;
        if shape.len() != before.len() || shape != self.shape {
            return None;
        }
        let mut cut = (0..before.len()).filter(|&axis| before[axis] != shape[axis]);
        let (axis, None) = (cut.next().unwrap_or(0), cut.next()) else { return None };
        let inner: usize = before.get(axis + 1..)?.iter().product();
        let (extent, kept) = (*before.get(axis)?, *shape.get(axis)?);
        let start = found.first()? / inner % extent;
        // whatever else it may do with steps and signs would show in the order
        let at = |place: usize| (place / inner / kept * extent + start + place / inner % kept) * inner + place % inner;
        found.iter().enumerate().all(|(place, &index)| index == at(place)).then_some(Op::Slice { axis, start })
    }

    /// Resizing to the nearest pixel.
    fn pick(&self) -> Option<Op> {
        let before = self.input_shape(0)?;
        let [1, _, height, width] = *before else { return None };
        let (found, shape) = self.indices(&[1, 1, height, width])?;
        let same = shape.get(2..) == self.shape.get(2..) && self.shape.get(..2) == Some(&before[..2]);
        // the kind is in another crate of tract's; a mean of neighbours could be a whole number by accident
        let nearest = format!("{:?}", self.node.op).contains("interpolator: Nearest");
        // where sizes are given, the one channel became as many as the node's
        let plane = self.shape.get(2..)?.iter().product();
        let pixels = found.into_iter().take(plane).map(|pixel| u32::try_from(pixel).unwrap_or(0)).collect();
        (same && nearest).then(|| Op::Pick(Arc::new(pixels)))
    }

    fn window(&self, spec: &PoolSpec) -> Option<Window> {
        let [1, _, height, width] = *self.input_shape(0)? else { return None };
        let pair = |values: &[usize]| <[usize; 2]>::try_from(values).ok();
        let padding = spec.computed_padding(&[height, width]);
        let pad: Vec<usize> = padding.iter().map(|dim| dim.pad_before).collect();
        let window = Window {
            kernel: pair(&spec.kernel_shape)?,
            stride: pair(&spec.strides())?,
            pad: pair(&pad)?,
            dilation: pair(&spec.dilations())?,
        };
        (spec.data_format == DataFormat::NCHW && self.shape.len() == 4).then_some(window)
    }

    /// Whether every position of a window sees at least one pixel: what pooling none gives is not the engine's to say.
    fn sees_pixels(&self, window: &Window) -> Option<bool> {
        let (before, after) = (self.input_shape(0)?.get(2..)?, self.shape.get(2..)?);
        let sees = |axis: usize| {
            (0..after[axis]).all(|at| {
                (0..window.kernel[axis]).any(|tap| {
                    let at = at * window.stride[axis] + tap * window.dilation[axis];
                    at.checked_sub(window.pad[axis]).is_some_and(|at| at < before[axis])
                })
            })
        };
        Some(sees(0) && sees(1))
    }

    fn conv(&self, op: &Conv) -> Option<Op> {
        let window = self.window(&op.pool_spec)?;
        let kernel = self.constant(1)?;
        let [cout, cin, height, width] = *kernel.shape() else { return None };
        if op.kernel_fmt != KernelFormat::OIHW || op.q_params.is_some() || !self.is_quantised(0) {
            return None;
        }
        let taps = height * width;
        let found = weights::find(&self.numbers(1)?, cin * taps)?;
        let mut reordered = found.clone();
        for channel in 0..cout {
            for c in 0..cin {
                for tap in 0..taps {
                    reordered.values[(channel * taps + tap) * cin + c] = found.values[(channel * cin + c) * taps + tap];
                }
            }
        }
        let bias = match self.numbers(2)?.as_slice() {
            [bias] => vec![*bias; cout],
            biases => biases.to_vec(),
        };
        let weights = Arc::new(reordered);
        (bias.len() == cout).then_some(Op::Convolve(Convolve { weights, bias, groups: op.group, window }))
    }

    fn einsum(&self, op: &EinSum) -> Option<Recognised> {
        if self.node.inputs.len() != 2 || op.q_params.is_some() {
            return None;
        }
        let constant = [self.constant(0).is_some(), self.constant(1).is_some()];
        // the known factor is the right one
        let (left, right) = if constant[0] { (1, 0) } else { (0, 1) };
        let extent = |input: usize, axis: &Axis| {
            axis.inputs[input].first().and_then(|&at| self.input_shape(input)?.get(at).copied())
        };
        let (mut batch, mut rows, mut depth, mut columns) = (vec![], vec![], vec![], vec![]);
        for axis in op.axes.iter_all_axes() {
            if axis.inputs.iter().chain(&axis.outputs).any(|places| places.len() > 1) {
                return None;
            }
            let stretched = constant[right] && extent(right, axis) == Some(1);
            match (extent(left, axis), extent(right, axis), axis.outputs[0].first()) {
                (Some(_), Some(_), Some(_)) if stretched => rows.push(axis),
                (Some(a), Some(b), Some(_)) if a == b => batch.push(axis),
                (Some(_), None, Some(_)) => rows.push(axis),
                (None, Some(_), Some(_)) => columns.push(axis),
                (Some(a), Some(b), None) if a == b => depth.push(axis),
                _ => return None,
            }
        }
        let place = |axis: &&Axis| axis.outputs[0].first().copied();
        for group in [&mut batch, &mut rows, &mut columns] {
            group.sort_by_key(place);
        }
        let at = |input: usize| move |axis: &&Axis| axis.inputs[input].first().copied();
        let order = |input: usize, groups: [&[&Axis]; 3]| -> Option<Axes> {
            let order: Option<Vec<usize>> = groups.iter().copied().flatten().map(|axis| at(input)(axis)).collect();
            Some(Axes { order: order?, groups: [groups[0].len(), groups[1].len()] })
        };
        let left_axes = order(left, [&batch, &rows, &depth])?;
        let result: Option<Vec<usize>> = batch.iter().chain(&rows).chain(&columns).map(place).collect();
        let (weights, right_axes) = if constant[right] {
            if !batch.is_empty() {
                return None;
            }
            let stretched: Vec<&Axis> = rows.iter().copied().filter(|axis| extent(right, axis).is_some()).collect();
            let axes = order(right, [&stretched, &columns, &depth])?;
            let tensor = self.constant(right)?.as_ref().clone().permute_axes(&axes.order).ok()?;
            let per_column: usize = depth.iter().filter_map(|axis| extent(right, axis)).product();
            (Some(Arc::new(weights::find(&numbers(&Arc::new(tensor))?, per_column)?)), axes)
        } else {
            (None, order(right, [&batch, &depth, &columns])?)
        };
        let known = weights.is_some();
        if !self.is_quantised(left) || !(known || self.is_quantised(right)) {
            return None;
        }
        let multiply = Multiply { weights, left: left_axes, right: right_axes, result: result? };
        let mut operands = vec![self.node.inputs[left]];
        operands.extend((!known).then(|| self.node.inputs[right]));
        Some((Op::Multiply(multiply), operands))
    }
}

/// The numbers of a tensor.
pub fn numbers(tensor: &Arc<Tensor>) -> Option<Vec<f32>> {
    let tensor = tensor.cast_to::<f32>().ok()?;
    Some(tensor.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec())
}

fn unary(name: &str) -> Option<Unary> {
    Some(match name {
        "Sigmoid" => Unary::Sigmoid,
        "Tanh" => Unary::Tanh,
        "Erf" => Unary::Erf,
        "Exp" => Unary::Exp,
        "Sqrt" => Unary::Sqrt,
        "Rsqrt" => Unary::Rsqrt,
        "Recip" => Unary::Recip,
        "Neg" => Unary::Negate,
        "Abs" => Unary::Abs,
        "Square" => Unary::Square,
        "Silu" => Unary::Silu,
        "HardSwish" => Unary::HardSwish,
        "GeluExact" => Unary::Gelu,
        _ => return None,
    })
}

fn binary(name: &str) -> Option<Binary> {
    Some(match name {
        "Add" => Binary::Add,
        "Sub" => Binary::Subtract,
        "Mul" => Binary::Multiply,
        "Div" => Binary::Divide,
        "Max" => Binary::Maximum,
        "Min" => Binary::Minimum,
        _ => return None,
    })
}
