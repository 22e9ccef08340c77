//! A study's assessments in; the messages that tell them out. Pure.
//!
//! Every revision is one `triage` message (retained, the current verdict). A suspicion is an `alert` as well, and so
//! is every later revision of it; a suspicion that is gone is told by an alert that retracts it. The slice on which it
//! rests follows as a picture ([`super::key_image`]).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cloud_event::{CloudEvent, EventKind};
use super::key_image::{self, KeyImage};
use super::payload::{
    AcknowledgedPayload, CoveragePayload, FindingPayload, GapPayload, HealthPayload, ModelTag, NOTICE, PHANTOM_NOTICE,
    StatusPayload, Timings, TriagePayload, rfc3339, round, tenth_mm,
};
use super::{Limits, Topics, escalation, event_id, study_verdict, trim};
use crate::store::{Acknowledgement, MessagePriority, NextRevision, OutboxMessage, Told, ToldVerdict};
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
    /// The best slice of the first finding, where its picture is at hand and may leave the device.
    pub key_image: Option<KeyImage>,
}

impl VerdictContext {
    /// Of a verdict taken `at`, by a clock that is right, with nothing else to say.
    pub fn bare(at: Timestamp) -> Self {
        Self {
            at,
            clock_trusted: true,
            study_instance_uid: None,
            unreadable: BTreeMap::new(),
            timings: Timings { decided_at: rfc3339(at), ..Timings::default() },
            models: Vec::new(),
            key_image: None,
        }
    }
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
    messages.extend(key_image::message(next, &assessment, topics, limits, context));
    Some(Told { assessment, messages, result: None })
}

