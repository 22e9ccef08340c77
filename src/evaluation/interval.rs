//! Percentile bootstrap by study: how often each study is drawn in, the middle 95 % of the figure out.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

/// How often each study counts, for every resample.
pub(super) fn draws(studies: usize, resamples: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let draw = |_| {
        let mut counts = vec![0; studies];
        (0..studies).for_each(|_| counts[random.random_range(0..studies)] += 1);
        counts
    };
    if studies == 0 { Vec::new() } else { (0..resamples).map(draw).collect() }
}

/// 2.5th and 97.5th percentile (nearest rank) of `figure` over the resamples in which it can be had.
pub(super) fn interval(draws: &[Vec<u32>], figure: impl Fn(&[u32]) -> Option<f64> + Sync) -> Option<[f64; 2]> {
    let mut values: Vec<f64> = draws.par_iter().filter_map(|counts| figure(counts)).collect();
    values.sort_by(f64::total_cmp);
    let at = |thousandths: usize| values.get((values.len() * thousandths).div_ceil(1000).max(1) - 1).copied();
    Some([at(25)?, at(975)?])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_resample_has_as_many_studies_and_the_seed_decides() {
        let drawn = draws(10, 50, 1);
        assert!(drawn.iter().all(|counts| counts.iter().sum::<u32>() == 10));
        assert_eq!(drawn, draws(10, 50, 1));
        assert_ne!(drawn, draws(10, 50, 2));
        assert!(draws(0, 50, 1).is_empty());
    }

    #[test]
    fn the_interval_of_a_share_is_that_of_the_binomial() {
        // 80 of 100: the binomial's standard error is 0.04
        let share = |counts: &[u32]| Some(f64::from(counts[..80].iter().sum::<u32>()) / 100.0);
        let [low, high] = interval(&draws(100, 4000, 7), share).unwrap();
        assert!((low - 0.72).abs() < 0.015 && (high - 0.88).abs() < 0.015, "{low} {high}");
        assert_eq!(interval(&draws(100, 10, 7), |_| None), None);
    }
}
