//! Transposing, slicing, reshaping, concatenating: mostly another view, sometimes a copy.

use crate::inference::int8::functions::is_identity;
use crate::inference::int8::graph::ValueId;
use crate::inference::int8::lower::finish::Absorbs;
use crate::inference::int8::lower::{Formula, Held, Lowering, Result2};
use crate::inference::int8::program::{Sink, SinkKind, Source, SourceKind, Work};
use crate::inference::int8::view::{Loops, View};

impl Lowering<'_> {
    /// A value seen otherwise; copied into the order of its axes first where that cannot be.
    pub(super) fn moved(&mut self, from: ValueId, to: ValueId, seen: impl Fn(&View) -> Option<View>) -> Result2<()> {
        let see = |lowering: &mut Self, source: Source| -> Result2<Source> {
            let view = match seen(&source.view) {
                Some(view) => view,
                None => seen(&lowering.copied(&source)).ok_or("its shape does not fit")?,
            };
            Ok(Source { view, kind: source.kind })
        };
        let held = match self.held(from)? {
            Held::Bytes(view, table) => {
                let source = Source { view, kind: SourceKind::Real };
                // only the view matters here; bytes stay bytes
                let view = match seen(&source.view) {
                    Some(view) => view,
                    None => seen(&self.copied_bytes(&source.view)).ok_or("its shape does not fit")?,
                };
                Held::Bytes(view, table)
            }
            Held::Real(Formula::Number(number)) => Held::Real(Formula::Number(number)),
            Held::Real(Formula::Tensor(source)) => Held::Real(Formula::Tensor(see(self, source)?)),
            Held::Real(formula) => {
                let view = self.real(&formula, &self.graph.values[from].shape.clone(), false);
                let source = Source { view, kind: SourceKind::Real };
                Held::Real(Formula::Tensor(see(self, source)?))
            }
        };
        self.held[to] = Some(held);
        Ok(())
    }

    fn copied(&mut self, source: &Source) -> View {
        match source.kind {
            SourceKind::Real => {
                let order: Vec<usize> = (0..source.view.shape.len()).collect();
                let view = self.tensor(true, &source.view.shape, &order);
                self.compute(&Formula::Tensor(source.clone()), Sink { view: view.clone(), kind: SinkKind::Real });
                view
            }
            SourceKind::Quantised(_) | SourceKind::Table(_) => self.copied_bytes(&source.view),
        }
    }

    pub(super) fn copied_bytes(&mut self, from: &View) -> View {
        let order: Vec<usize> = (0..from.shape.len()).collect();
        self.copied_in_order(from, &order)
    }

    fn copied_in_order(&mut self, from: &View, order: &[usize]) -> View {
        let to = self.tensor(false, &from.shape, order);
        self.emit(Work::Map { from: from.clone(), to: to.clone(), table: None, loops: Loops::default() }, 0);
        to
    }

    /// An image whose channels lie together.
    pub(super) fn channels_last(&mut self, view: View) -> View {
        if view.strides[1] == 1 || view.shape[1] == 1 { view } else { self.copied_in_order(&view, &[0, 2, 3, 1]) }
    }

    pub(super) fn concat(&mut self, axis: usize, parts: &[ValueId], output: ValueId) -> Result2<()> {
        let finish = self.finish(output, Absorbs::default());
        let shape = self.graph.values[output].shape.clone();
        let formulas = parts.iter().map(|&part| self.held_real(part)).collect::<Result2<Vec<_>>>()?;
        let extent = |part: &ValueId| self.graph.values[*part].shape[axis];
        let extents: Vec<usize> = parts.iter().map(extent).collect();
        let widest = formulas.iter().filter_map(|formula| match formula {
            Formula::Tensor(source) => Some(&source.view),
            _ => None,
        });
        let order = widest
            .max_by_key(|view| view.len())
            .map_or_else(|| (0..shape.len()).collect(), |view| innermost(view, axis));
        let whole = self.tensor(finish.is_real(), &shape, &order);
        let mut start = 0;
        for (formula, extent) in formulas.iter().zip(extents) {
            let part = whole.sliced(axis, start, extent);
            start += extent;
            let table = match (formula, finish.steps()) {
                (Formula::Tensor(Source { kind: SourceKind::Quantised(from), .. }), Some(steps)) => {
                    Some(steps.quantised(&from.table()))
                }
                (Formula::Tensor(Source { kind: SourceKind::Table(table), .. }), Some(steps)) => {
                    Some(steps.quantised(table))
                }
                _ => None,
            };
            let sink = finish.sink(part);
            match (formula, table, &sink.kind) {
                (Formula::Tensor(source), Some(table), SinkKind::Quantised(_, after)) => {
                    let table = table.map(|value| after.as_ref().map_or(value, |after| after[usize::from(value)]));
                    let table = (!is_identity(&table)).then(|| Box::new(table));
                    let from = source.view.clone();
                    self.emit(Work::Map { from, to: sink.view, table, loops: Loops::default() }, 0);
                }
                (formula, ..) => self.compute(formula, sink),
            }
        }
        self.set_stored(finish.value, &finish.sink(whole));
        Ok(())
    }
}

/// The nesting of a view; an axis of extent 1 that others are joined along lies where it was, or outermost.
fn innermost(view: &View, axis: usize) -> Vec<usize> {
    let mut order = view.order();
    if view.shape[axis] == 1 && view.strides[axis] == 1 && view.shape.len() == 4 && axis == 1 {
        order = vec![0, 2, 3, 1];
    }
    order
}
