//! The process is killed while it commits and publishes.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use spinewatch::publish::BrokerUrl;
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::triage::Level;

use crate::clinic::subscriber;
use crate::device::{Device, suspected};
use crate::until;

/// Not a test of its own: the process that `kills_at_any_moment...` kills while it commits and publishes.
#[test]
fn publishing_process_that_gets_killed() {
    let Ok(url) = std::env::var("SPINEWATCH_TEST_BROKER") else { return };
    let folder = PathBuf::from(std::env::var_os("SPINEWATCH_TEST_FOLDER").unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let device = Device::in_folder(url.parse::<BrokerUrl>().unwrap(), folder);
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
        .args(["--exact", "kills::publishing_process_that_gets_killed", "--nocapture", "--test-threads=1"])
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
