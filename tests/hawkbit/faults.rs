//! What a server can do wrong.

use spinewatch::update::hawkbit::Trouble;

use crate::board::Board;
use crate::life::bundle;
use crate::server::{Action, Fault, Hawkbit, Status};

fn started() -> (Hawkbit, Board) {
    let hawkbit = Hawkbit::start();
    hawkbit.offer(8, Action::new(bundle()));
    let board = Board::new(&hawkbit);
    (hawkbit, board)
}

#[test]
fn a_bad_answer_is_said_in_words_costs_a_wait_and_is_got_over() {
    let bad: [(&str, Fault, &[&str]); 12] = [
        ("ct-1", Fault::Status(401), &["refuses this device (401)", "update.hawkbit_token_file"]),
        ("ct-1", Fault::Status(403), &["refuses this device (403)"]),
        ("ct-1", Fault::Status(404), &["does not know this device", "hawkbit_tenant"]),
        ("ct-1", Fault::Status(500), &["answers 500 to a poll"]),
        ("ct-1", Fault::Status(429), &["answers 429 to a poll"]),
        ("ct-1", Fault::Body("<html>maintenance</html>"), &["a poll cannot be used", "not JSON"]),
        ("ct-1", Fault::Body("{\"_links\":{\"deploymentBase\":{\"href\":\"x/../../etc\"}}}"), &["names no action"]),
        ("ct-1", Fault::Endless, &["longer than 1048576 bytes"]),
        ("deploymentBase/8", Fault::Body("{\"id\":\"9\"}"), &["the question for a deployment", "cannot be used"]),
        ("deploymentBase/8", Fault::Endless, &["longer than 1048576 bytes"]),
        ("/files/8", Fault::Status(503), &["answers 503 to a download"]),
        ("/files/8", Fault::Status(403), &["refuses this device (403)"]),
    ];
    for (path, fault, words) in bad {
        let (hawkbit, board) = started();
        hawkbit.fault(path, fault.clone());
        let mut poller = board.poller();
        let trouble = poller.round().unwrap_err().to_string();
        for word in words {
            assert!(trouble.contains(word), "{fault:?}: {word} is missing from: {trouble}");
        }
        assert!(board.state().written.is_empty());
        poller.round().unwrap();
        assert_eq!(board.state().written.len(), 1, "{fault:?}");
    }
}

#[test]
fn a_server_that_is_away_is_waited_for_longer_and_longer_and_changes_nothing_on_the_device() {
    let (hawkbit, board) = started();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut settings = board.settings();
    settings.access.url = format!("http://127.0.0.1:{free}");
    let mut poller = board.poller_with(settings);
    let waits: Vec<_> = (0..9).map(|_| poller.turn(1.0).as_secs()).collect();
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    assert!(matches!(poller.round(), Err(Trouble::Away(_))));
    assert_eq!(std::fs::read_dir(board.folder.path()).unwrap().count(), 0);
    assert!(hawkbit.world().requests.is_empty());
}

#[test]
fn a_wrong_sum_is_told_as_a_failure_and_nothing_is_installed() {
    let (hawkbit, board) = started();
    hawkbit.change(8, |action| action.sha256 = "ab".repeat(32));
    board.poller().round().unwrap();
    let action = hawkbit.action(8);
    let (execution, finished, detail) = action.last();
    assert_eq!((action.status, execution, finished), (Status::Error, "closed", "failure"));
    assert!(detail.contains("SHA-256") && detail.contains(&"ab".repeat(32)), "{detail}");
    assert!(board.state().written.is_empty() && board.files().is_empty());
}

#[test]
fn what_this_device_cannot_install_is_told_as_a_failure() {
    let (hawkbit, board) = started();
    hawkbit.change(8, |action| action.part = "jvm");
    board.poller().round().unwrap();
    let action = hawkbit.action(8);
    assert!(action.status == Status::Error && action.last().2.contains("\"jvm\""), "{:?}", action.told);
}

