//! The reference: plain Rust, one sum at a time.
#![allow(unsafe_code, reason = "reads and writes through the pointers of a job")]

use crate::inference::int8::kernels::{Blocking, Isa, Job, Kind, Shape, Store};

/// # Safety
/// As [`Job::run`].
pub(super) unsafe fn run(job: &Job<'_>) {
    let Shape { kind, taps, cin, cout } = job.layer.shape;
    for row in 0..job.count() {
        let inputs = &job.rows[row * taps..][..taps];
        for channel in 0..cout {
            let products = |tap: usize| -> i32 {
                match kind {
                    Kind::Dense => (0..cin)
                        .map(|c| {
                            // SAFETY: `cin` bytes can be read behind every pointer of the job.
                            let x = unsafe { *inputs[tap].add(c) };
                            i32::from(x) * i32::from(dense_weight(job, channel, tap, c))
                        })
                        .sum(),
                    Kind::Depthwise => {
                        // SAFETY: `cout` bytes can be read behind every pointer of the job.
                        let x = unsafe { *inputs[tap].add(channel) };
                        let weight = job.layer.weights[tap * cout.next_multiple_of(64) + channel];
                        i32::from(x) * i32::from(i8::from_le_bytes([weight]))
                    }
                }
            };
            let bias = job.row_bias.map_or(0, |bias| bias[row]).wrapping_add(job.layer.bias[channel]);
            let sum = (0..taps).map(products).fold(bias, i32::wrapping_add);
            // SAFETY: the store has room for `cout` values in each row.
            unsafe { store(&job.store, row, channel, sum, job.layer.scale[channel]) };
        }
    }
}

fn dense_weight(job: &Job<'_>, channel: usize, tap: usize, c: usize) -> i8 {
    let Blocking { columns, depth, .. } = Isa::Scalar.blocking();
    let Shape { taps, cin, .. } = job.layer.shape;
    let block = (channel / columns * taps + tap) * cin.div_ceil(depth) + c / depth;
    i8::from_le_bytes([job.layer.weights[(block * columns + channel % columns) * depth + c % depth]])
}

/// Writes one value, as every back end must.
///
/// # Safety
/// The store has this row and channel.
unsafe fn store(store: &Store<'_>, row: usize, channel: usize, sum: i32, scale: f32) {
    let scaled = sum as f32 * scale;
    match *store {
        Store::Quantised { out, stride, zero, table } => {
            let value = requantise(scaled, zero);
            let value = table.map_or(value, |table| table[usize::from(value)]);
            // SAFETY: promised by the caller.
            unsafe { *out.add(row * stride + channel) = value };
        }
        Store::Float { out, stride } => {
            // SAFETY: promised by the caller.
            unsafe { *out.add(row * stride + channel) = scaled };
        }
    }
}

/// `saturate(round_half_even(steps) + zero)`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255")]
pub(super) fn requantise(steps: f32, zero: u8) -> u8 {
    (steps.round_ties_even() as i32).saturating_add(i32::from(zero)).clamp(0, 255) as u8
}
