//! What the daemon works with: state folder, share, packages, accelerator, broker, screen, results, clock, certificates.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use embedded_graphics::geometry::Size;
use jiff::Timestamp;

use super::{Ill, Outcome, Part};
use crate::cli::ask::within;
use crate::cli::certificates;
use crate::cli::model_folders::ModelFolders;
use crate::config::{Settings, SurfaceKind};
use crate::display::{DrivenPanel, FrameBuffer};
use crate::health::Sensors;
use crate::inference::Accelerated;
use crate::ingest::{Folder, Share};
use crate::publish;

/// How long a broker may take to answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(3);
/// How long a folder may take; a dead mount takes for ever.
const FOLDER_PATIENCE: Duration = Duration::from_secs(10);

/// Where a running daemon says how it stands.
const STANDING: &str = "/run/spinewatch/standing.json";

/// Looks at each part in turn.
pub fn look(settings: &Settings, tell: &mut dyn FnMut(Part)) {
    let engine = Accelerated::of_device(settings);
    let publishing = publish::Settings::from_config(&settings.mqtt, &settings.device)
        .map_err(|error| Ill::new(error.to_string(), "correct [mqtt] or the files that it names"));
    tell(Part::new("state", promptly(settings, state)));
    tell(Part::new("share", promptly(settings, share)));
    tell(Part::new("models", models(settings, &engine)));
    tell(Part::new("accelerator", accelerator(settings, &engine)));
    tell(Part::new("broker", publishing.clone().and_then(|publishing| broker(&publishing))));
    tell(Part::new("screen", screen(settings)));
    tell(Part::new("results", promptly(settings, results)));
    tell(Part::new("clock", clock(settings)));
    if let Some(tls) = publishing.ok().and_then(|publishing| publishing.connection.tls) {
        let now = Timestamp::now();
        let now = Sensors::new(settings.state.dir.clone()).clock(now).is_trusted().then_some(now);
        for outcome in certificates::validities(&tls, now) {
            let cure = "see board/certificates.md";
            tell(Part::new("certificate", outcome.map_err(|what| Ill::new(what, cure))));
        }
    }
}

/// A look into a folder, which hangs where a mount is dead.
fn promptly(settings: &Settings, look: fn(&Settings) -> Outcome) -> Outcome {
    let settings = settings.clone();
    let hangs = |what| Ill::new(what, "a mount hangs: check the server and the cable, `mount` says which there are");
    within(FOLDER_PATIENCE, move || look(&settings)).map_err(hangs)?
}

fn state(settings: &Settings) -> Outcome {
    let dir = &settings.state.dir;
    let cure = "the daemon's user must be able to write there";
    let words = |error: std::io::Error| Ill::new(format!("{}: {error}", dir.display()), cure);
    std::fs::create_dir_all(dir).map_err(words)?;
    tempfile::tempfile_in(dir).map_err(words)?;
    let disk = crate::health::Disk::at(dir).map_err(words)?;
    let free = disk.free_bytes >> 20;
    let least = settings.health.disk_free_min_mib;
    if free < least {
        let cure = "free some space or lower state.retention_days";
        return Err(Ill::new(format!("{free} MiB free, health.disk_free_min_mib is {least}"), cure));
    }
    Ok(format!("{} is writable, {free} MiB free", dir.display()))
}

fn share(settings: &Settings) -> Outcome {
    let mut folder = Folder::new(&settings.share.path, settings.share.require_mount);
    let path = settings.share.path.display();
    match folder.probe() {
        Ok(()) => Ok(format!("{path} is readable")),
        Err(error) => Err(Ill::new(format!("{path}: {error}"), "check the mount and the console's export")),
    }
}

fn models(settings: &Settings, engine: &Accelerated) -> Outcome {
    let cure = "install a signed package: spinewatch models install";
    let folders = ModelFolders::of_settings(settings);
    let keys = folders.trusted().map_err(|error| Ill::new(error.to_string(), cure))?;
    let (report, fallbacks) = folders.selftest(&keys, engine);
    if report.models.is_empty() {
        let what = format!("no package in {}: this device does not analyse", folders.dir().display());
        return Err(Ill::new(what, cure));
    }
    let refused = report.models.iter().find_map(|model| model.outcome.as_ref().err().map(|why| (&model.package, why)));
    match (refused, fallbacks.first()) {
        (Some((package, why)), _) => Err(Ill::new(format!("{package}: {why}"), cure)),
        (None, Some(why)) => Err(Ill::new(why.clone(), cure)),
        (None, None) => {
            Ok(report.models.iter().map(|model| model.package.clone()).collect::<Vec<_>>().join(", ") + " hold")
        }
    }
}

