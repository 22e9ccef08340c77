//! Power cuts at many moments of an update, from the first look at the bundle to the proof of the new system.

use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::board::{Board, PowerOn, built};
use super::lab::{GOOD, Lab, READY};
use super::table::Table;
use super::update::{INSTALL, confirmed};

/// `SPINEWATCH_CUTS` cuts, each from the same state, spread over the time that the update takes.
#[test]
fn power_cuts_in_an_update_brick_nothing() {
    let Some(built) = built() else { return };
    let cuts: u32 = std::env::var("SPINEWATCH_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let start = lab.ready(work.path());
    let how = PowerOn { snapshot: Some(READY), lab: Some(lab.image()), ..PowerOn::default() };
    let cold = PowerOn { snapshot: None, ..how.clone() };
    let bundle = format!("/run/lab/{GOOD}");
    let mut table = Table::new("Power cuts in an update");

    let mut board = Board::power_on(work.path(), &start.copy("uncut"), &how);
    let begun = Instant::now();
    begin(&mut board, &bundle);
    board.serial.expect("slots: B of B A, attempts left A 9 B 2", INSTALL);
    let whole = begun.elapsed();
    drop(board);
    println!("an update takes {:.0} s to its restart", whole.as_secs_f64());

    let mut moments = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut bricks = 0;
    for cut in 0..cuts {
        // Beyond the restart too: the new system's first boot is part of an update.
        let share = 1.3 * (f64::from(cut) + moments.random::<f64>()) / f64::from(cuts);
        let mut board = Board::power_on(work.path(), &start.copy("cut"), &how);
        let begun = Instant::now();
        begin(&mut board, &bundle);
        std::thread::sleep(whole.mul_f64(share).saturating_sub(begun.elapsed()));
        let last = ["slots: B", "Spinewatch 0.2.0:", "an update:"].into_iter().find_map(|w| board.serial.last_line(w));
        let last = last.unwrap_or_else(|| "before the first word".to_owned());
        let disk = board.cut_power();
        let after = format!("cut {} after {:.0} s: {last}", cut + 1, begun.elapsed().as_secs_f64());

        let mut board = Board::power_on(work.path(), &disk, &cold);
        match board.try_ready() {
            Ok(ready) => {
                let counters = confirmed(&mut board);
                let slot = board.slot();
                let proved = counters.contains(&format!("BOOT_{slot}_LEFT=9"));
                table.row(&after, &format!("slot {slot}, ready after {ready:.0} guest s; {counters}"), proved);
            }
            Err(why) => {
                bricks += 1;
                table.row(&after, &format!("BRICK: {why}"), false);
            }
        }
    }
    table.row(&format!("{cuts} cuts"), &format!("{bricks} bricks"), bricks == 0);
    table.finish(&built, "update-cuts");
}

/// Begins the update; its progress is told on the console.
fn begin(board: &mut Board, bundle: &str) {
    let to = "-p StandardOutput=file:/dev/ttyAMA0 -p StandardError=file:/dev/ttyAMA0";
    board.sh(&format!("systemd-run -q --unit=install {to} spinewatch update install {bundle}"));
}
