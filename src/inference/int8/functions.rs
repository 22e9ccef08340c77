//! The functions of nodes, as tables and as values.

use crate::inference::int8::graph::{Binary, Steps, Unary};

/// What each of the 256 quantised values stands for, or becomes.
pub type RealTable = [f32; 256];
/// What each of the 256 quantised values becomes.
pub type ByteTable = [u8; 256];

impl Unary {
    /// The function, as exactly as double precision allows.
    #[allow(clippy::cast_possible_truncation, reason = "back to single precision")]
    pub fn at(self, x: f32) -> f32 {
        let x = f64::from(x);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let y = match self {
            Self::Sigmoid => sigmoid(x),
            Self::Tanh => x.tanh(),
            Self::Erf => erf(x),
            Self::Exp => x.exp(),
            Self::Sqrt => x.sqrt(),
            Self::Rsqrt => x.sqrt().recip(),
            Self::Recip => x.recip(),
            Self::Negate => -x,
            Self::Abs => x.abs(),
            Self::Square => x * x,
            Self::Silu => x * sigmoid(x),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        };
        y as f32
    }
}

impl Binary {
    /// The function.
    #[inline(always)]
    pub fn at(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Maximum => a.max(b),
            Self::Minimum => a.min(b),
        }
    }

    /// Whether the operands may change places.
    pub fn commutes(self) -> bool {
        !matches!(self, Self::Subtract | Self::Divide)
    }
}

impl Steps {
    /// `saturate(round_half_even(x / scale) + zero)`.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255")]
    pub fn quantise(self, x: f32) -> u8 {
        ((x / self.scale).round_ties_even() + f32::from(self.zero)).clamp(0.0, 255.0) as u8
    }

    /// `(value - zero) * scale`.
    #[inline(always)]
    pub fn real(self, value: u8) -> f32 {
        (f32::from(value) - f32::from(self.zero)) * self.scale
    }

    /// What each value stands for.
    pub fn table(self) -> RealTable {
        std::array::from_fn(|value| self.real(u8::try_from(value).unwrap_or(u8::MAX)))
    }

    /// What each value becomes when its real value is quantised.
    pub fn quantised(self, table: &RealTable) -> ByteTable {
        table.map(|x| self.quantise(x))
    }
}

/// Whether a table changes nothing.
pub fn is_identity(table: &ByteTable) -> bool {
    table.iter().enumerate().all(|(value, &to)| value == usize::from(to))
}

/// The error function: its Taylor series near zero, a continued fraction away from it (Abramowitz and Stegun 7.1.6 and
/// 7.1.14).
fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude > 6.0 {
        return x.signum();
    }
    if magnitude < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60_u32 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let fraction = (1..60_u32).rev().fold(0.0, |tail, n| f64::from(n) / 2.0 / (magnitude + tail));
    let complement = (-x * x).exp() / (magnitude + fraction) * std::f64::consts::FRAC_2_SQRT_PI / 2.0;
    (1.0 - complement).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        for (x, wanted) in [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)] {
            assert!((erf(x) - wanted).abs() < 1e-9, "{x}");
            assert!((erf(-x) + wanted).abs() < 1e-9, "{x}");
        }
        assert!((erf(2.6) - 0.999_763_965_6).abs() < 1e-9 && (erf(3.5) - 0.999_999_256_9).abs() < 1e-9);
    }

    #[test]
    fn rounding_is_half_to_even_and_saturates() {
        let steps = Steps { scale: 0.5, zero: 10 };
        let found: Vec<u8> = [0.25, 0.75, -0.25, 1000.0, -1000.0, 0.5].map(|x| steps.quantise(x)).to_vec();
        assert_eq!(found, [10, 12, 10, 255, 0, 11]);
        assert!(is_identity(&steps.quantised(&steps.table())));
    }
}
