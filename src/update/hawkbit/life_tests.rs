#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::item::Kind;
use super::super::record::Closed;
use super::*;

fn item() -> Item {
    Item { kind: Kind::System, what: "spinewatch 0.2.0".into(), size: 10, sha256: "ab".repeat(32) }
}

fn record(stage: Stage) -> Record {
    let action = Action { id: "8".into(), item: Some(item()), stage, told: true, tries: 1 };
    Record { action: Some(action), ..Record::of("ab12cd34") }
}

fn stages() -> [Stage; 6] {
    let (success, failure) = (Outcome::success("proved"), Outcome::failure("rolled back"));
    let finished = [Stage::Finished(success), Stage::Finished(failure)];
    let [first, second] = finished;
    [Stage::Downloading, Stage::Downloaded, Stage::Installing, Stage::Proving, first, second]
}

fn standings() -> Vec<Standing> {
    let why = || "why".to_owned();
    vec![
        Standing::Unknown,
        Standing::Begun,
        Standing::Written { restarted: false },
        Standing::Written { restarted: true },
        Standing::Proved,
        Standing::Ended(why()),
        Standing::Failed(why()),
        Standing::RolledBack(why()),
    ]
}

fn described() -> Described {
    Described { download: true, install: true, item: Ok((item(), "https://h/a".into())) }
}

fn seen(standing: Standing) -> Seen {
    let offer = Offer { deployment: Some("8".into()), ..Offer::default() };
    Seen { offer: Some(offer), described: Some(described()), standing, confirms: false }
}

fn cancelling(standing: Standing) -> Seen {
    let offer = Offer { cancel: Some("8".into()), ..Offer::default() };
    Seen { offer: Some(offer), described: None, standing, confirms: false }
}

#[test]
fn success_is_said_only_of_what_has_proved_itself() {
    for standing in standings() {
        for stage in [Stage::Downloading, Stage::Downloaded, Stage::Installing, Stage::Proving] {
            let next = next(&record(stage.clone()), &seen(standing.clone()));
            let success = match &next {
                Move::Become(Stage::Finished(outcome)) | Move::Report(outcome) => outcome.success,
                _ => false,
            };
            assert!(!success || standing == Standing::Proved, "{stage:?} {standing:?}: {next:?}");
        }
        let begun = begin(&Record::of("ab12cd34"), "8", &described(), &standing).action.unwrap().stage;
        let success = matches!(&begun, Stage::Finished(outcome) if outcome.success);
        assert_eq!(success, standing == Standing::Proved, "{standing:?}: {begun:?}");
    }
}

#[test]
fn the_installer_is_called_only_from_a_whole_download_and_never_again_once_written() {
    for stage in stages() {
        for standing in standings() {
            let next = next(&record(stage.clone()), &seen(standing.clone()));
            assert!(next != Move::Install || stage == Stage::Downloaded, "{stage:?} {standing:?}");
        }
    }
    let past = [Standing::Written { restarted: true }, Standing::Proved, Standing::RolledBack("x".into())];
    for standing in past.into_iter().chain([Standing::Written { restarted: false }, Standing::Ended("x".into())]) {
        let next = next(&record(Stage::Installing), &seen(standing.clone()));
        assert!(!matches!(next, Move::Become(Stage::Downloaded) | Move::Install), "{standing:?}: {next:?}");
        let lost = begin(&Record::of("ab12cd34"), "8", &described(), &standing).action.unwrap().stage;
        assert!(!matches!(lost, Stage::Downloading | Stage::Downloaded), "{standing:?}: {lost:?}");
    }
}

#[test]
fn an_interrupted_installation_is_begun_again_three_times_and_no_more() {
    let tried = |tries: u32, standing: Standing| {
        let mut record = record(Stage::Installing);
        record.action.as_mut().unwrap().tries = tries;
        next(&record, &seen(standing))
    };
    for standing in [Standing::Unknown, Standing::Begun, Standing::Failed("no power".into())] {
        assert_eq!(tried(1, standing.clone()), Move::Become(Stage::Downloaded));
        assert_eq!(tried(2, standing.clone()), Move::Become(Stage::Downloaded));
        let Move::Become(Stage::Finished(outcome)) = tried(3, standing.clone()) else { panic!("{standing:?}") };
        assert!(!outcome.success && outcome.details[0].contains("3 times"), "{outcome:?}");
    }
}

