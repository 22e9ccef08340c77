//! The daemon itself over a damaged installation: it analyses with another package, and the wire says which and why.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{Arrival, Connection, StatusPayload, Subscriber, Topics};
use tokio::time::timeout;

use crate::device::Device;

/// Killed when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The first status message that a start gives after its birth.
async fn status_of_a_start(device: &Device) -> StatusPayload {
    let broker = EmbeddedBroker::start().await.unwrap();
    let connection = Connection::plain(broker.url(), "model-switch-test");
    let mut subscriber = Subscriber::connect(connection, Topics::everything()).await.unwrap();
    let config = device.configuration(&format!("mqtt://{}", broker.address()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_spinewatch"));
    command.args(["run", "--config"]).arg(config).stdin(Stdio::null()).stderr(Stdio::null());
    let _daemon = Daemon(command.spawn().unwrap());
    loop {
        let arrival = timeout(Duration::from_secs(30), subscriber.next()).await.expect("a status").unwrap();
        if let Arrival::Event(event) = arrival
            && event.topic.ends_with("/status")
        {
            return serde_json::from_slice(&event.payload).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_installation_is_a_reason_on_the_wire_and_the_models_named_there_are_those_that_run() {
    let device = Device::new();
    let digest =
        |folder: &std::path::Path| spinewatch::inference::Package::open(folder, &device.vendor.keys).unwrap().digest;
    device.install(&device.detector("0.3.0"), false).unwrap();
    device.install(&device.detector("0.4.0"), false).unwrap();
    let status = status_of_a_start(&device).await;
    assert!(status.reasons.iter().all(|reason| !reason.code.starts_with("model")), "{:?}", status.reasons);
    let detector = status.models.iter().find(|model| model.name == "detector").unwrap();
    assert_eq!((detector.version.as_str(), &detector.digest), ("0.4.0", &digest(&device.place('b'))));

    fs::write(device.place('b').join("package.toml"), "format = 2").unwrap();
    let status = status_of_a_start(&device).await;
    let reason = status.reasons.iter().find(|reason| reason.code == "model_replaced").expect("it is said");
    assert!(reason.words.ends_with("detector 0.3.0 in its place"), "{}", reason.words);
    assert!(status.reasons.iter().all(|reason| reason.code != "model_refused"), "it analyses");
    let detector = status.models.iter().find(|model| model.name == "detector").unwrap();
    assert_eq!((detector.version.as_str(), &detector.digest), ("0.3.0", &digest(&device.place('a'))));
}
