//! A study's assessments in; the messages that tell them out. Pure.
//!
//! Every revision is one `triage` message (retained, the current verdict). A suspicion is an `alert` as well, and so
//! is every later revision of it; a suspicion that is gone is told by an alert that retracts it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cloud_event::{CloudEvent, EventKind};
use super::payload::{
    CoveragePayload, FindingPayload, GapPayload, HealthPayload, ModelTag, NOTICE, PHANTOM_NOTICE, StatusPayload,
    Timings, TriagePayload, rfc3339, round, tenth_mm,
};
use super::{Limits, Topics, study_verdict, trim};
use crate::store::{MessagePriority, NextRevision, OutboxMessage, Told};
use crate::triage::{Assessment, Gap, Level, Missing, Revision, Verdict};

/// What a verdict's messages say besides the assessment.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictContext {
    /// When.
    pub at: Timestamp,
    /// `at` and all other times are to be trusted.
    pub clock_trusted: bool,
    /// Only where the site switched clear identifiers on.
    pub study_instance_uid: Option<String>,
    /// Files of the study that could not be read, by reason code.
    pub unreadable: BTreeMap<String, u32>,
    /// How long it took.
    pub timings: Timings,
    /// What analysed it; empty when nothing did.
    pub models: Vec<ModelTag>,
}

/// Decides whether a revision is to be told, and writes its messages. For [`crate::store::Store::commit_verdict`].
pub fn tell(next: &NextRevision, topics: &Topics, limits: &Limits, context: &VerdictContext) -> Option<Told> {
    let assessment = study_verdict::over_series(&next.series)?;
    let previous = next.previous.as_ref();
    let change = Revision::between(previous.map(|told| &told.assessment), &assessment)?;
    let supersedes = previous.map(|told| told.event_id.clone());
    let payload = payload(next, &assessment, topics, context);
    let triage = TriagePayload { change, supersedes, ..payload.clone() };
    let mut messages = vec![triage_message(triage, topics, limits, context)];
    messages.extend(
        alert(next, &assessment, change, payload).map(|payload| alert_message(payload, topics, limits, context)),
    );
    Some(Told { assessment, messages })
}

/// A status message: birth, change, or (as the last will) the end.
pub fn status(payload: &StatusPayload, id: String, at: Option<Timestamp>, topics: &Topics) -> OutboxMessage {
    let event = device_event(EventKind::Status, id, at, topics);
    device_message(&event, topics.status(), json(payload))
}

/// A health message.
pub fn health(payload: &HealthPayload, id: String, at: Option<Timestamp>, topics: &Topics) -> OutboxMessage {
    let event = device_event(EventKind::Health, id, at, topics);
    device_message(&event, topics.health(), json(payload))
}

/// Event id of the alert that belongs to a verdict.
fn alert_id(event_id: &str) -> String {
    format!("{event_id}-alert")
}

/// The revision that an event id (of a verdict or of its alert) speaks of.
pub(super) fn revision_of(event_id: &str) -> Option<u32> {
    let id = event_id.strip_suffix("-alert").unwrap_or(event_id);
    id.rsplit(['-', '.']).next()?.parse().ok()
}

/// The payload of the alert, if this revision is one.
fn alert(next: &NextRevision, now: &Assessment, change: Revision, payload: TriagePayload) -> Option<TriagePayload> {
    let alerted = next.previous.as_ref().filter(|told| told.assessment.verdict == Verdict::Suspected);
    if now.verdict != Verdict::Suspected && alerted.is_none() {
        return None;
    }
    Some(TriagePayload {
        event_id: alert_id(&next.event_id),
        supersedes: alerted.map(|told| alert_id(&told.event_id)),
        change: if alerted.is_some() { change } else { Revision::First },
        ..payload
    })
}

