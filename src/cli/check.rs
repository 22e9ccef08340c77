//! `spinewatch check`: the configuration first, then the device, part by part.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use embedded_graphics::geometry::Size;
use jiff::Timestamp;

use super::certificates;
use super::model_folders::ModelFolders;
use crate::config::{DEFAULT_PATH, Settings, SurfaceKind};
use crate::display::{DrivenPanel, FrameBuffer};
use crate::health::Sensors;
use crate::inference::{Accelerated, selftest};
use crate::ingest::{Folder, Share};
use crate::publish;

/// How long a broker may take to answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(3);

/// What a panel on SPI leaves open.
const SPI_IS_MUTE: &str = "; SPI does not tell whether a panel hangs on it: look";

/// Check a configuration, and whether this device can work with it.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Look at the file only, not at the device.
    #[arg(long)]
    configuration_only: bool,
}

/// Runs the verb; exit code 78 for a bad configuration, 1 when a part of the device does not work.
///
/// # Errors
/// When the configuration is refused.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(&args.config)?;
    println!("{}: every key is known and in range", args.config.display());
    if args.configuration_only {
        return Ok(ExitCode::SUCCESS);
    }
    let engine = Accelerated::of_device(&settings);
    let publishing =
        publish::Settings::from_config(&settings.mqtt, &settings.device).map_err(|error| error.to_string());
    let mut parts = vec![
        ("state", state(&settings)),
        ("share", share(&settings)),
        ("models", models(&settings, &engine)),
        ("accelerator", accelerator(&settings, &engine)),
        ("broker", publishing.clone().and_then(|publishing| broker(&publishing))),
        ("screen", screen(&settings)),
        ("results", results(&settings)),
        ("clock", clock(&settings)),
    ];
    if let Some(tls) = publishing.ok().and_then(|publishing| publishing.connection.tls) {
        let now = Timestamp::now();
        let now = Sensors::new(settings.state.dir.clone()).clock(now).is_trusted().then_some(now);
        parts.extend(certificates::validities(&tls, now).into_iter().map(|outcome| ("certificate", outcome)));
    }
    for (part, outcome) in &parts {
        match outcome {
            Ok(words) => println!("  good  {part:<11} {words}"),
            Err(words) => println!("  BAD   {part:<11} {words}"),
        }
    }
    Ok(if parts.iter().all(|(_, outcome)| outcome.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Outcome = Result<String, String>;

fn state(settings: &Settings) -> Outcome {
    let dir = &settings.state.dir;
    let words =
        |error: std::io::Error| format!("{}: {error}; the daemon's user must be able to write there", dir.display());
    std::fs::create_dir_all(dir).map_err(words)?;
    tempfile::tempfile_in(dir).map_err(words)?;
    let disk = crate::health::Disk::at(dir).map_err(words)?;
    let free = disk.free_bytes >> 20;
    let least = settings.health.disk_free_min_mib;
    if free < least {
        return Err(format!("{free} MiB free, health.disk_free_min_mib is {least}: free some space"));
    }
    Ok(format!("{} is writable, {free} MiB free", dir.display()))
}

fn share(settings: &Settings) -> Outcome {
    let mut folder = Folder::new(&settings.share.path, settings.share.require_mount);
    let path = settings.share.path.display();
    match folder.probe() {
        Ok(()) => Ok(format!("{path} is readable")),
        Err(error) => Err(format!("{path}: {error}; check the mount and the console's export")),
    }
}

fn models(settings: &Settings, engine: &Accelerated) -> Outcome {
    let folders = ModelFolders::of_settings(settings);
    let keys = folders.trusted().map_err(|error| error.to_string())?;
    let report = selftest(&folders.dir(), &keys, engine);
    if report.models.is_empty() {
        return Err(format!("no package in {}: this device does not analyse", folders.dir().display()));
    }
    let refused = report.models.iter().find_map(|model| model.outcome.as_ref().err().map(|why| (&model.package, why)));
    match refused {
        Some((package, why)) => Err(format!("{package}: {why}")),
        None => Ok(report.models.iter().map(|model| model.package.clone()).collect::<Vec<_>>().join(", ") + " hold"),
    }
}

/// What the self-test of the models found of it.
fn accelerator(settings: &Settings, engine: &Accelerated) -> Outcome {
    let standing = engine.watch().standing();
    match (settings.accelerator.provider, standing.fault()) {
        (_, Some(fault)) => Err(format!("{fault}; the processor does its work")),
        (None, None) => Ok("none, by configuration".into()),
        (Some(_), None) if standing.proven().is_empty() => Err("no network was tried on it: no package holds".into()),
        (Some(provider), None) => Ok(format!("{}: {}", provider.name(), standing.proven().join("; "))),
    }
}

fn broker(publishing: &publish::Settings) -> Outcome {
    let url = &publishing.connection.url;
    let words = |error: std::io::Error| {
        format!("{}:{} does not answer: {error}; messages wait on this device until it does", url.host, url.port)
    };
    let mut addresses = (url.host.as_str(), url.port).to_socket_addrs().map_err(words)?;
    let address = addresses.next().ok_or_else(|| format!("{} has no address", url.host))?;
    let stream = TcpStream::connect_timeout(&address, BROKER_PATIENCE).map_err(words)?;
    let answers = format!("{}:{} answers", url.host, url.port);
    match &publishing.connection.tls {
        Some(tls) => certificates::handshake(tls, url, stream).map(|secured| format!("{answers}: {secured}")),
        None => Ok(answers),
    }
}

fn screen(settings: &Settings) -> Outcome {
    let display = &settings.display;
    match display.surface {
        SurfaceKind::None => Ok("none, by configuration".into()),
        SurfaceKind::Terminal => Ok("this terminal".into()),
        SurfaceKind::Png => Ok(format!("pictures in {}", display.png_dir.display())),
        SurfaceKind::Panel => {
            let ([width, height], name) = (display.size, settings.panel.controller.name());
            DrivenPanel::of_settings(&settings.panel, Size::new(width, height))
                .map(|_| format!("{name} is set up{}", if settings.panel.controller.is_spi() { SPI_IS_MUTE } else { "" }))
                .map_err(|error| format!("{name}: {error}"))
        }
        SurfaceKind::Framebuffer => {
            FrameBuffer::open(&display.framebuffer, std::path::Path::new("/sys/class/graphics"))
                .map(|_| format!("{} opens", display.framebuffer.display()))
                .map_err(|error| format!("{}: {error}", display.framebuffer.display()))
        }
    }
}

fn results(settings: &Settings) -> Outcome {
    let dir = &settings.results.dir;
    if settings.results.formats.is_empty() {
        return Ok("none, by configuration".into());
    }
    let words = |error: std::io::Error| {
        format!("{}: {error}; the daemon's user must be able to write there, see board/results.md", dir.display())
    };
    std::fs::create_dir_all(dir).map_err(words)?;
    tempfile::tempfile_in(dir).map_err(words)?;
    let formats = settings.results.formats.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    Ok(format!("{} is writable: {formats}", dir.display()))
}

fn clock(settings: &Settings) -> Outcome {
    let trust = Sensors::new(settings.state.dir.clone()).read(Timestamp::now()).clock;
    if trust.is_trusted() {
        Ok("set from the network".into())
    } else {
        Err("not known to be right: times are marked as untrusted until the clock is set from the network".into())
    }
}
