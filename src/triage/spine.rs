//! Seven probabilities per slice in; which stretch of the series shows which vertebra out. Knows nothing of fractures.

use super::column;
use super::rule::{Rule, TYPICAL_EXTENT_MM};
use super::{Evidence, Level};

/// A slice with usable evidence, in the order of the body.
#[derive(Clone, Debug)]
pub(super) struct Plane<'a> {
    pub evidence: &'a Evidence,
    /// How much of the body the slice stands for, mm: up to the spacing, less where slices lie closer.
    pub span_mm: f64,
    /// Probabilities after smoothing along the body.
    pub smoothed: [f32; 7],
}

/// The stretch of slices that shows one vertebra.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    /// Index of the first plane, nearest to the head.
    pub first: usize,
    /// Index of the last plane.
    pub last: usize,
    /// Sum of the spans of the planes at or above the threshold, mm.
    pub seen_mm: f64,
}

/// The planes of a series from head to foot, and where in them each vertebra lies.
pub(super) struct Spine<'a> {
    pub planes: Vec<Plane<'a>>,
    pub spacing_mm: f64,
    pub extents: [Option<Extent>; 7],
}

impl<'a> Spine<'a> {
    /// Reads the vertebrae out of `evidence`, whose order does not matter. Evidence with a value that is not a number
    /// is left out; `planes.len()` tells how much was usable.
    pub fn read(evidence: &'a [Evidence], spacing_mm: Option<f64>, thresholds: &[f32; 7], rule: &Rule) -> Self {
        let mut usable: Vec<&Evidence> = evidence.iter().filter(|e| is_usable(e)).collect();
        usable.sort_by(|a, b| b.z_mm.total_cmp(&a.z_mm).then_with(|| a.slice_key.cmp(&b.slice_key)));
        usable.dedup_by(|a, b| a.slice_key == b.slice_key);
        let spacing_mm = spacing_mm.filter(|s| s.is_finite() && *s > 0.0).unwrap_or_else(|| typical_distance(&usable));
        let mut planes = planes(&usable, spacing_mm);
        smooth(&mut planes, rule);
        let extents = extents(&planes, spacing_mm, thresholds, rule);
        Self { planes, spacing_mm, extents }
    }

    /// Upper and lower end of a vertebra's stretch, mm. One that touches an end of the series is taken to go on to
    /// `typical_mm`: the rest is cut off, or has not arrived yet.
    pub fn ends_mm(&self, level: Level, typical_mm: f64) -> Option<[f64; 2]> {
        let extent = self.extents[level as usize]?;
        let z = |index: usize| self.planes[index].evidence.z_mm;
        let edge = 0.5 * self.spacing_mm;
        let (mut top, mut bottom) = (z(extent.first) + edge, z(extent.last) - edge);
        let lacking = (typical_mm - (top - bottom)).max(0.0);
        if extent.last + 1 == self.planes.len() {
            bottom -= lacking;
        } else if extent.first == 0 {
            top += lacking;
        }
        Some([top, bottom])
    }

    /// Which of C1 to C7 a plane shows, as they are counted along the neck.
    pub fn shown(&self, plane: usize) -> [bool; 7] {
        self.extents.map(|extent| extent.is_some_and(|extent| (extent.first..=extent.last).contains(&plane)))
    }

    /// 1 at the centre of the vertebra's stretch, falling to 0 at its ends and outside.
    pub fn centrality(&self, level: Level, plane: usize) -> f64 {
        let Some([top, bottom]) = self.ends_mm(level, TYPICAL_EXTENT_MM[level as usize]) else { return 0.0 };
        let (centre, half) = (0.5 * (top + bottom), 0.5 * (top - bottom));
        (1.0 - (self.planes[plane].evidence.z_mm - centre).abs() / half).max(0.0)
    }

    /// Length of a stretch, mm.
    pub fn length_mm(&self, extent: &Extent) -> f64 {
        self.planes[extent.first].evidence.z_mm - self.planes[extent.last].evidence.z_mm + self.spacing_mm
    }

    /// Highest minus lowest slice, mm.
    pub fn extent_mm(&self) -> f64 {
        match (self.planes.first(), self.planes.last()) {
            (Some(top), Some(bottom)) => top.evidence.z_mm - bottom.evidence.z_mm,
            _ => 0.0,
        }
    }
}

fn is_usable(evidence: &Evidence) -> bool {
    evidence.z_mm.is_finite()
        && evidence.vertebrae.iter().all(|p| p.is_finite())
        && evidence.boxes.iter().all(|b| [b.x, b.y, b.width, b.height, b.score].iter().all(|v| v.is_finite()))
}

