//! The last pass: copies are taken over by the steps that made what they copy, buffers get slots, loops are laid.

use crate::inference::int8::functions::ByteTable;
use crate::inference::int8::kernels::READ_AHEAD;
use crate::inference::int8::lower::{Buffer, Lowering};
use crate::inference::int8::program::{Place, Port, Program, SinkKind, Step, Work};
use crate::inference::int8::view::{Loops, View};

pub(super) fn place(lowering: Lowering<'_>, inputs: Vec<Port>, outputs: Vec<Port>) -> Program {
    let Lowering { isa, mut steps, buffers, constants, layers, .. } = lowering;
    let kept: Vec<usize> = outputs.iter().map(|port| port.buffer).collect();
    take_over_copies(&mut steps, &buffers, &kept);
    for step in &mut steps {
        lay_loops(&mut step.work);
    }
    let (places, byte_slots, real_slots) = assign_slots(&steps, &buffers, &inputs, &kept);
    Program { isa, steps, buffers: places, byte_slots, real_slots, constants, layers, inputs, outputs }
}

/// A step stores through the table and into the place of the copy that follows it, where nobody else reads what it
/// would have stored.
fn take_over_copies(steps: &mut Vec<Step>, buffers: &[Buffer], kept: &[usize]) {
    let mut at = 0;
    while at < steps.len() {
        let Some((maker, view)) = taker(steps, at, buffers, kept) else {
            at += 1;
            continue;
        };
        let Step { name, work, .. } = steps.remove(at);
        let maker = &mut steps[maker];
        maker.name = name;
        if let (Work::Map { table, .. }, Some(sink)) = (work, maker.work.sink_mut()) {
            sink.view = view;
            if let SinkKind::Quantised(_, first) = &mut sink.kind {
                *first = composed(first.take(), table);
            }
        }
    }
}

/// Which step can take over the copy at a place, and where it must write then.
fn taker(steps: &[Step], at: usize, buffers: &[Buffer], kept: &[usize]) -> Option<(usize, View)> {
    let Work::Map { from, to, .. } = &steps[at].work else { return None };
    let reads = |step: &Step| step.work.reads().contains(&from.buffer);
    let readers = steps.iter().filter(|step| reads(step)).count();
    if readers != 1 || kept.contains(&from.buffer) || !from.covers(buffers[from.buffer].len) {
        return None;
    }
    let mut makers = (0..at).filter(|&step| steps[step].work.writes().buffer == from.buffer);
    let maker = makers.next()?;
    let alone = makers.next().is_none();
    let work = &steps[maker].work;
    // nobody may write the new place in between, nor the maker read it
    let free = !work.reads().contains(&to.buffer);
    let sink = work.sink().filter(|sink| matches!(sink.kind, SinkKind::Quantised(..)))?;
    let view = rerouted(&sink.view, from, to)?;
    (alone && free && is_row_store(work, &view)).then_some((maker, view))
}

/// Where a step must write so that what was copied `from` a buffer `to` another place is there at once.
fn rerouted(made: &View, from: &View, to: &View) -> Option<View> {
    if made.shape == from.shape && made.strides == from.strides {
        return Some(to.clone());
    }
    let order = from.order();
    let in_memory = to.permuted(&order);
    let made_order = made.order();
    let made_shape: Vec<usize> = made_order.iter().map(|&axis| made.shape[axis]).collect();
    let view = in_memory.reshaped(&made_shape)?;
    let mut back = vec![0; made_order.len()];
    for (place, &axis) in made_order.iter().enumerate() {
        back[axis] = place;
    }
    Some(view.permuted(&back))
}

/// Whether a step can store in this way: layers store rows of channels at one distance.
fn is_row_store(work: &Work, view: &View) -> bool {
    match work {
        Work::Convolve { .. } => {
            let [height, width] = [view.shape[2], view.shape[3]];
            let channels = view.strides[1] == 1 || view.shape[1] == 1;
            channels && (height == 1 || width == 1 || view.strides[2] == view.strides[3] * width)
        }
        Work::Multiply { .. } | Work::MultiplyBoth { .. } => {
            view.strides.last() == Some(&1) || view.shape.last() == Some(&1)
        }
        _ => true,
    }
}

