//! A logarithmic scale of whole decades: values in, places from 0 to 1, ticks and their labels out. Pure.

/// From `10^low` to `10^high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    /// The decades that hold all values; values that are not above 0 have no place and do not count.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let logs: Vec<f64> = values.into_iter().filter(|v| v.is_finite() && *v > 0.0).map(f64::log10).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if logs.is_empty() {
            return Self { low: 0, high: 1 };
        }
        let (low, high) = (whole((least + 1e-9).floor()), whole((most - 1e-9).ceil()));
        Self { low, high: high.max(low + 1) }
    }

    /// 0 at the lower end, 1 at the upper; `None` for what has no logarithm.
    pub fn place(&self, value: f64) -> Option<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "a place of a picture needs no more than an f32")]
        let place = ((value.log10() - f64::from(self.low)) / f64::from(self.high - self.low)) as f32;
        (value > 0.0 && place.is_finite()).then_some(place)
    }

    /// Every power of ten on it.
    pub fn decades(&self) -> impl Iterator<Item = i32> + use<> {
        self.low..=self.high
    }

    /// Twice to nine times every power of ten.
    pub fn between(&self) -> impl Iterator<Item = f64> + use<> {
        (self.low..self.high).flat_map(|decade| (2..10).map(move |times| f64::from(times) * 10_f64.powi(decade)))
    }
}

/// `0.01`, `1`, `10,000`.
pub fn label(decade: i32) -> String {
    let zeros = usize::try_from(decade.unsigned_abs()).unwrap_or(0);
    if decade < 0 {
        return format!("0.{}1", "0".repeat(zeros - 1));
    }
    let digits = format!("1{}", "0".repeat(zeros));
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of an f64 is small")]
const fn whole(log: f64) -> i32 {
    log as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decades_hold_all_values_and_no_more() {
        assert_eq!(Scale::around([100.0, 5000.0]), Scale { low: 2, high: 4 });
        assert_eq!(Scale::around([10.0, 100_000.0]), Scale { low: 1, high: 5 });
        assert_eq!(Scale::around([0.02, 0.05]), Scale { low: -2, high: -1 });
        assert_eq!(Scale::around([1.0]), Scale { low: 0, high: 1 });
        assert_eq!(Scale::around([]), Scale { low: 0, high: 1 });
        assert_eq!(Scale::around([0.0, f64::NAN, 5.0]), Scale { low: 0, high: 1 });
    }

    #[test]
    fn a_decade_is_the_same_length_everywhere() {
        let scale = Scale::around([1.0, 100.0]);
        assert_eq!([1.0, 10.0, 100.0].map(|v| scale.place(v)), [Some(0.0), Some(0.5), Some(1.0)]);
        assert_eq!((scale.place(0.0), scale.place(-1.0)), (None, None));
        assert_eq!(scale.decades().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(scale.between().count(), 16);
    }

    #[test]
    fn labels_are_written_out() {
        let labels = [-3, -1, 0, 1, 3, 4, 6].map(label);
        assert_eq!(labels, ["0.001", "0.1", "1", "10", "1,000", "10,000", "1,000,000"]);
    }
}
