//! The update table: what is refused, what is proved, what goes back, and that no slot is left without a reason.

use std::path::Path;
use std::time::{Duration, Instant};

use super::board::{BOOT, Board, PowerOn, SHORT, built};
use super::lab::{BROKEN, GOOD, Lab, OLDER, OTHER_BOARD, READY, STRANGER};
use super::table::Table;

/// Reading, checking and writing a whole bundle.
pub const INSTALL: Duration = Duration::from_secs(900);

fn ready(work: &Path, lab: &Lab) -> Board {
    let how = PowerOn { snapshot: Some(READY), lab: Some(lab.image()), ..PowerOn::default() };
    Board::power_on(work, &lab.ready(work), &how)
}

fn again(work: &Path, board: Board, lab: &Lab, button: bool) -> Board {
    let disk = board.cut_power();
    Board::power_on(work, &disk, &PowerOn { button, snapshot: None, lab: Some(lab.image()) })
}

/// What the boot script will read.
pub fn counters(board: &mut Board) -> String {
    board.sh("fw_printenv BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT | tr '\\n' ' '")
}

/// Waits until the running slot has been proved or given up.
pub fn confirmed(board: &mut Board) -> String {
    board.serial.run("systemctl start spinewatch-confirm", BOOT + BOOT);
    counters(board)
}

/// Offers something that must be refused before a byte of the other slot is written.
fn refused(board: &mut Board, table: &mut Table, case: &str, source: &str) {
    let sectors = "awk '{ print $7 }' /sys/class/block/vda3/stat";
    let before = (board.sh(sectors), counters(board));
    let install =
        format!("spinewatch update install {source} > /run/said 2>&1; s=$?; tail -n 1 /run/said; test $s = 1");
    let ran = board.serial.run(&install, INSTALL);
    let after = (board.sh(sectors), counters(board));
    let untouched = before == after;
    let seen = format!("{}{}", ran.output, if untouched { "" } else { " (the slot was written)" });
    table.row(case, &seen, untouched && ran.status == 0);
}

#[test]
fn bad_bundles_are_refused_before_a_byte_is_written() {
    let Some(built) = built() else { return };
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let mut board = ready(work.path(), &lab);
    let mut table = Table::new("Bundles that are refused");
    refused(&mut board, &mut table, "signed by a stranger", &format!("/run/lab/{STRANGER}"));
    refused(&mut board, &mut table, "for another board", &format!("/run/lab/{OTHER_BOARD}"));
    refused(&mut board, &mut table, "older", &format!("/run/lab/{OLDER}"));

    let copy = "/data/offered.raucb";
    let bytes = lab.bytes(GOOD);
    board.serial.run(&format!("cp /run/lab/{GOOD} {copy}"), INSTALL);
    board.sh(&format!(
        "flip() {{ b=$(od -An -tu1 -j$1 -N1 {copy}); printf \"\\\\$(printf %o $((b ^ 255)))\" | \
         dd of={copy} bs=1 seek=$1 conv=notrunc status=none; }}"
    ));
    for place in 0..20 {
        let at = (bytes - 1) * place / 19;
        board.sh(&format!("flip {at}"));
        refused(&mut board, &mut table, &format!("corrupt at byte {at} of {bytes}"), copy);
        board.sh(&format!("flip {at}"));
    }
    let same = board.serial.run(&format!("cmp {copy} /run/lab/{GOOD}"), INSTALL).status == 0;
    assert!(same, "every byte was put back");
    // From long to short: a file can be cut again.
    for cut in 1..=20 {
        let length = bytes * (20 - cut) / 20;
        board.sh(&format!("truncate -s {length} {copy}"));
        refused(&mut board, &mut table, &format!("truncated to {length} of {bytes} bytes"), copy);
    }
    table.finish(&built, "refused");
}

