//! JPEG-LS, lossless and near-lossless (ISO/IEC 14495-1, ITU-T T.87): one component, 2 to 16 bits.
//!
//! Names follow the standard: `near`, `range`, `limit`; a context is Q, its state A, B, C and N.

mod bits;
mod context;

use super::jpeg::Header;
use super::{Fault, Result, Words};
use crate::dicom::image::Image;
use bits::Bits;
use context::{Regular, Run};

/// The coding parameters (A.2.1 and C.2.4.1.1).
struct Parameters {
    max_value: i32,
    near: i32,
    range: i32,
    quantised_bits: u32,
    limit: u32,
    thresholds: [i32; 3],
    reset: i32,
}

impl Parameters {
    fn new(header: &Header) -> Result<Self> {
        let [max_value, t1, t2, t3, reset] = header.presets.map(i32::from);
        let or = |value: i32, default: i32| if value == 0 { default } else { value };
        let max_value = or(max_value, (1 << header.precision) - 1);
        let near = i32::from(header.start);
        if near > 255.min(max_value / 2) || max_value >= 1 << header.precision {
            return Err(Fault::Broken("has impossible coding parameters"));
        }
        let clamp = |value: i32, low: i32| if value > max_value || value < low { low } else { value };
        let defaults = if max_value >= 128 {
            let factor = (max_value.min(4095) + 128) / 256;
            let t1 = clamp(factor + 2 + 3 * near, near + 1);
            let t2 = clamp(factor * 4 + 3 + 5 * near, t1);
            [t1, t2, clamp(factor * 17 + 4 + 7 * near, t2)]
        } else {
            let factor = 256 / (max_value + 1);
            let t1 = clamp((3 / factor + 3 * near).max(2), near + 1);
            let t2 = clamp((7 / factor + 5 * near).max(3), t1);
            [t1, t2, clamp((21 / factor + 7 * near).max(4), t2)]
        };
        let thresholds = [or(t1, defaults[0]), or(t2, defaults[1]), or(t3, defaults[2])];
        let range = (max_value + 2 * near) / (2 * near + 1) + 1;
        let bits = |value: i32| 32 - (value - 1).leading_zeros();
        let sample_bits = bits(max_value + 1).max(2);
        Ok(Self {
            max_value,
            near,
            range,
            quantised_bits: bits(range),
            limit: 2 * (sample_bits + sample_bits.max(8)),
            thresholds,
            reset: or(reset, 64),
        })
    }

    /// A.3.3: a gradient becomes one of nine regions, -4 to 4.
    fn quantise(&self, gradient: i32) -> i32 {
        let [t1, t2, t3] = self.thresholds;
        let size = gradient.abs();
        let region = match () {
            () if size <= self.near => 0,
            () if size < t1 => 1,
            () if size < t2 => 2,
            () if size < t3 => 3,
            () => 4,
        };
        region * gradient.signum()
    }

    /// A.4.4 and A.5.3: prediction and error, modulo the range, become a sample.
    fn reconstruct(&self, prediction: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let value = prediction + error * step;
        let value = match () {
            () if value < -self.near => value + self.range * step,
            () if value > self.max_value + self.near => value - self.range * step,
            () => value,
        };
        value.clamp(0, self.max_value)
    }
}

pub fn decode(header: &Header, image: &Image) -> Result<Words> {
    if header.restart_interval != 0 || header.point_transform != 0 {
        return Err(Fault::Broken("has restart markers or a point transform"));
    }
    let parameters = Parameters::new(header)?;
    let columns = usize::from(image.columns);
    let mut decoder = Decoder {
        regular: vec![Regular::new(parameters.range); 365],
        run: [Run::new(parameters.range, 0), Run::new(parameters.range, 1)],
        run_index: 0,
        bits: Bits::new(header.entropy),
        parameters,
    };
    // lines with one sample more at either side: what the standard takes for neighbours outside the image
    let (mut above, mut line) = (vec![0; columns + 2], vec![0; columns + 2]);
    let mut words = Vec::with_capacity(image.plane_pixels());
    for _ in 0..image.rows {
        above[columns + 1] = above[columns];
        line[0] = above[1];
        decoder.line(&above, &mut line[..=columns])?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=max_value")]
        words.extend(line[1..=columns].iter().map(|&sample| sample as u16));
        std::mem::swap(&mut above, &mut line);
    }
    Ok(Words { words, bits: header.precision.min(image.bits_stored) })
}

