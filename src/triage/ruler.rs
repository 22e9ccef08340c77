//! Where a plane lies among the vertebrae, in vertebrae: 3.0 at the centre of C3, 3.5 half way to that of C4. Pure.
//!
//! Two necks of different length, tilt and spacing are alike in these coordinates, so that one set of numbers tells where
//! the fractures of a vertebra show.

use super::Level;
use super::rule::{Rule, TYPICAL_EXTENT_MM, TYPICAL_PITCH_MM};
use super::spine::Spine;

/// The centres of the vertebrae of which the series shows a part.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ruler {
    /// Number of the vertebra (1 to 7) and height of its centre in mm, from head to foot; never empty.
    centres: Vec<(f64, f64)>,
    /// Distance of two centres beyond the first and the last, mm.
    pitch_mm: [f64; 2],
}

impl Ruler {
    /// `None` where the series shows no neck.
    pub fn of(spine: &Spine, rule: &Rule) -> Option<Self> {
        let scale = scale(spine);
        let mut centres: Vec<(f64, f64)> = Vec::new();
        for level in Level::ALL {
            let Some([top, bottom]) = spine.ends_mm(level, scale * TYPICAL_EXTENT_MM[level as usize]) else { continue };
            let z_mm = 0.5 * (top + bottom);
            if centres.last().is_none_or(|(_, above)| above - z_mm >= rule.cut_pitch_mm) {
                centres.push((f64::from(level as u8) + 1.0, z_mm));
            }
        }
        let typical_mm = scale * TYPICAL_PITCH_MM.iter().sum::<f64>() / TYPICAL_PITCH_MM.len() as f64;
        let pitch = |pair: Option<&[(f64, f64)]>| match pair {
            Some(&[(upper, top), (lower, bottom)]) => (top - bottom) / (lower - upper),
            _ => typical_mm,
        };
        let pitch_mm = [pitch(centres.windows(2).next()), pitch(centres.windows(2).last())];
        (!centres.is_empty()).then_some(Self { centres, pitch_mm })
    }

    /// Coordinate of a height in mm; grows towards the feet.
    pub fn coordinate(&self, z_mm: f64) -> f64 {
        let below = self.centres.partition_point(|(_, centre)| *centre > z_mm);
        match (below.checked_sub(1).map(|i| self.centres[i]), self.centres.get(below).copied()) {
            (Some((upper, top)), Some((lower, bottom))) => upper + (lower - upper) * (top - z_mm) / (top - bottom),
            (Some((last, centre)), None) => last + (centre - z_mm) / self.pitch_mm[1],
            (None, Some((first, centre))) => first - (z_mm - centre) / self.pitch_mm[0],
            (None, None) => f64::NAN,
        }
    }
}

/// How large this patient's vertebrae are, as a share of the typical ones; by those that no end of the series cuts.
fn scale(spine: &Spine) -> f64 {
    let whole = Level::ALL.into_iter().filter_map(|level| {
        let extent = spine.extents[level as usize]?;
        let is_whole = extent.first > 0 && extent.last + 1 < spine.planes.len();
        is_whole.then(|| spine.length_mm(&extent) / TYPICAL_EXTENT_MM[level as usize])
    });
    let mut shares: Vec<f64> = whole.collect();
    shares.sort_by(f64::total_cmp);
    shares.get(shares.len() / 2).map_or(1.0, |share| share.clamp(0.5, 1.5))
}

/// From where to where the fractures of one vertebra show, relative to its centre: surely from `full[0]` to `full[1]`,
/// never outside `none`.
struct Reach {
    none: [f64; 2],
    full: [f64; 2],
}

