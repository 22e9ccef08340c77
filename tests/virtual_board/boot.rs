//! From power on to ready: times, pictures, what the kernel offers.

use super::board::{Board, Disk, PowerOn, SHORT, built};
use super::table::Table;

#[test]
fn the_board_boots_to_ready_and_shows_it() {
    let Some(built) = built() else { return };
    let work = tempfile::tempdir().unwrap();
    let disk = Disk::fresh(&built, work.path(), "boot");
    let mut table = Table::new("Boot");
    let mut board = Board::power_on(work.path(), &disk, &PowerOn::default());
    board.serial.expect("slots: A of A B, attempts left A 2 B 0", SHORT);
    table.row("boot script", &format!("slot A after {:.0} s", board.since.elapsed().as_secs_f64()), true);
    board.first_picture(&built, "start");
    let ready = board.ready();
    table.row("ready", &format!("{ready:.1} guest s, {:.0} s by the wall", board.since.elapsed().as_secs_f64()), true);
    // Nobody has told it where the share is.
    board.screenshot(&built, "share-lost");
    let failed = board.sh("systemctl list-units --failed --no-legend --plain");
    table.row("failed units", if failed.is_empty() { "none" } else { &failed }, failed.is_empty());
    table.finish(&built, "boot");
}
