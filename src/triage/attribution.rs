//! Runs of boxes in; at most one suspected fracture per vertebra out. See [`super::rule`].

use super::Level;
use super::rule::Rule;
use super::ruler::{Ruler, fit};
use super::runs::{self, Mark, Run};
use super::spine::Spine;

/// A suspected fracture of one vertebra, whatever its score.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub level: Level,
    pub score: f32,
    /// The strongest run that the level explains.
    pub run: Run,
    /// False while slices that are still to come could move the run to another level.
    pub settled: bool,
}

/// Seven numbers from 0 to 1: how well a fracture of each vertebra explains a box in one plane.
type Fits = [f64; 7];

/// Gives the marks of all runs to vertebrae; from head to foot.
pub(super) fn attribute(spine: &Spine, runs: &[Run], rule: &Rule) -> Vec<Candidate> {
    let fits = fits(spine, rule);
    let explained = fewest(spine, runs, &fits, rule);
    let mut candidates: Vec<Candidate> =
        explained.iter().filter_map(|&level| candidate(spine, runs, &fits, level, &explained, rule)).collect();
    // What is too short to make a vertebra of its own worth assuming is still somebody's.
    let rest: Vec<Run> = runs.iter().filter(|run| none_explains(run, &fits, &explained)).cloned().collect();
    for level in Level::ALL {
        let own: Vec<Run> =
            rest.iter().filter(|run| heaviest(spine, run, &fits, rule) == Some(level)).cloned().collect();
        candidates.extend(candidate(spine, &own, &fits, level, &[level], rule));
    }
    candidates.sort_by_key(|candidate| candidate.level);
    candidates
}

/// How well each vertebra explains a box, plane by plane; where no vertebra is seen at all, by what the classifier says.
fn fits(spine: &Spine, rule: &Rule) -> Vec<Fits> {
    let ruler = Ruler::of(spine, rule);
    let of = |plane: &super::spine::Plane| match &ruler {
        Some(ruler) => Level::ALL.map(|level| fit(level, ruler.coordinate(plane.evidence.z_mm))),
        None => plane.evidence.vertebrae.map(|p| f64::from(p.clamp(0.0, 1.0))),
    };
    spine.planes.iter().map(of).collect()
}

/// The vertebrae that together explain most of the boxes' mass, each at a cost of [`Rule::level_cost_mm`].
fn fewest(spine: &Spine, runs: &[Run], fits: &[Fits], rule: &Rule) -> Vec<Level> {
    // Of several boxes in a slice the best counts: two broken places of one vertebra are no more than one.
    let mut masses: Vec<f64> = vec![0.0; fits.len()];
    for mark in runs.iter().flatten() {
        masses[mark.plane] = masses[mark.plane].max(mass_mm(spine, mark, rule));
    }
    let worth = |set: usize| {
        let best = |fits: &Fits| (0..7).filter(|i| set >> i & 1 == 1).map(|i| fits[i]).fold(0.0, f64::max);
        let explained: f64 = masses.iter().zip(fits).filter(|(m, _)| **m > 0.0).map(|(m, fits)| m * best(fits)).sum();
        explained - rule.level_cost_mm * f64::from(set.count_ones())
    };
    let mut sets: Vec<usize> = (0..1 << 7).collect();
    sets.sort_by_key(|set| set.count_ones());
    let mut best = (0, 0.0);
    for set in sets {
        let worth = worth(set);
        if worth > best.1 + 1e-9 && !has_a_sliver(spine, runs, fits, &levels(set), rule) {
            best = (set, worth);
        }
    }
    levels(best.0)
}

/// The levels of a set of bits.
fn levels(set: usize) -> Vec<Level> {
    Level::ALL.into_iter().filter(|&level| set >> level as usize & 1 == 1).collect()
}

/// True if a chosen vertebra would live on a short end of a run that belongs to another: that is the other's reach.
fn has_a_sliver(spine: &Spine, runs: &[Run], fits: &[Fits], chosen: &[Level], rule: &Rule) -> bool {
    chosen.len() > 1
        && chosen.iter().any(|&level| {
            let mut own: Run = Vec::new();
            let mut is_shared = false;
            for run in runs {
                let (mine, others): (Run, Run) = run.iter().partition(|mark| explains(fits, level, chosen, mark));
                let of_another = |mark: &Mark| chosen.iter().any(|&other| fits[mark.plane][other as usize] > 0.0);
                is_shared |= !mine.is_empty() && others.iter().any(of_another);
                own.extend(mine);
            }
            own.sort_by_key(|mark| mark.plane);
            is_shared && runs::extent_mm(spine, &own) < rule.least_part_mm
        })
}