/// The payload of a revision in full, for documents beside the messages: never cut to the size of a message.
pub fn told_in_full(
    next: &NextRevision,
    assessment: &Assessment,
    topics: &Topics,
    context: &VerdictContext,
) -> Option<TriagePayload> {
    let previous = next.previous.as_ref();
    let change = Revision::between(previous.map(|told| &told.assessment), assessment)?;
    let supersedes = previous.map(|told| told.event_id.clone());
    Some(TriagePayload { change, supersedes, ..payload(next, assessment, topics, context) })
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

/// That an acknowledgement was recorded; retained, so that a clinic that connects later sees it.
pub fn acknowledged(
    told: &ToldVerdict,
    acknowledgement: &Acknowledgement,
    topics: &Topics,
    limits: &Limits,
    clock_trusted: bool,
) -> OutboxMessage {
    let (study_key, at) = (told.study_key.clone(), rfc3339(acknowledgement.at));
    let payload = AcknowledgedPayload {
        event_id: format!("{}-acknowledged", told.event_id),
        study_key: study_key.clone(),
        site: topics.site().to_owned(),
        device: topics.device().to_owned(),
        verdict_event_id: told.event_id.clone(),
        revision: told.revision,
        verdict: told.assessment.verdict.name().to_owned(),
        levels: told.assessment.levels().collect(),
        acknowledged_by: acknowledgement.by.clone(),
        acknowledged_at: at.clone(),
        clock_trusted,
    };
    let event = CloudEvent {
        id: payload.event_id.clone(),
        source: topics.source(),
        kind: EventKind::Acknowledged,
        time: clock_trusted.then_some(at),
        subject: Some(study_key.clone()),
    };
    let topic = topics.acknowledged(&study_key);
    OutboxMessage { expiry_secs: Some(limits.expiry_secs), ..device_message(&event, topic, json(&payload)) }
}

/// The payload of the alert, if this revision is one.
fn alert(next: &NextRevision, now: &Assessment, change: Revision, payload: TriagePayload) -> Option<TriagePayload> {
    let alerted = next.previous.as_ref().filter(|told| told.assessment.verdict == Verdict::Suspected);
    if now.verdict != Verdict::Suspected && alerted.is_none() {
        return None;
    }
    // What nobody has acknowledged stays as urgent as it was.
    let sent_again = next.alert.as_ref().filter(|standing| standing.open).map_or(0, |standing| standing.sent_again);
    let standing = next.alert.as_ref().map(|standing| standing.event_id.clone());
    Some(TriagePayload {
        event_id: event_id::alert(&next.event_id),
        supersedes: alerted.map(|told| standing.unwrap_or_else(|| event_id::alert(&told.event_id))),
        change: if alerted.is_some() { change } else { Revision::First },
        urgency: Some(escalation::urgency(sent_again)),
        sent_again: Some(sent_again),
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
        urgency: None,
        sent_again: None,
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
    study_message(EventKind::Triage, payload, topics, time_of(context), (topic, retain, limits.expiry_secs))
}

/// Says where an acknowledgement goes, and what it shall carry.
fn alert_message(payload: TriagePayload, topics: &Topics, limits: &Limits, context: &VerdictContext) -> OutboxMessage {
    alert_at(payload, topics, limits, time_of(context))
}

pub(super) fn alert_at(
    payload: TriagePayload,
    topics: &Topics,
    limits: &Limits,
    time: Option<String>,
) -> OutboxMessage {
    let topic = topics.alert(&payload.study_key);
    let response_topic = topics.ack(&payload.study_key);
    let retain = false;
    let mut message = study_message(EventKind::Alert, payload, topics, time, (topic, retain, limits.alert_expiry_secs));
    message.properties.response_topic = Some(response_topic);
    message.properties.correlation_data = Some(message.event_id.clone());
    message
}

fn time_of(context: &VerdictContext) -> Option<String> {
    context.clock_trusted.then(|| rfc3339(context.at))
}

fn study_message(
    kind: EventKind,
    payload: TriagePayload,
    topics: &Topics,
    time: Option<String>,
    (topic, retain, expiry_secs): (String, bool, u32),
) -> OutboxMessage {
    let event = CloudEvent {
        id: payload.event_id.clone(),
        source: topics.source(),
        kind,
        time,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::payload::DeviceState;
    use super::super::samples::{at, context, none_suspected, suspected, topics};
    use super::*;
    use crate::store::{SeriesAssessment, StandingAlert};

    /// What a run of assessments of one series tells: change, event id and supersedes of each triage and alert event.
    fn story(assessments: &[Assessment]) -> Vec<Vec<(String, Revision, Option<String>)>> {
        let mut previous: Option<ToldVerdict> = None;
        let mut events = vec![];
        for assessment in assessments {
            let revision = previous.as_ref().map_or(1, |told| told.revision + 1);
            let next = NextRevision {
                study_key: "k".into(),
                revision,
                event_id: format!("k-{revision}"),
                previous: previous.clone(),
                series: vec![SeriesAssessment { series_key: "s".into(), assessment: assessment.clone() }],
                alert: None,
            };
            let told = tell(&next, &topics(), &Limits::default(), &context());
            events.push(told.iter().flat_map(|told| &told.messages).map(shown).collect());
            if let Some(told) = told {
                previous = Some(ToldVerdict {
                    study_key: "k".into(),
                    revision,
                    event_id: next.event_id,
                    supersedes: None,
                    assessment: told.assessment,
                    committed_at: at(),
                    acknowledged: None,
                });
            }
        }
        events
    }

    fn shown(message: &OutboxMessage) -> (String, Revision, Option<String>) {
        let payload: TriagePayload = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(payload.event_id, message.event_id);
        (payload.event_id, payload.change, payload.supersedes)
    }

    fn event(id: &str, change: Revision, supersedes: Option<&str>) -> (String, Revision, Option<String>) {
        (id.into(), change, supersedes.map(Into::into))
    }

    use Revision::{Confirms, First, Retracts, Revises};

    #[test]
    fn only_a_suspicion_is_an_alert() {
        assert_eq!(story(&[none_suspected()]), [vec![event("k-1", First, None)]]);
        assert_eq!(
            story(&[suspected(&[Level::C2])]),
            [vec![event("k-1", First, None), event("k-1-alert", First, None)]]
        );
    }

    #[test]
    fn an_alert_is_confirmed_revised_and_retracted_by_event_id() {
        let early = Assessment { provisional: true, ..suspected(&[Level::C2]) };
        assert_eq!(
            story(&[
                early.clone(),
                early,
                suspected(&[Level::C2]),
                suspected(&[Level::C2, Level::C5]),
                none_suspected()
            ]),
            [
                vec![event("k-1", First, None), event("k-1-alert", First, None)],
                vec![],
                vec![event("k-2", Confirms, Some("k-1")), event("k-2-alert", Confirms, Some("k-1-alert"))],
                vec![event("k-3", Revises, Some("k-2")), event("k-3-alert", Revises, Some("k-2-alert"))],
                vec![event("k-4", Retracts, Some("k-3")), event("k-4-alert", Retracts, Some("k-3-alert"))],
            ]
        );
    }

    #[test]
    fn a_suspicion_that_returns_is_a_new_alert() {
        let told = story(&[suspected(&[Level::C2]), none_suspected(), suspected(&[Level::C2])]);
        assert_eq!(told[2], [event("k-3", Revises, Some("k-2")), event("k-3-alert", First, None)]);
    }

    /// The alert of a second revision, where the first was sent again twice.
    fn after_an_escalation(open: bool) -> TriagePayload {
        let previous = ToldVerdict {
            study_key: "k".into(),
            revision: 1,
            event_id: "k-1".into(),
            supersedes: None,
            assessment: suspected(&[Level::C2]),
            committed_at: at(),
            acknowledged: None,
        };
        let alert = StandingAlert {
            study_key: "k".into(),
            event_id: "k-1-alert-3".into(),
            payload: vec![],
            sent_again: 2,
            waited: std::time::Duration::ZERO,
            open,
            delivered: true,
        };
        let next = NextRevision {
            study_key: "k".into(),
            revision: 2,
            event_id: "k-2".into(),
            previous: Some(previous),
            series: vec![SeriesAssessment { series_key: "s".into(), assessment: suspected(&[Level::C2, Level::C5]) }],
            alert: Some(alert),
        };
        let told = tell(&next, &topics(), &Limits::default(), &context()).unwrap();
        serde_json::from_slice(&told.messages[1].payload).unwrap()
    }

    #[test]
    fn a_revision_supersedes_the_last_sending_and_is_no_less_urgent() {
        let alert = after_an_escalation(true);
        assert_eq!(alert.supersedes.as_deref(), Some("k-1-alert-3"));
        assert_eq!((alert.urgency, alert.sent_again), (Some(3), Some(2)));
        assert_eq!(after_an_escalation(false).urgency, Some(1), "the former was acknowledged; this level is new");
    }

    #[test]
    fn a_recorded_acknowledgement_is_told_with_the_levels_that_it_covers() {
        let told = ToldVerdict {
            study_key: "k".into(),
            revision: 2,
            event_id: "k-2".into(),
            supersedes: None,
            assessment: suspected(&[Level::C2, Level::C5]),
            committed_at: at(),
            acknowledged: None,
        };
        let recorded = Acknowledgement { study_key: "k".into(), revision: 2, by: "ER desk 2".into(), at: at() };
        let message = acknowledged(&told, &recorded, &topics(), &Limits::default(), true);
        assert_eq!(message.topic, "spinewatch/v1/north/ct-2/acknowledged/k");
        assert!(message.retain && message.event_id == "k-2-acknowledged");
        let payload: AcknowledgedPayload = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!((payload.levels, payload.acknowledged_by), (vec![Level::C2, Level::C5], "ER desk 2".to_owned()));
    }

    #[test]
    fn an_alert_says_where_the_answer_goes_and_leaves_before_the_verdict() {
        let next = NextRevision {
            study_key: "k".into(),
            revision: 1,
            event_id: "k-1".into(),
            previous: None,
            series: vec![SeriesAssessment { series_key: "s".into(), assessment: suspected(&[Level::C2]) }],
            alert: None,
        };
        let told = tell(&next, &topics(), &Limits::default(), &context()).unwrap();
        let [triage, alert] = &told.messages[..] else { panic!("two messages") };
        assert!(triage.retain && !alert.retain);
        assert!(alert.priority > triage.priority);
        assert_eq!(alert.topic, "spinewatch/v1/north/ct-2/alert/k");
        assert_eq!(alert.properties.response_topic.as_deref(), Some("spinewatch/v1/north/ct-2/ack/k"));
        assert_eq!(alert.properties.correlation_data.as_deref(), Some("k-1-alert"));
        assert_eq!((triage.expiry_secs, alert.expiry_secs), (Some(72 * 3600), Some(24 * 3600)));
    }

    #[test]
    fn times_are_left_out_of_the_envelope_while_the_clock_is_not_trusted() {
        let status = StatusPayload {
            state: DeviceState::Online,
            reasons: vec![],
            site: "north".into(),
            device: "ct-2".into(),
            version: "0".into(),
            models: vec![],
            started_at: None,
            last_update: None,
            not_for_diagnosis: NOTICE.into(),
        };
        let has_time = |at| {
            let properties = super::status(&status, "x".into(), at, &topics()).properties;
            properties.user.iter().any(|(key, _)| key == "time")
        };
        assert!(has_time(Some(at())) && !has_time(None));
    }

    #[test]
    fn what_is_not_a_number_never_reaches_json() {
        let mut odd = suspected(&[Level::C2]);
        odd.findings[0].score = f32::NAN;
        odd.findings[0].best_slice.z_mm = f64::INFINITY;
        odd.vertebrae[3] = f32::NAN;
        let payload = FindingPayload::of(&odd.findings[0]);
        assert!(payload.score.abs() < f32::EPSILON && payload.best_slice.z_mm.abs() < f64::EPSILON);
        story(&[odd]);
    }
}
