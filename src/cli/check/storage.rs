//! Where things lie: the root file system and its slot, the data partition, the share's mount. Mounts in, outcomes out.

use std::path::Path;

use super::{Ill, Outcome, Part};
use crate::cli::boot::{BootState, PROVEN};
use crate::config::Settings;
use crate::health::board::{Board, Mount, Slot};

/// What the preparation of the state partition came to at this boot: a word, then a line.
const PREPARED: &str = "/run/spinewatch-data/state";

/// Looks at each part in turn.
pub fn look(settings: &Settings, board: &Board, tell: &mut dyn FnMut(Part)) {
    let mounts = board.mounts();
    let errors = |mount: &Mount| errors_counted(board, mount);
    tell(Part::new("root", root(&mounts, errors)));
    tell(Part::new("slot", slot(board.slot().as_ref(), &BootState::ask())));
    let prepared = board.text(PREPARED).unwrap_or_default();
    tell(Part::new("data", data(&mounts, &settings.state.dir, &prepared, errors)));
    tell(Part::new("mount", share_mount(&mounts, &settings.share.path, settings.share.require_mount)));
}

/// Errors that ext4 has counted over the life of the file system.
fn errors_counted(board: &Board, mount: &Mount) -> i64 {
    let uevent = board.text(format!("/sys/dev/block/{}/uevent", mount.device)).unwrap_or_default();
    let device = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="));
    device.and_then(|device| board.number(format!("/sys/fs/ext4/{device}/errors_count"))).unwrap_or(0)
}

fn root(mounts: &[Mount], errors: impl Fn(&Mount) -> i64) -> Outcome {
    let Some(root) = mounts.iter().rfind(|mount| mount.point == "/") else {
        return Err(Ill::new("what is mounted cannot be read", "run this as root, with /proc mounted"));
    };
    let counted = errors(root);
    if counted > 0 {
        let what = format!("{} has {counted} errors", root.source);
        return Err(Ill::new(what, "install the bundle again: it writes the other slot; if both are ill, flash anew"));
    }
    if !root.is_read_only() {
        let what = format!("{} on {} is writable: a power cut can harm it", root.kind, root.source);
        return Err(Ill::new(what, "mount -o remount,ro /; an image of ours does so by itself"));
    }
    Ok(format!("{} on {}, read-only", root.kind, root.source))
}

/// The slot that runs is the one that the boot loader prefers, and is proven.
fn slot(running: Option<&Slot>, boot: &Result<BootState, String>) -> Outcome {
    let Some(running) = running else {
        let what = "the kernel was not told a slot: this system cannot be updated by bundle";
        return Err(Ill::new(what, "flash an image with two slots, see board/README.md"));
    };
    let boot = match boot {
        Ok(boot) => boot,
        Err(why) => return Ok(format!("{}; attempts are not known: {why}", running.name)),
    };
    let preferred = boot.order.first().map(String::as_str);
    if preferred.is_some_and(|first| first != running.name) {
        let what = format!("{} runs, {} is preferred: it did not come up", running.name, preferred.unwrap_or_default());
        return Err(Ill::new(what, "spinewatch update status says why; install the bundle again"));
    }
    match boot.left(&running.name) {
        Some(PROVEN..) => Ok(format!("{}, proven; the other takes over when it does not come up", running.name)),
        Some(left) => {
            let what = format!("{} is not proven yet, {left} attempts are left", running.name);
            Err(Ill::new(what, "wait a minute; then systemctl status spinewatch-confirm says what it waits for"))
        }
        None => Ok(running.name.clone()),
    }
}

