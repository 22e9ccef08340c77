//! Where each vertebra of the neck lies, from what the classifier says of all slices together. Pure.
//!
//! Single slices of C4 and C5 look alike, so vertebrae are counted as a reader counts them: a neck has seven, they follow each
//! other at distances that differ little from patient to patient, and a series shows a part of them. What the classifier says
//! of a slice counts as the logarithm of the odds against the threshold, times the length that the slice stands for. A
//! place of a vertebra is worth the sum of these over its typical extent; for necks of several sizes a dynamic programme from
//! head to foot finds the seven places that are together worth most, less what their distances lack or exceed
//! ([`Rule::pitch_cost`]) and what the size is away from the typical one ([`Rule::size_cost`]); then each vertebra's ends move
//! to where the sum over its own slices, less what they are away from their place ([`Rule::end_cost`]), is greatest. A place
//! may lie between slices, or beyond the first or the last: what is worth nothing there costs nothing, so that a head or a
//! chest shows no more of the neck than the classifier says.

use super::rule::{Rule, TYPICAL_EXTENT_MM, TYPICAL_PITCH_MM};
use super::spine::Plane;

/// Sizes of patients that are tried first, as shares of the typical one: from a child to a tall man ...
const SIZES: [f64; 7] = [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2];
/// ... and then the best of them with these beside it.
const FINER: [f64; 3] = [-0.05, 0.0, 0.05];
/// Distance of the places that are tried first and then, mm; more where a series is so long that there would be more than
/// [`MOST_PLACES`].
const STEPS_MM: [f64; 2] = [2.0, 1.0];
/// Most places that are tried, so that hundreds of slices cost little more than one.
const MOST_PLACES: usize = 600;
/// A place may lie this far beyond the first or the last slice, mm: more than a neck is long.
const BEYOND_MM: f64 = 150.0;
/// Distances of neighbours that are tried lie this far about the typical one, mm.
const PITCH_REACH_MM: f64 = 10.0;
/// An end may lie this much further from the place than half the typical extent.
const LONGEST: f64 = 1.5;

/// First and last plane of each vertebra of which the series shows a part, both inclusive; `planes` run from head to foot,
/// `spacing_mm` apart. All `None` where the classifier speaks for no neck at all.
pub(super) fn read(planes: &[Plane], spacing_mm: f64, thresholds: &[f32; 7], rule: &Rule) -> [Option<[usize; 2]>; 7] {
    let odds = Odds::of(planes, thresholds, rule);
    let [coarse, fine] = STEPS_MM.map(|step_mm| Places::of(planes, step_mm));
    let best = |sizes: &[f64], places: &Places| {
        let necks = sizes.iter().map(|size| neck(planes, &odds, places, *size, rule));
        necks.max_by(|a, b| a.worth.total_cmp(&b.worth))
    };
    let best = best(&SIZES, &coarse).and_then(|coarse| best(&FINER.map(|by| coarse.size + by), &fine));
    let Some(best) = best.filter(|neck| neck.worth > 0.0) else { return [None; 7] };
    let edges = Edges { planes, spacing_mm };
    std::array::from_fn(|level| ends(&edges, &odds, level, &best, rule))
}

/// Of each level, the sums of log odds times mm over all planes above each plane.
struct Odds([Vec<f64>; 7]);

impl Odds {
    fn of(planes: &[Plane], thresholds: &[f32; 7], rule: &Rule) -> Self {
        Self(std::array::from_fn(|level| {
            let cut = log_odds(thresholds[level]);
            let mut sum = 0.0;
            let sums = planes.iter().map(|plane| {
                let odds = log_odds(plane.smoothed[level]) - cut;
                sum += plane.span_mm * odds.clamp(-rule.most_against, rule.most_for);
                sum
            });
            std::iter::once(0.0).chain(sums).collect()
        }))
    }

    /// Of the planes from `first` to before `end`.
    fn between(&self, level: usize, first: usize, end: usize) -> f64 {
        self.0[level][end] - self.0[level][first]
    }
}

