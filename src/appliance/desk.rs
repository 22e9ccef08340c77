//! The desk on which series lie while they are worked on.
//!
//! Takes in what the reader read and what the networks said; hands on what is to be analysed, recorded and told.
//! Pure: time is an argument, and whoever drives it executes the [`Act`]s in order. Never blocks, never does I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::case::{Case, FileOfSlices, ReadSlice};
use super::stages::StageTimes;
use crate::inference::{Analysis, SliceInput};
use crate::store::{Fate, FileRecord, OpenSeries};
use crate::study::{Admission, Limits, PixelDigest, Rules, SliceKey, Studies};
use crate::triage::{Assessment, Completeness, Level, OperatingPoint, assess};

/// Monotonic time for decisions, wall clock for records.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since the process started.
    pub monotonic: Duration,
    /// UTC.
    pub wall: Timestamp,
}

/// One file, read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// As ingest gave it.
    pub fingerprint: String,
    /// SHA-256 of its bytes.
    pub content_digest: [u8; 32],
    /// More lies on the share beside it that is not read yet; see [`crate::ingest::Arrival::backlog_beside`].
    pub backlog_beside: bool,
    /// Times of the stages so far.
    pub stages: StageTimes,
    /// What was in it.
    pub content: Content,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// One slice per frame.
    Slices(Vec<ReadSlice>),
    /// The same bytes were accepted before.
    Copy,
    /// Not for the networks, or unreadable.
    Rejected {
        /// Excluded or quarantined.
        fate: Fate,
        /// Keys of study and series, where the header could be read.
        belongs_to: Option<(String, String)>,
        /// StudyInstanceUID, where the site switched clear identifiers on.
        study_instance_uid: Option<String>,
    },
}

/// A job for the networks.
#[derive(Debug)]
pub struct Job {
    /// Comes back with the result.
    pub tag: JobTag,
    /// The slice and its neighbours.
    pub input: SliceInput,
}

/// Which slice of which series a result belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTag {
    /// Keyed hash of the series.
    pub series_key: String,
    /// The slice.
    pub slice: SliceKey,
}

/// What the desk wants done.
#[derive(Debug)]
pub enum Act {
    /// Analyse a slice.
    Analyse(Job),
    /// Write to the ledger, before anything that is told of the same series.
    Record(FileRecord),
    /// Commit an assessment, and tell it where it is news.
    Tell(Box<Statement>),
}

/// An assessment of a series as it stands.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Keyed hash of the study.
    pub study_key: String,
    /// Keyed hash of the series.
    pub series_key: String,
    /// What triage says.
    pub assessment: Assessment,
    /// Times of the stages.
    pub stages: StageTimes,
    /// Another series of the study is still receiving: only a suspicion may be told now.
    pub study_is_open: bool,
}

/// What the desk needs to know of models and rules.
#[derive(Clone, Debug)]
pub struct DeskRules {
    /// Completeness.
    pub completeness: Rules,
    /// Memory.
    pub limits: Limits,
    /// Thresholds of the packages.
    pub operating_point: OperatingPoint,
    /// Why this device does not analyse, in one line; absent when it does.
    pub does_not_analyse: Option<String>,
    /// Why there is no fracture detector, in one line; absent when there is one.
    pub detector_missing: Option<String>,
}

/// How far a series has come, for the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Keyed hash of the study.
    pub study_key: String,
    /// Slices in the volume.
    pub received: u32,
    /// Promised by the headers.
    pub expected: Option<u32>,
    /// Slices with evidence.
    pub analysed: u32,
    /// Vertebrae seen so far, from head to foot.
    pub levels_seen: Vec<Level>,
    /// Files of the series that could not be read.
    pub unreadable: u32,
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    rules: DeskRules,
    studies: Studies,
    cases: BTreeMap<String, Case>,
}

