//! Studies over the share: the alert on the screen and on the wire, a lost share, power cuts in the middle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::board::{BOOT, Board, PowerOn, built};
use super::clinic::Clinic;
use super::lab::{Lab, READY};
use super::share::Share;
use super::table::Table;

const SLICES: usize = 40;
/// A slice a second is what an emulated processor keeps up with.
const RATE: f64 = 1.0;
/// From the last slice to the verdict.
const VERDICT: Duration = Duration::from_secs(400);

#[test]
fn a_study_on_the_share_is_told_and_the_next_outlives_a_power_cut() {
    let Some(built) = built() else { return };
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let disk = lab.ready(work.path());
    let (clinic, mut share) = (Clinic::open(), Share::start(work.path()));
    let mut table = Table::new("A study over the share");
    let how = PowerOn { snapshot: Some(READY), lab: Some(lab.image()), ..PowerOn::default() };
    let mut board = Board::power_on(work.path(), &disk, &how);
    let mount = board.serial.run("until grep ' /srv/ct cifs' /proc/mounts; do sleep 1; done | cut -c1-60", BOOT);
    let mounted = clinic.wait_for_message("/status", &["share"], true, BOOT).is_some();
    table.row("share mounted with the sealed password", &mount.output, mounted && mount.status == 0);

    board.screenshot(&built, "idle");
    let mut first = share.console(9_001_000, SLICES);
    first.write(SLICES * 2 / 3, RATE);
    board.screenshot(&built, "receiving");
    first.write_all(RATE);
    let told = clinic.wait_for_studies(1, SLICES, VERDICT);
    let verdict = clinic.wait(Duration::ZERO, |told| told.last().map(|last| last.verdict.clone()));
    table.row("first study", &format!("{verdict:?}"), told && verdict.as_deref() == Some("suspected"));
    let alert = clinic.wait_for_message("/alert/", &[], false, VERDICT).expect("a suspicion without an alert");
    println!("received: {}\n{}", alert.0, alert.1);
    board.screenshot(&built, "suspected");

    share.switch_off();
    let lost = clinic.wait_for_message("/status", &["share"], false, Duration::from_secs(240));
    table.row("share switched off", &lost.as_ref().map_or("not told".into(), |(_, said)| said.clone()), lost.is_some());
    board.screenshot(&built, "share-lost-under-a-suspicion");
    share.switch_on();
    let back = clinic.wait_for_message("/status", &["share"], true, Duration::from_secs(240)).is_some();
    table.row("share switched on again", if back { "found again" } else { "stays lost" }, back);

    let mut second = share.console(9_001_002, SLICES);
    second.write(SLICES / 2, RATE);
    let disk = board.cut_power();
    second.write_all(100.0);
    let mut board = Board::power_on(work.path(), &disk, &PowerOn { lab: Some(lab.image()), ..PowerOn::default() });
    let ready = board.ready();
    let told = clinic.wait_for_studies(2, SLICES, VERDICT + BOOT);
    let story = clinic.story(SLICES);
    table.row("power cut in the second study", &format!("ready after {ready:.0} guest s; {story:?}"), told);
    table.row("told twice", &story.told_twice.to_string(), story.told_twice == 0);
    table.finish(&built, "study");
}

/// `SPINEWATCH_CUTS` power cuts at random moments of boots and studies; the console never stops.
#[test]
fn power_cuts_in_studies_lose_no_verdict() {
    let Some(built) = built() else { return };
    let cuts: u32 = std::env::var("SPINEWATCH_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::prepare(&built);
    let mut disk = lab.ready(work.path());
    let (clinic, share) = (Clinic::open(), Share::start(work.path()));
    let mut table = Table::new("Power cuts in studies");
    let mut moments = Xoshiro256PlusPlus::seed_from_u64(5);
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                share.console(9_002_000 + written, SLICES).write_all(RATE / 2.0);
                written += 1;
            }
            written
        });
        for cut in 0..cuts {
            let mut board =
                Board::power_on(work.path(), &disk, &PowerOn { lab: Some(lab.image()), ..PowerOn::default() });
            // One cut in four falls into the boot.
            if cut % 4 != 3 {
                board.ready();
            }
            let after = Duration::from_millis(moments.random_range(500..45_000));
            std::thread::sleep(after);
            disk = board.cut_power();
            println!("  cut {}: {} whole studies so far", cut + 1, clinic.story(SLICES).whole);
        }
        stop.store(true, Ordering::Relaxed);
        writing.join().unwrap()
    });
    let mut board = Board::power_on(work.path(), &disk, &PowerOn { lab: Some(lab.image()), ..PowerOn::default() });
    board.ready();
    let studies = usize::try_from(written).unwrap();
    let told = clinic.wait_for_studies(studies, SLICES, VERDICT * 3);
    let story = clinic.story(SLICES);
    let lost = studies - story.whole.min(studies);
    table.row(
        &format!("{cuts} cuts, {studies} studies"),
        &format!("{lost} verdicts lost, {story:?}"),
        told && lost == 0,
    );
    table.row("told twice", &story.told_twice.to_string(), story.told_twice == 0);
    table.finish(&built, "study-cuts");
}
