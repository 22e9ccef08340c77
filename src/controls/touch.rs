//! A touch screen: takes in where a finger is and whether it touches, hands on what was meant. Pure.
//!
//! The right third of the picture turns the page, all else acknowledges; a finger that stays opens the service screen. What
//! counts is where it came down.

use std::time::Duration;

use super::button::{Button, Role};
use crate::display::Control;

/// Degrees clockwise by which the axes are turned against the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation(pub u16);

impl Rotation {
    /// From the axes of the device to those of the picture; both run from 0 to 1, right and down.
    fn turn(self, [x, y]: [f32; 2]) -> [f32; 2] {
        match self.0 {
            90 => [1.0 - y, x],
            180 => [1.0 - x, 1.0 - y],
            270 => [y, 1.0 - x],
            _ => [x, y],
        }
    }
}

/// From here on to the right a touch turns the page.
const NEXT_FROM: f32 = 2.0 / 3.0;

/// A touch screen and where the finger is.
#[derive(Clone, Debug)]
pub struct Touch {
    rotation: Rotation,
    ranges: [(i32, i32); 2],
    at: [i32; 2],
    acknowledge: Button,
    next: Button,
    down: Option<Role>,
}

impl Touch {
    /// A screen whose axes run from the first to the second number of `ranges`.
    pub const fn new(rotation: Rotation, ranges: [(i32, i32); 2], hold: Duration) -> Self {
        Self {
            rotation,
            ranges,
            at: [0, 0],
            acknowledge: Button::released(Role::Acknowledge, hold),
            next: Button::released(Role::Next, hold),
            down: None,
        }
    }

    /// The finger is there on one axis: 0 across, 1 down.
    pub fn moved(&mut self, axis: usize, to: i32) {
        if let Some(at) = self.at.get_mut(axis) {
            *at = to;
        }
    }

    /// The finger came down, or went up.
    pub fn touched(&mut self, down: bool, now: Duration) -> Option<Control> {
        let role = if down { self.role() } else { self.down? };
        self.down = down.then_some(role);
        self.button(role).change(down, now)
    }

    /// Time passes.
    pub fn wait(&mut self, now: Duration) -> Option<Control> {
        let role = self.down?;
        self.button(role).wait(now)
    }

    const fn button(&mut self, role: Role) -> &mut Button {
        match role {
            Role::Acknowledge => &mut self.acknowledge,
            Role::Next => &mut self.next,
        }
    }

    fn role(&self) -> Role {
        let part = |axis: usize| {
            let (least, most) = self.ranges[axis];
            let part = self.at[axis].saturating_sub(least) as f32 / most.saturating_sub(least).max(1) as f32;
            part.clamp(0.0, 1.0)
        };
        let [x, _] = self.rotation.turn([part(0), part(1)]);
        if x >= NEXT_FROM { Role::Next } else { Role::Acknowledge }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    fn tapped(rotation: u16, at: [i32; 2]) -> Vec<Control> {
        let mut touch = Touch::new(Rotation(rotation), [(0, 4095), (0, 4095)], Duration::from_secs(2));
        touch.moved(0, at[0]);
        touch.moved(1, at[1]);
        let down = touch.touched(true, NOW);
        down.into_iter().chain(touch.touched(false, NOW + Duration::from_millis(90))).collect()
    }

    #[test]
    fn the_right_third_turns_the_page_and_the_rest_acknowledges_whichever_way_the_panel_hangs() {
        let (left, right) = ([400, 2000], [3900, 2000]);
        let turned = |[x, y]: [i32; 2], rotation: u16| match rotation {
            90 => [y, 4095 - x],
            180 => [4095 - x, 4095 - y],
            270 => [4095 - y, x],
            _ => [x, y],
        };
        for rotation in [0, 90, 180, 270] {
            assert_eq!(tapped(rotation, turned(left, rotation)), [Control::Acknowledge], "{rotation}");
            assert_eq!(tapped(rotation, turned(right, rotation)), [Control::Next], "{rotation}");
        }
    }

    #[test]
    fn a_finger_that_slides_means_what_it_meant_where_it_came_down() {
        let mut touch = Touch::new(Rotation(0), [(0, 319), (0, 239)], Duration::from_secs(2));
        touch.moved(0, 300);
        assert_eq!(touch.touched(true, NOW), None);
        touch.moved(0, 10);
        assert_eq!(touch.touched(false, NOW + Duration::from_millis(300)), Some(Control::Next));
    }

    #[test]
    fn a_finger_that_stays_opens_the_service_screen() {
        let mut touch = Touch::new(Rotation(0), [(0, 319), (0, 239)], Duration::from_secs(2));
        touch.moved(0, 300);
        touch.touched(true, NOW);
        assert_eq!(touch.wait(NOW + Duration::from_millis(1999)), None);
        assert_eq!(touch.wait(NOW + Duration::from_secs(2)), Some(Control::Service));
        assert_eq!(touch.touched(false, NOW + Duration::from_secs(3)), None);
    }

    #[test]
    fn a_screen_that_reports_no_range_does_not_divide_by_nothing() {
        let mut touch = Touch::new(Rotation(90), [(0, 0), (7, 7)], Duration::from_secs(2));
        assert_eq!(touch.touched(true, NOW), None);
        assert_eq!(touch.touched(false, NOW), Some(Control::Next));
    }
}