#[test]
fn a_cancellation_is_accepted_before_the_installation_and_rejected_after_it() {
    for stage in [Stage::Downloading, Stage::Downloaded] {
        assert_eq!(next(&record(stage), &cancelling(Standing::Unknown)), Move::AcceptCancel("8".into()));
    }
    let written = Standing::Written { restarted: true };
    assert_eq!(next(&record(Stage::Proving), &cancelling(written)), Move::RejectCancel("8".into()));
    let over = record(Stage::Finished(Outcome::success("proved")));
    assert_eq!(next(&over, &cancelling(Standing::Proved)), Move::RejectCancel("8".into()));
    let unheard_of = Record::of("ab12cd34");
    assert_eq!(next(&unheard_of, &cancelling(Standing::Unknown)), Move::AcceptCancel("8".into()));
}

#[test]
fn the_restart_waits_neither_for_the_server_nor_for_its_permission() {
    let away = Seen { offer: None, ..seen(Standing::Written { restarted: false }) };
    assert_eq!(next(&record(Stage::Proving), &away), Move::Restart);
    let proved = Seen { offer: None, ..seen(Standing::Proved) };
    assert!(matches!(next(&record(Stage::Proving), &proved), Move::Become(Stage::Finished(_))));
}

#[test]
fn nothing_is_installed_outside_the_maintenance_window() {
    let mut outside = seen(Standing::Unknown);
    outside.described.as_mut().unwrap().install = false;
    assert_eq!(next(&record(Stage::Downloading), &outside), Move::Download);
    assert_eq!(next(&record(Stage::Downloaded), &outside), Move::Rest);
    assert_eq!(next(&record(Stage::Downloaded), &seen(Standing::Unknown)), Move::Install);
    outside.described.as_mut().unwrap().download = false;
    assert_eq!(next(&record(Stage::Downloading), &outside), Move::Rest);
}

#[test]
fn an_action_that_the_server_offers_no_more_is_dropped_before_the_installation_only() {
    for stage in stages() {
        let mut gone = seen(Standing::Written { restarted: true });
        gone.offer = Some(Offer::default());
        let dropped = next(&record(stage.clone()), &gone) == Move::Drop;
        assert_eq!(dropped, matches!(stage, Stage::Downloading | Stage::Downloaded), "{stage:?}");
    }
}

#[test]
fn a_consent_is_given_only_where_the_site_has_said_so() {
    let offer = Offer { confirmation: Some("8".into()), ..Offer::default() };
    let mut seen = Seen { offer: Some(offer), described: None, standing: Standing::Unknown, confirms: false };
    assert_eq!(next(&Record::of("ab12cd34"), &seen), Move::Rest);
    seen.confirms = true;
    assert_eq!(next(&Record::of("ab12cd34"), &seen), Move::Confirm("8".into()));
}

#[test]
fn an_end_that_was_told_is_told_again_when_the_server_asks_again() {
    let outcome = Outcome::failure("rolled back: no screen");
    let last = Closed { id: "8".into(), sha256: item().sha256, outcome: outcome.clone() };
    let record = Record { last: Some(last), ..Record::of("ab12cd34") };
    let again = begin(&record, "8", &described(), &Standing::Unknown);
    assert_eq!(again.action.unwrap().stage, Stage::Finished(outcome));
    let other = Described { item: Ok((Item { sha256: "cd".repeat(32), ..item() }, String::new())), ..described() };
    let other = begin(&record, "8", &other, &Standing::Unknown);
    assert_eq!(other.action.unwrap().stage, Stage::Downloading, "the number was given anew, to other bytes");
}

#[test]
fn what_the_device_cannot_carry_out_ends_at_once_and_says_why() {
    let refused = Described { item: Err("2 files".into()), ..described() };
    let action = begin(&Record::of("ab12cd34"), "8", &refused, &Standing::Unknown).action.unwrap();
    assert_eq!(action.stage, Stage::Finished(Outcome::failure("2 files")));
}
