//! Which screen shows when several could.

use std::time::Duration;

use spinewatch::display::{
    ATTENTION, Alarm, Control, DeviceState, Fault, HELD, NONE_SUSPECTED_HELD, Phase, SERVICE, STALE_AFTER, Screen,
    Since, StudyReport, TURN, Words, decide, samples,
};
use spinewatch::triage::Level;

const NOW: Duration = Duration::from_secs(50_000);

fn running() -> DeviceState {
    let mut state = DeviceState::new(NOW);
    state.phase = Phase::Running;
    state
}

fn fresh(report: StudyReport) -> StudyReport {
    StudyReport { since: Since::new(NOW), ..report }
}

fn alert(key: &str, levels: &[Level]) -> StudyReport {
    fresh(samples::suspected(key, levels, false, 0))
}

fn shown(state: &DeviceState, after: Duration) -> &'static str {
    let mut state = state.clone();
    state.beat(NOW + after);
    decide(&state, NOW + after).name()
}

type Change = (&'static str, fn(&mut DeviceState));

/// Everything that can be true of a device, the most important first.
const ORDER: [Change; 9] = [
    ("suspected", |s| s.report(alert("a1", &[Level::C5]), NOW)),
    ("startup-failed", |s| s.phase = Phase::Failed { reason: Words::new("broken") }),
    ("degraded", |s| s.set_fault(Fault::ModelRefused { reason: Words::new("broken") }, NOW)),
    ("not-analysed", |s| s.report(fresh(samples::not_analysed()), NOW)),
    ("partly-analysed", |s| s.report(fresh(samples::partly_analysed()), NOW)),
    ("receiving", |s| s.set_arriving([samples::progress()])),
    ("suspected-acknowledged", |s| {
        s.report(alert("a2", &[Level::C2]), NOW);
        s.acknowledge("a2", "clinic", NOW);
    }),
    ("none-suspected", |s| s.report(fresh(samples::none_suspected()), NOW)),
    ("idle", |_| {}),
];

#[test]
fn the_more_important_of_two_screens_shows() {
    for (i, (name, change)) in ORDER.iter().enumerate() {
        for (lesser, other) in &ORDER[i + 1..] {
            if *name == "not-analysed" && *lesser == "partly-analysed" {
                continue; // they take turns, see below
            }
            let mut state = running();
            other(&mut state);
            change(&mut state);
            assert_eq!(shown(&state, Duration::ZERO), *name, "against {lesser}");
        }
    }
}

fn broker_offline() -> Fault {
    Fault::BrokerOffline {
        queued: 3,
        reason: Words::new("the broker does not answer"),
        code: "no_answer",
        since: Since::new(NOW),
    }
}

#[test]
fn nothing_hides_an_unacknowledged_alert() {
    let mut state = running();
    for (_, change) in &ORDER[1..] {
        change(&mut state);
    }
    state.set_fault(broker_offline(), NOW);
    state.report(alert("a1", &[Level::C5]), NOW);
    for phase in [
        Phase::Running,
        Phase::Updating { what: Words::new("x"), step: Words::new("y"), percent: None },
        Phase::Starting { steps: heapless::Vec::new() },
    ] {
        state.phase = phase;
        for seconds in 0..120 {
            // Also without a beat: a stale alert is still an alert, and the strip says that it is stale.
            assert_eq!(decide(&state, NOW + Duration::from_secs(seconds)).name(), "suspected");
        }
    }
}

#[test]
fn several_alerts_take_turns_and_are_counted_the_newest_first() {
    let mut state = running();
    for key in ["a1", "a2", "a3"] {
        state.report(alert(key, &[Level::C5]), NOW);
    }
    let seen: Vec<(String, String)> = (0..4)
        .map(|turn| match decide(&state, NOW + TURN * turn) {
            Screen::Suspected { report, turn } => (report.study.key.to_string(), turn.words().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [("a3", "1 of 3"), ("a2", "2 of 3"), ("a1", "3 of 3"), ("a3", "1 of 3")];
    assert_eq!(seen, expected.map(|(key, turn)| (key.to_owned(), turn.to_owned())));
}

#[test]
fn an_alert_beyond_the_list_is_counted_and_not_lost() {
    let mut state = running();
    for i in 0..11 {
        state.report(alert(&format!("{i:02}"), &[Level::C5]), NOW);
    }
    let Screen::Suspected { report, turn } = decide(&state, NOW) else { panic!("an alert shows") };
    assert_eq!((&*report.study.key, turn.words().unwrap().as_str()), ("10", "1 of 8 +3 more"));
    assert_eq!(state.alerts_beyond().collect::<Vec<_>>(), ["00", "01", "02"]);
    state.acknowledge("01", "clinic", NOW);
    state.acknowledge("10", "clinic", NOW);
    let Screen::Suspected { turn, .. } = decide(&state, NOW) else { panic!("an alert shows") };
    assert_eq!(turn.words().unwrap(), "1 of 7 +2 more");
    state.report(alert("00", &[Level::C5]), NOW); // raised again from the database: there is room now
    assert_eq!(state.alerts_beyond().collect::<Vec<_>>(), ["02"]);
}

#[test]
fn an_acknowledged_alert_makes_room_before_an_open_one() {
    let mut state = running();
    for i in 0..8 {
        state.report(alert(&format!("{i:02}"), &[Level::C5]), NOW);
    }
    state.acknowledge("05", "clinic", NOW);
    state.report(alert("99", &[Level::C5]), NOW);
    assert_eq!(state.alerts_beyond().count(), 0);
    assert!(state.alerts().iter().all(|a| &*a.study.key != "05"));
}

#[test]
fn a_newly_suspected_level_demands_attention_again() {
    let mut state = running();
    state.report(alert("a1", &[Level::C5]), NOW);
    state.acknowledge("a1", "clinic", NOW);
    state.report(alert("a1", &[Level::C5]), NOW);
    assert_eq!(shown(&state, Duration::ZERO), "suspected-acknowledged", "a confirmation is not a new alert");
    state.report(alert("a1", &[Level::C2, Level::C5]), NOW);
    assert_eq!(shown(&state, Duration::ZERO), "suspected");
}

#[test]
fn a_retracted_suspicion_leaves_the_alerts() {
    let mut state = running();
    state.report(alert("e8b2", &[Level::C5]), NOW);
    state.report(fresh(samples::none_suspected()), NOW);
    assert_eq!((state.alerts().len(), shown(&state, Duration::ZERO)), (0, "none-suspected"));
}

#[test]
fn not_and_partly_analysed_take_turns() {
    let mut state = running();
    state.report(fresh(samples::partly_analysed()), NOW);
    state.report(fresh(samples::not_analysed()), NOW);
    assert_eq!(
        [shown(&state, Duration::ZERO), shown(&state, TURN), shown(&state, TURN * 2)],
        ["not-analysed", "partly-analysed", "not-analysed"]
    );
}

#[test]
fn a_study_that_was_left_unread_steps_aside_for_the_next_and_comes_back() {
    let mut state = running();
    state.report(fresh(samples::not_analysed()), NOW);
    state.set_arriving([samples::progress()]);
    assert_eq!(shown(&state, ATTENTION - Duration::from_secs(1)), "not-analysed");
    assert_eq!(shown(&state, ATTENTION), "receiving");
    state.set_arriving([]);
    assert_eq!(shown(&state, ATTENTION), "not-analysed");
    assert_eq!(shown(&state, HELD), "idle");
}

#[test]
fn what_is_only_held_goes_when_its_time_has_passed() {
    let mut state = running();
    state.report(fresh(samples::none_suspected()), NOW);
    assert_eq!(shown(&state, NONE_SUSPECTED_HELD - TURN), "none-suspected");
    assert_eq!(shown(&state, NONE_SUSPECTED_HELD), "idle");
    state.report(alert("a1", &[Level::C5]), NOW);
    state.acknowledge("a1", "clinic", NOW);
    assert_eq!(shown(&state, HELD - TURN), "suspected-acknowledged");
    assert_eq!(shown(&state, HELD), "idle");
}

#[test]
fn a_screen_without_news_says_that_it_is_stale() {
    let state = running();
    assert_eq!(decide(&state, NOW + STALE_AFTER).name(), "idle");
    assert_eq!(decide(&state, NOW + STALE_AFTER + Duration::from_secs(1)).name(), "stale");
}

#[test]
fn lesser_faults_share_the_resting_screen() {
    let mut state = running();
    state.set_fault(Fault::ClockUntrusted, NOW);
    assert_eq!(
        [shown(&state, Duration::ZERO), shown(&state, TURN), shown(&state, TURN * 2)],
        ["degraded", "idle", "degraded"]
    );
    let mut chosen = running();
    chosen.set_fault(Fault::IdentifiersInClear, NOW);
    assert_eq!(
        [shown(&chosen, Duration::ZERO), shown(&chosen, TURN)],
        ["idle", "idle"],
        "a choice of the site is a chip only"
    );
}

#[test]
fn the_worst_fault_leads() {
    let mut state = running();
    state.set_fault(Fault::ClockUntrusted, NOW);
    state.set_fault(Fault::ShareLost { reason: Words::new("gone"), since: Since::new(NOW) }, NOW);
    state.set_fault(broker_offline(), NOW);
    let ranks: Vec<&str> = state.faults().iter().map(Fault::chip).collect();
    assert_eq!(ranks, ["SHARE", "BROKER", "CLOCK"]);
    assert_eq!(decide(&state, NOW).alarm(), Alarm::Medium);
}

#[test]
fn the_event_ring_counts_what_it_overwrites() {
    let mut state = running();
    for i in 0..40 {
        state.remember(NOW, &format!("event {i}"));
    }
    assert_eq!(state.events().next().unwrap().what.as_str(), "event 8");
    assert_eq!((state.events().count(), state.events_lost()), (32, 8));
}

/// An ill device whose engineer holds the button.
fn asked_for_service() -> DeviceState {
    let mut state = running();
    state.set_fault(Fault::ShareLost { reason: Words::new("gone"), since: Since::new(NOW) }, NOW);
    state.set_service(samples::service());
    state.press(Control::Service, NOW);
    state
}

#[test]
fn the_service_screen_shows_on_an_ill_device_and_goes_by_itself() {
    let state = asked_for_service();
    let last = SERVICE - Duration::from_secs(1);
    assert_eq!([Duration::ZERO, last, SERVICE].map(|after| shown(&state, after)), ["service", "service", "degraded"]);
}

#[test]
fn an_alarm_always_wins_over_the_service_screen() {
    let cases: [(&str, Change); 3] = [
        ("suspected", ("suspected", |s| s.report(alert("a1", &[Level::C5]), NOW))),
        ("degraded", ("not-analysed", |s| s.report(fresh(samples::not_analysed()), NOW))),
        ("degraded", ("partly-analysed", |s| s.report(fresh(samples::partly_analysed()), NOW))),
    ];
    for (on_ill, (on_well, change)) in cases {
        let mut ill = asked_for_service();
        change(&mut ill);
        let mut well = running();
        well.press(Control::Service, NOW);
        assert_eq!(shown(&well, Duration::ZERO), "service");
        change(&mut well);
        for after in (0..SERVICE.as_secs()).map(Duration::from_secs) {
            assert_eq!([shown(&ill, after), shown(&well, after)], [on_ill, on_well]);
        }
    }
    let mut seen = asked_for_service();
    seen.report(alert("a1", &[Level::C5]), NOW);
    seen.acknowledge("a1", "clinic", NOW);
    assert_eq!(shown(&seen, Duration::ZERO), "service", "somebody has taken note");
}

#[test]
fn the_service_screen_never_shows_facts_that_are_out_of_date_or_hides_an_update() {
    let mut state = asked_for_service();
    assert_eq!(decide(&state, NOW + STALE_AFTER + Duration::from_secs(1)).name(), "stale");
    state.phase = Phase::Updating { what: Words::new("x"), step: Words::new("y"), percent: None };
    assert_eq!(shown(&state, Duration::ZERO), "updating");
    state.phase = Phase::Failed { reason: Words::new("broken") };
    assert_eq!(shown(&state, Duration::ZERO), "startup-failed");
}
