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

/// Seven numbers from 0 to 1: how well a fracture of each vertebra explains a box.
type Fits = [f64; 7];

/// A mark with what it weighs and whose it may be.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    mark: Mark,
    /// Score times length, mm.
    mass_mm: f64,
    /// The best box of its slice: two broken places of one vertebra are no more than one.
    is_best: bool,
    fits: Fits,
}

/// Gives the marks of all runs to vertebrae; from head to foot.
pub(super) fn attribute(spine: &Spine, runs: &[Run], rule: &Rule) -> Vec<Candidate> {
    let runs = weigh(spine, runs, rule);
    let chosen = fewest(&runs, rule);
    let mut candidates: Vec<Candidate> =
        chosen.iter().filter_map(|&level| candidate(spine, &runs, level, &chosen, rule)).collect();
    // What is too short to make a vertebra of its own worth assuming is still somebody's.
    let rest = runs.iter().filter(|run| run.iter().all(|w| best_fit(&w.fits, &chosen) <= 0.0));
    let rest: Vec<(Option<Level>, Vec<Weighed>)> = rest.map(|run| (heaviest(run), run.clone())).collect();
    for level in Level::ALL {
        let own: Vec<_> = rest.iter().filter(|(whose, _)| *whose == Some(level)).map(|(_, run)| run.clone()).collect();
        candidates.extend(candidate(spine, &own, level, &[level], rule));
    }
    candidates.sort_by_key(|candidate| candidate.level);
    candidates
}

/// Weighs the marks. A run that is no longer than one vertebra's fractures are is taken as a whole: all its marks fit
/// alike. Without a single vertebra in sight the classifier's words tell whose a mark may be.
fn weigh(spine: &Spine, runs: &[Run], rule: &Rule) -> Vec<Vec<Weighed>> {
    let ruler = Ruler::of(spine, rule);
    let coordinate = |mark: &Mark| ruler.as_ref().map(|ruler| ruler.coordinate(spine.planes[mark.plane].evidence.z_mm));
    let mut best_scores = vec![0.0_f32; spine.planes.len()];
    for mark in runs.iter().flatten() {
        best_scores[mark.plane] = best_scores[mark.plane].max(mark.fracture_box.score);
    }
    let weighed = |mark: &Mark| Weighed {
        mark: *mark,
        mass_mm: f64::from(mark.fracture_box.score) * runs::weight_mm(spine, mark, rule),
        is_best: mark.fracture_box.score >= best_scores[mark.plane],
        fits: match coordinate(mark) {
            Some(coordinate) => Level::ALL.map(|level| fit(level, coordinate)),
            None => spine.planes[mark.plane].evidence.vertebrae.map(|p| f64::from(p.clamp(0.0, 1.0))),
        },
    };
    let whole = |run: &Run| {
        let span = run.first().and_then(coordinate).zip(run.last().and_then(coordinate));
        span.is_none_or(|(top, bottom)| bottom - top <= rule.longest_in_one)
    };
    let of = |run: &Run| {
        let mut marks: Vec<Weighed> = run.iter().map(weighed).collect();
        if whole(run) {
            let mass: f64 = marks.iter().map(|w| w.mass_mm).sum();
            let mean = Level::ALL.map(|level| explained_mm(&marks, level) / mass.max(f64::MIN_POSITIVE));
            marks.iter_mut().for_each(|w| w.fits = mean);
        }
        marks
    };
    runs.iter().map(of).collect()
}

/// The vertebrae that together explain most of the boxes' mass, each at a cost of [`Rule::level_cost_mm`].
fn fewest(runs: &[Vec<Weighed>], rule: &Rule) -> Vec<Level> {
    let marks: Vec<&Weighed> = runs.iter().flatten().filter(|w| w.is_best).collect();
    let worth = |chosen: &[Level]| {
        let explained: f64 = marks.iter().map(|w| w.mass_mm * best_fit(&w.fits, chosen)).sum();
        explained - rule.level_cost_mm * chosen.len() as f64
    };
    let of = |set: usize| Level::ALL.into_iter().filter(|&level| set >> level as usize & 1 == 1).collect();
    let mut sets: Vec<Vec<Level>> = (0..1 << 7).map(of).collect();
    sets.sort_by_key(Vec::len);
    let mut best = (Vec::new(), 0.0);
    for set in sets {
        let worth = worth(&set);
        if worth > best.1 + 1e-9 {
            best = (set, worth);
        }
    }
    best.0
}

fn best_fit(fits: &Fits, chosen: &[Level]) -> f64 {
    chosen.iter().map(|&level| fits[level as usize]).fold(0.0, f64::max)
}

/// The strongest run of the marks that `level` explains as well as any other of `chosen`.
fn candidate(spine: &Spine, runs: &[Vec<Weighed>], level: Level, chosen: &[Level], rule: &Rule) -> Option<Candidate> {
    let explains = |w: &&Weighed| {
        let own = w.fits[level as usize];
        own > 0.0 && own >= best_fit(&w.fits, chosen)
    };
    let z = |mark: &Mark| spine.planes[mark.plane].evidence.z_mm;
    let link_mm = runs::link_mm(spine.spacing_mm, rule);
    let mut strongest: Option<Candidate> = None;
    for run in runs {
        let own: Run = run.iter().filter(explains).map(|w| w.mark).collect();
        for part in own.chunk_by(|above, below| z(above) - z(below) <= link_mm) {
            let score = runs::score(spine, part, rule);
            if score > strongest.as_ref().map_or(0.0, |best| best.score) {
                let settled = is_over(spine, level, run, rule) || leads(level, chosen, run, rule);
                strongest = Some(Candidate { level, score, run: part.to_vec(), settled });
            }
        }
    }
    strongest
}

/// The level that explains most of a run; the one nearer to the head when two explain the same, none if none does.
fn heaviest(run: &[Weighed]) -> Option<Level> {
    let masses = Level::ALL.map(|level| (level, explained_mm(run, level)));
    let most = masses.into_iter().rev().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most.1 > 0.0).then_some(most.0)
}

/// Score mass of a run that `level` explains, mm.
fn explained_mm(run: &[Weighed], level: Level) -> f64 {
    run.iter().map(|w| w.mass_mm * w.fits[level as usize]).sum()
}

/// True once slices beyond both ends of the vertebra and of the run have been seen.
fn is_over(spine: &Spine, level: Level, run: &[Weighed], rule: &Rule) -> bool {
    let (Some(extent), [first, .., last]) = (spine.extents[level as usize], run) else { return false };
    let (first, last) = (extent.first.min(first.mark.plane), extent.last.max(last.mark.plane));
    let beyond_mm = |from: usize, to: usize| spine.planes[from].evidence.z_mm - spine.planes[to].evidence.z_mm;
    let margin_mm = rule.dip_mm.max(runs::link_mm(spine.spacing_mm, rule));
    beyond_mm(0, first) > margin_mm && beyond_mm(last, spine.planes.len() - 1) > margin_mm
}

/// True if `level` explains clearly more of `run` than any that was not chosen.
fn leads(level: Level, chosen: &[Level], run: &[Weighed], rule: &Rule) -> bool {
    let own = explained_mm(run, level);
    let others = Level::ALL.into_iter().filter(|other| !chosen.contains(other));
    let next = others.map(|other| explained_mm(run, other)).fold(0.0, f64::max);
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
