//! A device: a store in a folder, alerts to commit, and what it takes to publish from it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use spinewatch::publish::{
    BrokerUrl, Connection, DeviceState, Limits, NOTICE, Publisher, Settings, StatusPayload, Timings, Tls, Topics,
    VerdictContext, rfc3339, tell,
};
use spinewatch::store::{Acknowledgement, SeriesVerdict, Store};
use spinewatch::triage::{Assessment, BestSlice, Completeness, Coverage, Finding, FractureBox, Level, Verdict};
use tokio::sync::mpsc;

pub struct Device {
    _folder: tempfile::TempDir,
    pub store: Store,
    pub settings: Settings,
}

impl Device {
    /// The device SITE/NAME.
    pub fn new(url: BrokerUrl, tls: Tls, site: &str, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("spinewatch.db"), Timestamp::now()).unwrap().0;
        let connection = Connection { tls: Some(tls), ..Connection::plain(url, &format!("spinewatch-{site}-{name}")) };
        let (short, longer) = (Duration::from_millis(10), Duration::from_millis(50));
        let limits = Limits { max_attempts: 2, reconnect: (short, longer), rest: (short, longer), ..Limits::default() };
        let settings = Settings { connection, topics: Topics::new(site, name).unwrap(), limits };
        Self { _folder: folder, store, settings }
    }

    pub fn start(&self) -> (Publisher, mpsc::Receiver<Acknowledgement>) {
        Publisher::start(self.settings.clone(), self.store.clone(), self.birth()).unwrap()
    }

    /// Commits an alert under this device's topics.
    pub fn alert(&self, study: &str) {
        self.alert_under(&self.settings.topics, study);
    }

    /// Commits an alert under any topics.
    pub fn alert_under(&self, topics: &Topics, study: &str) {
        let verdict = SeriesVerdict {
            series_key: format!("series-{study}"),
            study_key: study.into(),
            assessment: suspected(),
            at: Timestamp::now(),
        };
        let context = VerdictContext {
            at: Timestamp::now(),
            clock_trusted: true,
            study_instance_uid: None,
            unreadable: BTreeMap::new(),
            timings: Timings { decided_at: rfc3339(Timestamp::now()), ..Timings::default() },
            models: vec![],
            key_image: None,
        };
        let told = self.store.commit_verdict(&verdict, |next| tell(next, topics, &self.settings.limits, &context));
        told.unwrap().expect("something to tell");
    }

    fn birth(&self) -> StatusPayload {
        StatusPayload {
            state: DeviceState::Online,
            reasons: vec![],
            site: self.settings.topics.site().into(),
            device: self.settings.topics.device().into(),
            version: "0.1.0".into(),
            models: vec![],
            started_at: Some(rfc3339(Timestamp::now())),
            not_for_diagnosis: NOTICE.into(),
        }
    }
}

fn suspected() -> Assessment {
    let fracture_box = FractureBox { x: 1.0, y: 2.0, width: 3.0, height: 4.0, score: 0.9 };
    let best_slice =
        BestSlice { slice_key: "0123".into(), instance_number: Some(12), z_mm: -3.0, fracture_box, matrix: [512, 512] };
    let finding = Finding { level: Level::C2, score: 0.9, best_slice, z_range_mm: [-5.0, -1.0], slices: 4 };
    Assessment {
        verdict: Verdict::Suspected,
        provisional: false,
        completeness: Completeness::Quiet,
        findings: vec![finding],
        vertebrae: [0.0; 7],
        coverage: Coverage {
            levels_seen: Level::ALL.to_vec(),
            slices_analysed: 300,
            slices_missing: 0,
            slices_unreadable: 0,
            gaps: vec![],
            extent_mm: 187.5,
        },
        missing: vec![],
    }
}
