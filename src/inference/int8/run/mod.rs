//! Carries out a program: one thread, memory planned beforehand, nothing allocated.

mod elements;
mod pixels;

use std::mem;
use std::sync::Arc;

use crate::inference::int8::graph::{Outside, Window};
use crate::inference::int8::kernels::READ_AHEAD;
use crate::inference::int8::kernels::rows::{Factor, Image, Rows, multiply_both};
use crate::inference::int8::program::{Place, Program, SinkKind, Term, Work};
use crate::inference::int8::team::{Part, Team, convolve_all};
use crate::inference::int8::view::View;

/// Values of a formula or a row at a time.
const CHUNK: usize = 512;

/// A program with the working memory of one thread.
#[derive(Clone, Debug)]
pub struct Runner {
    program: Arc<Program>,
    memory: Memory,
    /// A run has begun and not ended: after a panic its slots may be missing.
    under_way: bool,
}

/// A tensor from outside.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// Real numbers.
    Reals(&'a [f32]),
    /// Quantised, as the input's type says.
    Bytes(&'a [u8]),
}

#[derive(Clone, Debug)]
struct Memory {
    bytes: Vec<Vec<u8>>,
    reals: Vec<Vec<f32>>,
    /// A pixel of zero points.
    zeros: Vec<u8>,
    /// Chunks of a formula.
    stack: Vec<[f32; CHUNK]>,
    /// Rows of softmax and layer norm.
    rows: Vec<f32>,
}

/// What a step can read.
struct Readable<'a> {
    program: &'a Program,
    bytes: &'a [Vec<u8>],
    reals: &'a [Vec<f32>],
    given: &'a [Given<'a>],
}

impl Readable<'_> {
    fn bytes(&self, view: &View) -> &[u8] {
        match self.program.buffers[view.buffer] {
            Place::Bytes(slot) => &self.bytes[slot][view.offset..],
            _ => &[],
        }
    }

    fn reals(&self, view: &View) -> &[f32] {
        match self.program.buffers[view.buffer] {
            Place::Reals(slot) => &self.reals[slot][view.offset..],
            Place::Constant(number) => &self.program.constants[number][view.offset..],
            Place::Input(number) => match self.given[number] {
                Given::Reals(reals) => &reals[view.offset..],
                Given::Bytes(_) => &[],
            },
            Place::Bytes(_) => &[],
        }
    }
}

