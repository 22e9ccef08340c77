//! A true-colour terminal: takes in frames, writes upper half blocks, two pixels a character; for people without hardware.
//!
//! Redraws in place and only the lines that have changed. Leaves the terminal as it was when dropped.

use std::fmt::Write as _;
use std::io::{self, Write};

use embedded_graphics::geometry::{OriginDimensions, Size};

use super::Surface;
use crate::display::Frame;
use crate::display::area::{Area, index};

/// Frames as characters on `out`.
pub struct Terminal<W: Write> {
    out: W,
    size: Size,
    columns: i32,
    rows: i32,
    lines: Vec<String>,
}

impl<W: Write> Terminal<W> {
    /// Shows frames of the size `wish` where the terminal has a pixel for each of theirs, two to a character; frames of its
    /// own, smaller size otherwise: see [`Surface::size`]. Switches to the alternate screen and hides the cursor.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, wish: Size, columns: u16, rows: u16) -> io::Result<Self> {
        out.write_all(b"\x1b[?1049h\x1b[?25l\x1b[2J")?;
        let size = fitting(wish, u32::from(columns.max(1)), u32::from(rows.max(1)));
        let whole = Area::of(size);
        let (columns, rows) = (i32::from(columns).max(1), i32::from(rows).max(1));
        let width = whole.width.min(columns).min(rows * 2 * whole.width / whole.height.max(1)).max(1);
        let rows = (width * whole.height / whole.width.max(1) + 1) / 2;
        Ok(Self { out, size, columns: width, rows, lines: Vec::new() })
    }

    /// The mean colour of the part of the frame that one half block stands for.
    fn half_block(&self, frame: &Frame, column: i32, half: i32) -> [u8; 3] {
        let whole = Area::of(self.size);
        let edge = |i: i32, of: i32, length: i32| i * length / of.max(1);
        let (x0, x1) = (edge(column, self.columns, whole.width), edge(column + 1, self.columns, whole.width));
        let halves = whole.height * self.columns / whole.width.max(1);
        let (y0, y1) = (edge(half, halves, whole.height), edge(half + 1, halves, whole.height));
        let mut sum = [0_u32; 3];
        let mut count = 0;
        for y in y0..y1.max(y0 + 1) {
            for [r, g, b] in frame.row(y).get(index(x0)..index(x1.max(x0 + 1))).unwrap_or_default() {
                sum = [sum[0] + u32::from(*r), sum[1] + u32::from(*g), sum[2] + u32::from(*b)];
                count += 1;
            }
        }
        sum.map(|s| u8::try_from(s / count.max(1)).unwrap_or(u8::MAX))
    }

    fn line(&self, frame: &Frame, row: i32) -> String {
        let mut line = String::new();
        let mut last = None;
        for column in 0..self.columns {
            let (upper, lower) = (self.half_block(frame, column, row * 2), self.half_block(frame, column, row * 2 + 1));
            if last != Some((upper, lower)) {
                let ([r, g, b], [br, bg, bb]) = (upper, lower);
                let _ = write!(line, "\x1b[38;2;{r};{g};{b};48;2;{br};{bg};{bb}m");
                last = Some((upper, lower));
            }
            line.push('▀');
        }
        line.push_str("\x1b[0m");
        line
    }
}

/// The wish, or what the compact layout makes of the room; a terminal below 80 x 24 gets that picture scaled down.
fn fitting(wish: Size, columns: u32, rows: u32) -> Size {
    if columns >= wish.width && rows * 2 >= wish.height {
        return wish;
    }
    Size::new(columns.clamp(80, 160), (rows * 2).clamp(48, 96))
}

impl<W: Write> Surface for Terminal<W> {
    fn size(&self) -> Size {
        self.size
    }

    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        if frame.size() != self.size {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a frame of another size"));
        }
        let lines: Vec<String> = (0..self.rows).map(|row| self.line(frame, row)).collect();
        let mut text = String::new();
        for (i, line) in lines.iter().enumerate() {
            if self.lines.get(i) != Some(line) {
                let _ = write!(text, "\x1b[{};1H{line}", i + 1);
            }
        }
        self.lines.clear(); // after an error everything is written again
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        self.lines = lines;
        Ok(())
    }
}

impl<W: Write> Drop for Terminal<W> {
    fn drop(&mut self) {
        let _ = self.out.write_all(b"\x1b[0m\x1b[?25h\x1b[?1049l");
        let _ = self.out.flush();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use embedded_graphics::pixelcolor::Rgb888;
    use embedded_graphics::prelude::{DrawTarget, Point, WebColors};
    use embedded_graphics::primitives::Rectangle;

    use super::*;

    fn shown(terminal: &mut Terminal<Vec<u8>>, frame: &Frame) -> String {
        terminal.out.clear();
        terminal.show(frame).unwrap();
        String::from_utf8(terminal.out.clone()).unwrap()
    }

    #[test]
    fn only_lines_that_changed_are_written_again() {
        let mut terminal = Terminal::new(Vec::new(), Size::new(100, 50), 100, 30).unwrap();
        let mut frame = Frame::new(terminal.size());
        assert_eq!(shown(&mut terminal, &frame).matches('H').count(), 25);
        assert_eq!(shown(&mut terminal, &frame), "");
        let Ok(()) = frame.fill_solid(&Rectangle::new(Point::new(3, 10), Size::new(4, 2)), Rgb888::CSS_CYAN);
        let text = shown(&mut terminal, &frame);
        assert!(text.starts_with("\x1b[6;1H") && text.matches('H').count() == 1, "{text:?}");
        assert!(text.contains("38;2;0;255;255"));
    }

    #[test]
    fn a_small_terminal_gets_a_layout_of_its_own_and_no_line_is_too_long() {
        for (columns, rows) in [(80, 24), (120, 40), (40, 10), (1, 1), (320, 120)] {
            let mut terminal = Terminal::new(Vec::new(), Size::new(320, 240), columns, rows).unwrap();
            let frame = Frame::new(terminal.size());
            let text = shown(&mut terminal, &frame);
            let lines: Vec<usize> = text.split('H').skip(1).map(|l| l.matches('\u{2580}').count()).collect();
            assert!(
                lines.len() <= usize::from(rows) && lines.iter().all(|l| *l <= usize::from(columns)),
                "{columns} x {rows}"
            );
        }
        assert_eq!(fitting(Size::new(320, 240), 320, 120), Size::new(320, 240));
        assert_eq!(fitting(Size::new(320, 240), 80, 24), Size::new(80, 48));
    }

    #[test]
    fn the_terminal_is_left_as_it_was() {
        let mut kept = Vec::new();
        drop(Terminal::new(&mut kept, Size::new(100, 50), 100, 30).unwrap());
        let text = String::from_utf8(kept).unwrap();
        for (on, off) in [("[?1049h", "[?1049l"), ("[?25l", "[?25h")] {
            assert!(text.find(on).unwrap() < text.find(off).unwrap());
        }
    }
}
