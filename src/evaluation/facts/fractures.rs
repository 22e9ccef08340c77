//! How often which vertebrae are fractured. Pure.

use super::statistics::{correlation, share};
use super::{Facts, Known};
use crate::published;
use crate::triage::Level;

pub(super) fn add(facts: &mut Facts, studies: &[Known]) {
    facts.group = "fractures, per study";
    let fractured: Vec<[bool; 7]> = studies.iter().map(|study| study.truth.fractured).collect();
    facts.add(
        "fractures.any",
        "any vertebra",
        Some(published::FRACTURED),
        share(&fractured, |levels| levels.contains(&true)),
    );
    for level in Level::ALL {
        let (i, name) = (level as usize, level.name());
        let key = format!("fractures.{}", name.to_lowercase());
        facts.add(&key, name, Some(published::FRACTURED_LEVELS[i]), share(&fractured, |levels| levels[i]));
    }
    let positive: Vec<usize> =
        fractured.iter().map(|levels| levels.iter().filter(|l| **l).count()).filter(|n| *n > 0).collect();
    let together = published::TOGETHER.map(f64::from);
    let all: f64 = together.iter().sum();
    for (number, studies) in (1..).zip(together) {
        let name = format!("{number} fractured, of the studies with any");
        facts.add(
            &format!("fractures.together_{number}"),
            &name,
            Some(studies / all),
            share(&positive, |n| *n == number),
        );
    }
    for (upper, source) in published::NEIGHBOURS {
        let pairs: Vec<(bool, bool)> = fractured.iter().map(|levels| (levels[upper], levels[upper + 1])).collect();
        let [a, b] = [upper, upper + 1].map(|i| Level::ALL[i].name());
        let key = format!("fractures.{}_{}", a.to_lowercase(), b.to_lowercase());
        facts.add(&key, &format!("{a} and {b} together (correlation)"), Some(source), correlation(&pairs));
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts;
    use super::super::tests::{studies, value};

    #[test]
    fn studies_are_counted_by_their_fractured_vertebrae() {
        let facts = facts(&studies());
        assert_eq!(value(&facts, "fractures.c5"), Some(2.0 / 3.0));
        assert_eq!(value(&facts, "fractures.c6"), Some(1.0 / 3.0));
        assert_eq!(
            (value(&facts, "fractures.together_1"), value(&facts, "fractures.together_2")),
            (Some(0.5), Some(0.5))
        );
        assert_eq!(value(&facts, "fractures.c4_c5"), None, "C4 never breaks here");
    }
}
