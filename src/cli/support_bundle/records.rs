//! What Spinewatch itself keeps: check, versions, standing, metrics, store, audit trail, updates. Counts, never rows.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::sources::Subject;
use crate::cli::ask::ask;
use crate::cli::check::device;
use crate::cli::model_folders::ModelFolders;
use crate::inference::Package;
use crate::store::{AuditFile, DEVICE, Link};
use crate::update::Records;

const PATIENCE: Duration = Duration::from_secs(10);
/// Longest page of metrics that is read, bytes.
const LONGEST: u64 = 1 << 20;
/// Newest entries of the audit trail that are looked through.
const ENTRIES: u32 = 2000;
/// Actions of the device itself, which name nobody.
const OWN: [&str; 7] =
    ["start", "stop", "configuration_changed", "models_changed", "clock_trusted", "clock_untrusted", "checkpoint"];

/// What `spinewatch check --device` finds.
///
/// # Errors
/// None; a part that hangs is told as such.
pub fn check(subject: &Subject) -> Result<String, String> {
    let parts = device(&subject.settings, &subject.board);
    let well = parts.iter().all(|part| part.outcome.is_ok());
    pretty(subject, &json!({ "well": well, "parts": parts }))
}

/// Program, kernel, system, RAUC, board and packages.
///
/// # Errors
/// None.
pub fn versions(subject: &Subject) -> Result<String, String> {
    let board = &subject.board;
    let text = |path: &str| board.text(path).ok();
    let release = text("/etc/os-release").or_else(|| text("/usr/lib/os-release")).unwrap_or_default();
    let of_release = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let system = ["PRETTY_NAME", "IMAGE_ID", "IMAGE_VERSION", "BUILD_ID"].map(of_release);
    let system: Vec<String> = system.into_iter().flatten().collect();
    let rauc = ask("rauc", &["--version"], PATIENCE, 4096).map(|answer| answer.text.trim().to_owned());
    let seen = json!({
        "spinewatch": env!("CARGO_PKG_VERSION"),
        "architecture": std::env::consts::ARCH,
        "kernel": text("/proc/sys/kernel/osrelease"),
        "kernel_build": text("/proc/sys/kernel/version"),
        "system": system,
        "rauc": rauc.unwrap_or_else(|why| why),
        "board": board.model(),
        "serial": board.serial(),
        "slot": board.slot().map(|slot| slot.name),
        "boot_id": text("/proc/sys/kernel/random/boot_id"),
        "models": models(subject),
    });
    pretty(subject, &seen)
}

/// The packages by signature and digests; whether their golden cases hold is in `check.json`.
fn models(subject: &Subject) -> Value {
    let folders = ModelFolders::of_settings(&subject.settings);
    let keys = match folders.trusted() {
        Ok(keys) => keys,
        Err(error) => return json!({ "refused": error.to_string() }),
    };
    let entries = std::fs::read_dir(folders.dir()).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut packages: Vec<_> = entries.filter(|path| path.join("package.toml").exists()).collect();
    packages.sort();
    let told = packages.iter().map(|folder| match Package::open(folder, &keys) {
        Ok(package) => json!(package.summary()),
        Err(error) => json!({ "refused": error.to_string() }),
    });
    told.collect()
}

/// What the daemon has last said of itself.
///
/// # Errors
/// When there is no such file.
pub fn standing(subject: &Subject) -> Result<String, String> {
    let path = "/run/spinewatch/standing.json";
    let text = subject.board.text(path).map_err(|error| format!("{path}: {error}: the daemon does not run"))?;
    Ok(subject.scrub.text(&text))
}

/// The daemon's page of metrics, where it serves one.
///
/// # Errors
/// When it serves none, or does not answer.
pub fn metrics(subject: &Subject) -> Result<String, String> {
    let address = subject.settings.health.metrics_address.ok_or("health.metrics_address is not set")?;
    page(address).map(|page| subject.scrub.text(&page)).map_err(|error| format!("{address}: {error}"))
}

fn page(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.take(LONGEST).read_to_string(&mut page)?;
    Ok(page.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}

/// Versions, counts and sizes of the database. No rows.
///
/// # Errors
/// When it cannot be read.
pub fn store(subject: &Subject) -> Result<String, String> {
    let statistics = database(subject)?.statistics().map_err(|error| error.to_string())?;
    let dir = &subject.settings.state.dir;
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| name.starts_with("spinewatch.db"))?;
        Some((name, Value::from(entry.metadata().ok()?.len())))
    });
    let files: serde_json::Map<String, Value> = files.collect();
    pretty(subject, &json!({ "database": statistics, "bytes": files }))
}

fn database(subject: &Subject) -> Result<AuditFile, String> {
    AuditFile::open(&subject.settings.state.dir.join("spinewatch.db")).map_err(|error| error.to_string())
}

/// Whether the audit trail holds, and what the device itself has put there. Not what people did: they have names.
///
/// # Errors
/// When it cannot be read.
pub fn audit(subject: &Subject) -> Result<String, String> {
    let file = database(subject)?;
    let verified = match file.verify(None).map_err(|error| error.to_string())? {
        Ok(found) => json!({
            "holds": true, "entries": found.entries, "first": found.first, "head": found.head.map(|head| head.to_string()),
        }),
        Err(broken) => json!({ "holds": false, "broken": broken.to_string() }),
    };
    let links = file.last(ENTRIES).map_err(|error| error.to_string())?;
    let own = |link: &&Link| link.entry.actor == DEVICE && OWN.contains(&link.entry.action.as_str());
    let told = links.iter().filter(own).map(|link| {
        let detail = link.entry.detail.as_deref().map(|detail| subject.scrub.line(detail));
        json!({ "at": link.entry.at.to_string(), "action": link.entry.action, "detail": detail })
    });
    let told: Vec<Value> = told.collect();
    pretty(subject, &json!({ "trail": verified, "device": told }))
}

/// The update that waits, and how the others ended.
///
/// # Errors
/// When the records cannot be read.
pub fn update(subject: &Subject) -> Result<String, String> {
    let records = Records::within(&subject.settings.state.dir);
    let pending = records.pending().map_err(|error| error.to_string())?;
    pretty(subject, &json!({ "pending": pending, "history": records.history() }))
}

fn pretty(subject: &Subject, value: &Value) -> Result<String, String> {
    Ok(subject.scrub.text(&format!("{value:#}")))
}
