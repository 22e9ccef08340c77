//! `spinewatch demo`: the whole path on one machine, with nothing installed.
//!
//! Starts a broker on loopback, the real daemon as a process of its own, a subscriber, and a phantom CT console that
//! writes studies into a folder slice by slice. Prints what the subscriber hears, and at the end what was expected and
//! what was reported.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::MultiProgress;

pub use self::daemon::ALLOCATOR;
use self::daemon::Daemon;
use self::exam::{Exam, Expected};
use self::outcome::Outcome;
use super::model_folders::ModelFolders;
use crate::clinic::{Clinic, Rules, server};
use crate::publish::embedded_broker::EmbeddedBroker;
use crate::publish::{BrokerUrl, Connection, Received, Subscriber, Topics};
use crate::store::Keys;

mod daemon;
mod exam;
mod outcome;

/// Show the whole path on this machine: phantom console, daemon, broker, subscriber. Needs nothing installed.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Studies to write, by turns with fractures and intact.
    #[arg(long, value_name = "N", default_value_t = 2)]
    studies: u64,
    /// Seed of the first study; the others follow.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// One study only, with a fracture.
    #[arg(long, conflicts_with = "studies")]
    once: bool,
    /// Slices of a study.
    #[arg(long, value_name = "N", default_value_t = 300)]
    slices: usize,
    /// Slices that the console writes in a second.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 20.0)]
    rate: f64,
    /// Folder for share, state, screens and log; emptied first.
    #[arg(long, value_name = "DIR", default_value = "out/demo")]
    out: PathBuf,
    /// Use this broker (mqtt://HOST:PORT) instead of the embedded one.
    #[arg(long, value_name = "URL")]
    broker: Option<BrokerUrl>,
    /// Serve the clinic's page beside it, here or on a free port, and stay until Ctrl-C.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    clinic: Option<SocketAddr>,
    #[command(flatten)]
    models: ModelFolders,
}

/// How long a verdict may take after the last slice before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seeds of the demo's studies begin here; training used smaller ones.
const FIRST_SEED: u64 = 9_000_000;

/// Runs the verb; exit code 1 when a verdict or a level is wrong.
///
/// # Errors
/// When a part of the demo cannot be started, or a verdict does not come.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    println!("Everything here is synthetic: phantom CT, models trained on phantoms only. Not for diagnosis.");
    let embedded = match args.broker {
        None => Some(EmbeddedBroker::start().await.context("cannot start the embedded broker")?),
        Some(_) => None,
    };
    let broker = args.broker.clone().or_else(|| embedded.as_ref().map(EmbeddedBroker::url)).context("no broker")?;
    let mut subscriber =
        Subscriber::connect(Connection::plain(broker.clone(), "demo-subscriber"), Topics::everything())
            .await
            .map_err(anyhow::Error::msg)
            .context("the subscriber cannot connect")?;
    let daemon = Daemon::start(&args.out, &broker, &args.models)?;
    println!(
        "broker {}:{}, daemon process {}, share {}",
        broker.host,
        broker.port,
        daemon.id(),
        daemon.share().display()
    );
    if let Some(address) = args.clinic {
        serve_clinic(&broker, address).await?;
    }
    wait_for_birth(&mut subscriber).await?;
    let keys = Keys::open(&daemon.state())?;
    let mut outcomes = Vec::new();
    let studies = if args.once { 1 } else { args.studies };
    let began = Instant::now();
    for number in 0..studies {
        let seed = FIRST_SEED + 1000 * args.seed + number;
        let exam = Exam::prepare(seed, number % 2 == 0, args.slices)?;
        let expected = exam.expected(&keys);
        println!("study {} of {studies}: {expected}", number + 1);
        outcomes.push(examine(exam, expected, &daemon, &mut subscriber, args.rate, began).await?);
    }
    let report = outcome::Report {
        outcomes,
        memory: daemon.memory(),
        screens: daemon.screens(),
        key_images: daemon.key_images(),
    };
    print!("\n{report}");
    if args.clinic.is_some() {
        println!("The daemon and the clinic's page stay until Ctrl-C.");
        tokio::signal::ctrl_c().await?;
    }
    daemon.stop();
    Ok(if report.all_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The clinic's page, as `spinewatch clinic` serves it.
async fn serve_clinic(broker: &BrokerUrl, address: SocketAddr) -> anyhow::Result<()> {
    anyhow::ensure!(address.ip().is_loopback(), "--clinic {address}: the demo serves its page on this machine only");
    let connection = Connection::plain(broker.clone(), "demo-clinic");
    let clinic = Clinic::start(connection, Topics::everything(), Rules::default(), "demo");
    let listener = server::bind(address).await.with_context(|| format!("cannot serve the page on {address}"))?;
    println!("the clinic's page: http://{}/", listener.local_addr()?);
    tokio::spawn(async move { server::serve(listener, clinic, &[]).await });
    Ok(())
}

/// The daemon is there when its retained status is.
async fn wait_for_birth(subscriber: &mut Subscriber) -> anyhow::Result<()> {
    let birth = async {
        while let Some(event) = subscriber.next_event().await {
            if event.topic.ends_with("/status") && !event.retained {
                return Ok(());
            }
        }
        bail!("the subscriber has ended")
    };
    tokio::time::timeout(PATIENCE, birth)
        .await
        .context("the daemon did not announce itself; its log is in the demo's folder")?
}

/// Streams one study and listens until its final verdict.
async fn examine(
    exam: Exam,
    expected: Expected,
    daemon: &Daemon,
    subscriber: &mut Subscriber,
    rate: f64,
    began: Instant,
) -> anyhow::Result<Outcome> {
    let bars = MultiProgress::new();
    let bar = bars.add(exam.bar());
    let folder = daemon.share();
    let mut writing = tokio::task::spawn_blocking(move || exam.write(&folder, rate, &bar));
    let mut written = None;
    let mut outcome = Outcome::new(expected);
    let mut deadline = tokio::time::Instant::now() + Duration::from_secs(3600);
    while !outcome.is_final() || written.is_none() {
        tokio::select! {
            done = &mut writing, if written.is_none() => {
                written = Some(done.context("the console has stopped")??);
                deadline = tokio::time::Instant::now() + PATIENCE;
            }
            event = subscriber.next_event() => {
                let event = event.context("the subscriber has ended")?;
                bars.suspend(|| println!("{}", line(&event, began)));
                outcome.hear(&event, &daemon.key_images())?;
            }
            () = tokio::time::sleep_until(deadline) => {
                bail!("no final verdict {} s after the last slice; the daemon's log is {}", PATIENCE.as_secs(), daemon.log().display())
            }
        }
    }
    outcome.written = written;
    Ok(outcome)
}

/// One line an event: when, topic without its prefix, what.
fn line(event: &Received, began: Instant) -> String {
    let at = event.arrived.saturating_duration_since(began).as_secs_f64();
    let topic = event.topic.splitn(5, '/').nth(4).unwrap_or(&event.topic);
    format!("{at:7.2} s  {topic:<42} {}", outcome::summary(event))
}
