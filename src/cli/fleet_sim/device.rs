//! One device of the fleet: a real store and a real publisher; made-up studies.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc;

use crate::display::samples;
use crate::publish::{Connection, Limits, Publisher, Settings, StatusPayload, Topics, VerdictContext, tell};
use crate::store::{Acknowledgement, Keys, SeriesVerdict, Store};
use crate::triage::Level;

const SITE: &str = "fleet";

/// Alerts of one study: the suspicion, and its revision.
const ALERTS_OF_A_STUDY: u32 = 2;

/// Database, log, shared memory, socket, and some to spare.
const FILES_OF_A_DEVICE: u64 = 5;

/// A running device.
pub struct Device {
    store: Store,
    topics: Topics,
    limits: Limits,
    publisher: Publisher,
    keys: Keys,
    /// Kept, or the publisher has nobody to give them to.
    _acks: mpsc::Receiver<Acknowledgement>,
}

impl Device {
    /// Opens the store in `folder` and starts the publisher. `keys` make the studies of this run its own.
    pub async fn start(folder: PathBuf, name: String, connection: Connection, keys: Keys) -> anyhow::Result<Self> {
        let open = move || {
            std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            anyhow::Ok(Store::open(&folder.join("spinewatch.db"), Timestamp::now())?.0)
        };
        let store = tokio::task::spawn_blocking(open).await??;
        let topics = Topics::new(SITE, &name)?;
        let limits = Limits::default();
        let settings = Settings { connection, topics: topics.clone(), limits };
        let (publisher, acks) = Publisher::start(settings, store.clone(), StatusPayload::online(&topics))?;
        Ok(Self { store, topics, limits, publisher, keys, _acks: acks })
    }

    /// Waits until the broker has accepted it.
    pub async fn connected(&self, at_most: Duration) -> anyhow::Result<()> {
        let mut link = self.publisher.link();
        let online = tokio::time::timeout(at_most, link.wait_for(|link| link.online)).await.is_ok();
        let reason = link.borrow().trouble.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
        ensure!(online, "device {} cannot connect: {reason}", self.topics.device());
        Ok(())
    }

    /// Commits alert `number`, as the analysis does; gives its event id.
    pub fn committing(&self, number: u32) -> impl Future<Output = anyhow::Result<String>> + Send + use<> {
        let (store, topics, limits, keys) = (self.store.clone(), self.topics.clone(), self.limits, self.keys.clone());
        let work = move || {
            let study = number / ALERTS_OF_A_STUDY;
            let levels = &[Level::C2, Level::C5][..=(number % ALERTS_OF_A_STUDY) as usize];
            let at = Timestamp::now();
            let verdict = SeriesVerdict {
                series_key: format!("series-{study}"),
                study_key: keys.path(&format!("{}/{study}", topics.device())),
                assessment: samples::suspected(SITE, levels, false, 0).assessment,
                at,
            };
            let committed = store
                .commit_verdict(&verdict, |next| tell(next, &topics, &limits, &VerdictContext::bare(at)))?
                .context("a suspicion is always told")?;
            Ok(format!("{}-alert", committed.event_id))
        };
        async move { tokio::task::spawn_blocking(work).await? }
    }

    /// Rows in the outbox.
    pub fn waiting(&self) -> u32 {
        self.store.queue_depth().map_or(0, |depth| depth.waiting + depth.dead)
    }

    /// Connections lost.
    pub fn losses(&self) -> u32 {
        self.publisher.link().borrow().losses
    }
}

/// Raises the limit of open files as far as this many devices need and the system allows.
///
/// # Errors
/// When it does not allow so many, with the cure.
pub fn allow_open_files(devices: u32) -> anyhow::Result<()> {
    let needed = 256 + FILES_OF_A_DEVICE * u64::from(devices);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    limit.current = limit.maximum.map(|maximum| maximum.min(needed));
    let raised = setrlimit(Resource::Nofile, limit).is_ok();
    let current = limit.current.unwrap_or(needed);
    ensure!(
        raised && current >= needed,
        "{devices} devices need {needed} open files, {current} are allowed: ulimit -n"
    );
    Ok(())
}
