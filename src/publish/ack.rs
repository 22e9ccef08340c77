//! An acknowledgement by a clinic: a message on `ack/<study-key>` in, who acknowledges which revision out. Pure.
//!
//! A message that is not well-formed acknowledges nothing: better a screen that keeps asking than one that is silenced
//! by noise.

use super::client::Message;
use super::payload::AckPayload;
use super::topics::Topics;
use super::{event_id, structured};

/// Longest name that is shown.
pub const MAX_NAME: usize = 64;

/// Longest note.
pub const MAX_NOTE: usize = 200;

/// What a clinic acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Key of the study.
    pub study_key: String,
    /// The revision, where the message names its event; otherwise the latest is meant.
    pub revision: Option<u32>,
    /// Who, as it is shown.
    pub by: String,
    /// What they wrote, for the audit trail; never shown.
    pub note: Option<String>,
}

/// Why a message acknowledges nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAck {
    /// The topic is not one of this device's.
    #[error("the topic is not one for acknowledgements")]
    Topic,
    /// The payload has another form.
    #[error("the payload is not an acknowledgement: {0}")]
    Payload(String),
    /// The name is empty, too long, or holds control characters.
    #[error("`acknowledged_by` must be 1 to 64 printable characters")]
    Name,
    /// The note is too long, or holds control characters.
    #[error("`note` must be at most 200 printable characters")]
    Note,
    /// The event belongs to another study, or is none of ours.
    #[error("the event is not one of this study")]
    Event,
}

/// Reads an acknowledgement, with or without its envelope (MQTT 3.1.1). The event may stand in the payload or in the correlation data; the payload goes first.
///
/// # Errors
/// [`NotAnAck`], which goes to the log.
pub fn parse(message: &Message, topics: &Topics) -> Result<Ack, NotAnAck> {
    let study_key = topics.study_of_ack(&message.topic).ok_or(NotAnAck::Topic)?;
    let message = structured::opened(message.clone());
    let payload: AckPayload =
        serde_json::from_slice(&message.payload).map_err(|error| NotAnAck::Payload(error.to_string()))?;
    let by = name(&payload.acknowledged_by)?;
    let note = payload.note.as_deref().map(note).transpose()?.flatten();
    let event_id = payload.event_id.as_ref().or(message.properties.correlation_data.as_ref());
    let revision = event_id
        .map(|id| event_id::order(id, study_key).map(|order| order.revision).ok_or(NotAnAck::Event))
        .transpose()?;
    Ok(Ack { study_key: study_key.to_owned(), revision, by, note })
}

/// A name as it is shown.
///
/// # Errors
/// [`NotAnAck::Name`].
pub fn name(text: &str) -> Result<String, NotAnAck> {
    let name = text.trim();
    let fits = (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(NotAnAck::Name) }
}

/// A note as it is recorded; none where it is blank.
///
/// # Errors
/// [`NotAnAck::Note`].
pub fn note(text: &str) -> Result<Option<String>, NotAnAck> {
    let note = text.trim();
    if note.chars().count() > MAX_NOTE || note.chars().any(char::is_control) {
        return Err(NotAnAck::Note);
    }
    Ok((!note.is_empty()).then(|| note.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::cloud_event::{CloudEvent, EventKind};
    use super::super::samples::topics;
    use super::*;
    use crate::store::{MessagePriority, MessageProperties, OutboxMessage};

    fn message(payload: &str, correlation: Option<&str>) -> Message {
        Message {
            topic: topics().ack("ab12"),
            payload: payload.to_owned().into(),
            properties: MessageProperties {
                correlation_data: correlation.map(str::to_owned),
                ..MessageProperties::default()
            },
            retained: false,
        }
    }

    fn revision(payload: &str, correlation: Option<&str>) -> Result<Option<u32>, NotAnAck> {
        parse(&message(payload, correlation), &topics()).map(|ack| ack.revision)
    }

    #[test]
    fn the_event_may_stand_in_the_payload_or_in_the_correlation_data() {
        let plain = r#"{"acknowledged_by":"ER desk 2"}"#;
        assert_eq!(revision(plain, None), Ok(None));
        assert_eq!(revision(plain, Some("ab12-3-alert")), Ok(Some(3)));
        assert_eq!(revision(plain, Some("ab12-67f0.12-alert")), Ok(Some(12)));
        assert_eq!(revision(plain, Some("ab12-3-alert-2")), Ok(Some(3)), "sent again");
        let named = r#"{"acknowledged_by":"ER desk 2","event_id":"ab12-4"}"#;
        assert_eq!(revision(named, Some("ab12-3-alert")), Ok(Some(4)));
        assert_eq!(parse(&message(plain, None), &topics()).unwrap().by, "ER desk 2");
    }

    #[test]
    fn a_note_is_kept_apart_from_the_name() {
        let ack = |note: &str| {
            let payload = format!(r#"{{"acknowledged_by":"ER desk 2","note":"{note}"}}"#);
            parse(&message(&payload, None), &topics()).map(|ack| (ack.by, ack.note))
        };
        assert_eq!(ack(" on our way "), Ok(("ER desk 2".into(), Some("on our way".into()))));
        assert_eq!(ack("  "), Ok(("ER desk 2".into(), None)));
        for bad in ["x".repeat(MAX_NOTE + 1), "a\\u0007b".into()] {
            assert_eq!(ack(&bad), Err(NotAnAck::Note));
        }
    }

    #[test]
    fn an_acknowledgement_in_an_envelope_counts_as_well() {
        let event = CloudEvent {
            id: "ack-1".into(),
            source: "/spinewatch/clinic/desk".into(),
            kind: EventKind::Ack,
            time: None,
            subject: None,
        };
        let sent = OutboxMessage {
            event_id: "ack-1".into(),
            topic: topics().ack("ab12"),
            payload: br#"{"acknowledged_by":"ER desk 2","event_id":"ab12-3-alert","note":"seen"}"#.to_vec(),
            properties: event.properties(),
            retain: false,
            expiry_secs: None,
            priority: MessagePriority::Other,
        };
        let text = String::from_utf8(structured::payload(&sent)).unwrap();
        let ack = parse(&message(&text, None), &topics()).unwrap();
        assert_eq!((ack.by.as_str(), ack.revision, ack.note.as_deref()), ("ER desk 2", Some(3), Some("seen")));
    }

    #[test]
    fn noise_acknowledges_nothing() {
        for payload in ["", "ok", "{}", r#"{"acknowledged_by":7}"#, r#"{"acknowledged_by":"x","diagnosis":"none"}"#] {
            assert!(matches!(revision(payload, None), Err(NotAnAck::Payload(_))), "{payload}");
        }
        for name in ["", "   ", "a\\u0007b", &"x".repeat(65)] {
            assert_eq!(revision(&format!(r#"{{"acknowledged_by":"{name}"}}"#), None), Err(NotAnAck::Name));
        }
        let plain = r#"{"acknowledged_by":"x"}"#;
        for id in ["ff00-1", "ab12-", "ab12-one", "x"] {
            assert_eq!(revision(plain, Some(id)), Err(NotAnAck::Event), "{id}");
        }
        let elsewhere = Message { topic: "spinewatch/v1/other/ct/ack/ab12".into(), ..message(plain, None) };
        assert_eq!(parse(&elsewhere, &topics()), Err(NotAnAck::Topic));
    }
}
