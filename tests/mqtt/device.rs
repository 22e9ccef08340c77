//! A device as the tests need it: a real store in a folder and a publisher over it, with short limits; and waiting.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use spinewatch::publish::{
    BrokerUrl, Cause, Connection, DeviceState, HealthPayload, KeyImage, Limits, LinkState, NOTICE, PartPayload,
    Protocol, Publisher, Reason, Settings, StatusPayload, Timings, Topics, VerdictContext, tell,
};
use spinewatch::store::{Acknowledgement, Keys, SeriesVerdict, Store};
use spinewatch::triage::{Assessment, BestSlice, Completeness, Coverage, Finding, FractureBox, Level, Verdict};
use tokio::sync::mpsc;

/// Waits, but not for ever.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap_or_else(|_| panic!("{what} never came"))
}

/// Waits until it is so, but not for ever.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    patiently(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub fn limits() -> Limits {
    let (short, longer) = (Duration::from_millis(10), Duration::from_millis(50));
    Limits {
        ack_timeout: Duration::from_millis(400),
        connect_timeout: Duration::from_millis(800),
        will_delay: Duration::ZERO,
        max_attempts: 3,
        reconnect: (short, longer),
        rest: (short, longer),
        ..Limits::default()
    }
}

/// How a broker is reached.
#[derive(Clone)]
pub struct Reach {
    pub url: BrokerUrl,
    pub fallback: Vec<BrokerUrl>,
    pub protocol: Option<Protocol>,
}

impl From<BrokerUrl> for Reach {
    fn from(url: BrokerUrl) -> Self {
        Self { url, fallback: vec![], protocol: None }
    }
}

impl Reach {
    pub fn connection(self, client_id: &str) -> Connection {
        Connection { fallback: self.fallback, protocol: self.protocol, ..Connection::plain(self.url, client_id) }
    }
}

/// A device: a store in a folder, and what it takes to publish from it.
pub struct Device {
    /// Kept until the end of the test; absent where somebody else owns the folder.
    pub folder: Option<tempfile::TempDir>,
    pub store: Store,
    pub settings: Settings,
}

impl Device {
    pub fn new(reach: impl Into<Reach>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let device = Self::in_folder(reach, folder.path().to_owned());
        Self { folder: Some(folder), ..device }
    }

    pub fn in_folder(reach: impl Into<Reach>, folder: PathBuf) -> Self {
        let store = Store::open(&folder.join("spinewatch.db"), Timestamp::now()).unwrap().0;
        let connection = reach.into().connection("spinewatch-north-ct-2");
        let settings = Settings { connection, topics: Topics::new("north", "ct-2").unwrap(), limits: limits() };
        Self { folder: None, store, settings }
    }

    pub fn start(&self) -> (Publisher, mpsc::Receiver<Acknowledgement>) {
        Publisher::start(self.settings.clone(), self.store.clone(), status(DeviceState::Online)).unwrap()
    }

    /// As after a power cut: nothing but what is on the disk. The database is free once the publisher's task is gone.
    pub async fn restarted(self) -> Self {
        let Self { folder, store, settings } = self;
        drop(store);
        let path = folder.as_ref().unwrap().path().join("spinewatch.db");
        let mut opened = None;
        until("the database", || {
            opened = Store::open(&path, Timestamp::now()).ok();
            opened.is_some()
        })
        .await;
        Self { store: opened.unwrap().0, folder, settings }
    }

    pub fn commit(&self, study: &str, assessment: Assessment) {
        self.commit_with(study, assessment, None);
    }

    pub fn commit_with(&self, study: &str, assessment: Assessment, key_image: Option<KeyImage>) {
        let study_key = study_key(study);
        let verdict =
            SeriesVerdict { series_key: format!("series of {study}"), study_key, assessment, at: Timestamp::now() };
        let context = VerdictContext {
            at: Timestamp::now(),
            clock_trusted: true,
            study_instance_uid: None,
            unreadable: BTreeMap::new(),
            timings: Timings { decided_at: spinewatch::publish::rfc3339(Timestamp::now()), ..Timings::default() },
            models: vec![],
            key_image,
        };
        let Self { settings, .. } = self;
        self.store
            .commit_verdict(&verdict, |next| tell(next, &settings.topics, &settings.limits, &context))
            .unwrap()
            .expect("something to tell");
    }

    pub fn waiting(&self) -> u32 {
        self.store.queue_depth().unwrap().waiting
    }
}

pub fn study_key(study: &str) -> String {
    Keys::from_secret([5; 32]).path(study)
}

pub fn status(state: DeviceState) -> StatusPayload {
    let reasons = match state {
        DeviceState::Degraded => vec![Reason { code: "share_lost".into(), words: "the share is gone".into() }],
        _ => vec![],
    };
    StatusPayload {
        state,
        reasons,
        site: "north".into(),
        device: "ct-2".into(),
        version: "0.1.0".into(),
        models: vec![],
        started_at: Some(spinewatch::publish::rfc3339(Timestamp::now())),
        last_update: None,
        not_for_diagnosis: NOTICE.into(),
    }
}

pub fn none_suspected() -> Assessment {
    Assessment {
        verdict: Verdict::NoneSuspected,
        provisional: false,
        completeness: Completeness::Quiet,
        findings: vec![],
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

pub fn suspected(levels: &[Level]) -> Assessment {
    let finding = |level: &Level| Finding {
        level: *level,
        score: 0.9,
        best_slice: BestSlice {
            slice_key: "0123".into(),
            instance_number: Some(12),
            z_mm: -3.0,
            fracture_box: FractureBox { x: 1.0, y: 2.0, width: 3.0, height: 4.0, score: 0.9 },
            matrix: [512, 512],
        },
        z_range_mm: [-5.0, -1.0],
        slices: 4,
    };
    Assessment { verdict: Verdict::Suspected, findings: levels.iter().map(finding).collect(), ..none_suspected() }
}

pub fn health() -> HealthPayload {
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

pub fn cause(link: &LinkState) -> Option<Cause> {
    link.trouble.as_ref().map(|trouble| trouble.cause)
}