/// What must survive a power cut lies on a disk, and the disk is sound.
fn data(mounts: &[Mount], state: &Path, prepared: &str, errors: impl Fn(&Mount) -> i64) -> Outcome {
    if let Some((word @ ("repaired" | "anew" | "memory"), line)) = prepared.split_once('\n') {
        let cure = match word {
            "memory" => "replace the storage: board/README.md, recovery",
            "anew" => "put the site's settings and the certificate back: board/README.md, recovery",
            _ => "restart once more; if it comes again, replace the storage",
        };
        return Err(Ill::new(format!("the state partition {}", line.trim()), cure));
    }
    let Some(mount) = Mount::holding(mounts, state) else {
        return Err(Ill::new("what is mounted cannot be read", "run this as root, with /proc mounted"));
    };
    let place = format!("{} on {}", mount.kind, mount.source);
    if ["tmpfs", "ramfs", "overlay"].contains(&mount.kind.as_str()) {
        let what = format!("{} lies on {place}: gone at a power cut", state.display());
        return Err(Ill::new(what, "the data partition is not mounted: systemctl status data.mount"));
    }
    let counted = errors(mount);
    if counted > 0 {
        let cure = "back up the device's certificate, then fsck from the other system; see board/README.md, recovery";
        return Err(Ill::new(format!("{place} has {counted} errors"), cure));
    }
    if mount.is_read_only() {
        let cure = "restart; if it stays so, fsck from the other system: board/README.md, recovery";
        return Err(Ill::new(format!("{place} is read-only: nothing is kept"), cure));
    }
    Ok(place)
}

