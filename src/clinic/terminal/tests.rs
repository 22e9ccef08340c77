#![allow(clippy::unwrap_used, reason = "tests")]

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::clinic::samples::{Story, secs};
use crate::clinic::{ToAcknowledge, View};
use crate::triage::Level;

/// The picture as lines of text.
fn picture(view: &View, desk: &Desk, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view, desk)).unwrap();
    let buffer = terminal.backend().buffer();
    (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect()).collect()
}

fn press(desk: &mut Desk, view: &View, keys: &[KeyCode]) -> Action {
    let mut action = Action::None;
    for code in keys {
        action = desk.press(KeyEvent::new(*code, KeyModifiers::NONE), view);
    }
    action
}

/// An alert, a study that was partly analysed, a device that is offline.
fn story() -> Story {
    let mut story = Story::default();
    story.suspected("a1", &[Level::C2, Level::C5]);
    story.partly("b2");
    story.online("north/ct-2");
    story.offline("south/ct-1");
    story
}

#[test]
fn everything_that_matters_is_on_a_terminal_of_80_by_24() {
    let view = story().view(secs(75));
    let lines = picture(&view, &Desk::new(""), 80, 24);
    let all = lines.join("\n");
    for words in [
        "(1) Spinewatch",
        "broker connected",
        "▲  C2 C5",
        "PARTLY ANALYSED",
        "1:15",
        "C2▲",
        "C5▲",
        "C1■",
        "Not acknowledged: press a",
        "not for diagnosis",
        "south/ct-1",
        "✖ offline",
        "Seen: C1 to C7",
        "phantoms only",
    ] {
        assert!(all.contains(words), "{words} is not in\n{all}");
    }
    let chosen = lines.iter().position(|line| line.contains("C2 C5")).unwrap();
    let partly = lines.iter().position(|line| line.contains("PARTLY")).unwrap();
    assert!(chosen < partly, "the alert comes first");
    for never in ["clear ", "negative", "healthy"] {
        assert!(!all.to_lowercase().contains(never), "{never}");
    }
}

#[test]
fn a_lost_broker_takes_the_first_line_and_an_empty_list_does_not_calm() {
    let mut story = Story::default();
    let empty = picture(&story.view(secs(1)), &Desk::new(""), 80, 24).join("\n");
    assert!(empty.contains("does not mean"), "{empty}");
    story.lost("connection refused");
    let view = story.view(secs(70));
    let lines = picture(&view, &Desk::new(""), 80, 24);
    assert!(lines[0].contains("NO BROKER") && lines[0].contains("NEW ALERTS DO NOT ARRIVE"), "{}", lines[0]);
    assert!(lines.join("\n").contains("Whether there are alerts is not"), "{lines:#?}");
}

#[test]
fn an_acknowledgement_is_written_with_name_and_note_and_the_name_is_remembered() {
    let view = story().view(secs(5));
    let mut desk = Desk::new("ER");
    press(&mut desk, &view, &[KeyCode::Char('a')]);
    assert!(picture(&view, &desk, 80, 24).join("\n").contains("Your name or workplace"));
    let keys = [" 2", "\t", "ok"].concat();
    let codes: Vec<KeyCode> = keys.chars().map(|c| if c == '\t' { KeyCode::Tab } else { KeyCode::Char(c) }).collect();
    press(&mut desk, &view, &codes);
    let study = &view.studies[0];
    let given =
        ToAcknowledge { id: study.id.clone(), event_id: study.event_id.clone(), by: "ER 2".into(), note: "ok".into() };
    assert_eq!(press(&mut desk, &view, &[KeyCode::Enter]), Action::Acknowledge(given));
    assert!(desk.dialog.is_none());
    press(&mut desk, &view, &[KeyCode::Char('j'), KeyCode::Char('a')]);
    assert_eq!(desk.dialog.as_ref().unwrap().given.by, "ER 2");
    assert_ne!(desk.dialog.as_ref().unwrap().given.id, study.id);
}

#[test]
fn nothing_is_acknowledged_without_a_name_or_after_escape() {
    let view = story().view(secs(5));
    let mut desk = Desk::new("");
    assert_eq!(press(&mut desk, &view, &[KeyCode::Char('a'), KeyCode::Char(' '), KeyCode::Enter]), Action::None);
    assert!(desk.dialog.is_some());
    assert_eq!(press(&mut desk, &view, &[KeyCode::Char('x'), KeyCode::Esc, KeyCode::Char('q')]), Action::Quit);
}

#[test]
fn the_bell_rings_for_a_new_alert_and_for_one_that_is_sent_again_only() {
    let (mut story, mut desk) = (story(), Desk::new(""));
    assert!(!desk.hear(&story.view(secs(1))), "what was there before");
    assert!(!desk.hear(&story.view(secs(2))));
    story.suspected("c3", &[Level::C7]);
    assert!(desk.hear(&story.view(secs(3))));
    assert!(!desk.hear(&story.view(secs(4))));
    story.again("c3");
    assert!(desk.hear(&story.view(secs(5))));
    story.recorded("c3", "desk");
    assert!(!desk.hear(&story.view(secs(6))));
}

#[test]
fn what_became_of_an_acknowledgement_is_said_until_the_device_has_it() {
    let (mut story, mut desk) = (story(), Desk::new(""));
    desk.answered(Ok(()));
    desk.hear(&story.view(secs(1)));
    assert!(picture(&story.view(secs(1)), &desk, 80, 24)[23].contains("Waits for the device"));
    story.recorded("a1", "desk");
    press(&mut desk, &story.view(secs(2)), &[KeyCode::Char('j')]);
    desk.answered(Err(crate::clinic::Refused::Offline));
    assert!(picture(&story.view(secs(2)), &desk, 80, 24)[23].contains("Not sent: no connection"));
    desk.hear(&story.view(secs(3)));
    assert!(!picture(&story.view(secs(3)), &desk, 80, 24)[23].contains("Not sent"), "the chosen study is recorded");
}

#[test]
fn every_size_of_terminal_is_survived() {
    let mut desk = Desk::new("");
    let view = story().view(secs(5));
    press(&mut desk, &view, &[KeyCode::Char('a')]);
    for (width, height) in [(1, 1), (20, 5), (40, 12), (80, 24), (200, 60)] {
        picture(&view, &desk, width, height);
    }
}