/// What the self-test of the models found of it.
fn accelerator(settings: &Settings, engine: &Accelerated) -> Outcome {
    let standing = engine.watch().standing();
    match (settings.accelerator.provider, standing.fault()) {
        (_, Some(fault)) => {
            Err(Ill::new(fault, "the processor does its work; board/accelerators.md says what the board needs"))
        }
        (None, None) => Ok("none, by configuration".into()),
        (Some(_), None) if standing.proven().is_empty() => {
            Err(Ill::new("no network was tried on it: no package holds", "cure the models first"))
        }
        (Some(provider), None) => Ok(format!("{}: {}", provider.name(), standing.proven().join("; "))),
    }
}

fn broker(publishing: &publish::Settings) -> Outcome {
    let url = &publishing.connection.url;
    let cure = "messages wait on this device until it does: check cable, mqtt.url and the broker";
    let words =
        |why: &dyn std::fmt::Display| Ill::new(format!("{}:{} does not answer: {why}", url.host, url.port), cure);
    let mut addresses = (url.host.as_str(), url.port).to_socket_addrs().map_err(|error| words(&error))?;
    let address = addresses.next().ok_or_else(|| words(&"it has no address"))?;
    let stream = TcpStream::connect_timeout(&address, BROKER_PATIENCE).map_err(|error| words(&error))?;
    let answers = format!("{}:{} answers", url.host, url.port);
    match &publishing.connection.tls {
        Some(tls) => certificates::handshake(tls, url, stream)
            .map(|secured| format!("{answers}: {secured}"))
            .map_err(|what| Ill::new(what, "see board/certificates.md")),
        None => Ok(answers),
    }
}

fn screen(settings: &Settings) -> Outcome {
    let display = &settings.display;
    match display.surface {
        SurfaceKind::None => Ok("none, by configuration".into()),
        SurfaceKind::Terminal => Ok("this terminal".into()),
        SurfaceKind::Png => Ok(format!("pictures in {}", display.png_dir.display())),
        SurfaceKind::Panel => driven_panel(settings),
        SurfaceKind::Framebuffer => FrameBuffer::open(&display.framebuffer, Path::new("/sys/class/graphics"))
            .map(|_| format!("{} opens", display.framebuffer.display()))
            .map_err(|error| {
                let cure = "check the panel's cable and its device-tree overlay: dmesg | grep -i -e fb -e drm";
                Ill::new(format!("{}: {error}", display.framebuffer.display()), cure)
            }),
    }
}

/// Setting a panel up blanks it, so one that the daemon draws on is left alone.
fn driven_panel(settings: &Settings) -> Outcome {
    let ([width, height], name) = (settings.display.size, settings.panel.controller.name());
    if Path::new(STANDING).exists() {
        return Ok(format!("the daemon draws on {name}"));
    }
    let open =
        if settings.panel.controller.is_spi() { "; SPI does not tell whether a panel hangs on it: look" } else { "" };
    DrivenPanel::of_settings(&settings.panel, Size::new(width, height))
        .map(|_| format!("{name} is set up{open}"))
        .map_err(|error| Ill::new(format!("{name}: {error}"), "check wiring (board/README.md), overlay and [panel]"))
}

fn results(settings: &Settings) -> Outcome {
    let dir = &settings.results.dir;
    if settings.results.formats.is_empty() {
        return Ok("none, by configuration".into());
    }
    let cure = "the daemon's user must be able to write there, see board/results.md";
    let words = |error: std::io::Error| Ill::new(format!("{}: {error}", dir.display()), cure);
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
        let what = "not known to be right: times are marked as untrusted until the clock is set from the network";
        Err(Ill::new(what, "let the device reach a time server: timedatectl timesync-status"))
    }
}
