//! Steps that work element by element or row by row.

use crate::inference::int8::functions::ByteTable;
use crate::inference::int8::graph::{Binary, Steps};
use crate::inference::int8::kernels::{self, vector};
use crate::inference::int8::program::{Row, Sink, SinkKind, Source, SourceKind, Term};
use crate::inference::int8::run::{CHUNK, Readable, Taken};
use crate::inference::int8::view::{Loops, View};

/// Copies bytes, through a table if there is one.
pub(super) fn map(
    read: &Readable<'_>,
    from: &View,
    table: Option<&ByteTable>,
    loops: &Loops,
    taken: &mut Taken,
    to: &View,
) {
    let Taken::Bytes(into) = taken else { unreachable!("bytes are mapped to bytes") };
    let (from, into) = (read.bytes(from), &mut into[to.offset..]);
    let (to_step, from_step) = (loops.run_steps[0], loops.run_steps[1]);
    for run in 0..loops.runs() {
        let (to, from) = (&mut into[loops.start(0, run)..], &from[loops.start(1, run)..]);
        match (to_step, from_step, table) {
            (1, 1, None) => to[..loops.run].copy_from_slice(&from[..loops.run]),
            (1, 1, Some(table)) => {
                kernels::map(read.program.isa, table, &from[..loops.run], &mut to[..loops.run]);
            }
            _ => {
                for at in 0..loops.run {
                    let value = from[at * from_step];
                    to[at * to_step] = table.map_or(value, |table| table[usize::from(value)]);
                }
            }
        }
    }
}

/// Evaluates a formula.
pub(super) fn compute(
    read: &Readable<'_>,
    sources: &[Source],
    formula: &[Term],
    loops: &Loops,
    stack: &mut [[f32; CHUNK]],
    taken: &mut Taken,
    to: &Sink,
) {
    let isa = read.program.isa;
    let mut run = 0;
    while run < loops.runs() {
        // several short runs at once, or a part of a long one
        let runs = loops.together(run, (CHUNK / loops.run).max(1));
        for begin in (0..loops.run).step_by(CHUNK) {
            let len = CHUNK.min(loops.run - begin);
            let mut height = 0;
            for term in formula {
                match *term {
                    Term::Load(number) => {
                        let view = number + 1;
                        let at = loops.start(view, run) + begin * loops.run_steps[view];
                        let steps = [loops.step_between(view), loops.run_steps[view]];
                        load_runs(read, &sources[number], at, steps, len, &mut stack[height][..runs * len]);
                        height += 1;
                    }
                    Term::Number(number) => {
                        stack[height][..runs * len].fill(number);
                        height += 1;
                    }
                    Term::Unary(function) => {
                        stack[height - 1][..runs * len].iter_mut().for_each(|x| *x = function.at(*x));
                    }
                    Term::WithNumber(function, number, left) => {
                        vector::with_number(isa, function, &mut stack[height - 1][..runs * len], number, left);
                    }
                    Term::Binary(function) => {
                        height -= 1;
                        let (left, right) = stack.split_at_mut(height);
                        vector::binary(isa, function, &mut left[height - 1][..runs * len], &right[0][..runs * len]);
                    }
                }
            }
            let at = to.view.offset + loops.start(0, run) + begin * loops.run_steps[0];
            put_runs(
                read,
                taken,
                at,
                [loops.step_between(0), loops.run_steps[0]],
                len,
                &stack[0][..runs * len],
                &to.kind,
            );
        }
        run += runs;
    }
}

/// Works on rows, as many at a time as fit.
pub(super) fn rows(
    read: &Readable<'_>,
    from: &Source,
    taken: &mut Taken,
    to: &Sink,
    row: &Row,
    loops: &Loops,
    memory: &mut [f32],
) {
    let isa = read.program.isa;
    let len = loops.run;
    let at_once = memory.len() / len;
    let mut first = 0;
    while first < loops.runs() {
        let count = loops.together(first, at_once);
        let values = &mut memory[..count * len];
        let steps = [loops.step_between(1), loops.run_steps[1]];
        load_runs(read, from, loops.start(1, first), steps, len, values);
        match row {
            Row::Softmax => vector::softmax(isa, values, len),
            Row::Normalise { epsilon, gain, shift } => {
                let constant = |number: &Option<usize>| number.map(|number| read.program.constants[number].as_slice());
                vector::normalise(isa, values, len, *epsilon);
                for (function, constant) in [(Binary::Multiply, constant(gain)), (Binary::Add, constant(shift))] {
                    if let Some(constant) = constant {
                        values.chunks_exact_mut(len).for_each(|row| vector::binary(isa, function, row, constant));
                    }
                }
            }
        }
        let at = to.view.offset + loops.start(0, first);
        put_runs(read, taken, at, [loops.step_between(0), loops.run_steps[0]], len, values, &to.kind);
        first += count;
    }
}

