//! Input devices of the kernel (gpio-keys, touch screens, a keyboard): takes in their events, hands on what was meant.
//!
//! Enter and OK acknowledge; Right, Next and Space turn the page, held they open the service screen; Menu opens it at once.
//! Never grabs a device, and goes on when one is pulled: what is new below the given paths is taken up.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use evdev::{AbsoluteAxisCode, Device, EventSummary, KeyCode};

use super::button::{Button, Role};
use super::touch::{Rotation, Touch};
use crate::display::Control;

/// New devices are looked for this often.
const RESCAN: Duration = Duration::from_secs(2);

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    /// A button as on a GPIO line.
    Button(Role),
    /// The service screen, at once.
    Service,
    /// The finger, or the left button of a pointer that knows where it is.
    Finger,
}

/// What the device takes a key for.
pub const fn of_key(key: KeyCode) -> Option<KeyRole> {
    match key {
        KeyCode::KEY_ENTER | KeyCode::KEY_KPENTER | KeyCode::KEY_OK | KeyCode::KEY_SELECT => {
            Some(KeyRole::Button(Role::Acknowledge))
        }
        KeyCode::KEY_NEXT | KeyCode::KEY_RIGHT | KeyCode::KEY_SPACE => Some(KeyRole::Button(Role::Next)),
        KeyCode::KEY_MENU | KeyCode::KEY_CONFIG => Some(KeyRole::Service),
        KeyCode::BTN_TOUCH | KeyCode::BTN_LEFT => Some(KeyRole::Finger),
        _ => None,
    }
}

/// One device's keys and finger.
#[derive(Debug)]
struct Reader {
    acknowledge: Button,
    next: Button,
    touch: Option<Touch>,
    /// A finger that came or went; its place follows in the same report.
    finger: Option<bool>,
}

impl Reader {
    fn new(touch: Option<Touch>, hold: Duration) -> Self {
        let button = |role| Button::released(role, hold);
        Self { acknowledge: button(Role::Acknowledge), next: button(Role::Next), touch, finger: None }
    }

    fn event(&mut self, event: EventSummary, now: Duration) -> Option<Control> {
        match event {
            EventSummary::Key(_, key, value @ (0 | 1)) => self.key(key, value == 1, now),
            EventSummary::AbsoluteAxis(_, AbsoluteAxisCode::ABS_X, value) => self.moved(0, value),
            EventSummary::AbsoluteAxis(_, AbsoluteAxisCode::ABS_Y, value) => self.moved(1, value),
            EventSummary::Synchronization(..) => self.reported(now),
            _ => None,
        }
    }

    fn key(&mut self, key: KeyCode, down: bool, now: Duration) -> Option<Control> {
        match of_key(key)? {
            KeyRole::Button(Role::Acknowledge) => self.acknowledge.change(down, now),
            KeyRole::Button(Role::Next) => self.next.change(down, now),
            KeyRole::Service => down.then_some(Control::Service),
            KeyRole::Finger => {
                self.finger = Some(down);
                None
            }
        }
    }

    fn moved(&mut self, axis: usize, to: i32) -> Option<Control> {
        if let Some(touch) = &mut self.touch {
            touch.moved(axis, to);
        }
        None
    }

    /// The device has told all of one moment.
    fn reported(&mut self, now: Duration) -> Option<Control> {
        let down = self.finger.take()?;
        self.touch.as_mut()?.touched(down, now)
    }

    fn wait(&mut self, now: Duration) -> Option<Control> {
        let touched = self.touch.as_mut().and_then(|touch| touch.wait(now));
        touched.or_else(|| self.acknowledge.wait(now)).or_else(|| self.next.wait(now))
    }
}

/// The input devices of the configuration, those that are there.
#[derive(Debug)]
pub struct Inputs {
    paths: Vec<PathBuf>,
    rotation: Rotation,
    hold: Duration,
    open: Vec<(PathBuf, Device, Reader)>,
    rescan: Duration,
}

impl Inputs {
    /// Devices, or folders of them.
    pub const fn new(paths: Vec<PathBuf>, rotation: Rotation, hold: Duration) -> Self {
        Self { paths, rotation, hold, open: Vec::new(), rescan: Duration::ZERO }
    }

    /// How many are open.
    pub const fn len(&self) -> usize {
        self.open.len()
    }

    /// True where none is open.
    pub const fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What was meant since the last call.
    ///
    /// # Errors
    /// When none of the devices can be opened; asked again, it looks for them again.
    pub fn poll(&mut self, now: Duration) -> io::Result<Vec<Control>> {
        let found = if now >= self.rescan {
            self.rescan = now + RESCAN;
            self.look_for_new()
        } else {
            Ok(())
        };
        let mut meant = Vec::new();
        self.open.retain_mut(|(path, device, reader)| match drain(device, reader, now, &mut meant) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(device = %path.display(), %error, "an input device is gone");
                false
            }
        });
        if self.open.is_empty() { found.map(|()| meant) } else { Ok(meant) }
    }

    fn look_for_new(&mut self) -> io::Result<()> {
        let mut why = None;
        for path in self.paths.iter().flat_map(|path| devices(path)) {
            if self.open.iter().any(|(open, ..)| *open == path) {
                continue;
            }
            match open(&path, self.rotation, self.hold) {
                Ok(Some((device, reader))) => self.open.push((path, device, reader)),
                Ok(None) => {}
                Err(error) => why = Some(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
            }
        }
        let none = || io::Error::new(ErrorKind::NotFound, "no input device with a key or a touch that is used here");
        if self.open.is_empty() { Err(why.unwrap_or_else(none)) } else { Ok(()) }
    }
}

