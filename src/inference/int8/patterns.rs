//! Several nodes that are one operation: layer norm spelled out.

use crate::inference::int8::graph::{Binary, Graph, Op, Reduce, Unary, ValueId};

/// Puts one node in the place of several, and drops nodes that nobody needs any more.
pub fn simplify(graph: &mut Graph) {
    drop_idle(graph);
    for place in 0..graph.nodes.len() {
        if let Some((input, epsilon)) = layer_norm(graph, place) {
            graph.nodes[place].op = Op::Normalise { epsilon };
            graph.nodes[place].inputs = vec![input];
        }
    }
    drop_unused(graph);
}

/// Reshaping to the same shape, as casts between equal types are.
fn drop_idle(graph: &mut Graph) {
    let mut instead: Vec<ValueId> = (0..graph.values.len()).collect();
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(|input| *input = instead[*input]);
        let (input, output) = (node.inputs[0], node.output);
        let same = matches!(node.op, Op::Reshape) && graph.values[input].shape == graph.values[output].shape;
        if same && !graph.outputs.contains(&output) {
            instead[output] = input;
        }
    }
}

fn drop_unused(graph: &mut Graph) {
    let mut used = vec![false; graph.values.len()];
    for &output in &graph.outputs {
        used[output] = true;
    }
    for node in graph.nodes.iter().rev() {
        if used[node.output] {
            node.inputs.iter().for_each(|&input| used[input] = true);
        }
    }
    graph.nodes.retain(|node| used[node.output]);
}

/// The node that makes a value.
struct Maker<'g>(&'g Graph);

impl Maker<'_> {
    fn of(&self, value: ValueId) -> Option<(&Op, &[ValueId])> {
        let node = self.0.nodes.iter().rev().find(|node| node.output == value)?;
        Some((&node.op, &node.inputs))
    }

    fn unary(&self, value: ValueId, wanted: Unary) -> Option<ValueId> {
        match self.of(value)? {
            (Op::Unary(function), [operand]) if *function == wanted => Some(*operand),
            _ => None,
        }
    }

    fn binary(&self, value: ValueId, wanted: Binary) -> Option<(ValueId, ValueId)> {
        match self.of(value)? {
            (Op::Binary(function), [left, right]) if *function == wanted => Some((*left, *right)),
            _ => None,
        }
    }

    /// The value whose mean over the last axis this is.
    fn mean(&self, value: ValueId) -> Option<ValueId> {
        let (sum, factor) = match (self.binary(value, Binary::Divide), self.binary(value, Binary::Multiply)) {
            (Some((sum, count)), _) => (sum, self.0.scalar(count)?.recip()),
            (_, Some((sum, factor))) => (sum, self.0.scalar(factor)?),
            _ => return None,
        };
        let (Op::Reduce(Reduce::Sum, axes), [of]) = self.of(sum)? else { return None };
        let shape = &self.0.values[*of].shape;
        let count = *shape.last()? as f32;
        let last = axes.as_slice() == [shape.len() - 1];
        (last && (factor * count - 1.0).abs() < 1e-5).then_some(*of)
    }

    fn square(&self, value: ValueId) -> Option<ValueId> {
        let product = self.binary(value, Binary::Multiply).filter(|(left, right)| left == right);
        self.unary(value, Unary::Square).or(product.map(|(left, _)| left))
    }
}

/// `d / sqrt(mean(d * d) + epsilon)` with `d = x - mean(x)`: returns `x` and epsilon.
fn layer_norm(graph: &Graph, place: usize) -> Option<(ValueId, f32)> {
    let maker = Maker(graph);
    let output = graph.nodes[place].output;
    let inverse = |value: ValueId| {
        maker.unary(value, Unary::Rsqrt).or_else(|| maker.unary(maker.unary(value, Unary::Recip)?, Unary::Sqrt))
    };
    let (difference, variance) = match (maker.binary(output, Binary::Multiply), maker.binary(output, Binary::Divide)) {
        (Some((left, right)), _) => {
            inverse(right).map(|variance| (left, variance)).or_else(|| Some((right, inverse(left)?)))?
        }
        (_, Some((left, right))) => (left, maker.unary(right, Unary::Sqrt)?),
        _ => return None,
    };
    let (left, right) = maker.binary(variance, Binary::Add)?;
    let (mean, epsilon) = match (graph.scalar(left), graph.scalar(right)) {
        (_, Some(epsilon)) => (left, epsilon),
        (Some(epsilon), _) => (right, epsilon),
        _ => return None,
    };
    let squared = maker.square(maker.mean(mean)?)?;
    let (x, centre) = maker.binary(difference, Binary::Subtract)?;
    (squared == difference && maker.mean(centre)? == x).then_some((x, epsilon))
}
