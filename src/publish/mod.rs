//! What the device tells: topics, payloads, and the MQTT client that delivers them.
//!
//! Takes in committed messages from the store's outbox, the device's status and health; hands on the acknowledgements
//! of clinics. A message leaves the outbox only when the broker has acknowledged it. Never sends a name, a clear UID
//! (unless the site switched them on), or the word diagnosis without a "not for" before it.

mod topics;

mod settings;

pub mod tls;

mod payload;

mod cloud_event;

mod structured;

mod study_verdict;

mod trim;

mod event_id;

mod events;

mod escalation;

mod key_image;

mod cause;

mod limits;

mod backoff;

mod outflow;

mod client;

mod ack;

mod driver;

mod publisher;

mod subscriber;

pub mod embedded_broker;

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod schema_tests;

#[cfg(test)]
mod outflow_tests;

pub use ack::{Ack, MAX_NAME, MAX_NOTE, NotAnAck, name as ack_name, note as ack_note};
pub use cause::{Cause, Trouble};
pub use client::Protocol;
pub use cloud_event::{CloudEvent, EventKind, NotAnEvent};
pub use escalation::{Escalation, Step, again};
pub use event_id::{EventOrder, order as event_order};
pub use events::{VerdictContext, acknowledged, health, status, tell, told_in_full};
pub use key_image::KeyImage;
pub use limits::Limits;
pub use payload::{
    AckPayload, AcknowledgedPayload, BestSlicePayload, CoveragePayload, DeviceState, FindingPayload, GapPayload,
    HealthPayload, ModelTag, NOTICE, PHANTOM_NOTICE, PartPayload, Reason, StageTiming, StatusPayload, Timings,
    TriagePayload, rfc3339,
};
pub use publisher::{LinkState, Publisher};
pub use settings::{BrokerUrl, Connection, Credentials, Settings, SettingsError, protocol};
pub use study_verdict::over_series;
pub use subscriber::{Arrival, Inbox, Received, Subscriber};
pub use tls::Tls;
pub use topics::{InvalidName, Topics};
pub use trim::MAX_PAYLOAD;
