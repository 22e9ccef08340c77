//! RAUC's configuration of every board, read by the RAUC of this machine. It needs no bus to refuse a file.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::overlay::{project, run, said, text};

const BOARDS: [(&str, &str); 3] = [
    ("virtual", "spinewatch-virtual-aarch64"),
    ("radxa-rock-5b", "spinewatch-radxa-rock-5b"),
    ("imx8mp-evk", "spinewatch-imx8mp-evk"),
];

type Keys = BTreeMap<String, String>;

fn read(board: &str) -> String {
    fs::read_to_string(project().join("board").join(board).join("system.conf")).unwrap()
}

/// `section.key` and its value.
fn keys(text: &str) -> Keys {
    let mut section = String::new();
    let mut keys = Keys::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            assert!(keys.insert(format!("{section}.{key}"), value.to_owned()).is_none(), "{line} twice");
        }
    }
    keys
}

#[test]
fn every_boards_configuration_is_one_that_rauc_takes() {
    for (board, _) in BOARDS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("system.conf");
        let ask = |text: &str| {
            fs::write(&file, text).unwrap();
            let address = format!("unix:path={}/no-bus", folder.path().display());
            let mut rauc = Command::new("rauc");
            rauc.arg("--conf").arg(&file).arg("status").env("DBUS_SYSTEM_BUS_ADDRESS", address);
            run(&mut rauc).map(|output| said(&output))
        };
        let text = read(board);
        let Some(words) = ask(&text) else { return };
        assert!(words.contains("Using central status file /data/rauc.status"), "{board}: {words}");
        assert!(words.contains("D-Bus"), "{board}: refused before the bus was asked: {words}");
        for (right, wrong) in [
            ("boot-attempts=9", "boot-atempts=9"),
            ("bundle-formats=-plain", "bundle-formats=-plane"),
            ("type=ext4", "type=ext5"),
            ("bootloader=uboot", "bootloader=you-boot"),
        ] {
            let words = ask(&text.replacen(right, wrong, 1)).unwrap();
            assert!(!words.contains("D-Bus"), "{board}: {wrong} was taken: {words}");
        }
    }
}

#[test]
fn boards_differ_in_their_name_only() {
    let (first, _) = BOARDS[0];
    let mut common = keys(&read(first));
    common.remove("system.compatible");
    for (board, compatible) in BOARDS {
        let mut keys = keys(&read(board));
        assert_eq!(keys.remove("system.compatible").as_deref(), Some(compatible));
        assert_eq!(keys, common, "{board}");
    }
}

#[test]
fn proven_slots_have_nine_attempts_new_ones_three_and_plain_bundles_are_refused() {
    let keys = keys(&read("virtual"));
    for (key, value) in [
        ("system.boot-attempts", "9"),
        ("system.boot-attempts-primary", "3"),
        ("system.bundle-formats", "-plain"),
        ("system.statusfile", "/data/rauc.status"),
        ("slot.rootfs.0.bootname", "A"),
        ("slot.rootfs.1.bootname", "B"),
    ] {
        assert_eq!(keys.get(key).map(String::as_str), Some(value), "{key}");
    }
    let rules = text("usr/lib/udev/rules.d/70-spinewatch-storage.rules");
    for slot in ["slot.rootfs.0.device", "slot.rootfs.1.device"] {
        let link = keys[slot].strip_prefix("/dev/").unwrap();
        assert!(rules.contains(&format!("SYMLINK+=\"{link}\"")), "{link} is made by nobody");
    }
}
