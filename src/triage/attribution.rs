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
            let (run, remainder): (Run, Run) =
                piece.iter().partition(|mark| claim(spine, level, mark.plane, rule) > 0.0);
            let score = runs::score(spine, &run, rule);
            if score > strongest.as_ref().map_or(0.0, |best| best.score) {
                let settled = is_passed(spine, level, rule) || leads(spine, level, &open, &piece, rule);
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

/// True once slices beyond both ends of the vertebra have been seen.
fn is_passed(spine: &Spine, level: Level, rule: &Rule) -> bool {
    let (Some(extent), Some(top), Some(bottom)) =
        (spine.extents[level as usize], spine.planes.first(), spine.planes.last())
    else {
        return false;
    };
    let z = |index: usize| spine.planes[index].evidence.z_mm;
    top.evidence.z_mm - z(extent.first) > rule.dip_mm && z(extent.last) - bottom.evidence.z_mm > rule.dip_mm
}

/// True if `level` explains clearly more of `piece` than any other that is still open.
fn leads(spine: &Spine, level: Level, open: &[Level], piece: &[Mark], rule: &Rule) -> bool {
    let own = explained(spine, level, piece.iter(), rule);
    let next = open.iter().map(|&other| explained(spine, other, piece.iter(), rule)).fold(0.0, f64::max);
    own - next >= rule.provisional_margin * own
}
