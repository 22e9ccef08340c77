//! The words of desk and store into the words of the screen. Pure; draws nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::desk::{Now, Progress};
use crate::display::{self, Acknowledged, Delivery, Picture, Since, StudyName, StudyReport, Words};
use crate::inference::PreparedSlice;
use crate::store::{Committed, ToldVerdict};

/// A verdict that was just committed.
pub fn report(
    study_key: &str,
    committed: &Committed,
    picture: Option<&PreparedSlice>,
    now: Now,
    clock_trusted: bool,
) -> StudyReport {
    let best = committed.assessment.findings.first().map(|finding| &finding.best_slice);
    let picture = best.zip(picture).and_then(|(best, prepared)| {
        let plane = prepared.picture();
        let side = u16::try_from(plane.size).ok()?;
        Picture::of_slice(Arc::from(plane.pixels.as_slice()), side, side, best)
    });
    StudyReport {
        study: StudyName::new(study_key, clock_trusted.then(|| local(now.wall))),
        assessment: committed.assessment.clone(),
        picture,
        since: Since::new(now.monotonic),
        acknowledged: None,
        delivery: Delivery::Queued,
        sent_again: 0,
    }
}

/// A verdict of an earlier life of the process. Its picture is gone; everything else stands.
pub fn recalled(told: &ToldVerdict, waiting: bool, now: Now, clock_trusted: bool) -> StudyReport {
    let since = |at: Timestamp| match Duration::try_from(now.wall.duration_since(at)) {
        Ok(age) if clock_trusted => Since::aged(now.monotonic, age),
        _ => Since::older_than(now.monotonic),
    };
    let acknowledged = told.acknowledged.as_ref().map(|(by, at)| Acknowledged { by: Words::new(by), at: since(*at) });
    StudyReport {
        study: StudyName::new(&told.study_key, clock_trusted.then(|| local(told.committed_at))),
        assessment: told.assessment.clone(),
        picture: None,
        since: since(told.committed_at),
        acknowledged,
        delivery: if waiting { Delivery::Queued } else { Delivery::Sent },
        sent_again: 0,
    }
}

/// How far a series has come.
pub fn progress(progress: &Progress) -> display::Progress {
    display::Progress {
        study: StudyName::new(&progress.study_key, None),
        received: progress.received,
        analysed: progress.analysed.min(progress.received),
        expected: progress.expected,
        levels_seen: progress.levels_seen.clone(),
        unreadable: progress.unreadable,
    }
}

/// Time of day where the device stands.
pub fn local(at: Timestamp) -> Time {
    at.to_zoned(TimeZone::system()).time()
}
