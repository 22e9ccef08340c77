//! What the desk says becomes durable and is told: one transaction for the verdict and its messages.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::desk::Statement;
use super::stages::StageTimes;
use crate::publish::{self, KeyImage, ModelTag, StageTiming, Timings, Topics, VerdictContext};
use crate::store::{Committed, NextRevision, ResultToWrite, SeriesVerdict, Store, StoreError, Told};
use crate::triage::{Assessment, Verdict};

/// What goes into every message of this device.
pub struct Teller {
    /// Database.
    pub store: Store,
    /// Topics of this device.
    pub topics: Topics,
    /// Sizes and expiry.
    pub limits: publish::Limits,
    /// Models in use.
    pub models: Vec<ModelTag>,
    /// Documents are wanted beside the messages.
    pub writes_results: bool,
}

/// What of the moment goes into a message.
#[derive(Clone, Debug)]
pub struct Moment {
    /// UTC.
    pub at: Timestamp,
    /// Times are to be trusted.
    pub clock_trusted: bool,
    /// From the last slice to now.
    pub since_last_slice: Duration,
    /// Files of the series that could not be read, by code.
    pub unreadable: BTreeMap<String, u32>,
    /// Only where the site switched clear identifiers on.
    pub study_instance_uid: Option<String>,
    /// The best slice of the first finding, where it may leave the device.
    pub key_image: Option<KeyImage>,
}

impl Teller {
    /// Commits a statement, and tells it where it is news. While another series of the study is still receiving, only
    /// a suspicion is told; what this series says is kept for the study's verdict.
    ///
    /// # Errors
    /// Nothing is committed then.
    pub fn tell(&self, statement: &Statement, moment: Moment) -> Result<Option<Committed>, StoreError> {
        let verdict = SeriesVerdict {
            study_key: statement.study_key.clone(),
            series_key: statement.series_key.clone(),
            assessment: statement.assessment.clone(),
            at: moment.at,
        };
        let wait = statement.study_is_open && statement.assessment.verdict != Verdict::Suspected;
        let context = self.context(statement, moment);
        self.store.commit_verdict(&verdict, |next| if wait { None } else { self.told(next, &context) })
    }

    fn told(&self, next: &NextRevision, context: &VerdictContext) -> Option<Told> {
        let told = publish::tell(next, &self.topics, &self.limits, context)?;
        let result = if self.writes_results { self.result(next, &told.assessment, context) } else { None };
        Some(Told { result, ..told })
    }

    /// What the documents of the revision are made of. A payload that cannot be written as JSON would be a fault of this
    /// program, and no reason to hold the alert back.
    fn result(&self, next: &NextRevision, assessment: &Assessment, context: &VerdictContext) -> Option<ResultToWrite> {
        let payload = publish::told_in_full(next, assessment, &self.topics, context)?;
        let told = serde_json::to_string(&payload).map_err(|error| tracing::error!("no documents: {error}")).ok()?;
        let slices = assessment.findings.iter().map(|finding| finding.best_slice.slice_key.clone()).collect();
        let picture = context.key_image.as_ref().map(|image| (image.slice_key.clone(), image.grey.clone()));
        Some(ResultToWrite { told, slices, picture })
    }

    fn context(&self, statement: &Statement, moment: Moment) -> VerdictContext {
        let timings = Timings {
            first_slice_at: None,
            last_slice_at: None,
            decided_at: publish::rfc3339(moment.at),
            last_slice_to_verdict_ms: u32::try_from(moment.since_last_slice.as_millis()).ok(),
            stages: stage_timings(&statement.stages),
        };
        VerdictContext {
            at: moment.at,
            clock_trusted: moment.clock_trusted,
            study_instance_uid: moment.study_instance_uid,
            unreadable: moment.unreadable,
            timings,
            models: self.models.clone(),
            key_image: moment.key_image,
        }
    }
}

/// Times per stage as the payload has them; stages that nothing went through are left out.
pub fn stage_timings(stages: &StageTimes) -> Vec<StageTiming> {
    let went_through = stages.named().into_iter().filter(|(_, time)| time.slices > 0);
    went_through
        .map(|(stage, time)| StageTiming {
            stage: stage.to_owned(),
            slices: time.slices,
            mean_ms: millis(time.mean()),
            max_ms: millis(time.max),
        })
        .collect()
}

fn millis(time: Duration) -> f32 {
    time.as_secs_f32() * 1000.0
}
