//! The rule that turns evidence into findings and a verdict, in words and numbers.
//!
//! All lengths are millimetres along the body, never counts of slices, so that 0.5 mm and 3 mm series are judged alike.
//!
//! **Vertebrae.** The seven probabilities are smoothed by a running median ([`Rule::smoothing_mm`]) and count as log odds
//! against the operating point's threshold, at most [`Rule::most_for`] and [`Rule::most_against`] a mm. Single slices of neighbours look
//! alike, so vertebrae are counted as a reader counts them: `column` lays a neck of seven where it fits best, its distances
//! ([`TYPICAL_PITCH_MM`]) and extents ([`TYPICAL_EXTENT_MM`]) scaled to the patient, or pays for what they differ. What the
//! classifier sees elsewhere (skull base, thorax) is dropped; where it is silent between two vertebrae that it knows, the ones
//! between keep their places. A vertebra is *seen* only when the slices at or above the threshold within its stretch make up
//! [`Rule::seen_mm`]; where the stretch touches an end of the series and may be cut off, at least
//! [`Rule::seen_at_the_edge`] of its typical extent.
//!
//! **Runs.** Boxes of different slices are joined when they overlap or lie close in the plane, and are at most
//! [`Rule::link_mm`] or one missing slice apart. Each slice adds its box's score times the length that it stands for, at
//! most [`Rule::slice_weight_mm`] (a lone box in a thick slice is still a lone box); the sum is the run's *mass* `m`. With
//! the mean score `s` weighted by itself, so that strong boxes count most, the score of a run is
//!
//! ```text
//! score = s · (1 − exp(−m / mass_scale_mm))
//! ```
//!
//! **Attribution.** Neighbouring vertebrae overlap along the body by their processes, so most slices with a fracture show
//! two. Positions are therefore counted in vertebrae ([`super::ruler`]): 3.0 at the centre of C3, 3.5 half way to that of
//! C4; and for each vertebra it is known from where to where its fractures show. Of all sets of vertebrae the one is
//! chosen that explains most of the mass of all boxes, at a cost of [`Rule::level_cost_mm`] for each. A run no longer than
//! the fractures of one vertebra are ([`Rule::longest_in_one`]) goes to one as a whole; of a longer one each box goes to the
//! chosen vertebra that explains it best, so that two broken neighbours in one run are two. The vertebra's score is that of its
//! strongest run. A run that no chosen vertebra explains at all is left to the one that explains it best.
//!
//! **Verdict.** `suspected` if a finding reaches the operating point's `finding_score`. Otherwise `not_analysed` without
//! evidence or without [`Rule::glimpse_mm`] of any vertebra; `partly_analysed` if anything at all is missing, a stretch of
//! the neck longer than [`Rule::dip_mm`] where the classifier stays below its gate included (at the neck's own ends, twice that); only then `none_suspected`.
//!
//! **While slices arrive** the same rule runs on what is there. A finding stands from [`Rule::provisional_mm`] on and when
//! its level is settled: the vertebra has been passed, or the level explains
//! [`Rule::provisional_margin`] more of the mass than the next. Until one stands the
//! provisional verdict is `partly_analysed` for the reason that slices are still expected, and it is not published
//! (see [`super::Revision`]): `none_suspected` needs the end of the series.
//!
//! **Calibration.** `tests/triage_rule.rs` measures the rule, and each number against its neighbours, on what the packages
//! say of studies that they were not trained on; its first lines give the commands. A change of a number here stands
//! beside what that test printed before and after. Findings count from 0.37 on, chosen on 73 phantom studies that no network
//! was trained on: there 3 of 37 fractured studies were missed with 3 false alarms, from 0.3 on 2 with 7, from 0.45 on 7 with 1.
//! The way of counting was chosen on 58 others (24 of the profile `standard`, 34 of `varied`). Necks of seven in place of chains
//! of those that speak, before and after: slices of which the count names all vertebrae 0.78 and 0.84 of `standard`, 0.58 and 0.70
//! of `varied` (the classifier by itself: 0.77 and 0.58), verdicts right 46 and 46, all levels right 35 and 37, vertebrae missed
//! 8 and 7, too many 28 and 26. The numbers of the count are not sharp: half or twice of any changes those 0.84 and 0.70 by at most 0.02.

use super::Level;

