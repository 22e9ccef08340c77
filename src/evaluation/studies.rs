//! Figures per study: what a site would see.

use super::StudyResult;
use super::ranked::Ranked;
use super::vertebrae::ratio;
use crate::triage::{Level, Verdict};

/// Prevalence for which the predictive value is given: fractures among necks scanned after trauma.
const PREVALENCE: f64 = 0.1;

/// One study in yes and no.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Judged {
    fractured: [bool; 7],
    named: [bool; 7],
    /// The vertebra of the strongest finding is fractured.
    first_is_right: bool,
    suspected: bool,
    /// Suspected, or all of the neck analysed.
    judged: bool,
    scores: [f32; 7],
    loss: f64,
}

impl Judged {
    pub fn of(study: &StudyResult) -> Self {
        let mut named = [false; 7];
        study.assessment.levels().for_each(|level| named[level as usize] = true);
        Self {
            fractured: study.fractured,
            named,
            first_is_right: study.assessment.findings.first().is_some_and(|f| study.fractured[f.level as usize]),
            suspected: study.assessment.verdict == Verdict::Suspected,
            judged: matches!(study.assessment.verdict, Verdict::Suspected | Verdict::NoneSuspected),
            scores: study.assessment.vertebrae,
            loss: weighted_log_loss(study),
        }
    }

    fn is_fractured(&self) -> bool {
        self.fractured.contains(&true)
    }

    fn score(&self) -> f32 {
        self.scores.into_iter().fold(0.0, f32::max)
    }
}

/// Studies by their strongest vertebra.
pub(super) fn ranked(studies: &[Judged]) -> Ranked {
    Ranked::of(studies.iter().enumerate().map(|(i, study)| (i, study.score(), study.is_fractured())))
}

/// Studies by the score of one vertebra.
pub(super) fn ranked_level(studies: &[Judged], level: usize) -> Ranked {
    Ranked::of(studies.iter().enumerate().map(|(i, study)| (i, study.scores[level], study.fractured[level])))
}

/// Weighted multi-label log loss of one study, as the RSNA 2022 challenge weighs it: 14 and 7 for the patient as a whole,
/// 2 and 1 for each vertebra (fractured and not), divided by the sum of the study's own weights, then averaged over the
/// studies. Scores are taken as probabilities, within 0.001 and 0.999; the patient's is that of the strongest vertebra.
fn weighted_log_loss(study: &StudyResult) -> f64 {
    let scores = study.assessment.vertebrae;
    let overall = scores.into_iter().fold(0.0, f32::max);
    let labels = Level::ALL.map(|level| (scores[level as usize], study.fractured[level as usize], 1.0));
    let labels = labels.into_iter().chain([(overall, study.fractured.contains(&true), 7.0)]);
    let (mut loss, mut weights) = (0.0, 0.0);
    for (score, fractured, weight) in labels {
        let p = f64::from(score).clamp(1e-3, 1.0 - 1e-3);
        let weight = if fractured { 2.0 * weight } else { weight };
        loss -= weight * if fractured { p.ln() } else { (1.0 - p).ln() };
        weights += weight;
    }
    loss / weights
}

/// All studies, each as often as it was drawn.
pub(super) struct Drawn<'a> {
    pub studies: &'a [Judged],
    pub times: &'a [u32],
}

