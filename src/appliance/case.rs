//! One series on the desk: what was read of it, what is being analysed, what the networks said.
//!
//! Takes in read slices and analyses, hands on slices to analyse, ledger records and assessments. Pure: no file, no
//! database, no clock of its own; never sees a clear identifier.
//!
//! ```text
//! receiving ──ended by study──▶ finishing ──nothing in flight──▶ concluded
//!     ▲                                                             │
//!     └────────────── a slice that changes the volume ──────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::desk::Progress;
use super::stages::StageTimes;
use crate::inference::{Analysis, PreparedSlice, SliceInput};
use crate::store::{ClearIdentifiers, Fate, FileRecord, KeyedHeader, SliceRecord};
use crate::study::{Neighbours, Series, SliceKey};
use crate::triage::{Completeness, Evidence, Level, SeriesContext};

/// A slice as the reader hands it on.
#[derive(Clone, Debug)]
pub struct ReadSlice {
    /// Geometry, with keyed hashes for identifiers.
    pub header: KeyedHeader,
    /// Digest of its pixels.
    pub pixels: crate::study::PixelDigest,
    /// Ready for the networks; `None` on a device that does not analyse.
    pub prepared: Option<Arc<PreparedSlice>>,
    /// Identifiers in clear, where the site switched them on.
    pub clear: Option<ClearIdentifiers>,
}

/// What is said of a file once all its slices are done with.
#[derive(Clone, Debug)]
pub struct FileOfSlices {
    /// As ingest gave it.
    pub fingerprint: String,
    /// SHA-256 of its bytes.
    pub content_digest: [u8; 32],
    /// When it was read.
    pub at: Timestamp,
    slices: BTreeMap<SliceKey, SliceRecord>,
    waiting: BTreeSet<SliceKey>,
}

impl FileOfSlices {
    /// A file none of whose slices is done with.
    pub fn new(fingerprint: String, content_digest: [u8; 32], slices: &[&ReadSlice], at: Timestamp) -> Self {
        let keyed = slices.iter().map(|slice| {
            let record = SliceRecord { header: slice.header.clone(), evidence: None, clear: slice.clear.clone() };
            (SliceKey::from(&slice.header.header), record)
        });
        let slices: BTreeMap<_, _> = keyed.collect();
        Self { fingerprint, content_digest, at, waiting: slices.keys().cloned().collect(), slices }
    }

    fn record(self, fate: Fate, series_key: &str) -> FileRecord {
        let keeps = matches!(fate, Fate::Accepted | Fate::Collected);
        FileRecord {
            fingerprint: self.fingerprint,
            content_digest: self.content_digest,
            series_key: Some(series_key.to_owned()),
            slices: if keeps { self.slices.into_values().collect() } else { Vec::new() },
            fate,
            at: self.at,
        }
    }
}

/// One series.
#[derive(Debug, Default)]
pub struct Case {
    /// Keyed hash of the series.
    pub series_key: String,
    /// Keyed hash of its study.
    pub study_key: String,
    /// Times of every stage, for payload and screen.
    pub stages: StageTimes,
    /// When a file of it was last read.
    pub touched: Duration,
    /// More of it is known to wait on the share.
    pub is_behind: bool,
    /// Files of it that could not be read or not be analysed, by code.
    pub unreadable: BTreeMap<String, u32>,
    /// Files of it that are no CT plane, with the words of the last.
    pub foreign: Option<String>,
    /// StudyInstanceUID, where the site switched clear identifiers on.
    pub study_instance_uid: Option<String>,
    /// It was assessed for good and nothing has changed since.
    pub concluded: bool,
    prepared: BTreeMap<SliceKey, Arc<PreparedSlice>>,
    evidence: BTreeMap<SliceKey, Evidence>,
    in_flight: BTreeSet<SliceKey>,
    files: Vec<FileOfSlices>,
}

impl Case {
    /// A series of which nothing is known yet.
    pub fn new(study_key: &str, series_key: &str) -> Self {
        Self { series_key: series_key.to_owned(), study_key: study_key.to_owned(), ..Self::default() }
    }

