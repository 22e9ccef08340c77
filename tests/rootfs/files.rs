//! Names, modes and the small files that no program judges on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::overlay::{all, shipped, text};

#[test]
fn every_file_has_a_place_on_the_device_and_a_sane_mode() {
    let mut folders = BTreeSet::new();
    for path in all() {
        let name = path.display();
        folders.insert(path.iter().next().unwrap().to_owned());
        let metadata = fs::symlink_metadata(shipped("").join(&path)).unwrap();
        if metadata.is_symlink() {
            assert_eq!(fs::read_link(shipped("").join(&path)).unwrap(), Path::new("/dev/null"), "{name} masks");
            continue;
        }
        let content = fs::read(shipped("").join(&path)).unwrap();
        let wanted = if content.starts_with(b"#!") { 0o755 } else { 0o644 };
        // git knows one bit of the mode; the others are the umask's
        let is_program = metadata.permissions().mode() & 0o100 != 0;
        assert_eq!(is_program, wanted == 0o755, "{name}: a script is a program, and nothing else is");
        assert_eq!(metadata.permissions().mode() & 0o7000, 0, "{name}");
        assert!(content.is_empty() || content.ends_with(b"\n"), "{name} ends in the middle of a line");
        assert!(!content.contains(&b'\r') && !content.contains(&b'\t') || path.ends_with("machine-id"), "{name}");
    }
    assert_eq!(folders, BTreeSet::from(["etc".into(), "usr".into()]), "nothing beside configuration and system");
}

#[test]
fn every_device_makes_up_its_own_machine_id() {
    assert_eq!(
        text("etc/machine-id"),
        "",
        "empty, so that systemd makes one up; missing would be a first boot each time"
    );
}

#[test]
fn the_boot_loaders_counters_lie_where_the_boot_script_reads_them() {
    let config = text("etc/fw_env.config");
    let lines: Vec<_> = config.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, ["/boot/firmware/uboot.env 0x0000 0x4000"]);
    assert!(text("usr/lib/systemd/system/boot-firmware.mount").contains("\nWhere=/boot/firmware\n"));
}

#[test]
fn every_kernel_setting_is_one_of_this_kernels() {
    let mut seen = BTreeSet::new();
    for line in text("usr/lib/sysctl.d/50-spinewatch.conf").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
        let may_be_missing = key.starts_with('-');
        let key = key.trim_start_matches('-');
        assert!(!value.is_empty() && seen.insert(key.to_owned()), "{line}");
        let there = Path::new("/proc/sys").join(key.replace('.', "/")).exists();
        assert!(there || may_be_missing, "{key}: this kernel has no such setting");
    }
    assert!(seen.contains("kernel.core_pattern") && seen.contains("fs.suid_dumpable"), "slices are in a core");
}

#[test]
fn neither_the_journal_nor_a_core_outgrows_its_place() {
    let journal = text("usr/lib/systemd/journald.conf.d/spinewatch.conf");
    for line in ["[Journal]", "Storage=persistent", "SystemMaxUse=64M", "RuntimeMaxUse=16M"] {
        assert!(journal.lines().any(|found| found == line), "{line}");
    }
    let core = text("usr/lib/systemd/coredump.conf.d/spinewatch.conf");
    assert!(core.lines().any(|line| line == "Storage=none") && core.lines().any(|line| line == "ProcessSizeMax=0"));
}

/// What is written on the device lies on the state partition, and nothing else of /etc does.
#[test]
fn a_read_only_root_has_a_writable_place_for_each_thing_that_is_written() {
    let script = text("usr/lib/spinewatch/prepare-data");
    for (unit, from) in [
        ("var.mount", "/data/overlay/var"),
        ("etc-spinewatch.mount", "/data/overlay/etc-spinewatch"),
        ("etc-systemd-network.mount", "/data/overlay/etc-systemd-network"),
        ("var-lib-spinewatch.mount", "What=/data/spinewatch"),
        ("var-log-journal.mount", "What=/data/log"),
    ] {
        let unit_text = text(&format!("usr/lib/systemd/system/{unit}"));
        assert!(unit_text.contains(from), "{unit}");
        let folder = from.rsplit('/').next().unwrap();
        assert!(script.contains(folder), "prepare-data does not make {folder} for {unit}");
        for line in ["Requires=spinewatch-data.service", "After=spinewatch-data.service", "WantedBy=local-fs.target"] {
            assert!(unit_text.lines().any(|found| found == line), "{unit}: {line}");
        }
        // RequiredBy= would end in emergency mode, without a screen.
        assert!(!unit_text.contains("RequiredBy"), "{unit}");
    }
}
