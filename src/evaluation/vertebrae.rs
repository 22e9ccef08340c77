//! Figures of the vertebra classifier per slice: the papers' macro F1, exact match ratio and coverage error, and what stands
//! in a confusion table. As scikit-learn defines them (`f1_score(average="macro")`, `accuracy_score`, `coverage_error`).

use super::{SliceResult, StudyResult};

/// Slices between which and a change of the vertebrae shown a slice lies within them.
const APART: usize = 4;

/// Counts over the slices of one study whose truth is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// Per level: shown and said, said only, shown only, neither.
    pub hit: [u32; 7],
    pub said: [u32; 7],
    pub shown: [u32; 7],
    pub slices: u32,
    /// Slices of which all seven answers are right.
    pub exact: u32,
    /// Sum over slices with a vertebra: how many labels down the ranking all true ones are covered.
    pub coverage: u64,
    /// Slices by the uppermost vertebra that they show and that is said; the last row and column: none.
    pub uppermost: [[u32; 8]; 8],
}

impl Counts {
    pub fn of(study: &StudyResult, said: impl Fn(&SliceResult) -> [bool; 7]) -> Self {
        Self::of_chosen(study, said, |_, _| true)
    }

    /// Of the slices that show a vertebra only, as the papers choose their slices.
    pub fn with_vertebra(study: &StudyResult, said: impl Fn(&SliceResult) -> [bool; 7]) -> Self {
        Self::of_chosen(study, said, |_, visible| visible.contains(&true))
    }

    /// Of those that also show the same vertebrae as the [`APART`] slices before and after them: where one vertebra begins and
    /// another ends, the truth of a slice is a matter of a slice.
    pub fn within_vertebrae(study: &StudyResult, said: impl Fn(&SliceResult) -> [bool; 7]) -> Self {
        let slices = &study.slices;
        Self::of_chosen(study, said, |i, visible| {
            let near = &slices[i.saturating_sub(APART)..slices.len().min(i + APART + 1)];
            visible.contains(&true) && near.iter().all(|other| other.visible == Some(visible))
        })
    }

    /// Of the slices whose truth is known, as far as `is_chosen` by their place and what they show.
    fn of_chosen(
        study: &StudyResult,
        said: impl Fn(&SliceResult) -> [bool; 7],
        is_chosen: impl Fn(usize, [bool; 7]) -> bool,
    ) -> Self {
        let mut counts = Self::default();
        for (i, slice) in study.slices.iter().enumerate() {
            if let Some(visible) = slice.visible.filter(|visible| is_chosen(i, *visible)) {
                counts.add(&slice.vertebrae, said(slice), visible);
            }
        }
        counts
    }

    /// Takes one slice: probabilities, which of them count as a yes, and the truth.
    pub fn add(&mut self, probabilities: &[f32; 7], said: [bool; 7], visible: [bool; 7]) {
        for i in 0..7 {
            self.hit[i] += u32::from(said[i] && visible[i]);
            self.said[i] += u32::from(said[i]);
            self.shown[i] += u32::from(visible[i]);
        }
        self.uppermost[first(visible)][first(said)] += 1;
        self.slices += 1;
        self.exact += u32::from(said == visible);
        if visible.contains(&true) {
            let lowest = (0..7).filter(|&i| visible[i]).map(|i| probabilities[i]).fold(f32::INFINITY, f32::min);
            self.coverage += probabilities.iter().filter(|p| **p >= lowest).count() as u64;
        }
    }

    /// The sum of the studies, each as often as it was drawn.
    pub fn sum(studies: &[Self], drawn: &[u32]) -> Self {
        let mut sum = Self::default();
        for (counts, &times) in studies.iter().zip(drawn) {
            for i in 0..7 {
                sum.hit[i] += times * counts.hit[i];
                sum.said[i] += times * counts.said[i];
                sum.shown[i] += times * counts.shown[i];
            }
            sum.slices += times * counts.slices;
            sum.exact += times * counts.exact;
            sum.coverage += u64::from(times) * counts.coverage;
            for (row, counts) in sum.uppermost.iter_mut().zip(counts.uppermost) {
                row.iter_mut().zip(counts).for_each(|(sum, count)| *sum += times * count);
            }
        }
        sum
    }

    /// F1 of one level; 0 where it is neither shown nor said.
    pub fn f1(&self, level: usize) -> f64 {
        ratio(2 * self.hit[level], self.said[level] + self.shown[level]).unwrap_or(0.0)
    }

    pub fn macro_f1(&self) -> Option<f64> {
        (self.slices > 0).then(|| (0..7).map(|level| self.f1(level)).sum::<f64>() / 7.0)
    }

    pub fn exact_match(&self) -> Option<f64> {
        ratio(self.exact, self.slices)
    }

    /// How far down the ranking one has to go, on average over all slices; a slice without a vertebra counts 0, as in
    /// `coverage_error`.
    pub fn coverage_error(&self) -> Option<f64> {
        (self.slices > 0).then(|| self.coverage as f64 / f64::from(self.slices))
    }

    /// Vertebrae that a slice shows, on average: no coverage error is lower.
    pub fn least_coverage_error(&self) -> Option<f64> {
        (self.slices > 0).then(|| f64::from(self.shown.iter().sum::<u32>()) / f64::from(self.slices))
    }

    /// Shown and said, shown only, said only, neither.
    pub fn confusion(&self, level: usize) -> [u32; 4] {
        let hit = self.hit[level];
        [hit, self.shown[level] - hit, self.said[level] - hit, self.neither(level)]
    }