#[test]
fn a_good_bundle_is_proved_by_the_reboot_without_share_and_broker() {
    let Some(built) = built() else { return };
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let mut board = ready(work.path(), &lab);
    let mut table = Table::new("A good bundle");
    let started = Instant::now();
    install(&mut board, &format!("/run/lab/{GOOD}"));
    wait_for_writing(&mut board);
    board.screenshot(&built, "updating");
    board.qmp.cable(false);
    board.serial.expect("slots: B of B A, attempts left A 9 B 2", INSTALL);
    table.row("good bundle", &format!("installed after {:.0} s by the wall", started.elapsed().as_secs_f64()), true);
    board.restarted();
    let ready = board.ready();
    let counters = confirmed(&mut board);
    let proved = counters.contains("BOOT_B_LEFT=9") && counters.contains("BOOT_ORDER=B");
    table.row("cable out after the update", &format!("ready after {ready:.0} guest s; {counters}"), proved);

    for cycle in 0..10_u64 {
        board = again(work.path(), board, &lab, false);
        let seen = board.serial.expect("attempts left A 9 B 9", SHORT);
        let good = seen.contains("slots: B of B A");
        table.row(&format!("quick power cycle {}", cycle + 1), if good { "slot B" } else { &seen }, good);
        std::thread::sleep(Duration::from_millis(cycle * 2500));
    }
    board = again(work.path(), board, &lab, true);
    board.serial.expect("slots: button held", SHORT);
    let seen = board.serial.expect("attempts left A 9 B 9", SHORT);
    board.shell();
    let slot = board.slot();
    table.row("button held at boot", &format!("runs slot {slot}"), slot == "A" && seen.contains("slots: A of B A"));
    board = again(work.path(), board, &lab, false);
    let seen = board.serial.expect("attempts left A 9 B 9", SHORT);
    table.row("the next boot without it", "slot B", seen.contains("slots: B of B A"));
    table.finish(&built, "good");
}

#[test]
fn an_update_that_fails_its_self_test_goes_back() {
    let Some(built) = built() else { return };
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let mut board = ready(work.path(), &lab);
    let mut table = Table::new("An update that fails its self-test");
    install(&mut board, &format!("/run/lab/{BROKEN}"));
    board.serial.expect("slots: B of B A, attempts left A 9 B 2", INSTALL);
    board.serial.expect("slots: A of", BOOT + INSTALL);
    board.restarted();
    let ready = board.ready();
    confirmed(&mut board);
    let (slot, counters) = (board.slot(), counters(&mut board));
    table.row("failing self-test", &format!("slot {slot}, ready after {ready:.0} guest s; {counters}"), slot == "A");
    let status = board.sh("spinewatch update status");
    table.row("what is told of it", &status.replace('\n', "; "), status.contains("back"));
    table.finish(&built, "self-test");
}

#[test]
fn attempts_that_are_used_up_end_in_the_old_slot() {
    let Some(built) = built() else { return };
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let mut board = ready(work.path(), &lab);
    let mut table = Table::new("Attempts used up");
    install(&mut board, &format!("/run/lab/{GOOD}"));
    board.serial.expect("slots: B of B A, attempts left A 9 B 2", INSTALL);
    for left in [1, 0] {
        board = again(work.path(), board, &lab, false);
        let seen = board.serial.expect(&format!("attempts left A 9 B {left}"), SHORT);
        table.row("power cut before the proof", &format!("slot B, {left} left"), seen.contains("slots: B of B A"));
    }
    board = again(work.path(), board, &lab, false);
    let seen = board.serial.expect("attempts left A 9 B 0", SHORT);
    let ready = board.ready();
    table.row("the fourth boot", &format!("slot A, ready after {ready:.0} guest s"), seen.contains("slots: A of B A"));
    confirmed(&mut board);
    let status = board.sh("spinewatch update status");
    table.row("what is told of it", &status.replace('\n', "; "), status.contains("back"));
    table.finish(&built, "attempts");
}

/// Begins an update; the console stays free.
pub fn install(board: &mut Board, source: &str) {
    board.sh(&format!("systemd-run -q --unit=install spinewatch update install {source}"));
}

/// What `progress.json` says, as one line; empty before the updater has said anything.
pub fn progress(board: &mut Board) -> String {
    board.serial.run("cat /run/spinewatch-update/progress.json", SHORT).output
}

pub fn wait_for_writing(board: &mut Board) {
    let due = Instant::now() + INSTALL;
    loop {
        let said = progress(board);
        let writing = said.contains("\"writing\"");
        assert!(writing || !said.contains("\"failed\""), "{said}");
        assert!(Instant::now() < due, "nothing was written: {said}");
        if writing {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
