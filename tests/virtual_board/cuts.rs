//! Power cuts at many moments of an update, from the first look at the bundle to the boot of the new system.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::board::{BOOT, Board, PowerOn, built};
use super::lab::{GOOD, Lab, READY};
use super::table::Table;
use super::update::{INSTALL, confirmed};

/// After what the power goes: words of the updater and of the boot script, in the order in which they come.
const MOMENTS: [&str; 16] = [
    "looking for the bundle",
    "Checking the bundle 40 %",
    "Checking the bundle 80 %",
    "Writing 0 %",
    "Writing 10 %",
    "Writing 20 %",
    "Writing 40 %",
    "Writing 50 %",
    "Writing 60 %",
    "Writing 70 %",
    "Writing 80 %",
    "Writing 90 %",
    "Writing 100 %",
    "Restarting 0 %",
    "slots: uboot.env",
    "attempts left A 9 B 2",
];

/// `SPINEWATCH_CUTS` cuts, each from the same state, spread over these moments and a little behind each.
#[test]
fn power_cuts_in_an_update_brick_nothing() {
    let Some(built) = built() else { return };
    let cuts: usize = std::env::var("SPINEWATCH_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let start = lab.ready(work.path());
    let how = PowerOn { snapshot: Some(READY), lab: Some(lab.image()), ..PowerOn::default() };
    let cold = PowerOn { snapshot: None, ..how.clone() };
    let mut table = Table::new("Power cuts in an update");
    let mut behind = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut bricks = 0;
    for cut in 0..cuts {
        let mut board = Board::power_on(work.path(), &start.copy("cut"), &how);
        let to = "-p StandardOutput=file:/dev/ttyAMA0 -p StandardError=file:/dev/ttyAMA0";
        board.sh(&format!("systemd-run -q --unit=install {to} spinewatch update install /run/lab/{GOOD}"));
        let moment = MOMENTS[(cut * MOMENTS.len() / cuts) % MOMENTS.len()];
        board.serial.expect(moment, INSTALL);
        let millis = behind.random_range(0..2000);
        std::thread::sleep(Duration::from_millis(millis));
        let disk = board.cut_power();

        let case = format!("cut {}: {millis} ms after \"{moment}\"", cut + 1);
        let mut board = Board::power_on(work.path(), &disk, &cold);
        match board.try_ready() {
            Ok(ready) => {
                let counters = confirmed(&mut board);
                let slot = board.slot();
                let proved = counters.contains(&format!("BOOT_{slot}_LEFT=9"));
                table.row(&case, &format!("slot {slot}, ready after {ready:.0} guest s; {counters}"), proved);
            }
            Err(why) => {
                bricks += 1;
                table.row(&case, &format!("BRICK after {BOOT:?}: {why}"), false);
            }
        }
    }
    table.row(&format!("{cuts} cuts"), &format!("{bricks} bricks"), bricks == 0);
    table.finish(&built, "update-cuts");
}
