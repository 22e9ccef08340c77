//! Alerts committed and alerts arrived in; lost, doubled, out of order and late out.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinHandle;

use crate::publish::Subscriber;

/// What came to the clinic.
#[derive(Clone, Debug)]
pub enum Arrived {
    /// An alert that the clinic hands on.
    New {
        /// Its event id, which ends in `-<revision>-alert`.
        event_id: String,
        /// Its topic, one for every study.
        topic: String,
        /// When.
        at: Instant,
    },
    /// One that came before; the clinic drops it.
    Again,
}

/// The counts; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    committed: HashMap<String, Instant>,
    arrived: HashMap<String, Instant>,
    latest: HashMap<String, u32>,
    again: u64,
    handed_on_twice: u64,
    out_of_order: u64,
    last: Option<Instant>,
}

/// The result.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Devices.
    pub devices: u32,
    /// A node was killed under load.
    pub node_killed: bool,
    /// Alerts committed.
    pub alerts: usize,
    /// Alerts that never came.
    pub lost: usize,
    /// Alerts that the clinic handed on twice.
    pub handed_on_twice: u64,
    /// Alerts that came again on the wire, and that the clinic dropped.
    pub again_on_the_wire: u64,
    /// Alerts that came after a later revision of their study.
    pub out_of_order: u64,
    /// Alerts that came and nobody committed.
    pub unexpected: usize,
    /// Rows left in the outboxes.
    pub waiting: u32,
    /// Connections lost.
    pub connections_lost: u32,
    /// From commit to arrival, ms.
    pub latency_ms: BTreeMap<&'static str, f64>,
}

impl Tally {
    /// Counts what comes to `clinic`, until aborted.
    pub fn start(mut clinic: Subscriber) -> (Self, JoinHandle<()>) {
        let tally = Self::default();
        let counting = tally.clone();
        let task = tokio::spawn(async move {
            while let Some(arrival) = clinic.next().await {
                if let Some(arrived) = super::alert_of(arrival) {
                    counting.lock().arrived(arrived);
                }
            }
        });
        (tally, task)
    }

    /// An alert whose commit began `at` is to come.
    pub fn expect(&self, event_id: String, at: Instant) {
        self.lock().committed.insert(event_id, at);
    }

    /// Returns when everything that was committed has come, and nothing more for `quiet`.
    pub async fn settled(&self, quiet: Duration) {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let counts = self.lock();
            if counts.lost() == 0 && counts.last.is_none_or(|last| last.elapsed() >= quiet) {
                return;
            }
        }
    }

    /// The result, with what the devices say.
    pub fn report(&self, devices: u32, waiting: u32, connections_lost: u32, node_killed: bool) -> Report {
        let counts = self.lock();
        Report { devices, waiting, connections_lost, node_killed, ..counts.report() }
    }

    /// What is behind the lock is whole after every step, so a poisoned one is taken over.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn arrived(&mut self, arrived: Arrived) {
        let Arrived::New { event_id, topic, at } = arrived else { return self.again += 1 };
        self.last = Some(at);
        let revision = revision(&event_id);
        let latest = self.latest.entry(topic).or_default();
        if self.arrived.insert(event_id, at).is_some() {
            self.handed_on_twice += 1;
        } else if revision < *latest {
            self.out_of_order += 1;
        }
        *latest = revision.max(*latest);
    }

    fn lost(&self) -> usize {
        self.committed.keys().filter(|id| !self.arrived.contains_key(*id)).count()
    }

    fn report(&self) -> Report {
        let pairs = self.committed.iter().filter_map(|(id, at)| Some(self.arrived.get(id)?.duration_since(*at)));
        let mut latencies: Vec<Duration> = pairs.collect();
        latencies.sort();
        let quantile = |q: f64| {
            // a quantile of at most 1 stays inside
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
            let index = (q * latencies.len().saturating_sub(1) as f64).round() as usize;
            latencies.get(index).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
        };
        Report {
            alerts: self.committed.len(),
            lost: self.lost(),
            handed_on_twice: self.handed_on_twice,
            again_on_the_wire: self.again,
            out_of_order: self.out_of_order,
            unexpected: self.arrived.keys().filter(|id| !self.committed.contains_key(*id)).count(),
            latency_ms: [("p50", quantile(0.5)), ("p99", quantile(0.99)), ("max", quantile(1.0))].into(),
            ..Report::default()
        }
    }
}

fn revision(event_id: &str) -> u32 {
    let id = event_id.strip_suffix("-alert").unwrap_or(event_id);
    let number = id.rsplit(['-', '.']).next().unwrap_or_default();
    number.parse().unwrap_or_default()
}

impl Report {
    /// Nothing lost, nothing handed on twice, nothing that was never committed, and every outbox empty.
    pub fn all_right(&self) -> bool {
        self.lost == 0 && self.handed_on_twice == 0 && self.unexpected == 0 && self.waiting == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |name| self.latency_ms.get(name).copied().unwrap_or(f64::NAN);
        let killed = if self.node_killed { "one, by SIGKILL under load" } else { "none" };
        writeln!(f, "devices               {}", self.devices)?;
        writeln!(f, "nodes killed          {killed}")?;
        writeln!(f, "alerts                {}", self.alerts)?;
        writeln!(f, "lost                  {}", self.lost)?;
        writeln!(f, "handed on twice       {}", self.handed_on_twice)?;
        writeln!(f, "again on the wire     {}  (dropped by event id)", self.again_on_the_wire)?;
        writeln!(f, "out of order          {}  (after a later revision of their study)", self.out_of_order)?;
        writeln!(f, "never committed       {}", self.unexpected)?;
        writeln!(f, "left in the outboxes  {}", self.waiting)?;
        writeln!(f, "connections lost      {}", self.connections_lost)?;
        writeln!(
            f,
            "commit to arrival     p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            ms("p50"),
            ms("p99"),
            ms("max")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(event_id: &str, at: Instant) -> Arrived {
        Arrived::New { event_id: event_id.into(), topic: event_id[..1].into(), at }
    }

    #[test]
    fn what_is_lost_doubled_late_and_out_of_order_is_counted() {
        let tally = Tally::default();
        let start = Instant::now();
        for id in ["a-1-alert", "a-2-alert", "b-5.1-alert", "b-5.2-alert"] {
            tally.expect(id.into(), start);
        }
        let ms = Duration::from_millis;
        let arrivals = [("a-1-alert", 1), ("a-2-alert", 3), ("b-5.2-alert", 7), ("b-5.1-alert", 9)];
        arrivals.iter().take(3).for_each(|(id, at)| tally.lock().arrived(new(id, start + ms(*at))));
        let report = tally.lock().report();
        assert_eq!((report.lost, report.all_right()), (1, false));
        let (id, at) = arrivals[3];
        tally.lock().arrived(new(id, start + ms(at)));
        tally.lock().arrived(Arrived::Again);
        let report = tally.report(2, 0, 1, true);
        assert_eq!((report.alerts, report.lost, report.again_on_the_wire, report.out_of_order), (4, 0, 1, 1));
        assert_eq!((report.latency_ms["p50"], report.latency_ms["max"]), (7.0, 9.0));
        assert!(report.all_right());

        tally.lock().arrived(new("a-1-alert", start + ms(10)));
        assert!(!tally.lock().report().all_right(), "handed on twice");
        assert_eq!(tally.lock().report().out_of_order, 1, "twice is not late");
    }

    #[test]
    fn an_alert_that_nobody_committed_is_not_right() {
        let tally = Tally::default();
        tally.lock().arrived(new("x-1-alert", Instant::now()));
        assert!(!tally.lock().report().all_right());
    }
}
