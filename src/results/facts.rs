//! One revision of a study's verdict, as every format is made of it, and its words. Pure.

use jiff::Timestamp;

use crate::display::missing_words;
use crate::publish::{KeyImage, NOTICE, TriagePayload};
use crate::store::{PendingResult, SourceSlice};
use crate::triage::{Level, Missing, Revision};

/// What all formats are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyResult {
    /// What the wire tells, in full: never cut to the size of a message.
    pub told: TriagePayload,
    /// When it was committed.
    pub at: Timestamp,
    /// The slices of the findings.
    pub sources: Vec<SourceSlice>,
    /// The best slice of the first finding, where its picture may leave the device.
    pub picture: Option<KeyImage>,
    /// The document of the revision before was made too.
    pub has_predecessor: bool,
}

/// What is said of one vertebra.
#[derive(Clone, Debug, PartialEq)]
pub enum LevelState {
    /// A fracture is suspected; strength of the evidence, 0 to 1.
    Suspected(f32),
    /// Analysed, none suspected; the highest score in it, 0 to 1.
    NoneSuspected(f32),
    /// Slices still arrive.
    Awaited,
    /// Not analysed, and why.
    NotAnalysed(String),
}

impl StudyResult {
    /// As the store kept it.
    ///
    /// # Errors
    /// When the payload is none.
    pub fn recalled(pending: PendingResult) -> Result<Self, serde_json::Error> {
        let mut told: TriagePayload = serde_json::from_str(&pending.told)?;
        told.study_instance_uid = told.study_instance_uid.or(pending.study_instance_uid);
        let picture = pending.picture.and_then(|(slice_key, grey)| {
            let side = u32::try_from(grey.len().isqrt()).ok()?;
            Some(KeyImage { slice_key, side, grey })
        });
        let has_predecessor = pending.has_predecessor;
        Ok(Self { told, at: pending.committed_at, sources: pending.sources, picture, has_predecessor })
    }

    /// What is said of a vertebra.
    pub fn level(&self, level: Level) -> LevelState {
        let told = &self.told;
        if let Some(finding) = told.findings.iter().find(|finding| finding.level == level) {
            return LevelState::Suspected(finding.score);
        }
        if let Some(why) = &told.why {
            return LevelState::NotAnalysed(why.clone());
        }
        let no_detector = |missing: &Missing| match missing {
            Missing::Detector { reason } => Some(format!("no fracture search: {reason}")),
            _ => None,
        };
        if let Some(why) = told.missing.iter().find_map(no_detector) {
            return LevelState::NotAnalysed(why);
        }
        if told.coverage.levels_seen.contains(&level) {
            LevelState::NoneSuspected(told.vertebrae.get(&level).copied().unwrap_or_default())
        } else if told.provisional {
            LevelState::Awaited
        } else {
            LevelState::NotAnalysed("not seen in the slices that arrived".to_owned())
        }
    }

    /// The UIDs of the slice that a finding rests on.
    pub fn source(&self, slice_key: &str) -> Option<&SourceSlice> {
        self.sources.iter().find(|source| source.slice_key == slice_key)
    }

    /// `C2, C5`
    pub fn suspected_levels(&self) -> String {
        let mut levels: Vec<Level> = self.told.findings.iter().map(|finding| finding.level).collect();
        levels.sort_unstable();
        levels.dedup();
        levels.into_iter().map(Level::name).collect::<Vec<_>>().join(", ")
    }

    /// The verdict in one sentence.
    pub fn verdict_words(&self) -> String {
        let told = &self.told;
        let words = match told.verdict.as_str() {
            "suspected" => format!("Suspected fracture: {}. Review first.", self.suspected_levels()),
            "none_suspected" => "All of C1 to C7 analysed, none suspected. This is not a clearance.".to_owned(),
            "partly_analysed" => "Analysed in part; none suspected in that part. This is not a clearance.".to_owned(),
            _ => {
                format!("Not analysed: {}.", told.why.as_deref().unwrap_or("no reason is known").trim_end_matches('.'))
            }
        };
        let withdrawn = if self.is_withdrawal() { "An earlier suspicion is withdrawn. " } else { "" };
        let provisional = if told.provisional { " Provisional: slices still arrive." } else { "" };
        format!("{withdrawn}{words}{provisional}")
    }