fn payload(next: &NextRevision, assessment: &Assessment, topics: &Topics, context: &VerdictContext) -> TriagePayload {
    let phantom = context.models.iter().any(|model| model.phantom_trained);
    let why = match &assessment.verdict {
        Verdict::NotAnalysed { why } => Some(why.clone()),
        _ => None,
    };
    TriagePayload {
        event_id: next.event_id.clone(),
        supersedes: None,
        revision: next.revision,
        change: Revision::First,
        study_key: next.study_key.clone(),
        study_instance_uid: context.study_instance_uid.clone(),
        site: topics.site().to_owned(),
        device: topics.device().to_owned(),
        verdict: assessment.verdict.name().to_owned(),
        why,
        priority: assessment.verdict.priority(),
        provisional: assessment.provisional,
        completeness: assessment.completeness,
        findings: assessment.findings.iter().map(FindingPayload::of).collect(),
        vertebrae: Level::ALL.into_iter().zip(assessment.vertebrae.map(|score| round(score, 1000.0))).collect(),
        coverage: coverage(assessment, context),
        missing: assessment.missing.iter().map(rounded).collect(),
        timings: context.timings.clone(),
        models: context.models.clone(),
        clock_trusted: context.clock_trusted,
        truncated: false,
        not_for_diagnosis: NOTICE.to_owned(),
        limitation: phantom.then(|| PHANTOM_NOTICE.to_owned()),
    }
}

fn coverage(assessment: &Assessment, context: &VerdictContext) -> CoveragePayload {
    let coverage = &assessment.coverage;
    CoveragePayload {
        levels_seen: coverage.levels_seen.clone(),
        slices_analysed: coverage.slices_analysed,
        slices_missing: coverage.slices_missing,
        slices_unreadable: coverage.slices_unreadable,
        unreadable: context.unreadable.clone(),
        gaps: coverage.gaps.iter().map(GapPayload::of).collect(),
        extent_mm: tenth_mm(coverage.extent_mm),
    }
}

fn rounded(missing: &Missing) -> Missing {
    match missing {
        Missing::Slices { gap } => {
            let (from_mm, to_mm) = (tenth_mm(gap.from_mm), tenth_mm(gap.to_mm));
            Missing::Slices { gap: Gap { from_mm, to_mm, ..*gap } }
        }
        other => other.clone(),
    }
}

fn triage_message(payload: TriagePayload, topics: &Topics, limits: &Limits, context: &VerdictContext) -> OutboxMessage {
    let topic = topics.triage(&payload.study_key);
    let retain = true;
    study_message(EventKind::Triage, payload, topics, context, (topic, retain, limits.expiry_secs))
}

/// Says where an acknowledgement goes, and what it shall carry.
fn alert_message(payload: TriagePayload, topics: &Topics, limits: &Limits, context: &VerdictContext) -> OutboxMessage {
    let topic = topics.alert(&payload.study_key);
    let response_topic = topics.ack(&payload.study_key);
    let retain = false;
    let mut message =
        study_message(EventKind::Alert, payload, topics, context, (topic, retain, limits.alert_expiry_secs));
    message.properties.response_topic = Some(response_topic);
    message.properties.correlation_data = Some(message.event_id.clone());
    message
}

fn study_message(
    kind: EventKind,
    payload: TriagePayload,
    topics: &Topics,
    context: &VerdictContext,
    (topic, retain, expiry_secs): (String, bool, u32),
) -> OutboxMessage {
    let event = CloudEvent {
        id: payload.event_id.clone(),
        source: topics.source(),
        kind,
        time: context.clock_trusted.then(|| rfc3339(context.at)),
        subject: Some(payload.study_key.clone()),
    };
    let priority = if kind == EventKind::Alert { MessagePriority::Alert } else { MessagePriority::Verdict };
    OutboxMessage {
        properties: event.properties(),
        event_id: event.id,
        topic,
        payload: trim::fit(payload),
        retain,
        expiry_secs: Some(expiry_secs),
        priority,
    }
}

fn device_event(kind: EventKind, id: String, at: Option<Timestamp>, topics: &Topics) -> CloudEvent {
    CloudEvent { id, source: topics.source(), kind, time: at.map(rfc3339), subject: None }
}

fn device_message(event: &CloudEvent, topic: String, payload: Vec<u8>) -> OutboxMessage {
    OutboxMessage {
        event_id: event.id.clone(),
        topic,
        payload,
        properties: event.properties(),
        retain: true,
        expiry_secs: None,
        priority: MessagePriority::Other,
    }
}

pub(super) fn json(payload: &impl serde::Serialize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "the payload structs have string keys only and no serialiser of their own")]
    serde_json::to_vec(payload).expect("a payload is always JSON")
}
