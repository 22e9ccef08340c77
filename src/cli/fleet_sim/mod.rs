//! `spinewatch fleet-sim`: many devices at one broker, or at a cluster of which a node is killed.
//!
//! Every device is a real store in a folder of its own and the real publisher; only the studies are made up. A clinic
//! counts the alerts by event id. Prints what was lost, handed on twice and late; never touches a broker of a hospital
//! unless it is told its address.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::cluster::Cluster;
use self::device::Device;
use self::tally::{Report, Tally};
use crate::config::MqttProtocol;
use crate::publish::embedded_broker::EmbeddedBroker;
use crate::publish::{Arrival, BrokerUrl, Connection, EventKind, Subscriber, protocol};
use crate::store::Keys;

mod cluster;
mod device;
mod tally;

/// Drive one broker, or several, with many devices, and count what arrives.
#[derive(Debug, Args)]
pub struct FleetSimArgs {
    /// Devices, each with a store and a publisher of its own.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    devices: u32,
    /// Alerts of every device, two of a study.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    alerts_per_device: u32,
    /// Time over which the alerts are spread.
    #[arg(long, value_name = "SECS", default_value_t = 30)]
    over_secs: u64,
    /// Seed of the times.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The broker (mqtt://HOST:PORT) instead of the embedded one.
    #[arg(long, value_name = "URL")]
    broker: Option<BrokerUrl>,
    /// Another broker of the same cluster; may be given more than once. The devices start at different ones.
    #[arg(long, value_name = "URL", requires = "broker")]
    fallback: Vec<BrokerUrl>,
    /// Version of MQTT.
    #[arg(long, value_name = "VERSION", default_value = "auto", value_parser = protocol_of)]
    protocol: MqttProtocol,
    /// Start the three NATS nodes whose configuration is in this folder (board/fleet), and kill the first, at which the
    /// clinic is, in the middle of the load.
    #[arg(long, value_name = "DIR", conflicts_with = "broker")]
    start_cluster: Option<PathBuf>,
    /// How long to wait for the last alert.
    #[arg(long, value_name = "SECS", default_value_t = 180)]
    patience_secs: u64,
    /// One line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Devices that connect at a time: a fleet does not start in one instant.
const STARTING: usize = 16;

/// Longest time until a device is connected.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// Threads for the stores' commits, each of which waits for the disk.
const STORE_THREADS: usize = 16;

/// No alert for so long after the last expected one: what could come twice has come.
const QUIET: Duration = Duration::from_secs(2);

fn protocol_of(text: &str) -> Result<MqttProtocol, String> {
    match text {
        "auto" => Ok(MqttProtocol::Auto),
        "5" => Ok(MqttProtocol::V5),
        "3.1.1" => Ok(MqttProtocol::V311),
        _ => Err("allowed are auto, 5 and 3.1.1".to_owned()),
    }
}

/// Runs the verb; exit code 1 when an alert is lost or handed on twice, or a message stays on a device.
///
/// # Errors
/// When a broker or a device cannot be started.
pub fn run(args: &FleetSimArgs) -> anyhow::Result<ExitCode> {
    device::allow_open_files(args.devices)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(STORE_THREADS)
        .enable_all()
        .build()?;
    let report = runtime.block_on(simulate(args));
    runtime.shutdown_timeout(Duration::from_secs(5));
    let report = report?;
    if args.json {
        println!("{}", json!(report))
    } else {
        print!("{report}")
    }
    Ok(if report.all_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn simulate(args: &FleetSimArgs) -> anyhow::Result<Report> {
    let mut cluster = args.start_cluster.as_deref().map(Cluster::start).transpose()?;
    let embedded = match (&cluster, &args.broker) {
        (None, None) => Some(EmbeddedBroker::start().await.context("cannot start the embedded broker")?),
        _ => None,
    };
    let urls = match (&cluster, &embedded, &args.broker) {
        (Some(cluster), ..) => cluster.urls(),
        (_, Some(embedded), _) => vec![embedded.url()],
        (_, _, Some(broker)) => std::iter::once(broker.clone()).chain(args.fallback.clone()).collect(),
        _ => bail!("no broker"),
    };
    // The cluster is known to speak nothing newer.
    let version = if cluster.is_some() { MqttProtocol::V311 } else { args.protocol };
    let reach = |first: usize, client_id: &str| {
        let mut urls = urls.clone();
        let turn = first % urls.len();
        urls.rotate_left(turn);
        let url = urls.remove(0);
        Connection { fallback: urls, protocol: protocol(version), ..Connection::plain(url, client_id) }
    };
    let clinic = clinic(reach(0, &format!("fleet-sim-clinic-{}", std::process::id()))).await?;
    let folder = tempfile::tempdir().context("cannot make a folder for the devices")?;
    let keys = Keys::open(folder.path()).context("cannot make a key")?;
    let (tally, counting) = Tally::start(clinic);
    let began = Instant::now();
    let connect = |n: u32| {
        let name = format!("ct-{n}");
        let connection = reach(n as usize, &format!("fleet-sim-{}-{name}", std::process::id()));
        (folder.path().join(&name), name, connection, keys.clone())
    };
    let devices = start((0..args.devices).map(connect)).await?;
    tracing::info!(devices = devices.len(), after = ?began.elapsed(), "connected");
    let load = load(&devices, args, &tally);
    let kill = async {
        if let Some(cluster) = &mut cluster {
            tokio::time::sleep(Duration::from_secs(args.over_secs) / 2).await;
            cluster.kill_first()?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(load, kill)?;
    let patience = Duration::from_secs(args.patience_secs);
    let left = || devices.iter().map(Device::waiting).sum::<u32>();
    let emptied = async {
        tally.settled(QUIET).await;
        while left() > 0 {
            tokio::time::sleep(QUIET / 4).await;
        }
    };
    let _ = tokio::time::timeout(patience, emptied).await;
    let waiting = left();
    let losses = devices.iter().map(Device::losses).sum();
    counting.abort();
    drop(devices);
    Ok(tally.report(args.devices, waiting, losses, cluster.is_some()))
}

/// Subscribes to all alerts; a cluster needs a moment before it accepts anybody.
async fn clinic(connection: Connection) -> anyhow::Result<Subscriber> {
    let began = Instant::now();
    loop {
        let filter = "spinewatch/v1/+/+/alert/+".to_owned();
        let attempt = tokio::time::timeout(Duration::from_secs(10), Subscriber::connect(connection.clone(), filter));
        let reason = match attempt.await {
            Ok(Ok(subscriber)) => return Ok(subscriber),
            Ok(Err(reason)) => reason,
            Err(_) => "no answer".to_owned(),
        };
        ensure!(began.elapsed() < Duration::from_secs(60), "the clinic cannot connect to {}: {reason}", connection.url);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Starts the devices, some at a time, and waits until every one is connected.
async fn start(devices: impl Iterator<Item = (PathBuf, String, Connection, Keys)>) -> anyhow::Result<Vec<Device>> {
    let turns = std::sync::Arc::new(Semaphore::new(STARTING));
    let mut starting = JoinSet::new();
    for (folder, name, connection, keys) in devices {
        let turns = std::sync::Arc::clone(&turns);
        starting.spawn(async move {
            let _turn = turns.acquire().await;
            let device = Device::start(folder, name, connection, keys).await?;
            device.connected(START_PATIENCE).await?;
            anyhow::Ok(device)
        });
    }
    let mut started = Vec::new();
    while let Some(device) = starting.join_next().await {
        started.push(device??);
    }
    Ok(started)
}

/// Every device commits its alerts at times drawn from the seed.
async fn load(devices: &[Device], args: &FleetSimArgs, tally: &Tally) -> anyhow::Result<()> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(args.seed);
    let window = Duration::from_secs(args.over_secs);
    let mut turns: Vec<(Duration, usize)> = (0..devices.len())
        .flat_map(|device| std::iter::repeat_n(device, args.alerts_per_device as usize))
        .map(|device| (window.mul_f64(random.random()), device))
        .collect();
    turns.sort();
    let began = tokio::time::Instant::now();
    let mut commits = JoinSet::new();
    let mut told = vec![0; devices.len()];
    for (at, device) in turns {
        tokio::time::sleep_until(began + at).await;
        let (number, committed) = (told[device], devices[device].committing(told[device]));
        told[device] = number + 1;
        let tally = tally.clone();
        commits.spawn(async move {
            let begin = Instant::now();
            let event_id = committed.await?;
            tally.expect(event_id, begin);
            anyhow::Ok(())
        });
    }
    while let Some(commit) = commits.join_next().await {
        commit??;
    }
    Ok(())
}

/// What the tally takes in of an arrival: the alert and its event id.
fn alert_of(arrival: Arrival) -> Option<tally::Arrived> {
    match arrival {
        Arrival::Event(received) if received.event.kind == EventKind::Alert => {
            Some(tally::Arrived::New { event_id: received.event.id, topic: received.topic, at: received.arrived })
        }
        Arrival::Duplicate(_) => Some(tally::Arrived::Again),
        _ => None,
    }
}
