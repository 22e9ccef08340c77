//! What reaches a surface: only what has changed, and all of it after an error.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded_graphics::geometry::Size;
use spinewatch::display::{Area, DeviceState, Display, Frame, Panel, Phase, Surface, draw, samples};

const NOW: Duration = Duration::from_secs(500);

/// Where something changed, and all pixels after it.
type Shown = (Area, Vec<u8>);

/// Notes what it was told to show.
#[derive(Clone)]
struct Notes {
    size: Size,
    shown: Arc<Mutex<Vec<Shown>>>,
    broken: Arc<Mutex<bool>>,
    shared: bool,
}

impl Surface for Notes {
    fn size(&self) -> Size {
        self.size
    }

    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        if *self.broken.lock().unwrap() {
            return Err(io::Error::other("unplugged"));
        }
        self.shown.lock().unwrap().push((frame.dirty(), frame.bytes().to_vec()));
        Ok(())
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}

fn display(panel: Panel) -> (Display, Notes) {
    on(Notes { size: panel.size, shown: Arc::default(), broken: Arc::default(), shared: false }, panel)
}

fn on(notes: Notes, panel: Panel) -> (Display, Notes) {
    (Display::new(panel, Box::new(notes.clone())), notes)
}

fn running() -> DeviceState {
    let mut state = DeviceState::new(NOW);
    state.phase = Phase::Running;
    state
}

#[test]
fn nothing_is_drawn_when_nothing_changes() {
    let (mut display, notes) = display(Panel::ALL[3]);
    for ms in [0, 100, 500, 999] {
        display.tick(&running(), NOW + Duration::from_millis(ms)).unwrap();
    }
    assert_eq!(notes.shown.lock().unwrap().len(), 1);
}

#[test]
fn an_idle_second_costs_the_moving_mark_only() {
    let (mut display, notes) = display(Panel::ALL[3]);
    let state = running();
    display.tick(&state, NOW).unwrap();
    display.tick(&state, NOW + Duration::from_secs(1)).unwrap();
    let (area, _) = notes.shown.lock().unwrap().last().unwrap().clone();
    assert!(!area.is_empty(), "the mark moves: a screen that stands still is dead");
    assert!(area.width * area.height < 50 * 50, "{area:?}");
}

#[test]
fn what_the_console_draws_over_the_screen_is_gone_within_two_seconds() {
    let panel = Panel::ALL[3];
    let notes = Notes { size: panel.size, shown: Arc::default(), broken: Arc::default(), shared: true };
    let (mut display, notes) = on(notes, panel);
    for seconds in 0..7 {
        display.tick(&running(), NOW + Duration::from_secs(seconds)).unwrap();
    }
    let whole = Area::of(panel.size);
    let anew: Vec<bool> = notes.shown.lock().unwrap().iter().map(|(area, _)| *area == whole).collect();
    assert_eq!(anew, [true, false, true, false, true, false, true]);
}

#[test]
fn a_partial_redraw_gives_the_same_picture_as_a_full_one() {
    for panel in Panel::ALL {
        let (mut display, notes) = display(panel);
        for sample in samples::all() {
            for ms in [0, 250, 1000, 1300] {
                let now = sample.now + Duration::from_millis(ms);
                display.tick(&sample.state, now).unwrap();
                let full = draw(panel, &Display::decide(&sample.state, now), &sample.state, now);
                let shown = notes.shown.lock().unwrap().last().unwrap().1.clone();
                let differs = shown.chunks_exact(3).zip(full.bytes().chunks_exact(3)).position(|(a, b)| a != b);
                let place = differs.map(|at| (at % panel.size.width as usize, at / panel.size.width as usize));
                assert_eq!(place, None, "{} on {} after {ms} ms", sample.name, panel.name());
            }
        }
    }
}

#[test]
fn all_is_shown_again_after_a_surface_has_failed() {
    let (mut display, notes) = display(Panel::ALL[0]);
    let state = running();
    display.tick(&state, NOW).unwrap();
    *notes.broken.lock().unwrap() = true;
    assert!(display.tick(&state, NOW + Duration::from_secs(1)).is_err());
    *notes.broken.lock().unwrap() = false;
    display.tick(&state, NOW + Duration::from_secs(1)).unwrap();
    let (area, _) = notes.shown.lock().unwrap().last().unwrap().clone();
    assert_eq!(area, Area::of(Panel::ALL[0].size));
}

#[test]
fn the_display_asks_to_be_called_for_every_flash_and_every_second() {
    let suspected = samples::all().into_iter().find(|s| s.name == "suspected").unwrap();
    assert_eq!(Display::next_change(&suspected.state, suspected.now), Duration::from_millis(250));
    assert_eq!(Display::next_change(&running(), NOW + Duration::from_millis(300)), Duration::from_millis(700));
}

#[test]
fn a_one_bit_panel_gets_black_and_white_only() {
    for sample in samples::all() {
        let panel = Panel::of(Size::new(128, 64));
        let frame = draw(panel, &Display::decide(&sample.state, sample.now), &sample.state, sample.now);
        assert!(frame.bytes().chunks_exact(3).all(|p| p == [0; 3] || p == [255; 3]), "{}", sample.name);
    }
}