impl Desk {
    /// An empty desk.
    pub fn new(rules: DeskRules) -> Self {
        let studies = Studies::new(rules.completeness, rules.limits);
        Self { rules, studies, cases: BTreeMap::new() }
    }

    /// Puts a series back that a restart found without a final verdict.
    pub fn restore(&mut self, open: OpenSeries, now: Now) {
        let mut case = Case::new(&open.study_key, &open.series_key);
        case.touched = now.monotonic;
        case.is_behind = true;
        case.unreadable = open.quarantined;
        for (number, slice) in open.slices.into_iter().enumerate() {
            // The pixels are gone; a digest of its own keeps each slice apart.
            let pixels = PixelDigest((number as u128).to_le_bytes());
            self.studies.offer(&open.series_key, slice.header.header.clone(), pixels, now.monotonic);
            case.restore(&slice.header, slice.evidence);
        }
        self.cases.insert(open.series_key, case);
    }

    /// Whether a series is on the desk.
    pub fn knows(&self, series_key: &str) -> bool {
        self.cases.contains_key(series_key)
    }

    /// Takes one file.
    pub fn read(&mut self, reading: Reading, now: Now) -> Vec<Act> {
        let Reading { fingerprint, content_digest, backlog_beside, stages, content } = reading;
        let alone = |fate, series_key| {
            let record = FileRecord {
                fingerprint: fingerprint.clone(),
                content_digest,
                fate,
                series_key,
                slices: Vec::new(),
                at: now.wall,
            };
            vec![Act::Record(record)]
        };
        match content {
            Content::Copy => alone(Fate::Duplicate, None),
            Content::Rejected { fate, belongs_to: None, .. } => alone(fate, None),
            Content::Rejected { fate, belongs_to: Some((study_key, series_key)), study_instance_uid } => {
                self.reject(&study_key, &series_key, &fate, now);
                if let Some(case) = self.cases.get_mut(&series_key).filter(|_| study_instance_uid.is_some()) {
                    case.study_instance_uid = study_instance_uid;
                }
                self.is_behind(&series_key, backlog_beside);
                alone(fate, Some(series_key))
            }
            Content::Slices(slices) => {
                let series_key = slices.first().map(|slice| slice.header.series_key.clone());
                let acts = self.admit(&fingerprint, content_digest, stages, slices, now);
                series_key.iter().for_each(|key| self.is_behind(key, backlog_beside));
                acts
            }
        }
    }

    /// Notes whether more of a series is known to wait on the share. What a restart put back is taken to wait for the
    /// rest of its files until ingest has caught up, whatever one of them says.
    fn is_behind(&mut self, series_key: &str, backlog_beside: bool) {
        if let Some(case) = self.cases.get_mut(series_key) {
            case.is_behind |= backlog_beside;
        }
    }

    fn reject(&mut self, study_key: &str, series_key: &str, fate: &Fate, now: Now) {
        let case = self.case(study_key, series_key, now);
        match fate {
            Fate::Excluded { words, .. } => case.foreign = Some(words.clone()),
            Fate::Quarantined { code, .. } => *case.unreadable.entry(code.clone()).or_default() += 1,
            Fate::Accepted | Fate::Collected | Fate::Duplicate => {}
        }
    }

    /// Offers the slices to their series. All frames of a file belong to one series.
    fn admit(
        &mut self,
        fingerprint: &str,
        content_digest: [u8; 32],
        stages: StageTimes,
        slices: Vec<ReadSlice>,
        now: Now,
    ) -> Vec<Act> {
        let Some(first) = slices.first().map(|slice| slice.header.clone()) else { return Vec::new() };
        let series_key = first.series_key.clone();
        let mut kept = Vec::new();
        let mut crowded_out = Vec::new();
        let mut kept_out = None;
        for slice in slices {
            let offered = self.studies.offer(&series_key, slice.header.header.clone(), slice.pixels, now.monotonic);
            crowded_out.extend(offered.closed);
            if let Admission::Excluded(why) = offered.admission {
                kept_out = Some(why.to_string());
            }
            if offered.admission != Admission::Duplicate {
                kept.push(slice);
            }
        }
        let case = self.case(&first.study_key, &series_key, now);
        case.stages.merge(&stages);
        case.foreign = kept_out.or_else(|| case.foreign.take());
        let file =
            FileOfSlices::new(fingerprint.to_owned(), content_digest, &kept.iter().collect::<Vec<_>>(), now.wall);
        case.add(file, kept);
        let mut acts = self.advance(&series_key);
        crowded_out.iter().for_each(|closed| acts.extend(self.advance(&closed.series_key)));
        acts
    }

