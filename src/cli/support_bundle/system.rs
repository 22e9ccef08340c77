//! What the system says of itself: journals, kernel, units, mounts, disks, memory, network, slots, boot loader.

use std::fmt::Write as _;
use std::time::Duration;

use super::sources::Subject;
use crate::cli::ask::{Answer, ask};
use crate::health::Disk;

const PATIENCE: Duration = Duration::from_secs(20);
/// Of what a program writes, this much of the end is looked at, bytes.
const MOST: usize = 4 << 20;
/// Lines of a journal.
const LINES: &str = "20000";
/// Units of the daemon and of what it stands on.
const UNITS: [&str; 9] = [
    "spinewatch.service",
    "spinewatch-data.service",
    "spinewatch-identity.service",
    "spinewatch-firewall.service",
    "rauc.service",
    "srv-ct.automount",
    "srv-ct.mount",
    "systemd-timesyncd.service",
    "systemd-networkd.service",
];
/// Units of updates.
const UPDATERS: [&str; 4] =
    ["spinewatch-update@*", "spinewatch-confirm.service", "spinewatch-update-poll.service", "rauc.service"];
/// What is asked of each unit.
const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainCode,ExecMainStatus,StatusText,\
                          StateChangeTimestamp,MemoryCurrent,WatchdogUSec";

/// What the daemon and what it stands on have written.
///
/// # Errors
/// Why there is none.
pub fn journal(subject: &Subject) -> Result<String, String> {
    said(subject, journal_of(&UNITS))
}

/// What the updater has written.
///
/// # Errors
/// Why there is none.
pub fn journal_of_updates(subject: &Subject) -> Result<String, String> {
    said(subject, journal_of(&UPDATERS))
}

fn journal_of(units: &[&str]) -> Result<Answer, String> {
    let units = units.iter().flat_map(|unit| ["-u", *unit]);
    let rest = ["-o", "short-iso-precise", "--no-hostname", "--no-pager", "-q", "-n", LINES];
    ask("journalctl", &units.chain(rest).collect::<Vec<_>>(), PATIENCE, MOST)
}

/// Warnings of the kernel, of this boot and those before, by the journal; else of this boot by the kernel's own buffer.
///
/// # Errors
/// Why there is none.
pub fn kernel(subject: &Subject) -> Result<String, String> {
    let options = [
        "_TRANSPORT=kernel",
        "-p",
        "warning",
        "-o",
        "short-iso-precise",
        "--no-hostname",
        "--no-pager",
        "-q",
        "-n",
        LINES,
    ];
    let journal = ask("journalctl", &options, PATIENCE, MOST);
    said(subject, journal.or_else(|_| ask("dmesg", &["--level=emerg,alert,crit,err,warn"], PATIENCE, MOST)))
}

/// How our units and the failed ones stand.
///
/// # Errors
/// When there is no systemd.
pub fn units(subject: &Subject) -> Result<String, String> {
    let show: Vec<&str> = ["show", "-p", PROPERTIES].into_iter().chain(UNITS).collect();
    let shown = said(subject, ask("systemctl", &show, PATIENCE, MOST))?;
    let failed = said(subject, ask("systemctl", &["list-units", "--failed", "--plain", "--no-legend"], PATIENCE, MOST));
    Ok(format!("{shown}\nfailed units:\n{}", failed.unwrap_or_else(|why| why + "\n")))
}

/// What is mounted; of a network's, neither server nor options that name somebody.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn mounts(subject: &Subject) -> Result<String, String> {
    let mut text = String::new();
    for mount in subject.board.mounts() {
        let source = if mount.is_network() { "<cut>" } else { &mount.source };
        let options: Vec<&str> = mount.options.iter().map(String::as_str).filter(|option| !names(option)).collect();
        let _infallible = writeln!(text, "{} {} {source} {}", mount.point, mount.kind, options.join(","));
    }
    if text.is_empty() { Err("what is mounted cannot be read".into()) } else { Ok(subject.scrub.text(&text)) }
}

