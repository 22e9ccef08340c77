//! Bytes of one file in; slices with keyed identifiers, ready for the networks, or a named rejection out.
//!
//! The last place that sees an identifier in clear, and that only in memory. Decoding and resizing are the work of this
//! stage: several threads run it, each on one file at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::case::ReadSlice;
use super::desk::{Content, Reading};
use super::stages::{StageTime, StageTimes};
use crate::dicom::{self, Limits, Rejection, RejectionKind, Slice};
use crate::inference::Analyser;
use crate::ingest::{Arrival, Unreadable};
use crate::store::{ClearIdentifiers, Fate, Keys, Store};
use crate::study::PixelDigest;

/// Reads files. Shared by the reader threads.
pub struct Reader {
    /// For the networks' input; `None` on a device that does not analyse.
    pub analyser: Option<Arc<Analyser>>,
    /// Keyed hashes.
    pub keys: Keys,
    /// Whether the same bytes were accepted before.
    pub store: Option<Store>,
    /// Identifiers in clear go along.
    pub clear_identifiers: bool,
    /// Bounds of the parser.
    pub limits: Limits,
}

impl Reader {
    /// Reads one file as ingest handed it over.
    pub fn read_arrival(&self, arrival: &Arrival) -> Reading {
        let mut reading = self.read(&arrival.bytes, arrival.fingerprint.to_string(), arrival.content_digest.0);
        reading.backlog_beside = arrival.backlog_beside;
        reading.stages.settle = one(arrival.read_at.saturating_sub(arrival.first_seen));
        reading
    }

    /// A file that ingest could not read.
    pub fn unreadable(file: &Unreadable) -> Reading {
        let fate = Fate::Quarantined { code: file.why.code().to_owned(), words: file.why.to_string() };
        Reading {
            fingerprint: file.fingerprint.to_string(),
            content_digest: [0; 32],
            backlog_beside: false,
            stages: StageTimes::default(),
            content: Content::Rejected { fate, belongs_to: None, study_instance_uid: None },
        }
    }

    /// Reads the bytes of one file.
    pub fn read(&self, bytes: &[u8], fingerprint: String, content_digest: [u8; 32]) -> Reading {
        let mut stages = StageTimes::default();
        let content = if self.is_copy(&content_digest) { Content::Copy } else { self.content(bytes, &mut stages) };
        Reading { fingerprint, content_digest, backlog_beside: false, stages, content }
    }

    fn is_copy(&self, content_digest: &[u8; 32]) -> bool {
        // A ledger that cannot be asked costs a second look at a file, nothing more.
        self.store.as_ref().is_some_and(|store| store.content_known(content_digest).unwrap_or(false))
    }

    fn content(&self, bytes: &[u8], stages: &mut StageTimes) -> Content {
        let started = Instant::now();
        let slices = match dicom::read(bytes, &self.limits) {
            Ok(slices) => slices,
            Err(rejection) => return self.rejected(bytes, &rejection),
        };
        stages.decode = one(started.elapsed());
        let started = Instant::now();
        let mut ready = Vec::with_capacity(slices.len());
        for slice in slices {
            match self.ready(slice) {
                Ok(slice) => ready.push(slice),
                Err(words) => {
                    let fate = Fate::Quarantined { code: "unusable_image".into(), words };
                    return Content::Rejected { fate, belongs_to: None, study_instance_uid: None };
                }
            }
        }
        stages.prepare = one(started.elapsed());
        Content::Slices(ready)
    }

    fn rejected(&self, bytes: &[u8], rejection: &Rejection) -> Content {
        let (code, words) = (rejection.code().to_owned(), rejection.to_string());
        let fate = match rejection.kind() {
            RejectionKind::NotAnImageOfThisKind => Fate::Excluded { code, words },
            RejectionKind::Incomplete | RejectionKind::Broken | RejectionKind::Hostile => {
                Fate::Quarantined { code, words }
            }
        };
        let whose = dicom::identity(bytes, &self.limits)
            .and_then(|whose| Some((whose.study_instance_uid?, whose.series_instance_uid?)));
        let clear = whose.as_ref().filter(|_| self.clear_identifiers);
        let study_instance_uid = clear.map(|(study, _)| study.as_str().to_owned());
        let belongs_to = whose.map(|(study, series)| (self.keys.study(&study), self.keys.series(&series)));
        Content::Rejected { fate, belongs_to, study_instance_uid }
    }

    fn ready(&self, slice: Slice) -> Result<ReadSlice, String> {
        let clear = self.clear_identifiers.then(|| ClearIdentifiers {
            study_instance_uid: slice.header.study_instance_uid.as_str().to_owned(),
            series_instance_uid: slice.header.series_instance_uid.as_str().to_owned(),
            sop_instance_uid: slice.header.sop_instance_uid.as_str().to_owned(),
        });
        let header = self.keys.pseudonymise(slice.header.clone());
        let prepared = match &self.analyser {
            Some(analyser) => {
                Some(Arc::new(analyser.prepare(&slice, header.slice_key.clone()).map_err(|error| error.to_string())?))
            }
            None => None,
        };
        Ok(ReadSlice { pixels: PixelDigest::of(&slice.hounsfield), header, prepared, clear })
    }
}

fn one(time: Duration) -> StageTime {
    let mut stage = StageTime::default();
    stage.add(time);
    stage
}
