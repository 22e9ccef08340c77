//! The device's front: takes in what asks to be looked at and the time, moves lamps, buzzer and backlight, hands on presses.
//!
//! What fails is told once, set aside, and opened again every few seconds; the rest works on. When it is dropped, lamps and
//! buzzer are off: a process that has ended does not sound.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use embedded_hal::digital::{InputPin, OutputPin};
use linux_embedded_hal::CdevPin;

use super::backlight::Backlight;
use super::button::{Button, Role};
use super::input::Inputs;
use super::light::lamps;
use super::sound::{Condition, Sound};
use super::touch::Rotation;
use crate::config::{ControlSettings, GpioLine};
use crate::display::{Alarm, Control};
use crate::gpio::{self, Pin};

/// What failed is tried again after this long.
const AGAIN: Duration = Duration::from_secs(5);
/// The backlight stays full for so long after a press.
const ATTENDED: Duration = Duration::from_secs(60);

/// Where lines come from.
pub trait Lines {
    /// A line that is read.
    type Input: InputPin;
    /// A line that is set.
    type Output: OutputPin;

    /// Takes a line for reading.
    ///
    /// # Errors
    /// When it cannot be had.
    fn input(&mut self, line: &GpioLine) -> io::Result<Self::Input>;

    /// Takes a line for setting; it is off.
    ///
    /// # Errors
    /// When it cannot be had.
    fn output(&mut self, line: &GpioLine) -> io::Result<Self::Output>;
}

/// The kernel's GPIO lines.
#[derive(Debug)]
pub struct KernelLines;

impl Lines for KernelLines {
    type Input = Pin<CdevPin>;
    type Output = Pin<CdevPin>;

    fn input(&mut self, line: &GpioLine) -> io::Result<Self::Input> {
        gpio::input(line)
    }

    fn output(&mut self, line: &GpioLine) -> io::Result<Self::Output> {
        gpio::output(line, false)
    }
}

/// A thing that may be missing, or go.
struct Held<T> {
    key: &'static str,
    thing: Option<T>,
    again: Duration,
    trouble: Option<String>,
}

impl<T> Held<T> {
    const fn new(key: &'static str) -> Self {
        Self { key, thing: None, again: Duration::ZERO, trouble: None }
    }

    /// Opens the thing where it is not open and its time has come, and does something with it.
    fn with<R>(
        &mut self,
        now: Duration,
        open: impl FnOnce() -> io::Result<T>,
        work: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> Option<R> {
        if self.thing.is_none() && now < self.again {
            return None;
        }
        let mut thing = self.thing.take();
        let outcome = match &mut thing {
            Some(open) => work(open),
            none => open().and_then(|opened| work(none.insert(opened))),
        };
        match outcome {
            Ok(result) => {
                self.thing = thing;
                if self.trouble.take().is_some() {
                    tracing::info!(key = self.key, "works again");
                }
                Some(result)
            }
            Err(error) => {
                let words = format!("controls.{}: {error}", self.key);
                if self.trouble.as_ref() != Some(&words) {
                    tracing::error!("{words}");
                }
                (self.trouble, self.again) = (Some(words), now + AGAIN);
                None
            }
        }
    }
}

/// A line that is set only when it changes.
struct Lamp<P> {
    line: GpioLine,
    held: Held<(P, Option<bool>)>,
}

impl<P: OutputPin> Lamp<P> {
    fn new(key: &'static str, line: Option<&GpioLine>) -> Option<Self> {
        Some(Self { line: line?.clone(), held: Held::new(key) })
    }

    fn set(&mut self, lines: &mut impl Lines<Output = P>, on: bool, now: Duration) {
        let line = &self.line;
        self.held.with(
            now,
            || Ok((lines.output(line)?, None)),
            |(pin, shown)| {
                if *shown != Some(on) {
                    let set = if on { pin.set_high() } else { pin.set_low() };
                    set.map_err(|error| io::Error::other(format!("GPIO line {line}: {error:?}")))?;
                    *shown = Some(on);
                }
                Ok(())
            },
        );
    }

    fn off(&mut self) {
        if let Some((pin, _)) = &mut self.held.thing {
            let _ = pin.set_low(); // nobody is left to be told
        }
    }
}

/// A button on a line.
struct Key<P> {
    line: GpioLine,
    button: Button,
    held: Held<P>,
}

/// What happened at the front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Presses, in their order.
    pub controls: Vec<Control>,
    /// The sound was paused just now, until then.
    pub paused: Option<Duration>,
}

