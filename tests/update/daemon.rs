//! The daemon beside the updater: how it stands, what it shows, what it tells.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use spinewatch::appliance::{Appliance, Launch};
use spinewatch::config::{
    DisplaySettings, HealthSettings, ModelSettings, MqttSettings, Settings, ShareSettings, StateSettings, SurfaceKind,
    UpdateSettings,
};
use spinewatch::display;
use spinewatch::health::Standing;
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{Connection, Subscriber, Topics};
use spinewatch::store::AuditFile;
use spinewatch::update::{Entry, Outcome, Phase, Progress, ProgressFile, Records, Source, uptime};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Without packages: its self-test is quick, and bad.
fn settings(dir: &Path, broker: &str) -> Settings {
    for name in ["share", "models", "keys", "state", "run"] {
        std::fs::create_dir_all(dir.join(name)).unwrap();
    }
    Settings {
        share: ShareSettings { path: dir.join("share"), ..Default::default() },
        models: ModelSettings { dir: dir.join("models"), trusted_keys: dir.join("keys"), ..Default::default() },
        mqtt: MqttSettings { url: broker.to_owned(), ..Default::default() },
        display: DisplaySettings { surface: SurfaceKind::None, ..Default::default() },
        state: StateSettings { dir: dir.join("state"), ..Default::default() },
        health: HealthSettings { interval_secs: 1, disk_free_min_mib: 1, ..Default::default() },
        update: UpdateSettings { run_dir: dir.join("run"), ..Default::default() },
        ..Default::default()
    }
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(dir: &Path, settings: &Settings) -> Daemon {
    let config = dir.join("spinewatch.toml");
    std::fs::write(&config, toml::to_string(settings).unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spinewatch"));
    command.args(["run", "--config"]).arg(config).stdin(Stdio::null()).stderr(Stdio::null());
    Daemon(command.env("RUNTIME_DIRECTORY", dir.join("run")).spawn().unwrap())
}

/// Waits until `what` is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn rolled_back() -> Entry {
    Entry {
        number: 0,
        at: Timestamp::from_second(1_800_000_000).unwrap(),
        outcome: Outcome::RolledBack,
        version: Some("0.3.0".into()),
        bundle: None,
        why: Some("models: detector 1 is refused".into()),
        code: None,
        source: Source::Stick,
        reference: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_says_how_it_stands_and_tells_an_update_that_was_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start().await.unwrap();
    let settings = settings(dir.path(), &format!("mqtt://{}", broker.address()));
    let mut subscriber =
        Subscriber::connect(Connection::plain(broker.url(), "update-test"), Topics::everything()).await.unwrap();
    let running = daemon(dir.path(), &settings);
    let file = dir.path().join("run/standing.json");
    let standing = until("standing", || Standing::read(&file));
    assert!(standing.ready && (&*standing.screen, &*standing.store) == ("good", "good"), "{standing:?}");
    assert!(standing.fault().unwrap().starts_with("models: "), "{standing:?}");
    let later = until("newer standing", || Standing::read(&file).filter(|now| now.uptime_secs > standing.uptime_secs));
    assert_eq!(later.started_secs, standing.started_secs);

    Records::within(&settings.state.dir).append(rolled_back()).unwrap();
    let (mut status, mut health) = (None, None);
    while status.is_none() || health.is_none() {
        let event = timeout(PATIENCE, subscriber.next_event()).await.expect("it is told").unwrap();
        let told = event.json().unwrap();
        let slot = if event.topic.ends_with("/status") { &mut status } else { &mut health };
        if told["last_update"]["outcome"] == "rolled_back" {
            *slot = Some(told);
        }
    }
    let (status, health) = (status.unwrap(), health.unwrap());
    assert_eq!(status["last_update"]["why"], "models: detector 1 is refused");
    assert!(status["reasons"].as_array().unwrap().iter().any(|reason| reason["code"] == "update_rolled_back"));
    assert_eq!(
        (&health["version"], &health["last_update"]["version"]),
        (&env!("CARGO_PKG_VERSION").into(), &"0.3.0".into())
    );
    drop(running);
    let trail = AuditFile::open(&settings.state.dir.join("spinewatch.db")).unwrap();
    assert!(trail.verify(None).unwrap().is_ok());
    let told: Vec<_> =
        trail.last(20).unwrap().into_iter().filter(|link| link.entry.action == "update_rolled_back").collect();
    assert_eq!(told.len(), 1);
}

#[test]
fn a_daemon_that_cannot_start_says_why_to_whoever_judges_the_update() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path(), "mqtt://127.0.0.1:9");
    settings.display = DisplaySettings {
        surface: SurfaceKind::Framebuffer,
        framebuffer: dir.path().join("no-such-fb"),
        ..Default::default()
    };
    let mut running = daemon(dir.path(), &settings);
    until("end", || running.0.try_wait().unwrap());
    let standing = Standing::read(&dir.path().join("run/standing.json")).unwrap();
    assert!(!standing.ready && standing.fault().unwrap().contains("cannot open the frame buffer"), "{standing:?}");
}

#[test]
fn the_screen_shows_the_update_while_it_runs_and_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path(), "mqtt://127.0.0.1:9");
    let appliance = Appliance::start(Launch { settings: settings.clone(), surface: None }).unwrap();
    let (screen, stop) = (appliance.screen(), appliance.stopper());
    let file = ProgressFile::within(&settings.update.run_dir);
    let say = |phase, percent, words: &str| {
        let uptime_secs = uptime().as_secs();
        let what = "Spinewatch 0.3.0".to_owned();
        file.write(&Progress { what, phase, percent, words: words.into(), uptime_secs }).unwrap();
    };
    let has = |headline: &'static str| {
        let screen = screen.lock().unwrap();
        screen.faults().iter().any(|fault| fault.headline() == headline).then_some(())
    };
    say(Phase::Writing, Some(60), "Copying image to rootfs.1");
    let shown = until("updating screen", || match &screen.lock().unwrap().phase {
        display::Phase::Updating { what, step, percent } => Some((what.clone(), step.clone(), *percent)),
        _ => None,
    });
    assert_eq!((shown.0.as_str(), shown.1.as_str(), shown.2), ("Spinewatch 0.3.0", "Writing", Some(60)));
    say(Phase::Failed, None, "x.raucb is damaged: block 3 of 9 is not the one that was signed; copy it again");
    until("refusal", || has("NOT UPDATED"));
    assert_eq!(screen.lock().unwrap().phase, display::Phase::Running, "it works on");
    Records::within(&settings.state.dir).append(rolled_back()).unwrap();
    until("rolled back", || has("UPDATE FAILED"));
    Records::within(&settings.state.dir).append(Entry { outcome: Outcome::Proved, ..rolled_back() }).unwrap();
    until("proved", || has("UPDATE FAILED").is_none().then_some(()));
    stop();
    appliance.wait().unwrap();
}