/// The ring of C1: its fractures fill it. In 133 phantom studies -0.57 to 0.96.
const ATLAS: Reach = Reach { none: [-1.1, 1.05], full: [-0.55, 0.55] };
/// C2 reaches up into the ring with its dens. -1.43 to 0.83.
const AXIS: Reach = Reach { none: [-1.75, 1.0], full: [-0.85, 0.45] };
/// C3 to C7, -0.96 to 0.67: a body lies lower than the upper joints and higher than the spinous process.
const SUBAXIAL: Reach = Reach { none: [-1.05, 0.85], full: [-0.45, 0.3] };

/// How well a fracture of `level` explains a box at `coordinate`, 0 to 1.
pub(super) fn fit(level: Level, coordinate: f64) -> f64 {
    let Reach { none, full } = match level {
        Level::C1 => ATLAS,
        Level::C2 => AXIS,
        _ => SUBAXIAL,
    };
    let from_centre = coordinate - f64::from(level as u8) - 1.0;
    let above = (from_centre - none[0]) / (full[0] - none[0]);
    let below = (none[1] - from_centre) / (none[1] - full[1]);
    above.min(below).clamp(0.0, 1.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::Evidence;
    use super::super::synthetic::{self, Scan};
    use super::*;

    const RULE: Rule = Rule::SHIPPED;

    fn ruler(evidence: &[Evidence]) -> Option<Ruler> {
        Ruler::of(&Spine::read(evidence, None, &[0.5; 7], &RULE), &RULE)
    }

    fn centre(level: Level) -> f64 {
        synthetic::extent(level).iter().sum::<f64>() / 2.0
    }

    #[test]
    fn centres_have_whole_numbers_and_what_lies_between_lies_between() {
        let ruler = ruler(&Scan::default().evidence()).unwrap();
        for level in Level::ALL {
            let found = ruler.coordinate(centre(level));
            assert!((found - f64::from(level as u8) - 1.0).abs() < 0.05, "{level:?}: {found}");
        }
        let between = ruler.coordinate((centre(Level::C4) + centre(Level::C5)) / 2.0);
        assert!((between - 4.5).abs() < 0.05, "{between}");
        assert!((ruler.coordinate(centre(Level::C7) - 18.5) - 8.0).abs() < 0.1);
        assert!((ruler.coordinate(centre(Level::C1) + 18.5)).abs() < 0.1);
    }

    #[test]
    fn a_vertebra_that_is_still_arriving_has_its_centre_where_it_will_be() {
        let evidence = Scan::default().evidence();
        let half_of_c5 = evidence.partition_point(|e| e.z_mm > centre(Level::C5) + 6.0);
        let found = ruler(&evidence[..half_of_c5]).unwrap().coordinate(centre(Level::C5));
        assert!((found - 5.0).abs() < 0.15, "{found}");
        let found = ruler(&evidence[half_of_c5..]).unwrap().coordinate(centre(Level::C6));
        assert!((found - 6.0).abs() < 0.15, "{found}");
    }

    #[test]
    fn without_a_vertebra_there_is_no_ruler_and_one_is_enough_for_it() {
        let evidence = Scan::default().evidence();
        let skull = evidence.partition_point(|e| e.z_mm > synthetic::extent(Level::C1)[0] + 10.0);
        assert_eq!(ruler(&evidence[..skull]), None);
        let only_c1 = evidence.partition_point(|e| e.z_mm > synthetic::extent(Level::C2)[0] + 1.0);
        let found = ruler(&evidence[..only_c1]).unwrap().coordinate(centre(Level::C2));
        assert!((found - 2.0).abs() < 0.3, "{found}");
    }

    #[test]
    fn every_place_of_the_neck_is_some_vertebras() {
        for hundredth in 5..780 {
            let coordinate = f64::from(hundredth) / 100.0;
            let best = Level::ALL.into_iter().map(|level| fit(level, coordinate)).fold(0.0, f64::max);
            assert!(best > 0.0, "{coordinate}");
        }
        assert!(Level::ALL.into_iter().all(|level| fit(level, 9.0) == 0.0 && fit(level, -1.0) == 0.0));
    }
}
