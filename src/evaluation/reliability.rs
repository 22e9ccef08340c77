//! Whether a score of 0.8 is right in four of five: answers in bins of a tenth, and the expected calibration error. Bins as
//! scikit-learn's `calibration_curve(strategy="uniform")` has them. Pure.

use super::ranked::Ranked;

/// Bins of equal width.
const BINS: usize = 10;

/// Answers whose scores lie in one tenth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many.
    pub answers: u64,
    /// Sum of their scores.
    scores: f64,
    /// How many of them are a yes.
    pub yes: u64,
}

impl Bin {
    /// Mean score.
    pub fn score(&self) -> f64 {
        self.scores / self.answers.max(1) as f64
    }

    /// Share that is a yes.
    pub fn share(&self) -> f64 {
        self.yes as f64 / self.answers.max(1) as f64
    }
}

/// The bins from 0 to 1, the upper edge within; empty ones too.
pub fn bins(ranked: &Ranked, drawn: &[u32]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    let mut tenth = BINS - 1;
    for (study, score, truth) in ranked.answers() {
        let (score, times) = (f64::from(score), u64::from(drawn.get(study).copied().unwrap_or(0)));
        // best first, so the bin only falls
        while tenth > 0 && score <= tenth as f64 * 0.1 {
            tenth -= 1;
        }
        let bin = &mut bins[tenth];
        bin.answers += times;
        bin.scores += times as f64 * score;
        bin.yes += times * u64::from(truth);
    }
    bins
}

/// Mean distance of score and share over all answers; `None` without any.
pub fn calibration_error(ranked: &Ranked, drawn: &[u32]) -> Option<f64> {
    let bins = bins(ranked, drawn);
    let answers: u64 = bins.iter().map(|bin| bin.answers).sum();
    let off: f64 = bins.iter().map(|bin| (bin.scores - bin.yes as f64).abs()).sum();
    (answers > 0).then(|| off / answers as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_keeps_its_word_has_no_error() {
        let ranked = Ranked::of((0..4).map(|i| (0, 0.75, i > 0)));
        assert!(calibration_error(&ranked, &[1]).unwrap() < 1e-12);
        assert_eq!(bins(&ranked, &[1])[7].answers, 4);
    }

    #[test]
    fn the_error_is_weighed_by_answers() {
        // three at 0.9, none right; one at 0.25, right: (2.7 + 0.75) / 4
        let ranked = Ranked::of([(0, 0.9, false), (0, 0.9, false), (0, 0.9, false), (0, 0.25, true)]);
        assert!((calibration_error(&ranked, &[1]).unwrap() - 3.45 / 4.0).abs() < 1e-6);
        assert_eq!(calibration_error(&Ranked::default(), &[1]), None);
    }

    #[test]
    fn an_edge_belongs_to_the_bin_below() {
        let filled = |score: f32| bins(&Ranked::of([(0, score, true)]), &[1]).iter().position(|b| b.answers == 1);
        assert_eq!([0.0, 0.25, 0.5, 0.51, 1.0].map(filled), [Some(0), Some(2), Some(4), Some(5), Some(9)]);
    }
}
