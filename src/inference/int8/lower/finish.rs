//! What follows a step at once and can be done while it stores: a bias, a factor, a clamp, quantisation.

use crate::inference::int8::functions::ByteTable;
use crate::inference::int8::graph::{Binary, Op, Steps, ValueId};
use crate::inference::int8::lower::Lowering;
use crate::inference::int8::program::{Sink, SinkKind};
use crate::inference::int8::view::View;

/// What a step can take over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Absorbs {
    /// One number per position of the last axis, added; how many.
    pub bias: Option<usize>,
    /// One number per position of the last axis, multiplied, before the bias.
    pub gain: Option<usize>,
    /// One number, multiplied.
    pub factor: bool,
}

/// What a step takes over.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    /// The value that the step makes with all of it.
    pub value: ValueId,
    pub bias: Option<ValueId>,
    pub gain: Option<ValueId>,
    pub factor: f32,
    kind: SinkKind,
}

impl Finish {
    pub(super) fn is_real(&self) -> bool {
        self.kind == SinkKind::Real
    }

    pub(super) fn sink(&self, view: View) -> Sink {
        Sink { view, kind: self.kind.clone() }
    }

    pub(super) fn steps(&self) -> Option<Steps> {
        match self.kind {
            SinkKind::Quantised(steps, _) => Some(steps),
            SinkKind::Real => None,
        }
    }
}

impl Lowering<'_> {
    /// Follows a value to where it is quantised, and marks the nodes on the way as done. Where it is not, the value
    /// stays real and only a bias, a gain and a factor are taken over.
    pub(super) fn finish(&mut self, value: ValueId, mut absorbs: Absorbs) -> Finish {
        let mut finish = Finish { value, bias: None, gain: None, factor: 1.0, kind: SinkKind::Real };
        let mut clamps: Vec<(Binary, f32)> = Vec::new();
        let mut passed: Vec<usize> = Vec::new();
        // clamps that end in no quantisation are left to be computed
        let mut taken = 0;
        let mut at = value;
        while let ([place], false) = (self.consumers[at].as_slice(), self.graph.outputs.contains(&at)) {
            let node = &self.graph.nodes[*place];
            let other = node.inputs.iter().copied().find(|&operand| operand != at);
            let number = other.and_then(|other| self.graph.scalar(other));
            if self.graph.values[node.output].shape != self.graph.values[at].shape {
                break;
            }
            let on_the_left = node.inputs.first() == Some(&at);
            match (&node.op, number) {
                (Op::Quantise(steps), _) => {
                    let table = (!clamps.is_empty()).then(|| Box::new(clamped(*steps, &clamps)));
                    finish.kind = SinkKind::Quantised(*steps, table);
                    finish.value = node.output;
                    passed.push(*place);
                    taken = passed.len();
                    break;
                }
                (Op::Binary(function @ (Binary::Maximum | Binary::Minimum)), Some(number)) => {
                    clamps.push((*function, number));
                    absorbs = Absorbs::default();
                }
                (Op::Binary(Binary::Multiply), Some(number)) if absorbs.factor => finish.factor *= number,
                (Op::Binary(Binary::Divide), Some(number)) if absorbs.factor && on_the_left => finish.factor /= number,
                (Op::Binary(Binary::Multiply), _) if self.per_column(other, absorbs.gain, node.output) => {
                    finish.gain = other;
                    absorbs.gain = None;
                }
                (Op::Binary(Binary::Add), _) if self.per_column(other, absorbs.bias, node.output) => {
                    finish.bias = other;
                    absorbs = Absorbs::default();
                }
                _ => break,
            }
            passed.push(*place);
            at = node.output;
            if clamps.is_empty() {
                finish.value = at;
                taken = passed.len();
            }
        }
        for place in &passed[..taken] {
            self.done[*place] = true;
        }
        finish
    }

    fn per_column(&self, operand: Option<ValueId>, wanted: Option<usize>, result: ValueId) -> bool {
        let (Some(operand), Some(columns)) = (operand, wanted) else { return false };
        let value = &self.graph.values[operand];
        let last_only = value.shape.iter().rev().skip(1).all(|&extent| extent == 1);
        let known = value.constant.as_ref().is_some_and(|constant| constant.len() == columns || constant.len() == 1);
        known && last_only && self.graph.values[result].shape.last() == Some(&columns)
    }

    /// A constant per column.
    pub(super) fn columns(&self, operand: ValueId, columns: usize) -> Vec<f32> {
        match self.graph.values[operand].constant.as_deref().map(Vec::as_slice) {
            Some([number]) => vec![*number; columns],
            Some(numbers) => numbers.to_vec(),
            None => vec![0.0; columns],
        }
    }
}

fn clamped(steps: Steps, clamps: &[(Binary, f32)]) -> ByteTable {
    steps.table().map(|x| steps.quantise(clamps.iter().fold(x, |x, (function, bound)| function.at(x, *bound))))
}
