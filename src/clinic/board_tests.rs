//! The board's decisions, from real messages.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::board::{Heard, Rules};
use super::samples::{Story, id, key, now, received, secs};
use super::view::{AckView, Certainty, Group};
use crate::publish::samples as wire;
use crate::triage::{Assessment, Level};

use Level::{C2, C5, C6};

fn names(story: &Story, at: u64) -> Vec<String> {
    story.view(secs(at)).studies.iter().map(|study| study.name.to_lowercase()).collect()
}

fn state(story: &Story, device: &str, at: u64) -> (String, u64) {
    let device = story.board.device(device, now(secs(at))).unwrap();
    (device.state, device.age_secs)
}

#[test]
fn what_nobody_has_seen_comes_first_and_what_waits_longest_before_the_rest() {
    let mut story = Story::default();
    for (at, name) in [(0, "a000"), (10, "b000")] {
        story.at = secs(at);
        story.suspected(name, &[C2]);
    }
    story.at = secs(20);
    story.none("c000");
    story.partly("d000");
    story.at = secs(30);
    story.suspected("e000", &[C5]);
    story.recorded("e000", "desk");
    assert_eq!(names(&story, 40), ["#a000", "#b000", "#d000", "#e000", "#c000"]);
    story.again("b000");
    assert_eq!(names(&story, 40)[0], "#b000", "sent again: more urgent");
    assert_eq!(story.view(secs(40)).unacknowledged, 2);
}

#[test]
fn a_revision_stands_whatever_the_order_in_which_messages_come() {
    let mut story = Story::default();
    let first = story.messages("a1", &wire::suspected(&[C2]));
    let second = story.messages("a1", &wire::suspected(&[C2, C5]));
    for message in second.iter().rev().chain(&first) {
        story.hear(message);
    }
    let study = story.study("a1", secs(1));
    assert_eq!((study.levels, study.revision, study.certainty), (vec![C2, C5], 2, Certainty::Revised));
    assert_eq!(story.hear(&first[0]), Heard::Nothing, "again");
}

#[test]
fn a_retraction_is_shown_with_what_it_takes_back_and_is_no_alarm() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    story.none("a1");
    let study = story.study("a1", secs(1));
    assert_eq!((study.certainty, study.was, study.alarm), (Certainty::Retracted, vec![C2], false));
    assert_eq!(study.group, Group::Information);
    story.suspected("a1", &[C6]);
    assert_eq!(story.study("a1", secs(1)).certainty, Certainty::Revised, "it is back");
    assert!(story.study("a1", secs(1)).alarm);
}

#[test]
fn a_provisional_suspicion_says_so_until_it_is_confirmed() {
    let mut story = Story::default();
    let early = Assessment { provisional: true, ..wire::suspected(&[C2]) };
    for message in story.messages("a1", &early) {
        story.hear(&message);
    }
    assert_eq!(story.study("a1", secs(1)).certainty, Certainty::Provisional);
    story.at = secs(30);
    story.suspected("a1", &[C2]);
    let study = story.study("a1", secs(31));
    assert_eq!((study.certainty, study.age_secs), (Certainty::Final, 31), "the age counts from the first alert");
}

#[test]
fn who_comes_late_sees_all_whatever_the_order_in_which_the_broker_hands_it_out() {
    let mut device = Story::default();
    let mut kept = device.messages("a1", &wire::suspected(&[C2]));
    kept.retain(|message| message.retain);
    kept.push(device.record("a1", "desk"));
    for turn in 0..kept.len() {
        let mut late = Story::default();
        kept.rotate_left(turn.min(1));
        for message in &kept {
            late.board.hear(&received(message, true), now(secs(600)));
        }
        let study = late.study("a1", secs(600));
        assert!(!study.alarm && study.image.is_some(), "{study:?}");
        assert_eq!(study.age_secs, 600, "by the event's own time");
        assert!(matches!(study.ack, AckView::Recorded { ref by, .. } if by == "desk"));
    }
}

