//! What systemd keeps: our units and their watchdog, failed units, the journal. The words of `systemctl` in, outcomes out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Ill, Outcome, Part};
use crate::cli::ask::ask;
use crate::health::board::{Board, Mount};

const PATIENCE: Duration = Duration::from_secs(5);
const MOST: usize = 64 << 10;
/// The daemon has been started anew more often than this since the boot: it does not last.
const RESTARTS: u32 = 2;

/// What is asked of the daemon's unit.
const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,Result,NRestarts,WatchdogUSec";

/// Looks at each part in turn.
pub fn look(board: &Board, tell: &mut dyn FnMut(Part)) {
    let show = ask("systemctl", &["show", "-p", PROPERTIES, "spinewatch.service"], PATIENCE, MOST);
    tell(Part::new("daemon", show.map_err(no_systemd).and_then(|answer| daemon(&properties(&answer.text)))));
    let failed = ask("systemctl", &["list-units", "--failed", "--plain", "--no-legend"], PATIENCE, MOST);
    tell(Part::new("units", failed.map_err(no_systemd).and_then(|answer| units(&answer.text))));
    let folder = "/var/log/journal";
    let machines = board.names(folder);
    tell(Part::new("journal", journal(&board.mounts(), !machines.is_empty())));
}

fn no_systemd(why: String) -> Ill {
    Ill::new(why, "run this on the device, as root; the board's image runs systemd")
}

/// `KEY=value` lines of `systemctl show`.
fn properties(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

fn daemon(unit: &BTreeMap<&str, &str>) -> Outcome {
    let word = |key: &str| unit.get(key).copied().unwrap_or_default();
    if word("LoadState") != "loaded" {
        let cure = "install spinewatch.service (board/rootfs), then systemctl enable --now spinewatch";
        return Err(Ill::new(format!("spinewatch.service is {}", worded(word("LoadState"))), cure));
    }
    if word("ActiveState") != "active" {
        let what = format!("spinewatch.service is {} ({})", worded(word("ActiveState")), worded(word("Result")));
        return Err(Ill::new(what, "journalctl -u spinewatch -n 30 says why; then systemctl restart spinewatch"));
    }
    let restarts = word("NRestarts").parse().unwrap_or(0);
    if restarts > RESTARTS {
        let what = format!("spinewatch.service was started anew {restarts} times ({})", worded(word("Result")));
        return Err(Ill::new(what, "journalctl -u spinewatch -p err says why; send a support bundle"));
    }
    let watched = match word("WatchdogUSec") {
        "" | "0" | "infinity" => ", without a watchdog".to_owned(),
        limit => format!(", watchdog {limit}"),
    };
    Ok(format!("runs{watched}, started anew {restarts} times"))
}

fn worded(word: &str) -> &str {
    if word.is_empty() { "unknown" } else { word }
}

/// A unit a line, its name first.
fn units(failed: &str) -> Outcome {
    let names: Vec<&str> = failed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    match names.first() {
        None => Ok("none has failed".into()),
        Some(first) => Err(Ill::new(format!("failed: {}", names.join(", ")), format!("journalctl -b -u {first}"))),
    }
}

/// Lines of before a power cut are what a field engineer comes for.
fn journal(mounts: &[Mount], kept: bool) -> Outcome {
    let cure = "Storage=persistent in journald.conf.d, and /var/log/journal on the data partition";
    if !kept {
        return Err(Ill::new("the journal is in memory: gone at a power cut", cure));
    }
    let folder = std::path::Path::new("/var/log/journal");
    match Mount::holding(mounts, folder).map(|mount| (mount.kind.as_str(), mount.is_read_only())) {
        Some(("tmpfs" | "ramfs", _)) => Err(Ill::new("/var/log/journal lies in memory", cure)),
        Some((_, true)) => Err(Ill::new("/var/log/journal cannot be written", cure)),
        _ => Ok("kept over power cuts".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn said(text: &str) -> Outcome {
        daemon(&properties(text))
    }

    #[test]
    fn a_daemon_that_runs_says_how_it_is_watched() {
        let text =
            "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nNRestarts=1\nWatchdogUSec=30s\n";
        assert_eq!(said(text).unwrap(), "runs, watchdog 30s, started anew 1 times");
        let restless = said(&text.replace("NRestarts=1", "NRestarts=7")).unwrap_err();
        assert!(restless.what.contains("7 times"), "{restless}");
        let unwatched = said(&text.replace("30s", "infinity")).unwrap();
        assert!(unwatched.contains("without a watchdog"), "{unwatched}");
    }

    #[test]
    fn a_daemon_that_is_missing_or_failed_is_told_apart() {
        assert!(said("LoadState=not-found\nActiveState=inactive\n").unwrap_err().what.contains("not-found"));
        let failed = said("LoadState=loaded\nActiveState=failed\nResult=watchdog\n").unwrap_err();
        assert_eq!(failed.what, "spinewatch.service is failed (watchdog)");
        assert!(said("").unwrap_err().what.contains("unknown"));
    }

    #[test]
    fn failed_units_are_named() {
        assert!(units("").is_ok());
        let failed =
            units("rauc.service loaded failed failed Update Service\nx.mount loaded failed failed X\n").unwrap_err();
        assert_eq!(
            (failed.what.as_str(), failed.cure.as_str()),
            ("failed: rauc.service, x.mount", "journalctl -b -u rauc.service")
        );
    }

    #[test]
    fn a_journal_in_memory_is_ill() {
        let mounts = |line: &str| Mount::parse(line).into_iter().collect::<Vec<_>>();
        let disk = mounts("30 22 254:4 / /var/log rw - ext4 /dev/vda4 rw");
        assert!(journal(&disk, true).is_ok() && journal(&disk, false).is_err());
        assert!(journal(&mounts("30 22 0:44 / /var/log rw - tmpfs tmpfs rw"), true).is_err());
    }
}