/// How the console's folder is mounted. Never says from where: a server's name is the site's.
fn share_mount(mounts: &[Mount], path: &Path, required: bool) -> Outcome {
    let here: Vec<&Mount> = mounts.iter().filter(|mount| Path::new(&mount.point) == path).collect();
    let automount = here.iter().any(|mount| mount.kind == "autofs");
    let Some(mount) = Mount::holding(mounts, path).filter(|mount| mount.is_network()) else {
        return match (automount, required) {
            (true, _) => {
                let cure = "systemctl status of the .mount unit says why; check address, export and credentials";
                Err(Ill::new("the automount waits, and nothing is mounted", cure))
            }
            (false, true) => {
                let cure = "systemctl enable --now the .automount unit; board/README.md, share";
                Err(Ill::new("share.require_mount is set, and neither mount nor automount is there", cure))
            }
            (false, false) => Ok("a folder of this device, not a network's".into()),
        };
    };
    let is_block = ["cifs", "smb3", "nfs", "nfs4"].contains(&mount.kind.as_str());
    if !mount.is_read_only() {
        return Err(Ill::new(format!("{} can be written", mount.kind), "add ro to the options of the mount"));
    }
    if is_block && !mount.has("soft") && !mount.has("softerr") {
        let what = format!("{} is mounted hard: a dead server holds every reader for ever", mount.kind);
        return Err(Ill::new(what, "add soft to the options of the mount"));
    }
    let known = |key: &str| mount.options.iter().find(|option| option.starts_with(&format!("{key}="))).cloned();
    let words = [Some(mount.kind.clone()), Some("read-only".into()), known("vers"), known("actimeo")];
    let words: Vec<String> = words.into_iter().flatten().collect();
    Ok(words.join(", ") + if automount { ", by automount" } else { "" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn mounts(lines: &[&str]) -> Vec<Mount> {
        lines.iter().filter_map(|line| Mount::parse(line)).collect()
    }

    const ROOT: &str = "22 1 254:2 / / ro,relatime - ext4 /dev/vda2 ro";
    const DATA: &str = "30 22 254:4 /spinewatch /var/lib/spinewatch rw - ext4 /dev/vda4 rw";
    const AUTOFS: &str = "31 22 0:40 / /mnt/ct rw - autofs systemd-1 rw";

    #[test]
    fn a_root_that_can_be_written_or_has_errors_is_ill() {
        let none = |_: &Mount| 0;
        assert_eq!(root(&mounts(&[ROOT]), none).unwrap(), "ext4 on /dev/vda2, read-only");
        assert!(root(&mounts(&[ROOT]), |_| 3).unwrap_err().what.contains("3 errors"));
        let writable = root(&mounts(&["22 1 254:2 / / rw - ext4 /dev/vda2 rw"]), none).unwrap_err();
        assert!(writable.what.contains("writable"), "{writable}");
        assert!(root(&[], none).is_err());
    }

    #[test]
    fn a_slot_that_is_not_the_preferred_one_has_fallen_back() {
        let running = Slot { name: "A".into() };
        let boot = |text: &str| Ok(BootState::parse(text));
        let said = slot(Some(&running), &boot("BOOT_ORDER=A B\nBOOT_A_LEFT=9\nBOOT_B_LEFT=9\n"));
        assert_eq!(said.unwrap(), "A, proven; the other takes over when it does not come up");
        let fallen = slot(Some(&running), &boot("BOOT_ORDER=B A\nBOOT_A_LEFT=9\nBOOT_B_LEFT=0\n")).unwrap_err();
        assert_eq!(fallen.what, "A runs, B is preferred: it did not come up");
        let fresh = slot(Some(&running), &boot("BOOT_ORDER=A B\nBOOT_A_LEFT=2\n")).unwrap_err();
        assert!(fresh.what.contains("not proven yet, 2 attempts"), "{fresh}");
        assert!(slot(Some(&running), &Err("fw_printenv is not installed".into())).unwrap().starts_with("A; attempts"));
        assert!(slot(None, &boot("")).unwrap_err().cure.contains("two slots"));
    }

    #[test]
    fn state_in_memory_on_a_read_only_or_on_a_failing_disk_is_ill() {
        let state = Path::new("/var/lib/spinewatch");
        let none = |_: &Mount| 0;
        assert_eq!(data(&mounts(&[ROOT, DATA]), state, "ok\nin order", none).unwrap(), "ext4 on /dev/vda4");
        assert!(data(&mounts(&[ROOT]), state, "ok\nin order", none).unwrap_err().what.contains("read-only"));
        let memory = "30 22 0:44 / /var/lib rw - tmpfs tmpfs rw";
        assert!(
            data(&mounts(&[ROOT, memory]), state, "ok\nin order", none)
                .unwrap_err()
                .what
                .contains("gone at a power cut")
        );
        let repaired = data(&mounts(&[ROOT, DATA]), state, "repaired\nhad faults and was repaired", none).unwrap_err();
        assert_eq!(repaired.what, "the state partition had faults and was repaired");
        assert!(data(&mounts(&[ROOT, DATA]), state, "", |_| 1).unwrap_err().what.contains("1 errors"));
    }

    #[test]
    fn a_share_is_mounted_read_only_and_soft_and_its_server_is_not_named() {
        let said = |options: &str, automount: bool| {
            let cifs = format!("32 31 0:52 / /mnt/ct {options} - cifs //console/export {options}");
            let lines = if automount { vec![ROOT, AUTOFS, &cifs] } else { vec![ROOT, &cifs] };
            share_mount(&mounts(&lines), Path::new("/mnt/ct"), true)
        };
        assert_eq!(
            said("ro,soft,vers=3.1.1,actimeo=1", true).unwrap(),
            "cifs, read-only, vers=3.1.1, actimeo=1, by automount"
        );
        assert_eq!(said("ro,soft", false).unwrap(), "cifs, read-only");
        assert!(said("ro,hard", false).unwrap_err().cure.contains("soft"));
        let writable = said("rw,soft,username=tech", false).unwrap_err();
        assert!(writable.what.contains("written") && !writable.to_string().contains("console"), "{writable}");
    }

    #[test]
    fn a_share_that_is_not_mounted_says_which_of_the_two_units_is_missing() {
        let path = Path::new("/mnt/ct");
        assert!(share_mount(&mounts(&[ROOT, AUTOFS]), path, true).unwrap_err().what.contains("nothing is mounted"));
        assert!(share_mount(&mounts(&[ROOT]), path, true).unwrap_err().cure.contains("automount"));
        assert!(share_mount(&mounts(&[ROOT]), path, false).is_ok());
    }
}
