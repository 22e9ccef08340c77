//! Whole-pixel rectangles that are cut into smaller ones: the arithmetic of every layout. Pure.
//!
//! Never yields a negative extent: cutting more than there is leaves an empty area.

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;

/// A rectangle in pixels; `width` and `height` are never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Area {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Extent to the right.
    pub width: i32,
    /// Extent downwards.
    pub height: i32,
}

impl Area {
    /// Negative extents become 0.
    pub const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self { x, y, width: if width > 0 { width } else { 0 }, height: if height > 0 { height } else { 0 } }
    }

    /// All of a panel.
    pub fn of(size: Size) -> Self {
        Self::new(0, 0, to_i32(size.width), to_i32(size.height))
    }

    /// First column to the right of it.
    pub const fn right(&self) -> i32 {
        self.x + self.width
    }

    /// First row below it.
    pub const fn bottom(&self) -> i32 {
        self.y + self.height
    }

    /// True where there is nothing to draw on.
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Cuts `n` rows off the top.
    pub fn cut_top(&mut self, n: i32) -> Self {
        let n = n.clamp(0, self.height);
        let cut = Self::new(self.x, self.y, self.width, n);
        *self = Self::new(self.x, self.y + n, self.width, self.height - n);
        cut
    }

    /// Cuts `n` rows off the bottom.
    pub fn cut_bottom(&mut self, n: i32) -> Self {
        let n = n.clamp(0, self.height);
        self.height -= n;
        Self::new(self.x, self.bottom(), self.width, n)
    }

    /// Cuts `n` columns off the left.
    pub fn cut_left(&mut self, n: i32) -> Self {
        let n = n.clamp(0, self.width);
        let cut = Self::new(self.x, self.y, n, self.height);
        *self = Self::new(self.x + n, self.y, self.width - n, self.height);
        cut
    }

    /// Cuts `n` columns off the right.
    pub fn cut_right(&mut self, n: i32) -> Self {
        let n = n.clamp(0, self.width);
        self.width -= n;
        Self::new(self.right(), self.y, n, self.height)
    }

    /// Smaller by `dx` on the left and right, by `dy` above and below.
    pub const fn inset(&self, dx: i32, dy: i32) -> Self {
        Self::new(self.x + dx, self.y + dy, self.width - 2 * dx, self.height - 2 * dy)
    }

    /// The largest square in its middle.
    pub fn square(&self) -> Self {
        let side = self.width.min(self.height);
        Self::new(self.x + (self.width - side) / 2, self.y + (self.height - side) / 2, side, side)
    }

    /// `count` areas of the same height, `gap` apart, from top to bottom.
    pub fn rows(&self, count: i32, gap: i32) -> Vec<Self> {
        let count = count.max(1);
        let edge = |i: i32| (self.height + gap) * i / count;
        (0..count).map(|i| Self::new(self.x, self.y + edge(i), self.width, edge(i + 1) - edge(i) - gap)).collect()
    }

    /// What both share.
    pub fn intersection(&self, other: &Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        Self::new(x, y, self.right().min(other.right()) - x, self.bottom().min(other.bottom()) - y)
    }

    /// The smallest area that holds both; an empty one holds nothing.
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self::new(x, y, self.right().max(other.right()) - x, self.bottom().max(other.bottom()) - y)
    }

    /// True where `other` lies inside.
    pub fn holds(&self, other: &Self) -> bool {
        other.is_empty() || self.intersection(other) == *other
    }
}

impl From<Area> for Rectangle {
    fn from(area: Area) -> Self {
        let extent = |n: i32| u32::try_from(n).unwrap_or(0);
        Self::new(Point::new(area.x, area.y), Size::new(extent(area.width), extent(area.height)))
    }
}

impl From<Rectangle> for Area {
    fn from(r: Rectangle) -> Self {
        Self::new(r.top_left.x, r.top_left.y, to_i32(r.size.width), to_i32(r.size.height))
    }
}

/// Pixels as signed numbers; no panel is wider than `i32::MAX`.
pub fn to_i32(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// To the nearest whole pixel; screens are far smaller than what an `i32` holds.
#[expect(clippy::cast_possible_truncation, reason = "saturates, and coordinates of a screen are small")]
pub fn round(v: f32) -> i32 {
    v.round() as i32
}

/// As an index: negative values become 0.
pub fn index(n: i32) -> usize {
    usize::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_and_what_is_left_tile_the_whole() {
        let mut rest = Area::new(0, 0, 320, 240);
        let (top, left) = (rest.cut_top(50), rest.cut_left(30));
        assert_eq!((top.height, left.height, rest), (50, 190, Area::new(30, 50, 290, 190)));
    }

    #[test]
    fn cutting_more_than_there_is_leaves_nothing_rather_than_less_than_nothing() {
        let mut rest = Area::new(0, 0, 10, 10);
        assert_eq!(rest.cut_bottom(99).height, 10);
        assert!(rest.is_empty());
    }

    #[test]
    fn rows_fill_an_area_to_its_last_pixel() {
        let rows = Area::new(0, 3, 10, 100).rows(3, 2);
        assert_eq!(rows.last().map(Area::bottom), Some(103));
        assert!(rows.windows(2).all(|pair| pair[1].y - pair[0].bottom() == 2));
    }
}
