//! What the device tells: topics, payloads, and the MQTT client that delivers them.
//!
//! Takes in committed messages from the store's outbox, the device's status and health; hands on the acknowledgements
//! of clinics. A message leaves the outbox only when the broker has acknowledged it. Never sends a name, a clear UID
//! (unless the site switched them on), or the word diagnosis without a "not for" before it.
//!
//! # The MQTT client
//!
//! rumqttc 0.25.1 and its successor (`rumqttc-v5-next` 0.34) were put before the same scripted faults
//! (`cargo test --test mqtt_clients -- --nocapture`). A session that is lost at a reconnect costs the old one all messages
//! in flight and in its queue, without a word; so does a packet id that is still taken, after which it may send nothing any
//! more. The successor tells the fate of each message, which is why it was chosen: a row must leave the outbox for its
//! own acknowledgement and for nothing else. Neither notices that acknowledgements stay away while pings are answered, and
//! both hang up anew on each connection over a packet that is too large for the broker. So a link here is used once and
//! never replays, acknowledgements have a time limit, packets are measured before they are handed over, and what is sent
//! again is decided by the outbox alone.

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

pub(crate) mod backoff;

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
    HealthPayload, LastUpdate, ModelTag, NOTICE, PHANTOM_NOTICE, PartPayload, Reason, StageTiming, StatusPayload,
    Timings, TriagePayload, rfc3339,
};
pub use publisher::{LinkState, Publisher};
pub use settings::{BrokerUrl, Connection, Credentials, Settings, SettingsError, device_tls, protocol};
pub use study_verdict::over_series;
pub use subscriber::{Arrival, Inbox, Received, Subscriber};
pub use tls::Tls;
pub use topics::{InvalidName, Topics};
pub use trim::MAX_PAYLOAD;
