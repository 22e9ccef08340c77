//! A broker, the real device with verdicts in its store, other devices, and a clinic's page: all on this machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use spinewatch::appliance::{Appliance, Launch};
use spinewatch::clinic::{Clinic, Rules, server};
use spinewatch::config::{
    DeviceSettings, DisplaySettings, ModelSettings, MqttSettings, Settings, ShareSettings, StateSettings, SurfaceKind,
};
use spinewatch::display::samples;
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{
    self, BrokerUrl, Connection, DeviceState, KeyImage, Limits, ModelTag, NOTICE, Publisher, Reason, StageTiming,
    StatusPayload, Timings, Topics, VerdictContext, tell,
};
use spinewatch::store::{AuditEntry, Keys, SeriesVerdict, Store};
use spinewatch::triage::{Assessment, Level};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Waits until something holds, but not for ever.
pub fn patiently(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub struct Site {
    runtime: Arc<Runtime>,
    broker: Option<EmbeddedBroker>,
    url: BrokerUrl,
    clinics: AtomicU32,
}

impl Site {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let broker = runtime.block_on(EmbeddedBroker::start()).unwrap();
        let url = broker.url();
        Self { runtime: Arc::new(runtime), broker: Some(broker), url, clinics: AtomicU32::new(0) }
    }

    pub fn kill_broker(&mut self) {
        self.broker = None;
    }

    /// A clinic that listens to everything.
    pub fn clinic(&self) -> Clinic {
        let _inside = self.runtime.enter();
        let number = self.clinics.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::plain(self.url.clone(), &format!("clinic-{number}"));
        Clinic::start(connection, Topics::everything(), Rules::default(), &format!("desk-{number}"))
    }

    /// Its page.
    pub fn page(&self) -> Page {
        let clinic = self.clinic();
        let listener = self.runtime.block_on(server::bind("127.0.0.1:0".parse().unwrap())).unwrap();
        let address = listener.local_addr().unwrap();
        // A runtime of its own dies with all its connections, as a process does.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (served, std) = (clinic.clone(), listener.into_std().unwrap());
        let task = runtime.spawn(async move {
            server::serve(tokio::net::TcpListener::from_std(std).unwrap(), served, &[]).await.unwrap();
        });
        Page { runtime: Some(runtime), task, address, clinic }
    }

    /// The real device, with verdicts in its store that leave when it starts.
    pub fn device(&self, acknowledge_within_secs: u64, verdicts: impl FnOnce(&mut Commit)) -> Device {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["share", "state", "models", "keys"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        let url = format!("mqtt://127.0.0.1:{}", self.url.port);
        let settings = Settings {
            device: DeviceSettings { site: "north".into(), name: "ct-2".into() },
            share: ShareSettings { path: path("share"), ..ShareSettings::default() },
            models: ModelSettings { dir: path("models"), trusted_keys: path("keys"), ..ModelSettings::default() },
            mqtt: MqttSettings { url, acknowledge_within_secs, ..MqttSettings::default() },
            display: DisplaySettings { surface: SurfaceKind::None, ..DisplaySettings::default() },
            state: StateSettings { dir: path("state"), ..StateSettings::default() },
            ..Settings::default()
        };
        let database = path("state").join("spinewatch.db");
        let store = Store::open(&database, Timestamp::now()).unwrap().0;
        verdicts(&mut Commit { store, topics: Topics::new("north", "ct-2").unwrap(), ago: 0 });
        let appliance = Appliance::start(Launch { settings, surface: None }).unwrap();
        Device { appliance: Some(appliance), database, _folder: folder }
    }

    /// One that is well and tells these verdicts, one that is not well, and one that is gone.
    pub fn publishers(&self, verdicts: impl FnOnce(&mut Commit)) -> Vec<(Publisher, tempfile::TempDir)> {
        let mut verdicts = Some(verdicts);
        let mut publishers = Vec::new();
        for (site, name, state) in [
            ("north", "ct-2", DeviceState::Online),
            ("south", "ct-1", DeviceState::Degraded),
            ("island", "ct-1", DeviceState::Offline),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("s.db"), Timestamp::now()).unwrap().0;
            let topics = Topics::new(site, name).unwrap();
            if let Some(verdicts) = verdicts.take() {
                verdicts(&mut Commit { store: store.clone(), topics: topics.clone(), ago: 0 });
            }
            let connection = Connection::plain(self.url.clone(), &format!("spinewatch-{site}-{name}"));
            let settings = publish::Settings { connection, topics, limits: Limits::default() };
            let _inside = self.runtime.enter();
            let (publisher, _acks) = Publisher::start(settings, store, status(site, name, state)).unwrap();
            let link = publisher.link();
            patiently("the link", || link.borrow().online);
            if state == DeviceState::Offline {
                self.runtime.block_on(publisher.stop());
            } else {
                publishers.push((publisher, folder));
            }
        }
        publishers
    }
}

fn status(site: &str, device: &str, state: DeviceState) -> StatusPayload {
    let lost = Reason { code: "share_lost".into(), words: "the console's folder does not answer".into() };
    StatusPayload {
        state,
        reasons: if state == DeviceState::Degraded { vec![lost] } else { vec![] },
        site: site.into(),
        device: device.into(),
        version: "0.1.0".into(),
        models: vec![],
        started_at: Some(publish::rfc3339(Timestamp::now())),
        last_update: None,
        not_for_diagnosis: NOTICE.into(),
    }
}

