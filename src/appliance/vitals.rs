//! The device's health in; what the screen, the status message and the health message say of it out. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::display::{Fault, Since, Words};
use crate::health::{Degraded, HealthReport, Status};
use crate::publish::{
    DeviceState, HealthPayload, ModelTag, NOTICE, PartPayload, Reason, StatusPayload, Topics, rfc3339,
};

/// What is wrong, as the screen shows it.
pub fn faults(report: &HealthReport, now: Duration) -> Vec<Fault> {
    let ago = |secs: u64| Since::new(now.saturating_sub(Duration::from_secs(secs)));
    let fault = |degraded: &Degraded| match degraded {
        Degraded::ModelRefused { reason } => Some(Fault::ModelRefused { reason: Words::new(reason) }),
        Degraded::DiskLow { free_mib } => Some(Fault::DiskFull { free_mib: *free_mib }),
        Degraded::ShareLost { reason } => {
            Some(Fault::ShareLost { reason: Words::new(reason), since: ago(report.share.since_secs) })
        }
        Degraded::ShareNotMounted => {
            let reason = Words::new("nothing is mounted on the folder");
            Some(Fault::ShareLost { reason, since: ago(report.share.since_secs) })
        }
        Degraded::BrokerOffline { queued } => {
            Some(Fault::BrokerOffline { queued: *queued, since: ago(report.broker.since_secs) })
        }
        Degraded::RecordsReset => Some(Fault::RecordsReset),
        Degraded::ResultsNotWritten { reason } => Some(Fault::ResultsNotWritten { reason: Words::new(reason) }),
        Degraded::AcceleratorFault { reason } => Some(Fault::AcceleratorFault { reason: Words::new(reason) }),
        Degraded::ClockUntrusted => Some(Fault::ClockUntrusted),
        // Told on the wire and in the log; a technologist can do nothing about them, and the watchdog does.
        Degraded::StageSilent { .. } | Degraded::Hot { .. } => None,
    };
    let mut faults: Vec<Fault> = report.degraded.iter().filter_map(fault).collect();
    if let Some((reason, _)) = report.quarantined.iter().max_by_key(|(_, files)| **files) {
        let files = report.quarantined.values().sum::<u64>();
        let files = u32::try_from(files).unwrap_or(u32::MAX);
        faults.push(Fault::FilesRefused { files, reason: Words::new(&reason.replace('_', " ")) });
    }
    faults
}

/// The status message.
pub fn status(
    report: &HealthReport,
    topics: &Topics,
    models: &[ModelTag],
    started: Option<Timestamp>,
) -> StatusPayload {
    let reason = |degraded: &Degraded| Reason { code: degraded.code().to_owned(), words: degraded.to_string() };
    StatusPayload {
        state: match report.status {
            Status::Online => DeviceState::Online,
            Status::Degraded => DeviceState::Degraded,
        },
        reasons: report.degraded.iter().take(8).map(reason).collect(),
        site: topics.site().to_owned(),
        device: topics.device().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        models: models.to_vec(),
        started_at: started.map(rfc3339),
        not_for_diagnosis: NOTICE.to_owned(),
    }
}

/// Counts that the store and the desk add to the health message.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Messages that wait for the broker, and messages that were given up.
    pub queue: (u32, u32),
    /// Series that are open.
    pub open_series: u32,
    /// Files that could not be read, by code.
    pub quarantined: BTreeMap<String, u32>,
    /// Intact files that are not for the networks, by code.
    pub excluded: BTreeMap<String, u32>,
}

/// The health message.
pub fn health(report: &HealthReport, counts: Counts, at: Timestamp) -> HealthPayload {
    let refused = report.degraded.iter().find(|degraded| matches!(degraded, Degraded::ModelRefused { .. }));
    let part = |state: &str, for_secs, reason| PartPayload { state: state.to_owned(), for_secs, reason };
    #[expect(clippy::cast_possible_truncation, reason = "a rate and a temperature need no more than an f32")]
    let single = |value: f64| value as f32;
    HealthPayload {
        at: rfc3339(at),
        uptime_secs: report.device.uptime_secs,
        clock_trusted: report.clock_trusted,
        share: part(report.share.state, report.share.since_secs, report.share.reason.clone()),
        broker: part(if report.broker.connected { "online" } else { "offline" }, report.broker.since_secs, None),
        models: match refused {
            Some(why) => part("refused", report.device.uptime_secs, Some(why.to_string())),
            None => part("ready", report.device.uptime_secs, None),
        },
        disk_free_bytes: report.disk.map_or(0, |disk| disk.free_bytes),
        queue_waiting: counts.queue.0,
        queue_dead: counts.queue.1,
        open_series: counts.open_series,
        slices_per_second: single(report.slices_per_second),
        temperatures_celsius: report.temperatures.iter().map(|t| (t.sensor.clone(), single(t.celsius))).collect(),
        files_quarantined: counts.quarantined,
        files_excluded: counts.excluded,
        memory_bytes: report.memory.map(|memory| memory.resident_bytes),
    }
}
