//! Every back end that this processor has gives bit for bit what the reference gives.
#![allow(unsafe_code, reason = "runs kernels")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "tests of numbers in range"
)]

use proptest::prelude::*;

use super::{Isa, Job, Kind, Shape, Store, pack};

#[derive(Clone, Debug)]
struct Case {
    shape: Shape,
    weights: Vec<i8>,
    bias: Vec<i32>,
    scale: Vec<f32>,
    zeros: (u8, u8),
    /// Pixels of `cin` (depthwise: `cout`) channels each, `step` bytes apart.
    input: Vec<u8>,
    step: usize,
    /// Which pixel each tap of each row reads.
    reads: Vec<usize>,
    row_bias: Option<Vec<i32>>,
    table: Option<Vec<u8>>,
    /// Between rows of the output, beyond `cout`.
    gap: usize,
}

const PIXELS: usize = 7;

/// `wild`: also biases and scales that overflow whatever can overflow.
fn cases(wild: bool) -> impl Strategy<Value = Case> {
    let taps = prop_oneof![2 => 1_usize..11, 1 => Just(1), 1 => Just(25)];
    let cin = prop_oneof![3 => 1_usize..70, 1 => 1_usize..6];
    let cout = prop_oneof![3 => 1_usize..150, 1 => Just(16), 1 => Just(64)];
    let shape = (any::<bool>(), taps, cin, cout).prop_map(|(depthwise, taps, cin, cout)| {
        let kind = if depthwise { Kind::Depthwise } else { Kind::Dense };
        Shape { kind, taps, cin: if depthwise { 1 } else { cin }, cout }
    });
    (shape, 0_usize..41, 0_usize..9, 0_usize..9).prop_flat_map(move |(shape, rows, spare, gap)| {
        let channels = if shape.kind == Kind::Dense { shape.cin } else { shape.cout };
        let step = channels + spare;
        // the extremes must be met often: they are where instruction sets saturate
        let byte = prop_oneof![3 => any::<u8>(), 1 => Just(255_u8), 1 => Just(0_u8)];
        let weight = prop_oneof![3 => any::<i8>(), 1 => Just(-128_i8), 1 => Just(127_i8)];
        let spread = (shape.taps * shape.cin) as f32 * 4000.0;
        let wild = u32::from(wild);
        let bias = prop_oneof![
            8 => -100_000..100_000_i32,
            wild => any::<i32>(),
            wild => prop_oneof![Just(i32::MIN), Just(i32::MAX)],
        ];
        let scale = prop_oneof![
            8 => (10.0..400.0_f32).prop_map(move |steps| steps / spread),
            wild => prop_oneof![Just(1.0), Just(0.5), Just(-0.5), Just(0.0), Just(1e-40)],
            wild => prop_oneof![Just(3e6), Just(-3e6), Just(f32::MAX), Just(f32::MIN)],
        ];
        let (out, sums) = (shape.cout, shape.taps * shape.cin);
        (
            proptest::collection::vec(weight, out * sums),
            proptest::collection::vec(bias.clone(), out),
            proptest::collection::vec(scale, out),
            any::<(u8, u8)>(),
            proptest::collection::vec(byte, PIXELS * step + super::READ_AHEAD),
            proptest::collection::vec(0..PIXELS, rows * shape.taps),
            proptest::option::of(proptest::collection::vec(bias, rows)),
            proptest::option::of(proptest::collection::vec(any::<u8>(), 256)),
        )
            .prop_map(move |(weights, bias, scale, zeros, input, reads, row_bias, table)| Case {
                shape,
                weights,
                bias,
                scale,
                zeros,
                input,
                step,
                reads,
                row_bias,
                table,
                gap,
            })
    })
}

const UNTOUCHED: u8 = 0xa5;

impl Case {
    fn rows(&self) -> usize {
        self.reads.len() / self.shape.taps
    }

