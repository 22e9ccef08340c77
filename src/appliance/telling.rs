//! What the desk says becomes durable and is told: one transaction for the verdict and its messages.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::desk::Statement;
use super::stages::StageTimes;
use crate::publish::{self, KeyImage, ModelTag, StageTiming, Timings, Topics, VerdictContext};
use crate::store::{Committed, SeriesVerdict, Store, StoreError};
use crate::triage::Verdict;

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
        self.store.commit_verdict(&verdict, |next| {
            if wait { None } else { publish::tell(next, &self.topics, &self.limits, &context) }
        })
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
