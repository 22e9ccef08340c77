//! Runs of boxes in; at most one suspected fracture per vertebra out, by greedy cover. See [`super::rule`].

use super::Level;
use super::rule::Rule;
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

/// Gives every run to vertebrae; the candidates come in the order in which the cover found them.
pub(super) fn attribute(spine: &Spine, runs: Vec<Run>, finding_score: f32, rule: &Rule) -> Vec<Candidate> {
    let mut pieces = runs;
    let mut open: Vec<Level> = Level::ALL.to_vec();
    let mut candidates = Vec::new();
    while !pieces.is_empty() {
        let Some(level) = heaviest(spine, &open, pieces.iter().flatten(), rule) else { break };
        open.retain(|&other| other != level);
        let mut strongest: Option<Candidate> = None;
        let mut rest = Vec::new();
        for piece in pieces {
            if is_rather_anothers(spine, level, &open, &piece, finding_score, rule) {
                rest.push(piece);
                continue;
            }
            let (run, remainder): (Run, Run) =
                piece.iter().partition(|mark| claim(spine, level, mark.plane, rule) > 0.0);
            let score = runs::score(spine, &run, rule);
            if score > strongest.as_ref().map_or(0.0, |best| best.score) {
                let settled = is_over(spine, level, &piece, rule) || leads(spine, level, &open, &piece, rule);
                strongest = Some(Candidate { level, score, run, settled });
            }
            if remainder.len() == piece.len() {
                rest.push(piece);
            } else {
                rest.extend(worth_a_finding(spine, remainder, finding_score, rule));
            }
        }
        candidates.extend(strongest);
        pieces = rest;
    }
    candidates
}

/// How much a mark in `plane` speaks for `level`, 0 to 1; above 0 the level explains the mark.
/// Where no vertebra lies, the one that the classifier names first.
fn claim(spine: &Spine, level: Level, plane: usize, rule: &Rule) -> f64 {
    let smoothed = &spine.planes[plane].smoothed;
    if spine.shows(level, plane) {
        let discount = rule.edge_discount * (1.0 - spine.centrality(level, plane));
        return (f64::from(smoothed[level as usize]) * (1.0 - discount)).max(f64::MIN_POSITIVE);
    }
    if Level::ALL.iter().any(|&other| spine.shows(other, plane)) {
        return 0.0;
    }
    let likely = |l: &Level| smoothed[*l as usize] + spine.planes[plane].evidence.vertebrae[*l as usize];
    let first = Level::ALL.into_iter().rev().max_by(|a, b| likely(a).total_cmp(&likely(b)));
    if first == Some(level) { f64::from(likely(&level)).clamp(f64::MIN_POSITIVE, 1.0) } else { 0.0 }
}

/// Score mass of `marks` that `level` explains, mm.
fn explained<'m>(spine: &Spine, level: Level, marks: impl Iterator<Item = &'m Mark>, rule: &Rule) -> f64 {
    let mass = |mark: &Mark| {
        let score = f64::from(mark.fracture_box.score);
        score * runs::weight_mm(spine, mark, rule) * claim(spine, level, mark.plane, rule)
    };
    marks.map(mass).sum()
}

/// The level that explains most; the one nearer to the head when two explain the same.
fn heaviest<'m>(
    spine: &Spine,
    open: &[Level],
    marks: impl Iterator<Item = &'m Mark> + Clone,
    rule: &Rule,
) -> Option<Level> {
    let mass = |&level: &Level| (level, explained(spine, level, marks.clone(), rule));
    let weighed = open.iter().rev().map(mass).filter(|(_, mass)| *mass > 0.0);
    weighed.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(level, _)| level)
}

/// The parts of a remainder that would be findings alone.
fn worth_a_finding(spine: &Spine, remainder: Run, finding_score: f32, rule: &Rule) -> Vec<Run> {
    let z = |mark: &Mark| spine.planes[mark.plane].evidence.z_mm;
    let link_mm = runs::link_mm(spine.spacing_mm, rule);
    let parts = remainder.chunk_by(|above, below| z(above) - z(below) <= link_mm);
    let worth = |part: &&[Mark]| {
        runs::score(spine, part, rule) >= finding_score && runs::extent_mm(spine, part) >= rule.remainder_mm
    };
    parts.filter(worth).map(<[Mark]>::to_vec).collect()
}

/// True once slices beyond both ends of the vertebra and of the piece have been seen.
fn is_over(spine: &Spine, level: Level, piece: &[Mark], rule: &Rule) -> bool {
    let (Some(extent), [first, .., last]) = (spine.extents[level as usize], piece) else { return false };
    let (first, last) = (extent.first.min(first.plane), extent.last.max(last.plane));
    let beyond_mm = |from: usize, to: usize| spine.planes[from].evidence.z_mm - spine.planes[to].evidence.z_mm;
    let margin_mm = rule.dip_mm.max(runs::link_mm(spine.spacing_mm, rule));
    beyond_mm(0, first) > margin_mm && beyond_mm(last, spine.planes.len() - 1) > margin_mm
}

/// True if a piece that would be a finding alone is explained clearly better by a level that is still open.
fn is_rather_anothers(
    spine: &Spine,
    level: Level,
    open: &[Level],
    piece: &[Mark],
    finding_score: f32,
    rule: &Rule,
) -> bool {
    let own = explained(spine, level, piece.iter(), rule);
    let others = open.iter().map(|&other| explained(spine, other, piece.iter(), rule)).fold(0.0, f64::max);
    others > rule.another_margin * own && runs::score(spine, piece, rule) >= finding_score
}

/// True if `level` explains clearly more of `piece` than any other that is still open.
fn leads(spine: &Spine, level: Level, open: &[Level], piece: &[Mark], rule: &Rule) -> bool {
    let own = explained(spine, level, piece.iter(), rule);
    let next = open.iter().map(|&other| explained(spine, other, piece.iter(), rule)).fold(0.0, f64::max);
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
        attribute(&spine, runs, OPERATING_POINT.finding_score, &RULE)
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
            for range in [[0.0, 0.6], [0.2, 0.8], [0.4, 1.0], [0.0, 1.0]] {
                let scan = Scan { fractures: vec![Fracture { level, range, score: 0.8 }], ..Scan::default() };
                assert_eq!(findings(&scan), [level], "{range:?}");
            }
        }
    }

    #[test]
    fn two_fractured_neighbours_in_one_run_are_two_findings() {
        for pair in Level::ALL.windows(2) {
            let fractures = pair.iter().map(|&level| Fracture { level, range: [0.05, 0.95], score: 0.8 }).collect();
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
            let bottom = super::super::synthetic::extent(Level::C5)[1];
            let example = evidence.iter().find_map(|e| e.boxes.first().copied()).unwrap();
            for e in evidence.iter_mut().filter(|e| e.z_mm < bottom + 9.0 && e.z_mm > bottom - mm) {
                e.boxes = vec![example];
            }
            evidence
        };
        assert_eq!(candidates(&evidence_with_spill(3.0)).len(), 1);
        assert_eq!(candidates(&evidence_with_spill(12.0)).len(), 2);
    }

    #[test]
    fn a_box_where_no_vertebra_lies_is_still_given_to_one() {
        let mut evidence = Scan::default().evidence();
        let example = Scan::fractured(Level::C4).evidence().iter().find_map(|e| e.boxes.first().copied()).unwrap();
        for e in evidence.iter_mut().take(12) {
            e.boxes = vec![example];
            e.vertebrae[1] = 0.4;
        }
        let found = candidates(&evidence);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].level, Level::C2);
        assert!(found[0].score >= 0.5);
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