    fn run(&self, isa: Isa) -> (Vec<u8>, Vec<u32>) {
        let Self { shape, weights, bias, scale, zeros, .. } = self;
        let packed = pack(isa, *shape, weights, bias, scale, zeros.0);
        let rows: Vec<*const u8> = self.reads.iter().map(|&pixel| self.input[pixel * self.step..].as_ptr()).collect();
        let stride = shape.cout + self.gap;
        let mut bytes = vec![UNTOUCHED; self.rows() * stride];
        let mut floats = vec![f32::from_bits(0xffff_a5a5); self.rows() * stride];
        let table: Option<&[u8; 256]> = self.table.as_ref().map(|table| table.as_slice().try_into().unwrap());
        let quantised = Store::Quantised { out: bytes.as_mut_ptr(), stride, zero: zeros.1, table };
        let float = Store::Float { out: floats.as_mut_ptr(), stride };
        for store in [quantised, float] {
            let job = Job { layer: packed.layer(), rows: &rows, row_bias: self.row_bias.as_deref(), store };
            // SAFETY: every pixel has its channels and READ_AHEAD bytes behind it, the outputs have all rows.
            unsafe { job.run() };
        }
        (bytes, floats.into_iter().map(f32::to_bits).collect())
    }
}

/// The products of greatest magnitude in every place, in both kinds of layer.
#[test]
fn nothing_saturates_on_the_way() {
    for (kind, taps, cin, cout) in [(Kind::Dense, 4, 67, 18), (Kind::Depthwise, 9, 1, 35)] {
        for (byte, weight) in [(0, -128), (255, -128), (0, 127), (255, 127)] {
            let shape = Shape { kind, taps, cin, cout };
            let step = cin.max(cout);
            let case = Case {
                shape,
                weights: vec![weight; cout * taps * cin],
                bias: vec![-77; cout],
                scale: vec![0.01; cout],
                zeros: (byte ^ 0x80, 3),
                input: vec![byte; PIXELS * step + super::READ_AHEAD],
                step,
                reads: (0..11 * taps).map(|i| i % PIXELS).collect(),
                row_bias: None,
                table: None,
                gap: 0,
            };
            let wanted = case.run(Isa::Scalar);
            for isa in Isa::available() {
                assert!(case.run(isa) == wanted, "{isa:?} {kind:?} {byte} {weight}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(target_arch = "aarch64") { 60 } else { 200 }))]

    #[test]
    fn every_instruction_set_gives_what_the_reference_gives(case in cases(true)) {
        let wanted = case.run(Isa::Scalar);
        for isa in Isa::available() {
            let found = case.run(isa);
            prop_assert!(found == wanted, "{isa:?} {:?}", case.shape);
        }
    }

    #[test]
    fn the_reference_is_the_textbook_sum(case in cases(false)) {
        let Case { shape, weights, bias, scale, zeros, step, .. } = &case;
        let (bytes, _) = case.run(Isa::Scalar);
        let per_channel = shape.taps * shape.cin;
        for row in 0..case.rows() {
            for channel in 0..shape.cout {
                let mut sum = i64::from(bias[channel]) + case.row_bias.as_ref().map_or(0, |bias| i64::from(bias[row]));
                for tap in 0..shape.taps {
                    for c in 0..shape.cin {
                        let read = if shape.kind == Kind::Dense { c } else { channel };
                        let x = case.input[case.reads[row * shape.taps + tap] * step + read];
                        let weight = weights[channel * per_channel + tap * shape.cin + c];
                        sum += (i64::from(x) - i64::from(zeros.0)) * i64::from(weight);
                    }
                }
                let steps = (sum as f32 * scale[channel]).round_ties_even();
                let value = (steps + f32::from(zeros.1)).clamp(0.0, 255.0) as usize;
                let wanted = case.table.as_ref().map_or(value as u8, |table| table[value]);
                let at = row * (shape.cout + case.gap);
                prop_assert_eq!(bytes[at + channel], wanted);
                prop_assert!(bytes[at + shape.cout..].iter().take(case.gap).all(|&byte| byte == UNTOUCHED));
            }
        }
    }
}