/// Puts verdicts into the store of a device that has not started yet.
pub struct Commit {
    store: Store,
    topics: Topics,
    ago: i64,
}

impl Commit {
    /// What follows was said so many seconds ago.
    pub fn ago(&mut self, seconds: i64) -> &mut Self {
        self.ago = seconds;
        self
    }

    fn at(&self) -> Timestamp {
        Timestamp::now() - jiff::SignedDuration::from_secs(self.ago)
    }

    pub fn suspected(&mut self, levels: &[Level]) {
        self.suspected_in("7f3a", levels);
    }

    pub fn none_suspected(&mut self, name: &str) {
        self.commit(name, samples::none_suspected().assessment, None);
    }

    pub fn partly(&mut self, name: &str) {
        self.commit(name, samples::partly_analysed().assessment, None);
    }

    pub fn not_analysed(&mut self, name: &str) {
        self.commit(name, samples::not_analysed().assessment, None);
    }

    pub fn acknowledged(&mut self, name: &str, levels: &[Level], by: &str) {
        self.suspected_in(name, levels);
        let (key, at) = (study_key(name), self.at());
        let given = spinewatch::store::GivenAcknowledgement { study_key: &key, revision: None, by, note: None, at };
        let topics = self.topics.clone();
        self.store
            .acknowledge_with(&given, |told, ack| {
                Some(publish::acknowledged(told, ack, &topics, &Limits::default(), true))
            })
            .unwrap();
    }

    fn suspected_in(&mut self, name: &str, levels: &[Level]) {
        let report = samples::suspected(name, levels, false, 0);
        let picture = report.picture.unwrap();
        let slice_key = report.assessment.findings[0].best_slice.slice_key.clone();
        let key_image = KeyImage { slice_key, side: picture.width.into(), grey: picture.grey.to_vec() };
        self.commit(name, report.assessment, Some(key_image));
    }

    fn commit(&mut self, name: &str, assessment: Assessment, key_image: Option<KeyImage>) {
        let stage = |stage: &str, mean_ms, max_ms| StageTiming { stage: stage.into(), slices: 300, mean_ms, max_ms };
        let at = self.at();
        let model = |name: &str| ModelTag {
            name: name.into(),
            version: "0.1.0".into(),
            digest: "5ea1".repeat(16),
            phantom_trained: true,
        };
        let context = VerdictContext {
            at,
            clock_trusted: true,
            study_instance_uid: None,
            unreadable: BTreeMap::new(),
            timings: Timings {
                decided_at: publish::rfc3339(at),
                last_slice_to_verdict_ms: Some(5320),
                stages: vec![stage("decode", 2.1, 9.0), stage("classify", 14.2, 22.0), stage("detect", 31.0, 58.0)],
                ..Timings::default()
            },
            models: vec![model("vertebra-classifier-edge"), model("fracture-detector-edge")],
            key_image,
        };
        let verdict =
            SeriesVerdict { study_key: study_key(name), series_key: format!("series {name}"), assessment, at };
        let topics = &self.topics;
        self.store.commit_verdict(&verdict, |next| tell(next, topics, &Limits::default(), &context)).unwrap().unwrap();
    }
}

/// Begins with the name, so that pictures show it.
fn study_key(name: &str) -> String {
    format!("{name}{}", &Keys::from_secret([5; 32]).path(name)[name.len()..])
}

/// The running device.
pub struct Device {
    appliance: Option<Appliance>,
    database: PathBuf,
    _folder: tempfile::TempDir,
}

impl Device {
    /// Who has acknowledged the first alert, as the screen says.
    pub fn seen_by(&self) -> Option<String> {
        let screen = self.appliance.as_ref()?.screen();
        let screen = screen.lock().unwrap();
        screen.alerts().first()?.acknowledged.as_ref().map(|seen| seen.by.as_str().to_owned())
    }

    /// How often the first alert was sent again, as the screen says.
    pub fn sent_again(&self) -> u32 {
        let screen = self.appliance.as_ref().unwrap().screen();
        let screen = screen.lock().unwrap();
        screen.alerts().first().map_or(0, |alert| alert.sent_again)
    }

    /// Ends it; what it has in its audit trail.
    pub fn stop_and_audit(mut self) -> Vec<AuditEntry> {
        self.stop();
        let mut trail = None;
        patiently("the database", || {
            trail =
                Store::open(&self.database, Timestamp::now()).ok().map(|(store, _)| store.audit_trail(100).unwrap());
            trail.is_some()
        });
        trail.unwrap()
    }

    fn stop(&mut self) {
        if let Some(appliance) = self.appliance.take() {
            appliance.stopper()();
            appliance.wait().unwrap();
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

/// A clinic's page that is served.
pub struct Page {
    runtime: Option<Runtime>,
    task: JoinHandle<()>,
    address: SocketAddr,
    clinic: Clinic,
}

impl Page {
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub const fn clinic(&self) -> &Clinic {
        &self.clinic
    }

    /// As if its process were killed.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.task.abort();
        self.clinic.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.end();
    }
}
