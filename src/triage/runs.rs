//! Boxes per slice in; runs of boxes over slices and their scores out. Knows nothing of vertebrae.

use super::FractureBox;
use super::rule::Rule;
use super::spine::{Plane, Spine};

/// One box of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    /// Index of its plane.
    pub plane: usize,
    pub fracture_box: FractureBox,
}

/// Boxes joined over slices, from head to foot, at most one per slice.
pub(super) type Run = Vec<Mark>;

/// Most boxes per slice that are looked at, best first: bounds the work on noise.
const MOST_BOXES: usize = 16;

/// Joins boxes of at least `least_score` into runs.
pub(super) fn join(spine: &Spine, least_score: f32, rule: &Rule) -> Vec<Run> {
    let link_mm = link_mm(spine.spacing_mm, rule);
    let mut closed = Vec::new();
    let mut open: Vec<Run> = Vec::new();
    for (plane, Plane { evidence, .. }) in spine.planes.iter().enumerate() {
        let z = |run: &Run| run.last().map_or(f64::INFINITY, |mark| spine.planes[mark.plane].evidence.z_mm);
        let (near, far) = open.into_iter().partition(|run| z(run) - evidence.z_mm <= link_mm);
        open = near;
        closed.extend::<Vec<Run>>(far);
        let mut boxes: Vec<FractureBox> = evidence.boxes.iter().copied().filter(|b| b.score >= least_score).collect();
        boxes.sort_by(best_first);
        for fracture_box in boxes.into_iter().take(MOST_BOXES) {
            let mark = Mark { plane, fracture_box };
            match closest(&open, &mark, rule) {
                Some(i) => open[i].push(mark),
                None => open.push(vec![mark]),
            }
        }
    }
    closed.extend(open);
    closed
}

/// How far apart along the body two neighbours of a run may lie, mm: `rule.link_mm` or one missing slice.
pub(super) fn link_mm(spacing_mm: f64, rule: &Rule) -> f64 {
    rule.link_mm.max(2.0 * spacing_mm) + 0.01
}

/// Best score first; ties are broken by place, so that the order in the evidence never matters.
fn best_first(a: &FractureBox, b: &FractureBox) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(a.x.total_cmp(&b.x)).then(a.y.total_cmp(&b.y)).then(a.width.total_cmp(&b.width))
}

/// The open run whose last box fits `mark` best and lies in another slice.
fn closest(open: &[Run], mark: &Mark, rule: &Rule) -> Option<usize> {
    let fit = |run: &Run| {
        let last = run.last().filter(|last| last.plane != mark.plane)?;
        likeness(&last.fracture_box, &mark.fracture_box, rule)
    };
    let fits = open.iter().enumerate().filter_map(|(i, run)| Some((i, fit(run)?)));
    fits.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(i, _)| i)
}

/// How well two boxes of neighbouring slices fit, higher is better; `None` when they do not belong together.
fn likeness(a: &FractureBox, b: &FractureBox, rule: &Rule) -> Option<f32> {
    let overlap = |a0: f32, a1: f32, b0: f32, b1: f32| (a1.min(b1) - a0.max(b0)).max(0.0);
    let shared = overlap(a.x, a.x + a.width, b.x, b.x + b.width) * overlap(a.y, a.y + a.height, b.y, b.y + b.height);
    let iou = shared / (a.width * a.height + b.width * b.height - shared).max(f32::MIN_POSITIVE);
    let dx = (a.x - b.x) + 0.5 * (a.width - b.width);
    let dy = (a.y - b.y) + 0.5 * (a.height - b.height);
    let size = 0.25 * (a.width + a.height + b.width + b.height);
    let distance = dx.hypot(dy) / size.max(f32::MIN_POSITIVE);
    (iou >= rule.link_iou || distance <= rule.link_distance).then_some(iou - distance)
}

/// Length that a mark adds to a run's mass before its score is counted, mm.
pub(super) fn weight_mm(spine: &Spine, mark: &Mark, rule: &Rule) -> f64 {
    spine.planes[mark.plane].span_mm.min(rule.slice_weight_mm)
}

/// Length along the body that a run stands for, mm, holes counted in.
pub(super) fn extent_mm(spine: &Spine, run: &[Mark]) -> f64 {
    let (Some(top), Some(bottom)) = (run.first(), run.last()) else { return 0.0 };
    let [top, bottom] = [top, bottom].map(|mark| &spine.planes[mark.plane]);
    top.evidence.z_mm - bottom.evidence.z_mm + 0.5 * (top.span_mm + bottom.span_mm)
}

/// Score of a run, 0 to 1: grows with its boxes' scores and with its length. See [`super::rule`].
pub(super) fn score(spine: &Spine, run: &[Mark], rule: &Rule) -> f32 {
    let (mut mass, mut squared) = (0.0, 0.0);
    for mark in run {
        let score = f64::from(mark.fracture_box.score.clamp(0.0, 1.0));
        let part = score * weight_mm(spine, mark, rule);
        mass += part;
        squared += score * part;
    }
    if mass <= 0.0 {
        return 0.0;
    }
    let score = squared / mass * (1.0 - (-mass / rule.mass_scale_mm).exp());
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
    let score = score as f32;
    score
}
