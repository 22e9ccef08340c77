//! `[controls]`: buttons, touch, backlight, light stack and buzzer of the device.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::GpioLine;

/// `[controls]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlSettings {
    /// Button that pauses the alarm sound.
    pub acknowledge_button: Option<GpioLine>,
    /// Button that turns to the next study; held, to the service screen.
    pub next_button: Option<GpioLine>,
    /// Input devices (gpio-keys, touch screens), or folders of them.
    pub inputs: Vec<PathBuf>,
    /// Degrees by which a touch screen's axes are turned against the picture, clockwise.
    pub touch_rotation: u16,
    /// A button or a finger held for so long opens the service screen.
    pub hold_millis: u64,
    /// Red lamp: high priority.
    pub red_light: Option<GpioLine>,
    /// Yellow lamp: medium priority.
    pub yellow_light: Option<GpioLine>,
    /// Blue lamp: information.
    pub blue_light: Option<GpioLine>,
    /// Buzzer that sounds by itself when switched on.
    pub buzzer: Option<GpioLine>,
    /// How long the sound stays paused after acknowledging at the device.
    pub sound_pause_secs: u64,
    /// Folder of the backlight below `/sys/class/backlight`.
    pub backlight: Option<PathBuf>,
    /// Brightness while nothing asks to be looked at.
    pub backlight_percent: u8,
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            acknowledge_button: None,
            next_button: None,
            inputs: Vec::new(),
            touch_rotation: 0,
            hold_millis: 2_000,
            red_light: None,
            yellow_light: None,
            blue_light: None,
            buzzer: None,
            sound_pause_secs: 120,
            backlight: None,
            backlight_percent: 60,
        }
    }
}

impl ControlSettings {
    /// The lines with their keys, those that are given.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &GpioLine)> {
        let lines = [
            ("acknowledge_button", &self.acknowledge_button),
            ("next_button", &self.next_button),
            ("red_light", &self.red_light),
            ("yellow_light", &self.yellow_light),
            ("blue_light", &self.blue_light),
            ("buzzer", &self.buzzer),
        ];
        lines.into_iter().filter_map(|(key, line)| Some((key, line.as_ref()?)))
    }

    /// False where the device has nothing of all this.
    pub fn any(&self) -> bool {
        self.lines().next().is_some() || !self.inputs.is_empty() || self.backlight.is_some()
    }

    /// What is outside its range, one line a key; `taken` are the panel's own lines.
    pub(super) fn problems<'a>(&'a self, taken: impl Iterator<Item = (&'static str, &'a GpioLine)>) -> Vec<String> {
        let mut found = Vec::new();
        let mut within = |key: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                found.push(format!("controls.{key} is {value}: allowed is {least} to {most}"));
            }
        };
        within("hold_millis", self.hold_millis, 500, 10_000);
        within("sound_pause_secs", self.sound_pause_secs, 10, 600);
        within("backlight_percent", u64::from(self.backlight_percent), 1, 100);
        if ![0, 90, 180, 270].contains(&self.touch_rotation) {
            found.push(format!("controls.touch_rotation is {}: allowed is 0, 90, 180, 270", self.touch_rotation));
        }
        for path in self.inputs.iter().chain(&self.backlight).filter(|path| !path.is_absolute()) {
            found.push(format!("controls has {}: a path from / is needed", path.display()));
        }
        let lines: Vec<_> = taken.chain(self.lines()).collect();
        for (at, (key, line)) in lines.iter().enumerate() {
            if let Some((other, _)) = lines[..at].iter().find(|(_, other)| other.place == line.place) {
                found.push(format!("controls.{key} is {line}, which is {other} already: a line serves one thing"));
            }
        }
        found
    }
}
