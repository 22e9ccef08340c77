//! Two assessments of one series in; whether the later one must be told, and as what. Never sends anything.
//!
//! ```text
//!            nothing told ──first──▶ suspected, provisional ──confirms──▶ suspected, final
//!                 │                     │  ▲ another vertebra: revises        │
//!                 │                     │                                     │ late or repaired slices: revises
//!                 └──first──▶ any final verdict ◀──retracts (suspicion gone) ─┘
//! ```
//!
//! While slices arrive, only a suspicion is told, and only *more* vertebrae tell it again: what gets weaker or moves to
//! the neighbour is put right at the end and not before, so that an alert never flickers.

use serde::{Deserialize, Serialize};

use super::{Assessment, Level, Verdict};

/// What an assessment is to the one that was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revision {
    /// Nothing was told before.
    First,
    /// The final assessment says what the provisional one said.
    Confirms,
    /// Verdict, levels, what is missing or the number of slices differ, and a suspicion did not vanish.
    Revises,
    /// A suspicion was told and no longer stands.
    Retracts,
}

impl Revision {
    /// What `now` is to `told`, the last published assessment of the same series; `None` when there is nothing to tell.
    pub fn between(told: Option<&Assessment>, now: &Assessment) -> Option<Self> {
        let suspected = now.verdict == Verdict::Suspected;
        if now.provisional {
            return match told {
                _ if !suspected => None,
                None => Some(Self::First),
                // A series that was judged grows again (a late slice): its last word stands unless it gets worse.
                Some(told) => (now.findings.len() > told.findings.len()).then_some(Self::Revises),
            };
        }
        let Some(told) = told else { return Some(Self::First) };
        if told.verdict == Verdict::Suspected && !suspected {
            return Some(Self::Retracts);
        }
        let same_levels = now.level_set() == told.level_set();
        if told.provisional {
            return Some(if same_levels { Self::Confirms } else { Self::Revises });
        }
        let same_slices = now.coverage.slices_analysed == told.coverage.slices_analysed;
        let same = same_levels && same_slices && now.verdict == told.verdict && now.missing == told.missing;
        (!same).then_some(Self::Revises)
    }
}

impl Assessment {
    /// The vertebrae with a finding, highest score first.
    pub fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        self.findings.iter().map(|finding| finding.level)
    }

    fn level_set(&self) -> [bool; 7] {
        let mut set = [false; 7];
        self.levels().for_each(|level| set[level as usize] = true);
        set
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::{BestSlice, Completeness, Coverage, Finding, FractureBox, Missing};
    use super::*;

    fn assessment(levels: &[Level], provisional: bool) -> Assessment {
        let fracture_box = FractureBox { x: 0.0, y: 0.0, width: 1.0, height: 1.0, score: 0.9 };
        let finding = |&level| Finding {
            level,
            score: 0.9,
            best_slice: BestSlice {
                slice_key: "k".into(),
                instance_number: None,
                z_mm: 0.0,
                fracture_box,
                matrix: [512, 512],
            },
            z_range_mm: [0.0, 1.0],
            slices: 3,
        };
        Assessment {
            verdict: if levels.is_empty() { Verdict::NoneSuspected } else { Verdict::Suspected },
            provisional,
            completeness: if provisional { Completeness::Receiving } else { Completeness::Quiet },
            findings: levels.iter().map(finding).collect(),
            vertebrae: [0.0; 7],
            coverage: Coverage {
                levels_seen: Level::ALL.to_vec(),
                slices_analysed: 300,
                slices_missing: 0,
                slices_unreadable: 0,
                gaps: vec![],
                extent_mm: 200.0,
            },
            missing: vec![],
        }
    }

    fn partly(missing: Vec<Missing>, provisional: bool) -> Assessment {
        let verdict = Verdict::PartlyAnalysed { missing: missing.clone() };
        Assessment { verdict, missing, ..assessment(&[], provisional) }
    }

    use Level::{C2, C5, C6};

    #[test]
    fn while_receiving_only_a_suspicion_is_told() {
        assert_eq!(Revision::between(None, &partly(vec![Missing::Receiving], true)), None);
        assert_eq!(Revision::between(None, &assessment(&[C5], true)), Some(Revision::First));
    }

    #[test]
    fn the_end_is_always_told_once() {
        for end in [assessment(&[], false), assessment(&[C5], false), partly(vec![Missing::TimeLimit], false)] {
            assert_eq!(Revision::between(None, &end), Some(Revision::First));
            assert_eq!(Revision::between(Some(&end), &end), None);
        }
    }

    #[test]
    fn an_alert_does_not_flicker_while_slices_arrive() {
        let told = assessment(&[C5, C6], true);
        for now in [assessment(&[C5], true), assessment(&[C6, C5], true), partly(vec![Missing::Receiving], true)] {
            assert_eq!(Revision::between(Some(&told), &now), None, "{now:?}");
        }
        assert_eq!(Revision::between(Some(&told), &assessment(&[C5, C2], true)), None);
        assert_eq!(Revision::between(Some(&told), &assessment(&[C5, C6, C2], true)), Some(Revision::Revises));
    }

    #[test]
    fn the_final_assessment_confirms_revises_or_retracts_the_provisional_one() {
        let told = assessment(&[C5, C6], true);
        let ends = [
            (assessment(&[C6, C5], false), Revision::Confirms),
            (assessment(&[C5], false), Revision::Revises),
            (assessment(&[], false), Revision::Retracts),
            (partly(vec![Missing::TimeLimit], false), Revision::Retracts),
        ];
        for (end, expected) in ends {
            assert_eq!(Revision::between(Some(&told), &end), Some(expected), "{end:?}");
        }
    }

    #[test]
    fn a_late_slice_revises_a_final_verdict_only_when_it_changes_something() {
        let none = assessment(&[], false);
        assert_eq!(Revision::between(Some(&none), &assessment(&[C2], false)), Some(Revision::Revises));
        assert_eq!(
            Revision::between(Some(&none), &partly(vec![Missing::Unreadable { slices: 1 }], false)),
            Some(Revision::Revises)
        );
        assert_eq!(Revision::between(Some(&assessment(&[C2], false)), &none), Some(Revision::Retracts));
        let mut rescored = assessment(&[C2], false);
        rescored.findings[0].score = 0.7;
        assert_eq!(Revision::between(Some(&assessment(&[C2], false)), &rescored), None);
    }

    #[test]
    fn a_judged_series_that_grows_again_speaks_up_only_for_a_new_suspicion() {
        let none = assessment(&[], false);
        assert_eq!(Revision::between(Some(&none), &partly(vec![Missing::Receiving], true)), None);
        assert_eq!(Revision::between(Some(&none), &assessment(&[C2], true)), Some(Revision::Revises));
    }

    #[test]
    fn the_word_on_the_wire() {
        assert_eq!(serde_json::to_string(&Revision::Retracts).unwrap(), "\"retracts\"");
    }
}