impl Drawn<'_> {
    fn count(&self, what: impl Fn(&Judged) -> u32) -> u32 {
        self.studies.iter().zip(self.times).map(|(study, times)| times * what(study)).sum()
    }

    fn share(&self, part: impl Fn(&Judged) -> bool, whole: impl Fn(&Judged) -> bool) -> Option<f64> {
        ratio(self.count(|s| u32::from(whole(s) && part(s))), self.count(|s| u32::from(whole(s))))
    }

    pub fn sensitivity(&self) -> Option<f64> {
        self.share(|s| s.suspected, Judged::is_fractured)
    }

    /// Not suspected is right here, whatever keeps it from being so: read it beside [`Drawn::judged`].
    pub fn specificity(&self) -> Option<f64> {
        self.share(|s| !s.suspected, |s| !s.is_fractured())
    }

    /// Studies that are suspected or none suspected, neither partly analysed nor not at all.
    pub fn judged(&self) -> Option<f64> {
        self.share(|s| s.judged, |_| true)
    }

    /// Positive predictive value where one study in ten is fractured.
    pub fn predictive_value(&self) -> Option<f64> {
        let (right, wrong) = (PREVALENCE * self.sensitivity()?, (1.0 - PREVALENCE) * (1.0 - self.specificity()?));
        (right + wrong > 0.0).then(|| right / (right + wrong))
    }

    /// Suspected studies of 100 where one in ten is fractured.
    pub fn alarms_per_100(&self) -> Option<f64> {
        let (right, wrong) = (PREVALENCE * self.sensitivity()?, (1.0 - PREVALENCE) * (1.0 - self.specificity()?));
        Some(100.0 * (right + wrong))
    }

    /// Of the named vertebrae, those that are fractured.
    pub fn level_precision(&self) -> Option<f64> {
        ratio(self.count(both), self.count(|s| ones(s.named)))
    }

    /// Of the fractured vertebrae, those that are named.
    pub fn level_recall(&self) -> Option<f64> {
        ratio(self.count(both), self.count(|s| ones(s.fractured)))
    }

    /// Of the fractured studies that are suspected, those whose strongest finding names a fractured vertebra.
    pub fn level_named_right(&self) -> Option<f64> {
        self.share(|s| s.first_is_right, |s| s.is_fractured() && s.suspected)
    }

    /// Of all vertebrae, those that are named if fractured and not named if not.
    pub fn level_accuracy(&self) -> Option<f64> {
        let right = |s: &Judged| (0..7).map(|i| u32::from(s.named[i] == s.fractured[i])).sum();
        ratio(self.count(right), self.count(|_| 7))
    }

    /// Of the studies in which this vertebra is fractured, those in which it is named.
    pub fn level_sensitivity(&self, level: usize) -> Option<f64> {
        self.share(|s| s.named[level], |s| s.fractured[level])
    }

    /// Of the studies in which this vertebra is not fractured, those in which it is not named.
    pub fn level_specificity(&self, level: usize) -> Option<f64> {
        self.share(|s| !s.named[level], |s| !s.fractured[level])
    }

    /// Fractured and suspected, fractured only, suspected only, neither.
    pub fn confusion(&self) -> [u32; 4] {
        [(true, true), (true, false), (false, true), (false, false)]
            .map(|cell| self.count(|s| u32::from((s.is_fractured(), s.suspected) == cell)))
    }

    /// The same for one vertebra: fractured and named.
    pub fn level_confusion(&self, level: usize) -> [u32; 4] {
        [(true, true), (true, false), (false, true), (false, false)]
            .map(|cell| self.count(|s| u32::from((s.fractured[level], s.named[level]) == cell)))
    }

    /// Studies of which exactly the fractured vertebrae are named.
    pub fn all_levels_right(&self) -> Option<f64> {
        self.share(|s| s.named == s.fractured, |_| true)
    }

    pub fn log_loss(&self) -> Option<f64> {
        let times: u32 = self.times.iter().sum();
        let sum: f64 = self.studies.iter().zip(self.times).map(|(study, times)| f64::from(*times) * study.loss).sum();
        (times > 0).then(|| sum / f64::from(times))
    }
}

fn ones(levels: [bool; 7]) -> u32 {
    levels.into_iter().map(u32::from).sum()
}

fn both(study: &Judged) -> u32 {
    (0..7).map(|i| u32::from(study.named[i] && study.fractured[i])).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
mod tests {
    use super::super::figures::tests::{study, suspects};
    use super::*;

    const C5: [bool; 7] = [false, false, false, false, true, false, false];

    #[test]
    fn a_site_sees_alarms_and_levels() {
        let judged = [
            Judged::of(&suspects(study(C5, vec![]), &[Level::C5, Level::C6])),
            Judged::of(&study(C5, vec![])),
            Judged::of(&study([false; 7], vec![])),
            Judged::of(&suspects(study([false; 7], vec![]), &[Level::C1])),
        ];
        let drawn = Drawn { studies: &judged, times: &[1, 1, 1, 1] };
        assert_eq!((drawn.sensitivity(), drawn.specificity()), (Some(0.5), Some(0.5)));
        assert!((drawn.predictive_value().unwrap() - 0.1).abs() < 1e-12);
        assert!((drawn.alarms_per_100().unwrap() - 50.0).abs() < 1e-9);
        assert_eq!((drawn.level_precision(), drawn.level_recall()), (Some(1.0 / 3.0), Some(0.5)));
        assert_eq!(drawn.all_levels_right(), Some(0.25));
        assert_eq!(drawn.level_named_right(), Some(1.0), "C5 is the first finding");
        assert!((drawn.level_accuracy().unwrap() - 25.0 / 28.0).abs() < 1e-12);
        assert_eq!((drawn.level_sensitivity(4), drawn.level_specificity(0)), (Some(0.5), Some(0.75)));
        assert_eq!((drawn.confusion(), drawn.level_confusion(4)), ([1, 1, 1, 1], [1, 1, 0, 2]));
        let intact_only = Drawn { studies: &judged, times: &[0, 0, 1, 0] };
        assert_eq!((intact_only.sensitivity(), intact_only.specificity()), (None, Some(1.0)));
    }

    #[test]
    fn a_study_that_was_not_analysed_is_not_judged() {
        let mut idle = study(C5, vec![]);
        idle.assessment.verdict = Verdict::NotAnalysed { why: String::new() };
        let judged = [Judged::of(&idle), Judged::of(&study(C5, vec![]))];
        assert_eq!(Drawn { studies: &judged, times: &[1, 1] }.judged(), Some(0.5));
    }

    #[test]
    fn the_loss_weighs_the_patient_and_the_fractures() {
        let mut unsure = study(C5, vec![]);
        unsure.assessment.vertebrae = [0.5; 7];
        assert!((Judged::of(&unsure).loss - 2.0_f64.ln()).abs() < 1e-9, "whatever the weights");
        let missed = Judged::of(&study(C5, vec![])).loss;
        // 16 of 22 weights at ln 1000
        assert!((missed - 16.0 / 22.0 * 1000.0_f64.ln()).abs() < 1e-3, "{missed}");
    }
}
