//! Layers over images and products of tensors give what textbooks say.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests of numbers in range")]

use proptest::prelude::*;

use super::*;
use crate::inference::int8::kernels::pack;

/// Bytes that look random.
fn noise(seed: u32) -> impl FnMut() -> u8 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    }
}

#[derive(Clone, Debug)]
struct Convolution {
    window: Window,
    size: [usize; 2],
    /// Input and output channels; one number for both in a depthwise layer.
    channels: [usize; 2],
    depthwise: bool,
    /// Channels of the wider buffer before and behind.
    around: [usize; 2],
    /// Between rows of results.
    gap: usize,
    /// Rows and columns of padding behind.
    behind: [usize; 2],
    range: [f32; 2],
    real: bool,
    zeros: [u8; 2],
    seed: u32,
}

fn convolutions() -> impl Strategy<Value = Convolution> {
    let pair = |most: usize| [1..=most, 1..=most];
    let window = (pair(5), pair(3), pair(2), [0..4_usize, 0..4_usize])
        .prop_map(|(kernel, stride, dilation, pad)| Window { kernel, stride, pad, dilation });
    let channels = [prop_oneof![1..8_usize, 1..40_usize], prop_oneof![1..8_usize, 1..70_usize]];
    let around = [0..5_usize, 0..5_usize];
    let rest = (0..4_usize, [0..4_usize, 0..4_usize], [0.0..1.0_f32, 0.0..1.0_f32], any::<bool>(), any::<[u8; 2]>());
    (window, pair(15), channels, any::<bool>(), around, rest, any::<u32>()).prop_map(
        |(window, size, channels, depthwise, around, (gap, behind, range, real, zeros), seed)| Convolution {
            window,
            size,
            channels: if depthwise { [channels[1]; 2] } else { channels },
            depthwise,
            around,
            gap,
            behind,
            range,
            real,
            zeros,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 400 }))]

    #[test]
    fn convolutions_are_those_of_the_textbook(case in convolutions()) {
        let Convolution { window, size, channels: [cin, cout], depthwise, .. } = case;
        let Window { kernel, stride, pad, dilation } = window;
        let extent = |axis: usize| {
            (size[axis] + pad[axis] + case.behind[axis]).checked_sub((kernel[axis] - 1) * dilation[axis] + 1)
                .map(|room| room / stride[axis] + 1)
        };
        let (Some(height), Some(width)) = (extent(0), extent(1)) else { return Ok(()) };
        let mut random = noise(case.seed);
        let (summed, taps) = (if depthwise { 1 } else { cin }, window.taps());
        let kind = if depthwise { Kind::Depthwise } else { Kind::Dense };
        let shape = Shape { kind, taps, cin: summed, cout };
        let weights: Vec<i8> = (0..cout * taps * summed).map(|_| random().cast_signed()).collect();
        let bias: Vec<i32> = (0..cout).map(|_| i32::from(random()) * 100).collect();
        let scale: Vec<f32> = (0..cout).map(|_| (f32::from(random()) + 1.0) * 1e-5).collect();
        let table: [u8; 256] = std::array::from_fn(|_| random());
        let step = case.around[0] + cin + case.around[1];
        let bytes: Vec<u8> = (0..size[0] * size[1] * step + READ_AHEAD).map(|_| random()).collect();
        let image = Image { bytes: &bytes[case.around[0]..], size, steps: [size[1] * step, step] };
        let [zero, zero_of_result] = case.zeros;
        let zeros = vec![zero; cin + READ_AHEAD];
        let pixels = height * width;
        let [first, second] = case.range.map(|part| (part * (pixels + 1) as f32) as usize);
        let range = first.min(second).min(pixels)..first.max(second).min(pixels);

        let sum = |pixel: usize, channel: usize| {
            let mut sum = bias[channel];
            for tap in 0..taps {
                let y = (pixel / width * stride[0] + tap / kernel[1] * dilation[0]).checked_sub(pad[0]);
                let x = (pixel % width * stride[1] + tap % kernel[1] * dilation[1]).checked_sub(pad[1]);
                let (Some(y), Some(x)) = (y.filter(|&y| y < size[0]), x.filter(|&x| x < size[1])) else { continue };
                for c in 0..summed {
                    let byte = image.bytes[(y * size[1] + x) * step + if depthwise { channel } else { c }];
                    let weight = weights[(channel * taps + tap) * summed + c];
                    sum += (i32::from(byte) - i32::from(zero)) * i32::from(weight);
                }
            }
            sum as f32 * scale[channel]
        };
        let stride_of_rows = cout + case.gap;
        for isa in Isa::available() {
            let layer = pack(isa, shape, &weights, &bias, &scale, zero);
            let run = |to: Rows<'_>| convolve(layer.layer(), &image, &window, width, range.clone(), &zeros, to);
            let mut reals = vec![f32::MAX; range.len() * stride_of_rows];
            let mut out = vec![0xa5; range.len() * stride_of_rows];
            if case.real {
                run(Rows::Reals { into: &mut reals, stride: stride_of_rows });
            } else {
                let table = (case.seed % 2 == 0).then_some(&table);
                run(Rows::Bytes { into: &mut out, stride: stride_of_rows, zero: zero_of_result, table });
            }
            for (row, pixel) in range.clone().enumerate() {
                for channel in 0..stride_of_rows {
                    let at = row * stride_of_rows + channel;
                    let wanted = (channel < cout).then(|| sum(pixel, channel));
                    if case.real {
                        prop_assert_eq!(reals[at], wanted.unwrap_or(f32::MAX), "{:?} {} {}", isa, pixel, channel);
                        continue;
                    }
                    let quantised = |sum: f32| {
                        let value = (sum.round_ties_even() + f32::from(zero_of_result)).clamp(0.0, 255.0) as u8;
                        if case.seed % 2 == 0 { table[usize::from(value)] } else { value }
                    };
                    prop_assert_eq!(out[at], wanted.map_or(0xa5, quantised), "{:?} {} {}", isa, pixel, channel);
                }
            }
        }
    }

    #[test]
    fn products_are_those_of_the_textbook(
        size in [1..40_usize, 1..70_usize, 1..40_usize],
        gaps in [0..3_usize, 0..3_usize, 0..3_usize],
        across: bool,
        zeros: [u8; 2],
        seed: u32,
    ) {
        let [rows, depth, columns] = size;
        let mut random = noise(seed);
        let left_step = depth + gaps[0];
        let (row_step, column_step) =
            if across { (1 + gaps[2], (1 + gaps[2]) * depth + gaps[1]) } else { ((1 + gaps[2]) * columns + gaps[1], 1 + gaps[2]) };
        let left: Vec<u8> = (0..rows * left_step + READ_AHEAD).map(|_| random()).collect();
        let right: Vec<u8> = (0..depth * row_step + columns * column_step + READ_AHEAD).map(|_| random()).collect();
        let wanted = |row: usize, column: usize| {
            let product = |d: usize| {
                (i32::from(left[row * left_step + d]) - i32::from(zeros[0]))
                    * (i32::from(right[d * row_step + column * column_step]) - i32::from(zeros[1]))
            };
            (0..depth).map(product).sum::<i32>() as f32 * 1e-3
        };
        for isa in Isa::available() {
            let stride = columns + gaps[1];
            let mut out = vec![f32::MAX; rows * stride];
            let factors = (
                Factor { bytes: &left, row_step: left_step, column_step: 1, zero: zeros[0] },
                Factor { bytes: &right, row_step, column_step, zero: zeros[1] },
            );
            multiply_both(isa, factors.0, factors.1, size, 1e-3, Rows::Reals { into: &mut out, stride });
            for (at, found) in out.iter().enumerate() {
                let (row, column) = (at / stride, at % stride);
                let wanted = if column < columns { wanted(row, column) } else { f32::MAX };
                prop_assert_eq!(*found, wanted, "{:?} {} {}", isa, row, column);
            }
        }
    }
}

#[test]
fn rows_are_split_between_rows() {
    let mut bytes: Vec<u8> = (0..23).collect();
    // the last row has no gap behind it
    let (first, second) = Rows::Bytes { into: &mut bytes, stride: 5, zero: 7, table: None }.split_at(3);
    let (Rows::Bytes { into: first, .. }, Rows::Bytes { into: second, stride: 5, zero: 7, table: None }) =
        (first, second)
    else {
        unreachable!("bytes stay bytes")
    };
    assert_eq!((first.len(), second[0], second.len()), (15, 15, 8));
}
