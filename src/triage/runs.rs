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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::Evidence;
    use super::*;

    const RULE: Rule = Rule::SHIPPED;

    fn at(x: f32, score: f32) -> FractureBox {
        FractureBox { x, y: 200.0, width: 80.0, height: 60.0, score }
    }

    /// One slice per entry, `spacing_mm` apart, from head to foot.
    fn series(spacing_mm: f64, boxes: &[&[FractureBox]]) -> Vec<Evidence> {
        let slice = |(i, boxes): (usize, &&[FractureBox])| Evidence {
            slice_key: format!("{i:04}"),
            instance_number: None,
            z_mm: -(i as f64) * spacing_mm,
            matrix: [512, 512],
            vertebrae: [0.0; 7],
            boxes: boxes.to_vec(),
        };
        boxes.iter().enumerate().map(slice).collect()
    }

    fn runs_of(spacing_mm: f64, boxes: &[&[FractureBox]]) -> Vec<Vec<usize>> {
        let evidence = series(spacing_mm, boxes);
        let spine = Spine::read(&evidence, Some(spacing_mm), &[0.5; 7], &RULE);
        let mut runs: Vec<Vec<usize>> =
            join(&spine, 0.25, &RULE).iter().map(|run| run.iter().map(|mark| mark.plane).collect()).collect();
        runs.sort();
        runs
    }

    fn score_of(spacing_mm: f64, scores: &[f32]) -> f32 {
        let boxes: Vec<[FractureBox; 1]> = scores.iter().map(|&score| [at(100.0, score)]).collect();
        let boxes: Vec<&[FractureBox]> = boxes.iter().map(<[FractureBox; 1]>::as_slice).collect();
        let evidence = series(spacing_mm, &boxes);
        let spine = Spine::read(&evidence, Some(spacing_mm), &[0.5; 7], &RULE);
        let runs = join(&spine, 0.0, &RULE);
        assert_eq!(runs.len(), 1);
        score(&spine, &runs[0], &RULE)
    }

    #[test]
    fn one_missing_slice_or_three_millimetres_are_bridged() {
        let a: &[FractureBox] = &[at(100.0, 0.8)];
        assert_eq!(runs_of(3.0, &[a, a, &[], a]), [vec![0, 1, 3]]);
        assert_eq!(runs_of(3.0, &[a, &[], &[], a]), [vec![0], vec![3]]);
        assert_eq!(runs_of(0.5, &[a, &[], &[], &[], &[], &[], a]), [vec![0, 6]]);
        assert_eq!(runs_of(0.5, &[a, &[], &[], &[], &[], &[], &[], a]), [vec![0], vec![7]]);
    }

    #[test]
    fn boxes_far_apart_in_the_plane_are_two_runs() {
        let both: &[FractureBox] = &[at(100.0, 0.8), at(300.0, 0.7)];
        assert_eq!(runs_of(1.0, &[both, both, both]), [vec![0, 1, 2], vec![0, 1, 2]]);
        assert_eq!(runs_of(1.0, &[&[at(100.0, 0.8)], &[at(300.0, 0.8)]]), [vec![0], vec![1]]);
    }

    #[test]
    fn a_run_takes_one_box_per_slice_and_the_better_fitting() {
        assert_eq!(runs_of(1.0, &[&[at(100.0, 0.8)], &[at(150.0, 0.9), at(101.0, 0.4)]]), [vec![0, 1], vec![1]]);
        let evidence = series(1.0, &[&[at(100.0, 0.8), at(130.0, 0.5)], &[at(131.0, 0.9)]]);
        let spine = Spine::read(&evidence, None, &[0.5; 7], &RULE);
        let runs = join(&spine, 0.25, &RULE);
        let longest = runs.iter().find(|run| run.len() == 2).unwrap();
        assert_eq!(longest[0].fracture_box.x, 130.0);
    }

    #[test]
    fn weak_boxes_are_left_out() {
        assert_eq!(runs_of(1.0, &[&[at(100.0, 0.24)], &[at(100.0, 0.26)]]), [vec![1]]);
    }

    #[test]
    fn a_lone_box_is_weaker_than_a_run_at_any_spacing() {
        for (spacing_mm, slices) in [(0.5, 18), (1.0, 9), (3.0, 3), (5.0, 2)] {
            let lone = score_of(spacing_mm, &[0.95]);
            assert!(lone < 0.5, "{lone} at {spacing_mm} mm");
            let run = score_of(spacing_mm, &vec![0.8; slices]);
            assert!(run > 0.5 && run > 1.15 * lone, "{run} for {lone} at {spacing_mm} mm");
        }
    }

    #[test]
    fn the_score_grows_with_length_and_with_the_boxes_and_stays_below_them() {
        let scores: Vec<f32> = (1..20).map(|n| score_of(0.625, &vec![0.8; n])).collect();
        assert!(scores.windows(2).all(|w| w[0] < w[1]) && scores.iter().all(|s| *s < 0.8));
        assert!(score_of(1.0, &[0.4; 6]) < score_of(1.0, &[0.6; 6]));
        assert!(score_of(1.0, &[0.9, 0.9, 0.9, 0.3]) > 0.9 * score_of(1.0, &[0.9; 3]));
    }

    #[test]
    fn the_same_fracture_scores_alike_in_thin_and_thick_slices() {
        let thin = score_of(0.5, &[0.8; 24]);
        let thick = score_of(3.0, &[0.8; 4]);
        assert!((thin - thick).abs() < 0.1, "{thin} {thick}");
    }

    #[test]
    fn noise_in_every_slice_is_bounded_work() {
        let many: Vec<FractureBox> = (0..300).map(|i| at(i as f32, 0.5)).collect();
        assert_eq!(runs_of(1.0, &[&many, &many]).len(), 16);
    }
}