fn composed(first: Option<Box<ByteTable>>, then: Option<Box<ByteTable>>) -> Option<Box<ByteTable>> {
    match (first, then) {
        (Some(first), Some(then)) => Some(Box::new(first.map(|value| then[usize::from(value)]))),
        (first, then) => first.or(then),
    }
}

fn lay_loops(work: &mut Work) {
    match work {
        Work::Map { from, to, loops, .. } => *loops = Loops::over(&[to, from]),
        Work::Compute { sources, to, loops, .. } => {
            let views: Vec<&View> =
                std::iter::once(&to.view).chain(sources.iter().map(|source| &source.view)).collect();
            *loops = Loops::over(&views);
        }
        Work::Reduce { from, to, kept, along, .. } => {
            let (mut outer, mut inner) = (from.view.clone(), from.view.clone());
            for axis in 0..outer.shape.len() {
                if to.view.shape[axis] == 1 { outer.shape[axis] = 1 } else { inner.shape[axis] = 1 }
            }
            *kept = Loops::over(&[&to.view, &outer]);
            *along = Loops::over(&[&inner]);
        }
        Work::Rows { from, to, loops, .. } => *loops = Loops::rows(&[&to.view, &from.view]),
        _ => {}
    }
}

/// Buffers that do not live at the same time share a slot; the smallest that is large enough is taken, or the largest
/// is enlarged.
fn assign_slots(
    steps: &[Step],
    buffers: &[Buffer],
    inputs: &[Port],
    kept: &[usize],
) -> (Vec<Place>, Vec<usize>, Vec<usize>) {
    let mut first = vec![usize::MAX; buffers.len()];
    let mut last = vec![0; buffers.len()];
    for (at, step) in steps.iter().enumerate() {
        for buffer in step.work.reads().into_iter().chain([step.work.writes().buffer]) {
            first[buffer] = first[buffer].min(at);
            last[buffer] = last[buffer].max(at);
        }
    }
    for port in inputs {
        first[port.buffer] = 0;
    }
    for &buffer in kept {
        first[buffer] = first[buffer].min(steps.len());
        last[buffer] = steps.len();
    }
    let mut places = vec![Place::Bytes(0); buffers.len()];
    let mut slots: [Vec<(usize, usize)>; 2] = [Vec::new(), Vec::new()]; // size, and the step after which it is free
    let mut by_birth: Vec<usize> = (0..buffers.len()).filter(|&buffer| first[buffer] != usize::MAX).collect();
    by_birth.sort_by_key(|&buffer| first[buffer]);
    for buffer in by_birth {
        if let Some(place) = buffers[buffer].fixed {
            places[buffer] = place;
            continue;
        }
        let real = buffers[buffer].real;
        let size = buffers[buffer].len + if real { 0 } else { READ_AHEAD };
        let slots = &mut slots[usize::from(real)];
        // a slot whose buffer was last read by the step that makes this one must not be shared: it is written meanwhile
        let free = |slot: &(usize, usize)| slot.1 < first[buffer];
        let fits = (0..slots.len()).filter(|&slot| free(&slots[slot]) && slots[slot].0 >= size);
        let chosen = fits
            .min_by_key(|&slot| slots[slot].0)
            .or_else(|| (0..slots.len()).filter(|&slot| free(&slots[slot])).max_by_key(|&slot| slots[slot].0));
        let slot = chosen.unwrap_or_else(|| {
            slots.push((0, 0));
            slots.len() - 1
        });
        slots[slot] = (slots[slot].0.max(size), last[buffer]);
        places[buffer] = if real { Place::Reals(slot) } else { Place::Bytes(slot) };
    }
    let [bytes, reals] = slots.map(|slots| slots.into_iter().map(|(size, _)| size).collect());
    (places, bytes, reals)
}
