//! Which fractures are found: by level, and by difficulty and pattern where the makers of the data set have said. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::interval::{draws, interval};
use super::vertebrae::ratio;
use super::{Cuts, StudyResult, TrueFracture};
use crate::triage::{Level, Verdict};

/// Fractures that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stratum {
    /// `level`, `difficulty` or `pattern`.
    pub by: &'static str,
    /// What they have in common.
    pub name: String,
    /// How many there are.
    pub fractures: u32,
    /// Share whose study is suspected.
    pub suspected: Option<f64>,
    /// The middle 95 % over resampled studies.
    pub suspected_interval: Option<[f64; 2]>,
    /// Share whose vertebra is named.
    pub named: Option<f64>,
    /// The middle 95 % over resampled studies.
    pub named_interval: Option<[f64; 2]>,
}

/// Fractures of one study: all, in a suspected study, named.
#[derive(Clone, Copy, Default)]
struct Tally {
    all: u32,
    suspected: u32,
    named: u32,
}

/// Every stratum that has a fracture.
pub fn strata(studies: &[StudyResult], cuts: &Cuts) -> Vec<Stratum> {
    let resamples = draws(studies.len(), cuts.resamples, cuts.seed);
    let mut strata = Vec::new();
    for by in ["level", "difficulty", "pattern"] {
        let mut tallies: BTreeMap<String, Vec<Tally>> = BTreeMap::new();
        for (number, study) in studies.iter().enumerate() {
            for (level, name) in memberships(study, by) {
                let tally = &mut tallies.entry(name).or_insert_with(|| vec![Tally::default(); studies.len()])[number];
                tally.all += 1;
                tally.suspected += u32::from(study.assessment.verdict == Verdict::Suspected);
                tally.named += u32::from(study.assessment.levels().any(|named| named == level));
            }
        }
        strata.extend(tallies.into_iter().map(|(name, tallies)| stratum(by, name, &tallies, &resamples)));
    }
    strata
}

fn stratum(by: &'static str, name: String, tallies: &[Tally], resamples: &[Vec<u32>]) -> Stratum {
    let sum = |of: fn(&Tally) -> u32, drawn: &[u32]| tallies.iter().zip(drawn).map(|(t, n)| n * of(t)).sum::<u32>();
    let suspected = |drawn: &[u32]| ratio(sum(|t| t.suspected, drawn), sum(|t| t.all, drawn));
    let named = |drawn: &[u32]| ratio(sum(|t| t.named, drawn), sum(|t| t.all, drawn));
    let once = vec![1; tallies.len()];
    Stratum {
        by,
        name,
        fractures: sum(|t| t.all, &once),
        suspected: suspected(&once),
        suspected_interval: interval(resamples, suspected),
        named: named(&once),
        named_interval: interval(resamples, named),
    }
}

/// The fractures of a study with the stratum of each.
fn memberships(study: &StudyResult, by: &str) -> Vec<(Level, String)> {
    let known = |name: fn(&TrueFracture) -> String| study.fractures.iter().map(|f| (f.level, name(f))).collect();
    match by {
        "difficulty" => known(|fracture| fifth(fracture.difficulty)),
        "pattern" => known(|fracture| fracture.kind.clone()),
        _ => {
            let fractured = Level::ALL.into_iter().filter(|level| study.fractured[*level as usize]);
            fractured.map(|level| (level, level.name().to_owned())).collect()
        }
    }
}

/// The fifth of the scale in which a difficulty lies.
fn fifth(difficulty: f32) -> String {
    let low = (f64::from(difficulty) * 5.0).floor().clamp(0.0, 4.0) / 5.0;
    format!("{low:.1} to {:.1}", low + 0.2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::figures::tests::{study, suspects};
    use super::*;
    use crate::triage::synthetic::OPERATING_POINT;

    #[test]
    fn fractures_are_counted_by_level_difficulty_and_pattern() {
        let c5 = [false, false, false, false, true, false, false];
        let with = |study: StudyResult, difficulty: f32| StudyResult {
            fractures: vec![TrueFracture { level: Level::C5, kind: "burst".into(), difficulty }],
            ..study
        };
        let studies = [
            with(suspects(study(c5, vec![]), &[Level::C5]), 0.1),
            with(suspects(study(c5, vec![]), &[Level::C6]), 0.1),
            with(study(c5, vec![]), 1.0),
            study([false; 7], vec![]),
        ];
        let strata = strata(&studies, &Cuts { point: OPERATING_POINT, resamples: 20, seed: 1 });
        let names: Vec<(&str, &str)> = strata.iter().map(|s| (s.by, s.name.as_str())).collect();
        let wanted =
            [("level", "C5"), ("difficulty", "0.0 to 0.2"), ("difficulty", "0.8 to 1.0"), ("pattern", "burst")];
        assert_eq!(names, wanted);
        assert_eq!((strata[0].fractures, strata[0].suspected, strata[0].named), (3, Some(2.0 / 3.0), Some(1.0 / 3.0)));
        assert_eq!((strata[1].suspected, strata[1].named, strata[2].suspected), (Some(1.0), Some(0.5), Some(0.0)));
    }
}
