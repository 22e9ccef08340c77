//! The other end of the wire: a broker on this machine that the board reaches at 10.0.2.2, and all that it is told.
//!
//! Takes in messages; hands on verdicts in the order in which they came, and judges a device's story as a whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use spinewatch::publish::embedded_broker::EmbeddedBroker;
use spinewatch::publish::{Arrival, Connection, Subscriber, Topics, TriagePayload};

/// What board/virtual/rootfs sets.
pub const PORT: u16 = 21883;

#[derive(Default)]
struct Heard {
    triage: Vec<TriagePayload>,
    /// Everything else: topic and payload as they came.
    messages: Vec<(String, String)>,
    duplicates: usize,
}

pub struct Clinic {
    runtime: tokio::runtime::Runtime,
    broker: Option<EmbeddedBroker>,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

/// What came of the studies.
#[derive(Debug, PartialEq, Eq)]
pub struct Story {
    /// Studies with a final verdict over all their slices.
    pub whole: usize,
    pub revisions: usize,
    /// Redelivered with the same event id.
    pub duplicates: usize,
    /// The same said again under another event id.
    pub told_twice: usize,
}

impl Clinic {
    pub fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let broker = runtime.block_on(EmbeddedBroker::start_on(PORT)).expect("port 21883 is free");
        let heard: Arc<(Mutex<Heard>, Condvar)> = Arc::default();
        let connection = Connection::plain(broker.url(), "virtual-board-test");
        let mut subscriber = runtime.block_on(Subscriber::connect(connection, Topics::everything())).unwrap();
        let into = heard.clone();
        runtime.spawn(async move {
            while let Some(arrival) = subscriber.next().await {
                into.0.lock().unwrap().take(arrival);
                into.1.notify_all();
            }
        });
        Self { runtime, broker: Some(broker), heard }
    }

    /// The broker is gone with all its connections.
    pub fn close_broker(&mut self) {
        self.broker = None;
    }

    pub fn open_broker(&mut self) {
        let started = Instant::now();
        while self.broker.is_none() {
            self.broker = self.runtime.block_on(EmbeddedBroker::start_on(PORT)).ok();
            assert!(started.elapsed() < Duration::from_secs(90), "port {PORT} is not free");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until `found` finds something in what was told.
    pub fn wait<T>(&self, limit: Duration, found: impl Fn(&[TriagePayload]) -> Option<T>) -> Option<T> {
        let due = Instant::now() + limit;
        let mut heard = self.heard.0.lock().unwrap();
        loop {
            if let Some(found) = found(&heard.triage) {
                return Some(found);
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            heard = self.heard.1.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Waits for final verdicts over all `slices` of `studies` studies.
    pub fn wait_for_studies(&self, studies: usize, slices: usize, limit: Duration) -> bool {
        self.wait(limit, |told| (whole(told, slices) >= studies).then_some(())).is_some()
    }

    /// Waits until the last message whose topic contains `topic` has all of `words` in it, or none of them when they
    /// must be `gone`; the message.
    pub fn wait_for_message(
        &self,
        topic: &str,
        words: &[&str],
        gone: bool,
        limit: Duration,
    ) -> Option<(String, String)> {
        let due = Instant::now() + limit;
        let mut heard = self.heard.0.lock().unwrap();
        loop {
            let last = heard.messages.iter().rev().find(|(on, _)| on.contains(topic));
            if let Some(last) = last.filter(|(_, said)| words.iter().all(|word| said.contains(word) != gone)) {
                return Some(last.clone());
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            heard = self.heard.1.wait_timeout(heard, left).unwrap().0;
        }
    }

    pub fn story(&self, slices: usize) -> Story {
        let heard = self.heard.0.lock().unwrap();
        let studies = studies(&heard.triage);
        let told_twice = studies.values().flat_map(|told| told.windows(2)).filter(|pair| same(pair[0], pair[1]));
        Story {
            whole: whole(&heard.triage, slices),
            revisions: heard.triage.len(),
            duplicates: heard.duplicates,
            told_twice: told_twice.count(),
        }
    }
}

impl Heard {
    fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Duplicate(_) => self.duplicates += 1,
            Arrival::Foreign(error) => panic!("not an event of ours: {error}"),
            Arrival::Event(event) if event.topic.contains("/triage/") => self.triage.push(event.triage().unwrap()),
            Arrival::Event(event) => {
                self.messages.push((event.topic.clone(), String::from_utf8_lossy(&event.payload).into_owned()));
            }
        }
    }
}

fn studies(told: &[TriagePayload]) -> BTreeMap<&str, Vec<&TriagePayload>> {
    let mut studies: BTreeMap<&str, Vec<&TriagePayload>> = BTreeMap::new();
    for payload in told {
        studies.entry(&payload.study_key).or_default().push(payload);
    }
    studies
}

fn whole(told: &[TriagePayload], slices: usize) -> usize {
    let complete = |last: &&TriagePayload| {
        !last.provisional && usize::try_from(last.coverage.slices_analysed).is_ok_and(|analysed| analysed == slices)
    };
    studies(told).values().filter_map(|told| told.last()).filter(|last| complete(last)).count()
}

fn same(one: &TriagePayload, next: &TriagePayload) -> bool {
    let says = |payload: &TriagePayload| {
        let levels: Vec<&str> = payload.findings.iter().map(|finding| finding.level.name()).collect();
        format!("{} {} {levels:?} {}", payload.verdict, payload.provisional, payload.coverage.slices_analysed)
    };
    says(one) == says(next)
}
