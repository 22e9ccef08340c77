//! Units, accounts and folders, judged by systemd itself.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::overlay::{image, run, said, shipped, text, units};

/// 0 is a service that can do nothing, 10 one that can do everything.
const MOST_EXPOSED: [(&str, f64); 8] = [
    ("spinewatch.service", 1.5),
    // it asks RAUC to write, and reads a stranger's stick
    ("spinewatch-update@.service", 1.5),
    ("spinewatch-confirm.service", 1.5),
    // has the network as well
    ("spinewatch-update-poll.service", 2.5),
    ("spinewatch-firewall.service", 2.5),
    // what they mount is everybody's, so they have no view of their own
    ("spinewatch-data.service", 4.0),
    ("spinewatch-identity.service", 4.0),
    ("spinewatch-stick@.service", 4.0),
];

#[test]
fn every_unit_of_ours_is_what_systemd_understands() {
    let Some(image) = image() else { return };
    let verify = || {
        let units = units(&[".service", ".mount", ".automount"]);
        run(Command::new("systemd-analyze").arg("verify").arg("--man=no").arg("--root").arg(image.path()).args(units))
    };
    let Some(output) = verify() else { return };
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    let broken = image.path().join("usr/lib/systemd/system/var.mount");
    fs::write(&broken, text("usr/lib/systemd/system/var.mount").replace("lowerdir", "lower\nLowerDir")).unwrap();
    assert!(said(&verify().unwrap()).contains("LowerDir"), "a unit with a typing error passes");
}

#[test]
fn no_service_of_ours_can_do_more_than_it_must() {
    let limits = BTreeMap::from(MOST_EXPOSED);
    for unit in units(&[".service"]) {
        let path = shipped("usr/lib/systemd/system").join(&unit);
        let mut judge = Command::new("systemd-analyze");
        let Some(output) = run(judge.args(["security", "--offline=true", "--no-pager"]).arg(path)) else { return };
        let words = said(&output);
        let line =
            words.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{words}"));
        let level: f64 = line.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        println!("{level} {unit}");
        let most = limits.get(unit.as_str()).unwrap_or_else(|| panic!("{unit} has no limit"));
        assert!(level <= *most, "{unit} is exposed by {level}, allowed is {most}\n{words}");
    }
}

#[test]
fn a_mount_unit_is_named_after_its_place() {
    for unit in units(&[".mount", ".automount"]) {
        let content = text(&format!("usr/lib/systemd/system/{unit}"));
        let place = content.lines().find_map(|line| line.strip_prefix("Where=")).unwrap();
        let suffix = unit.rsplit('.').next().unwrap();
        let escape = run(Command::new("systemd-escape").args(["--path", "--suffix", suffix, place]));
        let Some(output) = escape else { return };
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), unit);
    }
}

