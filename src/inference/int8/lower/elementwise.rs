//! Formulas: built, collapsed to tables where they depend on one quantised tensor, computed where they must exist.

use crate::inference::int8::graph::{Binary, Op, Unary, ValueId};
use crate::inference::int8::lower::{Formula, Lowering};
use crate::inference::int8::program::{Sink, SinkKind, Source, SourceKind, Term, Work};
use crate::inference::int8::view::{Loops, View};

/// A function of a formula.
pub(super) fn unary(function: Unary, operand: Formula) -> Formula {
    match operand {
        Formula::Number(x) => Formula::Number(function.at(x)),
        operand => match as_table(&operand) {
            Some((view, table)) => tabled(view, table.map(|x| function.at(x))),
            None => Formula::Unary(function, Box::new(operand)),
        },
    }
}

/// A function of two formulas.
pub(super) fn binary(function: Binary, left: Formula, right: Formula) -> Formula {
    match (&left, &right) {
        (Formula::Number(a), Formula::Number(b)) => return Formula::Number(function.at(*a, *b)),
        (operand, Formula::Number(b)) => {
            if let Some((view, table)) = as_table(operand) {
                return tabled(view, table.map(|a| function.at(a, *b)));
            }
        }
        (Formula::Number(a), operand) => {
            if let Some((view, table)) = as_table(operand) {
                return tabled(view, table.map(|b| function.at(*a, b)));
            }
        }
        (left, right) => {
            if let (Some((view, a)), Some((other, b))) = (as_table(left), as_table(right))
                && view == other
            {
                return tabled(view, std::array::from_fn(|value| function.at(a[value], b[value])));
            }
        }
    }
    Formula::Binary(function, Box::new(left), Box::new(right))
}

/// A formula in the shape of its node: a number of several axes may have made a tensor larger.
pub(super) fn stretched(formula: Formula, shape: &[usize]) -> Formula {
    match formula {
        Formula::Tensor(Source { view, kind }) => Formula::Tensor(Source { view: view.broadcast(shape), kind }),
        formula => formula,
    }
}

fn as_table(formula: &Formula) -> Option<(View, [f32; 256])> {
    match formula {
        Formula::Tensor(Source { view, kind: SourceKind::Quantised(steps) }) => Some((view.clone(), steps.table())),
        Formula::Tensor(Source { view, kind: SourceKind::Table(table) }) => Some((view.clone(), **table)),
        _ => None,
    }
}

fn tabled(view: View, table: [f32; 256]) -> Formula {
    Formula::Tensor(Source { view, kind: SourceKind::Table(Box::new(table)) })
}

impl Lowering<'_> {
    /// Computes a formula into a sink.
    pub(super) fn compute(&mut self, formula: &Formula, to: Sink) {
        let (mut sources, mut terms) = (Vec::new(), Vec::new());
        write_out(formula, &to.view.shape, &mut sources, &mut terms);
        self.emit(Work::Compute { sources, formula: terms, to, loops: Loops::default() }, 0);
    }

    /// A formula, computed if it has grown so long that repeating it in every formula that it is part of, or going
    /// down into it, would have no end.
    pub(super) fn shortened(&mut self, formula: Formula, shape: &[usize]) -> Formula {
        const LONGEST: usize = 32;
        if terms(&formula) <= LONGEST {
            return formula;
        }
        let view = self.real(&formula, shape, false);
        Formula::Tensor(Source { view, kind: SourceKind::Real })
    }

    /// A formula as a whole tensor of real numbers (`rows`: nested in the order of the axes).
    pub(super) fn real(&mut self, formula: &Formula, shape: &[usize], rows: bool) -> View {
        if let Formula::Tensor(Source { view, kind: SourceKind::Real }) = formula {
            let in_slot = self.buffers[view.buffer].fixed.is_none() && self.whole(view);
            if in_slot && (!rows || view.is_nested_in_order()) {
                return view.clone();
            }
        }
        let order = if rows { (0..shape.len()).collect() } else { nesting(formula, shape) };
        let view = self.tensor(true, shape, &order);
        self.compute(formula, Sink { view: view.clone(), kind: SinkKind::Real });
        view
    }

    /// How the axes of a quantised value are nested: channels innermost where a convolution reads it, else as in the
    /// largest tensor that it is made of.
    pub(super) fn order_for(&self, value: ValueId, formula: &Formula, shape: &[usize]) -> Vec<usize> {
        let reads_image = |&place: &usize| {
            matches!(self.graph.nodes[place].op, Op::Convolve(_) | Op::MaxPool(_) | Op::MeanPool(..) | Op::Pick(_))
        };
        let dequantised = self.consumers[value].iter().flat_map(|&place| {
            let node = &self.graph.nodes[place];
            if matches!(node.op, Op::Dequantise(_)) { self.consumers[node.output].as_slice() } else { &[] }
        });
        if shape.len() == 4 && dequantised.into_iter().any(reads_image) {
            return vec![0, 2, 3, 1];
        }
        nesting(formula, shape)
    }
}

fn terms(formula: &Formula) -> usize {
    match formula {
        Formula::Tensor(_) | Formula::Number(_) => 1,
        Formula::Unary(_, operand) => 1 + terms(operand),
        Formula::Binary(_, left, right) => 1 + terms(left) + terms(right),
    }
}

/// The nesting of the largest tensor in a formula.
fn nesting(formula: &Formula, shape: &[usize]) -> Vec<usize> {
    fn tensors<'f>(formula: &'f Formula, found: &mut Vec<&'f View>) {
        match formula {
            Formula::Tensor(source) => found.push(&source.view),
            Formula::Number(_) => {}
            Formula::Unary(_, operand) => tensors(operand, found),
            Formula::Binary(_, left, right) => {
                tensors(left, found);
                tensors(right, found);
            }
        }
    }
    let mut found = Vec::new();
    tensors(formula, &mut found);
    let largest = found.into_iter().filter(|view| view.shape == shape && !view.repeats()).max_by_key(|view| view.len());
    largest.map_or_else(|| (0..shape.len()).collect(), View::order)
}

fn write_out(formula: &Formula, shape: &[usize], sources: &mut Vec<Source>, terms: &mut Vec<Term>) {
    match formula {
        Formula::Tensor(source) => {
            let source = Source { view: source.view.broadcast(shape), kind: source.kind.clone() };
            let known = sources.iter().position(|other| *other == source);
            terms.push(Term::Load(known.unwrap_or(sources.len())));
            if known.is_none() {
                sources.push(source);
            }
        }
        Formula::Number(number) => terms.push(Term::Number(*number)),
        Formula::Unary(function, operand) => {
            write_out(operand, shape, sources, terms);
            terms.push(Term::Unary(*function));
        }
        Formula::Binary(function, left, right) => match (&**left, &**right) {
            (operand, Formula::Number(number)) => {
                write_out(operand, shape, sources, terms);
                terms.push(Term::WithNumber(*function, *number, false));
            }
            (Formula::Number(number), operand) => {
                write_out(operand, shape, sources, terms);
                terms.push(Term::WithNumber(*function, *number, true));
            }
            (left, right) => {
                write_out(left, shape, sources, terms);
                write_out(right, shape, sources, terms);
                terms.push(Term::Binary(*function));
            }
        },
    }
}
