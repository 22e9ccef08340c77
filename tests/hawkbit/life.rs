//! An action from its offer to its end.

use std::time::Duration;

use spinewatch::update::hawkbit::{InstallError, Settings, Stage};

use crate::board::{Board, Fate};
use crate::server::{Action, Hawkbit, Status};

pub fn bundle() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn started() -> (Hawkbit, Board) {
    let hawkbit = Hawkbit::start();
    hawkbit.offer(8, Action::new(bundle()));
    let board = Board::new(&hawkbit);
    (hawkbit, board)
}

#[test]
fn success_is_told_only_when_the_restart_has_proved_the_update() {
    let (hawkbit, board) = started();
    hawkbit.world().wants_attributes = true;
    hawkbit.world().authorization = Some("TargetToken 4f2d".into());
    hawkbit.world().cuts.extend([150_000, 100_000]);
    let mut poller = board.poller();
    let mut have = Vec::new();
    for _ in 0..2 {
        let trouble = poller.round().unwrap_err().to_string();
        let length = std::fs::metadata(board.folder.path().join("download").join(&board.files()[0])).unwrap().len();
        assert!(trouble.contains(&format!("broke off at {length} of 400000 bytes")), "{trouble}");
        have.push(length);
    }
    assert!(0 < have[0] && have[0] < have[1] && have[1] <= 250_000, "{have:?}");
    // the power was off in between
    board.boot();
    board.poller().round().unwrap();
    assert_eq!(hawkbit.world().ranges, have.iter().map(|have| format!("bytes={have}-")).collect::<Vec<_>>());
    assert_eq!(hawkbit.world().attributes.as_ref().unwrap()["data"]["version"], "0.1.0");
    assert_eq!(board.done(), (1, 1));
    assert_eq!(hawkbit.action(8).executions(), ["download", "downloaded", "proceeding", "proceeding"]);

    board.boot();
    let mut poller = board.poller();
    assert_eq!(poller.turn(0.0), Duration::from_secs(30), "what is about to be decided is asked for soon");
    poller.round().unwrap();
    assert_eq!(hawkbit.action(8).status, Status::Running, "the new system runs and has proved nothing yet");
    board.confirm();
    poller.round().unwrap();
    let action = hawkbit.action(8);
    assert_eq!(action.status, Status::Finished);
    let (execution, finished, detail) = action.last();
    assert_eq!((execution, finished), ("closed", "success"));
    assert!(detail.contains("spinewatch 0.2.0") && detail.contains("proved itself"), "{detail}");
    assert!(board.files().is_empty() && poller.record().action.is_none());
    assert_eq!(poller.turn(0.0), Duration::from_secs(600), "as the server wishes");
}

#[test]
fn a_rolled_back_update_is_told_as_a_failure_with_its_reason() {
    let (hawkbit, board) = started();
    board.state().fate = Fate::RollsBack("the model self-test failed");
    board.poller().round().unwrap();
    board.boot();
    board.confirm();
    board.poller().round().unwrap();
    let action = hawkbit.action(8);
    assert_eq!(action.status, Status::Error);
    assert_eq!(action.last(), ("closed", "failure", "rolled back: the model self-test failed"));
}

#[test]
fn a_refusal_is_told_as_a_failure_with_its_line() {
    for line in ["not signed by whom this device trusts", "is for another board", "holds 0.0.9, older than 0.1.0"] {
        let (hawkbit, board) = started();
        board.state().refusals.push(InstallError::Refused(line.into()));
        board.poller().round().unwrap();
        let action = hawkbit.action(8);
        assert_eq!((action.status, action.last()), (Status::Error, ("closed", "failure", line)));
        assert!(board.state().written.is_empty() && board.files().is_empty());
    }
}

#[test]
fn while_another_update_is_on_its_way_the_action_waits() {
    let (hawkbit, board) = started();
    board.state().refusals.push(InstallError::Later("0.1.9 is installed and not proved yet".into()));
    let mut poller = board.poller();
    assert!(poller.round().unwrap_err().to_string().contains("0.1.9"));
    assert_eq!(hawkbit.action(8).status, Status::Running);
    poller.round().unwrap();
    assert_eq!(board.state().written.len(), 1);
}

#[test]
fn what_runs_already_is_a_success_and_is_not_installed() {
    let (hawkbit, board) = started();
    board.state().refusals.push(InstallError::RunsAlready("0.2.0 is what runs already".into()));
    board.poller().round().unwrap();
    assert_eq!(hawkbit.action(8).status, Status::Finished);
    assert!(board.state().written.is_empty());
}

