//! Takes in the device's state at a time, hands frames to a surface when something on them has changed.
//!
//! Never draws what has not changed: an idle screen costs a small mark once a second.

use std::io;
use std::time::Duration;

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point};
use embedded_graphics::image::Image;
use embedded_graphics::pixelcolor::Rgb888;

use super::scene::Scene;
use super::{DeviceState, Frame, Panel, Screen, Surface, compose, decide};

/// A shared surface shows what somebody else drew on it for no longer than this.
const ANEW: Duration = Duration::from_secs(2);

/// One surface and what it shows.
pub struct Display {
    panel: Panel,
    surface: Box<dyn Surface + Send>,
    frame: Frame,
    shown: Option<Scene>,
    whole_at: Duration,
}

impl Display {
    /// A surface that shows nothing yet.
    pub fn new(panel: Panel, surface: Box<dyn Surface + Send>) -> Self {
        Self { panel, surface, frame: Frame::new(panel.size), shown: None, whole_at: Duration::ZERO }
    }

    /// The screen that the state calls for at `now`.
    pub fn decide(state: &DeviceState, now: Duration) -> Screen<'_> {
        decide(state, now)
    }

    /// Shows what the state calls for at `now`, if that differs from what is shown.
    /// Call it again after [`Self::next_change`], or when the state has changed.
    ///
    /// # Errors
    /// When the surface could not show it. The next call tries again with all of it.
    pub fn tick(&mut self, state: &DeviceState, now: Duration) -> io::Result<()> {
        let scene = compose(self.panel, &decide(state, now), state, now);
        let changed = match &self.shown {
            Some(shown) => scene.changed_since(shown, self.panel.size),
            None => super::area::Area::of(self.panel.size),
        };
        if !changed.is_empty() {
            scene.texts().for_each(|text| tracing::trace!(words = text.words(), "drawn"));
            scene.paint(&mut self.frame, changed);
            self.frame.set_meaning(scene.meaning());
            self.shown = Some(scene);
        }
        if self.surface.is_shared() && now.saturating_sub(self.whole_at) >= ANEW {
            self.frame.mark_lost();
            self.whole_at = now;
        }
        if !self.frame.dirty().is_empty() {
            self.surface.show(&self.frame).inspect_err(|_| self.frame.mark_lost())?;
            self.frame.mark_shown();
        }
        Ok(())
    }

    /// How long after `now` something on the screen changes by itself: a flash, the clock, an age, a turn. At most a second.
    pub fn next_change(state: &DeviceState, now: Duration) -> Duration {
        let second = Duration::from_secs(1) - Duration::from_nanos(u64::from(now.subsec_nanos()));
        decide(state, now).alarm().next_change(now).map_or(second, |flash| flash.min(second))
    }
}

/// Draws a screen onto any embedded-graphics target of the panel's size.
///
/// # Errors
/// What the target says.
pub fn render<D: DrawTarget<Color = Rgb888>>(
    target: &mut D,
    panel: Panel,
    screen: &Screen<'_>,
    state: &DeviceState,
    now: Duration,
) -> Result<(), D::Error> {
    Image::new(&draw(panel, screen, state, now), Point::zero()).draw(target)
}

/// Draws a screen into a new frame.
pub fn draw(panel: Panel, screen: &Screen<'_>, state: &DeviceState, now: Duration) -> Frame {
    let scene = compose(panel, screen, state, now);
    let mut frame = Frame::new(panel.size);
    scene.paint(&mut frame, super::area::Area::of(panel.size));
    frame.set_meaning(scene.meaning());
    debug_assert_eq!(frame.size(), panel.size);
    frame
}