    pub fn sensitivity(&self, level: usize) -> Option<f64> {
        ratio(self.hit[level], self.shown[level])
    }

    pub fn specificity(&self, level: usize) -> Option<f64> {
        ratio(self.neither(level), self.slices - self.shown[level])
    }

    /// `None` where the level is never said.
    pub fn precision(&self, level: usize) -> Option<f64> {
        ratio(self.hit[level], self.said[level])
    }

    pub fn accuracy(&self, level: usize) -> Option<f64> {
        ratio(self.hit[level] + self.neither(level), self.slices)
    }

    /// The mean over the levels.
    pub fn mean_accuracy(&self) -> Option<f64> {
        let each: Option<Vec<f64>> = (0..7).map(|level| self.accuracy(level)).collect();
        each.map(|each| each.iter().sum::<f64>() / 7.0)
    }

    /// Neither shown nor said.
    pub fn neither(&self, level: usize) -> u32 {
        self.slices + self.hit[level] - self.said[level] - self.shown[level]
    }
}

/// What the classifier says of a slice by itself.
pub(super) fn said(thresholds: &[f32; 7]) -> impl Fn(&SliceResult) -> [bool; 7] {
    |slice| std::array::from_fn(|i| slice.vertebrae[i] >= thresholds[i])
}

/// What the device counts in it along the neck.
pub(super) fn counted(slice: &SliceResult) -> [bool; 7] {
    slice.counted
}

/// The first of the levels, 7 for none.
fn first(levels: [bool; 7]) -> usize {
    levels.into_iter().position(|level| level).unwrap_or(7)
}

/// `None` for nothing out of nothing.
pub(super) fn ratio(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
mod tests {
    use super::super::figures::tests::study;
    use super::*;

    fn slice(visible: [u8; 7], vertebrae: [f32; 7]) -> SliceResult {
        SliceResult {
            number: 1,
            visible: Some(visible.map(|v| v == 1)),
            vertebrae,
            counted: [false; 7],
            true_boxes: vec![],
            boxes: vec![],
            opinion: None,
        }
    }

    /// Three slices; the expected values are those of scikit-learn 1.9.1 on the same arrays.
    #[test]
    fn figures_are_those_of_scikit_learn() {
        let slices = vec![
            slice([1, 1, 0, 0, 0, 0, 0], [0.9, 0.6, 0.1, 0.0, 0.0, 0.0, 0.0]),
            slice([0, 1, 1, 0, 0, 0, 0], [0.2, 0.7, 0.4, 0.5, 0.0, 0.0, 0.0]),
            slice([0, 0, 0, 0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.8]),
        ];
        let study = study([false; 7], slices);
        let (counts, shown) = (Counts::of(&study, said(&[0.5; 7])), Counts::with_vertebra(&study, said(&[0.5; 7])));
        assert!((counts.macro_f1().unwrap() - 2.0 / 7.0).abs() < 1e-12);
        assert!((counts.exact_match().unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((shown.slices, shown.exact_match()), (2, Some(0.5)));
        // covered at rank 2 and at rank 3
        assert_eq!(shown.coverage_error(), Some(2.5));
        assert!((counts.coverage_error().unwrap() - 5.0 / 3.0).abs() < 1e-12);
        assert_eq!(shown.least_coverage_error(), Some(2.0), "each of the two shows two");
        assert_eq!((counts.precision(1), counts.precision(2), counts.accuracy(6)), (Some(1.0), None, Some(2.0 / 3.0)));
        assert_eq!((counts.sensitivity(2), counts.specificity(3)), (Some(0.0), Some(2.0 / 3.0)));
    }

    #[test]
    fn what_the_device_counts_is_judged_beside_what_the_classifier_says() {
        let said_wrong = slice([1, 1, 0, 0, 0, 0, 0], [0.9, 0.1, 0.6, 0.0, 0.0, 0.0, 0.0]);
        let slices = vec![SliceResult { counted: [true, true, false, false, false, false, false], ..said_wrong }];
        let study = study([false; 7], slices);
        assert_eq!(Counts::with_vertebra(&study, said(&[0.5; 7])).exact_match(), Some(0.0));
        assert_eq!(Counts::with_vertebra(&study, counted).exact_match(), Some(1.0));
    }

    #[test]
    fn a_slice_stands_once_in_the_matrix_of_uppermost_vertebrae() {
        let slices = vec![
            slice([0, 1, 1, 0, 0, 0, 0], [0.9, 0.9, 0.1, 0.0, 0.0, 0.0, 0.0]),
            slice([0, 0, 0, 0, 0, 0, 0], [0.1; 7]),
        ];
        let counts = Counts::sum(&[Counts::of(&study([false; 7], slices), said(&[0.5; 7]))], &[3]);
        assert_eq!((counts.uppermost[1][0], counts.uppermost[7][7]), (3, 3));
        assert_eq!(counts.uppermost.iter().flatten().sum::<u32>(), 6);
    }

    #[test]
    fn a_study_that_is_drawn_twice_counts_twice() {
        let one = Counts::of(&study([false; 7], vec![slice([1, 0, 0, 0, 0, 0, 0], [0.9; 7])]), said(&[0.5; 7]));
        let other = Counts::of(&study([false; 7], vec![slice([1; 7], [0.9; 7])]), said(&[0.5; 7]));
        let sum = Counts::sum(&[one, other], &[2, 1]);
        assert_eq!((sum.slices, sum.exact, sum.shown[0], sum.said[6]), (3, 1, 3, 3));
    }
}
