//! After the restart: proved, or back to the other slot, and told only then.

use std::time::Duration;

use spinewatch::health::Standing;
use spinewatch::update::confirm::Limits;
use spinewatch::update::{BootLoader, Outcome, Trial, Verdict};

use super::bus::Device;
use super::equipped;

const LIMITS: Limits = Limits { settled: Duration::from_secs(20), limit: Duration::from_secs(300) };

fn standing(now: u64, models: &str) -> Standing {
    Standing {
        version: "0.3.0".into(),
        boot_id: None,
        started_secs: 20,
        uptime_secs: now,
        ready: true,
        screen: "good".into(),
        models: models.into(),
        store: "good".into(),
    }
}

/// The trial of the boot `boot_id` from the second 30 on; what it came to, after how many seconds, and what was asked.
fn tried(device: &Device, boot_id: &str, says: impl Fn(u64) -> Option<Standing>) -> (Verdict, u64, Vec<String>) {
    device.calls.lock().unwrap().clear();
    let (rauc, records) = (device.rauc(), device.records());
    let boot_loader = BootLoader { programs: Some(device.path("no programs")) };
    let trial = Trial { rauc: &rauc, boot_loader, records: &records, boot_id, limits: LIMITS, restart: true };
    let mut now = 29;
    let verdict = trial.run(&mut || {
        now += 1;
        (says(now), Duration::from_secs(now))
    });
    (verdict.unwrap(), now - 30, device.changes())
}

/// A device that has installed 0.3.0 from slot A into slot B, and has restarted into `booted`.
fn restarted(booted: usize) -> Device {
    let device = Device::new();
    let path = device.path("x.raucb");
    device.good_bundle(&path);
    assert_eq!(device.install(&path, false).0, Ok("0.3.0".into()));
    let mut script = device.script.lock().unwrap();
    script.booted = booted;
    script.versions = [Some("0.2.0"), Some("0.3.0")];
    drop(script);
    device
}

fn outcomes(device: &Device) -> Vec<Outcome> {
    device.records().history().iter().map(|entry| entry.outcome).collect()
}

fn good(now: u64) -> Option<Standing> {
    Some(standing(now, "good"))
}

#[test]
fn an_update_is_proved_when_the_new_system_has_been_good_for_the_settled_time() {
    if !equipped() {
        return;
    }
    let device = restarted(1);
    let (verdict, after, asked) = tried(&device, "second boot", good);
    assert_eq!(
        (verdict, after, &asked[..]),
        (Verdict::Proved("0.3.0".into()), 20, &["Mark good booted".to_owned()][..])
    );
    assert_eq!(outcomes(&device).last(), Some(&Outcome::Proved));
    assert_eq!(device.records().pending().unwrap(), None);
    let (verdict, _, asked) = tried(&device, "third boot", good);
    assert_eq!((verdict, asked.len()), (Verdict::Good, 1));
}

#[test]
fn before_the_restart_nothing_is_judged() {
    if !equipped() {
        return;
    }
    let device = restarted(0);
    let (rauc, records) = (device.rauc(), device.records());
    let boot_loader = BootLoader::default();
    let boot_id = "first boot";
    let trial = Trial { rauc: &rauc, boot_loader, records: &records, boot_id, limits: LIMITS, restart: true };
    let verdict = trial.run(&mut || panic!("nothing is looked at"));
    assert_eq!(verdict.unwrap(), Verdict::BeforeRestart);
    assert!(records.pending().unwrap().is_some());
}

#[test]
fn a_self_test_that_fails_after_the_update_rolls_back_and_is_told_after_the_restart_only() {
    if !equipped() {
        return;
    }
    let device = restarted(1);
    let (verdict, after, asked) = tried(&device, "second boot", |now| Some(standing(now, "detector 1 is refused")));
    assert_eq!(verdict, Verdict::RollingBack("models: detector 1 is refused".into()));
    assert_eq!((after, &asked[..]), (30, &["Mark bad booted".to_owned(), "Reboot".to_owned()][..]));
    assert_eq!(outcomes(&device), [Outcome::Installed], "it has not been rolled back yet");
    device.script.lock().unwrap().booted = 0;
    let (verdict, _, asked) = tried(&device, "third boot", good);
    assert_eq!((verdict, &asked[..]), (Verdict::Good, &["Mark good booted".to_owned()][..]));
    let last = device.records().history().pop().unwrap();
    assert_eq!((last.outcome, last.why.as_deref()), (Outcome::RolledBack, Some("models: detector 1 is refused")));
    let again = device.install(&device.path("x.raucb"), false).0.unwrap_err();
    assert!(again.starts_with("[rolled_back_before]"), "the stick that is still there: {again}");
}

#[test]
fn a_new_system_that_never_starts_ends_in_the_old_one_with_its_attempts_used_up() {
    if !equipped() {
        return;
    }
    let device = restarted(0);
    let (verdict, _, asked) = tried(&device, "second boot", good);
    assert_eq!((verdict, &asked[..]), (Verdict::Good, &["Mark good booted".to_owned()][..]));
    let last = device.records().history().pop().unwrap();
    assert_eq!(last.outcome, Outcome::RolledBack);
    assert!(last.why.unwrap().starts_with("attempts used up"));
}

#[test]
fn a_system_without_an_update_is_never_restarted_however_bad_it_is() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let (verdict, after, asked) = tried(&device, "a boot", |_| None);
    assert!(matches!(verdict, Verdict::NotGood(_)) && after == 300, "{verdict:?} after {after}");
    assert_eq!(asked, [""; 0]);
    let (verdict, _, asked) = tried(&device, "a boot", |now| Some(standing(now, "refused")));
    assert!(matches!(verdict, Verdict::NotGood(_)) && asked.is_empty());
    assert_eq!(outcomes(&device), []);
}

#[test]
fn a_bad_system_with_no_good_slot_to_go_to_stays_and_says_so() {
    if !equipped() {
        return;
    }
    let device = restarted(1);
    device.script.lock().unwrap().good = [false, true];
    let (verdict, _, asked) = tried(&device, "second boot", |_| None);
    assert!(matches!(verdict, Verdict::Stayed(_)) && asked.is_empty(), "{verdict:?} {asked:?}");
    assert_eq!(outcomes(&device).last(), Some(&Outcome::Failed));
}
