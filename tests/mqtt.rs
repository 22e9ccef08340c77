//! Promises of the wire: no alert is lost, the device's state is always to be seen, and what a broker does wrong is
//! survived. Against the embedded broker, a scripted one, and mosquitto where there is one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "mqtt/device.rs"]
mod device;
#[path = "mqtt/mosquitto.rs"]
#[expect(dead_code, reason = "shared with the tests of delivery")]
mod mosquitto;
#[path = "mqtt/scripted_broker.rs"]
mod scripted_broker;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use device::{Device, none_suspected, patiently, status, study_key, suspected, until};
use jiff::Timestamp;
use mosquitto::Mosquitto;
use rumqttc::mqttbytes::v5::{ConnectReturnCode, PubAckReason};
use scripted_broker::{ScriptedBroker, event_id, max_packet_size, topic};
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{
    BrokerUrl, Cause, Connection, DeviceState, EventKind, HealthPayload, KeyImage, LinkState, PartPayload, Received,
    Subscriber, Tls, Topics,
};
use spinewatch::triage::{Level, Revision};

fn cause(link: &LinkState) -> Option<Cause> {
    link.trouble.as_ref().map(|trouble| trouble.cause)
}

async fn subscriber(url: BrokerUrl, name: &str) -> Subscriber {
    let connection = Connection::plain(url, name);
    patiently("the subscription", Subscriber::connect(connection, Topics::everything())).await.unwrap()
}

