//! Means, percentiles and shares of lists of numbers; `None` of nothing. Pure.

/// Mean.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Percentile, from 0 to 100, between neighbours in proportion.
pub(super) fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = percent / 100.0 * sorted.len().checked_sub(1)? as f64;
    let share = place.fract();
    let below = (0..sorted.len()).take_while(|i| *i as f64 <= place).last()?;
    let above = sorted.get(below + 1).unwrap_or(&sorted[below]);
    Some(sorted[below] * (1.0 - share) + above * share)
}

/// Share of the values for which something holds.
pub(super) fn share<T>(values: &[T], holds: impl Fn(&T) -> bool) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().filter(|value| holds(value)).count() as f64 / values.len() as f64)
}

/// Correlation of two yes-or-no answers (phi).
pub(super) fn correlation(pairs: &[(bool, bool)]) -> Option<f64> {
    let [a, b] = [share(pairs, |pair| pair.0)?, share(pairs, |pair| pair.1)?];
    let both = share(pairs, |pair| pair.0 && pair.1)?;
    let spread = (a * (1.0 - a) * b * (1.0 - b)).sqrt();
    (spread > 0.0).then(|| (both - a * b) / spread)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 50.0, 100.0].map(|p| percentile(&values, p)), [Some(1.0), Some(2.5), Some(4.0)]);
        assert!((percentile(&values, 5.0).unwrap() - 1.15).abs() < 1e-12, "as numpy.percentile");
        assert_eq!((percentile(&[], 50.0), mean(&[])), (None, None));
    }

    #[test]
    fn answers_that_agree_correlate() {
        let same = [(true, true), (false, false)];
        assert_eq!(correlation(&same), Some(1.0));
        assert_eq!(correlation(&[(true, false), (false, true)]), Some(-1.0));
        assert_eq!(correlation(&[(true, true)]), None);
    }
}
