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
/// When the audit trail cannot be written.
pub fn attend<L: Lines>(
    mut front: Front<L>,
    screen: &Mutex<DeviceState>,
    signals: &Signals,
    store: &Store,
) -> anyhow::Result<()> {
    while !signals.is_stopping() {
        let now = signals.clock();
        if let Some(until) = turn(&mut front, &mut lock(screen), now) {
            note(store, until.saturating_sub(now))?;
        }
        let trouble = front.trouble();
        let mut told = lock(&signals.controls_trouble);
        if *told != trouble {
            *told = trouble;
        }
        drop(told);
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

fn note(store: &Store, pause: Duration) -> anyhow::Result<()> {
    let detail = Some(format!("for {} s", pause.as_secs()));
    let (actor, action) = (LOCAL_BUTTON.to_owned(), "sound_paused".to_owned());
    store.audit(&AuditEntry { at: Timestamp::now(), actor, action, subject: None, detail })?;
    Ok(())
}
