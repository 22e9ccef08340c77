//! The verbs of the binary against the private bus: exit codes, one line of refusal, status as JSON.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use spinewatch::config::{Settings, StateSettings, UpdateSettings};

use super::bus::Device;
use super::equipped;

fn config(device: &Device) -> PathBuf {
    let settings = Settings {
        state: StateSettings { dir: device.path("state"), ..Default::default() },
        update: UpdateSettings { run_dir: device.path("run"), ..Default::default() },
        ..Default::default()
    };
    let path = device.path("spinewatch.toml");
    std::fs::write(&path, toml::to_string(&settings).unwrap()).unwrap();
    path
}

/// Runs `spinewatch update`; what it printed, and what it said on standard error.
fn update(device: &Device, words: &[&str]) -> (bool, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_spinewatch"))
        .args(["update", words[0], "--config"])
        .arg(config(device))
        .arg("--rauc-conf")
        .arg(&device.system_conf)
        .args(&words[1..])
        .env("DBUS_SYSTEM_BUS_ADDRESS", &device.bus.address)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

#[test]
fn install_status_and_rollback_say_what_is() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let bundle = device.path("x.raucb");
    device.good_bundle(&bundle);
    let bundle = bundle.to_str().unwrap();
    let (good, printed, _) = update(&device, &["install", bundle, "--no-reboot"]);
    assert!(good && printed.contains("0.3.0 is written to rootfs.1"), "{printed}");
    assert!(!printed.to_lowercase().contains("success") && printed.contains("must prove itself"), "{printed}");
    assert!(printed.contains("Writing 60 % Copying image to rootfs.1"), "{printed}");
    assert_eq!(device.changes(), ["InstallBundle x.raucb"]);
    let (_, printed, _) = update(&device, &["status", "--json"]);
    let status: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&status["version"], &status["pending"]["version"]), (&"0.2.0".into(), &"0.3.0".into()));
    assert_eq!(status["history"][0]["outcome"], "installed");
    assert_eq!((&status["slots"][0]["name"], &status["slots"][1]["bootname"]), (&"rootfs.0".into(), &"B".into()));
    assert_eq!(status["progress"]["phase"], "installed");

    device.script.lock().unwrap().versions[1] = Some("0.1.0");
    device.calls.lock().unwrap().clear();
    let (good, printed, said) = update(&device, &["rollback"]);
    assert!(good && printed.contains("rootfs.1 is started next"), "{printed} {said}");
    assert_eq!(device.changes(), ["Mark active rootfs.1", "Reboot"]);
    let (_, printed, _) = update(&device, &["status"]);
    assert!(printed.contains("rootfs.0 (A)  0.2.0  good") && printed.contains("no update waits"), "{printed}");
    assert!(printed.contains("rolled back by hand: asked for on the device"), "{printed}");
}

#[test]
fn a_refusal_is_one_line_and_exit_code_1() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let nothing = device.path("nothing");
    std::fs::create_dir(&nothing).unwrap();
    let (good, _, said) = update(&device, &["install", nothing.to_str().unwrap()]);
    assert!(!good && said.lines().count() == 1 && said.starts_with("spinewatch: no *.raucb file"), "{said}");
    device.script.lock().unwrap().good = [true, false];
    let (good, _, said) = update(&device, &["rollback"]);
    assert!(!good && said.contains("rootfs.1 holds no system that is known to be good"), "{said}");
    device.stop_rauc();
    let (good, _, said) = update(&device, &["install", nothing.to_str().unwrap()]);
    assert!(!good && said.lines().count() == 1 && said.contains("is rauc.service running?"), "{said}");
}

#[test]
fn a_broken_configuration_does_not_keep_an_update_away() {
    if !equipped() {
        return;
    }
    let device = Device::new();
    let broken = device.path("broken.toml");
    std::fs::write(&broken, "[updates]\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_spinewatch"))
        .args(["update", "status", "--config"])
        .arg(broken)
        .env("DBUS_SYSTEM_BUS_ADDRESS", &device.bus.address)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("the defaults are used") && said.contains("updates"), "{said}");
}
