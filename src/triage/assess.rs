//! Evidence and the state of the series in; an assessment with findings, coverage and verdict out. Pure, and the same
//! for every order of the evidence.

use std::collections::BTreeMap;

use super::attribution::{self, Candidate};
use super::rule::Rule;
use super::runs;
use super::spine::{Plane, Spine};
use super::{
    Assessment, BestSlice, Completeness, Coverage, Evidence, Finding, Gap, Level, Missing, OperatingPoint,
    SeriesContext, Verdict,
};

/// Assesses one series by the shipped rule; see [`super::rule`].
///
/// Cheap enough to be called for every slice that arrives. While `context.completeness` is `Receiving` the assessment
/// is provisional and its verdict is `Suspected` or `PartlyAnalysed`, never `NoneSuspected`.
pub fn assess(evidence: &[Evidence], context: &SeriesContext, operating_point: &OperatingPoint) -> Assessment {
    assess_with(&Rule::SHIPPED, evidence, context, operating_point)
}

/// [`assess`] by another rule, for calibration.
pub fn assess_with(
    rule: &Rule,
    evidence: &[Evidence],
    context: &SeriesContext,
    operating_point: &OperatingPoint,
) -> Assessment {
    let spine = Spine::read(evidence, context.spacing_mm, &operating_point.thresholds, rule);
    let runs = runs::join(&spine, operating_point.score, rule);
    let candidates = attribution::attribute(&spine, &runs, rule);

    let provisional = context.completeness == Completeness::Receiving;
    let stands = |c: &&Candidate| {
        let steady = !provisional || (c.settled && runs::extent_mm(&spine, &c.run) >= rule.provisional_mm);
        c.score >= operating_point.finding_score && steady
    };
    let mut findings: Vec<Finding> = candidates.iter().filter(stands).filter_map(|c| finding(&spine, c)).collect();
    findings.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.level.cmp(&b.level)));
    let mut vertebrae = [0.0; 7];
    candidates.iter().for_each(|c| vertebrae[c.level as usize] = c.score);

    let coverage = coverage(&spine, context, rule);
    let missing = missing(&coverage, blind_stretches(&spine, operating_point.gate, rule), context);
    let verdict = verdict(&findings, &missing, &spine, context, rule);
    Assessment { verdict, provisional, completeness: context.completeness, findings, vertebrae, coverage, missing }
}

/// Which of C1 to C7 each slice shows, by its key, as the device counts them along the neck. Levels rest on this and not on what
/// the classifier says of a slice by itself. The spacing is that of the evidence; slices whose evidence is unusable are left out.
pub fn vertebrae_shown(
    rule: &Rule,
    evidence: &[Evidence],
    operating_point: &OperatingPoint,
) -> BTreeMap<String, [bool; 7]> {
    let spine = Spine::read(evidence, None, &operating_point.thresholds, rule);
    let planes = spine.planes.iter().enumerate();
    planes.map(|(i, plane)| (plane.evidence.slice_key.clone(), spine.shown(i))).collect()
}

fn finding(spine: &Spine, candidate: &Candidate) -> Option<Finding> {
    let Candidate { level, score, ref run, .. } = *candidate;
    let worth = |mark: &runs::Mark| f64::from(mark.fracture_box.score) * (1.0 + spine.centrality(level, mark.plane));
    let best = run.iter().rev().max_by(|a, b| worth(a).total_cmp(&worth(b)))?;
    let (top, bottom) = (run.first()?, run.last()?);
    let evidence = spine.planes[best.plane].evidence;
    let best_slice = BestSlice {
        slice_key: evidence.slice_key.clone(),
        instance_number: evidence.instance_number,
        z_mm: evidence.z_mm,
        fracture_box: best.fracture_box,
        matrix: evidence.matrix,
    };
    let z = |mark: &runs::Mark| spine.planes[mark.plane].evidence.z_mm;
    Some(Finding { level, score, best_slice, z_range_mm: [z(bottom), z(top)], slices: count(run.len()) })
}

fn coverage(spine: &Spine, context: &SeriesContext, rule: &Rule) -> Coverage {
    let analysed = count(spine.planes.len());
    let in_gaps = context.gaps.iter().map(|gap| gap.missing_slices).fold(0, u32::saturating_add);
    let short = context.slices_expected.map_or(0, |expected| expected.saturating_sub(context.slices_arrived));
    // While slices arrive, what has no evidence yet is still on its way.
    let lost = match context.completeness {
        Completeness::Receiving => 0,
        _ => context.slices_arrived.saturating_sub(analysed),
    };
    Coverage {
        levels_seen: Level::ALL.into_iter().filter(|&level| is_seen(spine, level, rule)).collect(),
        slices_analysed: analysed,
        slices_missing: in_gaps.max(short),
        slices_unreadable: context.slices_unreadable.saturating_add(lost),
        gaps: context.gaps.clone(),
        extent_mm: spine.extent_mm(),
    }
}