/// The next event of a kind; every event on the way is held against its schema.
async fn next(subscriber: &mut Subscriber, kind: EventKind) -> Received {
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

fn hold_against_schema(received: &Received) {
    let text = match received.event.kind {
        EventKind::Image => return assert!(received.payload.starts_with(b"\x89PNG")),
        EventKind::Triage => include_str!("../src/publish/schema/triage.json"),
        EventKind::Alert => include_str!("../src/publish/schema/alert.json"),
        EventKind::Status => include_str!("../src/publish/schema/status.json"),
        EventKind::Health => include_str!("../src/publish/schema/health.json"),
        EventKind::Ack => include_str!("../src/publish/schema/ack.json"),
    };
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let triage = parsed(include_str!("../src/publish/schema/triage.json"));
    let registry = jsonschema::Registry::new().add("urn:spinewatch:v1:triage", triage).unwrap().prepare().unwrap();
    let validator = jsonschema::options().with_registry(&registry).build(&parsed(text)).unwrap();
    let payload = received.json().unwrap();
    let errors: Vec<_> = validator.iter_errors(&payload).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{}: {errors:?}\n{payload:#}", received.topic);
}

// ---- any broker ----------------------------------------------------------------------------------------------------

/// Birth, alert, verdict, acknowledgement, degraded, health, farewell, last will: as a clinic sees it.
async fn tells_the_whole_story(url: BrokerUrl) {
    let device = Device::new(url.clone());
    let mut clinic = subscriber(url.clone(), "clinic").await;
    let (publisher, mut acks) = device.start();
    let birth = next(&mut clinic, EventKind::Status).await;
    assert_eq!(birth.json().unwrap()["state"], "online");
    assert_eq!(birth.event.source, "/spinewatch/v1/north/ct-2");

    let suspicion = suspected(&[Level::C2]);
    let slice_key = suspicion.findings[0].best_slice.slice_key.clone();
    let noise = (0..256 * 256_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    device.commit_with("a", suspicion, Some(KeyImage { slice_key, side: 256, grey: noise }));
    let alert = next(&mut clinic, EventKind::Alert).await;
    assert_eq!(alert.topic, format!("spinewatch/v1/north/ct-2/alert/{}", study_key("a")));
    assert_eq!(alert.event.subject, Some(study_key("a")));
    assert_eq!(alert.triage().unwrap().findings[0].level, Level::C2);
    assert!(!alert.retained && alert.event.time.is_some());
    assert_eq!(next(&mut clinic, EventKind::Triage).await.triage().unwrap().verdict, "suspected");
    let image = next(&mut clinic, EventKind::Image).await;
    assert_eq!(image.topic, format!("spinewatch/v1/north/ct-2/image/{}", study_key("a")));
    until("the acknowledgements by the broker", || device.waiting() == 0).await;

    clinic.acknowledge(&alert, "ER desk 2").await;
    let ack = patiently("the acknowledgement", acks.recv()).await.unwrap();
    assert_eq!((ack.study_key, ack.revision, ack.by), (study_key("a"), 1, "ER desk 2".to_owned()));
    let recorded = device.store.latest_verdict(&study_key("a")).unwrap().unwrap().acknowledged;
    assert_eq!(recorded.unwrap().0, "ER desk 2");

    device.commit("a", none_suspected());
    let retraction = next(&mut clinic, EventKind::Alert).await.triage().unwrap();
    assert_eq!((retraction.change, retraction.supersedes), (Revision::Retracts, Some(alert.event.id)));

    publisher.set_status(status(DeviceState::Degraded));
    assert_eq!(next(&mut clinic, EventKind::Status).await.json().unwrap()["reasons"][0]["code"], "share_lost");
    publisher.set_health(health());
    assert_eq!(next(&mut clinic, EventKind::Health).await.json().unwrap()["share"]["state"], "available");

    until("the acknowledgements by the broker", || device.waiting() == 0).await;
    late_subscriber_sees_what_is_current(url.clone()).await;
    publisher.stop().await;
    let farewell = next(&mut clinic, EventKind::Status).await;
    assert_eq!(
        (farewell.json().unwrap()["state"].as_str(), farewell.json().unwrap()["reasons"].as_array().map(Vec::len)),
        (Some("offline"), Some(0))
    );

    let (publisher, _acks) = device.start();
    assert_eq!(next(&mut clinic, EventKind::Status).await.json().unwrap()["state"], "online");
    drop(publisher);
    let will = next(&mut clinic, EventKind::Status).await.json().unwrap();
    assert_eq!(
        (will["state"].as_str(), will["reasons"][0]["code"].as_str()),
        (Some("offline"), Some("connection_lost"))
    );
}

fn health() -> HealthPayload {
    let part = |state: &str| PartPayload { state: state.into(), for_secs: 1, ..PartPayload::default() };
    HealthPayload {
        at: spinewatch::publish::rfc3339(Timestamp::now()),
        share: part("available"),
        broker: part("online"),
        models: part("ready"),
        clock_trusted: true,
        ..HealthPayload::default()
    }
}

async fn late_subscriber_sees_what_is_current(url: BrokerUrl) {
    let mut late = subscriber(url, "late").await;
    let mut current = BTreeMap::new();
    for _ in 0..4 {
        let received = patiently("a retained event", late.next_event()).await.unwrap();
        assert!(received.retained, "{received:?}");
        if received.event.kind == EventKind::Image {
            continue;
        }
        current.insert(received.event.kind, received.json().unwrap());
    }
    assert_eq!(current[&EventKind::Status]["state"], "degraded");
    assert_eq!(current[&EventKind::Triage]["verdict"], "none_suspected", "the latest revision");
    assert!(current.contains_key(&EventKind::Health) && !current.contains_key(&EventKind::Alert));
}

#[tokio::test]
async fn the_whole_story_over_the_embedded_broker() {
    let broker = EmbeddedBroker::start().await.unwrap();
    tells_the_whole_story(broker.url()).await;
}

#[tokio::test]
async fn the_whole_story_over_mosquitto() {
    let Some(broker) = Mosquitto::start("") else { return };
    tells_the_whole_story(broker.url()).await;
}

/// The device's session is kept by the broker, and with it what a clinic says meanwhile.
async fn an_acknowledgement_arrives_although_the_device_was_away(url: BrokerUrl) {
    let device = Device::new(url.clone());
    let mut clinic = subscriber(url, "clinic").await;
    let (publisher, _acks) = device.start();
    device.commit("a", suspected(&[Level::C2]));
    let alert = next(&mut clinic, EventKind::Alert).await;
    until("delivery", || device.waiting() == 0).await;
    publisher.stop().await;
    clinic.acknowledge(&alert, "night shift").await;

    let device = device.restarted().await;
    device.commit("b", none_suspected());
    let (_publisher, mut acks) = device.start();
    assert_eq!(patiently("the acknowledgement", acks.recv()).await.unwrap().by, "night shift");
    // And the resumed session does not keep the device from publishing.
    until("delivery", || device.waiting() == 0).await;
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_device_in_the_embedded_broker() {
    let broker = EmbeddedBroker::start().await.unwrap();
    an_acknowledgement_arrives_although_the_device_was_away(broker.url()).await;
}

#[tokio::test]
async fn an_acknowledgement_waits_for_the_device_in_mosquitto() {
    let Some(broker) = Mosquitto::start("") else { return };
    an_acknowledgement_arrives_although_the_device_was_away(broker.url()).await;
}

/// Not a test of its own: the process that `kills_at_any_moment...` kills while it commits and publishes.
#[test]
fn publishing_process_that_gets_killed() {
    let Ok(url) = std::env::var("SPINEWATCH_TEST_BROKER") else { return };
    let folder = PathBuf::from(std::env::var_os("SPINEWATCH_TEST_FOLDER").unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let device = Device::in_folder(url.parse().unwrap(), folder);
    let _publisher = device.start();
    let before = device.store.recent_verdicts(100_000).unwrap().len();
    for n in before.. {
        device.commit(&format!("study {n}"), suspected(&[Level::C4]));
        println!("\ncommitted {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_any_moment_lose_no_verdict_and_duplicate_none_after_deduplication() {
    let broker = EmbeddedBroker::start().await.unwrap();
    let mut clinic = subscriber(broker.url(), "clinic").await;
    let arrived = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let arrivals = std::sync::Arc::clone(&arrived);
    let listening = tokio::spawn(async move {
        while let Some(received) = clinic.next_event().await {
            arrivals.lock().unwrap().push(received.event.id);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let (url, path) = (broker.url().to_string(), folder.path().to_owned());
        tokio::task::spawn_blocking(move || kill_after(&url, &path, round * 5)).await.unwrap();
    }
    let device = Device::in_folder(broker.url(), folder.path().to_owned());
    let _publisher = device.start();
    until("an empty outbox", || device.waiting() == 0).await;
    let committed = device.store.recent_verdicts(100_000).unwrap();
    assert!(committed.len() > 200, "{}", committed.len());
    let expected: Vec<_> =
        committed.iter().flat_map(|v| [v.event_id.clone(), format!("{}-alert", v.event_id)]).collect();
    let mut seen = Vec::new();
    until("every event", || {
        seen = arrived.lock().unwrap().clone();
        expected.iter().all(|id| seen.contains(id))
    })
    .await;
    seen.retain(|id| !id.starts_with("ct-2-"));
    assert_eq!(seen.len(), expected.len(), "each once, and nothing that was not committed");
    listening.abort();
}

/// Lets a process commit and publish, and kills it once it has told of more than `lines` commits.
fn kill_after(url: &str, folder: &std::path::Path, lines: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "publishing_process_that_gets_killed", "--nocapture", "--test-threads=1"])
        .env("SPINEWATCH_TEST_BROKER", url)
        .env("SPINEWATCH_TEST_FOLDER", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    output.filter(|line| line.starts_with("committed ")).nth(lines).expect("it commits");
    child.kill().unwrap();
    child.wait().unwrap();
}

// ---- a broker that misbehaves --------------------------------------------------------------------------------------

#[tokio::test]
async fn an_alert_survives_a_drop_before_its_puback() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", suspected(&[Level::C2]));
    let (_publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    let alert = visit.publish().await;
    assert!(event_id(&alert).ends_with("-1-alert"), "the alert goes before the verdict");
    drop(visit);

    let mut visit = broker.welcome().await;
    let again = visit.publish().await;
    assert_eq!((event_id(&again), &again.payload), (event_id(&alert), &alert.payload), "the same event again");
    visit.acknowledge(&again, PubAckReason::Success).await;
    let verdict = visit.publish().await;
    visit.acknowledge(&verdict, PubAckReason::NoMatchingSubscribers).await;
    until("an empty outbox", || device.waiting() == 0).await;
}

#[tokio::test]
async fn an_alert_survives_a_power_cut_before_its_puback() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", suspected(&[Level::C2]));
    let (publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    let alert = visit.publish().await;
    drop(publisher);
    drop(visit);

    let device = device.restarted().await;
    let (_publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    assert_eq!(event_id(&visit.publish().await), event_id(&alert));
}

#[tokio::test]
async fn a_withheld_puback_makes_a_new_connection_and_the_message_comes_again() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", none_suspected());
    let (publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    let first = visit.publish().await;
    // The broker answers pings, so that only the missing PUBACK can tell.
    assert!(visit.next_publish().await.is_none(), "the device hangs up");
    assert_eq!(cause(&publisher.link().borrow()), Some(Cause::NotAcknowledged));

    let mut visit = broker.welcome().await;
    let again = visit.publish().await;
    assert_eq!(event_id(&again), event_id(&first));
    visit.acknowledge(&again, PubAckReason::Success).await;
    until("an empty outbox", || device.waiting() == 0).await;
}

#[tokio::test]
async fn a_broker_that_takes_the_connection_and_says_nothing_is_given_up() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (publisher, _acks) = device.start();
    let half_open = broker.visit().await;
    let mut link = publisher.link();
    patiently("the word", link.wait_for(|link| cause(link) == Some(Cause::NoAnswer))).await.unwrap();
    broker.welcome().await;
    drop(half_open);
}

#[tokio::test]
async fn a_link_that_is_half_open_is_given_up_when_the_birth_is_not_acknowledged() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (_publisher, _acks) = device.start();
    let mut half_open = broker.visit().await;
    half_open.accept(false, None).await;
    broker.welcome().await;
}

#[tokio::test]
async fn a_lost_session_and_a_resumed_one_deliver_alike() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (_publisher, _acks) = device.start();
    for (n, session_present) in [true, false, true, false].into_iter().enumerate() {
        let mut visit = broker.visit().await;
        assert!(
            !visit.connect.clean_start
                && visit.connect.properties.as_ref().unwrap().session_expiry_interval == Some(3600)
        );
        visit.accept(session_present, None).await;
        let birth = visit.publish().await;
        assert!(topic(&birth).ends_with("/status"));
        visit.acknowledge(&birth, PubAckReason::Success).await;
        device.commit(&format!("study {n}"), none_suspected());
        let message = visit.publish().await;
        assert!(!message.dup, "a new packet, not the library's replay");
        visit.acknowledge(&message, PubAckReason::Success).await;
        until("an empty outbox", || device.waiting() == 0).await;
    }
}

#[tokio::test]
async fn twenty_messages_survive_a_session_that_is_lost_with_all_of_them_in_flight() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    (0..20).for_each(|n| device.commit(&format!("study {n}"), none_suspected()));
    let (_publisher, _acks) = device.start();
    let mut visit = broker.welcome().await;
    for _ in 0..8 {
        visit.publish().await;
    }
    drop(visit);
    let mut visit = broker.welcome().await;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let message = visit.publish().await;
        visit.acknowledge(&message, PubAckReason::Success).await;
        ids.insert(event_id(&message));
    }
    assert_eq!(ids.len(), 20, "each once");
    until("an empty outbox", || device.waiting() == 0).await;
}

#[tokio::test]
async fn a_refused_message_is_tried_again_then_given_up_and_never_called_sent() {
    for (reason, words) in [
        (PubAckReason::NotAuthorized, "not_authorized"),
        (PubAckReason::QuotaExceeded, "quota_exceeded"),
        (PubAckReason::PayloadFormatInvalid, "payload_refused"),
        (PubAckReason::ImplementationSpecificError, "refused"),
    ] {
        let broker = ScriptedBroker::start().await;
        let device = Device::new(broker.url());
        device.commit("a", none_suspected());
        let (publisher, _acks) = device.start();
        let mut visit = broker.welcome().await;
        for _ in 0..3 {
            let message = visit.publish().await;
            visit.acknowledge(&message, reason).await;
        }
        until("the end of its tries", || device.store.queue_depth().unwrap().dead == 1).await;
        assert_eq!(device.store.dead_letters(9).unwrap()[0].reason, words);
        // Others still pass, over the same link.
        device.commit("b", none_suspected());
        let other = visit.publish().await;
        assert!(topic(&other).ends_with(&study_key("b")));
        visit.acknowledge(&other, PubAckReason::Success).await;
        until("delivery", || device.waiting() == 0).await;
        drop(publisher);
        drop(visit);

        // A restart, after a repair, tries it again.
        let (_publisher, _acks) = device.start();
        let mut visit = broker.welcome().await;
        assert!(topic(&visit.publish().await).ends_with(&study_key("a")));
    }
}

#[tokio::test]
async fn a_message_over_the_brokers_packet_size_is_never_sent_and_holds_up_nobody() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    device.commit("a", suspected(&Level::ALL));
    device.commit("b", none_suspected());
    let (_publisher, _acks) = device.start();
    let mut visit = broker.visit().await;
    visit.accept(false, Some(max_packet_size(2000))).await;
    let birth = visit.publish().await;
    visit.acknowledge(&birth, PubAckReason::Success).await;
    let small = visit.publish().await;
    assert!(topic(&small).ends_with(&study_key("b")));
    visit.acknowledge(&small, PubAckReason::Success).await;
    until("the end of its tries", || device.store.queue_depth().unwrap().dead == 2).await;
    let reason = device.store.dead_letters(9).unwrap().remove(0).reason;
    assert!(reason.ends_with("bytes, the limit is 2000"), "{reason}");
}

#[tokio::test]
async fn a_message_on_which_the_broker_hangs_up_holds_up_nobody() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    ["poison", "b", "c", "d"].into_iter().for_each(|study| device.commit(study, none_suspected()));
    let (_publisher, _acks) = device.start();
    let poison = study_key("poison");
    let mut arrived = std::collections::BTreeSet::new();
    while arrived.len() < 3 {
        let mut visit = broker.welcome().await;
        while let Some(message) = visit.next_publish().await {
            if topic(&message).ends_with(&poison) {
                break;
            }
            visit.acknowledge(&message, PubAckReason::Success).await;
            arrived.insert(topic(&message));
        }
    }
    until("only the poison", || device.waiting() == 1).await;
    assert_eq!(device.store.queue_depth().unwrap().dead, 0, "a bad network looks the same: it is kept");
}

#[tokio::test]
async fn a_broker_that_refuses_or_sends_garbage_is_told_of_and_tried_again() {
    let broker = ScriptedBroker::start().await;
    let device = Device::new(broker.url());
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    for (code, expected) in [
        (ConnectReturnCode::BadUserNamePassword, Cause::BadCredentials),
        (ConnectReturnCode::NotAuthorized, Cause::NotAuthorized),
        (ConnectReturnCode::Banned, Cause::Banned),
        (ConnectReturnCode::QuotaExceeded, Cause::QuotaExceeded),
        (ConnectReturnCode::ServerBusy, Cause::ServerBusy),
    ] {
        broker.visit().await.refuse(code).await;
        patiently(expected.code(), link.wait_for(|link| cause(link) == Some(expected))).await.unwrap();
        assert!(!link.borrow().online);
    }
    broker.visit().await.write_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut visit = broker.welcome().await;
    patiently("online", link.wait_for(|link| link.online)).await.unwrap();
    visit.write_bytes(&[0xFF; 64]).await;
    broker.welcome().await;
}

#[tokio::test]
async fn the_connect_carries_the_last_will_of_an_offline_device() {
    let broker = ScriptedBroker::start().await;
    let mut device = Device::new(broker.url());
    device.settings.limits.will_delay = Duration::from_secs(5);
    let (_publisher, _acks) = device.start();
    let will = broker.visit().await.will.expect("a will");
    assert!(will.retain && will.topic == "spinewatch/v1/north/ct-2/status");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&will.message).unwrap()["state"], "offline");
    let properties = will.properties.unwrap();
    assert_eq!(properties.delay_interval, Some(5));
    assert!(properties.user_properties.iter().any(|(key, value)| key == "type" && value.contains("status")));
    assert!(!properties.user_properties.iter().any(|(key, _)| key == "time"), "nobody knows when it will be");
}

