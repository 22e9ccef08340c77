//! A device: a store in a folder, alerts to commit, and what it takes to publish from it.

use std::time::Duration;

use jiff::Timestamp;
use spinewatch::display::samples;
use spinewatch::publish::{
    BrokerUrl, Connection, Limits, Publisher, Settings, StatusPayload, Tls, Topics, VerdictContext, tell,
};
use spinewatch::store::{Acknowledgement, SeriesVerdict, Store};
use spinewatch::triage::Level;
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
        Publisher::start(self.settings.clone(), self.store.clone(), StatusPayload::online(&self.settings.topics))
            .unwrap()
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
            assessment: samples::suspected(study, &[Level::C2], false, 0).assessment,
            at: Timestamp::now(),
        };
        let context = VerdictContext::bare(Timestamp::now());
        let told = self.store.commit_verdict(&verdict, |next| tell(next, topics, &self.settings.limits, &context));
        told.unwrap().expect("something to tell");
    }
}
