//! Whether a bundle belongs on this device now: board, version, and what became of it before. Pure.

use semver::Version;

use super::bundle::Bundle;
use super::record::{Entry, Outcome, Pending};
use super::refusal::Refusal;

/// The system that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// RAUC's `compatible`.
    pub compatible: String,
    /// Version of the booted slot's bundle, or of this program where the slot was flashed.
    pub version: Version,
}

/// Admits the bundle `name`, or says why not. `force` overrides what a person may decide: older, the same again, and one
/// that was rolled back; never the board.
///
/// # Errors
/// A [`Refusal`].
pub fn admit(bundle: &Bundle, name: &str, running: &Running, history: &[Entry], force: bool) -> Result<(), Refusal> {
    let file = name.to_owned();
    let manifest = &bundle.manifest;
    if manifest.compatible != running.compatible {
        let (bundle, system) = (manifest.compatible.clone(), running.compatible.clone());
        return Err(Refusal::Compatible { file, bundle, system });
    }
    let version = manifest.version.clone();
    let Ok(offered) = Version::parse(&version) else { return Err(Refusal::Version { file, version }) };
    if force {
        return Ok(());
    }
    // Build metadata does not order versions.
    match offered.cmp_precedence(&running.version) {
        std::cmp::Ordering::Less => {
            return Err(Refusal::Older { file, version, running: running.version.to_string() });
        }
        std::cmp::Ordering::Equal => return Err(Refusal::SameVersion { file, version }),
        std::cmp::Ordering::Greater => {}
    }
    match last_end(history, &bundle.digest) {
        Some(Entry { outcome: Outcome::RolledBack | Outcome::Undone, why, .. }) => {
            let why = why.clone().unwrap_or_else(|| "no reason is recorded".to_owned());
            Err(Refusal::RolledBackBefore { file, version, why })
        }
        _ => Ok(()),
    }
}

/// How this very bundle ended the last time that it ran.
fn last_end<'a>(history: &'a [Entry], digest: &str) -> Option<&'a Entry> {
    let ended = |entry: &&Entry| matches!(entry.outcome, Outcome::Proved | Outcome::RolledBack | Outcome::Undone);
    history.iter().rev().filter(ended).find(|entry| entry.bundle.as_deref() == Some(digest))
}

/// An update that was restarted into and has not proved itself still needs the slot that a new one would overwrite.
///
/// # Errors
/// [`Refusal::NotProvedYet`].
pub fn may_overwrite(pending: Option<&Pending>, boot_id: &str) -> Result<(), Refusal> {
    match pending {
        Some(pending) if pending.boot_id != boot_id || boot_id.is_empty() => {
            Err(Refusal::NotProvedYet { version: pending.version.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::Timestamp;

    use super::super::record::Source;
    use super::*;

    fn running() -> Running {
        Running { compatible: "spinewatch-virtual-aarch64".into(), version: Version::new(0, 2, 0) }
    }

    fn code(compatible: &str, version: &str, history: &[Entry], force: bool) -> &'static str {
        let bundle = Bundle::of_manifest(compatible, version);
        admit(&bundle, "x.raucb", &running(), history, force).map_or_else(|refusal| refusal.code(), |()| "admitted")
    }

    fn ended(outcome: Outcome, bundle: &str) -> Entry {
        Entry {
            number: 1,
            at: Timestamp::UNIX_EPOCH,
            outcome,
            version: Some("0.3.0".into()),
            bundle: Some(bundle.into()),
            why: Some("the model was refused".into()),
            code: None,
            source: Source::Stick,
            reference: None,
        }
    }

    #[test]
    fn only_a_newer_version_is_admitted_unless_forced() {
        let board = "spinewatch-virtual-aarch64";
        let cases = [
            ("0.2.1", "admitted"),
            ("0.10.0", "admitted"),
            ("1.0.0", "admitted"),
            ("0.2.1-rc.1", "admitted"),
            ("0.2.0", "same_version"),
            ("0.2.0+build.7", "same_version"),
            ("0.2.0-rc.1", "older"),
            ("0.1.9", "older"),
            ("2024-01", "version"),
            ("v0.3.0", "version"),
            ("", "version"),
        ];
        for (version, expected) in cases {
            assert_eq!(code(board, version, &[], false), expected, "{version}");
            let forced = if expected == "version" { "version" } else { "admitted" };
            assert_eq!(code(board, version, &[], true), forced, "{version} forced");
        }
    }

    #[test]
    fn a_bundle_for_another_board_is_refused_even_when_forced() {
        for force in [false, true] {
            assert_eq!(code("spinewatch-imx8mp-evk", "0.3.0", &[], force), "compatible");
        }
    }

    #[test]
    fn a_bundle_that_was_rolled_back_is_not_installed_again_by_itself() {
        let board = "spinewatch-virtual-aarch64";
        let this = Bundle::of_manifest(board, "0.3.0").digest;
        let back = [ended(Outcome::RolledBack, &this)];
        assert_eq!(code(board, "0.3.0", &back, false), "rolled_back_before");
        assert_eq!(code(board, "0.3.0", &back, true), "admitted");
        assert_eq!(code(board, "0.3.0", &[ended(Outcome::RolledBack, "another")], false), "admitted");
        let proved_later = [back[0].clone(), ended(Outcome::Proved, &this), ended(Outcome::Refused, &this)];
        assert_eq!(code(board, "0.3.0", &proved_later, false), "admitted");
    }

    #[test]
    fn the_fallback_of_an_unproved_update_is_not_overwritten() {
        let pending = Pending {
            version: "0.3.0".into(),
            bundle: String::new(),
            from_slot: "rootfs.0".into(),
            to_slot: "rootfs.1".into(),
            source: Source::File,
            reference: None,
            boot_id: "before".into(),
            at: Timestamp::UNIX_EPOCH,
            written: true,
            condemned: None,
        };
        assert_eq!(may_overwrite(None, "now"), Ok(()));
        assert_eq!(may_overwrite(Some(&pending), "before"), Ok(()), "it only waits for the restart");
        assert_eq!(may_overwrite(Some(&pending), "now").unwrap_err().code(), "not_proved_yet");
        let unknown = Pending { boot_id: String::new(), ..pending };
        assert_eq!(may_overwrite(Some(&unknown), "").unwrap_err().code(), "not_proved_yet");
    }
}
