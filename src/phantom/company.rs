//! Which vertebrae break together, and how: drawn so that levels, their number and their neighbours come as published.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::fracture::FractureKind;
use crate::published;
use crate::triage::Level;

/// How readily each vertebra breaks, and ...
const LEVELS: [f32; 7] = [0.948, 2.443, 0.423, 0.459, 0.574, 1.222, 3.167];
/// ... by how much more often it does together with the next one below. With the published numbers of fractured vertebrae,
/// both give the published rates of C1 to C7 and the published correlations of neighbours.
const NEIGHBOURS: [f32; 6] = [7.5, 2.0, 18.7, 18.7, 16.0, 7.5];
/// How often a neighbour breaks in the same way, where it can.
const ALIKE: f64 = 0.35;

/// A set of vertebrae as bits, C1 the lowest.
type Set = u8;

const fn has(set: Set, level: usize) -> bool {
    set >> level & 1 == 1
}

/// Relative frequency of a set among those with as many vertebrae.
fn weight(set: Set, balanced: bool) -> f32 {
    let alone: f32 = (0..7).filter(|l| has(set, *l)).map(|l| LEVELS[l]).product();
    // Square roots raise the rare ones.
    let alone = if balanced { alone.sqrt() } else { alone };
    let pairs: f32 = (0..6).filter(|l| has(set, *l) && has(set, l + 1)).map(|l| NEIGHBOURS[l]).product();
    alone * pairs
}

/// The sets of `count` vertebrae, each with its weight.
fn sets(count: u32, balanced: bool) -> Vec<(Set, f32)> {
    (1..128).filter(|set: &Set| set.count_ones() == count).map(|set| (set, weight(set, balanced))).collect()
}

/// The fractured vertebrae of one fractured study, from head to foot, each with its pattern.
/// `balanced` raises the rare levels.
pub(super) fn draw(rng: &mut Xoshiro256PlusPlus, balanced: bool) -> Vec<(Level, FractureKind)> {
    let counts: Vec<(u32, f32)> = (1..).zip(published::TOGETHER.map(f32::from)).collect();
    let count = counts.choose_weighted(rng, |c| c.1).map_or(1, |c| c.0);
    let set = sets(count, balanced).choose_weighted(rng, |s| s.1).map_or(1, |s| s.0);
    let mut drawn: Vec<(Level, FractureKind)> = Vec::new();
    for level in Level::ALL.into_iter().filter(|level| has(set, *level as usize)) {
        let above = drawn.last().filter(|(last, kind)| *last as usize + 1 == level as usize && kind.fits(level));
        let kind = match above {
            Some((_, kind)) if rng.random_bool(ALIKE) => *kind,
            _ => draw_kind(level, rng),
        };
        drawn.push((level, kind));
    }
    drawn
}

fn draw_kind(level: Level, rng: &mut Xoshiro256PlusPlus) -> FractureKind {
    FractureKind::ALL.choose_weighted(rng, |kind| kind.share(level)).copied().unwrap_or(FractureKind::Transverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::stream::{Purpose, stream};

    /// Share of all studies in which `holds`, exactly.
    fn rate(holds: impl Fn(Set) -> bool) -> f64 {
        let together = published::TOGETHER.map(f32::from);
        let all: f32 = together.iter().sum();
        let among = |(count, studies): (u32, f32)| {
            let sets = sets(count, false);
            let total: f32 = sets.iter().map(|s| s.1).sum();
            let held: f32 = sets.iter().filter(|s| holds(s.0)).map(|s| s.1).sum();
            f64::from(studies / all * held / total)
        };
        published::FRACTURED * (1..).zip(together).map(among).sum::<f64>()
    }

    #[test]
    fn levels_break_as_often_and_as_together_as_published() {
        for (level, published) in published::FRACTURED_LEVELS.into_iter().enumerate() {
            let found = rate(|set| has(set, level));
            assert!((found - published).abs() < 0.001, "C{}: {found:.4}, published {published}", level + 1);
        }
        for (upper, published) in published::NEIGHBOURS {
            let [a, b] = [rate(|set| has(set, upper)), rate(|set| has(set, upper + 1))];
            let both = rate(|set| has(set, upper) && has(set, upper + 1));
            let phi = (both - a * b) / (a * (1.0 - a) * b * (1.0 - b)).sqrt();
            assert!((phi - published).abs() < 0.005, "C{}: {phi:.3}, published {published}", upper + 1);
        }
    }

    #[test]
    fn two_thousand_draws_have_the_published_number_of_levels_and_only_fitting_patterns() {
        let drawn: Vec<_> = (0..2000).map(|seed| draw(&mut stream(seed, Purpose::Fractures), false)).collect();
        let share = |n: usize| drawn.iter().filter(|d| d.len() == n).count() as f64 / 2000.0;
        let all: f64 = published::TOGETHER.map(f64::from).iter().sum();
        for (count, published) in (1..).zip(published::TOGETHER.map(|studies| f64::from(studies) / all)) {
            assert!((share(count) - published).abs() < 0.03, "{count} levels: {:.3}", share(count));
        }
        for (level, kind) in drawn.iter().flatten() {
            assert!(kind.fits(*level), "{level:?} {kind:?}");
        }
        let kinds: std::collections::BTreeSet<_> = drawn.iter().flatten().map(|d| d.1).collect();
        assert_eq!(kinds.len(), FractureKind::ALL.len(), "every pattern is met");
    }

    #[test]
    fn balanced_draws_raise_rare_levels() {
        let share = |balanced| {
            let drawn = (0..1500).map(|seed| draw(&mut stream(seed, Purpose::Fractures), balanced));
            drawn.filter(|d| d.iter().any(|(level, _)| *level == Level::C3)).count()
        };
        assert!(share(true) * 10 > share(false) * 13, "{} against {}", share(true), share(false));
    }
}
