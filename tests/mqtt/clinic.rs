//! A clinic: a subscriber that holds everything that it receives against its schema.

use spinewatch::publish::{EventKind, Received, Subscriber, Topics};

use crate::device::Reach;
use crate::patiently;

pub async fn subscriber(reach: impl Into<Reach>, name: &str) -> Subscriber {
    let connection = reach.into().connection(name);
    patiently("the subscription", Subscriber::connect(connection, Topics::everything())).await.unwrap()
}

/// The next event of a kind; every event on the way is held against its schema.
pub async fn next(subscriber: &mut Subscriber, kind: EventKind) -> Received {
    patiently(kind.word(), async {
        loop {
            let received = subscriber.next_event().await.expect("the subscriber goes on");
            hold_against_schema(&received);
            if received.event.kind == kind {
                return received;
            }
        }
    })
    .await
}

pub fn hold_against_schema(received: &Received) {
    let text = match received.event.kind {
        EventKind::Image => return assert!(received.payload.starts_with(b"\x89PNG")),
        EventKind::Triage => include_str!("../../src/publish/schema/triage.json"),
        EventKind::Alert => include_str!("../../src/publish/schema/alert.json"),
        EventKind::Status => include_str!("../../src/publish/schema/status.json"),
        EventKind::Health => include_str!("../../src/publish/schema/health.json"),
        EventKind::Ack => include_str!("../../src/publish/schema/ack.json"),
        EventKind::Acknowledged => include_str!("../../src/publish/schema/acknowledged.json"),
    };
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let triage = parsed(include_str!("../../src/publish/schema/triage.json"));
    let registry = jsonschema::Registry::new().add("urn:spinewatch:v1:triage", triage).unwrap().prepare().unwrap();
    let validator = jsonschema::options().with_registry(&registry).build(&parsed(text)).unwrap();
    let payload = received.json().unwrap();
    let errors: Vec<_> = validator.iter_errors(&payload).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{}: {errors:?}\n{payload:#}", received.topic);
}
