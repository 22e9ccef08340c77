//! Two MQTT 5 clients against the same scripted faults: rumqttc 0.25.1 and its successor, which the device uses. Each is
//! driven as its documentation says: poll, and poll again after an error. `cargo test --test mqtt_clients -- --nocapture`
//! prints what each did; why it matters is in the documentation of `publish`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "mqtt/device.rs"]
#[expect(dead_code, reason = "shared with the tests of the wire")]
mod device;
#[path = "mqtt/scripted_broker.rs"]
#[expect(dead_code, reason = "shared with the tests of the wire")]
mod scripted_broker;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use device::patiently;
use rumqttc::mqttbytes::v5::{PubAckReason, Publish};
use rumqttc_classic::v5 as classic;
use scripted_broker::{ScriptedBroker, Visit, max_packet_size};
use tokio::task::JoinHandle;

/// Messages that may be in flight at a time.
const WINDOW: u16 = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Classic,
    Successor,
}

/// A client that is polled.
struct Client {
    publish: Box<dyn Fn(&str, usize) + Send + Sync>,
    /// What polling said, and when.
    errors: Arc<Mutex<Vec<(Instant, String)>>>,
    /// Messages whose end the client has told: acknowledged or given up.
    fates: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Client {
    fn start(which: Which, broker: &ScriptedBroker) -> Self {
        let port = broker.url().port;
        match which {
            Which::Classic => Self::classic(port),
            Which::Successor => Self::successor(port),
        }
    }

    fn classic(port: u16) -> Self {
        let mut options = classic::MqttOptions::new("device", "127.0.0.1", port);
        options.set_clean_start(false).set_outgoing_inflight_upper_limit(WINDOW);
        // It takes no less.
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut event_loop) = classic::AsyncClient::new(options, 64);
        let errors = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let errors = Arc::clone(&errors);
            async move {
                loop {
                    if let Err(error) = event_loop.poll().await {
                        errors.lock().unwrap().push((Instant::now(), error.to_string()));
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
        });
        let publish = Box::new(move |id: &str, bytes: usize| {
            client.try_publish("t", classic::mqttbytes::QoS::AtLeastOnce, false, payload(id, bytes)).unwrap();
        });
        Self { publish, errors, fates: Arc::default(), task }
    }

    fn successor(port: u16) -> Self {
        let mut options = rumqttc::MqttOptions::new("device", rumqttc::Broker::tcp("127.0.0.1", port));
        options.set_clean_start(false).set_outgoing_inflight_upper_limit(WINDOW).set_keep_alive(1);
        let (client, mut event_loop) = rumqttc::AsyncClient::builder(options).capacity(64).build();
        let (errors, fates) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let task = tokio::spawn({
            let errors = Arc::clone(&errors);
            async move {
                loop {
                    if let Err(error) = event_loop.poll().await {
                        errors.lock().unwrap().push((Instant::now(), error.to_string()));
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
        });
        let publish = Box::new({
            let fates = Arc::clone(&fates);
            move |id: &str, bytes: usize| {
                let options = rumqttc::PublishOptions::new(rumqttc::QoS::AtLeastOnce);
                let notice = client.try_publish_tracked("t", payload(id, bytes), options).unwrap();
                let (id, fates) = (id.to_owned(), Arc::clone(&fates));
                tokio::spawn(async move {
                    let fate = notice.wait_async().await.map_or_else(|error| error.to_string(), |_| "taken".to_owned());
                    fates.lock().unwrap().push(format!("{id}: {fate}"));
                });
            }
        });
        Self { publish, errors, fates, task }
    }

    fn send(&self, ids: &[&str]) {
        ids.iter().for_each(|id| (self.publish)(id, 100));
    }

    fn errors(&self) -> usize {
        self.errors.lock().unwrap().len()
    }

    /// Messages that the client has given up and said so.
    fn told_lost(&self) -> usize {
        self.fates.lock().unwrap().iter().filter(|fate| !fate.ends_with(": taken")).count()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn payload(id: &str, bytes: usize) -> Vec<u8> {
    format!("{id} {}", "x".repeat(bytes)).into_bytes()
}

fn id(publish: &Publish) -> String {
    String::from_utf8_lossy(&publish.payload).split(' ').next().unwrap().to_owned()
}

/// Everything that comes within a while, acknowledged.
async fn all(visit: &mut Visit) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    while let Ok(Some(publish)) = tokio::time::timeout(Duration::from_millis(400), visit.next_publish()).await {
        visit.acknowledge(&publish, PubAckReason::Success).await;
        ids.insert(id(&publish));
    }
    ids
}

/// What a client made of a fault.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Messages that came although the fault had struck.
    came: usize,
    /// Messages that did not, and of which the client said so.
    told_lost: usize,
    /// Messages that neither came nor were said to be lost.
    unsaid: usize,
}

fn seen(sent: usize, came: usize, told_lost: usize) -> Seen {
    Seen { came, told_lost, unsaid: sent.saturating_sub(came + told_lost) }
}

/// Five messages, three of them in flight; the broker is restarted without its session.
async fn session_lost(which: Which) -> Seen {
    let broker = ScriptedBroker::start().await;
    let client = Client::start(which, &broker);
    let mut visit = broker.visit().await;
    visit.accept(false, None).await;
    client.send(&["a", "b", "c", "d", "e"]);
    for _ in 0..WINDOW {
        visit.publish().await;
    }
    drop(visit);
    let mut visit = broker.visit().await;
    visit.accept(false, None).await;
    let came = all(&mut visit).await;
    seen(5, came.len(), client.told_lost())
}

/// A message over the broker's Maximum Packet Size, and one under it behind it.
async fn packet_too_large(which: Which) -> (Seen, usize) {
    let broker = ScriptedBroker::start().await;
    let client = Client::start(which, &broker);
    let mut visit = broker.visit().await;
    visit.accept(false, Some(max_packet_size(1000))).await;
    (client.publish)("large", 2000);
    (client.publish)("small", 100);
    let mut came = all(&mut visit).await;
    for _ in 0..5 {
        let next = tokio::time::timeout(Duration::from_millis(100), broker.visit()).await;
        let Ok(mut visit) = next else { break };
        visit.accept(true, Some(max_packet_size(1000))).await;
        came.extend(all(&mut visit).await);
    }
    (seen(2, came.len(), client.told_lost()), client.errors())
}

/// The broker takes the connection and a message, then says nothing, not even to a ping; time until the client notices.
async fn half_open(which: Which) -> Option<Duration> {
    let broker = ScriptedBroker::start().await;
    let client = Client::start(which, &broker);
    let mut visit = broker.visit().await;
    visit.accept(false, None).await;
    client.send(&["a"]);
    let started = Instant::now();
    let noticed = async {
        while client.errors() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(12), noticed).await.ok()?;
    drop(visit);
    let at = client.errors.lock().unwrap()[0].0;
    Some(at - started)
}

/// The broker answers pings, but acknowledges nothing: whether the client notices in 3 s, three of its keep alives.
async fn never_acknowledged(which: Which) -> bool {
    let broker = ScriptedBroker::start().await;
    let client = Client::start(which, &broker);
    let mut visit = broker.visit().await;
    visit.accept(false, None).await;
    client.send(&["a"]);
    let _ = tokio::time::timeout(Duration::from_secs(3), async {
        loop {
            visit.publish().await;
        }
    })
    .await;
    client.errors() > 0
}

/// The broker acknowledges out of order, so that a packet id that is next is still taken; then it loses the session.
async fn collision(which: Which) -> Seen {
    let broker = ScriptedBroker::start().await;
    let client = Client::start(which, &broker);
    let mut visit = broker.visit().await;
    visit.accept(false, None).await;
    client.send(&["a", "b", "c"]);
    let mut first = Vec::new();
    for _ in 0..WINDOW {
        first.push(visit.publish().await);
    }
    visit.acknowledge(&first[1], PubAckReason::Success).await;
    visit.acknowledge(&first[2], PubAckReason::Success).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.send(&["d", "e"]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(visit);
    let mut visit = patiently("a new connection", broker.visit()).await;
    visit.accept(false, None).await;
    // Sent on the new connection, by a client that should know nothing of the old one any more.
    client.send(&["f", "g"]);
    let came = all(&mut visit).await;
    seen(5, came.iter().filter(|id| ["a", "d", "e", "f", "g"].contains(&id.as_str())).count(), client.told_lost())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chosen_client_says_what_it_loses_and_the_old_one_does_not() {
    let both = [Which::Classic, Which::Successor];
    let faults = both.map(|which| {
        tokio::spawn(async move {
            (
                session_lost(which).await,
                packet_too_large(which).await,
                collision(which).await,
                never_acknowledged(which).await,
                half_open(which).await,
            )
        })
    });
    let [old, new] = faults;
    let (old, new) = (old.await.unwrap(), new.await.unwrap());
    for (name, seen) in [("rumqttc 0.25.1", &old), ("rumqttc-v5-next 0.34.0", &new)] {
        println!(
            "{name}\n  session lost, 5 sent: {:?}\n  packet too large, 2 sent: {:?}, {} errors\n  collision, then session lost, 5 open: {:?}\n  never acknowledged: {}\n  half-open: noticed after {:?}",
            seen.0,
            seen.1.0,
            seen.1.1,
            seen.2,
            if seen.3 { "noticed" } else { "not noticed" },
            seen.4
        );
    }
    assert_eq!(
        (old.0.unsaid, old.2.unsaid),
        (5, 5),
        "the old one drops what it had, without a word, and may stop for ever"
    );
    assert_eq!((new.0.unsaid, new.2.unsaid), (0, 0), "the new one says so");
    for (seen, errors) in [&old.1, &new.1] {
        assert!(
            seen.unsaid == 1 && *errors >= 5,
            "both fail anew with each connection: the device measures packets itself"
        );
    }
    assert!(!old.3 && !new.3, "so the device has a limit of its own for acknowledgements");
}
