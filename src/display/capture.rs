//! A picture of the best slice with its box and with words around it, for an archive: takes in picture and words, hands on a
//! frame. Nothing is written over the slice but the box.
//!
//! Never shows an identity: the words are the caller's, and the picture is the networks' input.

use embedded_graphics::geometry::Size;
use embedded_graphics::pixelcolor::Rgb888;

use super::alarm::{BLACK, NIGHT, PANEL, Pair, RED, SLATE, SOFT, WHITE, YELLOW};
use super::area::{Area, round};
use super::picture;
use super::scene::Scene;
use super::shape::{Shape, slab};
use super::text::{Face, Setting};
use super::{Frame, Picture};

/// Rows and columns of the picture.
pub const SIDE: u32 = 512;
const HEADLINE: i32 = 44;
const FOOT: i32 = 68;

/// What a capture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture<'a> {
    /// One line over the slice.
    pub headline: &'a str,
    /// A suspicion stands: the line is white on red.
    pub suspected: bool,
    /// The slice; without one, `instead` stands in its place.
    pub picture: Option<&'a Picture>,
    /// In the place of a picture.
    pub instead: &'a str,
    /// Below.
    pub foot: &'a str,
}

/// Draws it.
pub fn capture(what: &Capture<'_>) -> Frame {
    let mut scene = Scene::default();
    let mut rest = Area::of(Size::new(SIDE, SIDE));
    scene.fill(rest, NIGHT);
    headline(&mut scene, rest.cut_top(HEADLINE), what.headline, if what.suspected { RED } else { SLATE });
    foot(&mut scene, rest.cut_bottom(FOOT), what.foot);
    match what.picture {
        Some(shown) => slice(&mut scene, shown, rest.square()),
        None => {
            let card = rest.inset(40, 60);
            scene.fill(card, PANEL);
            let setting = Setting::block(Face::Medium, 26.0).centred().middle();
            scene.text(what.instead, card.inset(14, 14), setting, Pair { ink: WHITE, paper: PANEL });
        }
    }
    painted(&scene, SIDE)
}

/// What stands above and below a picture of a suspicion that is [`SIDE`] columns wide and drawn by others.
pub fn around_suspicion(words_above: &str, words_below: &str) -> [Frame; 2] {
    let (mut above, mut below) = (Scene::default(), Scene::default());
    let [head, feet] = [HEADLINE, FOOT].map(i32::unsigned_abs);
    headline(&mut above, Area::of(Size::new(SIDE, head)), words_above, RED);
    below.fill(Area::of(Size::new(SIDE, feet)), NIGHT);
    foot(&mut below, Area::of(Size::new(SIDE, feet)), words_below);
    [painted(&above, head), painted(&below, feet)]
}

fn painted(scene: &Scene, rows: u32) -> Frame {
    let mut frame = Frame::new(Size::new(SIDE, rows));
    scene.paint(&mut frame, Area::of(Size::new(SIDE, rows)));
    frame
}

fn headline(scene: &mut Scene, area: Area, words: &str, paper: Rgb888) {
    scene.fill(area, paper);
    scene.text(words, area.inset(10, 4), Setting::line(Face::Bold, 34.0).centred(), Pair { ink: WHITE, paper });
}

fn foot(scene: &mut Scene, area: Area, words: &str) {
    let setting = Setting { lines: 3, ..Setting::line(Face::Medium, 17.0).centred() };
    scene.text(words, area.inset(10, 5), setting, Pair { ink: SOFT, paper: NIGHT });
}

/// The slice with its box: yellow with a dark edge, so that it stands out on bone as well as on air.
fn slice(scene: &mut Scene, shown: &Picture, area: Area) {
    scene.picture(area, shown);
    let [x, y, width, height] = picture::mark(area, shown);
    let (left, top) = (round(x - 2.0), round(y - 2.0));
    let around = Area::new(left, top, round(x + width + 2.0) - left, round(y + height + 2.0) - top).intersection(&area);
    scene.shape(Shape::outlined(slab(around.inset(-1, -1).intersection(&area), 2.0), 4.0), BLACK);
    scene.shape(Shape::outlined(slab(around, 2.0), 2.0), YELLOW);
}
