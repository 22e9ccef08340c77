//! The device's health in; what the screen, the status message and the health message say of it out. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::display::{Fault, Since, Words};
use crate::health::{BrokerHealth, Degraded, HealthReport, Status};
use crate::publish::{
    DeviceState, HealthPayload, LastUpdate, LinkState, ModelTag, NOTICE, PartPayload, Reason, StatusPayload, Topics,
    Trouble, rfc3339,
};
use crate::store::{Head, OutboxDepth};

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
        Degraded::BrokerOffline { queued, trouble } => {
            let (reason, code) = spoken(trouble);
            Some(Fault::BrokerOffline { queued: *queued, reason, code, since: ago(report.broker.since_secs) })
        }
        Degraded::MessagesRefused { messages, trouble } => {
            let (reason, code) = spoken(trouble);
            Some(Fault::MessagesRefused { messages: *messages, reason, code })
        }
        Degraded::AcksRefused { trouble } => {
            let (reason, code) = spoken(trouble);
            Some(Fault::AcksRefused { reason, code })
        }
        Degraded::StateInMemory => Some(Fault::StateInMemory),
        Degraded::RecordsReset => Some(Fault::RecordsReset),
        Degraded::ResultsNotWritten { reason } => Some(Fault::ResultsNotWritten { reason: Words::new(reason) }),
        Degraded::AcceleratorFault { reason } => Some(Fault::AcceleratorFault { reason: Words::new(reason) }),
        Degraded::ModelReplaced { reason } => Some(Fault::ModelReplaced { reason: Words::new(reason) }),
        Degraded::ControlsFault { reason } => Some(Fault::ControlsFault { reason: Words::new(reason) }),
        Degraded::CertificateUnusable { reason } => Some(Fault::CertificateUnusable { reason: Words::new(reason) }),
        Degraded::CertificateExpires { days, what } => Some(Fault::CertificateExpires { days: *days, what }),
        Degraded::UpdateRolledBack { version, reason } => {
            Some(Fault::UpdateFailed { version: Words::new(version), reason: Words::new(reason) })
        }
        Degraded::ClockUntrusted => Some(Fault::ClockUntrusted),
        // Told on the wire and in the log; a technologist can do nothing about them, and the watchdog does.
        Degraded::StageSilent { .. } | Degraded::Hot { .. } | Degraded::ScreenLost { .. } => None,
    };
    let mut faults: Vec<Fault> = report.degraded.iter().filter_map(fault).collect();
    // of several certificates, the first to end
    faults.dedup_by_key(|fault| fault.rank());
    if let Some((reason, _)) = report.quarantined.iter().max_by_key(|(_, files)| **files) {
        let files = report.quarantined.values().sum::<u64>();
        let files = u32::try_from(files).unwrap_or(u32::MAX);
        faults.push(Fault::FilesRefused { files, reason: Words::new(&reason.replace('_', " ")) });
    }
    faults
}

/// What the publisher and the outbox say of the broker.
pub fn broker_health(link: &LinkState, depth: OutboxDepth) -> BrokerHealth {
    BrokerHealth {
        connected: link.online,
        trouble: link.trouble.clone(),
        losses: link.losses,
        refused: (depth.refused, link.refused.clone()),
        acks_refused: link.acks_refused.clone(),
    }
}

/// The words and the code of a trouble; its detail is for the log and the wire.
fn spoken(trouble: &Trouble) -> (Words, &'static str) {
    (Words::new(trouble.cause.words()), trouble.cause.code())
}

/// The status message.
pub fn status(
    report: &HealthReport,
    topics: &Topics,
    models: &[ModelTag],
    started: Option<Timestamp>,
    last_update: Option<LastUpdate>,
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
        last_update,
        not_for_diagnosis: NOTICE.to_owned(),
    }
}

/// Counts that the store and the desk add to the health message.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// The outbox.
    pub queue: OutboxDepth,
    /// Series that are open.
    pub open_series: u32,
    /// Files that could not be read, by code.
    pub quarantined: BTreeMap<String, u32>,
    /// Intact files that are not for the networks, by code.
    pub excluded: BTreeMap<String, u32>,
    /// Where the audit trail ends.
    pub audit_head: Option<Head>,
    /// How the last update ended.
    pub last_update: Option<LastUpdate>,
}

/// The health message.
pub fn health(report: &HealthReport, counts: Counts, at: Timestamp) -> HealthPayload {
    let refused = report.degraded.iter().find(|degraded| matches!(degraded, Degraded::ModelRefused { .. }));
    let part = |state: &str, for_secs, reason| PartPayload { state: state.to_owned(), for_secs, reason, code: None };
    #[expect(clippy::cast_possible_truncation, reason = "a rate and a temperature need no more than an f32")]
    let single = |value: f64| value as f32;
    HealthPayload {
        at: rfc3339(at),
        uptime_secs: report.device.uptime_secs,
        clock_trusted: report.clock_trusted,
        share: part(report.share.state, report.share.since_secs, report.share.reason.clone()),
        broker: broker(report),
        broker_losses: report.broker.losses,
        broker_last_trouble: report.broker.trouble.as_ref().map(|trouble| trouble.cause.code().to_owned()),
        models: match refused {
            Some(why) => part("refused", report.device.uptime_secs, Some(why.to_string())),
            None => part("ready", report.device.uptime_secs, None),
        },
        disk_free_bytes: report.disk.map_or(0, |disk| disk.free_bytes),
        queue_waiting: counts.queue.waiting,
        queue_dead: counts.queue.dead,
        queue_refused: counts.queue.refused,
        open_series: counts.open_series,
        slices_per_second: single(report.slices_per_second),
        temperatures_celsius: report.temperatures.iter().map(|t| (t.sensor.clone(), single(t.celsius))).collect(),
        files_quarantined: counts.quarantined,
        files_excluded: counts.excluded,
        memory_bytes: report.memory.map(|memory| memory.resident_bytes),
        audit_head: counts.audit_head.map(|head| head.to_string()),
        version: report.device.version.to_owned(),
        last_update: counts.last_update,
    }
}

fn broker(report: &HealthReport) -> PartPayload {
    let fault = report.degraded.iter().find_map(|degraded| match degraded {
        Degraded::BrokerOffline { trouble, .. } => Some(("offline", trouble)),
        Degraded::MessagesRefused { trouble, .. } | Degraded::AcksRefused { trouble } => Some(("refusing", trouble)),
        _ => None,
    });
    PartPayload {
        state: fault.map_or("online", |(state, _)| state).to_owned(),
        for_secs: report.broker.since_secs,
        code: fault.map(|(_, trouble)| trouble.cause.code().to_owned()),
        reason: fault.map(|(_, trouble)| trouble.to_string()),
    }
}
