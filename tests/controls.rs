//! Buttons, lights, buzzer and backlight against pin mocks.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::time::Duration;

use embedded_hal_mock::eh1::MockError;
use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

use spinewatch::config::{ControlSettings, GpioLine, LinePlace};
use spinewatch::controls::{Condition, Control, Front, Lines, MEDIUM_SOUNDS};
use spinewatch::display::Alarm;
use spinewatch::gpio::Pin;
use spinewatch::triage::Level;

/// Mocked pins by the name of their line; a line without one is not there.
#[derive(Clone, Default)]
struct Board(BTreeMap<String, Mock>);

impl Board {
    fn with(mut self, name: &str, expected: &[Transaction]) -> Self {
        self.0.insert(name.to_owned(), Mock::new(expected));
        self
    }

    fn pin(&self, line: &GpioLine) -> io::Result<Pin<Mock>> {
        let LinePlace::Name(name) = &line.place else { panic!("lines have names here") };
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no GPIO line is called {name:?}"));
        Ok(Pin::new(self.0.get(name).ok_or_else(missing)?.clone(), line.active_low))
    }

    fn done(mut self) {
        self.0.values_mut().for_each(Mock::done);
    }
}

impl Lines for Board {
    type Input = Pin<Mock>;
    type Output = Pin<Mock>;

    fn input(&mut self, line: &GpioLine) -> io::Result<Pin<Mock>> {
        self.pin(line)
    }

    fn output(&mut self, line: &GpioLine) -> io::Result<Pin<Mock>> {
        self.pin(line)
    }
}

