//! CloudEvents 1.0 in MQTT 5 binary mode: the attributes as user properties, the data as the payload.
//!
//! See the CloudEvents MQTT protocol binding 1.0.2, section 3.1. `time` is left out while the clock is not trusted.

use crate::store::MessageProperties;

const SPEC_VERSION: &str = "1.0";
const JSON: &str = "application/json";
const PNG: &str = "image/png";
const TYPE_PREFIX: &str = "io.github.spinewatch.";
const TYPE_SUFFIX: &str = ".v1";

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// The current verdict of a study.
    Triage,
    /// A suspected finding, its revision or its retraction.
    Alert,
    /// The slice on which a suspicion rests, as a picture.
    Image,
    /// State of the device.
    Status,
    /// Health of the device.
    Health,
    /// A clinic acknowledges.
    Ack,
    /// The device has recorded it.
    Acknowledged,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Triage, Self::Alert, Self::Image, Self::Status, Self::Health, Self::Ack, Self::Acknowledged];

    /// The word in topic and type.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Alert => "alert",
            Self::Image => "image",
            Self::Status => "status",
            Self::Health => "health",
            Self::Ack => "ack",
            Self::Acknowledged => "acknowledged",
        }
    }

    /// Content type of the payload.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Image => PNG,
            _ => JSON,
        }
    }

    /// CloudEvents `type`.
    pub fn event_type(self) -> String {
        format!("{TYPE_PREFIX}{}{TYPE_SUFFIX}", self.word())
    }

    fn of_type(event_type: &str) -> Option<Self> {
        let word = event_type.strip_prefix(TYPE_PREFIX)?.strip_suffix(TYPE_SUFFIX)?;
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The attributes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// Unique together with `source`.
    pub id: String,
    /// The device.
    pub source: String,
    /// Kind.
    pub kind: EventKind,
    /// RFC 3339.
    pub time: Option<String>,
    /// Key of the study.
    pub subject: Option<String>,
}

/// What keeps a message from being one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEvent {
    /// A required attribute is absent or empty.
    #[error("the attribute `{0}` is missing")]
    Missing(&'static str),
    /// An attribute stands there twice.
    #[error("the attribute `{0}` stands twice")]
    Twice(&'static str),
    /// Another version of CloudEvents.
    #[error("specversion is `{0}`, not 1.0")]
    SpecVersion(String),
    /// A type of somebody else.
    #[error("the type `{0}` is not ours")]
    Type(String),
    /// Not what a message of its type holds.
    #[error("the content type is {given:?}, not {wanted}")]
    ContentType {
        /// What the message says.
        given: Option<String>,
        /// What its type holds.
        wanted: &'static str,
    },
}

impl CloudEvent {
    /// The MQTT properties of this event.
    pub fn properties(&self) -> MessageProperties {
        let mut user = vec![
            ("specversion".to_owned(), SPEC_VERSION.to_owned()),
            ("id".to_owned(), self.id.clone()),
            ("source".to_owned(), self.source.clone()),
            ("type".to_owned(), self.kind.event_type()),
        ];
        user.extend(self.time.clone().map(|time| ("time".to_owned(), time)));
        user.extend(self.subject.clone().map(|subject| ("subject".to_owned(), subject)));
        MessageProperties { user, content_type: self.kind.content_type().to_owned(), ..MessageProperties::default() }
    }

    /// Reads the attributes back; properties of others are passed over.
    ///
    /// # Errors
    /// [`NotAnEvent`] says which attribute is wrong.
    pub fn parse(user: &[(String, String)], content_type: Option<&str>) -> Result<Self, NotAnEvent> {
        let optional = |name: &'static str| -> Result<Option<String>, NotAnEvent> {
            let mut values = user.iter().filter(|(key, value)| key == name && !value.is_empty());
            let value = values.next().map(|(_, value)| value.clone());
            if values.next().is_some() { Err(NotAnEvent::Twice(name)) } else { Ok(value) }
        };
        let required = |name| optional(name)?.ok_or(NotAnEvent::Missing(name));
        let version = required("specversion")?;
        if version != SPEC_VERSION {
            return Err(NotAnEvent::SpecVersion(version));
        }
        let event_type = required("type")?;
        let kind = EventKind::of_type(&event_type).ok_or(NotAnEvent::Type(event_type))?;
        let wanted = kind.content_type();
        if content_type != Some(wanted) {
            return Err(NotAnEvent::ContentType { given: content_type.map(str::to_owned), wanted });
        }
        Ok(Self {
            id: required("id")?,
            source: required("source")?,
            kind,
            time: optional("time")?,
            subject: optional("subject")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> CloudEvent {
        CloudEvent {
            id: "ab-1".into(),
            source: "/spinewatch/v1/s/d".into(),
            kind: EventKind::Alert,
            time: Some("2026-01-01T00:00:00.000Z".into()),
            subject: Some("ab".into()),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for kind in EventKind::ALL {
            for (time, subject) in [(None, None), (event().time, event().subject)] {
                let event = CloudEvent { kind, time, subject, ..event() };
                let properties = event.properties();
                assert_eq!(CloudEvent::parse(&properties.user, Some(&properties.content_type)), Ok(event));
            }
        }
    }

    #[test]
    fn a_message_that_is_no_event_is_refused_by_name() {
        let good = event().properties().user;
        let without = |name: &str| good.iter().filter(|(key, _)| key != name).cloned().collect::<Vec<_>>();
        for name in ["specversion", "id", "source", "type"] {
            assert_eq!(CloudEvent::parse(&without(name), Some(JSON)), Err(NotAnEvent::Missing(name)));
        }
        let with = |name: &str, value: &str| [without(name), vec![(name.to_owned(), value.to_owned())]].concat();
        assert_eq!(
            CloudEvent::parse(&with("specversion", "0.3"), Some(JSON)),
            Err(NotAnEvent::SpecVersion("0.3".into()))
        );
        assert_eq!(CloudEvent::parse(&with("type", "x"), Some(JSON)), Err(NotAnEvent::Type("x".into())));
        assert_eq!(CloudEvent::parse(&with("id", ""), Some(JSON)), Err(NotAnEvent::Missing("id")));
        assert_eq!(
            CloudEvent::parse(&[good.clone(), good.clone()].concat(), Some(JSON)),
            Err(NotAnEvent::Twice("specversion"))
        );
        assert_eq!(CloudEvent::parse(&good, None), Err(NotAnEvent::ContentType { given: None, wanted: JSON }));
    }
}