fn log_odds(probability: f32) -> f64 {
    let p = f64::from(probability).clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

/// Heights that are tried, from head to foot at equal distances.
struct Places {
    top_mm: f64,
    step_mm: f64,
    count: usize,
}

impl Places {
    fn of(planes: &[Plane], least_step_mm: f64) -> Self {
        let (Some(first), Some(last)) = (planes.first(), planes.last()) else {
            return Self { top_mm: 0.0, step_mm: least_step_mm, count: 0 };
        };
        let top_mm = first.evidence.z_mm + BEYOND_MM;
        let length_mm = top_mm - (last.evidence.z_mm - BEYOND_MM);
        let step_mm = least_step_mm.max(length_mm / MOST_PLACES as f64);
        Self { top_mm, step_mm, count: steps(length_mm, step_mm) + 1 }
    }

    fn z_mm(&self, at: usize) -> f64 {
        self.top_mm - at as f64 * self.step_mm
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and a few hundred at most")]
fn steps(length_mm: f64, step_mm: f64) -> usize {
    (length_mm / step_mm).max(0.0) as usize
}

/// The planes from `top_mm` down to `bottom_mm`: first and the one behind the last.
fn within(planes: &[Plane], top_mm: f64, bottom_mm: f64) -> [usize; 2] {
    let first = planes.partition_point(|plane| plane.evidence.z_mm > top_mm);
    [first, planes.partition_point(|plane| plane.evidence.z_mm >= bottom_mm).max(first)]
}

/// The seven places that are worth most for a patient of one size.
struct Neck {
    size: f64,
    worth: f64,
    places_mm: [f64; 7],
}

/// The best necks down to one vertebra at one place: what each is worth, and the place of the vertebra above.
struct Links {
    worth: Vec<f64>,
    above: Vec<usize>,
}

fn neck(planes: &[Plane], odds: &Odds, places: &Places, size: f64, rule: &Rule) -> Neck {
    let mut links: Vec<Links> = Vec::with_capacity(7);
    for (level, extent_mm) in TYPICAL_EXTENT_MM.into_iter().enumerate() {
        let half = 0.5 * size * extent_mm;
        let mut here = match (links.last(), level.checked_sub(1)) {
            (Some(upper), Some(above)) => below(upper, places, size * TYPICAL_PITCH_MM[above], rule),
            _ => Links { worth: vec![0.0; places.count], above: vec![0; places.count] },
        };
        let (mut first, mut end) = (0, 0);
        for (at, worth) in here.worth.iter_mut().enumerate() {
            let z = places.z_mm(at);
            first += planes[first..].iter().take_while(|plane| plane.evidence.z_mm > z + half).count();
            end = end.max(first);
            end += planes[end..].iter().take_while(|plane| plane.evidence.z_mm >= z - half).count();
            *worth += odds.between(level, first, end);
        }
        links.push(here);
    }
    let mut neck = Neck { size, worth: f64::NEG_INFINITY, places_mm: [0.0; 7] };
    let lowest = links.last().map_or(&[][..], |lowest| &lowest.worth);
    let Some(mut at) = (0..lowest.len()).max_by(|a, b| lowest[*a].total_cmp(&lowest[*b])) else { return neck };
    neck.worth = lowest[at] - rule.size_cost(size);
    for (level, links) in links.iter().enumerate().rev() {
        neck.places_mm[level] = places.z_mm(at);
        at = links.above[at];
    }
    neck
}

/// For each place of a vertebra that usually lies `pitch_mm` below the one above it, the best place of that one: what the
/// neck down to it is worth, less what the distance costs.
fn below(upper: &Links, places: &Places, pitch_mm: f64, rule: &Rule) -> Links {
    let nearest = steps(pitch_mm - PITCH_REACH_MM, places.step_mm).max(1);
    let furthest = steps(pitch_mm + PITCH_REACH_MM, places.step_mm).max(nearest);
    let mut links = Links { worth: vec![f64::NEG_INFINITY; places.count], above: vec![0; places.count] };
    for apart in nearest..=furthest.min(places.count) {
        let cost = rule.pitch_cost(apart as f64 * places.step_mm - pitch_mm);
        let best = links.worth[apart..].iter_mut().zip(&mut links.above[apart..]);
        for (above, (worth, (best, best_above))) in upper.worth.iter().zip(best).enumerate() {
            if worth - cost > *best {
                (*best, *best_above) = (worth - cost, above);
            }
        }
    }
    links
}

/// The heights between the planes, where a vertebra may end.
struct Edges<'a> {
    planes: &'a [Plane<'a>],
    spacing_mm: f64,
}

impl Edges<'_> {
    /// Above the plane with this index; below the last for the number of planes.
    fn z_mm(&self, index: usize) -> f64 {
        let half = 0.5 * self.spacing_mm;
        let last = || self.planes.last().map_or(0.0, |plane| plane.evidence.z_mm - half);
        self.planes.get(index).map_or_else(last, |plane| plane.evidence.z_mm + half)
    }
}

/// The stretch around the place of a vertebra that is worth most; `None` where no slice lies in it.
fn ends(edges: &Edges, odds: &Odds, level: usize, neck: &Neck, rule: &Rule) -> Option<[usize; 2]> {
    let (place_mm, half) = (neck.places_mm[level], 0.5 * neck.size * TYPICAL_EXTENT_MM[level]);
    let [top, end] = within(edges.planes, place_mm + LONGEST * half, place_mm - LONGEST * half);
    let [middle, _] = within(edges.planes, place_mm, place_mm);
    let above =
        |first: &usize| odds.between(level, *first, middle) - rule.end_cost(edges.z_mm(*first) - place_mm - half);
    let below = |end: &usize| odds.between(level, middle, *end) - rule.end_cost(place_mm - edges.z_mm(*end) - half);
    let first = (top..=middle).max_by(|a, b| above(a).total_cmp(&above(b)))?;
    let end = (middle..=end).rev().max_by(|a, b| below(a).total_cmp(&below(b)))?;
    (first < end).then(|| [first, end - 1])
}