/// Median distance between neighbours, 1 mm where there is none to measure.
fn typical_distance(sorted: &[&Evidence]) -> f64 {
    let mut distances: Vec<f64> = sorted.windows(2).map(|w| w[0].z_mm - w[1].z_mm).filter(|d| *d > 1e-3).collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or(1.0)
}

fn planes<'a>(sorted: &[&'a Evidence], spacing_mm: f64) -> Vec<Plane<'a>> {
    let half = |a: Option<&&Evidence>, b: &Evidence| {
        a.map_or(0.5 * spacing_mm, |a| (0.5 * (a.z_mm - b.z_mm).abs()).min(0.5 * spacing_mm))
    };
    let plane = |(i, evidence): (usize, &&'a Evidence)| {
        let above = i.checked_sub(1).and_then(|i| sorted.get(i));
        let span_mm = half(above, evidence) + half(sorted.get(i + 1), evidence);
        Plane { evidence, span_mm, smoothed: evidence.vertebrae }
    };
    sorted.iter().enumerate().map(plane).collect()
}

/// Most neighbours on either side that the median looks at, however thin the slices.
const MOST_NEIGHBOURS: usize = 4;

/// Median along the body: a single misread slice does not make or break a vertebra.
fn smooth(planes: &mut [Plane], rule: &Rule) {
    let smoothed: Vec<[f32; 7]> = (0..planes.len()).map(|i| median_around(planes, i, rule.smoothing_mm)).collect();
    for (plane, smoothed) in planes.iter_mut().zip(smoothed) {
        plane.smoothed = smoothed;
    }
}

fn median_around(planes: &[Plane], centre: usize, reach_mm: f64) -> [f32; 7] {
    let z = planes[centre].evidence.z_mm;
    let near = |i: usize| (planes[i].evidence.z_mm - z).abs() <= reach_mm;
    // The same number on both sides, so that the end of a vertebra is not moved.
    let reach = (1..=MOST_NEIGHBOURS)
        .take_while(|&n| centre >= n && centre + n < planes.len() && near(centre - n) && near(centre + n))
        .count();
    let mut window = [0.0_f32; 2 * MOST_NEIGHBOURS + 1];
    let window = &mut window[..=2 * reach];
    std::array::from_fn(|level| {
        for (value, plane) in window.iter_mut().zip(&planes[centre - reach..]) {
            *value = plane.evidence.vertebrae[level].clamp(0.0, 1.0);
        }
        window.sort_unstable_by(f32::total_cmp);
        window[reach]
    })
}

