//! Steps that work on the pixels of an image, all channels at once, and reductions.

use crate::inference::int8::graph::{Binary, Reduce, Window};
use crate::inference::int8::kernels::vector;
use crate::inference::int8::program::{Sink, Source};
use crate::inference::int8::run::elements::{load, put};
use crate::inference::int8::run::{CHUNK, Readable, Taken};
use crate::inference::int8::view::{Loops, View};

/// Calls `tap` with the position of each input pixel that a window sees.
fn under(window: &Window, size: [usize; 2], pixel: [usize; 2], mut tap: impl FnMut(usize, usize)) {
    for ky in 0..window.kernel[0] {
        for kx in 0..window.kernel[1] {
            let y = pixel[0] * window.stride[0] + ky * window.dilation[0];
            let x = pixel[1] * window.stride[1] + kx * window.dilation[1];
            if let (Some(y), Some(x)) = (y.checked_sub(window.pad[0]), x.checked_sub(window.pad[1]))
                && y < size[0]
                && x < size[1]
            {
                tap(y, x);
            }
        }
    }
}

pub(super) fn max_pool(read: &Readable<'_>, from: &View, taken: &mut Taken, to: &View, window: &Window) {
    let Taken::Bytes(into) = taken else { unreachable!("bytes are pooled to bytes") };
    let bytes = read.bytes(from);
    let channels = to.shape[1];
    for y in 0..to.shape[2] {
        for x in 0..to.shape[3] {
            let largest = &mut into[to.offset + y * to.strides[2] + x * to.strides[3]..][..channels];
            largest.fill(0);
            under(window, [from.shape[2], from.shape[3]], [y, x], |y, x| {
                let pixel = &bytes[y * from.strides[2] + x * from.strides[3]..][..channels];
                vector::max_bytes(read.program.isa, largest, pixel);
            });
        }
    }
}

pub(super) fn mean_pool(
    read: &Readable<'_>,
    from: &Source,
    taken: &mut Taken,
    to: &Sink,
    window: &Window,
    count_padding: bool,
    stack: &mut [[f32; CHUNK]],
) {
    let (view, isa) = (&from.view, read.program.isa);
    let [sums, values, ..] = stack else { return };
    for y in 0..to.view.shape[2] {
        for x in 0..to.view.shape[3] {
            for begin in (0..to.view.shape[1]).step_by(CHUNK) {
                let len = CHUNK.min(to.view.shape[1] - begin);
                let mut count = 0;
                sums[..len].fill(0.0);
                under(window, [view.shape[2], view.shape[3]], [y, x], |y, x| {
                    let at = begin * view.strides[1] + y * view.strides[2] + x * view.strides[3];
                    load(read, from, at, view.strides[1], &mut values[..len]);
                    vector::binary(isa, Binary::Add, &mut sums[..len], &values[..len]);
                    count += 1;
                });
                let count = if count_padding { window.taps() } else { count };
                vector::with_number(isa, Binary::Divide, &mut sums[..len], count.max(1) as f32, false);
                let strides = &to.view.strides;
                let at = to.view.offset + begin * strides[1] + y * strides[2] + x * strides[3];
                put(read, taken, at, strides[1], &sums[..len], &to.kind);
            }
        }
    }
}

/// `loops` run over the axes that are kept (result, source) and over those that are not (source).
pub(super) fn reduce(
    read: &Readable<'_>,
    from: &Source,
    taken: &mut Taken,
    to: &Sink,
    (reduce, factor): (Reduce, f32),
    [kept, along]: [&Loops; 2],
    stack: &mut [[f32; CHUNK]],
) {
    let isa = read.program.isa;
    let [results, values, ..] = stack else { return };
    let (function, neutral) = match reduce {
        Reduce::Sum => (Binary::Add, 0.0),
        Reduce::Maximum => (Binary::Maximum, f32::NEG_INFINITY),
    };
    for run in 0..kept.runs() {
        for begin in (0..kept.run).step_by(CHUNK) {
            let len = CHUNK.min(kept.run - begin);
            let step = kept.run_steps[1];
            let base = kept.start(1, run) + begin * step;
            results[..len].fill(neutral);
            let row = along.run;
            if reduce == Reduce::Sum && along.run_steps[0] == 1 && along.runs() == 1 && step == row && row <= CHUNK {
                // rows that lie one behind the other
                for (group, results) in results[..len].chunks_mut(CHUNK / row).enumerate() {
                    let values = &mut values[..results.len() * row];
                    load(read, from, base + group * (CHUNK / row) * row, 1, values);
                    vector::add_rows(isa, results, values);
                }
            } else if along.run_steps[0] == 1 && step != 1 {
                // what is reduced lies together
                for (number, result) in results[..len].iter_mut().enumerate() {
                    for row in 0..along.runs() {
                        for part in (0..along.run).step_by(CHUNK) {
                            let values = &mut values[..CHUNK.min(along.run - part)];
                            load(read, from, base + number * step + along.start(0, row) + part, 1, values);
                            *result = match reduce {
                                Reduce::Sum => *result + vector::sum(isa, values),
                                Reduce::Maximum => values.iter().fold(*result, |a, &b| a.max(b)),
                            };
                        }
                    }
                }
            } else {
                for row in 0..along.runs() {
                    for place in 0..along.run {
                        let at = base + along.start(0, row) + place * along.run_steps[0];
                        load(read, from, at, step, &mut values[..len]);
                        vector::binary(isa, function, &mut results[..len], &values[..len]);
                    }
                }
            }
            vector::with_number(isa, Binary::Multiply, &mut results[..len], factor, false);
            let at = to.view.offset + kept.start(0, run) + begin * kept.run_steps[0];
            put(read, taken, at, kept.run_steps[0], &results[..len], &to.kind);
        }
    }
}

pub(super) fn pick(read: &Readable<'_>, from: &View, taken: &mut Taken, to: &View, pixels: &[u32]) {
    let Taken::Bytes(into) = taken else { unreachable!("bytes are picked to bytes") };
    let bytes = read.bytes(from);
    let (channels, width) = (to.shape[1], from.shape[3]);
    for (number, &pixel) in pixels.iter().enumerate() {
        let (y, x) = (number / to.shape[3], number % to.shape[3]);
        let pixel = pixel as usize;
        let at = pixel / width * from.strides[2] + pixel % width * from.strides[3];
        let to = to.offset + y * to.strides[2] + x * to.strides[3];
        into[to..to + channels].copy_from_slice(&bytes[at..at + channels]);
    }
}