/// Options that name a server or somebody.
fn names(option: &str) -> bool {
    const KEYS: [&str; 9] =
        ["username", "user", "domain", "addr", "clientaddr", "mountaddr", "unc", "srcaddr", "netbiosname"];
    option.split_once('=').is_some_and(|(key, _)| KEYS.contains(&key))
}

/// Space of each file system of this device, and its partitions. A network's is not asked: it may hang.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn disks(subject: &Subject) -> Result<String, String> {
    let mut text = String::new();
    for mount in subject.board.mounts() {
        let is_disk = mount.source.starts_with('/') || mount.kind == "tmpfs";
        if let Ok(disk) = Disk::at(&subject.board.path(&mount.point))
            && is_disk
            && !mount.is_network()
        {
            let (free, total) = (disk.free_bytes >> 20, disk.total_bytes >> 20);
            let _infallible = writeln!(text, "{}: {free} of {total} MiB free", mount.point);
        }
    }
    let partitions = subject.board.text("/proc/partitions").map_err(|error| format!("/proc/partitions: {error}"))?;
    Ok(subject.scrub.text(&format!("{text}\n{partitions}\n")))
}

/// Memory, load and pressure.
///
/// # Errors
/// When nothing of it can be read.
pub fn memory(subject: &Subject) -> Result<String, String> {
    let files = ["/proc/meminfo", "/proc/loadavg", "/proc/uptime", "/proc/pressure/memory", "/proc/pressure/io"];
    files_of(subject, &files)
}

/// Interfaces with addresses, routes and counters. No names of neighbours.
///
/// # Errors
/// When nothing of it can be read.
pub fn network(subject: &Subject) -> Result<String, String> {
    let mut text = String::new();
    for link in subject.board.links() {
        let _infallible = writeln!(text, "{link:?}");
    }
    for (name, address) in subject.board.addresses() {
        let _infallible = writeln!(text, "{name} {address}");
    }
    Ok(text + &files_of(subject, &["/proc/self/net/dev", "/proc/self/net/route", "/proc/self/net/snmp"])?)
}

fn files_of(subject: &Subject, paths: &[&str]) -> Result<String, String> {
    let file = |path: &&str| Some(format!("== {path}\n{}\n", subject.board.text(path).ok()?));
    let text: String = paths.iter().filter_map(file).collect();
    if text.is_empty() {
        Err(format!("none of {} can be read", paths.join(", ")))
    } else {
        Ok(subject.scrub.text(&text))
    }
}

/// The slots, by RAUC.
///
/// # Errors
/// When RAUC does not answer.
pub fn slots(subject: &Subject) -> Result<String, String> {
    said(subject, ask("rauc", &["status", "--detailed", "--output-format=readable"], PATIENCE, MOST))
}

/// The kernel's command line, and the boot loader's variables that concern slots.
///
/// # Errors
/// When the command line cannot be read.
pub fn boot(subject: &Subject) -> Result<String, String> {
    let line = subject.board.text("/proc/cmdline").map_err(|error| format!("/proc/cmdline: {error}"))?;
    let variables = match ask("fw_printenv", &[], PATIENCE, MOST) {
        Ok(answer) => {
            answer.text.lines().filter(|line| line.starts_with("BOOT_")).map(|line| format!("{line}\n")).collect()
        }
        Err(why) => format!("{why}\n"),
    };
    Ok(subject.scrub.text(&format!("{line}\n{variables}")))
}

fn said(subject: &Subject, answer: Result<Answer, String>) -> Result<String, String> {
    let answer = answer?;
    let cut = if answer.cut { "(the beginning is cut)\n" } else { "" };
    Ok(cut.to_owned() + &subject.scrub.text(&answer.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_name_somebody_are_known() {
        for option in ["username=anna", "addr=10.0.0.7", "clientaddr=10.0.0.8", "domain=WARD"] {
            assert!(names(option), "{option}");
        }
        for option in ["ro", "soft", "vers=3.1.1", "actimeo=1", "noserverino"] {
            assert!(!names(option), "{option}");
        }
    }
}
