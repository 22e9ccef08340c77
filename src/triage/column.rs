//! Where each vertebra of the neck lies, from what the classifier says of all slices together. Pure.
//!
//! Single slices of C4 and C5 look alike, so vertebrae are counted as a reader counts them: every level is given the place
//! along the body that fits best while they follow each other at a plausible distance. What the classifier says of a slice
//! counts as the logarithm of the odds against the threshold, times the length that the slice stands for. A level's centre is
//! worth the sum of these over its typical extent; a dynamic programme from head to foot finds the centres that are together
//! worth most, less what their distances lack or exceed ([`Rule::pitch_cost`]); then each level's ends move to where the
//! sum over its own slices is greatest. A centre may lie between slices, or beyond the first or the last.

use super::rule::{Rule, TYPICAL_EXTENT_MM};
use super::spine::Plane;

/// Sizes of patients that are tried, as shares of the typical one.
const SIZES: [f64; 3] = [0.82, 1.0, 1.18];
/// Distance of the centres that are tried, mm; more where a series is so long that there would be more than [`MOST_CENTRES`].
const STEP_MM: f64 = 1.0;
/// Most centres that are tried, so that hundreds of slices cost little more than one.
const MOST_CENTRES: usize = 400;
/// A centre may lie this far beyond the first or the last slice, mm: more than half of C2.
const BEYOND_MM: f64 = 24.0;
/// An end may lie this much further from the centre than half the typical extent.
const LONGEST: f64 = 1.5;

/// First and last plane of each vertebra that is there, both inclusive; `planes` run from head to foot.
pub(super) fn read(planes: &[Plane], thresholds: &[f32; 7], rule: &Rule) -> [Option<[usize; 2]>; 7] {
    let odds = Odds::of(planes, thresholds, rule);
    let places = places(planes);
    let chains = SIZES.map(|size| chain(planes, &odds, &places, size, rule));
    let best = chains.iter().max_by(|a, b| a.worth.total_cmp(&b.worth));
    let Some(best) = best.filter(|chain| chain.worth > 0.0) else { return [None; 7] };
    std::array::from_fn(|level| best.centres_mm[level].and_then(|z| ends(planes, &odds, level, z, best.size)))
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
                sum += plane.span_mm * odds.clamp(-rule.most_log_odds, rule.most_log_odds);
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

/// Heights that are tried as centres, from head to foot, mm.
fn places(planes: &[Plane]) -> Vec<f64> {
    let (Some(first), Some(last)) = (planes.first(), planes.last()) else { return Vec::new() };
    let (top, bottom) = (first.evidence.z_mm + BEYOND_MM, last.evidence.z_mm - BEYOND_MM);
    let step = STEP_MM.max((top - bottom) / MOST_CENTRES as f64);
    std::iter::successors(Some(top), |z| Some(z - step)).take_while(|z| *z >= bottom).take(MOST_CENTRES + 1).collect()
}

/// The planes from `top_mm` down to `bottom_mm`: first and the one behind the last.
fn within(planes: &[Plane], top_mm: f64, bottom_mm: f64) -> [usize; 2] {
    let first = planes.partition_point(|plane| plane.evidence.z_mm > top_mm);
    [first, planes.partition_point(|plane| plane.evidence.z_mm >= bottom_mm).max(first)]
}

/// Centres of vertebrae that follow each other without leaving one out, for a patient of one size.
struct Chain {
    size: f64,
    worth: f64,
    centres_mm: [Option<f64>; 7],
}

/// The best chain that ends with one level at one place: its worth, and the place of the level above.
#[derive(Clone, Copy)]
struct Link {
    worth: f64,
    above: Option<usize>,
}

fn chain(planes: &[Plane], odds: &Odds, places: &[f64], size: f64, rule: &Rule) -> Chain {
    let mut links: Vec<Vec<Link>> = Vec::with_capacity(7);
    for (level, extent_mm) in TYPICAL_EXTENT_MM.into_iter().enumerate() {
        let half = 0.5 * size * extent_mm;
        let link = |(at, z): (usize, &f64)| {
            let [first, end] = within(planes, z + half, z - half);
            let own = odds.between(level, first, end);
            let before = links.last().and_then(|upper| best_above(upper, places, at, size, rule));
            match before.filter(|(gain, _)| *gain > 0.0) {
                Some((gain, above)) => Link { worth: own + gain, above: Some(above) },
                None => Link { worth: own, above: None },
            }
        };
        let ends = places.iter().enumerate().map(link).collect();
        links.push(ends);
    }
    let every = (0..7).flat_map(|level| (0..places.len()).map(move |at| (level, at)));
    let best = every.max_by(|a, b| links[a.0][a.1].worth.total_cmp(&links[b.0][b.1].worth));
    let mut chain = Chain { size, worth: f64::NEG_INFINITY, centres_mm: [None; 7] };
    let Some((mut level, mut at)) = best else { return chain };
    chain.worth = links[level][at].worth;
    loop {
        chain.centres_mm[level] = Some(places[at]);
        let Some(above) = links[level][at].above else { return chain };
        (level, at) = (level - 1, above);
    }
}

/// The best place of the level above for one at `places[at]`: what the chain down to it gains, and which place.
fn best_above(upper: &[Link], places: &[f64], at: usize, size: f64, rule: &Rule) -> Option<(f64, usize)> {
    let [least, most] = rule.pitch_mm;
    let near = |above: &usize| places[*above] - places[at] <= most;
    let fits = (0..at).rev().take_while(near).filter(|above| places[*above] - places[at] >= least);
    fits.map(|above| (upper[above].worth - rule.pitch_cost(places[above] - places[at], size), above))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}

/// The stretch around the centre that is worth most; `None` where no slice speaks for the level.
fn ends(planes: &[Plane], odds: &Odds, level: usize, centre_mm: f64, size: f64) -> Option<[usize; 2]> {
    let reach = LONGEST * 0.5 * size * TYPICAL_EXTENT_MM[level];
    let [top, end] = within(planes, centre_mm + reach, centre_mm - reach);
    let [middle, _] = within(planes, centre_mm, centre_mm - reach);
    let above = |first: &usize| odds.between(level, *first, middle);
    let below = |end: &usize| odds.between(level, middle, *end);
    let first = (top..=middle).max_by(|a, b| above(a).total_cmp(&above(b)))?;
    let end = (middle..=end).rev().max_by(|a, b| below(a).total_cmp(&below(b)))?;
    (first < end).then_some([first, end - 1])
}
