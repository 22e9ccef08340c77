//! What a person touches, sees and hears at the device beside the screen: buttons, touch, backlight, light stack, buzzer.
//!
//! Takes in GPIO lines and input devices, hands [`Control`]s to the display; takes in the device's state, hands it to lamps
//! and buzzer. Never touches a study, and never ends the daemon: a line that is missing is told, and the rest works on.
//!
//! **What "acknowledge" means here.** A clinic's acknowledgement ends the escalation: the alert is not sent again. Whoever
//! stands at the scanner cannot know that a clinic has seen it, so a button here must not do that. It does what
//! IEC 60601-1-8 calls *audio paused*: the sound stops for `sound_pause_secs` for the alarms that stand, and comes back when
//! that is over or another alarm comes. The screen goes on flashing, the light stack too, the clinics are called as before,
//! and the screen says SOUND OFF. It is written to the audit trail with the actor `local button`.
//!
//! **Sound.** Bursts as in IEC 60601-1-8, table 3 and 4: ten pulses for high priority, three for medium, none for low. A
//! medium condition sounds for two minutes; it may stand for a night (a console that is switched off), and the screen shows it.
//!
//! **Light.** Red, yellow and blue follow the priority, with the screen's own flash. There is no green: nothing is ever clear.

mod backlight;
mod button;
mod front;
mod input;
mod light;
mod sound;
mod touch;

pub use crate::display::Control;

pub use backlight::{Backlight, brightness};
pub use button::{Button, Role};
pub use front::{Front, Heard, KernelLines, Lines};
pub use input::{Inputs, KeyRole, of_key};
pub use light::{Lamps, lamps};
pub use sound::{Condition, MEDIUM_SOUNDS, Sound, conditions, sounding};
pub use touch::{Rotation, Touch};
