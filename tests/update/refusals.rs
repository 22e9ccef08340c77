//! The table: which bundle is installed, and which is refused before RAUC is asked to write a byte.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use spinewatch::update::bundle::Bundle;
use spinewatch::update::{Outcome, Phase, Refusal, Source};

use super::bundles::{BOARD, Signer, parts};
use super::bus::Device;
use super::equipped;
use super::fake::Ends;

/// Nothing was asked of RAUC that writes, the device does not restart, and one line says why: one of `codes`.
fn refused(device: &Device, source: &Path, force: bool, codes: &str) -> String {
    let (outcome, said) = device.install(source, force);
    let words = outcome.expect_err("refused");
    let known = codes.split(" or ").any(|code| words.starts_with(&format!("[{code}] ")));
    assert!(known, "expected {codes}: {words}");
    assert_eq!(device.changes(), [""; 0], "{words}");
    assert!(!words.contains('\n'), "one line: {words}");
    assert_eq!(device.records().pending().unwrap(), None);
    assert!(said.iter().all(|progress| progress.phase != Phase::Writing), "{words}");
    words
}

fn row(case: &str, outcome: &str) {
    println!("| {case:<44} | {outcome}");
}

#[test]
fn a_good_bundle_is_installed_and_nothing_is_called_good_before_the_restart() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let stick = device.path("stick");
    std::fs::create_dir(&stick).unwrap();
    device.good_bundle(&stick.join("spinewatch-0.3.0.raucb"));
    std::fs::write(stick.join("._spinewatch-0.3.0.raucb"), "AppleDouble").unwrap();
    let (outcome, said) = device.install(&stick, false);
    assert_eq!(outcome, Ok("0.3.0".into()));
    assert_eq!(device.changes(), ["InstallBundle spinewatch-0.3.0.raucb", "Reboot"]);
    let phases: Vec<Phase> = said.iter().map(|progress| progress.phase).collect();
    let order = [Phase::Checking, Phase::Writing, Phase::Restarting];
    assert!(
        order.iter().all(|phase| phases.contains(phase))
            && phases.is_sorted_by_key(|at| order.iter().position(|p| p == at))
    );
    assert!(said.iter().any(|p| p.phase == Phase::Checking && p.percent == Some(100)), "every block was read");
    assert!(said.iter().any(|p| (p.percent, &*p.words) == (Some(60), "Copying image to rootfs.1")));
    let pending = device.records().pending().unwrap().unwrap();
    assert!(pending.written && (&*pending.from_slot, &*pending.to_slot) == ("rootfs.0", "rootfs.1"));
    let history = device.records().history();
    assert_eq!(history.iter().map(|entry| entry.outcome).collect::<Vec<_>>(), [Outcome::Installed]);
    row("good bundle, beside a ._x.raucb", "installed, restarting; proved later");

    device.script.lock().unwrap().is_old = true;
    assert_eq!(device.install(&stick, false).0, Ok("0.3.0".into()), "it only waits for its restart");
    row("the same, RAUC without InspectBundle", "installed by way of `rauc info`");
}

#[test]
fn bundles_that_do_not_belong_here_are_refused_before_a_byte_is_written() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let made = |signer: &Signer, name: &str, compatible: &str, version: &str, format: &str| {
        let path = device.path(name);
        signer.bundle(&path, compatible, version, format);
        path
    };
    let stranger = Signer::new(device.folder.path(), "stranger");
    let foreign = made(&stranger, "foreign.raucb", BOARD, "0.3.0", "verity");
    row("wrong signature", &refused(&device, &foreign, false, "signature"));
    refused(&device, &foreign, true, "signature");
    device.script.lock().unwrap().is_old = true;
    row("wrong signature, by `rauc info`", &refused(&device, &foreign, false, "signature"));
    device.script.lock().unwrap().is_old = false;
    let other = made(&device.maker, "other.raucb", "spinewatch-imx8mp-evk", "0.3.0", "verity");
    row("wrong compatible", &refused(&device, &other, false, "compatible"));
    row("wrong compatible, --force", &refused(&device, &other, true, "compatible"));
    let plain = made(&device.maker, "plain.raucb", BOARD, "0.3.0", "plain");
    row("plain format", &refused(&device, &plain, true, "format"));
    let older = made(&device.maker, "older.raucb", BOARD, "0.1.9", "verity");
    row("older version", &refused(&device, &older, false, "older"));
    let same = made(&device.maker, "same.raucb", BOARD, "0.2.0", "verity");
    row("same version", &refused(&device, &same, false, "same_version"));
    let odd = made(&device.maker, "odd.raucb", BOARD, "november", "verity");
    row("a version that is none", &refused(&device, &odd, true, "version"));
    let outcomes: Vec<_> = device.records().history().iter().map(|e| (e.outcome, e.code.clone().unwrap())).collect();
    assert!(outcomes.iter().all(|(outcome, code)| *outcome == Outcome::Refused && code != "same_version"));
    assert_eq!(device.install(&older, true).0, Ok("0.1.9".into()));
    assert_eq!(device.changes(), ["InstallBundle older.raucb", "Reboot"]);
    row("older version, --force", "installed, restarting; proved later");
}