/// True if `level` explains the mark as well as any other of `chosen`.
fn explains(fits: &[Fits], level: Level, chosen: &[Level], mark: &Mark) -> bool {
    let fits = &fits[mark.plane];
    let own = fits[level as usize];
    own > 0.0 && chosen.iter().all(|&other| fits[other as usize] <= own)
}

/// The strongest run of the marks that `level` explains as well as any other of `chosen`.
fn candidate(
    spine: &Spine,
    runs: &[Run],
    fits: &[Fits],
    level: Level,
    chosen: &[Level],
    rule: &Rule,
) -> Option<Candidate> {
    let z = |mark: &Mark| spine.planes[mark.plane].evidence.z_mm;
    let link_mm = runs::link_mm(spine.spacing_mm, rule);
    let mut strongest: Option<Candidate> = None;
    for run in runs {
        let own: Run = run.iter().filter(|mark| explains(fits, level, chosen, mark)).copied().collect();
        for part in own.chunk_by(|above, below| z(above) - z(below) <= link_mm) {
            let score = runs::score(spine, part, rule);
            if score > strongest.as_ref().map_or(0.0, |best| best.score) {
                let settled = is_over(spine, level, run, rule) || leads(spine, level, chosen, run, fits, rule);
                strongest = Some(Candidate { level, score, run: part.to_vec(), settled });
            }
        }
    }
    strongest
}

fn none_explains(run: &Run, fits: &[Fits], chosen: &[Level]) -> bool {
    run.iter().all(|mark| chosen.iter().all(|&level| fits[mark.plane][level as usize] <= 0.0))
}

/// The level that explains most of a run; the one nearer to the head when two explain the same, none if none does.
fn heaviest(spine: &Spine, run: &Run, fits: &[Fits], rule: &Rule) -> Option<Level> {
    let masses = Level::ALL.map(|level| (level, explained_mm(spine, level, run, fits, rule)));
    let most = masses.into_iter().rev().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most.1 > 0.0).then_some(most.0)
}

/// Score mass of a mark, mm.
fn mass_mm(spine: &Spine, mark: &Mark, rule: &Rule) -> f64 {
    f64::from(mark.fracture_box.score) * runs::weight_mm(spine, mark, rule)
}

/// Score mass of a run that `level` explains, mm.
fn explained_mm(spine: &Spine, level: Level, run: &Run, fits: &[Fits], rule: &Rule) -> f64 {
    run.iter().map(|mark| mass_mm(spine, mark, rule) * fits[mark.plane][level as usize]).sum()
}

/// True once slices beyond both ends of the vertebra and of the run have been seen.
fn is_over(spine: &Spine, level: Level, run: &Run, rule: &Rule) -> bool {
    let (Some(extent), [first, .., last]) = (spine.extents[level as usize], &run[..]) else { return false };
    let (first, last) = (extent.first.min(first.plane), extent.last.max(last.plane));
    let beyond_mm = |from: usize, to: usize| spine.planes[from].evidence.z_mm - spine.planes[to].evidence.z_mm;
    let margin_mm = rule.dip_mm.max(runs::link_mm(spine.spacing_mm, rule));
    beyond_mm(0, first) > margin_mm && beyond_mm(last, spine.planes.len() - 1) > margin_mm
}

