//! Seven probabilities per slice in; which stretch of the series shows which vertebra out. Knows nothing of fractures.

use super::rule::Rule;
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
    /// Sum of probability times span, mm.
    pub mass_mm: f64,
    /// Centre of that mass, mm along the normal.
    pub centre_mm: f64,
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
        let extents = extents(&planes, thresholds, rule);
        Self { planes, spacing_mm, extents }
    }

    /// True where the plane lies in the stretch of that vertebra.
    pub fn shows(&self, level: Level, plane: usize) -> bool {
        self.extents[level as usize].is_some_and(|e| (e.first..=e.last).contains(&plane))
    }

    /// 1 at the centre of the vertebra's stretch, falling to 0 at its ends and outside.
    pub fn centrality(&self, level: Level, plane: usize) -> f64 {
        let Some(extent) = self.extents[level as usize] else { return 0.0 };
        let z = |index: usize| self.planes[index].evidence.z_mm;
        let from_centre = z(plane) - extent.centre_mm;
        let end = if from_centre > 0.0 { extent.first } else { extent.last };
        let half = (z(end) - extent.centre_mm).abs() + 0.5 * self.spacing_mm;
        (1.0 - from_centre.abs() / half).max(0.0)
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

/// Most stretches per vertebra that the choice looks at, heaviest first: bounds the work on noise.
const MOST_CANDIDATES: usize = 16;

/// One stretch per vertebra at most, such that together they weigh most and follow each other like a neck's vertebrae.
fn extents(planes: &[Plane], thresholds: &[f32; 7], rule: &Rule) -> [Option<Extent>; 7] {
    let candidates = Level::ALL.map(|level| {
        let mut found = stretches(planes, level, thresholds[level as usize], rule);
        found.sort_by(|a, b| b.mass_mm.total_cmp(&a.mass_mm));
        found.truncate(MOST_CANDIDATES);
        found
    });
    heaviest_chain(&candidates, rule)
}

/// Stretches at or above the threshold; short dips are bridged.
fn stretches(planes: &[Plane], level: Level, threshold: f32, rule: &Rule) -> Vec<Extent> {
    let mut found: Vec<Extent> = Vec::new();
    for (i, plane) in planes.iter().enumerate() {
        let probability = plane.smoothed[level as usize];
        if probability < threshold {
            continue;
        }
        let z = plane.evidence.z_mm;
        let mass = f64::from(probability) * plane.span_mm;
        match found.last_mut() {
            Some(e) if planes[e.last].evidence.z_mm - z <= rule.dip_mm + plane.span_mm => {
                e.centre_mm = (e.centre_mm * e.mass_mm + z * mass) / (e.mass_mm + mass).max(f64::MIN_POSITIVE);
                e.last = i;
                e.seen_mm += plane.span_mm;
                e.mass_mm += mass;
            }
            _ => found.push(Extent { first: i, last: i, seen_mm: plane.span_mm, mass_mm: mass, centre_mm: z }),
        }
    }
    found
}

/// Dynamic programme over the vertebrae from head to foot: the heaviest chain in which `n` levels further down means
/// `n` plausible pitches further down.
fn heaviest_chain(candidates: &[Vec<Extent>; 7], rule: &Rule) -> [Option<Extent>; 7] {
    /// The best chain that ends in one stretch: its weight, and the link before.
    type Link = (f64, Option<(usize, usize)>);
    let mut links: Vec<Vec<Link>> = Vec::with_capacity(7);
    for (level, stretches) in candidates.iter().enumerate() {
        let best_end_in = |stretch: &Extent| {
            let mut best: Link = (stretch.mass_mm, None);
            for (above, ends) in links.iter().enumerate() {
                for (j, (weight, _)) in ends.iter().enumerate() {
                    let descent = candidates[above][j].centre_mm - stretch.centre_mm;
                    let weight = weight + stretch.mass_mm;
                    if rule.is_plausible_descent(level - above, descent) && weight > best.0 {
                        best = (weight, Some((above, j)));
                    }
                }
            }
            best
        };
        let ends = stretches.iter().map(best_end_in).collect();
        links.push(ends);
    }
    let every_end =
        links.iter().enumerate().flat_map(|(l, ends)| ends.iter().enumerate().map(move |(j, e)| (e.0, (l, j))));
    let mut at = every_end.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, end)| end);
    let mut chain = [None; 7];
    while let Some((level, j)) = at {
        chain[level] = Some(candidates[level][j]);
        at = links[level][j].1;
    }
    chain
}