struct Decoder<'a> {
    parameters: Parameters,
    regular: Vec<Regular>,
    /// Run interruption, by RItype.
    run: [Run; 2],
    run_index: usize,
    bits: Bits<'a>,
}

impl Decoder<'_> {
    /// Decodes one line; sample `x` of the image is `line[x + 1]`.
    fn line(&mut self, above: &[i32], line: &mut [i32]) -> Result<()> {
        let mut x = 1;
        while x < line.len() {
            let (a, b, c, d) = (line[x - 1], above[x], above[x - 1], above[x + 1]);
            let [q1, q2, q3] = [d - b, b - c, c - a].map(|gradient| self.parameters.quantise(gradient));
            if (q1, q2, q3) == (0, 0, 0) {
                x = self.run(above, line, x)?;
            } else {
                line[x] = self.regular(q1 * 81 + q2 * 9 + q3, median(a, b, c))?;
                x += 1;
            }
            self.bits.check()?;
        }
        Ok(())
    }

    /// A.4 to A.6.
    fn regular(&mut self, context: i32, median: i32) -> Result<i32> {
        let Parameters { max_value, near, limit, quantised_bits, reset, .. } = self.parameters;
        let sign = if context < 0 { -1 } else { 1 };
        let state = &mut self.regular[usize::try_from(context.abs()).unwrap_or(0)];
        let prediction = (median + sign * state.correction()).clamp(0, max_value);
        let k = state.golomb();
        let mapped = self.bits.golomb(k, limit, quantised_bits)?;
        let error = state.unmap(mapped, k, near);
        state.update(error, near, reset);
        Ok(self.parameters.reconstruct(prediction, sign * error))
    }

    /// A.7: repeats the sample to the left, then decodes the one that interrupts the run. Returns the next position.
    fn run(&mut self, above: &[i32], line: &mut [i32], start: usize) -> Result<usize> {
        /// J of table A.7.1.1.
        const ORDER: [u32; 32] =
            [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let a = line[start - 1];
        let mut x = start;
        while self.bits.bit()? {
            let full = 1 << ORDER[self.run_index];
            let length = full.min(line.len() - x);
            line[x..x + length].fill(a);
            x += length;
            if length == full {
                self.run_index = (self.run_index + 1).min(31);
            }
            if x == line.len() {
                return Ok(x);
            }
        }
        let order = ORDER[self.run_index];
        let length = usize::try_from(self.bits.read(order)?).unwrap_or(usize::MAX);
        if length >= line.len() - x {
            return Err(Fault::Broken("has a run beyond its line"));
        }
        line[x..x + length].fill(a);
        x += length;
        line[x] = self.interruption(a, above[x], order)?;
        self.run_index = self.run_index.saturating_sub(1);
        Ok(x + 1)
    }

    /// A.7.2.
    fn interruption(&mut self, a: i32, b: i32, order: u32) -> Result<i32> {
        let Parameters { near, limit, quantised_bits, reset, .. } = self.parameters;
        let same = (a - b).abs() <= near;
        let state = &mut self.run[usize::from(same)];
        let k = state.golomb();
        let mapped = self.bits.golomb(k, limit - order - 1, quantised_bits)?;
        let error = state.unmap(mapped, k);
        state.update(error, mapped, reset);
        let sign = if !same && a > b { -1 } else { 1 };
        Ok(self.parameters.reconstruct(if same { a } else { b }, sign * error))
    }
}

/// The median edge detector (A.4.1).
fn median(a: i32, b: i32, c: i32) -> i32 {
    if c >= a.max(b) {
        a.min(b)
    } else if c <= a.min(b) {
        a.max(b)
    } else {
        a + b - c
    }
}