impl Runner {
    /// Working memory for a program.
    pub fn new(program: Arc<Program>) -> Self {
        let memory = Memory::of(&program);
        Self { program, memory, under_way: false }
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Bytes of working memory.
    pub fn memory_bytes(&self) -> usize {
        let Memory { bytes, reals, .. } = &self.memory;
        bytes.iter().map(Vec::len).sum::<usize>() + reals.iter().map(|slot| slot.len() * 4).sum::<usize>()
    }

    /// Runs all steps, with the help of a team if there is one and nobody else runs. The lengths of what is given must
    /// be those of the inputs.
    pub fn run(&mut self, given: &[Given<'_>], team: Option<&Team>) {
        match team {
            Some(team) => team.run(|team| self.run_watched(given, team, |_, run| run())),
            None => self.run_watched(given, None, |_, run| run()),
        }
    }

    /// Runs all steps, each through `watch`, which gets the step's number.
    pub fn run_watched(
        &mut self,
        given: &[Given<'_>],
        team: Option<&Team>,
        mut watch: impl FnMut(usize, &mut dyn FnMut()),
    ) {
        let program = Arc::clone(&self.program);
        if mem::replace(&mut self.under_way, true) {
            self.memory = Memory::of(&program);
        }
        assert_eq!(given.len(), program.inputs.len(), "inputs");
        for (port, given) in program.inputs.iter().zip(given) {
            let len: usize = port.shape.iter().product();
            match (given, program.buffers[port.buffer]) {
                (Given::Reals(reals), _) => assert_eq!(reals.len(), len, "input"),
                (Given::Bytes(bytes), Place::Bytes(slot)) => {
                    assert_eq!(bytes.len(), len, "input");
                    let flip = if port.outside == Outside::Signed { 0x80 } else { 0 };
                    for (to, from) in self.memory.bytes[slot][..len].iter_mut().zip(*bytes) {
                        *to = from ^ flip;
                    }
                }
                _ => assert!(bytes_are_unused(&program, port.buffer), "an input of bytes has a slot of bytes"),
            }
        }
        for (number, step) in program.steps.iter().enumerate() {
            watch(number, &mut || self.memory.carry_out(&program, given, &step.work, team));
        }
        self.under_way = false;
    }

    /// An output of real numbers.
    pub fn reals(&self, number: usize) -> &[f32] {
        let port = &self.program.outputs[number];
        match self.program.buffers[port.buffer] {
            Place::Reals(slot) => &self.memory.reals[slot][..port.shape.iter().product()],
            _ => &[],
        }
    }

    /// An output of bytes, into `to`.
    pub fn bytes(&self, number: usize, to: &mut [u8]) {
        let port = &self.program.outputs[number];
        if let Place::Bytes(slot) = self.program.buffers[port.buffer] {
            let flip = if port.outside == Outside::Signed { 0x80 } else { 0 };
            for (to, from) in to.iter_mut().zip(&self.memory.bytes[slot]) {
                *to = from ^ flip;
            }
        }
    }
}

fn bytes_are_unused(program: &Program, buffer: usize) -> bool {
    program.steps.iter().all(|step| !step.work.reads().contains(&buffer))
}

/// What a step writes into: the slot, taken out of the memory meanwhile.
enum Taken {
    Bytes(Vec<u8>),
    Reals(Vec<f32>),
}

impl Memory {
    fn of(program: &Program) -> Self {
        let widest = program.steps.iter().map(|step| match &step.work {
            Work::Convolve { from, .. } => from.shape[1],
            _ => 0,
        });
        let zeros = vec![0; widest.max().unwrap_or(0) + READ_AHEAD];
        let deepest = program.steps.iter().map(|step| match &step.work {
            Work::Compute { formula, .. } => {
                formula.iter().filter(|term| matches!(term, Term::Load(_) | Term::Number(_))).count()
            }
            _ => 1,
        });
        let longest = program.steps.iter().map(|step| match &step.work {
            Work::Rows { loops, .. } => loops.run,
            _ => 0,
        });
        let rows = vec![0.0; longest.max().unwrap_or(0).max(CHUNK)];
        Self {
            bytes: program.byte_slots.iter().map(|&len| vec![0; len]).collect(),
            reals: program.real_slots.iter().map(|&len| vec![0.0; len]).collect(),
            zeros,
            stack: vec![[0.0; CHUNK]; deepest.max().unwrap_or(0).max(2)],
            rows,
        }
    }

    fn carry_out(&mut self, program: &Program, given: &[Given<'_>], work: &Work, team: Option<&Team>) {
        let to = work.writes();
        let place = program.buffers[to.buffer];
        let mut taken = match place {
            Place::Bytes(slot) => Taken::Bytes(mem::take(&mut self.bytes[slot])),
            Place::Reals(slot) => Taken::Reals(mem::take(&mut self.reals[slot])),
            Place::Input(_) | Place::Constant(_) => return,
        };
        let Self { bytes, reals, zeros, stack, rows } = self;
        let read = Readable { program, bytes, reals, given };
        match work {
            Work::Map { from, table, loops, .. } => elements::map(&read, from, table.as_deref(), loops, &mut taken, to),
            Work::Convolve { from, to, layers, window, zero } => {
                zeros.fill(*zero);
                let (rows, columns) = (from.shape[2], from.shape[3]);
                let image =
                    Image { bytes: read.bytes(from), size: [rows, columns], steps: [from.strides[2], from.strides[3]] };
                let [height, width] = [to.view.shape[2], to.view.shape[3]];
                let (cin, cout) = (from.shape[1] / layers.len(), to.view.shape[1] / layers.len());
                let stride = if width > 1 { to.view.strides[3] } else { to.view.strides[2] };
                for (group, &layer) in layers.iter().enumerate() {
                    let layer = program.layers[layer].layer();
                    let image = Image { bytes: &image.bytes[group * cin..], ..image };
                    let rows = result_rows(&mut taken, to.view.offset + group * cout, stride, &to.kind);
                    let part = Part { layer, image, window, width, zeros };
                    convolve_all(team, &part, height * width, rows);
                }
            }
            Work::Multiply { from, to, layer } => {
                let layer = program.layers[*layer].layer();
                let rows = result_rows(&mut taken, to.view.offset, to.view.strides[1], &to.kind);
                // rows of a matrix are pixels in a line, and nothing lies outside
                let (bytes, count) = (read.bytes(from), from.shape[1]);
                let image = Image { bytes, size: [1, count], steps: [0, from.strides[1]] };
                let window = &Window { kernel: [1, 1], stride: [1, 1], pad: [0, 0], dilation: [1, 1] };
                let part = Part { layer, image, window, width: count, zeros: bytes };
                convolve_all(team, &part, count, rows);
            }
            Work::MultiplyBoth { left, left_zero, right, right_zero, to, scale } => {
                let axes = left.shape.len();
                let size = [left.shape[axes - 2], left.shape[axes - 1], right.shape[axes - 1]];
                let batch: usize = left.shape[..axes - 2].iter().product();
                let factor = |view: &View, number: usize, zero: u8| {
                    let bytes = &read.bytes(view)[start(view, axes - 2, number)..];
                    let (row_step, column_step) = (view.strides[axes - 2], view.strides[axes - 1]);
                    (bytes, row_step, column_step, zero)
                };
                for number in 0..batch {
                    let [left, right] = [factor(left, number, *left_zero), factor(right, number, *right_zero)]
                        .map(|(bytes, row_step, column_step, zero)| Factor { bytes, row_step, column_step, zero });
                    let at = to.view.offset + start(&to.view, axes - 2, number);
                    let rows = result_rows(&mut taken, at, to.view.strides[axes - 2], &to.kind);
                    multiply_both(program.isa, left, right, size, *scale, rows);
                }
            }
            Work::Compute { sources, formula, to, loops } => {
                elements::compute(&read, sources, formula, loops, stack, &mut taken, to);
            }
            Work::MaxPool { from, to, window } => pixels::max_pool(&read, from, &mut taken, to, window),
            Work::MeanPool { from, to, window, count_padding } => {
                pixels::mean_pool(&read, from, &mut taken, to, window, *count_padding, stack);
            }
            Work::Reduce { from, to, reduce, factor, kept, along } => {
                pixels::reduce(&read, from, &mut taken, to, (*reduce, *factor), [kept, along], stack);
            }
            Work::Pick { from, to, pixels } => pixels::pick(&read, from, &mut taken, to, pixels),
            Work::Rows { from, to, row, loops } => elements::rows(&read, from, &mut taken, to, row, loops, rows),
        }
        match (taken, place) {
            (Taken::Bytes(slot), Place::Bytes(number)) => self.bytes[number] = slot,
            (Taken::Reals(slot), Place::Reals(number)) => self.reals[number] = slot,
            _ => unreachable!("a slot goes back to where it was taken"),
        }
    }
}

/// Rows of a layer's results.
fn result_rows<'a>(taken: &'a mut Taken, at: usize, stride: usize, kind: &'a SinkKind) -> Rows<'a> {
    match (taken, kind) {
        (Taken::Bytes(slot), SinkKind::Quantised(steps, table)) => {
            Rows::Bytes { into: &mut slot[at..], stride, zero: steps.zero, table: table.as_deref() }
        }
        (Taken::Reals(slot), SinkKind::Real) => Rows::Reals { into: &mut slot[at..], stride },
        _ => unreachable!("quantised results go to slots of bytes, real ones to slots of reals"),
    }
}

/// Where an item of a batch over the first `axes` axes begins.
fn start(view: &View, axes: usize, mut number: usize) -> usize {
    let mut start = 0;
    for axis in (0..axes).rev() {
        start += number % view.shape[axis] * view.strides[axis];
        number /= view.shape[axis];
    }
    start
}