    /// What is missing, a sentence each; all of it, unlike on the screen.
    pub fn missing_words(&self) -> Option<String> {
        let sentences = self.told.missing.iter().map(|missing| missing_words(std::slice::from_ref(missing)));
        (!self.told.missing.is_empty()).then(|| sentences.collect::<Vec<_>>().join(" "))
    }

    /// What a reader must know of every document: the notice first.
    pub fn notices(&self) -> Vec<String> {
        let untrusted = "times are by the device's clock, which was not set from the network";
        let clock = (!self.told.clock_trusted).then(|| untrusted.to_owned());
        [Some(NOTICE.to_owned()), self.told.limitation.clone(), clock].into_iter().flatten().collect()
    }

    /// Verdict, what is missing, notices: the words of a report.
    pub fn conclusion(&self) -> String {
        let missing = self.missing_words().map(|words| format!("Missing: {words}"));
        let notices = self.notices().into_iter().map(|notice| format!("{notice}."));
        std::iter::once(self.verdict_words()).chain(missing).chain(notices).collect::<Vec<_>>().join(" ")
    }

    /// A suspicion of the revision before stands no longer.
    pub fn is_withdrawal(&self) -> bool {
        self.told.change == Revision::Retracts
    }

    /// Everything arrived and was analysed as far as it can be.
    pub fn is_complete(&self) -> bool {
        !self.told.provisional && self.told.missing.is_empty() && self.told.why.is_none()
    }

    /// Identifier of something of this study, the same for every revision.
    pub(super) fn of_study<'a>(&'a self, kind: &'a str) -> [&'a str; 2] {
        [&self.told.study_key, kind]
    }

    /// Identifier of something of this revision.
    pub(super) fn of_revision<'a>(&'a self, kind: &'a str) -> [&'a str; 3] {
        [&self.told.study_key, kind, &self.told.event_id]
    }

    /// Identifier of the device.
    pub(super) fn of_device<'a>(&'a self, kind: &'a str) -> [&'a str; 3] {
        [&self.told.site, &self.told.device, kind]
    }
}

/// A score as a whole percentage with one decimal, 0 to 100.
pub(super) fn percent(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn states(result: &StudyResult) -> Vec<&'static str> {
        let word = |level| match result.level(level) {
            LevelState::Suspected(_) => "suspected",
            LevelState::NoneSuspected(_) => "none",
            LevelState::Awaited => "awaited",
            LevelState::NotAnalysed(_) => "not",
        };
        Level::ALL.map(word).to_vec()
    }

    #[test]
    fn a_vertebra_that_nobody_looked_at_is_never_none_suspected() {
        assert_eq!(states(&samples::not_analysed()), ["not"; 7]);
        assert_eq!(states(&samples::partly_analysed())[4..], ["none", "not", "not"]);
        assert_eq!(states(&samples::provisional())[3..], ["none", "suspected", "awaited", "awaited"]);
        let mut without_detector = samples::none_suspected();
        without_detector.told.missing = vec![Missing::Detector { reason: "its signature does not hold".into() }];
        assert_eq!(states(&without_detector), ["not"; 7]);
        let why = LevelState::NotAnalysed("no fracture search: its signature does not hold".into());
        assert_eq!(without_detector.level(Level::C1), why);
    }

    #[test]
    fn a_conclusion_says_what_is_missing_and_what_it_is_not() {
        let words = samples::partly_analysed().conclusion();
        for part in
            ["in part", "C6 to C7 not seen", "Gap of 12.5 mm", "did not end in time", "not for diagnosis", "clock"]
        {
            assert!(words.contains(part), "{part} is missing from: {words}");
        }
        let withdrawn = samples::withdrawn().conclusion();
        assert!(withdrawn.starts_with("An earlier suspicion is withdrawn."), "{withdrawn}");
    }

    #[test]
    fn a_suspicion_stands_though_the_rest_could_not_be_analysed() {
        let mut result = samples::suspected();
        result.told.missing = vec![Missing::TimeLimit];
        result.told.coverage.levels_seen.clear();
        assert_eq!(result.level(Level::C5), LevelState::Suspected(0.912));
        assert!(!result.is_complete());
    }
}