    /// Takes a file whose slices were offered to the series.
    pub fn add(&mut self, file: FileOfSlices, slices: impl IntoIterator<Item = ReadSlice>) {
        for slice in slices {
            if let Some(clear) = slice.clear {
                self.study_instance_uid = Some(clear.study_instance_uid);
            }
            if let Some(prepared) = slice.prepared {
                self.prepared.insert(SliceKey::from(&slice.header.header), prepared);
            }
        }
        self.files.push(file);
        self.concluded = false;
    }

    /// Takes evidence that was recorded before a restart.
    pub fn restore(&mut self, header: &KeyedHeader, evidence: Option<Evidence>) {
        if let Some(evidence) = evidence {
            self.evidence.insert(SliceKey::from(&header.header), evidence);
        }
    }

    /// Slices whose neighbourhood has settled, as the networks take them.
    pub fn take_work(&mut self, series: &mut Series) -> Vec<(SliceKey, SliceInput)> {
        let mut inputs = Vec::new();
        for work in series.take_work() {
            // A slice that was analysed before a restart has no planes any more; its evidence stands.
            let Some(this) = self.prepared.get(&work.slice).cloned() else { continue };
            let of = |key: &Option<SliceKey>| key.as_ref().and_then(|key| self.prepared.get(key)).cloned();
            let Neighbours { above, below, .. } = &work.neighbours;
            let slice_ratio = ratio(series, &work.slice);
            let input = SliceInput { above: of(above), this, below: of(below), slice_ratio };
            self.in_flight.insert(work.slice.clone());
            inputs.push((work.slice, input));
        }
        inputs
    }

    /// Takes what the networks said of a slice; `None` when they failed: the slice then stays without evidence, which
    /// the assessment counts as missing.
    pub fn analysed(&mut self, slice: &SliceKey, analysis: Option<Analysis>) {
        self.in_flight.remove(slice);
        let Some(analysis) = analysis else { return };
        self.stages.classifier.add(analysis.timings.classifier);
        if let Some(time) = analysis.timings.detector {
            self.stages.detector.add(time);
        }
        self.evidence.insert(slice.clone(), analysis.evidence);
    }

    /// Whether slices are with the networks.
    pub fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Evidence so far, one entry a slice of the volume.
    pub fn evidence(&self, series: &Series) -> Vec<Evidence> {
        series.slices().filter_map(|header| self.evidence.get(&SliceKey::from(header))).cloned().collect()
    }

    /// The prepared picture of a slice, for screen and key image.
    pub fn picture(&self, slice_key: &str) -> Option<&Arc<PreparedSlice>> {
        self.prepared.values().find(|prepared| prepared.slice_key == slice_key)
    }

    /// How the series stands, for triage.
    pub fn context(&self, series: Option<&Series>, why_not: Option<&str>, no_detector: Option<&str>) -> SeriesContext {
        let geometry = series.map(Series::geometry);
        let ended_without_volume = || self.foreign.clone().or_else(|| self.unreadable_words());
        SeriesContext {
            completeness: Completeness::Receiving,
            spacing_mm: geometry.and_then(|g| g.spacing_mm),
            slices_arrived: geometry.map_or(0, |g| g.slices),
            slices_expected: geometry.and_then(|g| g.expected_slices),
            slices_unreadable: self.unreadable.values().sum(),
            gaps: geometry.map_or_else(Vec::new, |g| g.gaps.clone()),
            not_analysed: why_not.map(str::to_owned).or_else(ended_without_volume),
            detector_missing: no_detector.map(str::to_owned),
        }
    }

    fn unreadable_words(&self) -> Option<String> {
        let files: u32 = self.unreadable.values().sum();
        let codes = self.unreadable.keys().map(|code| code.replace('_', " ")).collect::<Vec<_>>().join(", ");
        (files > 0).then(|| format!("{files} files could not be read ({codes}): send the series again"))
    }

