//! Rounds of both sides in, medians, tails and ratios out.

use std::fmt;

use serde::Serialize;

use super::{Round, Way};
use crate::cli::bench::figures::{Spread, median};
use crate::cli::table::Table;

/// What is printed.
#[derive(Serialize)]
pub struct Report {
    broker: String,
    /// Messages per second when paced.
    rate: usize,
    payload_bytes: usize,
    ours: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Side>,
    /// The peer's median in multiples of ours, round by round: above 1 ours is faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ratio: Option<Spread>,
    /// The same of the 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    tail_ratio: Option<Spread>,
    /// Our backlog's rate in multiples of the peer's: above 1 ours is faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    backlog_ratio: Option<Spread>,
}

/// Times in ms.
#[derive(Serialize)]
struct Side {
    name: String,
    messages: usize,
    /// After the commit, or the hand-over to the client.
    sent: Tail,
    /// The same of alerts alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Tail>,
    /// From the begin of the commit, which is synced to the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    with_commit: Option<Tail>,
    /// Messages per second.
    backlog: f64,
}

#[derive(Clone, Copy, Serialize)]
struct Tail {
    median: f64,
    p99: f64,
}

impl Tail {
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = values.len().saturating_sub(1) * 99 / 100;
        Self { p99: values.get(at).copied().unwrap_or(0.0), median: median(values) }
    }

    fn words(self) -> [String; 2] {
        [format!("{:.2}", self.median), format!("{:.2}", self.p99)]
    }
}

impl Report {
    /// Of all rounds; of a peer with its name.
    pub fn of(
        broker: &str,
        rate: usize,
        payload_bytes: usize,
        ours: &[Round],
        peer: Option<(String, &[Round])>,
    ) -> Self {
        let ratios = |theirs: &[Round], value: &dyn Fn(&Round) -> f64| {
            let values = |rounds: &[Round]| rounds.iter().map(value).collect::<Vec<f64>>();
            (values(theirs), values(ours))
        };
        let compare = |value: &dyn Fn(&Round) -> f64, upside_down: bool| {
            let (theirs, ours) = ratios(peer.as_ref()?.1, value);
            if upside_down { Spread::of_ratios(&ours, &theirs) } else { Spread::of_ratios(&theirs, &ours) }
        };
        let tail = |round: &Round| Tail::of(round.paced.iter().map(|way| way.sent));
        Self {
            broker: broker.to_owned(),
            rate,
            payload_bytes,
            latency_ratio: compare(&|round| tail(round).median, false),
            tail_ratio: compare(&|round| tail(round).p99, false),
            backlog_ratio: compare(&|round| round.backlog, true),
            ours: Side::of("spinewatch", ours, true),
            peer: peer.map(|(name, rounds)| Side::of(&name, rounds, false)),
        }
    }
}

impl Side {
    fn of(name: &str, rounds: &[Round], commits: bool) -> Self {
        let ways = || rounds.iter().flat_map(|round| &round.paced);
        let tail = |value: &dyn Fn(&Way) -> f64| Tail::of(ways().map(value));
        Self {
            name: name.to_owned(),
            messages: ways().count(),
            sent: tail(&|way| way.sent),
            alerts: commits.then(|| Tail::of(ways().filter(|way| way.first).map(|way| way.sent))),
            with_commit: commits.then(|| tail(&|way| way.with_commit)),
            backlog: median(rounds.iter().map(|round| round.backlog)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { broker, rate, payload_bytes, ours, peer, .. } = self;
        writeln!(f, "broker: {broker}; QoS 1; {payload_bytes} bytes; {rate} messages/s, then as a backlog\n")?;
        let mut table = Table::new(["from, to the subscriber", "messages", "median ms", "p99 ms"]);
        let mut row = |name: String, messages: usize, tail: Tail| {
            let [median, p99] = tail.words();
            table.row([name, messages.to_string(), median, p99]);
        };
        row(format!("{}: commit done", ours.name), ours.messages, ours.sent);
        if let Some(alerts) = ours.alerts {
            row("  alerts alone".to_owned(), ours.messages / 2, alerts);
        }
        if let Some(with_commit) = ours.with_commit {
            row("  commit begun (synced to the disk)".to_owned(), ours.messages, with_commit);
        }
        if let Some(peer) = peer {
            row(format!("{}: line written", peer.name), peer.messages, peer.sent);
        }
        writeln!(f, "{table}")?;
        write!(f, "backlog: {:.0} messages/s out of the synced outbox", ours.backlog)?;
        if let Some(peer) = peer {
            write!(f, "; {}: {:.0} out of a pipe", peer.name, peer.backlog)?;
        }
        writeln!(f)?;
        for (what, ratio) in
            [("median", &self.latency_ratio), ("p99", &self.tail_ratio), ("backlog", &self.backlog_ratio)]
        {
            if let Some(ratio) = ratio {
                writeln!(f, "{what}: ours is {} times as fast", ratio.words(2))?;
            }
        }
        Ok(())
    }
}