    /// Takes what the networks said of a slice; `None` when they failed.
    pub fn analysed(&mut self, tag: &JobTag, waited: Duration, analysis: Option<Analysis>) -> Vec<Act> {
        let Some(case) = self.cases.get_mut(&tag.series_key) else { return Vec::new() };
        case.stages.wait.add(waited);
        let boxed = analysis.as_ref().is_some_and(|analysis| !analysis.evidence.boxes.is_empty());
        case.analysed(&tag.slice, analysis);
        let mut acts = self.advance(&tag.series_key);
        if let (Some(case), Some(series)) = (self.cases.get_mut(&tag.series_key), self.studies.get(&tag.series_key)) {
            acts.extend(case.take_records(Some(series), true, false).into_iter().map(Act::Record));
            case.prune(series);
        }
        if boxed {
            acts.extend(self.provisional(&tag.series_key));
        }
        acts
    }

    /// Ends what is complete. Call it when everything that was read has been taken in: a file in a queue is not quiet.
    ///
    /// `caught_up`: all that lay on the share at the start was read. Until then a series of which files waited there does
    /// not end by silence: its rest may stand behind a study that is arriving.
    pub fn tick(&mut self, now: Now, caught_up: bool) -> Vec<Act> {
        if caught_up {
            self.cases.values_mut().for_each(|case| case.is_behind = false);
        }
        let cases = &self.cases;
        self.studies.tick(now.monotonic, |key| cases.get(key).is_some_and(|case| case.is_behind));
        let ended = |case: &&Case| {
            !case.concluded && self.studies.get(&case.series_key).is_some_and(crate::study::Series::has_ended)
        };
        let keys: Vec<String> = self.cases.values().filter(ended).map(|case| case.series_key.clone()).collect();
        let mut acts: Vec<Act> = keys.iter().flat_map(|key| self.advance(key)).collect();
        acts.extend(self.end_without_volume(now));
        acts
    }

    /// Series of which no slice could be used: they end when nothing more has come for a while, and say why.
    fn end_without_volume(&mut self, now: Now) -> Vec<Act> {
        let rules = &self.rules.completeness;
        let quiet = |case: &&Case| {
            let patience = if case.is_behind { rules.series_limit } else { rules.series_gap_patience };
            !case.concluded
                && self.studies.get(&case.series_key).is_none_or(|series| series.geometry().slices == 0)
                && now.monotonic.saturating_sub(case.touched) >= patience
        };
        let keys: Vec<String> = self.cases.values().filter(quiet).map(|case| case.series_key.clone()).collect();
        keys.iter().flat_map(|key| self.conclude(key, Completeness::Quiet)).collect()
    }

    /// How far the series that receive have come.
    pub fn progress(&self) -> Vec<Progress> {
        let thresholds = &self.rules.operating_point.thresholds;
        self.studies.open().filter_map(|(key, series)| self.cases.get(key)?.progress(series, thresholds)).collect()
    }

    /// The prepared picture of a slice, as long as its series is on the desk.
    pub fn picture(
        &self,
        series_key: &str,
        slice_key: &str,
    ) -> Option<&std::sync::Arc<crate::inference::PreparedSlice>> {
        self.cases.get(series_key)?.picture(slice_key)
    }