#[test]
fn a_bundle_that_was_cut_off_or_in_which_a_bit_is_wrong_is_refused_before_a_byte_is_written() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let path = device.path("x.raucb");
    device.good_bundle(&path);
    let good = std::fs::read(&path).unwrap();
    for point in 1..=20 {
        std::fs::write(&path, &good[..good.len() * point / 20 - 1]).unwrap();
        let words = refused(&device, &path, true, "not_a_bundle");
        if point == 10 {
            row("truncated at 20 points: 20 refused; such as", &words);
        }
    }
    let (tree, signature, trailer) = parts(&good);
    let manifest = good.windows(12).rposition(|window| window == b"verity-hash=").unwrap();
    let payload = (0..12).map(|i| i * (tree - 1) / 11);
    let places = payload.chain([tree, tree + 4096, signature - 4096 - 1, manifest + 13, manifest + 90]);
    let places: Vec<usize> = places.chain([trailer - 1, trailer + 6, trailer + 7]).collect();
    assert_eq!(places.len(), 20);
    let mut passed_by_rauc = 0;
    for (number, at) in places.into_iter().enumerate() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (number % 8);
        std::fs::write(&path, &bad).unwrap();
        passed_by_rauc += u32::from(device.rauc().inspect(&path).is_ok());
        let code = match at {
            _ if at < signature => "damaged",
            // a manifest may no longer be text, or its digits none
            _ if at < trailer => "signature or not_a_bundle",
            _ => "not_a_bundle",
        };
        let words = refused(&device, &path, true, code);
        if [5, 13, 15, 19].contains(&number) {
            row(&format!("a bit wrong in 20 places: 20 refused; byte {at}"), &words);
        }
    }
    row("of these 20, RAUC's own inspection let pass", &passed_by_rauc.to_string());
    assert_eq!(passed_by_rauc, 15, "that is why every block is read");
}

#[test]
fn a_stick_holds_exactly_one_bundle() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let stick = device.path("stick");
    std::fs::create_dir(&stick).unwrap();
    row("no bundle on the stick", &refused(&device, &stick, false, "no_bundle"));
    std::fs::write(stick.join("._a.raucb"), "x").unwrap();
    row("only a ._a.raucb on the stick", &refused(&device, &stick, false, "no_bundle"));
    for name in ["a.raucb", "b.raucb"] {
        std::fs::write(stick.join(name), "x").unwrap();
    }
    row("two bundles on the stick", &refused(&device, &stick, true, "several_bundles"));
    row("no stick", &refused(&device, &device.path("gone"), false, "unreadable"));
}

/// A stick that is pulled after so many bytes.
struct Pulled(Cursor<Vec<u8>>, u64);

impl Read for Pulled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1 = self.1.checked_sub(read as u64).ok_or_else(|| io::Error::from_raw_os_error(5))?;
        Ok(read)
    }
}