fn line(text: &str) -> Option<GpioLine> {
    Some(text.parse().unwrap())
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn sets(states: &[State]) -> Vec<Transaction> {
    states.iter().map(|state| Transaction::set(*state)).collect()
}

fn suspected() -> BTreeSet<Condition> {
    [Condition::Suspected { study: "7f3a".into(), levels: vec![Level::C2] }].into()
}

use State::{High, Low};

#[test]
fn the_light_stack_is_set_when_it_changes_and_goes_dark_with_the_process() {
    let settings = ControlSettings {
        red_light: line("red"),
        yellow_light: line("!yellow"),
        blue_light: line("blue"),
        ..ControlSettings::default()
    };
    let board = Board::default()
        // high priority for two seconds, medium for one, then the process ends
        .with("red", &sets(&[High, Low, High, Low, High, Low, High, Low, Low]))
        // active low: dark is high
        .with("yellow", &sets(&[High, Low, High, Low, High]))
        .with("blue", &sets(&[Low, Low]));
    let mut front = Front::new(&settings, board.clone());
    for at in (0..2000).step_by(10) {
        front.tick(Alarm::High, &BTreeSet::new(), ms(at));
    }
    for at in (2000..3400).step_by(10) {
        front.tick(Alarm::Medium, &BTreeSet::new(), ms(at));
    }
    assert_eq!(front.trouble(), None);
    drop(front);
    board.done();
}

#[test]
fn a_high_alarm_sounds_its_ten_pulses_and_the_button_ends_them() {
    let settings =
        ControlSettings { acknowledge_button: line("!ack"), buzzer: line("buzzer"), ..ControlSettings::default() };
    // 10 ms steps: up for 0.1 s, pressed (low) from 1 s on; the buzzer gets the first five pulses of the burst
    let levels: Vec<State> = (0..200).map(|step| if step < 100 { High } else { Low }).collect();
    let levels: Vec<Transaction> = levels.into_iter().map(Transaction::get).collect();
    let board = Board::default()
        .with("ack", &levels)
        // 0, 225, 450, 900 ms; the press at 1 s counts at 1030 ms, when the fourth pulse is over
        .with("buzzer", &sets(&[High, Low, High, Low, High, Low, High, Low, Low]));
    let mut front = Front::new(&settings, board.clone());
    let mut heard = vec![];
    for step in 0..200 {
        let tick = front.tick(Alarm::High, &suspected(), ms(step * 10));
        heard.extend(tick.controls.iter().map(|control| (step * 10, *control)));
        if let Some(until) = tick.paused {
            assert_eq!(until, ms(step * 10) + Duration::from_secs(120));
        }
    }
    assert_eq!(heard, [(1030, Control::Acknowledge)]);
    assert_eq!(front.paused_until(), Some(ms(1030) + Duration::from_secs(120)));
    drop(front);
    board.done();
}

#[test]
fn a_missing_line_is_told_and_the_rest_works_on() {
    let settings = ControlSettings {
        next_button: line("absent"),
        red_light: line("red"),
        buzzer: line("nowhere"),
        backlight: Some("/nonexistent/backlight".into()),
        inputs: vec!["/nonexistent/event7".into()],
        ..ControlSettings::default()
    };
    let board = Board::default().with("red", &sets(&[High, Low, Low]));
    let mut front = Front::new(&settings, board.clone());
    for at in (0..400).step_by(10) {
        front.tick(Alarm::High, &suspected(), ms(at));
    }
    let words = front.trouble().unwrap();
    for part in ["controls.next_button", "\"absent\"", "controls.buzzer", "controls.backlight", "/nonexistent/event7"] {
        assert!(words.contains(part), "{part} is missing from: {words}");
    }
    assert!(!words.contains("red_light"), "{words}");
    drop(front);
    board.done();
}

#[test]
fn a_line_that_fails_is_opened_again_and_no_longer_told() {
    let settings = ControlSettings { blue_light: line("blue"), ..ControlSettings::default() };
    let failing = Transaction::set(High).with_error(MockError::Io(io::ErrorKind::BrokenPipe));
    let board = Board::default().with("blue", &[failing, Transaction::set(High), Transaction::set(Low)]);
    let mut front = Front::new(&settings, board.clone());
    for at in (0..5000).step_by(10) {
        front.tick(Alarm::Low, &BTreeSet::new(), ms(at));
        assert!(front.trouble().is_some_and(|words| words.contains("controls.blue_light")), "at {at} ms");
    }
    front.tick(Alarm::Low, &BTreeSet::new(), ms(5000));
    assert_eq!(front.trouble(), None);
    drop(front);
    board.done();
}

#[test]
fn the_backlight_is_full_for_an_alarm_and_for_a_minute_after_a_press() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("max_brightness"), "200\n").unwrap();
    let brightness = || fs::read_to_string(dir.path().join("brightness")).unwrap();
    let settings = ControlSettings {
        acknowledge_button: line("ack"),
        backlight: Some(dir.path().to_owned()),
        backlight_percent: 10,
        ..ControlSettings::default()
    };
    let levels: Vec<Transaction> = [Low, Low, High, High, Low, Low, Low, Low].map(Transaction::get).to_vec();
    let board = Board::default().with("ack", &levels);
    let mut front = Front::new(&settings, board.clone());
    let mut tick = |alarm, at| {
        front.tick(alarm, &BTreeSet::new(), ms(at));
        brightness()
    };
    assert_eq!(tick(Alarm::None, 0), "20");
    assert_eq!(tick(Alarm::None, 40), "20");
    assert_eq!(tick(Alarm::None, 100), "20");
    assert_eq!(tick(Alarm::None, 140), "200", "pressed");
    assert_eq!(tick(Alarm::None, 1000), "200");
    assert_eq!(tick(Alarm::None, 60_139), "200");
    assert_eq!(tick(Alarm::None, 60_140), "20");
    assert_eq!(tick(Alarm::MediumSeen, 60_200), "200");
    drop(front);
    board.done();
}

#[test]
fn a_share_that_is_lost_for_a_night_is_heard_for_two_minutes() {
    let settings = ControlSettings { buzzer: line("buzzer"), ..ControlSettings::default() };
    let bursts = usize::try_from(MEDIUM_SOUNDS.as_secs()).unwrap().div_ceil(11);
    let mut expected = sets(&[High, Low].repeat(3 * bursts));
    expected.push(Transaction::set(Low)); // when it ends
    let board = Board::default().with("buzzer", &expected);
    let mut front = Front::new(&settings, board.clone());
    for at in (0..600_000).step_by(50) {
        front.tick(Alarm::Medium, &[Condition::Down { rank: 2 }].into(), ms(at));
    }
    drop(front);
    board.done();
}
