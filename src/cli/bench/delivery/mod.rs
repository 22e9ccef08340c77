//! `spinewatch bench delivery`: from a verdict's commit to a subscriber on loopback, in turn with mosquitto's own
//! clients at the same broker.

mod broker;
mod ours;
mod peer;
mod report;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use self::broker::{Broker, Choice};
use self::ours::Ours;
use self::peer::MosquittoClients;
use self::report::Report;

/// Time of a message from commit to subscriber, and messages per second of a backlog, through the real store and publisher.
#[derive(Debug, Args)]
pub struct DeliveryArgs {
    /// Messages, paced and then again as a backlog. Each study makes two: its alert and its verdict.
    #[arg(long, value_name = "N", default_value = "10000")]
    messages: NonZeroUsize,
    /// Messages per second when paced.
    #[arg(long, value_name = "N", default_value = "400")]
    rate: NonZeroUsize,
    /// Rounds, in turn with the peer.
    #[arg(long, value_name = "N", default_value = "5")]
    rounds: NonZeroUsize,
    /// A peer to compare with, at the same broker, QoS 1, the same payload size.
    #[arg(long, value_enum, value_name = "PEER")]
    against: Option<Peer>,
    /// mosquitto where there is one, else the embedded broker.
    #[arg(long, value_enum)]
    broker: Option<Choice>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// mosquitto_pub -l and mosquitto_sub, each one process with one connection.
    Mosquitto,
}

/// The measured way of one message, ms.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// From the begin of the commit; for a peer without one, as `sent`.
    with_commit: f64,
    /// From the end of the commit, or the hand-over to the client, to the subscriber.
    sent: f64,
    /// An alert, or the only message there is.
    first: bool,
}

/// One round of one side.
#[derive(Clone, Debug)]
struct Round {
    paced: Vec<Way>,
    /// Messages per second of a backlog, first arrival to last.
    backlog: f64,
}

/// How long a round may take beyond its pace before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the verb.
///
/// # Errors
/// When a broker or a peer cannot be started, or messages do not arrive; with the cure.
pub fn run(args: &DeliveryArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let broker = runtime.block_on(Broker::start(args.broker))?;
    let mut ours = Ours::start(&broker.url(), runtime.handle())?;
    let mut peer =
        args.against.map(|Peer::Mosquitto| MosquittoClients::start(&broker.url(), ours.payload_bytes())).transpose()?;
    let count = args.messages.get().div_ceil(args.rounds.get()).next_multiple_of(2);
    let pace = Duration::from_secs(1).div_f64(args.rate.get() as f64);
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    // the first round warms up, and is short
    for round in 0..=args.rounds.get() {
        let count = if round == 0 { count.min(200) } else { count };
        let lap = Round { paced: ours.paced(count, pace)?, backlog: ours.backlog(count)? };
        let other = match &mut peer {
            Some(peer) => Some(Round { paced: peer.paced(count, pace)?, backlog: peer.backlog(count)? }),
            None => None,
        };
        if round > 0 {
            mine.push(lap);
            theirs.extend(other);
        }
    }
    let peer = peer.map(|peer| (peer.name().to_owned(), theirs.as_slice()));
    let report = Report::of(&broker.name(), args.rate.get(), ours.payload_bytes(), &mine, peer);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Calls `work` for each of `count` numbers, one each `pace`, on time or as soon after as can be.
fn at_pace(count: usize, pace: Duration, mut work: impl FnMut(usize) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let started = Instant::now();
    for number in 0..count {
        let due = started + pace.mul_f64(number as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        work(number)?;
    }
    Ok(())
}
