//! Joins the device's front to the screen's state: presses turn pages and pause the sound, alarms move lamps and buzzer.
//!
//! Never ends the device: what does not work is told, and tried again. Never acknowledges for a clinic (see `controls`).

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::launch::lock;
use super::signals::Signals;
use crate::controls::{Control, Front, Lines, conditions};
use crate::display::{DeviceState, automatic};
use crate::store::{AuditEntry, Store};

/// Contacts are looked at, and the buzzer is moved, this often.
const TICK: Duration = Duration::from_millis(10);
/// Who pressed, on the audit trail.
pub const LOCAL_BUTTON: &str = "local button";

/// Works the front until the appliance stops.
///
/// # Errors
/// Never; as a stage of the appliance it says so.
pub fn attend<L: Lines>(
    mut front: Front<L>,
    screen: &Mutex<DeviceState>,
    signals: &Signals,
    store: &Store,
) -> anyhow::Result<()> {
    while !signals.is_stopping() {
        let now = signals.clock();
        if let Some(until) = turn(&mut front, &mut lock(screen), now) {
            note(store, until.saturating_sub(now));
        }
        *lock(&signals.controls_trouble) = front.trouble();
        std::thread::sleep(TICK);
    }
    Ok(())
}

/// One look at the front at `now`: until when the sound was paused, where somebody has just done so.
fn turn<L: Lines>(front: &mut Front<L>, state: &mut DeviceState, now: Duration) -> Option<Duration> {
    let alarm = automatic(state, now).alarm();
    let heard = front.tick(alarm, &conditions(state, now), now);
    for control in heard.controls {
        state.press(control, now);
        if control == Control::Acknowledge && heard.paused.is_some() {
            state.remember(now, "sound paused at the device");
        }
    }
    state.pause_sound(front.paused_until().unwrap_or_default());
    heard.paused
}

/// A trail that cannot be written does not take the buttons away; the store tells that itself.
fn note(store: &Store, pause: Duration) {
    let detail = Some(format!("for {} s", pause.as_secs()));
    let (actor, action) = (LOCAL_BUTTON.to_owned(), "sound_paused".to_owned());
    if let Err(error) = store.audit(&AuditEntry { at: Timestamp::now(), actor, action, subject: None, detail }) {
        tracing::error!(%error, "a pause of the sound is not on the audit trail");
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use embedded_hal::digital::{ErrorType, InputPin, OutputPin};

    use super::*;
    use crate::config::{ControlSettings, GpioLine};
    use crate::display::{DeviceState, samples};

    const START: Duration = Duration::from_secs(4320);

    /// A button and a buzzer that hang together with a test.
    #[derive(Clone, Default)]
    struct Bench {
        pressed: Arc<AtomicBool>,
        sounds: Arc<AtomicBool>,
    }

    struct Wired(Arc<AtomicBool>);

    impl ErrorType for Wired {
        type Error = Infallible;
    }

    impl InputPin for Wired {
        fn is_high(&mut self) -> Result<bool, Infallible> {
            Ok(self.0.load(Ordering::Relaxed))
        }

        fn is_low(&mut self) -> Result<bool, Infallible> {
            self.is_high().map(|high| !high)
        }
    }

    impl OutputPin for Wired {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.0.store(false, Ordering::Relaxed);
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.0.store(true, Ordering::Relaxed);
            Ok(())
        }
    }

    impl Lines for Bench {
        type Input = Wired;
        type Output = Wired;

        fn input(&mut self, _: &GpioLine) -> std::io::Result<Wired> {
            Ok(Wired(Arc::clone(&self.pressed)))
        }

        fn output(&mut self, _: &GpioLine) -> std::io::Result<Wired> {
            Ok(Wired(Arc::clone(&self.sounds)))
        }
    }

    fn settings() -> ControlSettings {
        let line = |text: &str| text.parse().ok();
        ControlSettings { acknowledge_button: line("a"), buzzer: line("b"), ..ControlSettings::default() }
    }

    /// Looks every 10 ms from `from` to `to`, in ms after [`START`]; whether the buzzer sounded, and pauses.
    fn look(front: &mut Front<Bench>, bench: &Bench, state: &mut DeviceState, from: u64, to: u64) -> (bool, usize) {
        let (mut heard, mut pauses) = (false, 0);
        for at in (from..to).step_by(10) {
            let now = START + Duration::from_millis(at);
            state.beat(now);
            pauses += usize::from(turn(front, state, now).is_some());
            heard |= bench.sounds.load(Ordering::Relaxed);
        }
        (heard, pauses)
    }

    #[test]
    fn a_press_pauses_the_sound_and_acknowledges_nothing_for_the_clinics() {
        let bench = Bench::default();
        let mut front = Front::new(&settings(), bench.clone());
        let mut state = samples::all().into_iter().find(|sample| sample.name == "suspected").unwrap().state;
        assert_eq!(look(&mut front, &bench, &mut state, 0, 3000), (true, 0));
        bench.pressed.store(true, Ordering::Relaxed);
        assert_eq!(look(&mut front, &bench, &mut state, 3000, 3040).1, 1);
        bench.pressed.store(false, Ordering::Relaxed);
        assert_eq!(look(&mut front, &bench, &mut state, 3040, 60_000), (false, 0));
        let now = START + Duration::from_secs(60);
        assert_eq!(state.alerts()[0].acknowledged, None, "the clinics have not seen it");
        assert_eq!(automatic(&state, now).alarm(), crate::display::Alarm::High, "and the screen goes on flashing");
        assert!(state.events().any(|event| event.what.as_str() == "sound paused at the device"));
        assert_eq!(look(&mut front, &bench, &mut state, 60_000, 140_000), (true, 0), "the pause has a limit");
    }

    #[test]
    fn a_pause_is_on_the_audit_trail_with_who_pressed() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("s.db"), Timestamp::UNIX_EPOCH).unwrap();
        note(&store, Duration::from_secs(120));
        let entry = store.audit_trail(1).unwrap().remove(0);
        assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("local button", "sound_paused"));
        assert_eq!((entry.subject, entry.detail.as_deref()), (None, Some("for 120 s")));
    }
}
