//! Repeated measurements in, medians and spreads out. Pure.

use serde::Serialize;

/// Where the middle half of the values lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// First quartile.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub high: f64,
}

impl Spread {
    /// Quartiles, interpolated between the two nearest values; `None` without a value.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |quarters: usize| {
            let (whole, part) = (quarters * last / 4, (quarters * last % 4) as f64 / 4.0);
            values[whole] + part * (values[(whole + 1).min(last)] - values[whole])
        };
        Some(Self { low: at(1), median: at(2), high: at(3) })
    }

    /// Of what `theirs` took in multiples of what `ours` took in the same round: above 1 ours is faster.
    pub fn of_ratios(theirs: &[f64], ours: &[f64]) -> Option<Self> {
        Self::of(theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours))
    }

    /// `2.31 (2.28 to 2.40)`.
    pub fn words(&self, decimals: usize) -> String {
        let Self { low, median, high } = self;
        format!("{median:.decimals$} ({low:.decimals$} to {high:.decimals$})")
    }
}

/// The middle value; 0 without a value.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Spread::of(values).map_or(0.0, |spread| spread.median)
}

/// Largest difference between two outputs; infinite where they differ in length or one is not a number.
pub fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    let worse = |most: f32, d: f32| if d.is_nan() { f32::INFINITY } else { most.max(d) };
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, worse)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_the_nearest_values() {
        let of = |values: &[f64]| Spread::of(values.iter().copied()).map(|s| [s.low, s.median, s.high]);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7.0]), Some([7.0, 7.0, 7.0]));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0]), Some([1.75, 2.5, 3.25]));
        assert_eq!(of(&[5.0, 1.0, 2.0, 4.0, 3.0]), Some([2.0, 3.0, 4.0]));
    }

    #[test]
    fn a_ratio_is_taken_round_by_round_so_that_a_slow_minute_of_the_machine_cancels() {
        let spread = Spread::of_ratios(&[20.0, 200.0, 20.0], &[10.0, 100.0, 10.0]).unwrap();
        assert_eq!(spread.words(2), "2.00 (2.00 to 2.00)");
    }

    #[test]
    fn one_slow_run_does_not_move_the_median() {
        assert_eq!(median([1.0, 1.0, 1.0, 90.0, 1.0]), 1.0);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn outputs_that_cannot_be_compared_differ_without_limit() {
        assert_eq!(largest_difference(&[1.0, 2.0], &[1.5, 2.0]), 0.5);
        assert_eq!(largest_difference(&[1.0], &[1.0, 2.0]), f32::INFINITY);
        assert_eq!(largest_difference(&[f32::NAN], &[1.0]), f32::INFINITY);
    }
}