/// Everything that the configuration names.
pub struct Front<L: Lines> {
    settings: ControlSettings,
    lines: L,
    keys: Vec<Key<L::Input>>,
    inputs: Option<(Inputs, Held<()>)>,
    lights: [Option<Lamp<L::Output>>; 3],
    buzzer: Option<Lamp<L::Output>>,
    backlight: Held<Backlight>,
    sound: Sound,
    pressed: Option<Duration>,
}

impl<L: Lines> Front<L> {
    /// Nothing is opened yet; the first [`Self::tick`] does.
    pub fn new(settings: &ControlSettings, lines: L) -> Self {
        let hold = Duration::from_millis(settings.hold_millis);
        let key = |key, line: &Option<GpioLine>, role| {
            let (line, button) = (line.clone()?, Button::new(role, hold));
            Some(Key { line, button, held: Held::new(key) })
        };
        let keys = [
            key("acknowledge_button", &settings.acknowledge_button, Role::Acknowledge),
            key("next_button", &settings.next_button, Role::Next),
        ];
        let inputs = Inputs::new(settings.inputs.clone(), Rotation(settings.touch_rotation), hold);
        Self {
            lines,
            keys: keys.into_iter().flatten().collect(),
            inputs: (!settings.inputs.is_empty()).then(|| (inputs, Held::new("inputs"))),
            lights: [
                Lamp::new("red_light", settings.red_light.as_ref()),
                Lamp::new("yellow_light", settings.yellow_light.as_ref()),
                Lamp::new("blue_light", settings.blue_light.as_ref()),
            ],
            buzzer: Lamp::new("buzzer", settings.buzzer.as_ref()),
            backlight: Held::new("backlight"),
            sound: Sound::new(Duration::from_secs(settings.sound_pause_secs)),
            pressed: None,
            settings: settings.clone(),
        }
    }

    /// Moves everything to how it is to be at `now`. Call it every few milliseconds.
    pub fn tick(&mut self, alarm: Alarm, conditions: &BTreeSet<Condition>, now: Duration) -> Heard {
        let mut heard = Heard { controls: self.presses(now), paused: None };
        self.sound.stand(conditions, now);
        if !heard.controls.is_empty() {
            self.pressed = Some(now);
        }
        if heard.controls.contains(&Control::Acknowledge) {
            heard.paused = self.sound.pause(now);
        }
        let lit = lamps(alarm, now);
        for (lamp, on) in self.lights.iter_mut().zip([lit.red, lit.yellow, lit.blue]) {
            if let Some(lamp) = lamp {
                lamp.set(&mut self.lines, on, now);
            }
        }
        if let Some(buzzer) = &mut self.buzzer {
            buzzer.set(&mut self.lines, self.sound.is_on(now), now);
        }
        self.dim(alarm, now);
        heard
    }

    /// Until when the sound is paused.
    pub fn paused_until(&self) -> Option<Duration> {
        self.sound.paused_until()
    }

    /// What does not work, in one line.
    pub fn trouble(&self) -> Option<String> {
        let keys = self.keys.iter().filter_map(|key| key.held.trouble.as_ref());
        let lamps = self.lights.iter().flatten().chain(&self.buzzer).filter_map(|lamp| lamp.held.trouble.as_ref());
        let inputs = self.inputs.iter().filter_map(|(_, held)| held.trouble.as_ref());
        let all: Vec<&str> =
            keys.chain(inputs).chain(lamps).chain(&self.backlight.trouble).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn presses(&mut self, now: Duration) -> Vec<Control> {
        let mut controls = Vec::new();
        for key in &mut self.keys {
            let (lines, line) = (&mut self.lines, &key.line);
            let active = key.held.with(
                now,
                || lines.input(line),
                |pin| pin.is_high().map_err(|error| io::Error::other(format!("GPIO line {line}: {error:?}"))),
            );
            controls.extend(active.and_then(|active| key.button.look(active, now)));
        }
        if let Some((inputs, held)) = &mut self.inputs {
            controls.extend(held.with(now, || Ok(()), |()| inputs.poll(now)).into_iter().flatten());
        }
        controls
    }

    fn dim(&mut self, alarm: Alarm, now: Duration) {
        let Some(dir) = &self.settings.backlight else { return };
        let attended = self.pressed.is_some_and(|at| now.saturating_sub(at) < ATTENDED);
        let (open, percent) = (|| Backlight::open(Path::new(dir)), self.settings.backlight_percent);
        self.backlight.with(now, open, |backlight| backlight.show(alarm, attended, percent));
    }
}

impl<L: Lines> Drop for Front<L> {
    fn drop(&mut self) {
        self.lights.iter_mut().flatten().chain(&mut self.buzzer).for_each(Lamp::off);
    }
}
