//! `spinewatch update poll` with real bundles, a RAUC on a private D-Bus, and the installer's own records.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use spinewatch::config::{DeviceSettings, HealthSettings, Settings, StateSettings, UpdateSettings};
use spinewatch::update::{Entry, Outcome};

use crate::bundles::{BOARD, Signer};
use crate::bus::Device;
use crate::server::{Action, CONTROLLER, Hawkbit, Status};

/// Whether the programs are here that make bundles and carry D-Bus.
fn equipped() -> bool {
    let needed = [("rauc", "--version"), ("mksquashfs", "-version"), ("dbus-daemon", "--version")];
    let there = |(program, version): &(&str, &str)| {
        Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let missing = needed.iter().find(|program| !there(program));
    if let Some((program, _)) = missing {
        println!("skipped: {program} is not installed");
    }
    missing.is_none()
}

fn configured(folder: &Path, url: Option<String>) -> PathBuf {
    std::fs::write(folder.join("token"), "4f2d\n").unwrap();
    let settings = Settings {
        device: DeviceSettings { name: CONTROLLER.into(), ..Default::default() },
        state: StateSettings { dir: folder.join("state"), ..Default::default() },
        health: HealthSettings { disk_free_min_mib: 1, ..Default::default() },
        update: UpdateSettings {
            run_dir: folder.join("run"),
            hawkbit_url: url,
            hawkbit_token_file: Some(folder.join("token")),
            ..Default::default()
        },
        ..Default::default()
    };
    let path = folder.join("spinewatch.toml");
    std::fs::write(&path, toml::to_string(&settings).unwrap()).unwrap();
    path
}

/// One round; the exit code, and what it said on standard error.
fn poll(config: &Path, rauc_conf: &Path, bus: &str) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_spinewatch"))
        .args(["update", "poll", "--once", "--config"])
        .arg(config)
        .arg("--rauc-conf")
        .arg(rauc_conf)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn on_device(device: &Device, hawkbit: &Hawkbit) -> (Option<i32>, String) {
    poll(&configured(device.folder.path(), Some(hawkbit.url())), &device.system_conf, &device.bus.address)
}

fn offered(device: &Device, maker: &Signer, version: &str) -> Hawkbit {
    let hawkbit = Hawkbit::start();
    hawkbit.world().authorization = Some("TargetToken 4f2d".into());
    // the bundle of another server may lie here
    let bundle = device.path(&format!("{}.raucb", hawkbit.url().rsplit(':').next().unwrap()));
    maker.bundle(&bundle, BOARD, version, "verity");
    hawkbit.offer(8, Action::new(std::fs::read(bundle).unwrap()));
    hawkbit
}

#[test]
fn a_bundle_goes_through_rauc_and_a_restart_and_only_the_installer_s_record_of_the_proof_is_a_success() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let hawkbit = offered(&device, &device.maker, "0.3.0");
    hawkbit.world().wants_attributes = true;
    assert_eq!(on_device(&device, &hawkbit), (Some(0), String::new()));
    let file = format!("InstallBundle {}.raucb", hawkbit.action(8).sha256);
    assert_eq!(device.changes(), [file.as_str(), "Reboot"]);
    let told = hawkbit.world().attributes.clone().unwrap();
    assert_eq!((&told["data"]["compatible"], &told["data"]["slot"]), (&BOARD.into(), &"rootfs.0".into()));

    let pending = device.records().pending().unwrap().unwrap();
    assert!(pending.written && pending.reference.as_ref().unwrap().starts_with("8."), "{pending:?}");
    let restarted = spinewatch::update::Pending { boot_id: "the boot before".into(), ..pending.clone() };
    device.records().set_pending(&restarted).unwrap();
    assert_eq!(on_device(&device, &hawkbit), (Some(0), String::new()));
    assert_eq!(hawkbit.action(8).status, Status::Running);
    device.records().conclude(Entry::of(&restarted, Outcome::Proved, None, Timestamp::now())).unwrap();
    assert_eq!(on_device(&device, &hawkbit), (Some(0), String::new()));
    assert_eq!((hawkbit.action(8).status, device.changes().len()), (Status::Finished, 2));
}

#[test]
fn refusals_of_the_installer_are_told_with_their_line() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let stranger = Signer::new(device.folder.path(), "stranger");
    let cases =
        [(&stranger, "0.3.0", "not signed by whom this device trusts"), (&device.maker, "0.1.0", "older than 0.2.0")];
    for (maker, version, line) in cases {
        let hawkbit = offered(&device, maker, version);
        assert_eq!(on_device(&device, &hawkbit), (Some(0), String::new()));
        let action = hawkbit.action(8);
        assert!(action.status == Status::Error && action.last().2.contains(line), "{:?}", action.told);
    }
    let same = offered(&device, &device.maker, "0.2.0");
    assert_eq!(on_device(&device, &same).0, Some(0));
    assert_eq!(same.action(8).status, Status::Finished, "{:?}", same.action(8).told);
    assert!(device.changes().is_empty(), "nothing was written");
}

#[test]
fn without_rauc_the_bundle_waits_and_without_a_server_there_is_nothing_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["state", "run"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let hawkbit = Hawkbit::start();
    hawkbit.offer(8, Action::new(b"a bundle".to_vec()));
    let nowhere = (folder.path().join("system.conf"), "unix:path=/nonexistent/bus");
    let config = configured(folder.path(), Some(hawkbit.url()));
    let (code, said) = poll(&config, &nowhere.0, nowhere.1);
    assert!(code == Some(1) && said.contains("RAUC does not answer"), "{code:?} {said}");
    assert_eq!(hawkbit.action(8).status, Status::Running);
    let (code, said) = poll(&configured(folder.path(), None), &nowhere.0, nowhere.1);
    assert!(code == Some(78) && said.contains("update.hawkbit_url is not set"), "{code:?} {said}");
}
