//! The unit file's sandbox, as systemd judges it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

const UNIT: &str = "board/rootfs/usr/lib/systemd/system/spinewatch.service";

/// 0 is a service that can do nothing, 10 one that can do everything; mosquitto's own unit has 9.2.
const MOST_EXPOSED: f64 = 1.5;

/// By hand: `systemd-analyze security --offline=true board/rootfs/usr/lib/systemd/system/spinewatch.service`.
#[test]
fn the_unit_is_exposed_by_one_and_a_half_at_most() {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", UNIT])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let Ok(output) = output else {
        println!("skipped: systemd-analyze is not installed");
        return;
    };
    let words = String::from_utf8_lossy(&output.stdout);
    let line = words.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| {
        panic!("no level: {words}{}", String::from_utf8_lossy(&output.stderr));
    });
    let level = line.split(": ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse::<f64>().unwrap();
    println!("exposure level {level}");
    assert!(level <= MOST_EXPOSED, "{line}\n{words}");
}

/// What the sandbox must leave: the state folder, the frame buffer, the network; and no core.
#[test]
fn the_unit_leaves_what_the_device_needs_and_no_core() {
    let unit = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(UNIT)).unwrap();
    for line in [
        "LimitCORE=0",
        "StateDirectory=spinewatch",
        "UMask=0077",
        "DeviceAllow=char-fb rw",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line} is missing");
    }
}
