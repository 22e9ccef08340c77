//! Kill -9 at random moments while studies arrive: no verdict is lost, none is told twice, nothing is analysed as new.
//!
//! Real parts: the daemon as a process, real packages, a broker and a subscriber over TCP, files written by a phantom
//! console. `SPINEWATCH_KILLS=200 cargo test --release --test power_cut -- --nocapture` for the long run.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use spinewatch::config::{DisplaySettings, ModelSettings, MqttSettings, Settings, ShareSettings, StateSettings};
use spinewatch::config::{StudySettings, SurfaceKind};
use spinewatch::dicom::Uid;
use spinewatch::phantom::dicom_writer::{encode, study_instance_uid};
use spinewatch::phantom::{Fractures, Habits, Study, StudySpec};
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{Arrival, Connection, Subscriber, Topics, TriagePayload};
use spinewatch::store::{AuditFile, Keys};
use tokio::time::timeout;

const SLICES: usize = 60;
const RATE: f64 = 30.0;

fn settings(dir: &Path, url: &str) -> Settings {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    Settings {
        share: ShareSettings { path: dir.join("share"), scan_millis: 50, settle_millis: 100, ..Default::default() },
        study: StudySettings { series_quiet_secs: 2, series_gap_patience_secs: 6, ..Default::default() },
        models: ModelSettings { trusted_keys: models.join("keys"), dir: models, ..Default::default() },
        mqtt: MqttSettings { url: url.to_owned(), ..Default::default() },
        display: DisplaySettings { surface: SurfaceKind::None, ..Default::default() },
        state: StateSettings { dir: dir.join("state"), ..Default::default() },
        ..Default::default()
    }
}

fn start(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_spinewatch"))
        .args(["run", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .spawn()
        .expect("the daemon starts")
}

/// Writes studies one after another until told to stop; returns the keys of those that are whole.
fn console(share: &Path, first_seed: u64, stop: &std::sync::atomic::AtomicBool) -> Vec<u64> {
    let mut written = Vec::new();
    for seed in first_seed.. {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            break;
        }
        let fractures = if seed % 2 == 0 { Fractures::Fractured } else { Fractures::Intact };
        let study =
            Study::generate(&StudySpec { fractures, slices: Some(SLICES), matrix: 256, ..StudySpec::new(seed) });
        let folder = share.join(seed.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        for index in 0..study.len() {
            let due = Instant::now() + Duration::from_secs_f64(1.0 / RATE);
            let file = encode(&study, index, &study.render(index).hounsfield, &Habits::research(seed)).unwrap();
            std::fs::write(folder.join(format!("{index}.dcm")), file).unwrap();
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        written.push(seed);
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_minus_nine_loses_no_verdict_and_tells_none_twice() {
    let kills: u32 = std::env::var("SPINEWATCH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("share")).unwrap();
    std::fs::create_dir_all(dir.path().join("state")).unwrap();
    let broker = EmbeddedBroker::start().await.unwrap();
    let url = format!("mqtt://{}", broker.address());
    let mut subscriber =
        Subscriber::connect(Connection::plain(broker.url(), "power-cut-test"), Topics::everything()).await.unwrap();
    let config = dir.path().join("spinewatch.toml");
    std::fs::write(&config, toml::to_string(&settings(dir.path(), &url)).unwrap()).unwrap();
    let keys = Keys::open(&dir.path().join("state")).unwrap();

    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writing = {
        let (stop, share) = (stop.clone(), dir.path().join("share"));
        std::thread::spawn(move || console(&share, 7_000_000, &stop))
    };
    let mut moments = Xoshiro256PlusPlus::seed_from_u64(42);
    for _ in 0..kills {
        let mut daemon = start(&config);
        tokio::time::sleep(Duration::from_millis(moments.random_range(50..2500))).await;
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let written = writing.join().unwrap();
    let mut daemon = start(&config);

    let mut awaited: BTreeSet<String> =
        written.iter().map(|&seed| keys.study(&Uid::new(&study_instance_uid(seed)))).collect();
    let all = awaited.len();
    let mut told: BTreeMap<String, Vec<TriagePayload>> = BTreeMap::new();
    let mut again = 0;
    while !awaited.is_empty() {
        let arrival = timeout(Duration::from_secs(240), subscriber.next()).await;
        match arrival.expect("a verdict is lost").expect("the subscriber lives") {
            Arrival::Duplicate(_) => again += 1,
            Arrival::Foreign(error) => panic!("not an event of ours: {error}"),
            Arrival::Event(event) if event.topic.contains("/triage/") => {
                let payload = event.triage().unwrap();
                // a series may be judged before its last slices are read after a restart; then it is revised
                if !payload.provisional && usize::try_from(payload.coverage.slices_analysed).unwrap() == SLICES {
                    awaited.remove(&payload.study_key);
                }
                told.entry(payload.study_key.clone()).or_default().push(payload);
            }
            Arrival::Event(_) => {}
        }
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();

    let trail = AuditFile::open(&dir.path().join("state/spinewatch.db")).unwrap();
    let verified = trail.verify(None).unwrap().expect("the chain holds over every kill");
    let last = trail.last(u32::MAX).unwrap();
    let starts = last.iter().filter(|link| link.entry.action == "start").count();
    assert!(starts > 0 && last.iter().all(|link| link.entry.action != "stop"), "no end was in order");
    println!("audit: {} entries, {starts} starts, chain holds", verified.entries);

    let mut revisions = 0;
    for (study, payloads) in &told {
        revisions += payloads.len();
        for pair in payloads.windows(2) {
            assert_eq!(pair[1].revision, pair[0].revision + 1, "{study}: a revision is missing or out of order");
            assert!(
                says(&pair[0]) != says(&pair[1]),
                "{study}: the same verdict was told as new: {:?}",
                says(&pair[1])
            );
        }
        let last = payloads.last().unwrap();
        let analysed = usize::try_from(last.coverage.slices_analysed).unwrap();
        assert_eq!(analysed, SLICES, "{study}: {} of {SLICES} slices count", analysed);
        let verdict = last.verdict.as_str();
        assert!(["suspected", "none_suspected"].contains(&verdict), "{study}: {verdict}, missing {:?}", last.missing);
    }
    println!(
        "{kills} kills, {all} studies, {revisions} revisions, 0 lost, 0 told twice, {again} redelivered and deduplicated"
    );
}

fn says(payload: &TriagePayload) -> (String, bool, Vec<String>, u32) {
    let levels = payload.findings.iter().map(|finding| finding.level.name().to_owned()).collect();
    (payload.verdict.clone(), payload.provisional, levels, payload.coverage.slices_analysed)
}