#[test]
fn an_image_starts_what_it_needs_and_nothing_that_is_named_nowhere() {
    let Some(image) = image() else { return };
    let own = image.path().join("usr/lib/systemd/system");
    fs::write(own.join("stranger.service"), "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
        .unwrap();
    fs::copy(own.join("stranger.service"), own.join("rauc-mark-good.service")).unwrap();
    let Some(output) = run(Command::new("systemctl").arg("--root").arg(image.path()).arg("preset-all")) else { return };
    assert!(output.status.success(), "{}", said(&output));
    let wants = |target: &str| {
        let folder = image.path().join(format!("etc/systemd/system/{target}.wants"));
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let ours = |target: &str| -> Vec<String> {
        wants(target).into_iter().filter(|name| !name.starts_with("systemd-")).collect()
    };
    assert_eq!(
        ours("local-fs.target"),
        [
            "boot-firmware.mount",
            "etc-spinewatch.mount",
            "etc-systemd-network.mount",
            "var-lib-spinewatch.mount",
            "var-log-journal.mount",
            "var.mount"
        ]
    );
    assert_eq!(ours("sysinit.target"), ["spinewatch-firewall.service", "spinewatch-identity.service"]);
    let multi_user = wants("multi-user.target");
    for unit in
        ["spinewatch.service", "spinewatch-confirm.service", "spinewatch-update-poll.service", "srv-ct.automount"]
    {
        assert!(multi_user.iter().any(|name| name == unit), "{unit} is not started: {multi_user:?}");
    }
    for unit in ["stranger.service", "rauc-mark-good.service"] {
        assert!(!multi_user.iter().any(|name| name == unit), "{unit} is started");
    }
}

/// rauc-mark-good.service calls a system good because it has reached the login.
#[test]
fn only_our_proof_calls_a_new_system_good() {
    let mask = fs::read_link(shipped("etc/systemd/system/rauc-mark-good.service")).unwrap();
    assert_eq!(mask.to_str(), Some("/dev/null"));
    for unit in units(&[".service"]) {
        let content = text(&format!("usr/lib/systemd/system/{unit}"));
        let confirms = content.lines().any(|line| line == "ExecStart=/usr/bin/spinewatch update confirm");
        assert_eq!(confirms, unit == "spinewatch-confirm.service", "{unit}");
        assert!(!content.contains("mark-good"), "{unit}");
    }
}

#[test]
fn accounts_and_folders_come_out_as_the_units_expect_them() {
    let Some(image) = image() else { return };
    if !super::overlay::is_root("systemd-tmpfiles with other owners") {
        return;
    }
    let root = format!("--root={}", image.path().display());
    for _again in 0..2 {
        let Some(output) = run(Command::new("systemd-sysusers").arg(&root)) else { return };
        assert!(output.status.success(), "{}", said(&output));
        let output = run(Command::new("systemd-tmpfiles").args([&root, "--create", "spinewatch.conf"])).unwrap();
        assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    }
    let groups = fs::read_to_string(image.path().join("etc/group")).unwrap();
    let unit = text("usr/lib/systemd/system/spinewatch.service");
    let wanted = unit.lines().find_map(|line| line.strip_prefix("SupplementaryGroups=")).unwrap();
    for group in wanted.split(' ') {
        assert!(
            groups.lines().any(|line| line.starts_with(&format!("{group}:"))),
            "{group}: a missing group is no start"
        );
    }
    let metadata = |path: &str| {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(image.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        (metadata.mode() & 0o7777, metadata.uid() == 0)
    };
    assert_eq!(metadata("srv/ct"), (0o000, true), "a bare mount point lets nobody look in");
    assert_eq!(metadata("var/lib/spinewatch"), (0o700, false));
    assert_eq!(metadata("var/lib/spinewatch/update"), (0o755, true));
    assert_eq!(metadata("run/spinewatch-update"), (0o755, true));
    for mount_point in ["data", "boot/firmware", "etc/systemd/network"] {
        assert!(metadata(mount_point).1, "{mount_point}");
    }
}

/// A unit with a file system view of its own mounts for itself alone: RAUC would not find the bundle.
#[test]
fn a_stick_is_mounted_where_rauc_sees_it_and_gone_when_it_was_read() {
    let stick = text("usr/lib/systemd/system/spinewatch-stick@.service");
    for option in ["Protect", "Private", "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem"]
    {
        assert!(!stick.lines().any(|line| line.starts_with(option)), "{option} is a view of its own");
    }
    assert!(stick.contains("\nStopWhenUnneeded=yes\n") && stick.contains("--options ro,nosuid,nodev,noexec,"));
    let update = text("usr/lib/systemd/system/spinewatch-update@.service");
    for line in [
        "Wants=spinewatch-stick@%i.service",
        "ExecStart=/usr/bin/spinewatch update install /run/spinewatch-update/stick/%i",
    ] {
        assert!(update.lines().any(|found| found == line), "{line}");
    }
    assert!(stick.contains("/dev/%I /run/spinewatch-update/stick/%i\n"));
}
