//! Alarm timing as IEC 60601-1-8 has it: frequencies, and words that stay.

use std::time::Duration;

use spinewatch::display::{Alarm, Panel, compose, decide, samples};

/// Flashes a second over a minute, looking every millisecond.
fn frequency(alarm: Alarm) -> f64 {
    let lit: Vec<bool> = (0..60_000).map(|ms| alarm.lit(Duration::from_millis(ms))).collect();
    let rises = lit.windows(2).filter(|w| !w[0] && w[1]).count();
    rises as f64 / 60.0
}

#[test]
fn a_high_priority_alarm_flashes_in_its_range() {
    let hertz = frequency(Alarm::High);
    assert!((1.4..=2.8).contains(&hertz), "{hertz}");
}

#[test]
fn a_medium_priority_alarm_flashes_in_its_range() {
    let hertz = frequency(Alarm::Medium);
    assert!((0.4..=0.8).contains(&hertz), "{hertz}");
}

#[test]
fn nothing_flashes_three_times_a_second() {
    for alarm in [Alarm::None, Alarm::Low, Alarm::MediumSeen, Alarm::Medium, Alarm::HighSeen, Alarm::High] {
        assert!(frequency(alarm) < 3.0, "{alarm:?}");
    }
}

#[test]
fn what_was_acknowledged_and_what_is_information_stands_still() {
    for alarm in [Alarm::None, Alarm::Low, Alarm::MediumSeen, Alarm::HighSeen] {
        assert!((0..5000).all(|ms| alarm.lit(Duration::from_millis(ms))), "{alarm:?}");
        assert_eq!(alarm.next_change(Duration::ZERO), None);
    }
}

#[test]
fn a_flash_never_hides_or_moves_a_word() {
    for sample in samples::all() {
        for panel in Panel::ALL {
            let screen = decide(&sample.state, sample.now);
            let words = |now| {
                let scene = compose(panel, &screen, &sample.state, now);
                scene.texts().map(|t| (t.words(), t.fitted.bounds)).collect::<Vec<_>>()
            };
            let half = screen.alarm().period().unwrap_or_default() / 2;
            assert_eq!(words(sample.now), words(sample.now + half), "{} on {}", sample.name, panel.name());
        }
    }
}

#[test]
fn a_flash_is_seen_on_every_panel() {
    for sample in samples::all().into_iter().filter(|s| s.name == "suspected" || s.name == "not-analysed") {
        for panel in Panel::ALL {
            let screen = decide(&sample.state, sample.now);
            let later = sample.now + screen.alarm().period().unwrap() / 2;
            let (lit, unlit) =
                (compose(panel, &screen, &sample.state, sample.now), compose(panel, &screen, &sample.state, later));
            let changed = unlit.changed_since(&lit, panel.size);
            let whole = panel.size.width * panel.size.height;
            assert!(
                changed.width * changed.height * 6 > i32::try_from(whole).unwrap(),
                "{} on {}",
                sample.name,
                panel.name()
            );
        }
    }
}

#[test]
fn the_next_change_is_when_the_light_changes() {
    for ms in [0, 1, 249, 250, 399, 799, 800, 12_345] {
        for alarm in [Alarm::High, Alarm::Medium] {
            let now = Duration::from_millis(ms);
            let then = now + alarm.next_change(now).unwrap();
            assert_ne!(alarm.lit(then), alarm.lit(now), "{alarm:?} at {ms}");
            assert_eq!(alarm.lit(then - Duration::from_micros(1)), alarm.lit(now), "{alarm:?} at {ms}");
        }
    }
}