// ---- mosquitto only ------------------------------------------------------------------------------------------------

#[tokio::test]
async fn verdicts_survive_an_outage_of_mosquitto() {
    let Some(mut broker) = Mosquitto::start("") else { return };
    let device = Device::new(broker.url());
    let (publisher, _acks) = device.start();
    let mut link = publisher.link();
    patiently("online", link.wait_for(|link| link.online)).await.unwrap();
    broker.kill();
    patiently("offline", link.wait_for(|link| !link.online)).await.unwrap();
    (0..10).for_each(|n| device.commit(&format!("study {n}"), suspected(&[Level::C5])));
    assert_eq!(device.waiting(), 20);
    broker.start_again();
    until("an empty outbox", || device.waiting() == 0).await;
    let mut clinic = subscriber(broker.url(), "clinic").await;
    for _ in 0..10 {
        next(&mut clinic, EventKind::Triage).await;
    }
    assert_eq!(link.borrow().losses, 1);
}

#[tokio::test]
async fn mosquittos_packet_limit_and_access_list_cost_the_message_not_the_link() {
    let Some(program) = mosquitto::program("mosquitto") else {
        return eprintln!("skipped: no mosquitto on this machine");
    };
    let folder = tempfile::tempdir().unwrap();
    let allowed = study_key("allowed");
    let list = format!("topic write spinewatch/v1/+/+/status\ntopic write spinewatch/v1/+/+/triage/{allowed}\n");
    std::fs::write(folder.path().join("acl"), list).unwrap();
    let broker = Mosquitto::start_in(&program, folder, "max_packet_size 2000\nacl_file {dir}/acl\nuser root");
    let device = Device::new(broker.url());
    device.commit("large", suspected(&Level::ALL));
    device.commit("forbidden", none_suspected());
    device.commit("allowed", none_suspected());
    let (publisher, _acks) = device.start();
    until("the end of all tries", || device.waiting() == 0).await;
    let reasons: Vec<_> = device.store.dead_letters(9).unwrap().into_iter().map(|letter| letter.reason).collect();
    assert_eq!(reasons.len(), 3, "alert and verdict of the first, verdict of the second: {reasons:?}");
    assert!(reasons[0].ends_with("the limit is 2000") && reasons[2] == "not_authorized", "{reasons:?}");
    assert_eq!(publisher.link().borrow().losses, 0);
}

