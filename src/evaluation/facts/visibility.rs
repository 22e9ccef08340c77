//! Which vertebrae the slices show, and how far each reaches along the body. Pure.

use super::statistics::{percentile, share};
use super::{Facts, Known};
use crate::triage::Level;

/// Share of slices that show no vertebra, one, two, three, four.
const AT_ONCE: [(&str, f64); 5] = [("none", 0.370), ("one", 0.203), ("two", 0.392), ("three", 0.032), ("four", 0.002)];
/// Share of slices that show C1 to C7.
const PREVALENCE: [f64; 7] = [0.137, 0.222, 0.136, 0.140, 0.144, 0.148, 0.165];
/// Median extent of C1 to C7 along the body, mm.
const EXTENTS: [f64; 7] = [27.5, 43.8, 27.5, 27.6, 28.8, 29.0, 32.5];

pub(super) fn add(facts: &mut Facts, studies: &[Known]) {
    let slices: Vec<[bool; 7]> = studies.iter().flat_map(|study| study.truth.visible.values().copied()).collect();
    facts.group = "vertebrae in a slice";
    for (number, (name, source)) in AT_ONCE.into_iter().enumerate() {
        let value = share(&slices, |levels| levels.iter().filter(|shown| **shown).count() == number);
        facts.add(&format!("visibility.{name}"), &format!("{name} of them"), Some(source), value);
    }
    for level in Level::ALL {
        let i = level as usize;
        let key = format!("visibility.{}", level.name().to_lowercase());
        facts.add(&key, level.name(), Some(PREVALENCE[i]), share(&slices, |levels| levels[i]));
    }
    facts.group = "extent along the body, mm";
    for level in Level::ALL {
        let i = level as usize;
        let extents: Vec<f64> = studies.iter().filter_map(|study| extent(study, i)).collect();
        let key = format!("visibility.{}.extent", level.name().to_lowercase());
        facts.add(&key, &format!("{}, median", level.name()), Some(EXTENTS[i]), percentile(&extents, 50.0));
    }
}

/// From the first to the last slice that shows a vertebra; `None` where the scan cuts it off.
fn extent(study: &Known, level: usize) -> Option<f64> {
    let visible = &study.truth.visible;
    let shown = || visible.iter().filter(|(_, levels)| levels[level]).map(|(number, _)| *number);
    let (first, last) = (shown().min()?, shown().max()?);
    let whole = Some(&first) != visible.keys().next() && Some(&last) != visible.keys().next_back();
    study.scan.filter(|_| whole).map(|scan| f64::from(last - first + 1) * scan.spacing)
}

#[cfg(test)]
mod tests {
    use super::super::facts;
    use super::super::tests::{studies, value};

    #[test]
    fn slices_and_extents_are_counted_and_a_vertebra_that_is_cut_off_has_none() {
        let facts = facts(&studies());
        let shares = ["none", "one", "two", "three"].map(|name| value(&facts, &format!("visibility.{name}")));
        assert_eq!(shares, [Some(0.25), Some(0.5), Some(0.25), Some(0.0)]);
        assert_eq!((value(&facts, "visibility.c5"), value(&facts, "visibility.c1")), (Some(0.5), Some(0.0)));
        assert_eq!(value(&facts, "visibility.c5.extent"), Some(10.0), "two slices, 5 mm apart");
        assert_eq!(value(&facts, "visibility.c6.extent"), None, "the last slice shows it");
    }
}