    /// Files of a series that could not be read, by code.
    pub fn unreadable(&self, series_key: &str) -> BTreeMap<String, u32> {
        self.cases.get(series_key).map(|case| case.unreadable.clone()).unwrap_or_default()
    }

    /// StudyInstanceUID of a series, where the site switched clear identifiers on.
    pub fn study_instance_uid(&self, series_key: &str) -> Option<String> {
        self.cases.get(series_key)?.study_instance_uid.clone()
    }

    fn case(&mut self, study_key: &str, series_key: &str, now: Now) -> &mut Case {
        let case = self.cases.entry(series_key.to_owned()).or_insert_with(|| Case::new(study_key, series_key));
        case.touched = now.monotonic;
        case.concluded = false;
        case
    }

    /// Hands out what can be analysed; concludes a series that has ended and has nothing in flight.
    fn advance(&mut self, series_key: &str) -> Vec<Act> {
        let (Some(case), Some(series)) = (self.cases.get_mut(series_key), self.studies.get_mut(series_key)) else {
            return Vec::new();
        };
        let work = case.take_work(series);
        let tagged =
            |(slice, input)| Act::Analyse(Job { tag: JobTag { series_key: series_key.to_owned(), slice }, input });
        let acts: Vec<Act> = work.into_iter().map(tagged).collect();
        let has_volume = series.geometry().slices > 0;
        if !acts.is_empty() || !series.has_ended() || !has_volume || case.is_busy() || case.concluded {
            return acts;
        }
        let completeness = series.completeness(Duration::ZERO, &self.rules.completeness);
        self.conclude(series_key, completeness)
    }

    fn provisional(&self, series_key: &str) -> Option<Act> {
        let assessment = self.assess(series_key, Completeness::Receiving)?;
        self.statement(series_key, assessment).map(|said| Act::Tell(Box::new(said)))
    }

    fn conclude(&mut self, series_key: &str, completeness: Completeness) -> Vec<Act> {
        let Some(assessment) = self.assess(series_key, completeness) else { return Vec::new() };
        let statement = self.statement(series_key, assessment);
        let analyses = self.rules.does_not_analyse.is_none();
        let Some(case) = self.cases.get_mut(series_key) else { return Vec::new() };
        let records = case.take_records(self.studies.get(series_key), analyses, true);
        case.concluded = true;
        records.into_iter().map(Act::Record).chain(statement.map(|said| Act::Tell(Box::new(said)))).collect()
    }

    fn assess(&self, series_key: &str, completeness: Completeness) -> Option<Assessment> {
        let case = self.cases.get(series_key)?;
        let series = self.studies.get(series_key);
        let rules = &self.rules;
        let mut context = case.context(series, rules.does_not_analyse.as_deref(), rules.detector_missing.as_deref());
        context.completeness = completeness;
        let evidence = series.map(|series| case.evidence(series)).unwrap_or_default();
        Some(assess(&evidence, &context, &rules.operating_point))
    }

    fn statement(&self, series_key: &str, assessment: Assessment) -> Option<Statement> {
        let case = self.cases.get(series_key)?;
        let study_is_open = self
            .cases
            .values()
            .any(|other| other.study_key == case.study_key && other.series_key != case.series_key && !other.concluded);
        Some(Statement {
            study_key: case.study_key.clone(),
            series_key: case.series_key.clone(),
            assessment,
            stages: case.stages,
            study_is_open,
        })
    }

    /// Forgets the pixels of a concluded series once its statement was told, and series that `study` has forgotten.
    pub fn clear_away(&mut self, series_key: &str) {
        if let Some(case) = self.cases.get_mut(series_key).filter(|case| case.concluded) {
            case.conclude();
        }
        let studies = &self.studies;
        let kept = self.rules.limits.kept_series;
        if self.cases.len() > kept {
            self.cases.retain(|key, case| !case.concluded || studies.get(key).is_some());
        }
    }
}
