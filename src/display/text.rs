//! Takes in words and an area, hands on lines that fit it: measured, set as large as they fit, wrapped, never clipped.
//!
//! Never draws; [`super::scene`] does.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale};
use embedded_graphics::mono_font::{MonoFont, ascii};

use super::area::{Area, index, round, to_i32};

static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| embedded(include_bytes!("fonts/BarlowCondensed-Bold.ttf")));
static MEDIUM: LazyLock<FontRef<'static>> =
    LazyLock::new(|| embedded(include_bytes!("fonts/BarlowSemiCondensed-Medium.ttf")));

#[expect(clippy::expect_used, reason = "the fonts are part of the program, and tests parse them")]
fn embedded(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("an embedded font is a font")
}

/// Letters of the body face reach this far above and below the baseline, in parts of the size.
const ASCENT: f32 = 0.76;
const DESCENT: f32 = 0.21;
/// Capitals of both faces.
const CAP: f32 = 0.70;
/// From baseline to baseline.
const LEADING: f32 = 1.14;

/// A typeface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// Barlow Condensed Bold: main words, numbers, labels.
    Bold,
    /// Barlow Semi Condensed Medium: sentences.
    Medium,
    /// 5 x 8 pixels; this and the following for 128 x 64.
    Pixel5,
    /// 6 x 10 pixels.
    Pixel6,
    /// 7 x 13 pixels, bold.
    Pixel7,
    /// 9 x 15 pixels, bold.
    Pixel9,
    /// 10 x 20 pixels.
    Pixel10,
}

impl Face {
    /// The pixel font, where it is one.
    pub(super) const fn pixels(self) -> Option<&'static MonoFont<'static>> {
        match self {
            Self::Bold | Self::Medium => None,
            Self::Pixel5 => Some(&ascii::FONT_5X8),
            Self::Pixel6 => Some(&ascii::FONT_6X10),
            Self::Pixel7 => Some(&ascii::FONT_7X13_BOLD),
            Self::Pixel9 => Some(&ascii::FONT_9X15_BOLD),
            Self::Pixel10 => Some(&ascii::FONT_10X20),
        }
    }

    pub(super) fn outlines(self) -> &'static FontRef<'static> {
        if matches!(self, Self::Bold) { &BOLD } else { &MEDIUM }
    }

    /// Advance of a line at a size of 1 (outlines) or in pixels (pixel fonts).
    pub(super) fn advance(self, text: &str) -> f32 {
        if let Some(font) = self.pixels() {
            return text.chars().count() as f32 * font.character_size.width as f32;
        }
        let font = self.outlines();
        let units = font.units_per_em().unwrap_or(1000.0);
        text.chars().map(|c| font.h_advance_unscaled(font.glyph_id(drawable(font, c)))).sum::<f32>() / units
    }

    /// `ab_glyph` scales by the height of a line, we by the em.
    pub(super) fn scale(self, px: f32) -> PxScale {
        let font = self.outlines();
        PxScale::from(px * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0))
    }
}

/// The character itself, or a question mark where the font has no letter for it.
pub(super) fn drawable(font: &FontRef<'_>, c: char) -> char {
    if font.glyph_id(c).0 == 0 { '?' } else { c }
}

/// Where lines stand in their area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left edge.
    Left,
    /// In the middle.
    Centre,
    /// At the right edge.
    Right,
}

/// How a text is to be set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Typeface.
    pub face: Face,
    /// Largest size in px per em.
    pub max: f32,
    /// How many lines at most.
    pub lines: usize,
    /// Horizontally.
    pub align: Align,
    /// Vertically in the middle instead of at the top.
    pub middle: bool,
}

impl Setting {
    /// One line in the middle of its area.
    pub const fn line(face: Face, max: f32) -> Self {
        Self { face, max, lines: 1, align: Align::Left, middle: true }
    }

    /// As many lines as fit, from the top.
    pub const fn block(face: Face, max: f32) -> Self {
        Self { face, max, lines: 40, align: Align::Left, middle: false }
    }

    /// Centred horizontally.
    pub const fn centred(self) -> Self {
        Self { align: Align::Centre, ..self }
    }

    /// At the right edge.
    pub const fn right(self) -> Self {
        Self { align: Align::Right, ..self }
    }

    /// In the middle vertically.
    pub const fn middle(self) -> Self {
        Self { middle: true, ..self }
    }
}

/// One line where it is to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its text.
    pub text: String,
    /// Left end of the baseline.
    pub x: f32,
    /// The baseline.
    pub baseline: i32,
}

/// A text that was fitted into an area.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Size in px per em; the height of a pixel font.
    pub px: f32,
    /// From top to bottom.
    pub lines: Vec<Line>,
    /// What the letters may touch: advance widths, and ascent to descent.
    pub bounds: Area,
}