fn is_seen(spine: &Spine, level: Level, rule: &Rule) -> bool {
    spine.extents[level as usize].is_some_and(|extent| {
        let at_the_edge = extent.first == 0 || extent.last + 1 == spine.planes.len();
        extent.seen_mm >= rule.least_seen_mm(level, at_the_edge)
    })
}

/// Stretches inside the neck in which the classifier saw so little that the detector did not run. Where C1 begins and C7 ends
/// is known to some millimetres only, so that a stretch there must be twice as long.
fn blind_stretches(spine: &Spine, gate: f32, rule: &Rule) -> Vec<Gap> {
    let extents = || spine.extents.iter().flatten();
    let (Some(first), Some(last)) = (extents().map(|e| e.first).min(), extents().map(|e| e.last).max()) else {
        return Vec::new();
    };
    let is_blind = |plane: &Plane| plane.evidence.vertebrae.iter().all(|p| *p < gate);
    let stretches: Vec<&[Plane]> = spine.planes[first..=last].chunk_by(|a, b| is_blind(a) == is_blind(b)).collect();
    let gap = |(number, stretch): (usize, &&[Plane])| {
        let length_mm: f64 = stretch.iter().map(|plane| plane.span_mm).sum();
        let [from, to] = [stretch.first()?, stretch.last()?].map(|plane| plane.evidence.z_mm);
        let at_an_end = number == 0 || number + 1 == stretches.len();
        let blind = is_blind(stretch.first()?) && length_mm > if at_an_end { 2.0 } else { 1.0 } * rule.dip_mm;
        blind.then(|| Gap { from_mm: from, to_mm: to, missing_slices: count(stretch.len()) })
    };
    stretches.iter().enumerate().filter_map(gap).collect()
}

/// Everything that keeps the series from having been looked at as a whole.
fn missing(coverage: &Coverage, blind: Vec<Gap>, context: &SeriesContext) -> Vec<Missing> {
    let mut missing = Vec::new();
    match context.completeness {
        Completeness::Receiving => missing.push(Missing::Receiving),
        Completeness::LimitReached => missing.push(Missing::TimeLimit),
        Completeness::CountReached | Completeness::Quiet => {}
    }
    missing.extend(context.detector_missing.iter().map(|reason| Missing::Detector { reason: reason.clone() }));
    let levels: Vec<Level> = Level::ALL.into_iter().filter(|level| !coverage.levels_seen.contains(level)).collect();
    if !levels.is_empty() {
        missing.push(Missing::Levels { levels });
    }
    missing.extend(context.gaps.iter().copied().chain(blind).map(|gap| Missing::Slices { gap }));
    if let Some(expected) = context.slices_expected.filter(|&expected| expected > context.slices_arrived) {
        missing.push(Missing::Count { expected, arrived: context.slices_arrived });
    }
    if coverage.slices_unreadable > 0 {
        missing.push(Missing::Unreadable { slices: coverage.slices_unreadable });
    }
    missing
}

fn verdict(findings: &[Finding], missing: &[Missing], spine: &Spine, context: &SeriesContext, rule: &Rule) -> Verdict {
    if !findings.is_empty() {
        return Verdict::Suspected;
    }
    if context.completeness != Completeness::Receiving
        && let Some(why) = not_analysed(spine, context, rule)
    {
        return Verdict::NotAnalysed { why };
    }
    if missing.is_empty() { Verdict::NoneSuspected } else { Verdict::PartlyAnalysed { missing: missing.to_vec() } }
}

/// Why the series counts as not analysed, if it does.
fn not_analysed(spine: &Spine, context: &SeriesContext, rule: &Rule) -> Option<String> {
    let slices = spine.planes.len();
    if slices == 0 {
        let arrived = context.slices_arrived;
        let why = || format!("none of the {arrived} slices could be analysed: check the device's state");
        return Some(context.not_analysed.clone().unwrap_or_else(why));
    }
    let longest = spine.extents.iter().flatten().map(|extent| extent.seen_mm).fold(0.0, f64::max);
    let enough = rule.glimpse_mm.min(0.5 * (spine.extent_mm() + spine.spacing_mm));
    let why = || format!("no cervical vertebra seen in {slices} slices: check that the series is a cervical spine CT");
    (longest < enough).then(why)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
