//! CloudEvents 1.0 in structured mode: the whole event, attributes and data, as one JSON payload. Pure.
//!
//! For MQTT 3.1.1, which has no properties (CloudEvents MQTT protocol binding 1.0.2, section 3.2; JSON event format
//! 1.0.2). What is no attribute of CloudEvents itself travels as an extension: `responsetopic`, `correlationdata` and
//! `expirysecs`. A message without attributes, such as an acknowledgement, goes as it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::client::Message;
use crate::store::{MessageProperties, OutboxMessage};

/// MQTT 5 content type of an event in this mode.
const CONTENT_TYPE: &str = "application/cloudevents+json";

const JSON: &str = "application/json";

/// Every envelope has it, and no payload of ours does.
const SPEC_VERSION: &str = "specversion";

/// The payload of `message` where there are no properties: the event in its envelope.
pub fn payload(message: &OutboxMessage) -> Vec<u8> {
    let properties = &message.properties;
    if properties.user.is_empty() {
        return message.payload.clone();
    }
    let text = |text: &str| Value::String(text.to_owned());
    let mut envelope: Map<String, Value> =
        properties.user.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    envelope.insert("datacontenttype".to_owned(), text(&properties.content_type));
    let extensions = [("responsetopic", &properties.response_topic), ("correlationdata", &properties.correlation_data)];
    envelope.extend(extensions.into_iter().filter_map(|(key, value)| Some((key.to_owned(), text(value.as_ref()?)))));
    envelope.extend(message.expiry_secs.map(|secs| ("expirysecs".to_owned(), secs.into())));
    match serde_json::from_slice(&message.payload) {
        Ok(data) if properties.content_type == JSON => envelope.insert("data".to_owned(), data),
        _ => envelope.insert("data_base64".to_owned(), text(&STANDARD.encode(&message.payload))),
    };
    Value::Object(envelope).to_string().into_bytes()
}

/// The event of an envelope in the form of binary mode; a message that is no envelope comes back as it is.
pub fn opened(message: Message) -> Message {
    let given = message.properties.content_type.as_str();
    let may_be = given == CONTENT_TYPE || (given.is_empty() && message.properties.user.is_empty());
    if !may_be || !message.payload.trim_ascii_start().starts_with(b"{") {
        return message;
    }
    let Ok(Value::Object(envelope)) = serde_json::from_slice(&message.payload) else { return message };
    match open(envelope) {
        Some((properties, payload)) => Message { properties, payload, ..message },
        None => message,
    }
}

/// `None` when it is no envelope, or its data cannot be read.
fn open(mut envelope: Map<String, Value>) -> Option<(MessageProperties, Bytes)> {
    envelope.get(SPEC_VERSION)?;
    let data = match (envelope.remove("data"), envelope.remove("data_base64")) {
        (Some(data), None) => data.to_string().into_bytes(),
        (None, Some(Value::String(encoded))) => STANDARD.decode(encoded).ok()?,
        (None, None) => Vec::new(),
        _ => return None,
    };
    let mut text = |key: &str| match envelope.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let properties = MessageProperties {
        content_type: text("datacontenttype").unwrap_or_else(|| JSON.to_owned()),
        response_topic: text("responsetopic"),
        correlation_data: text("correlationdata"),
        user: Vec::new(),
    };
    let attributes = envelope.into_iter().filter_map(|(key, value)| match value {
        Value::String(value) => Some((key, value)),
        _ => None,
    });
    Some((MessageProperties { user: attributes.collect(), ..properties }, data.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::cloud_event::{CloudEvent, EventKind};
    use super::*;
    use crate::store::MessagePriority;

    fn message(kind: EventKind, payload: &[u8]) -> OutboxMessage {
        let event = CloudEvent {
            id: "ab-1".into(),
            source: "/s".into(),
            kind,
            time: Some("2026-01-01T00:00:00.000Z".into()),
            subject: Some("ab".into()),
        };
        OutboxMessage {
            event_id: "ab-1".into(),
            topic: "t".into(),
            payload: payload.to_vec(),
            properties: MessageProperties {
                response_topic: Some("t/ack".into()),
                correlation_data: Some("ab-1".into()),
                ..event.properties()
            },
            retain: true,
            expiry_secs: Some(60),
            priority: MessagePriority::Alert,
        }
    }

    fn arrived(payload: Vec<u8>, content_type: &str) -> Message {
        let properties = MessageProperties { content_type: content_type.to_owned(), ..MessageProperties::default() };
        Message { topic: "t".into(), payload: payload.into(), properties, retained: false }
    }

    #[test]
    fn what_goes_into_an_envelope_comes_out_of_it() {
        for (kind, data) in
            [(EventKind::Alert, br#"{"a":0.1,"b":[1]}"#.as_slice()), (EventKind::Image, b"\x89PNG\0\xFF")]
        {
            let message = message(kind, data);
            for content_type in ["", CONTENT_TYPE] {
                let opened = opened(arrived(payload(&message), content_type));
                assert_eq!(opened.payload, data);
                let parse = |p: &MessageProperties| CloudEvent::parse(&p.user, Some(&p.content_type)).unwrap();
                assert_eq!(parse(&opened.properties), parse(&message.properties));
                assert_eq!(opened.properties.response_topic, message.properties.response_topic);
                assert_eq!(opened.properties.correlation_data, message.properties.correlation_data);
            }
        }
    }

    #[test]
    fn the_envelope_is_that_of_the_json_event_format() {
        let envelope: Value = serde_json::from_slice(&payload(&message(EventKind::Alert, br#"{"a":1}"#))).unwrap();
        assert_eq!(
            envelope,
            serde_json::json!({
                "specversion": "1.0", "id": "ab-1", "source": "/s", "type": "io.github.spinewatch.alert.v1",
                "time": "2026-01-01T00:00:00.000Z", "subject": "ab", "datacontenttype": "application/json",
                "responsetopic": "t/ack", "correlationdata": "ab-1", "expirysecs": 60, "data": {"a": 1}
            })
        );
    }

    #[test]
    fn what_has_no_attributes_goes_and_comes_as_it_is() {
        let plain = br#"{"acknowledged_by":"desk"}"#.to_vec();
        let mut message = message(EventKind::Ack, &plain);
        message.properties.user.clear();
        assert_eq!(payload(&message), plain);
        let broken = [
            b"{".to_vec(),
            b"[]".to_vec(),
            br#"{"specversion":"1.0","data_base64":"*"}"#.to_vec(),
            br#"{"specversion":"1.0","data":1,"data_base64":"AA=="}"#.to_vec(),
        ];
        for payload in broken.into_iter().chain([plain]) {
            let message = arrived(payload, "");
            assert_eq!(opened(message.clone()), message);
        }
    }
}