/// The stretch that [`column`] gives each vertebra, and how much of it the classifier sees.
fn extents(planes: &[Plane], spacing_mm: f64, thresholds: &[f32; 7], rule: &Rule) -> [Option<Extent>; 7] {
    let stretches = column::read(planes, spacing_mm, thresholds, rule);
    std::array::from_fn(|level| {
        let [first, last] = stretches[level]?;
        let said = planes[first..=last].iter().filter(|plane| plane.smoothed[level] >= thresholds[level]);
        Some(Extent { first, last, seen_mm: said.map(|plane| plane.span_mm).sum() })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::synthetic::{self, Scan};
    use super::*;

    const RULE: Rule = Rule::SHIPPED;
    const THRESHOLDS: [f32; 7] = [0.5; 7];

    fn read(evidence: &[Evidence]) -> Spine<'_> {
        Spine::read(evidence, None, &THRESHOLDS, &RULE)
    }

    fn ends_mm(spine: &Spine, level: Level) -> [f64; 2] {
        let extent = spine.extents[level as usize].unwrap();
        [extent.first, extent.last].map(|i| spine.planes[i].evidence.z_mm)
    }

    #[test]
    fn every_vertebra_is_found_where_it_lies_at_any_spacing() {
        for spacing_mm in [0.5, 0.625, 1.0, 2.0, 3.0] {
            let evidence = Scan { spacing_mm, ..Scan::default() }.evidence();
            let spine = read(&evidence);
            assert!((spine.spacing_mm - spacing_mm).abs() < 1e-9);
            for level in Level::ALL {
                let (found, truth) = (ends_mm(&spine, level), synthetic::extent(level));
                for (found, truth) in found.iter().zip(truth) {
                    // a neck that is a little longer than its vertebrae are large: a mm is for what is usual
                    assert!(
                        (found - truth).abs() <= spacing_mm + 1.0,
                        "{level:?} at {spacing_mm}: {found} for {truth}"
                    );
                }
                let seen_mm = spine.extents[level as usize].unwrap().seen_mm;
                assert!((seen_mm - (truth[0] - truth[1])).abs() <= spacing_mm + 2.0, "{level:?}: {seen_mm} mm");
            }
        }
    }

    #[test]
    fn the_synthetic_neck_overlaps_as_real_ones_do() {
        let evidence = Scan { above_mm: 0.0, below_mm: 0.0, ..Scan::default() }.evidence();
        let shown = |e: &Evidence| e.vertebrae.iter().filter(|p| **p >= 0.5).count();
        let two = evidence.iter().filter(|e| shown(e) == 2).count() as f64 / evidence.len() as f64;
        assert!((0.5..0.8).contains(&two), "{two}: 39 % of a scan is 0.62 of the slices that show a vertebra");
    }

    #[test]
    fn single_misread_slices_move_no_vertebra() {
        let scan = Scan { misread: 0.05, ..Scan::default() };
        let (evidence, clean) = (scan.evidence(), Scan::default().evidence());
        let (spine, clean) = (read(&evidence), read(&clean));
        for level in Level::ALL {
            for (found, truth) in ends_mm(&spine, level).iter().zip(ends_mm(&clean, level)) {
                assert!((found - truth).abs() <= 2.0, "{level:?}: {found} for {truth}");
            }
        }
    }

    #[test]
    fn a_stretch_out_of_order_is_dropped() {
        let mut evidence = Scan::default().evidence();
        let c1 = synthetic::extent(Level::C1);
        for e in &mut evidence {
            if e.z_mm > c1[0] + 15.0 {
                e.vertebrae[6] = 0.9; // the skull base taken for C7
            }
        }
        let spine = read(&evidence);
        assert!((ends_mm(&spine, Level::C7)[0] - synthetic::extent(Level::C7)[0]).abs() <= 1.0);
    }

    #[test]
    fn two_vertebrae_cannot_lie_in_the_same_place() {
        let mut evidence = Scan::default().evidence();
        for e in &mut evidence {
            let either = e.vertebrae[3].max(e.vertebrae[4]);
            e.vertebrae[3..=4].fill(either);
        }
        let spine = read(&evidence);
        for level in [Level::C4, Level::C5] {
            for (found, truth) in ends_mm(&spine, level).iter().zip(synthetic::extent(level)) {
                assert!((found - truth).abs() < 5.0, "{level:?}: {found} for {truth}");
            }
        }
    }

    #[test]
    fn one_vertebra_alone_in_a_long_series_is_no_neck() {
        let mut evidence = Scan { above_mm: 120.0, below_mm: 120.0, ..Scan::default() }.evidence();
        for e in &mut evidence {
            e.vertebrae = [0.02, 0.02, 0.02, e.vertebrae[3], 0.02, 0.02, 0.02];
        }
        assert_eq!(read(&evidence).extents, [None; 7]);
    }

    #[test]
    fn where_the_classifier_is_silent_a_vertebra_keeps_its_place_and_is_not_seen() {
        for (dip_mm, seen) in [(4.0, true), (9.0, true), (22.0, false), (40.0, false)] {
            let mut evidence = Scan { spacing_mm: 0.5, ..Scan::default() }.evidence();
            for e in &mut evidence {
                if e.z_mm.abs() < 0.5 * dip_mm {
                    e.vertebrae[3] = 0.1;
                }
            }
            let spine = read(&evidence);
            let c4 = spine.extents[Level::C4 as usize].unwrap();
            let [top, bottom] = synthetic::extent(Level::C4);
            let ends = ends_mm(&spine, Level::C4);
            assert!((ends[0] - top).abs() < 2.5 && (ends[1] - bottom).abs() < 2.5, "dip of {dip_mm} mm: {ends:?}");
            assert_eq!(c4.seen_mm >= RULE.seen_mm, seen, "dip of {dip_mm} mm");
        }
    }

    #[test]
    fn a_level_that_is_mistaken_for_its_neighbour_is_counted_right() {
        let mut evidence = Scan::default().evidence();
        for e in &mut evidence {
            // all of C5 is called C4, so that C5 is silent between two that are known
            e.vertebrae[3] = e.vertebrae[3].max(e.vertebrae[4]);
            e.vertebrae[4] = 0.02;
        }
        let spine = read(&evidence);
        for level in Level::ALL {
            for (found, truth) in ends_mm(&spine, level).iter().zip(synthetic::extent(level)) {
                assert!((found - truth).abs() < 4.0, "{level:?}: {found} for {truth}");
            }
        }
        let plane = evidence.iter().position(|e| e.z_mm < synthetic::extent(Level::C5)[0] - 14.0).unwrap();
        assert!(spine.shown(plane)[4] && !spine.shown(plane)[2], "{:?}", spine.shown(plane));
    }

    #[test]
    fn a_head_or_a_chest_shows_no_more_of_the_neck_than_is_there() {
        let [c2_bottom, c7_top] = [synthetic::extent(Level::C2)[1], synthetic::extent(Level::C7)[0]];
        let evidence = Scan { above_mm: 120.0, below_mm: 120.0, ..Scan::default() }.evidence();
        let head: Vec<Evidence> = evidence.iter().filter(|e| e.z_mm > c2_bottom + 20.0).cloned().collect();
        let chest: Vec<Evidence> = evidence.iter().filter(|e| e.z_mm < c7_top - 14.0).cloned().collect();
        let seen = |evidence: &[Evidence]| read(evidence).extents.map(|e| e.is_some_and(|e| e.seen_mm > RULE.seen_mm));
        assert_eq!(seen(&head), [true, true, false, false, false, false, false]);
        assert_eq!(seen(&chest), [false, false, false, false, false, false, true]);
    }

    #[test]
    fn the_order_of_the_evidence_and_repeats_do_not_matter() {
        let evidence = Scan { misread: 0.1, ..Scan::default() }.evidence();
        let mut shuffled: Vec<Evidence> = evidence.iter().rev().cloned().collect();
        shuffled.extend_from_slice(&evidence[20..40]);
        shuffled.rotate_left(77);
        let (a, b) = (read(&evidence), read(&shuffled));
        assert_eq!(a.planes.len(), b.planes.len());
        assert_eq!(a.extents, b.extents);
    }

    #[test]
    fn evidence_that_is_not_a_number_is_left_out() {
        let mut evidence = Scan::default().evidence();
        let all = evidence.len();
        evidence[3].z_mm = f64::NAN;
        evidence[4].vertebrae[0] = f32::INFINITY;
        evidence[5].boxes.push(super::super::FractureBox { x: 0.0, y: 0.0, width: 1.0, height: 1.0, score: f32::NAN });
        assert_eq!(read(&evidence).planes.len(), all - 3);
    }

    #[test]
    fn slices_that_lie_closer_stand_for_less() {
        let mut evidence = Scan { spacing_mm: 1.0, ..Scan::default() }.evidence();
        let mut twin = evidence[50].clone();
        twin.slice_key = "twin".into();
        evidence.insert(50, twin);
        let total: f64 = read(&evidence).planes.iter().map(|p| p.span_mm).sum();
        assert!((total - (evidence.len() as f64 - 1.0)).abs() < 1e-6, "{total}");
    }

    #[test]
    fn centrality_is_one_in_the_middle_and_nothing_outside() {
        let evidence = Scan::default().evidence();
        let spine = read(&evidence);
        let nearest = |z: f64| {
            let distance = |i: &usize| (spine.planes[*i].evidence.z_mm - z).abs();
            (0..spine.planes.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
        };
        let [top, bottom] = synthetic::extent(Level::C4);
        assert!(spine.centrality(Level::C4, nearest(0.0)) > 0.95);
        assert!(spine.centrality(Level::C4, nearest(top)) < 0.1);
        assert_eq!(spine.centrality(Level::C4, nearest(bottom - 3.0)), 0.0);
    }

    #[test]
    fn a_vertebra_that_is_still_arriving_has_its_centre_ahead() {
        let mut evidence = Scan::default().evidence();
        let [top, _] = synthetic::extent(Level::C4);
        evidence.retain(|e| e.z_mm > top - 8.0);
        let spine = read(&evidence);
        let c4: Vec<f64> = (0..evidence.len()).map(|i| spine.centrality(Level::C4, i)).filter(|c| *c > 0.0).collect();
        assert!(c4.windows(2).all(|w| w[0] < w[1]) && (0.4..0.8).contains(&c4[c4.len() - 1]), "{c4:?}");
    }

    #[test]
    fn no_evidence_shows_nothing() {
        let spine = read(&[]);
        assert!(spine.planes.is_empty() && spine.extents.iter().all(Option::is_none) && spine.extent_mm() == 0.0);
    }
}
