//! A picture in memory that is drawn into: takes in pixels, hands on rows and what has changed.
//!
//! Never talks to hardware; a [`super::Surface`] does. Any embedded-graphics drawable can be drawn into it, and it can
//! be drawn onto any RGB panel itself, one `fill_contiguous` per changed area.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Dimensions, OriginDimensions, Point, Size};
use embedded_graphics::image::ImageDrawable;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::Rectangle;

use super::area::{Area, index};

/// `width * height` pixels, 24 bits each.
#[derive(Clone, Debug)]
pub struct Frame {
    size: Size,
    pixels: Vec<[u8; 3]>,
    clip: Area,
    dirty: Area,
    meaning: u64,
}

impl Frame {
    /// A black picture; all of it counts as changed.
    pub fn new(size: Size) -> Self {
        let whole = Area::of(size);
        let pixels = vec![[0; 3]; index(whole.width) * index(whole.height)];
        Self { size, pixels, clip: whole, dirty: whole, meaning: 0 }
    }

    /// What has changed since [`Self::mark_shown`]; empty when nothing has.
    pub const fn dirty(&self) -> Area {
        self.dirty
    }

    /// The surface has it: nothing counts as changed any more.
    pub fn mark_shown(&mut self) {
        self.dirty = Area::default();
    }

    /// The surface may have lost it: all of it counts as changed.
    pub fn mark_lost(&mut self) {
        self.dirty = Area::of(self.size);
    }

    /// A number that changes when what the picture says changes: not with a clock, an age or a flash.
    pub const fn meaning(&self) -> u64 {
        self.meaning
    }

    pub(super) const fn set_meaning(&mut self, meaning: u64) {
        self.meaning = meaning;
    }

    /// Drawing outside `area` has no effect until the next call.
    pub(super) fn set_clip(&mut self, area: Area) {
        self.clip = area.intersection(&Area::of(self.size));
    }

    /// One row of pixels, red, green, blue. Empty below the picture.
    pub fn row(&self, y: i32) -> &[[u8; 3]] {
        let width = index(Area::of(self.size).width);
        let start = index(y) * width;
        self.pixels.get(start..start + width).unwrap_or_default()
    }

    /// The pixel at a place; black outside.
    pub fn pixel(&self, x: i32, y: i32) -> [u8; 3] {
        self.row(y).get(index(x)).copied().unwrap_or_default()
    }

    /// The pixels of an area, row by row, red, green, blue; what lies outside the picture is left out.
    pub fn pixels_in(&self, area: Area) -> impl Iterator<Item = [u8; 3]> {
        let part = area.intersection(&Area::of(self.size));
        (part.y..part.bottom()).flat_map(move |y| &self.row(y)[index(part.x)..index(part.right())]).copied()
    }

    /// All pixels, row by row, three bytes each.
    pub fn bytes(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    /// Fills an area with one colour.
    pub(super) fn fill(&mut self, area: Area, colour: Rgb888) {
        let area = area.intersection(&self.clip);
        let value = [colour.r(), colour.g(), colour.b()];
        for y in area.y..area.bottom() {
            self.span(y, area.x, area.right()).fill(value);
        }
        self.dirty = self.dirty.union(&area);
    }

    /// Lays a colour over one row from `x` on, as opaque as `cover` says (0 to 1) pixel by pixel.
    pub(super) fn cover_row(&mut self, y: i32, x: i32, colour: Rgb888, cover: &mut dyn FnMut(i32) -> f32, width: i32) {
        let row = Area::new(x, y, width, 1).intersection(&self.clip);
        if row.is_empty() {
            return;
        }
        let ink = [colour.r(), colour.g(), colour.b()];
        let from = row.x;
        for (at, pixel) in (from..).zip(self.span(y, from, row.right()).iter_mut()) {
            let alpha = cover(at);
            if alpha > 0.0 {
                *pixel = mix(*pixel, ink, alpha);
            }
        }
        self.dirty = self.dirty.union(&row);
    }

    fn span(&mut self, y: i32, from: i32, to: i32) -> &mut [[u8; 3]] {
        let start = index(y) * index(Area::of(self.size).width);
        if to <= from || y < 0 {
            return &mut [];
        }
        self.pixels.get_mut(start + index(from)..start + index(to)).unwrap_or_default()
    }
}

/// `over` laid on `under`, as opaque as `alpha` (0 to 1) says.
fn mix(under: [u8; 3], over: [u8; 3], alpha: f32) -> [u8; 3] {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 256")]
    let a = (alpha.min(1.0) * 256.0) as u32;
    let one = |u: u8, o: u8| u8::try_from((u32::from(u) * (256 - a) + u32::from(o) * a) >> 8).unwrap_or(u8::MAX);
    [one(under[0], over[0]), one(under[1], over[1]), one(under[2], over[2])]
}

impl OriginDimensions for Frame {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Frame {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            self.fill(Area::new(x, y, 1, 1), colour);
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Rgb888) -> Result<(), Infallible> {
        self.fill(Area::from(*area), colour);
        Ok(())
    }
}

impl ImageDrawable for Frame {
    type Color = Rgb888;

    fn draw<D: DrawTarget<Color = Rgb888>>(&self, target: &mut D) -> Result<(), D::Error> {
        self.draw_sub_image(target, &self.bounding_box())
    }

    fn draw_sub_image<D: DrawTarget<Color = Rgb888>>(&self, target: &mut D, area: &Rectangle) -> Result<(), D::Error> {
        let part = Area::from(*area).intersection(&Area::of(self.size));
        let pixels = self.pixels_in(part).map(|[r, g, b]| Rgb888::new(r, g, b));
        target.fill_contiguous(&Rectangle::new(Point::zero(), Rectangle::from(part).size), pixels)
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::Drawable;
    use embedded_graphics::image::{Image, ImageDrawableExt};
    use embedded_graphics::prelude::{Primitive, WebColors};
    use embedded_graphics::primitives::{Circle, PrimitiveStyle};

    use super::*;

    #[test]
    fn only_what_was_drawn_counts_as_changed() {
        let mut frame = Frame::new(Size::new(64, 64));
        frame.mark_shown();
        let circle = Circle::new(Point::new(10, 20), 8).into_styled(PrimitiveStyle::with_fill(Rgb888::CSS_GOLD));
        let Ok(()) = circle.draw(&mut frame);
        assert!(Area::new(10, 20, 8, 8).holds(&frame.dirty()) && !frame.dirty().is_empty());
    }

    #[test]
    fn drawing_outside_the_clip_has_no_effect() {
        let mut frame = Frame::new(Size::new(8, 8));
        frame.set_clip(Area::new(2, 2, 2, 2));
        frame.fill(Area::new(-5, -5, 50, 50), Rgb888::WHITE);
        assert_eq!(frame.bytes().iter().filter(|b| **b == 255).count(), 4 * 3);
    }

    #[test]
    fn a_frame_is_drawn_onto_another_target_as_it_is() {
        let mut frame = Frame::new(Size::new(6, 4));
        frame.fill(Area::new(1, 1, 2, 2), Rgb888::CSS_TEAL);
        let mut panel = Frame::new(Size::new(6, 4));
        let Ok(()) = Image::new(&frame, Point::zero()).draw(&mut panel);
        assert_eq!(panel.bytes(), frame.bytes());
        let part = frame.sub_image(&Rectangle::new(Point::new(1, 1), Size::new(2, 2)));
        let Ok(()) = Image::new(&part, Point::new(4, 2)).draw(&mut panel);
        assert_eq!(panel.pixel(5, 3), frame.pixel(1, 1));
    }
}
