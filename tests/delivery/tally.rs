//! What a clinic got, held against what the store had committed: lost, doubled, out of order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spinewatch::publish::{Arrival, BrokerUrl, Connection, Subscriber, Topics};
use spinewatch::store::{Keys, Store};

/// Everything that a consumer was handed, in the order in which it came.
pub struct Clinic {
    arrivals: Arc<Mutex<Vec<Arrived>>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Arrived {
    at: Instant,
    topic: String,
    id: String,
    /// The consumer knew it already and passed over it.
    again: bool,
}

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Neither it nor a newer revision of its topic came.
    pub lost: usize,
    /// Handed to the consumer twice, after deduplication by event id.
    pub doubled: usize,
    /// Came after a newer revision of its topic, duplicates that the consumer passes over included.
    pub out_of_order: usize,
    /// Never came, but a newer revision of its topic did.
    pub superseded: usize,
    /// Came again and was passed over.
    pub again: usize,
}

impl Clinic {
    pub async fn listen(url: BrokerUrl) -> Self {
        let connection = Connection::plain(url, "clinic");
        let mut subscriber = Subscriber::connect(connection, Topics::everything()).await.unwrap();
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let arrivals = Arc::clone(&arrivals);
            async move {
                // Duplicates have no topic in the consumer's eyes; it is that of the first.
                let mut topics = BTreeMap::new();
                while let Some(arrival) = subscriber.next().await {
                    let at = Instant::now();
                    let arrived = match arrival {
                        Arrival::Event(received) if received.event.subject.is_some() => {
                            topics.insert(received.event.id.clone(), received.topic.clone());
                            Arrived { at, topic: received.topic, id: received.event.id, again: false }
                        }
                        Arrival::Duplicate(id) => {
                            let topic = topics.get(&id).cloned().unwrap_or_default();
                            Arrived { at, topic, id, again: true }
                        }
                        Arrival::Event(_) => continue,
                        Arrival::Foreign(error) => panic!("not an event of ours: {error}"),
                    };
                    arrivals.lock().unwrap().push(arrived);
                }
            }
        });
        Self { arrivals, task }
    }

    /// Ids of all events so far, alerts and verdicts only.
    pub fn ids(&self) -> BTreeSet<String> {
        self.arrivals.lock().unwrap().iter().map(|arrived| arrived.id.clone()).collect()
    }

    /// Topics in the order of their first arrivals.
    pub fn topics(&self) -> Vec<String> {
        self.arrivals.lock().unwrap().iter().filter(|a| !a.again).map(|a| a.topic.clone()).collect()
    }

    /// Time from `since` to the first new event after it.
    pub fn first_after(&self, since: Instant) -> Option<Duration> {
        let arrivals = self.arrivals.lock().unwrap();
        let first = arrivals.iter().find(|arrived| !arrived.again && arrived.at >= since)?;
        Some(first.at - since)
    }

    /// Held against the revisions in `store`; `studies` as the test named them.
    pub fn tally(&self, store: &Store, keys: &Keys, studies: &[String]) -> Tally {
        let arrivals = self.arrivals.lock().unwrap().clone();
        let mut tally = Tally { again: arrivals.iter().filter(|a| a.again).count(), ..Tally::default() };
        let new: Vec<&Arrived> = arrivals.iter().filter(|a| !a.again).collect();
        let distinct: BTreeSet<&str> = new.iter().map(|a| a.id.as_str()).collect();
        tally.doubled = new.len() - distinct.len();
        let mut newest: BTreeMap<&str, u32> = BTreeMap::new();
        for arrived in &arrivals {
            let last = newest.entry(&arrived.topic).or_default();
            tally.out_of_order += usize::from(revision(&arrived.id) < *last);
            *last = revision(&arrived.id).max(*last);
        }
        for study in studies {
            let key = keys.path(study);
            let committed = store.latest_verdict(&key).unwrap().map_or(0, |told| told.revision);
            for n in 1..=committed {
                for id in [format!("{key}-{n}"), format!("{key}-{n}-alert")] {
                    let topic = if id.ends_with("-alert") { "alert" } else { "triage" };
                    let later = newest.iter().any(|(t, last)| t.ends_with(&format!("{topic}/{key}")) && *last > n);
                    match (distinct.contains(id.as_str()), later) {
                        (true, _) => {}
                        (false, true) => tally.superseded += 1,
                        (false, false) => tally.lost += 1,
                    }
                }
            }
        }
        tally
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Of `<study key>-<revision>[-alert]`.
fn revision(id: &str) -> u32 {
    id.trim_end_matches("-alert").rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
