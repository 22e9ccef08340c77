//! Contrast by the formula of WCAG 2.2 (1.4.3), and what a deuteranope sees.

use spinewatch::display::{Area, Frame, Panel, compose, decide, draw, samples};

use crate::layout::every_scene;

fn linear(v: u8) -> f64 {
    let v = f64::from(v) / 255.0;
    if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

fn luminance([r, g, b]: [u8; 3]) -> f64 {
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn bytes(colour: embedded_graphics::pixelcolor::Rgb888) -> [u8; 3] {
    use embedded_graphics::pixelcolor::RgbColor;
    [colour.r(), colour.g(), colour.b()]
}

#[test]
fn the_formula_gives_the_figures_of_the_standard() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([255; 3], [0xD0, 0, 0]) - 5.7).abs() < 0.1);
    assert!((contrast([0; 3], [0xFF, 0xD6, 0]) - 14.9).abs() < 0.1);
}

#[test]
fn every_text_stands_out_from_its_ground() {
    every_scene(|name, _, scene, _, _| {
        for text in scene.texts() {
            let ratio = contrast(bytes(text.pair.ink), bytes(text.pair.paper));
            assert!(ratio >= 4.5, "{name}: {:?} has a contrast of {ratio:.2}", text.words());
        }
    });
}

#[test]
fn the_ground_of_every_text_is_what_the_text_says() {
    for sample in samples::all() {
        for panel in Panel::ALL {
            let screen = decide(&sample.state, sample.now);
            let frame = draw(panel, &screen, &sample.state, sample.now);
            for text in compose(panel, &screen, &sample.state, sample.now).texts() {
                let (pixels, ground) = count(&frame, text.fitted.bounds, bytes(text.pair.paper));
                assert!(
                    ground * 6 > pixels,
                    "{} on {}: {:?}: {ground} of {pixels}",
                    sample.name,
                    panel.name(),
                    text.words()
                );
            }
        }
    }
}

fn count(frame: &Frame, area: Area, colour: [u8; 3]) -> (usize, usize) {
    let places = || (area.y..area.bottom()).flat_map(|y| (area.x..area.right()).map(move |x| (x, y)));
    (places().count(), places().filter(|(x, y)| frame.pixel(*x, *y) == colour).count())
}

/// Viénot, Brettel and Mollon 1999: what is left to a deuteranope, in linear light, as one brightness and one yellow-blue value.
fn deuteranope([r, g, b]: [u8; 3]) -> [f64; 2] {
    let (r, g, b) = (linear(r), linear(g), linear(b));
    [0.29275 * r + 0.70725 * g, b]
}

#[test]
fn red_and_green_are_one_to_the_simulated_eye() {
    let [red, green] = [[0xD0, 0, 0], [0x58, 0x58, 0]].map(deuteranope);
    assert!((red[0] - deuteranope([0x76, 0x76, 0])[0]).abs() < 0.1 && green[1] == red[1]);
}

#[test]
fn states_differ_in_word_and_in_shape_for_a_deuteranope() {
    let samples = samples::all();
    for panel in Panel::ALL {
        let seen: Vec<_> = samples
            .iter()
            .map(|s| {
                let screen = decide(&s.state, s.now);
                let scene = compose(panel, &screen, &s.state, s.now);
                let word = scene.texts().max_by(|a, b| a.fitted.px.total_cmp(&b.fitted.px)).unwrap().words();
                (s.name, word, silhouette(&draw(panel, &screen, &s.state, s.now)))
            })
            .collect();
        for (i, (name, word, shape)) in seen.iter().enumerate() {
            for (other, other_word, other_shape) in &seen[i + 1..] {
                if name.split('-').next() == other.split('-').next() && name.starts_with("suspected") {
                    continue; // the same alert before and after somebody has seen it
                }
                assert_ne!(word, other_word, "{name} and {other} on {}", panel.name());
                let differing = shape.iter().zip(other_shape).filter(|(a, b)| a != b).count();
                let part = differing * 100 / shape.len();
                assert!(part >= 3, "{name} and {other} on {} differ in {part} % of the pixels", panel.name());
            }
        }
    }
}

/// Light or dark, for an eye without a green receptor: what is left when all colour is gone.
fn silhouette(frame: &Frame) -> Vec<bool> {
    frame.bytes().chunks_exact(3).map(|p| deuteranope([p[0], p[1], p[2]])[0] > 0.12).collect()
}

#[test]
fn no_screen_is_green() {
    for sample in samples::all() {
        let frame = draw(Panel::ALL[1], &decide(&sample.state, sample.now), &sample.state, sample.now);
        let green = frame.bytes().chunks_exact(3).filter(|p| i32::from(p[1]) > i32::from(p[0].max(p[2])) + 40).count();
        assert_eq!(green, 0, "{}", sample.name);
    }
}