impl Seek for Pulled {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_stick_that_is_pulled_while_it_is_checked_is_refused_at_every_point() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let path = device.path("x.raucb");
    device.good_bundle(&path);
    let bytes = std::fs::read(&path).unwrap();
    let length = bytes.len() as u64;
    let read = |after: u64| {
        let mut stick = Pulled(Cursor::new(bytes.clone()), after);
        let bundle = Bundle::read(&mut stick, "x.raucb")?;
        bundle.check_content(&mut stick, "x.raucb", &mut |_| ())
    };
    assert_eq!(read(u64::MAX), Ok(()), "the real tool's bundle holds");
    let refusals = (0..20).map(|point| read(length * point / 20).unwrap_err());
    let refusals: Vec<Refusal> = refusals.collect();
    assert!(refusals.iter().all(|refusal| matches!(refusal, Refusal::Unreadable { .. })), "{refusals:?}");
    row("pulled while it is checked: 20 of 20 refused", &refusals[9].to_string());
}

#[test]
fn an_installation_that_rauc_does_not_finish_leaves_this_system_running() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let path = device.path("x.raucb");
    device.good_bundle(&path);
    device.script.lock().unwrap().operation = "installing";
    row("RAUC is busy", &refused(&device, &path, false, "busy"));
    device.script.lock().unwrap().operation = "idle";
    let failed = |ends| {
        device.script.lock().unwrap().ends = ends;
        let (outcome, said) = device.install(&path, false);
        assert_eq!(device.changes(), ["InstallBundle x.raucb"], "no restart");
        assert_eq!(said.last().unwrap().phase, Phase::Failed);
        assert_eq!(device.records().pending().unwrap(), None);
        let history = device.records().history();
        assert_eq!(history.last().unwrap().outcome, Outcome::Failed);
        outcome.unwrap_err()
    };
    row("pulled while RAUC writes", &failed(Ends::With("Failed updating slot rootfs.1: Input/output error")));
    row("RAUC ends in the middle", &failed(Ends::Never));
    row("RAUC is not there", &refused(&device, &path, false, "no_rauc"));
}

#[test]
fn what_is_written_stays_installed_when_nobody_takes_the_order_to_restart() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let path = device.path("x.raucb");
    device.good_bundle(&path);
    device.script.lock().unwrap().restarts = false;
    let (outcome, said) = device.install(&path, false);
    assert_eq!(outcome, Ok("0.3.0".into()));
    let last = said.last().unwrap();
    assert_eq!((last.phase, &*last.words), (Phase::Installed, "restart the device by hand"));
    assert!(device.records().pending().unwrap().unwrap().written);
}

/// A stick as a block device; `None` where this machine lets nobody make one.
struct Stick(PathBuf);

impl Stick {
    fn with(folder: &Path, image: &Path) -> Option<Self> {
        std::fs::File::create(image).unwrap().set_len(8 << 20).unwrap();
        run("mkfs.ext4", &["-q".as_ref(), "-d".as_ref(), folder, image])?;
        run("losetup", &["--find".as_ref(), "--show".as_ref(), image]).map(|device| Self(device.trim().into()))
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        run("losetup", &["--detach".as_ref(), &self.0]);
    }
}

fn run(program: &str, words: &[&Path]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_device_is_mounted_where_nobody_else_looks_read_only_and_unmounted_afterwards() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let content = device.path("content");
    std::fs::create_dir(&content).unwrap();
    device.good_bundle(&content.join("spinewatch.raucb"));
    let Some(stick) = Stick::with(&content, &device.path("stick.img")) else {
        println!("skipped: no loop device can be made here");
        return;
    };
    let (outcome, _) = device.install(&stick.0, false);
    if outcome.as_ref().is_err_and(|words| words.starts_with("[unreadable]") && words.contains("ermi")) {
        println!("skipped: nothing can be mounted here: {outcome:?}");
        return;
    }
    assert_eq!(outcome, Ok("0.3.0".into()));
    assert_eq!(device.changes(), ["InstallBundle spinewatch.raucb", "Reboot"]);
    assert_eq!(device.records().pending().unwrap().unwrap().source, Source::Stick);
    let options = device.script.lock().unwrap().mounted.clone().expect("mounted while RAUC installs");
    assert!(["ro", "nosuid", "nodev", "noexec"].iter().all(|word| options.split(',').any(|o| o == *word)), "{options}");
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    assert!(!mounts.contains(device.path("run").to_str().unwrap()), "{mounts}");
    row("a stick as a block device", &format!("installed; was mounted {options}"));
}
