//! Takes in words and an area, hands on lines that fit it: measured, set as large as they fit, wrapped, never clipped.
//!
//! Never draws; [`super::scene`] does.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale};
use embedded_graphics::mono_font::{MonoFont, ascii};

use super::area::{Area, round, to_i32};

static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| embedded(include_bytes!("fonts/BarlowCondensed-Bold.ttf")));
static MEDIUM: LazyLock<FontRef<'static>> =
    LazyLock::new(|| embedded(include_bytes!("fonts/BarlowSemiCondensed-Medium.ttf")));

#[expect(clippy::expect_used, reason = "the fonts are part of the program, and tests parse them")]
fn embedded(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("an embedded font is a font")
}

/// How far letters reach above and below the baseline, and from baseline to baseline, in parts of the size.
#[derive(Clone, Copy, PartialEq)]
struct Reach {
    up: f32,
    down: f32,
    leading: f32,
}

/// Capitals and digits only: no room is needed below the baseline but for the overshoot of round letters.
const CAPITALS: Reach = Reach { up: 0.70, down: 0.015, leading: 0.86 };
/// Sentences.
const SENTENCE: Reach = Reach { up: 0.76, down: 0.21, leading: 1.14 };
/// Sentences with letters outside ASCII, such as an accented capital.
const ACCENTED: Reach = Reach { up: 0.96, down: 0.24, leading: 1.24 };

impl Reach {
    fn of(text: &str) -> Self {
        let capital = |c: char| (c.is_ascii_uppercase() && c != 'Q') || c.is_ascii_digit() || " :.+·–-%?!&".contains(c);
        if text.chars().all(capital) {
            CAPITALS
        } else if text.chars().all(|c| c.is_ascii() || "·–…’".contains(c)) {
            SENTENCE
        } else {
            ACCENTED
        }
    }

    /// Rows above the baseline, rows below it, rows from baseline to baseline.
    fn rows(self, px: f32) -> (i32, i32, i32) {
        let whole = |v: f32| round((v * px).ceil());
        (whole(self.up), whole(self.down), round(self.leading * px))
    }
}

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

    /// Rows of a line of a pixel font; 1 for an outline font.
    pub(super) fn height(self) -> i32 {
        self.pixels().map_or(1, |font| to_i32(font.character_size.height))
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
        let height = block_height(rows(setting.face, px, text), lines.len());
        let fits = lines.len() <= setting.lines
            && height <= area.height
            && lines.iter().all(|l| setting.face.advance(l) * px <= area.width as f32);
        if fits || px <= 4.0 {
            let lines = balanced(&words, setting.face, lines, area.width as f32 / px);
            return place(text, lines, area, setting, px);
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

/// The same number of lines, as even in length as they can be: no lone word at the end.
fn balanced(words: &[(&str, f32)], face: Face, mut lines: Vec<String>, mut room: f32) -> Vec<String> {
    while lines.len() > 1 && words.iter().all(|(_, advance)| *advance < room * 0.97) {
        room *= 0.97;
        let narrower = wrap(words, face, room);
        if narrower.len() > lines.len() {
            break;
        }
        lines = narrower;
    }
    lines
}

/// The lines of a text in a pixel font, or in ems of an outline one.
pub(super) fn wrapped(text: &str, face: Face, room: i32) -> Vec<String> {
    let words: Vec<(&str, f32)> = text.split(' ').map(|w| (w, face.advance(w))).collect();
    wrap(&words, face, room as f32)
}

/// A long word in pieces of at most `room`, broken behind a separator where there is one in the second half of a piece.
fn broken(word: &str, face: Face, room: f32) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for c in word.chars() {
        if !piece.is_empty() && face.advance(&piece) + face.advance(c.encode_utf8(&mut [0; 4])) > room {
            let separator = piece.rfind(['/', '-', '_', '.', ',', ':']).map(|at| at + 1);
            let cut = separator.filter(|at| at * 2 > piece.len()).unwrap_or(piece.len());
            let rest = piece.split_off(cut);
            pieces.push(std::mem::replace(&mut piece, rest));
        }
        piece.push(c);
    }
    pieces.push(piece);
    pieces
}

/// Rows above the first baseline, rows below the last one, rows from baseline to baseline.
fn rows(face: Face, px: f32, text: &str) -> (i32, i32, i32) {
    match face.pixels() {
        Some(font) => {
            let (height, up) = (to_i32(font.character_size.height), to_i32(font.baseline));
            (up, height - up, height)
        }
        None => Reach::of(text).rows(px),
    }
}

fn block_height((up, down, pitch): (i32, i32, i32), lines: usize) -> i32 {
    up + down + pitch * (i32::try_from(lines).unwrap_or(i32::MAX) - 1).max(0)
}

fn place(text: &str, lines: Vec<String>, area: Area, setting: Setting, px: f32) -> Fitted {
    let (up, down, pitch) = rows(setting.face, px, text);
    let height = block_height((up, down, pitch), lines.len());
    let top = area.y + if setting.middle { (area.height - height) / 2 } else { 0 };
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
    Fitted { px, lines, bounds }
}