#[test]
fn an_action_cancelled_before_it_began_is_never_begun() {
    let (hawkbit, board) = started();
    hawkbit.change(8, |action| action.status = Status::Canceling);
    board.poller().round().unwrap();
    assert_eq!(hawkbit.action(8).status, Status::Canceled);
    assert_eq!(hawkbit.action(8).last().0, "closed");
    assert!(board.state().written.is_empty());
}

#[test]
fn an_action_cancelled_during_its_download_leaves_nothing_behind() {
    let (hawkbit, board) = started();
    hawkbit.world().cancel_after = Some(3);
    let mut poller = board.poller_with(Settings { shortest: Duration::ZERO, ..board.settings() });
    poller.round().unwrap();
    assert_eq!(hawkbit.action(8).status, Status::Canceled);
    assert_eq!(hawkbit.action(8).executions(), ["download", "closed"], "no word of a whole download");
    assert!(board.files().is_empty() && board.state().written.is_empty());
}

#[test]
fn an_action_cancelled_after_its_installation_goes_on_and_tells_its_end() {
    let (hawkbit, board) = started();
    board.poller().round().unwrap();
    hawkbit.change(8, |action| action.status = Status::Canceling);
    board.boot();
    board.poller().round().unwrap();
    assert_eq!((hawkbit.action(8).status, hawkbit.action(8).last().0.to_owned()), (Status::Running, "rejected".into()));
    board.confirm();
    board.poller().round().unwrap();
    assert_eq!(hawkbit.action(8).status, Status::Finished);
}

#[test]
fn the_maintenance_window_is_waited_for_with_the_whole_file_at_hand() {
    let (hawkbit, board) = started();
    hawkbit.change(8, |action| (action.update, action.window) = ("skip", Some("unavailable")));
    let mut poller = board.poller();
    poller.round().unwrap();
    poller.round().unwrap();
    assert_eq!(poller.record().action.as_ref().unwrap().stage, Stage::Downloaded);
    assert_eq!(hawkbit.action(8).executions(), ["download", "downloaded"]);
    assert!(board.state().written.is_empty());
    hawkbit.change(8, |action| (action.update, action.window) = ("forced", Some("available")));
    board.poller().round().unwrap();
    assert_eq!(board.state().written.len(), 1);
    let downloads = hawkbit.world().requests.iter().filter(|line| line.contains("/files/")).count();
    assert_eq!(downloads, 1);
}

#[test]
fn a_file_that_was_only_to_be_downloaded_is_used_by_the_action_that_follows() {
    let (hawkbit, board) = started();
    hawkbit.change(8, |action| action.update = "skip");
    board.poller().round().unwrap();
    assert_eq!(hawkbit.action(8).status, Status::Finished);
    board.poller().round().unwrap();
    hawkbit.offer(9, Action::new(bundle()));
    board.poller().round().unwrap();
    assert_eq!(board.state().written.len(), 1);
    let downloads = hawkbit.world().requests.iter().filter(|line| line.contains("/files/")).count();
    assert_eq!(downloads, 1, "{:?}", hawkbit.world().requests);
}

#[test]
fn a_consent_is_given_where_the_site_wants_it_and_awaited_elsewhere() {
    let (hawkbit, board) = started();
    hawkbit.change(8, |action| action.status = Status::WaitsForConfirmation);
    board.poller().round().unwrap();
    assert_eq!(hawkbit.action(8).status, Status::WaitsForConfirmation);
    let mut poller = board.poller_with(Settings { confirms: true, ..board.settings() });
    poller.round().unwrap();
    poller.round().unwrap();
    assert_eq!(board.state().written.len(), 1);
}

#[test]
fn a_lost_record_leads_to_no_second_installation() {
    let (hawkbit, board) = started();
    board.poller().round().unwrap();
    std::fs::remove_file(board.folder.path().join("hawkbit.json")).unwrap();
    board.boot();
    board.poller().round().unwrap();
    board.confirm();
    std::fs::write(board.folder.path().join("hawkbit.json"), "{").unwrap();
    board.poller().round().unwrap();
    assert_eq!((board.state().written.len(), hawkbit.action(8).status), (1, Status::Finished));
}

#[test]
fn the_same_number_of_another_server_is_another_action() {
    let (_first, mut board) = started();
    board.poller().round().unwrap();
    board.boot();
    board.confirm();
    board.poller().round().unwrap();
    let (second, _) = started();
    board.hawkbit = second.clone();
    board.poller().round().unwrap();
    assert_eq!(board.state().written.len(), 2, "the second server's action 8 has proved nothing");
    assert_eq!(second.action(8).status, Status::Running);
}