/// True if `level` explains clearly more of `run` than any that was not chosen.
fn leads(spine: &Spine, level: Level, chosen: &[Level], run: &Run, fits: &[Fits], rule: &Rule) -> bool {
    let own = explained_mm(spine, level, run, fits, rule);
    let others = Level::ALL.into_iter().filter(|other| !chosen.contains(other));
    let next = others.map(|other| explained_mm(spine, other, run, fits, rule)).fold(0.0, f64::max);
    own - next >= rule.provisional_margin * own
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::Evidence;
    use super::super::synthetic::{Fracture, OPERATING_POINT, Scan};
    use super::*;

    const RULE: Rule = Rule::SHIPPED;

    fn candidates(evidence: &[Evidence]) -> Vec<Candidate> {
        let spine = Spine::read(evidence, None, &OPERATING_POINT.thresholds, &RULE);
        let runs = runs::join(&spine, OPERATING_POINT.score, &RULE);
        attribute(&spine, &runs, &RULE)
    }

    fn findings(scan: &Scan) -> Vec<Level> {
        let mut levels: Vec<Level> =
            candidates(&scan.evidence()).iter().filter(|c| c.score >= 0.5).map(|c| c.level).collect();
        levels.sort();
        levels
    }

    #[test]
    fn a_fracture_belongs_to_its_vertebra_though_the_neighbours_overlap() {
        for level in Level::ALL {
            for range in [[0.1, 0.6], [0.2, 0.8], [0.3, 0.8]] {
                let scan = Scan { fractures: vec![Fracture { level, range, score: 0.8 }], ..Scan::default() };
                assert_eq!(findings(&scan), [level], "{range:?}");
            }
        }
    }

    #[test]
    fn two_fractured_neighbours_in_one_run_are_two_findings() {
        for pair in Level::ALL.windows(2) {
            let fractures = pair.iter().map(|&level| Fracture { level, range: [0.2, 0.8], score: 0.8 }).collect();
            assert_eq!(findings(&Scan { fractures, ..Scan::default() }), pair);
        }
    }

    #[test]
    fn neighbours_fractured_in_different_places_of_the_same_slices_are_two_findings() {
        let [front, back] = [[0.25, 0.75], [0.35, 0.85]];
        for pair in Level::ALL.windows(2) {
            let one = |level, range| Scan { fractures: vec![Fracture { level, range, score: 0.8 }], ..Scan::default() };
            let mut evidence = one(pair[0], front).evidence();
            for (e, other) in evidence.iter_mut().zip(one(pair[1], back).evidence()) {
                e.boxes.extend(other.boxes.into_iter().map(|b| super::super::FractureBox { x: b.x + 130.0, ..b }));
            }
            let mut found: Vec<Level> =
                candidates(&evidence).iter().filter(|c| c.score >= 0.5).map(|c| c.level).collect();
            found.sort();
            assert_eq!(found, pair);
        }
    }

    #[test]
    fn two_broken_places_of_one_vertebra_are_one_finding() {
        for level in Level::ALL {
            let mut evidence = Scan::fractured(level).evidence();
            for e in &mut evidence {
                let twin = e.boxes.first().map(|b| super::super::FractureBox { x: b.x + 130.0, ..*b });
                e.boxes.extend(twin);
            }
            let found = candidates(&evidence);
            assert_eq!(found.iter().map(|c| c.level).collect::<Vec<_>>(), [level]);
        }
    }

    #[test]
    fn a_spill_of_a_few_slices_over_the_end_is_no_second_finding() {
        let evidence_with_spill = |mm: f64| {
            let mut evidence = Scan::fractured(Level::C5).evidence();
            let lowest = evidence.iter().rposition(|e| !e.boxes.is_empty()).unwrap();
            let (end, example) = (evidence[lowest].z_mm, evidence[lowest].boxes[0]);
            for e in evidence.iter_mut().filter(|e| e.z_mm < end && e.z_mm > end - mm) {
                e.boxes = vec![example];
            }
            evidence
        };
        assert_eq!(candidates(&evidence_with_spill(3.0)).len(), 1);
        assert_eq!(candidates(&evidence_with_spill(15.0)).len(), 2);
    }

    #[test]
    fn where_no_vertebra_is_seen_the_classifiers_faint_word_counts() {
        let mut evidence = Scan::fractured(Level::C4).evidence();
        for e in &mut evidence {
            e.vertebrae = [0.0, 0.4, 0.1, 0.0, 0.0, 0.0, 0.0];
        }
        let found = candidates(&evidence);
        assert_eq!(found.iter().map(|c| c.level).collect::<Vec<_>>(), [Level::C2]);
        assert!(found[0].score >= 0.5);
    }

    #[test]
    fn a_lone_box_is_too_little_to_assume_a_fracture_but_is_not_forgotten() {
        let mut evidence = Scan { spacing_mm: 3.0, ..Scan::default() }.evidence();
        let example = Scan::fractured(Level::C4).evidence().iter().find_map(|e| e.boxes.first().copied()).unwrap();
        evidence.iter_mut().min_by(|a, b| a.z_mm.abs().total_cmp(&b.z_mm.abs())).unwrap().boxes = vec![example];
        let found = candidates(&evidence);
        assert_eq!(found.iter().map(|c| c.level).collect::<Vec<_>>(), [Level::C4]);
        assert!((0.2..0.5).contains(&found[0].score), "{}", found[0].score);
    }

    #[test]
    fn the_level_is_settled_once_its_vertebra_is_passed_or_clearly_leads() {
        let evidence = Scan::fractured(Level::C5).evidence();
        let first = evidence.iter().position(|e| !e.boxes.is_empty()).unwrap();
        assert!(candidates(&evidence)[0].settled);
        let settled_after = (first + 1..evidence.len()).find(|&n| {
            let found = candidates(&evidence[..n]);
            found[0].settled && found[0].score >= 0.5
        });
        let slices = settled_after.unwrap() - first;
        assert!(slices < 20, "{slices} slices of 0.625 mm");
        let found = candidates(&evidence[..settled_after.unwrap()]);
        assert_eq!(found[0].level, Level::C5);
    }
}
