//! The broker is down, the power is cut again and again, and the backlog drains: nothing is lost, alerts come first.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use spinewatch::publish::BrokerUrl;
use spinewatch::store::Keys;
use spinewatch::triage::Level;

use super::device::{Device, suspected, until};
use super::faulty_broker::{FaultyBroker, Mode};
use super::tally::{Clinic, Tally};

/// Each with an alert and a verdict: 1,000 rows.
const STUDIES: usize = 500;

/// Messages that may be on their way at a time.
const WINDOW: usize = 8;

fn name(study: usize) -> String {
    format!("study {study}")
}

/// Not a test of its own: the process whose power is cut while it commits and publishes.
#[test]
fn device_whose_power_is_cut() {
    let Ok(url) = std::env::var("SPINEWATCH_TEST_BROKER") else { return };
    let folder = std::path::PathBuf::from(std::env::var_os("SPINEWATCH_TEST_FOLDER").unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let device = Device::in_folder(url.parse::<BrokerUrl>().unwrap(), folder);
    let _publisher = device.start();
    let before = device.store.recent_verdicts(100_000).unwrap().len();
    for study in before..STUDIES {
        device.commit(&name(study), suspected(&[Level::C4]));
        println!("\ncommitted {}", study + 1);
    }
    println!("\ncommitted {STUDIES}");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_rows_survive_an_outage_and_twenty_power_cuts_and_alerts_drain_first() {
    let cuts: usize = std::env::var("SPINEWATCH_POWER_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let broker = FaultyBroker::start().await;
    let clinic = Clinic::listen(broker.behind()).await;
    let folder = tempfile::tempdir().unwrap();
    broker.set(Mode::Down);
    let (while_down, while_up) = (cuts / 2, cuts - cuts / 2);
    let mut said = 0;
    for cut in 1..=while_down {
        let (url, path) = (broker.url(), folder.path().to_owned());
        let enough = STUDIES * cut / while_down;
        said = tokio::task::spawn_blocking(move || cut_after_commits(&url, &path, enough)).await.unwrap();
    }
    assert!(said <= STUDIES && clinic.ids().is_empty(), "the broker was down");
    broker.set(Mode::Well);
    for cut in 1..=while_up {
        let mut device = start(&broker.url(), folder.path());
        let enough = 2 * STUDIES * cut / (while_up + 1);
        until("messages on their way", || clinic.ids().len() >= enough).await;
        end(&mut device);
    }

    let device = Device::in_folder(broker.url(), folder.path().to_owned());
    let told = device.store.recent_verdicts(100_000).unwrap().len();
    assert!(told >= said, "a commit that was reported is not there: {told} of {said}");
    assert_eq!(told, STUDIES);
    let _publisher = device.start();
    until("an empty outbox", || device.waiting() == 0).await;
    until("every event", || clinic.ids().len() == 2 * STUDIES).await;
    let studies: Vec<String> = (0..STUDIES).map(name).collect();
    let tally = clinic.tally(&device.store, &Keys::from_secret([5; 32]), &studies);
    println!("{cuts} power cuts, {} rows: {tally:?}", 2 * STUDIES);
    assert_eq!(tally, Tally { again: tally.again, ..Tally::default() });
    let alerts_first = clinic.topics().iter().take(STUDIES - WINDOW).filter(|t| t.contains("/alert/")).count();
    assert_eq!(alerts_first, STUDIES - WINDOW, "alerts first, but for those on their way when the power was cut");
}

fn start(url: &BrokerUrl, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outage::device_whose_power_is_cut", "--nocapture", "--test-threads=1"])
        .env("SPINEWATCH_TEST_BROKER", url.to_string())
        .env("SPINEWATCH_TEST_FOLDER", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Cuts the power once so many studies were committed; returns how many the device had told of.
fn cut_after_commits(url: &BrokerUrl, folder: &Path, enough: usize) -> usize {
    let mut device = start(url, folder);
    let lines = BufReader::new(device.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut committed = lines.filter_map(|line| line.strip_prefix("committed ")?.parse::<usize>().ok());
    let said = committed.find(|committed| *committed >= enough).expect("it commits");
    end(&mut device);
    // What it had said before its end.
    committed.last().unwrap_or(said)
}

fn end(device: &mut Child) {
    device.kill().unwrap();
    device.wait().unwrap();
}
