//! Scores with a yes or no each, best first: the curves of receiver operating characteristic and of precision against recall,
//! and what lies under them. As scikit-learn defines them (`roc_auc_score`, `average_precision_score`): equal scores are one
//! step. Pure.

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Answer {
    score: f32,
    truth: bool,
    /// Which study it belongs to.
    study: usize,
}

/// One step of a curve: what has at least this score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The score.
    pub score: f32,
    /// Yes and right.
    pub hits: u32,
    /// Yes and wrong.
    pub false_alarms: u32,
}

/// Answers of all studies, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranked {
    answers: Vec<Answer>,
}

impl Ranked {
    /// Of answers as (study, score, truth).
    pub fn of(answers: impl IntoIterator<Item = (usize, f32, bool)>) -> Self {
        let answer = |(study, score, truth)| Answer { score, truth, study };
        let mut answers: Vec<Answer> = answers.into_iter().map(answer).collect();
        answers.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self { answers }
    }

    /// One step per score that occurs, each study counted as often as it was drawn.
    pub fn steps(&self, drawn: &[u32]) -> impl Iterator<Item = Step> {
        let (mut hits, mut false_alarms) = (0, 0);
        self.answers.chunk_by(|a, b| a.score == b.score).filter_map(move |equal| {
            let before = (hits, false_alarms);
            for answer in equal {
                let times = drawn.get(answer.study).copied().unwrap_or(0);
                *(if answer.truth { &mut hits } else { &mut false_alarms }) += times;
            }
            ((hits, false_alarms) != before).then(|| Step { score: equal[0].score, hits, false_alarms })
        })
    }

    /// How many answers should be yes, and how many no.
    pub fn there(&self, drawn: &[u32]) -> (u32, u32) {
        self.steps(drawn).last().map_or((0, 0), |step| (step.hits, step.false_alarms))
    }

    /// Area under the receiver operating characteristic; `None` unless there is a yes and a no.
    pub fn area(&self, drawn: &[u32]) -> Option<f64> {
        let (mut area, mut hits, mut false_alarms) = (0.0, 0.0, 0.0);
        for step in self.steps(drawn) {
            let (to, along) = (f64::from(step.hits), f64::from(step.false_alarms));
            area += (along - false_alarms) * (to + hits) / 2.0;
            (hits, false_alarms) = (to, along);
        }
        (hits > 0.0 && false_alarms > 0.0).then(|| area / (hits * false_alarms))
    }

    /// Average precision without interpolation; `None` without a yes.
    pub fn average_precision(&self, drawn: &[u32]) -> Option<f64> {
        let (mut sum, mut hits) = (0.0, 0.0);
        for step in self.steps(drawn) {
            let to = f64::from(step.hits);
            sum += (to - hits) * to / (to + f64::from(step.false_alarms));
            hits = to;
        }
        (hits > 0.0).then(|| sum / hits)
    }

    /// Every answer as (study, score, truth), best first.
    pub fn answers(&self) -> impl Iterator<Item = (usize, f32, bool)> {
        self.answers.iter().map(|answer| (answer.study, answer.score, answer.truth))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn ranked(answers: &[(f32, bool)]) -> Ranked {
        Ranked::of(answers.iter().map(|(score, truth)| (0, *score, *truth)))
    }

    #[test]
    fn areas_are_those_of_the_textbook() {
        // the example of scikit-learn's own pages: area 0.75, average precision 0.83
        let ranked = ranked(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)]);
        assert!((ranked.area(&[1]).unwrap() - 0.75).abs() < 1e-12);
        assert!((ranked.average_precision(&[1]).unwrap() - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn equal_scores_are_one_step_and_a_half_of_the_area() {
        let ranked = ranked(&[(0.5, true), (0.5, false), (0.5, true), (0.5, false)]);
        assert_eq!(ranked.steps(&[1]).count(), 1);
        assert_eq!((ranked.area(&[1]), ranked.average_precision(&[1])), (Some(0.5), Some(0.5)));
    }

    #[test]
    fn without_a_yes_or_a_no_there_is_no_area() {
        assert_eq!(ranked(&[(0.5, true)]).area(&[1]), None);
        assert_eq!(ranked(&[(0.5, false)]).average_precision(&[1]), None);
        assert_eq!(Ranked::default().area(&[1]), None);
    }

    #[test]
    fn a_study_that_is_not_drawn_makes_no_step() {
        let ranked = Ranked::of([(0, 0.9, true), (1, 0.8, false), (0, 0.7, false)]);
        let steps: Vec<Step> = ranked.steps(&[2, 0]).collect();
        assert_eq!(steps.iter().map(|s| (s.hits, s.false_alarms)).collect::<Vec<_>>(), [(2, 0), (2, 2)]);
    }
}
