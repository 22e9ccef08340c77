//! The verbs as a person types them, on a disk that is full, and killed in the middle.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::device::{Device, SHIPPED, file, tar};

const SPINEWATCH: &str = env!("CARGO_BIN_EXE_spinewatch");

fn models(device: &Device, verb: &[&str]) -> Output {
    let config = device.configuration("mqtt://127.0.0.1:1");
    Command::new(SPINEWATCH).arg("models").args(verb).arg("--config").arg(config).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_verbs_say_what_is_in_use_after_a_restart_and_what_to_do_otherwise() {
    let device = Device::new();
    let packed = file(&device, "detector.tar", &tar(&device.detector("0.3.0")));
    let packed = packed.to_str().unwrap();
    let output = models(&device, &["install", packed]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        said(&output),
        "installed detector 0.3.0 in the place of detector 0.2.0: 2 golden cases, largest difference 0.0000 of 0.001\n\
         A daemon that runs uses it from its next start on: systemctl restart spinewatch\n"
    );
    assert_eq!(device.runs(), "0.3.0");
    let output = models(&device, &["install", packed]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        said(&output),
        "spinewatch: detector 0.3.0 is not newer than 0.3.0, which this device uses; --force installs it all the same\n"
    );
    let output = models(&device, &["rollback", "detector"]);
    assert!(said(&output).starts_with("back to detector 0.2.0 in the place of detector 0.3.0"), "{}", said(&output));
    assert_eq!(device.runs(), SHIPPED);
    let output = models(&device, &["rollback", "../../etc"]);
    assert!(said(&output).contains("../../etc is not installed here"), "{}", said(&output));
}

#[test]
fn check_and_selftest_name_a_package_that_is_replaced_by_another() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    fs::remove_file(device.place('a').join("model.onnx")).unwrap();
    let config = device.configuration("mqtt://127.0.0.1:1");
    let output = Command::new(SPINEWATCH).args(["selftest", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = said(&output);
    assert!(words.contains("holds    detector 0.2.0") && words.contains("NOT USED"), "{words}");
    let output = Command::new(SPINEWATCH).args(["check", "--config"]).arg(&config).output().unwrap();
    let words = said(&output);
    assert!(words.contains("BAD   models") && words.contains("detector 0.2.0 in its place"), "{words}");
}

/// Runs an installation in a shell that sets a limit first.
fn limited(device: &Device, limit: &str, package: &Path) -> Output {
    let config = device.configuration("mqtt://127.0.0.1:1");
    Command::new("sh")
        .args(["-c", &format!("{limit} && exec \"$0\" models install \"$1\" --config \"$2\""), SPINEWATCH])
        .args([package, &config])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn an_installation_that_cannot_write_or_is_killed_as_it_writes_changes_nothing() {
    let device = Device::new();
    device.install(&device.detector("0.3.0"), false).unwrap();
    let newer = device.detector("0.4.0");
    // one block: the network is larger; refused first, then killed by SIGXFSZ
    let output = limited(&device, "trap '' XFSZ && ulimit -f 0", &newer);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("is full; free some space and install again"), "{}", said(&output));
    device.assert_clean();
    assert_eq!(device.runs(), "0.3.0");
    let output = limited(&device, "ulimit -c 0 && ulimit -f 0", &newer);
    assert_eq!(output.status.code(), None, "killed: {}", said(&output));
    assert_eq!(device.runs(), "0.3.0");
    device.install(&newer, false).expect("what a killed one has left does not hinder the next");
    assert_eq!(device.runs(), "0.4.0");
    device.assert_clean();
}

#[test]
fn a_full_disk_is_said_and_the_package_in_use_stays() {
    let device = Device::new();
    let (older, newer) = (device.detector("0.3.0"), device.detector("0.4.0"));
    let config = device.configuration("mqtt://127.0.0.1:1");
    // a small file system over the state folder, in a mount namespace of its own
    let script = r#"mount -t tmpfs -o size=128k none "$4" || exit 99
        "$0" models install "$1" --config "$3" || exit 1
        dd if=/dev/zero of="$4/filler" bs=4k 2>/dev/null
        "$0" models install "$2" --config "$3" && exit 2
        "$0" selftest --config "$3" || exit 3
        rm "$4/filler"
        "$0" models install "$2" --config "$3" || exit 4"#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, SPINEWATCH])
        .args([&older, &newer, &config, &device.state()])
        .output();
    match output {
        Ok(output) if output.status.code() == Some(0) => {
            let words = said(&output);
            assert!(words.contains("is full; free some space and install again"), "{words}");
            assert!(words.contains("holds    detector 0.3.0") && words.contains("installed detector 0.4.0"), "{words}");
        }
        Ok(output) if (1..=4).contains(&output.status.code().unwrap_or(99)) => panic!("{}", said(&output)),
        _ => println!("skipped: no right to mount a small file system here"),
    }
}
