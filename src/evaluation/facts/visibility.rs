//! Which vertebrae the slices show, and how far each reaches along the body. Pure.

use super::statistics::{percentile, share};
use super::{Facts, Known};
use crate::published;
use crate::triage::Level;

/// How many vertebrae a slice shows.
const AT_ONCE: [&str; 5] = ["none", "one", "two", "three", "four"];

pub(super) fn add(facts: &mut Facts, studies: &[Known]) {
    let slices: Vec<[bool; 7]> = studies.iter().flat_map(|study| study.truth.visible.values().copied()).collect();
    facts.group = "vertebrae in a slice";
    for (number, (name, source)) in AT_ONCE.into_iter().zip(published::VISIBLE_AT_ONCE).enumerate() {
        let value = share(&slices, |levels| levels.iter().filter(|shown| **shown).count() == number);
        facts.add(&format!("visibility.{name}"), &format!("{name} of them"), Some(source), value);
    }
    for level in Level::ALL {
        let i = level as usize;
        let key = format!("visibility.{}", level.name().to_lowercase());
        facts.add(&key, level.name(), Some(published::VISIBLE[i]), share(&slices, |levels| levels[i]));
    }
    facts.group = "extent along the body, mm";
    for level in Level::ALL {
        let i = level as usize;
        let extents: Vec<f64> = studies.iter().filter_map(|study| extent(study, i)).collect();
        let key = format!("visibility.{}.extent", level.name().to_lowercase());
        facts.add(&key, &format!("{}, median", level.name()), Some(published::EXTENTS[i]), percentile(&extents, 50.0));
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
