//! One button: takes in the level of its line at a time, hands on what was meant. Pure.
//!
//! ```text
//! up ──down for 30 ms──▶ pressed ──held──▶ service ──▶ up
//!                          └──up for 30 ms──▶ up
//! ```
//!
//! Acknowledging counts when the button goes down, as a person waits for it; turning a page when it comes up, as it may
//! become the service screen. Never reports a contact that bounces, or a button that was down when the device started.

use std::time::Duration;

use crate::display::Control;

/// A contact is quiet after this long.
pub const DEBOUNCE: Duration = Duration::from_millis(30);

/// What a button is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Pauses the sound.
    Acknowledge,
    /// Turns the page.
    Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Up,
    Down {
        since: Duration,
        held: bool,
    },
    /// Stuck, or pressed before the device looked: it counts from its first release on.
    Ignored,
}

/// A button and its history.
#[derive(Clone, Debug)]
pub struct Button {
    role: Role,
    hold: Duration,
    place: Place,
    /// The level that was seen last, and since when.
    level: Option<(bool, Duration)>,
}

impl Button {
    /// A button that opens the service screen when it is held for `hold`.
    pub const fn new(role: Role, hold: Duration) -> Self {
        Self { role, hold, place: Place::Ignored, level: None }
    }

    /// A button that is known to be up, such as a key that reports its own changes.
    pub const fn released(role: Role, hold: Duration) -> Self {
        Self { role, hold, place: Place::Up, level: Some((false, Duration::ZERO)) }
    }

    /// The line is active or not at `now`. Call it every few milliseconds.
    pub fn look(&mut self, active: bool, now: Duration) -> Option<Control> {
        let since = match self.level {
            Some((level, since)) if level == active => since,
            _ => now,
        };
        self.level = Some((active, since));
        let quiet = now.saturating_sub(since) >= DEBOUNCE;
        match (quiet, active) {
            (true, _) => self.settled(active, since, now),
            (false, true) => self.held(now),
            (false, false) => None,
        }
    }

    /// The line is known to be active or not: a source that does not bounce.
    pub fn change(&mut self, active: bool, now: Duration) -> Option<Control> {
        self.level = Some((active, now));
        self.settled(active, now, now)
    }

    /// Time passes for a source that reports changes only.
    pub fn wait(&mut self, now: Duration) -> Option<Control> {
        self.held(now)
    }

    fn settled(&mut self, active: bool, since: Duration, now: Duration) -> Option<Control> {
        match (self.place, active) {
            (Place::Up, true) => {
                self.place = Place::Down { since, held: false };
                (self.role == Role::Acknowledge).then_some(Control::Acknowledge)
            }
            (Place::Down { held, .. }, false) => {
                self.place = Place::Up;
                (self.role == Role::Next && !held).then_some(Control::Next)
            }
            (Place::Ignored, false) => {
                self.place = Place::Up;
                None
            }
            (Place::Down { .. }, true) => self.held(now),
            (Place::Up, false) | (Place::Ignored, true) => None,
        }
    }

    fn held(&mut self, now: Duration) -> Option<Control> {
        match self.place {
            Place::Down { since, held: false } if now.saturating_sub(since) >= self.hold => {
                self.place = Place::Down { since, held: true };
                Some(Control::Service)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(2);

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Looks every 5 ms at a line that is active in `presses` (from, to in ms); what was meant, and when.
    fn played(role: Role, presses: &[(u64, u64)], until: u64) -> Vec<(Control, u64)> {
        let mut button = Button::new(role, HOLD);
        let active = |at: u64| presses.iter().any(|(from, to)| (*from..*to).contains(&at));
        (0..until).step_by(5).filter_map(|at| Some((button.look(active(at), ms(at))?, at))).collect()
    }

    #[test]
    fn a_press_counts_once_however_the_contact_bounces() {
        let bounce = [(100, 105), (110, 120), (125, 130), (135, 400), (405, 410), (415, 420)];
        assert_eq!(played(Role::Acknowledge, &bounce, 1000), [(Control::Acknowledge, 165)]);
        assert_eq!(played(Role::Next, &bounce, 1000), [(Control::Next, 450)]);
    }

    #[test]
    fn a_disturbance_shorter_than_a_contact_is_nothing() {
        let noise: Vec<(u64, u64)> = (0..40).map(|i| (200 + i * 50, 220 + i * 50)).collect();
        assert_eq!(played(Role::Acknowledge, &noise, 3000), []);
    }

    #[test]
    fn acknowledging_does_not_wait_for_the_release() {
        assert_eq!(played(Role::Acknowledge, &[(100, 900)], 1000), [(Control::Acknowledge, 130)]);
    }

    #[test]
    fn a_held_button_opens_the_service_screen_once_and_turns_no_page() {
        assert_eq!(played(Role::Next, &[(100, 9000)], 10_000), [(Control::Service, 2100)]);
        let acknowledged = played(Role::Acknowledge, &[(100, 9000)], 10_000);
        assert_eq!(acknowledged, [(Control::Acknowledge, 130), (Control::Service, 2100)]);
    }

    #[test]
    fn a_hold_is_not_broken_by_a_bounce_and_not_reached_just_before() {
        assert_eq!(played(Role::Next, &[(100, 900), (910, 9000)], 10_000), [(Control::Service, 2100)]);
        assert_eq!(played(Role::Next, &[(100, 2080)], 10_000), [(Control::Next, 2110)]);
    }

    #[test]
    fn a_button_that_is_down_at_the_start_counts_from_its_first_release_on() {
        assert_eq!(played(Role::Acknowledge, &[(0, 5000)], 6000), []);
        assert_eq!(played(Role::Acknowledge, &[(0, 500), (700, 800)], 1000), [(Control::Acknowledge, 730)]);
    }

    #[test]
    fn a_key_that_reports_its_own_changes_is_believed_at_once() {
        let mut key = Button::released(Role::Next, HOLD);
        assert_eq!(key.change(true, ms(10)), None);
        assert_eq!(key.change(false, ms(20)), Some(Control::Next));
        assert_eq!(key.change(true, ms(100)), None);
        assert_eq!(key.wait(ms(2099)), None);
        assert_eq!(key.wait(ms(2100)), Some(Control::Service));
        assert_eq!(key.change(false, ms(2500)), None);
    }
}
