//! Steps that work element by element or row by row.

use crate::inference::int8::functions::ByteTable;
use crate::inference::int8::graph::Binary;
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
    for run in 0..loops.runs() {
        for begin in (0..loops.run).step_by(CHUNK) {
            let len = CHUNK.min(loops.run - begin);
            let mut height = 0;
            for term in formula {
                match *term {
                    Term::Load(number) => {
                        let step = loops.run_steps[number + 1];
                        let at = loops.start(number + 1, run) + begin * step;
                        load(read, &sources[number], at, step, &mut stack[height][..len]);
                        height += 1;
                    }
                    Term::Unary(function) => {
                        stack[height - 1][..len].iter_mut().for_each(|x| *x = function.at(*x));
                    }
                    Term::WithNumber(function, number, left) => {
                        vector::with_number(isa, function, &mut stack[height - 1][..len], number, left);
                    }
                    Term::Binary(function) => {
                        height -= 1;
                        let (left, right) = stack.split_at_mut(height);
                        vector::binary(isa, function, &mut left[height - 1][..len], &right[0][..len]);
                    }
                }
            }
            let step = loops.run_steps[0];
            let at = to.view.offset + loops.start(0, run) + begin * step;
            put(read, taken, at, step, &stack[0][..len], &to.kind);
        }
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
    for first in (0..loops.runs()).step_by(at_once) {
        let count = at_once.min(loops.runs() - first);
        let values = &mut memory[..count * len];
        for (number, values) in values.chunks_exact_mut(len).enumerate() {
            load(read, from, loops.start(1, first + number), loops.run_steps[1], values);
        }
        match row {
            Row::Softmax => vector::softmax(isa, values, len),
            Row::Normalise { epsilon, gain, shift } => {
                vector::normalise(isa, values, len, *epsilon);
                let constants = &read.program.constants;
                for values in values.chunks_exact_mut(len) {
                    if let Some(gain) = gain {
                        vector::binary(isa, Binary::Multiply, values, &constants[*gain]);
                    }
                    if let Some(shift) = shift {
                        vector::binary(isa, Binary::Add, values, &constants[*shift]);
                    }
                }
            }
        }
        for (number, values) in values.chunks_exact(len).enumerate() {
            for (chunk, values) in values.chunks(CHUNK).enumerate() {
                let step = loops.run_steps[0];
                let at = to.view.offset + loops.start(0, first + number) + chunk * CHUNK * step;
                put(read, taken, at, step, values, &to.kind);
            }
        }
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
        (Taken::Reals(into), _) if step == 1 => into[at..][..values.len()].copy_from_slice(values),
        (Taken::Reals(into), _) => {
            into[at..].iter_mut().step_by(step.max(1)).zip(values).for_each(|(to, &value)| *to = value);
        }
        (Taken::Bytes(into), SinkKind::Quantised(steps, table)) => {
            let mut bytes = [0; CHUNK];
            let bytes = &mut bytes[..values.len()];
            vector::quantise(read.program.isa, values, bytes, steps.scale, steps.zero);
            if let Some(table) = table {
                bytes.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
            }
            if step == 1 {
                into[at..][..bytes.len()].copy_from_slice(bytes);
            } else {
                into[at..].iter_mut().step_by(step.max(1)).zip(bytes).for_each(|(to, value)| *to = *value);
            }
        }
        (Taken::Bytes(_), SinkKind::Real) => unreachable!("real results go to slots of reals"),
    }
}
