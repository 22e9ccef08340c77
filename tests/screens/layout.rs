//! Every text of every screen in every size stays in its place, apart from the others, and legible.

use std::time::Duration;

use spinewatch::display::{Area, DeviceState, Panel, Scene, TURN, compose, decide, samples};

use crate::worst;

/// Every screen in every size, in both phases of a flash and in several turns.
pub fn every_scene(mut check: impl FnMut(&str, Panel, &Scene, &DeviceState, Duration)) {
    let mut cases: Vec<(String, DeviceState, Duration)> =
        samples::all().into_iter().map(|s| (s.name.to_owned(), s.state, s.now)).collect();
    cases.extend(worst::states().into_iter().map(|(name, state)| (format!("worst {name}"), state, worst::NOW)));
    for (name, state, now) in &cases {
        for panel in Panel::ALL.into_iter() {
            for later in [0, 400, 1300, 3000, 6000, 9000] {
                let now = *now + Duration::from_millis(later);
                let scene = compose(panel, &decide(state, now), state, now);
                check(&format!("{name} on {} after {later} ms", panel.name()), panel, &scene, state, now);
            }
        }
    }
}

#[test]
fn no_text_leaves_its_place() {
    every_scene(|name, panel, scene, _, _| {
        for text in scene.texts() {
            let bounds = text.fitted.bounds;
            assert!(text.area.holds(&bounds), "{name}: {:?} covers {bounds:?} of {:?}", text.words(), text.area);
            assert!(Area::of(panel.size).holds(&text.area), "{name}: {:?} is placed outside the panel", text.words());
        }
    });
}

#[test]
fn no_text_lies_on_another() {
    every_scene(|name, _, scene, _, _| {
        let texts: Vec<_> = scene.texts().collect();
        for (i, a) in texts.iter().enumerate() {
            for b in &texts[i + 1..] {
                let shared = a.fitted.bounds.intersection(&b.fitted.bounds);
                assert!(shared.is_empty(), "{name}: {:?} and {:?} share {shared:?}", a.words(), b.words());
            }
        }
    });
}

#[test]
fn every_text_is_large_enough_to_read() {
    let mut small = Vec::new();
    every_scene(|name, panel, scene, _, _| {
        let least = match panel.size.height {
            0..200 => 8.0,
            240 => 9.0,
            320 => 11.0,
            _ => 18.0,
        };
        let too_small = scene.texts().filter(|t| t.fitted.px < least);
        small.extend(too_small.map(|t| format!("{name}: {} px: {:?}", t.fitted.px, t.words())));
    });
    assert!(small.is_empty(), "{}", small.join("\n"));
}

#[test]
fn the_main_word_is_readable_at_a_metre() {
    // Capitals of 33 px on 320 x 240 (31 for the longest words) and 50 px on 800 x 480; on 240 x 240 as near to 60 px as they fit.
    let least = |panel: Panel| match panel.size.width {
        240 => 24.0,
        320 => 31.0,
        480 => 38.0,
        800 => 50.0,
        _ => 8.0,
    };
    for sample in samples::all() {
        for panel in Panel::ALL {
            let scene = compose(panel, &decide(&sample.state, sample.now), &sample.state, sample.now);
            let largest = scene.texts().map(|t| t.fitted.px).fold(0.0, f32::max);
            let capital = if panel.mono { largest } else { largest * 0.7 };
            assert!(capital >= least(panel), "{} on {}: {capital} px", sample.name, panel.name());
        }
    }
}

#[test]
fn every_sample_shows_the_screen_that_it_is_named_after() {
    for sample in samples::all() {
        let shown = decide(&sample.state, sample.now).name();
        let faults = [
            "model-refused",
            "share-lost",
            "disk-full",
            "no-storage",
            "broker-offline",
            "messages-refused",
            "acks-refused",
            "update-failed",
            "update-refused",
            "not-accelerated",
            "model-replaced",
            "results-not-written",
            "controls-fault",
            "certificate-expires",
            "clock-untrusted",
        ];
        let expected = match sample.name {
            "suspected-sent-again" | "suspected-sound-paused" => "suspected",
            name if faults.contains(&name) => "degraded",
            name => name,
        };
        assert_eq!(shown, expected);
    }
}

#[test]
fn every_worst_case_shows_the_screen_that_it_is_named_after() {
    for (name, state) in worst::states() {
        // a fault that stops nothing leaves the screen to the studies
        let name = if name == "one fault of each kind alone" { "idle" } else { name };
        let (shown, later) = (decide(&state, worst::NOW).name(), decide(&state, worst::NOW + TURN).name());
        assert!(name.starts_with(shown) || name.starts_with(later), "{name} shows {shown}, then {later}");
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let states = worst::states();
    let (_, state) = states.iter().find(|(name, _)| *name == "suspected").unwrap();
    for panel in Panel::ALL.into_iter().filter(|p| !p.mono) {
        let scene = compose(panel, &decide(state, worst::NOW), state, worst::NOW);
        assert!(scene.texts().any(|t| t.words().contains("of 8 +22 more")), "{}", panel.name());
    }
}

#[test]
fn no_screen_says_that_a_study_is_clear() {
    every_scene(|name, _, scene, _, _| {
        for text in scene.texts().map(|t| t.words().to_lowercase()) {
            for word in ["normal", "negative", "all clear", "no fracture found", "diagnos", "ok"] {
                let said = text.split(' ').any(|w| w == word) || (word.len() > 2 && text.contains(word));
                assert!(!said, "{name} says {text:?}");
            }
        }
    });
}