/// The device itself, or all of a folder.
fn devices(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let is_event = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("event");
    let mut paths: Vec<PathBuf> = entries.filter(is_event).map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
}

/// Nothing for a device that has no key that is used here.
fn open(path: &Path, rotation: Rotation, hold: Duration) -> io::Result<Option<(Device, Reader)>> {
    let device = Device::open(path)?;
    let used = device.supported_keys().is_some_and(|keys| keys.iter().any(|key| of_key(key).is_some()));
    if !used {
        return Ok(None);
    }
    device.set_nonblocking(true)?;
    let range = |axis: AbsoluteAxisCode| {
        let info = device.get_absinfo().ok()?.find(|(code, _)| *code == axis)?.1;
        Some((info.minimum(), info.maximum()))
    };
    let ranges = range(AbsoluteAxisCode::ABS_X).zip(range(AbsoluteAxisCode::ABS_Y));
    let touch = ranges.map(|(x, y)| Touch::new(rotation, [x, y], hold));
    Ok(Some((device, Reader::new(touch, hold))))
}

fn drain(device: &mut Device, reader: &mut Reader, now: Duration, meant: &mut Vec<Control>) -> io::Result<()> {
    match device.fetch_events() {
        Ok(events) => meant.extend(events.filter_map(|event| reader.event(event.destructure(), now))),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    meant.extend(reader.reported(now));
    meant.extend(reader.wait(now));
    Ok(())
}

#[cfg(test)]
mod tests {
    use evdev::{EventType, InputEvent, SynchronizationCode};

    use super::*;

    const HOLD: Duration = Duration::from_secs(2);

    fn key(key: KeyCode, value: i32) -> InputEvent {
        InputEvent::new(EventType::KEY.0, key.0, value)
    }

    fn axis(axis: AbsoluteAxisCode, value: i32) -> InputEvent {
        InputEvent::new(EventType::ABSOLUTE.0, axis.0, value)
    }

    fn report() -> InputEvent {
        InputEvent::new(EventType::SYNCHRONIZATION.0, SynchronizationCode::SYN_REPORT.0, 0)
    }

    fn played(touch: bool, events: &[InputEvent]) -> Vec<Control> {
        let touch = touch.then(|| Touch::new(Rotation(0), [(0, 32_767), (0, 32_767)], HOLD));
        let mut reader = Reader::new(touch, HOLD);
        let times = (0..).map(|i| Duration::from_millis(50 * i));
        events.iter().zip(times).filter_map(|(event, at)| reader.event(event.destructure(), at)).collect()
    }

    #[test]
    fn a_key_means_what_is_written_beside_it_and_repeats_nothing() {
        let pressed =
            |code| played(false, &[key(code, 1), report(), key(code, 2), key(code, 2), key(code, 0), report()]);
        assert_eq!(pressed(KeyCode::KEY_ENTER), [Control::Acknowledge]);
        assert_eq!(pressed(KeyCode::KEY_RIGHT), [Control::Next]);
        assert_eq!(pressed(KeyCode::KEY_MENU), [Control::Service]);
        assert_eq!(pressed(KeyCode::KEY_A), []);
    }

    #[test]
    fn a_touch_counts_where_it_came_down_although_its_place_is_told_after_it() {
        let tap = |x| {
            let (abs_x, abs_y) = (axis(AbsoluteAxisCode::ABS_X, x), axis(AbsoluteAxisCode::ABS_Y, 100));
            let touch = KeyCode::BTN_TOUCH;
            played(true, &[key(touch, 1), abs_x, abs_y, report(), key(touch, 0), report()])
        };
        assert_eq!(tap(32_000), [Control::Next]);
        assert_eq!(tap(900), [Control::Acknowledge]);
    }

    #[test]
    fn a_mouse_that_does_not_know_where_it_is_means_nothing() {
        assert_eq!(played(false, &[key(KeyCode::BTN_LEFT, 1), report(), key(KeyCode::BTN_LEFT, 0), report()]), []);
    }

    #[test]
    fn devices_that_are_not_there_are_told_and_looked_for_again() {
        let mut inputs = Inputs::new(vec!["/nonexistent/event0".into()], Rotation(0), HOLD);
        let error = inputs.poll(Duration::ZERO).err().map(|error| error.to_string());
        assert!(error.is_some_and(|words| words.contains("/nonexistent/event0")));
        assert!(inputs.poll(Duration::from_millis(10)).is_ok(), "not looked for in every round");
        assert!(inputs.poll(RESCAN).is_err());
    }
}
