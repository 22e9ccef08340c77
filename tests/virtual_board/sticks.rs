//! Bundles on a USB stick: two of them, one that is pulled while it is read, one beside what a Mac leaves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::board::{Board, PowerOn, SHORT, built};
use super::lab::{GOOD, Lab, READY, succeeds};
use super::table::Table;
use super::update::{INSTALL, confirmed, counters, progress, wait_for_writing};

/// A FAT stick with these files, each a copy of a file of this machine.
fn stick(work: &Path, name: &str, files: &[(&Path, &str)]) -> PathBuf {
    let image = work.join(name);
    let bytes: u64 = files.iter().map(|(file, _)| file.metadata().unwrap().len()).sum();
    std::fs::File::create(&image).unwrap().set_len(bytes + (32 << 20)).unwrap();
    succeeds(Command::new("mkfs.vfat").args(["-F", "32", "-n", "STICK"]).arg(&image));
    for (file, called) in files {
        succeeds(Command::new("mcopy").arg("-i").arg(&image).arg(file).arg(format!("::{called}")));
    }
    image
}

/// Waits until the updater says that it failed; its words.
fn failure(board: &mut Board) -> String {
    let due = Instant::now() + INSTALL;
    loop {
        let said = progress(board);
        if said.contains("\"failed\"") || Instant::now() > due {
            let progress: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
            return progress["words"].as_str().unwrap_or(&said).to_owned();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn a_stick_is_taken_when_it_holds_one_bundle_and_stays_in() {
    let Some(built) = built() else { return };
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let mut table = Table::new("Sticks");
    let good = lab.path(GOOD);
    let leftover = work.path().join("leftover");
    std::fs::write(&leftover, [0, 5, 22, 7]).unwrap();
    let two = stick(work.path(), "two", &[(&good, "one.raucb"), (&leftover, "two.raucb")]);
    let one = stick(work.path(), "one", &[(&good, "update.raucb"), (&leftover, "._update.raucb")]);
    let how = PowerOn { snapshot: Some(READY), lab: Some(lab.image()), ..PowerOn::default() };
    let mut board = Board::power_on(work.path(), &lab.ready(work.path()), &how);
    let before = counters(&mut board);

    board.qmp.plug_stick(&two);
    let words = failure(&mut board);
    table.row("two bundles", &words, words.contains("leave one bundle") && counters(&mut board) == before);
    board.qmp.pull_stick();
    board.sh("rm -f /run/spinewatch-update/progress.json");

    board.qmp.plug_stick(&one);
    wait_for_writing(&mut board);
    // the check has read all of it into memory: what RAUC still wants must come from the stick
    board.sh("echo 3 > /proc/sys/vm/drop_caches");
    board.qmp.pull_stick();
    let words = failure(&mut board);
    let after = counters(&mut board);
    table.row("pulled while it is written", &format!("{words}; {after}"), after.contains("BOOT_A_LEFT=9"));
    let disk = board.cut_power();
    let mut board = Board::power_on(work.path(), &disk, &PowerOn { lab: Some(lab.image()), ..PowerOn::default() });
    let seen = board.serial.expect("attempts left A 9", SHORT);
    let ready = board.ready();
    table.row("the next boot", &format!("slot A, ready after {ready:.0} guest s"), seen.contains("slots: A of"));

    board.qmp.plug_stick(&one);
    board.serial.expect("slots: B of B A, attempts left A 9 B 2", INSTALL);
    board.restarted();
    // The stick stays in: the new system looks at it, and finds what already runs.
    board.ready();
    let after = confirmed(&mut board);
    table.row("one bundle, and what a Mac leaves", &after, after.contains("BOOT_B_LEFT=9"));
    table.finish(&built, "sticks");
}
