//! The power goes at every durable step of an action, and at pairs of them.

use crate::board::{Board, Fate};
use crate::server::{Action, Hawkbit, Status};

const ROUNDS: usize = 12;

/// Boots again and again until the server has been told the end. `cuts`: durable steps of each boot until its power goes.
fn lived_through(board: &Board, cuts: &[u32]) -> bool {
    let mut cuts = cuts.iter();
    for _ in 0..ROUNDS {
        board.boot();
        board.state().power = cuts.next().copied();
        let mut poller = board.poller();
        let first = poller.round();
        if first.is_ok() && board.state().power != Some(0) {
            // the new system settles while the poller runs
            board.confirm();
            let _ = poller.round();
        }
        let action = board.hawkbit.action(8);
        if action.told.iter().any(|(_, finished, _)| finished == "success") && !board.proved() {
            return false;
        }
        let closed = matches!(action.status, Status::Finished | Status::Error);
        if closed && poller.record().action.is_none() {
            return true;
        }
    }
    false
}

fn board(hawkbit: &Hawkbit, fate: Fate) -> Board {
    hawkbit.world().actions.clear();
    hawkbit.offer(8, Action::new(b"a small bundle".to_vec()));
    let board = Board::new(hawkbit);
    board.state().fate = fate;
    board
}

fn survived(hawkbit: &Hawkbit, fate: &Fate, cuts: &[u32]) {
    let board = board(hawkbit, fate.clone());
    assert!(lived_through(&board, cuts), "{cuts:?}: {:?}", hawkbit.action(8));
    let written = board.state().written.len();
    assert!(written <= 1, "{cuts:?}: installed {written} times");
    let action = hawkbit.action(8);
    let closed = action.told.iter().filter(|(_, finished, _)| finished != "none").count();
    assert_eq!(closed, 1, "{cuts:?}: {:?}", action.told);
    // given up after three interrupted installations: a failure, and true
    let expected = match fate {
        Fate::Proves if written == 1 => Status::Finished,
        _ => Status::Error,
    };
    assert_eq!(action.status, expected, "{cuts:?}: {:?}", action.told);
    assert!(written == 1 || cuts.len() >= 3, "{cuts:?}: {:?}", action.told);
}

/// Durable steps of a life without a cut.
fn steps(hawkbit: &Hawkbit) -> u32 {
    let board = board(hawkbit, Fate::Proves);
    assert!(lived_through(&board, &[]));
    let steps = board.state().steps;
    assert!((15..60).contains(&steps), "{steps} durable steps");
    steps
}

#[test]
fn a_power_cut_at_any_step_installs_once_and_tells_the_truth() {
    let hawkbit = Hawkbit::start();
    let steps = steps(&hawkbit);
    for fate in [Fate::Proves, Fate::RollsBack("no screen")] {
        for cut in 0..=steps {
            survived(&hawkbit, &fate, &[cut]);
        }
    }
    println!("{} cuts, none installed twice, none told a success that was none", 2 * (steps + 1));
}

#[test]
fn two_power_cuts_in_a_row_install_once_and_tell_the_truth() {
    let hawkbit = Hawkbit::start();
    let steps = steps(&hawkbit);
    let mut lives = 0;
    for first in (0..=steps).step_by(2) {
        for second in (first % 4..=steps - first).step_by(4) {
            survived(&hawkbit, &Fate::Proves, &[first, second]);
            lives += 1;
        }
    }
    println!("{lives} pairs of cuts, none installed twice, none told a success that was none");
}

#[test]
fn an_installation_that_is_always_interrupted_is_given_up_and_told() {
    let hawkbit = Hawkbit::start();
    // just after the installer has begun to write, at every boot
    let until_writing = |cut: u32| {
        let board = board(&hawkbit, Fate::Proves);
        board.boot();
        board.state().power = Some(cut);
        let _ = board.poller().round();
        board.boot();
        board.poller().record().action.as_ref().map(|action| (action.tries, board.state().written.len()))
    };
    let writing = (0..60).find(|cut| until_writing(*cut) == Some((1, 0))).expect("the installer is called");
    let later = [4, 5, 6, 7].map(|more| vec![writing + 1, more, more, more, more, more]);
    let given_up = later.iter().any(|cuts| {
        let board = board(&hawkbit, Fate::Proves);
        lived_through(&board, cuts) && hawkbit.action(8).last().2.contains("interrupted 3 times")
    });
    assert!(given_up, "{:?}", hawkbit.action(8).told);
}
