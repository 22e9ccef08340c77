//! prepare-data on a real ext4 in a loop device, damaged in the ways that a device meets.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use super::overlay::{is_root, run, said, shipped};

const MIB: u64 = 1 << 20;

/// A partition of 32 MiB, and the folders that the script works in.
struct Partition {
    folder: tempfile::TempDir,
    device: PathBuf,
}

impl Partition {
    /// `None`, and a word why, where there is no loop device to be had.
    fn blank() -> Option<Self> {
        if !is_root("a loop device") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::File::create(&image).unwrap().set_len(32 * MIB).unwrap();
        for name in ["data", "run"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let output = run(Command::new("losetup").args(["--find", "--show"]).arg(image))?;
        if !output.status.success() {
            println!("skipped: no loop device: {}", said(&output));
            return None;
        }
        let device = String::from_utf8_lossy(&output.stdout).trim().into();
        Some(Self { folder, device })
    }

    /// One boot: the word, and what `then` says in the mounted folder, both in a mount namespace of their own.
    fn boot(&self, then: &str) -> (String, String) {
        let (data, state) = (self.folder.path().join("data"), self.folder.path().join("run"));
        let script = "set -e; \"$1\" \"$2\" \"$3\" >/dev/null 2>&1; cd \"$3\"; eval \"$4\"";
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(shipped("usr/lib/spinewatch/prepare-data"))
            .args([&self.device, &data])
            .arg(then)
            .env("RUN", &state)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let words = fs::read_to_string(state.join("state")).unwrap();
        let [word, line] = words.lines().collect::<Vec<_>>()[..] else { panic!("{words}") };
        assert!(!line.is_empty());
        (word.to_owned(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn write(&self, offset: u64, bytes: &[u8]) {
        let device = fs::File::options().write(true).open(&self.device).unwrap();
        device.write_all_at(bytes, offset).unwrap();
        device.sync_all().unwrap();
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
    }
}

#[test]
fn a_blank_partition_is_laid_out_once_and_keeps_what_is_written() {
    let Some(partition) = Partition::blank() else { return };
    let (word, folders) =
        partition.boot("find . -type d | sort; echo settings > overlay/etc-spinewatch/upper/spinewatch.toml");
    assert_eq!(word, "new");
    for folder in ["spinewatch", "log", "overlay/var/upper", "overlay/var/work", "overlay/etc-systemd-network/upper"] {
        assert!(folders.lines().any(|line| line == format!("./{folder}")), "{folder}: {folders}");
    }
    for _boot in 0..2 {
        let kept = partition.boot("cat overlay/etc-spinewatch/upper/spinewatch.toml");
        assert_eq!(kept, ("ok".into(), "settings\n".into()));
    }
}

#[test]
fn a_power_cut_costs_nothing_that_was_synced() {
    let Some(partition) = Partition::blank() else { return };
    partition.boot("true");
    // What the card holds at that moment is copied while the file system is still mounted.
    let torn = partition.folder.path().join("torn");
    partition.boot(&format!(
        "echo verdict > spinewatch/db; sync -f .; dd if={} of={} bs=1M status=none",
        partition.device.display(),
        torn.display()
    ));
    partition.write(0, &fs::read(torn).unwrap());
    assert_eq!(partition.boot("cat spinewatch/db"), ("ok".into(), "verdict\n".into()));
}

#[test]
fn a_damaged_file_system_is_repaired_and_keeps_its_files() {
    let Some(partition) = Partition::blank() else { return };
    partition.boot("echo settings > overlay/etc-spinewatch/upper/spinewatch.toml");
    // the superblock; e2fsck takes one of its copies
    partition.write(1024, &[0x5a; 1024]);
    let kept = partition.boot("cat overlay/etc-spinewatch/upper/spinewatch.toml");
    assert_eq!(kept, ("repaired".into(), "settings\n".into()));
    assert_eq!(partition.boot("true").0, "ok");
}

#[test]
fn what_cannot_be_repaired_is_made_anew_and_said() {
    let Some(partition) = Partition::blank() else { return };
    partition.boot("true");
    for at in 0..32 {
        partition.write(at * MIB, &vec![0xa5; usize::try_from(MIB).unwrap()]);
    }
    let (word, folders) = partition.boot("ls");
    assert_eq!(word, "anew");
    assert!(folders.contains("spinewatch") && folders.contains("overlay"), "{folders}");
    assert_eq!(partition.boot("true").0, "ok");
}

/// A dead card: nothing appears at all.
#[test]
fn a_partition_that_is_none_leaves_the_device_running_on_memory() {
    let Some(mut partition) = Partition::blank() else { return };
    let device = std::mem::replace(&mut partition.device, "/dev/spinewatch-is-not-there".into());
    let (word, folders) = partition.boot("ls; findmnt --noheadings --output FSTYPE --target .");
    partition.device = device;
    assert_eq!(word, "memory");
    assert!(folders.contains("spinewatch") && folders.contains("tmpfs"), "{folders}");
}

#[test]
fn a_disk_that_does_not_take_a_file_system_is_left_for_memory() {
    let Some(partition) = Partition::blank() else { return };
    partition.write(0, &[0xa5; 4096]);
    assert!(Command::new("blockdev").arg("--setro").arg(&partition.device).status().unwrap().success());
    assert_eq!(partition.boot("touch spinewatch/db").0, "memory");
    assert!(Command::new("blockdev").arg("--setrw").arg(&partition.device).status().unwrap().success());
}