/// Real numbers of runs of `len` values; `steps` are those between runs and within them.
fn load_runs(read: &Readable<'_>, source: &Source, at: usize, steps: [usize; 2], len: usize, to: &mut [f32]) {
    if to.len() == len || steps[0] == len * steps[1] {
        return load(read, source, at, steps[1], to);
    }
    for (run, to) in to.chunks_exact_mut(len).enumerate() {
        load(read, source, at + run * steps[0], steps[1], to);
    }
}

/// Stores runs of `len` results; `steps` are those between runs and within them.
fn put_runs(
    read: &Readable<'_>,
    taken: &mut Taken,
    at: usize,
    steps: [usize; 2],
    len: usize,
    values: &[f32],
    kind: &SinkKind,
) {
    let in_one = values.len() == len || steps[0] == len * steps[1];
    if in_one || len > CHUNK {
        let row = if in_one { values.len() } else { len };
        for (run, values) in values.chunks(row).enumerate() {
            for (part, values) in values.chunks(CHUNK).enumerate() {
                put(read, taken, at + run * steps[0] + part * CHUNK * steps[1], steps[1], values, kind);
            }
        }
        return;
    }
    let at_once = CHUNK / len;
    for (group, values) in values.chunks(at_once * len).enumerate() {
        let at = at + group * at_once * steps[0];
        match (&mut *taken, kind) {
            (Taken::Reals(into), _) => {
                for (run, values) in values.chunks_exact(len).enumerate() {
                    scatter(&mut into[at + run * steps[0]..], steps[1], values);
                }
            }
            (Taken::Bytes(into), SinkKind::Quantised(to, table)) => {
                let mut bytes = [0; CHUNK];
                let bytes = quantised(read, values, *to, table.as_deref(), &mut bytes);
                for (run, bytes) in bytes.chunks_exact(len).enumerate() {
                    scatter(&mut into[at + run * steps[0]..], steps[1], bytes);
                }
            }
            (Taken::Bytes(_), SinkKind::Real) => unreachable!("real results go to slots of reals"),
        }
    }
}

/// Up to [`CHUNK`] quantised values.
fn quantised<'b>(
    read: &Readable<'_>,
    values: &[f32],
    steps: Steps,
    table: Option<&ByteTable>,
    bytes: &'b mut [u8; CHUNK],
) -> &'b [u8] {
    let isa = read.program.isa;
    let bytes = &mut bytes[..values.len()];
    vector::quantise(isa, values, bytes, steps.scale, steps.zero);
    if let Some(table) = table {
        kernels::map_in_place(isa, table, bytes);
    }
    bytes
}

fn scatter<T: Copy>(into: &mut [T], step: usize, values: &[T]) {
    if step == 1 {
        into[..values.len()].copy_from_slice(values);
    } else {
        into.iter_mut().step_by(step.max(1)).zip(values).for_each(|(to, &value)| *to = value);
    }
}

/// Real numbers of a run that begins `at` values behind the source's offset.
pub(super) fn load(read: &Readable<'_>, source: &Source, at: usize, step: usize, to: &mut [f32]) {
    let len = to.len();
    match &source.kind {
        SourceKind::Real => {
            let from = &read.reals(&source.view)[at..];
            match step {
                1 => to.copy_from_slice(&from[..len]),
                0 => to.fill(from[0]),
                step => to.iter_mut().zip(from.iter().step_by(step)).for_each(|(to, &from)| *to = from),
            }
        }
        SourceKind::Quantised(steps) => {
            let from = &read.bytes(&source.view)[at..];
            match step {
                1 => vector::dequantise(read.program.isa, &from[..len], to, steps.scale, steps.zero),
                0 => to.fill(steps.real(from[0])),
                step => to.iter_mut().zip(from.iter().step_by(step)).for_each(|(to, &from)| *to = steps.real(from)),
            }
        }
        SourceKind::Table(table) => {
            let from = &read.bytes(&source.view)[at..];
            for (number, to) in to.iter_mut().enumerate() {
                *to = table[usize::from(from[number * step])];
            }
        }
    }
}

/// Stores up to [`CHUNK`] results from `at` on.
pub(super) fn put(read: &Readable<'_>, taken: &mut Taken, at: usize, step: usize, values: &[f32], kind: &SinkKind) {
    match (taken, kind) {
        (Taken::Reals(into), _) => scatter(&mut into[at..], step, values),
        (Taken::Bytes(into), SinkKind::Quantised(steps, table)) => {
            let mut bytes = [0; CHUNK];
            scatter(&mut into[at..], step, quantised(read, values, *steps, table.as_deref(), &mut bytes));
        }
        (Taken::Bytes(_), SinkKind::Real) => unreachable!("real results go to slots of reals"),
    }
}