/// A certificate authority, a broker's and a device's certificate; `None`, and a word, without openssl.
fn certificates(folder: &std::path::Path) -> Option<()> {
    let Some(openssl) = mosquitto::program("openssl") else {
        eprintln!("skipped: no openssl on this machine");
        return None;
    };
    let run = |line: &str| {
        let output = Command::new(&openssl).current_dir(folder).args(line.split('|')).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    std::fs::write(folder.join("device.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    let key = "-newkey|ec|-pkeyopt|ec_paramgen_curve:P-256|-nodes";
    for authority in ["ca", "other"] {
        run(&format!("req|-x509|{key}|-keyout|{authority}.key|-out|{authority}.crt|-subj|/CN={authority}|-days|2"));
    }
    for name in ["server", "device"] {
        run(&format!("req|{key}|-keyout|{name}.key|-out|{name}.csr|-subj|/CN={name}"));
        run(&format!(
            "x509|-req|-in|{name}.csr|-CA|ca.crt|-CAkey|ca.key|-CAcreateserial|-out|{name}.crt|-days|2|-extfile|{name}.ext"
        ));
    }
    Some(())
}

#[tokio::test]
async fn mosquitto_over_tls_wants_the_devices_certificate_and_the_device_wants_the_brokers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = mosquitto::program("mosquitto") else {
        eprintln!("skipped: no mosquitto on this machine");
        return;
    };
    let Some(()) = certificates(folder.path()) else { return };
    let lines =
        "cafile {dir}/ca.crt\ncertfile {dir}/server.crt\nkeyfile {dir}/server.key\nrequire_certificate true\nuser root";
    let broker = Mosquitto::start_in(&program, folder, lines);
    let read = |name: &str| std::fs::read(broker.folder().join(name)).unwrap();
    let mut device = Device::new(broker.url());
    let connect = |device: &Device| device.start();

    device.settings.connection.tls =
        Some(Tls { ca: read("ca.crt"), client: Some((read("device.crt"), read("device.key"))) });
    let (publisher, _acks) = connect(&device);
    patiently("online", publisher.link().wait_for(|link| link.online)).await.unwrap();
    device.commit("a", suspected(&[Level::C2]));
    until("an empty outbox", || device.waiting() == 0).await;
    publisher.stop().await;

    device.settings.connection.tls = Some(Tls { ca: read("other.crt"), client: None });
    let (publisher, _acks) = connect(&device);
    let mut link = publisher.link();
    let link = patiently("a reason", link.wait_for(|link| link.trouble.is_some())).await.unwrap().clone();
    assert!(!link.online && cause(&link) == Some(Cause::TlsUnknownAuthority), "{link:?}");

    device.settings.connection.tls = Some(Tls { ca: read("ca.crt"), client: None });
    let (publisher, _acks) = connect(&device);
    let mut link = publisher.link();
    let link = patiently("a reason", link.wait_for(|link| link.trouble.is_some())).await.unwrap().clone();
    assert!(!link.online, "{link:?}");
}

/// `cargo test --test mqtt -- --ignored --nocapture measure` prints the time from a commit to its alert's arrival.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_commit_to_arrival() {
    let embedded = EmbeddedBroker::start().await.unwrap();
    measure("embedded", embedded.url()).await;
    if let Some(broker) = Mosquitto::start("") {
        measure("mosquitto", broker.url()).await;
    }
}

async fn measure(name: &str, url: BrokerUrl) {
    let device = Device::new(url.clone());
    let mut clinic = subscriber(url, "clinic").await;
    let _publisher = device.start();
    let mut times = Vec::new();
    for n in 0..200 {
        let started = Instant::now();
        device.commit(&format!("study {n}"), suspected(&[Level::C2]));
        let committed = started.elapsed();
        while patiently("the alert", clinic.next_event()).await.unwrap().event.kind != EventKind::Alert {}
        times.push((started.elapsed(), committed));
    }
    times.sort();
    println!(
        "{name}: p50 {:?}, p95 {:?} from the commit's begin (which takes {:?})",
        times[100].0, times[190].0, times[100].1
    );
}