#[test]
fn the_age_of_what_an_untrusted_clock_told_is_a_lower_bound() {
    let mut story = Story::default();
    story.clock_trusted = false;
    for message in story.messages("a1", &wire::suspected(&[C2])) {
        story.board.hear(&received(&message, true), now(secs(50)));
    }
    let study = story.study("a1", secs(60));
    assert_eq!((study.age_secs, study.at_least), (10, true));
}

#[test]
fn an_alert_that_is_sent_again_is_more_urgent_and_an_older_sending_changes_nothing() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    let second = story.again("a1");
    story.again("a1");
    let study = story.study("a1", secs(1));
    assert_eq!((study.urgency, study.sent_again, study.overdue), (3, 2, true));
    assert_eq!(story.hear(&second), Heard::Nothing);
    assert_eq!(story.study("a1", secs(1)).urgency, 3);
    story.recorded("a1", "desk");
    let study = story.study("a1", secs(1));
    assert_eq!((study.urgency, study.overdue, study.alarm), (1, false, false), "somebody has taken note");
}

#[test]
fn what_nobody_acknowledges_is_overdue_in_time() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    assert!(!story.study("a1", secs(299)).overdue);
    assert!(story.study("a1", secs(300)).overdue);
}

#[test]
fn an_acknowledgement_is_sent_then_recorded_and_doubted_in_between() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    assert_eq!(story.study("a1", secs(1)).ack, AckView::None);
    story.board.sent(&id("a1"), "desk", Some("on our way"), now(secs(2)));
    assert!(matches!(story.study("a1", secs(3)).ack, AckView::Sent { ref by, age_secs: 1, .. } if by == "desk"));
    assert!(story.study("a1", secs(3)).alarm, "only the device's word ends an alarm");
    assert!(matches!(story.study("a1", secs(22)).ack, AckView::Unconfirmed { .. }));
    story.at = secs(23);
    story.recorded("a1", "desk");
    assert!(matches!(story.study("a1", secs(24)).ack, AckView::Recorded { .. }));
    assert!(story.board.is_acknowledged(&id("a1")));
}

#[test]
fn clinics_see_each_others_acknowledgements_and_notes() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    story.ack("a1", "ward", "seen");
    assert!(matches!(story.study("a1", secs(1)).ack, AckView::Sent { ref by, .. } if by == "ward"));
    story.ack("a1", "desk", "");
    story.recorded("a1", "ward");
    let AckView::Recorded { by, note, others, .. } = story.study("a1", secs(2)).ack else { panic!("recorded") };
    assert_eq!((by.as_str(), note.as_deref(), others), ("ward", Some("seen"), vec!["desk".to_owned()]));
}

#[test]
fn another_level_wants_another_acknowledgement_and_the_same_does_not() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    story.recorded("a1", "desk");
    story.at = secs(100);
    let more = Assessment { provisional: false, ..wire::suspected(&[C2, C5]) };
    let mut same = wire::suspected(&[C2]);
    same.coverage.slices_analysed += 1;
    for message in story.messages("a1", &same) {
        story.hear(&message);
    }
    assert!(!story.study("a1", secs(101)).alarm);
    for message in story.messages("a1", &more) {
        story.hear(&message);
    }
    let study = story.study("a1", secs(101));
    assert_eq!((study.alarm, study.ack, study.age_secs), (true, AckView::None, 1), "its age begins anew");
}

#[test]
fn what_was_sent_again_is_still_the_study_that_a_person_saw_and_a_revision_is_not() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    let seen = story.study("a1", secs(1)).event_id;
    story.again("a1");
    let answer = story.board.to_acknowledge(&id("a1"), &seen);
    assert_eq!(answer, Some(Some(format!("{}-1-alert-2", key("a1")))));
    story.suspected("a1", &[C2, C5]);
    assert_eq!(story.board.to_acknowledge(&id("a1"), &seen), Some(None));
    assert_eq!(story.board.to_acknowledge("x", &seen), None);
}

