//! Our side: verdicts committed to a real store, the real publisher, a subscriber as a clinic's software has it.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{PATIENCE, Way, at_pace};
use crate::cli::bench::clock::ms;
use crate::display::samples;
use crate::publish::{
    BrokerUrl, Connection, Limits, Publisher, Settings, StatusPayload, Subscriber, Topics, VerdictContext, tell,
};
use crate::store::{SeriesVerdict, Store};
use crate::triage::{Assessment, Level};

/// A device and a clinic at one broker.
pub struct Ours {
    store: Store,
    settings: Settings,
    runtime: Handle,
    /// Event id and time of every event of a study that arrives.
    arrivals: mpsc::Receiver<(String, Instant)>,
    assessment: Assessment,
    studies: usize,
    payload_bytes: usize,
    _folder: tempfile::TempDir,
}

/// Begin and end of the commit of an event.
type Commits = BTreeMap<String, (Instant, Instant)>;

impl Ours {
    /// Opens a store, connects the subscriber.
    ///
    /// # Errors
    /// When the store cannot be made, or the broker does not take the subscription.
    pub fn start(url: &BrokerUrl, runtime: &Handle) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (store, _) = Store::open(&folder.path().join("spinewatch.db"), Timestamp::now())?;
        let connection = Connection::plain(url.clone(), "spinewatch-bench");
        let settings = Settings { connection, topics: Topics::new("bench", "device")?, limits: Limits::default() };
        let clinic = Connection::plain(url.clone(), "spinewatch-bench-clinic");
        let (sender, arrivals) = mpsc::channel();
        let mut subscriber = runtime
            .block_on(Subscriber::connect(clinic, Topics::everything()))
            .map_err(|words| anyhow!("the broker does not take the subscriber: {words}"))?;
        runtime.spawn(async move {
            while let Some(received) = subscriber.next_event().await {
                if received.event.subject.is_some() && sender.send((received.event.id, received.arrived)).is_err() {
                    return;
                }
            }
        });
        let assessment = samples::suspected("bench", &[Level::C5], false, 0).assessment;
        let mut ours = Self {
            store,
            settings,
            runtime: runtime.clone(),
            arrivals,
            assessment,
            studies: 0,
            payload_bytes: 0,
            _folder: folder,
        };
        ours.commit(&mut Commits::new())?;
        let rows = ours.store.outbox_next(1, &[])?;
        ours.payload_bytes = rows.first().map(|row| row.message.payload.len()).context("a verdict without an alert")?;
        ours.backlog(0)?;
        Ok(ours)
    }

    /// Bytes of an alert's payload.
    pub const fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// The way of each of `count` messages, a study each second `pace`, with the publisher online.
    ///
    /// # Errors
    /// When the store fails, or messages do not arrive.
    pub fn paced(&mut self, count: usize, pace: Duration) -> anyhow::Result<Vec<Way>> {
        let publisher = self.publish()?;
        let mut commits = Commits::new();
        at_pace(count / 2, 2 * pace, |_| self.commit(&mut commits))?;
        let arrived = self.collect(commits.len())?;
        self.stop(publisher)?;
        let way = |(id, at): (String, Instant)| {
            let (begun, committed) = commits.get(&id).with_context(|| format!("{id} was not committed"))?;
            Ok(Way {
                with_commit: ms(at.saturating_duration_since(*begun)),
                sent: ms(at.saturating_duration_since(*committed)),
                first: id.ends_with("-alert"),
            })
        };
        arrived.into_iter().map(way).collect()
    }

    /// Messages per second of `count` that waited in the outbox, from the first arrival to the last.
    ///
    /// # Errors
    /// When the store fails, or messages do not arrive.
    pub fn backlog(&mut self, count: usize) -> anyhow::Result<f64> {
        let mut commits = Commits::new();
        (0..count / 2).try_for_each(|_| self.commit(&mut commits))?;
        let waiting = self.store.queue_depth()?.waiting as usize;
        let publisher = self.publish()?;
        let arrived = self.collect(waiting)?;
        self.stop(publisher)?;
        let span = arrived.last().zip(arrived.first()).map(|(last, first)| last.1 - first.1);
        Ok(span.map_or(0.0, |span| (arrived.len() - 1) as f64 / span.as_secs_f64()))
    }

    /// A study's first verdict: an alert and a verdict, one synced commit.
    fn commit(&mut self, commits: &mut Commits) -> anyhow::Result<()> {
        self.studies += 1;
        let study_key = format!("bench{:011}", self.studies);
        let at = Timestamp::now();
        let context = VerdictContext::bare(at);
        let verdict =
            SeriesVerdict { series_key: study_key.clone(), study_key, assessment: self.assessment.clone(), at };
        let mut ids = Vec::new();
        let begun = Instant::now();
        self.store.commit_verdict(&verdict, |next| {
            let told = tell(next, &self.settings.topics, &self.settings.limits, &context)?;
            ids.extend(told.messages.iter().map(|message| message.event_id.clone()));
            Some(told)
        })?;
        let committed = Instant::now();
        commits.extend(ids.into_iter().map(|id| (id, (begun, committed))));
        Ok(())
    }

    /// A publisher that is online.
    fn publish(&self) -> anyhow::Result<Publisher> {
        let birth = StatusPayload::online(&self.settings.topics);
        let _entered = self.runtime.enter();
        let (publisher, _) = Publisher::start(self.settings.clone(), self.store.clone(), birth)?;
        let mut link = publisher.link();
        let online = async { tokio::time::timeout(PATIENCE, link.wait_for(|link| link.online)).await.map(drop) };
        self.runtime.block_on(online).context("the broker does not accept the device")?;
        Ok(publisher)
    }

    /// Once the last acknowledgement is there: what is sent again would be a duplicate to the subscriber.
    fn stop(&self, publisher: Publisher) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.store.queue_depth()?.waiting > 0 {
            if started.elapsed() > PATIENCE {
                bail!("the broker does not acknowledge what has arrived");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.runtime.block_on(publisher.stop());
        Ok(())
    }

    fn collect(&self, count: usize) -> anyhow::Result<Vec<(String, Instant)>> {
        let next = |number| {
            let late = || format!("of {count} messages, {number} arrived");
            self.arrivals.recv_timeout(PATIENCE).with_context(late)
        };
        (0..count).map(next).collect()
    }
}