/// Sets `text` into `area`: the largest size up to `setting.max` at which it fits in at most `setting.lines` lines.
/// Shrinks without a lower limit; tests hold that the texts of every screen stay legible.
pub fn fit(text: &str, area: Area, setting: Setting) -> Fitted {
    let words: Vec<(&str, f32)> = text.split(' ').map(|w| (w, setting.face.advance(w))).collect();
    let mut px = setting.face.pixels().map_or(setting.max.floor(), |_| 1.0);
    loop {
        let lines = wrap(&words, setting.face, area.width as f32 / px);
        let height = block_height(setting.face, px, lines.len(), is_capitals(text));
        let fits = lines.len() <= setting.lines
            && height <= area.height
            && lines.iter().all(|l| setting.face.advance(l) * px <= area.width as f32);
        if fits || px <= 4.0 {
            return place(lines, area, setting, px);
        }
        px -= if px > 40.0 { 1.0 } else { 0.5 };
    }
}

/// Width in pixels of a line at a size.
pub fn width(text: &str, face: Face, px: f32) -> i32 {
    let px = if face.pixels().is_some() { 1.0 } else { px };
    #[expect(clippy::cast_possible_truncation, reason = "screens are small")]
    let width = (face.advance(text) * px).ceil() as i32;
    width
}

/// Words longer than this may be broken anywhere: paths, keys, addresses.
const UNBREAKABLE: usize = 18;

/// Greedy: as many words a line as fit into `room` (in ems).
fn wrap(words: &[(&str, f32)], face: Face, room: f32) -> Vec<String> {
    let blank = face.advance(" ");
    let mut lines: Vec<String> = Vec::new();
    let mut filled = 0.0;
    for (word, advance) in words {
        if *advance > room && word.chars().count() > UNBREAKABLE {
            lines.extend(broken(word, face, room));
            filled = lines.last().map_or(0.0, |l| face.advance(l));
            continue;
        }
        match lines.last_mut() {
            Some(line) if filled + blank + advance <= room => {
                line.push(' ');
                line.push_str(word);
                filled += blank + advance;
            }
            _ => {
                lines.push((*word).to_owned());
                filled = *advance;
            }
        }
    }
    lines
}

/// A long word in pieces of at most `room`.
fn broken(word: &str, face: Face, room: f32) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let advance = face.advance(c.encode_utf8(&mut [0; 4]));
        match pieces.last_mut() {
            Some(piece) if piece.is_empty() || face.advance(piece) + advance <= room => piece.push(c),
            _ => pieces.push(c.into()),
        }
    }
    pieces
}

/// Capitals and digits only: such a line needs no room below its baseline.
fn is_capitals(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || " :.+·–-%?!#&".contains(c))
}

fn block_height(face: Face, px: f32, lines: usize, capitals: bool) -> i32 {
    let count = to_i32(u32::try_from(lines.max(1)).unwrap_or(u32::MAX));
    if let Some(font) = face.pixels() {
        return count * to_i32(font.character_size.height);
    }
    let (up, down) = extent(px, capitals);
    (count - 1) * round(px * LEADING) + up + down
}

/// How far letters reach above and below their baseline, in whole pixels.
fn extent(px: f32, capitals: bool) -> (i32, i32) {
    let whole = |v: f32| round((v * px).ceil());
    if capitals { (whole(CAP), whole(0.03)) } else { (whole(ASCENT), whole(DESCENT)) }
}

fn place(lines: Vec<String>, area: Area, setting: Setting, px: f32) -> Fitted {
    let capitals = lines.iter().all(|l| is_capitals(l));
    let height = block_height(setting.face, px, lines.len(), capitals);
    let top = area.y + if setting.middle { (area.height - height) / 2 } else { 0 };
    let (up, pitch) = match setting.face.pixels() {
        Some(font) => (to_i32(font.baseline), to_i32(font.character_size.height)),
        None => (extent(px, capitals).0, round(px * LEADING)),
    };
    let mut bounds = Area::default();
    let lines: Vec<Line> = (0..)
        .zip(lines)
        .map(|(i, text)| {
            let free = area.width as f32 - setting.face.advance(&text) * px;
            let x = area.x as f32
                + match setting.align {
                    Align::Left => 0.0,
                    Align::Centre => (free / 2.0).floor(),
                    Align::Right => free.floor(),
                };
            let line = Area::new(round(x.floor()), top, width(&text, setting.face, px), height);
            bounds = bounds.union(&line);
            Line { text, x, baseline: top + up + i * pitch }
        })
        .collect();
    let px = setting.face.pixels().map_or(px, |f| f.character_size.height as f32);
    debug_assert!(index(bounds.height) < usize::MAX);
    Fitted { px, lines, bounds }
}
