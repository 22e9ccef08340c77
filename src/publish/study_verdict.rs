//! The latest assessments of the series of one study in; the study's one assessment out. Pure.
//!
//! A trauma study has a head, a neck in two kernels, a scout. The neck that was analysed in full decides, unless any
//! series is suspected: a suspicion is never outvoted. Order: suspected, none suspected (a series showed the whole
//! neck), partly analysed (the one that saw most), not analysed. What is final goes before what still arrives.

use crate::store::SeriesAssessment;
use crate::triage::{Assessment, Verdict};

/// The study's assessment; `None` without any series.
pub fn over_series(series: &[SeriesAssessment]) -> Option<Assessment> {
    let assessments = || series.iter().map(|series| &series.assessment);
    let suspected = assessments().filter(|a| a.verdict == Verdict::Suspected);
    // Of equals, the first given leads (`max_by` alone would take the last).
    let joined = suspected.cloned().reduce(join);
    joined.or_else(|| assessments().rev().max_by_key(|a| weight(a)).cloned())
}

/// Of two suspected series: all findings, each level once with its higher score. What is final leads, then the higher
/// score: a suspicion that a finished series supports no longer depends on what still arrives in another.
fn join(a: Assessment, b: Assessment) -> Assessment {
    let top = |assessment: &Assessment| assessment.findings.first().map_or(0.0, |finding| finding.score);
    let b_leads = (a.provisional, top(&b)) > (b.provisional, top(&a));
    let (mut lead, other) = if b_leads { (b, a) } else { (a, b) };
    for finding in other.findings {
        match lead.findings.iter_mut().find(|mine| mine.level == finding.level) {
            Some(mine) if mine.score < finding.score => *mine = finding,
            Some(_) => {}
            None => lead.findings.push(finding),
        }
    }
    lead.findings.sort_by(|x, y| y.score.total_cmp(&x.score));
    for (mine, theirs) in lead.vertebrae.iter_mut().zip(other.vertebrae) {
        *mine = mine.max(theirs);
    }
    lead
}

fn weight(assessment: &Assessment) -> (bool, u8, usize, u32) {
    let rank = match assessment.verdict {
        Verdict::Suspected => 3,
        Verdict::NoneSuspected => 2,
        Verdict::PartlyAnalysed { .. } => 1,
        Verdict::NotAnalysed { .. } => 0,
    };
    (!assessment.provisional, rank, assessment.coverage.levels_seen.len(), assessment.coverage.slices_analysed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::samples::{self, finding};
    use super::*;
    use crate::triage::{Level, Missing};

    fn series(assessments: &[Assessment]) -> Vec<SeriesAssessment> {
        let given =
            |(i, a): (usize, &Assessment)| SeriesAssessment { series_key: format!("s{i}"), assessment: a.clone() };
        assessments.iter().enumerate().map(given).collect()
    }

    fn not_analysed() -> Assessment {
        Assessment { verdict: Verdict::NotAnalysed { why: "no CT of the neck".into() }, ..samples::none_suspected() }
    }

    fn partly(levels: &[Level]) -> Assessment {
        let mut partly = samples::none_suspected();
        partly.coverage.levels_seen = levels.to_vec();
        partly.missing = vec![Missing::TimeLimit];
        partly.verdict = Verdict::PartlyAnalysed { missing: partly.missing.clone() };
        partly
    }

    #[test]
    fn a_suspicion_is_never_outvoted() {
        let suspected = samples::suspected(&[Level::C2]);
        for other in [samples::none_suspected(), partly(&[Level::C1]), not_analysed()] {
            for pair in [[suspected.clone(), other.clone()], [other, suspected.clone()]] {
                assert_eq!(over_series(&series(&pair)), Some(suspected.clone()));
            }
        }
    }

    #[test]
    fn the_series_that_showed_most_of_the_neck_decides() {
        let whole = samples::none_suspected();
        let (little, more) = (partly(&[Level::C1]), partly(&[Level::C1, Level::C2]));
        assert_eq!(over_series(&series(&[not_analysed(), whole.clone(), more.clone()])), Some(whole));
        assert_eq!(over_series(&series(&[more.clone(), little, not_analysed()])), Some(more));
        assert_eq!(over_series(&[]), None);
    }

    #[test]
    fn what_is_final_goes_before_what_still_arrives() {
        let whole = samples::none_suspected();
        let arriving = Assessment { provisional: true, ..samples::none_suspected() };
        assert_eq!(over_series(&series(&[arriving, not_analysed()])), Some(not_analysed()));
        assert!(!over_series(&series(&[whole, partly(&[])])).unwrap().provisional);
    }

    #[test]
    fn two_suspected_series_are_joined_level_by_level() {
        let mut a = samples::suspected(&[Level::C2, Level::C5]);
        a.findings = vec![finding(Level::C2, 0.9), finding(Level::C5, 0.6)];
        let mut b = Assessment { provisional: true, ..a.clone() };
        b.findings = vec![finding(Level::C6, 0.95), finding(Level::C5, 0.8)];
        for pair in [[a.clone(), b.clone()], [b, a]] {
            let joined = over_series(&series(&pair)).unwrap();
            let found: Vec<_> = joined.findings.iter().map(|f| (f.level, f.score)).collect();
            assert_eq!(found, [(Level::C6, 0.95), (Level::C2, 0.9), (Level::C5, 0.8)]);
            assert!(!joined.provisional, "one of them is finished");
        }
    }
}