#[test]
fn a_disk_without_room_is_told_as_a_failure() {
    let (hawkbit, board) = started();
    let mut settings = board.settings();
    settings.reserve = u64::MAX / 2;
    board.poller_with(settings).round().unwrap();
    assert!(hawkbit.action(8).last().2.contains("no room"), "{:?}", hawkbit.action(8).told);
    assert!(!hawkbit.world().requests.iter().any(|line| line.contains("/files/")));
}

#[test]
fn an_end_that_could_not_be_told_is_told_later_and_once() {
    for fault in [Fault::Status(503), Fault::AnswerLost] {
        let (hawkbit, board) = started();
        board.poller().round().unwrap();
        board.boot();
        board.confirm();
        hawkbit.fault("feedback", fault.clone());
        hawkbit.fault("feedback", Fault::Status(500));
        let mut poller = board.poller();
        poller.round().unwrap_err();
        assert!(poller.record().action.is_some(), "it is not forgotten");
        drop(poller);
        board.poller().round().unwrap_err();
        let mut poller = board.poller();
        poller.round().unwrap();
        let closed = hawkbit.action(8).executions().iter().filter(|execution| **execution == "closed").count();
        assert_eq!((hawkbit.action(8).status, closed), (Status::Finished, 1), "{fault:?}");
        assert!(poller.record().action.is_none());
    }
}

#[test]
fn a_server_away_does_not_hold_up_the_restart() {
    let (hawkbit, board) = started();
    hawkbit.fault("deploymentBase/8/feedback", Fault::Status(200));
    hawkbit.fault("deploymentBase/8/feedback", Fault::Status(200));
    hawkbit.fault("deploymentBase/8/feedback", Fault::Status(500));
    hawkbit.fault("deploymentBase/8/feedback", Fault::Status(500));
    board.poller().round().unwrap();
    assert_eq!(board.done(), (1, 1));
}

#[test]
fn an_action_that_was_removed_at_the_server_does_not_block_the_next() {
    let (hawkbit, board) = started();
    board.poller().round().unwrap();
    board.boot();
    hawkbit.world().actions.remove(&8);
    board.poller().round().unwrap();
    board.confirm();
    board.poller().round().unwrap();
    hawkbit.offer(9, Action::new(b"another bundle".to_vec()));
    board.poller().round().unwrap();
    assert_eq!(board.state().written.len(), 2);
}

#[test]
fn an_action_removed_during_its_download_is_dropped() {
    let (hawkbit, board) = started();
    hawkbit.world().cuts.push_back(100_000);
    let mut poller = board.poller();
    poller.round().unwrap_err();
    assert_eq!(board.files().len(), 1);
    hawkbit.world().actions.remove(&8);
    poller.round().unwrap();
    assert!(board.files().is_empty() && poller.record().action.is_none());
}

#[test]
fn a_download_from_another_host_gets_no_token() {
    let (hawkbit, board) = started();
    let files = Hawkbit::start();
    files.offer(8, Action::new(bundle()));
    files.world().authorization = Some("the token must not come here".into());
    let description = format!(
        r#"{{"id":"8","deployment":{{"download":"forced","update":"forced","chunks":[{{"part":"os","name":"s",
        "version":"1","artifacts":[{{"filename":"f","size":{},"hashes":{{"sha256":"{}"}},
        "_links":{{"download-http":{{"href":"{}/files/8"}}}}}}]}}]}}}}"#,
        bundle().len(),
        hawkbit.action(8).sha256,
        files.url()
    );
    hawkbit.fault("deploymentBase/8", Fault::Body(description.leak()));
    let trouble = board.poller().round().unwrap_err().to_string();
    assert!(trouble.contains("401"), "the other host saw no token: {trouble}");
    files.world().authorization = None;
    let mut poller = board.poller();
    poller.round().unwrap();
    assert_eq!(files.world().requests, ["GET /files/8"]);
}