/// The numbers of the rule; see the module's text for their part in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Reach of the running median to either side, mm.
    pub smoothing_mm: f64,
    /// Stretches without any vertebra up to this length are no gap in the neck, mm.
    pub dip_mm: f64,
    /// Most that a mm of the body may say for a vertebra, as the logarithm of the odds ...
    pub most_for: f64,
    /// ... and against it: less, since a classifier is silent on what it does not know.
    pub most_against: f64,
    /// How far neighbours usually lie from their typical distance, mm ...
    pub pitch_spread_mm: f64,
    /// ... and what that costs, in the coin of the log odds times mm.
    pub pitch_weight: f64,
    /// How far the ends of a vertebra usually lie from where its place and the patient's size have them, mm ...
    pub end_spread_mm: f64,
    /// ... and what that costs, in the same coin.
    pub end_weight: f64,
    /// What it costs, in the same coin, when a patient is a tenth larger or smaller than usual.
    pub size_weight: f64,
    /// Least distance where either is cut off by an end of the series, mm.
    pub cut_pitch_mm: f64,
    /// A vertebra is seen from this length on, mm.
    pub seen_mm: f64,
    /// Share of its typical extent from which a vertebra at an end of the series is seen, 0 to 1.
    pub seen_at_the_edge: f64,
    /// Below this much of any vertebra the series shows no neck, mm.
    pub glimpse_mm: f64,
    /// Boxes this far apart along the body may be one run, mm; one missing slice is always bridged.
    pub link_mm: f64,
    /// Boxes in neighbouring slices belong together from this intersection over union on, 0 to 1.
    pub link_iou: f32,
    /// Or when their centres are nearer than this share of their mean size.
    pub link_distance: f32,
    /// Most length that one slice adds to a run's mass, mm.
    pub slice_weight_mm: f64,
    /// Mass at which a run's score reaches 63 % of its boxes' score, mm.
    pub mass_scale_mm: f64,
    /// Mass that a vertebra must explain beyond what others do to be taken for fractured, mm.
    pub level_cost_mm: f64,
    /// A run up to this length belongs to one vertebra, in distances of vertebrae.
    pub longest_in_one: f64,
    /// Shortest run that stands while slices arrive, mm.
    pub provisional_mm: f64,
    /// Share of a run's mass by which its level must lead while slices arrive, 0 to 1.
    pub provisional_margin: f64,
}

/// Median extent of C1 to C7 along the body in 2,019 studies, mm (RSNA 2022 cervical spine fracture data).
pub const TYPICAL_EXTENT_MM: [f64; 7] = [27.5, 43.8, 27.5, 27.6, 28.8, 29.0, 32.5];

/// Median distance between the middles of those extents, C1 to C2 and so on, mm. Nobody has published it; this is the phantom's. The
/// published extents and numbers of vertebrae per slice (RSNA 2022) give a neck of 0.92 of the length.
pub const TYPICAL_PITCH_MM: [f64; 6] = [16.0, 24.0, 15.0, 15.2, 15.7, 16.7];

impl Rule {
    /// The shipped rule.
    pub const SHIPPED: Self = Self {
        smoothing_mm: 1.6,
        dip_mm: 5.0,
        most_for: 1.0,
        most_against: 0.3,
        pitch_spread_mm: 3.0,
        pitch_weight: 20.0,
        end_spread_mm: 3.0,
        end_weight: 8.0,
        size_weight: 1.0,
        cut_pitch_mm: 2.5,
        seen_mm: 8.0,
        seen_at_the_edge: 0.6,
        glimpse_mm: 3.0,
        link_mm: 3.0,
        link_iou: 0.3,
        link_distance: 0.5,
        slice_weight_mm: 1.0,
        mass_scale_mm: 1.4,
        level_cost_mm: 2.0,
        longest_in_one: 1.4,
        provisional_mm: 3.0,
        provisional_margin: 0.35,
    };

    /// What it costs that two neighbours lie this much further apart than is typical for the patient's size, mm.
    pub(super) fn pitch_cost(&self, excess_mm: f64) -> f64 {
        self.pitch_weight * (excess_mm / self.pitch_spread_mm).powi(2)
    }

    /// What it costs that an end of a vertebra lies this far from where its place and the patient's size have it, mm.
    pub(super) fn end_cost(&self, excess_mm: f64) -> f64 {
        self.end_weight * (excess_mm / self.end_spread_mm).powi(2)
    }

    /// What it costs that a patient is of this size, as a share of the typical one.
    pub(super) fn size_cost(&self, size: f64) -> f64 {
        self.size_weight * ((size - 1.0) / 0.1).powi(2)
    }

    /// How much of `level` must be seen, mm; `at_the_edge` when its stretch touches an end of the series.
    pub(super) fn least_seen_mm(&self, level: Level, at_the_edge: bool) -> f64 {
        let whole = self.seen_at_the_edge * TYPICAL_EXTENT_MM[level as usize];
        if at_the_edge { whole.max(self.seen_mm) } else { self.seen_mm }
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self::SHIPPED
    }
}