#[test]
fn a_box_is_drawn_on_the_picture_of_its_own_slice_only() {
    let mut story = Story::default();
    story.suspected("a1", &[C2]);
    let study = story.study("a1", secs(1));
    let [x, _, width, _] = study.fracture_box.unwrap();
    assert!((x - 200.1 / 512.0).abs() < 1e-4 && (width - 31.3 / 512.0).abs() < 1e-3, "{x} {width}");
    let mut other = wire::suspected(&[C2, C5]);
    other.findings[0].best_slice.slice_key = "another".into();
    for message in story.messages("a1", &other).iter().filter(|message| !message.topic.contains("/image/")) {
        story.hear(message);
    }
    let study = story.study("a1", secs(1));
    assert_eq!((study.image, study.fracture_box), (None, None));
}

#[test]
fn a_device_that_says_nothing_is_silent_and_one_that_is_gone_is_offline() {
    let mut story = Story::default();
    story.online("north/ct-2");
    story.at = secs(30);
    story.health("north/ct-2");
    assert_eq!(state(&story, "north/ct-2", 120), ("online".into(), 120));
    assert_eq!(state(&story, "north/ct-2", 121), ("silent".into(), 91));
    story.at = secs(130);
    story.health("north/ct-2");
    assert_eq!(state(&story, "north/ct-2", 131).0, "online");
    story.at = secs(140);
    story.offline("north/ct-2");
    assert_eq!(state(&story, "north/ct-2", 900), ("offline".into(), 760));
}

#[test]
fn a_device_that_tells_its_health_seldom_is_not_called_silent_between() {
    let mut story = Story::default();
    story.online("north/ct-2");
    for at in [0, 600] {
        story.at = secs(at);
        story.health("north/ct-2");
    }
    assert_eq!(state(&story, "north/ct-2", 2000).0, "online");
    assert_eq!(state(&story, "north/ct-2", 2401).0, "silent");
}

#[test]
fn an_event_on_a_foreign_topic_or_for_another_study_changes_nothing() {
    let mut story = Story::default();
    let message = story.messages("a1", &wire::suspected(&[C2])).remove(0);
    for topic in ["spinewatch/v1/north/ct-2/status", "spinewatch/v1/north/ct-2/triage/other", "x", "spinewatch/v1/a/b"]
    {
        let mut foreign = message.clone();
        foreign.topic = topic.to_owned();
        assert_eq!(story.hear(&foreign), Heard::Nothing, "{topic}");
    }
    let mut broken = message;
    broken.payload = b"{}".to_vec();
    assert_eq!(story.hear(&broken), Heard::Nothing);
    assert!(story.view(secs(1)).studies.is_empty());
}

#[test]
fn room_is_bounded_and_an_alert_is_the_last_to_go_and_counted() {
    let mut story = Story::with(Rules { studies: 3, ..Rules::default() });
    story.none("c1");
    for name in ["a1", "a2", "a3"] {
        story.suspected(name, &[C2]);
    }
    let view = story.view(secs(1));
    assert_eq!((view.studies.len(), view.unacknowledged, view.beyond), (3, 3, 0), "the settled one went");
    story.suspected("a4", &[C2]);
    let view = story.view(secs(1));
    assert_eq!((view.studies.len(), view.beyond), (3, 1));
}

#[test]
fn what_is_settled_leaves_in_time_and_an_alarm_never_does() {
    let mut story = Story::default();
    story.none("c1");
    story.suspected("a1", &[C2]);
    story.board.tidy(now(secs(80 * 3600)));
    assert_eq!(names(&story, 80 * 3600), ["#A100".to_lowercase()]);
}

#[test]
fn coverage_and_what_is_missing_are_said_in_words() {
    let mut story = Story::default();
    story.partly("d1");
    let study = story.study("d1", secs(1));
    assert_eq!(study.coverage[..2], ["Seen: C1 to C6".to_owned(), "NOT seen: C7".to_owned()]);
    assert_eq!(study.missing, ["C7 not in the images"]);
    assert_eq!(study.headline, "PARTLY ANALYSED");
    story.none("c1");
    let study = story.study("c1", secs(1));
    assert_eq!(study.headline, "NONE SUSPECTED");
    assert!(study.notices[0].contains("not for diagnosis"), "{:?}", study.notices);
}