    /// Ledger records of the files that are done with: every slice has evidence, failed, or is a copy of another.
    /// At the `end` of the series also those whose slices were kept out of the volume.
    pub fn take_records(&mut self, series: Option<&Series>, analyses: bool, end: bool) -> Vec<FileRecord> {
        let mut done = Vec::new();
        for mut file in std::mem::take(&mut self.files) {
            for (key, record) in &mut file.slices {
                if let Some(evidence) = self.evidence.get(key) {
                    record.evidence = Some(evidence.clone());
                    file.waiting.remove(key);
                }
            }
            match self.fate(&file, series, analyses, end) {
                Some(fate) => done.push(file.record(fate, &self.series_key)),
                None => self.files.push(file),
            }
        }
        done
    }

    fn fate(&self, file: &FileOfSlices, series: Option<&Series>, analyses: bool, end: bool) -> Option<Fate> {
        if file.waiting.is_empty() {
            return Some(Fate::Accepted);
        }
        if !end {
            return None;
        }
        let kept_out = series.and_then(|series| {
            series.excluded().find(|(header, _)| file.waiting.contains(&SliceKey::from(*header))).map(|(_, why)| why)
        });
        if let Some(why) = kept_out {
            return Some(Fate::Excluded { code: why.code().into(), words: why.to_string() });
        }
        let in_volume = series.is_some_and(|series| file.waiting.iter().any(|key| series.rank(key).is_some()));
        Some(match (in_volume, analyses) {
            (false, _) => Fate::Duplicate,
            (true, false) => Fate::Collected,
            (true, true) => Fate::Quarantined {
                code: "inference_failed".into(),
                words: "the networks failed on this slice: see the device's log".into(),
            },
        })
    }

    /// How far it has come; `None` before the first slice was admitted.
    pub fn progress(&self, series: &Series, thresholds: &[f32; 7]) -> Option<Progress> {
        let geometry = series.geometry();
        let seen = |level: &Level| {
            let index = *level as usize;
            self.evidence.values().any(|evidence| evidence.vertebrae[index] >= thresholds[index])
        };
        (geometry.slices > 0).then(|| Progress {
            study_key: self.study_key.clone(),
            received: geometry.slices,
            expected: geometry.expected_slices,
            analysed: u32::try_from(self.evidence.len()).unwrap_or(u32::MAX),
            levels_seen: Level::ALL.into_iter().filter(seen).collect(),
            unreadable: self.unreadable.values().sum(),
        })
    }

    /// Drops the pixels of slices that are analysed and whose neighbours are analysed too; of slices with a box the
    /// picture is kept until the series is concluded.
    pub fn prune(&mut self, series: &Series) {
        let keys: Vec<SliceKey> = series.slices().map(SliceKey::from).collect();
        let analysed: Vec<bool> = keys.iter().map(|key| self.evidence.contains_key(key)).collect();
        for (rank, key) in keys.iter().enumerate() {
            let around = &analysed[rank.saturating_sub(1)..(rank + 2).min(keys.len())];
            let inner = rank > 0 && rank + 1 < keys.len();
            let boxed = self.evidence.get(key).is_some_and(|evidence| !evidence.boxes.is_empty());
            if inner && !boxed && around.iter().all(|&known| known) && !self.in_flight.contains(key) {
                self.prepared.remove(key);
            }
        }
    }

    /// The series is assessed for good: pixels go, evidence stays for a late slice.
    pub fn conclude(&mut self) {
        self.concluded = true;
        self.prepared.clear();
    }
}

/// 0 for the first slice at the head end, 1 for the last at the foot end; known once the series has ended or its header
/// gives the count and the direction is known.
fn ratio(series: &Series, slice: &SliceKey) -> Option<f32> {
    let last = series.geometry().slices.checked_sub(1).filter(|&last| last > 0 && series.has_ended())?;
    let rank = u32::try_from(series.rank(slice)?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "a ratio of 0 to 1 needs no more than an f32")]
    Some((f64::from(rank) / f64::from(last)) as f32)
}
