//! A screen as a list of things to draw: what the layouts hand on, what tests inspect, what is painted into a frame.
//!
//! Never knows which screen it is. Two scenes can be compared, so that only what differs is painted again.

use std::hash::{DefaultHasher, Hash, Hasher};

use ab_glyph::{Font, Glyph, point};
use embedded_graphics::Drawable;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::text::{Baseline, Text as PixelText};

use super::alarm::Pair;
use super::area::{Area, round};
use super::shape::Shape;
use super::text::{Face, Fitted, Setting, drawable, fit};
use super::{Frame, Picture};

/// Text in its area.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// What it must not leave.
    pub area: Area,
    /// Typeface.
    pub face: Face,
    /// Lines and size.
    pub fitted: Fitted,
    /// Letters and ground. The ground is not painted; tests hold that it is there.
    pub pair: Pair,
    /// Moves without a change of meaning: a clock, an age, a count.
    pub moving: bool,
}

impl Text {
    /// All its lines as one.
    pub fn words(&self) -> String {
        self.fitted.lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// An area of one colour.
    Fill(Area, Rgb888),
    /// A smooth shape.
    Shape(Shape, Rgb888),
    /// Letters.
    Text(Text),
    /// A grey picture, scaled to the area.
    Picture(Area, Picture),
}

/// What a screen consists of, from back to front.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    elements: Vec<Element>,
}

impl Scene {
    /// Everything, from back to front.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// All texts.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.elements.iter().filter_map(|e| if let Element::Text(text) = e { Some(text) } else { None })
    }

    /// Fills an area.
    pub(super) fn fill(&mut self, area: Area, colour: Rgb888) {
        self.elements.push(Element::Fill(area, colour));
    }

    /// Draws a shape.
    pub(super) fn shape(&mut self, shape: Shape, colour: Rgb888) {
        self.elements.push(Element::Shape(shape, colour));
    }

    /// Draws several shapes in one colour.
    pub(super) fn shapes(&mut self, shapes: impl IntoIterator<Item = Shape>, colour: Rgb888) {
        self.elements.extend(shapes.into_iter().map(|s| Element::Shape(s, colour)));
    }

    /// Draws a picture.
    pub(super) fn picture(&mut self, area: Area, picture: &Picture) {
        self.elements.push(Element::Picture(area, picture.clone()));
    }

    /// Sets a text into an area; hands back what it covers.
    pub(super) fn text(&mut self, text: &str, area: Area, setting: Setting, pair: Pair) -> Area {
        self.set(text, area, setting, pair, false)
    }

    /// As [`Self::text`], for words that move without a change of meaning.
    pub(super) fn moving_text(&mut self, text: &str, area: Area, setting: Setting, pair: Pair) -> Area {
        self.set(text, area, setting, pair, true)
    }

    fn set(&mut self, text: &str, area: Area, setting: Setting, pair: Pair, moving: bool) -> Area {
        let fitted = fit(text, area, setting);
        let bounds = fitted.bounds;
        self.elements.push(Element::Text(Text { area, face: setting.face, fitted, pair, moving }));
        bounds
    }

    /// A number that changes with what the screen says: its words, and which picture it shows.
    pub fn meaning(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for element in &self.elements {
            match element {
                Element::Text(text) if !text.moving => text.words().hash(&mut hasher),
                Element::Picture(area, picture) => (area, &picture.grey, picture.slice).hash(&mut hasher),
                _ => {}
            }
        }
        hasher.finish()
    }

    /// The area in which this scene differs from another one.
    pub fn changed_since(&self, other: &Self, size: Size) -> Area {
        if self.elements.len() != other.elements.len() {
            return Area::of(size);
        }
        let pairs = self.elements.iter().zip(&other.elements).filter(|(new, old)| new != old);
        pairs.fold(Area::default(), |area, (new, old)| area.union(&new.bounds()).union(&old.bounds()))
    }

    /// Paints what lies within `area` into a frame.
    pub fn paint(&self, frame: &mut Frame, area: Area) {
        frame.set_clip(area);
        for element in &self.elements {
            if !element.bounds().intersection(&area).is_empty() {
                element.paint(frame);
            }
        }
    }
}

impl Element {
    /// Pixels that it may touch.
    pub fn bounds(&self) -> Area {
        match self {
            Self::Fill(area, _) | Self::Picture(area, _) => *area,
            Self::Shape(shape, _) => shape.bounds(),
            Self::Text(text) => {
                let b = text.fitted.bounds;
                Area::new(b.x - 2, b.y - 2, b.width + 4, b.height + 4)
            }
        }
    }

    fn paint(&self, frame: &mut Frame) {
        match self {
            Self::Fill(area, colour) => frame.fill(*area, *colour),
            Self::Shape(shape, colour) => paint_shape(frame, shape, *colour),
            Self::Text(text) => paint_text(frame, text),
            Self::Picture(area, picture) => super::picture::paint(frame, *area, picture),
        }
    }
}

fn paint_shape(frame: &mut Frame, shape: &Shape, colour: Rgb888) {
    let (b, core) = (shape.bounds(), shape.core());
    frame.fill(core, colour);
    for y in (b.y..b.bottom()).filter(|y| !(core.y..core.bottom()).contains(y)) {
        let mut cover = |x: i32| shape.cover([x as f32 + 0.5, y as f32 + 0.5]);
        frame.cover_row(y, b.x, colour, &mut cover, b.width);
    }
}

fn paint_text(frame: &mut Frame, text: &Text) {
    for line in &text.fitted.lines {
        match text.face.pixels() {
            Some(font) => {
                let style = MonoTextStyle::new(font, text.pair.ink);
                let at = Point::new(round(line.x), line.baseline);
                let Ok(_) = PixelText::with_baseline(&line.text, at, style, Baseline::Alphabetic).draw(frame);
            }
            None => paint_outlines(frame, text, &line.text, line.x, line.baseline),
        }
    }
}

fn paint_outlines(frame: &mut Frame, text: &Text, line: &str, x: f32, baseline: i32) {
    let font = text.face.outlines();
    let scale = text.face.scale(text.fitted.px);
    let per_unit = text.fitted.px / font.units_per_em().unwrap_or(1000.0);
    let mut pen = x;
    for c in line.chars() {
        let id = font.glyph_id(drawable(font, c));
        let glyph = Glyph { id, scale, position: point(pen, baseline as f32) };
        pen += font.h_advance_unscaled(id) * per_unit;
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        let (left, top) = (round(bounds.min.x), round(bounds.min.y));
        let (width, height) = (round(bounds.width()), round(bounds.height()));
        let mut cover = vec![0.0_f32; usize::try_from(width * height).unwrap_or(0)];
        let columns = u32::try_from(width).unwrap_or(0);
        outline.draw(|gx, gy, c| {
            let at = usize::try_from(gy * columns + gx).unwrap_or(usize::MAX);
            if let Some(cell) = cover.get_mut(at) {
                *cell = c;
            }
        });
        for row in 0..height {
            let cells = &cover[super::area::index(row * width)..];
            let mut at = |px: i32| cells[super::area::index(px - left)];
            frame.cover_row(top + row, left, text.pair.ink, &mut at, width);
        }
    }
}
