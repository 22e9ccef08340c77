//! The cervical spine from the side: takes in how each level stands, hands on shapes and labels.
//!
//! Never tells a level by colour alone: what is suspected carries a tag and a crack, what is missing is hollow and asks.

use embedded_graphics::pixelcolor::Rgb888;

use super::alarm::{LINE, NIGHT, Pair, RED, SOFT, WHITE, YELLOW};
use super::area::{Area, round};
use super::scene::Scene;
use super::shape::{Form, Place, Shape, slab};
use super::text::{Face, Setting};
use crate::triage::Level;

const BONE: Rgb888 = Rgb888::new(0xDC, 0xD6, 0xC8);

/// How a level stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// No slice has shown it yet.
    #[default]
    Awaited,
    /// Slices have shown it.
    Seen,
    /// A fracture is suspected.
    Suspected,
    /// The study ended without it.
    Missing,
}

/// How the levels stand in a study: `seen`, and `suspected` above all; `ended` makes the rest missing.
pub fn marks(seen: &[Level], suspected: &[Level], ended: bool) -> [Mark; 7] {
    Level::ALL.map(|level| match (suspected.contains(&level), seen.contains(&level), ended) {
        (true, _, _) => Mark::Suspected,
        (_, true, _) => Mark::Seen,
        (_, _, true) => Mark::Missing,
        _ => Mark::Awaited,
    })
}

/// Draws the seven levels with their names.
pub(super) fn draw(scene: &mut Scene, area: Area, marks: [Mark; 7]) {
    let pitch = area.height as f32 / 7.0;
    let label = round(pitch * 1.5).min(area.width / 3);
    let mut rest = area;
    let labels = rest.cut_left(label);
    let width = (rest.width as f32).min(pitch * 4.2);
    let column = Column { x: rest.x as f32, y: rest.y as f32, width, pitch };
    for ((i, level), mark) in (0_u8..).zip(Level::ALL).zip(marks) {
        let (shapes, colour) = column.vertebra(i, mark);
        scene.shapes(shapes, colour);
        if mark == Mark::Suspected {
            scene.shapes(column.crack(i), WHITE);
        }
        let top = area.y + round(pitch * f32::from(i));
        let name = Area::new(labels.x, top, labels.width - 2, area.y + round(pitch * (f32::from(i) + 1.0)) - top);
        draw_label(scene, name, level, mark, pitch);
    }
}

fn draw_label(scene: &mut Scene, area: Area, level: Level, mark: Mark, pitch: f32) {
    let setting = Setting::line(Face::Bold, pitch * 0.86).centred();
    let pair = match mark {
        Mark::Awaited => Pair { ink: SOFT, paper: NIGHT },
        Mark::Seen => Pair { ink: WHITE, paper: NIGHT },
        Mark::Missing => Pair { ink: YELLOW, paper: NIGHT },
        Mark::Suspected => {
            scene.shape(Shape::filled(slab(area.inset(0, 0), pitch * 0.2)), RED);
            Pair { ink: WHITE, paper: RED }
        }
    };
    let name = if mark == Mark::Missing { format!("{}?", level.name()) } else { level.name().to_owned() };
    scene.text(&name, area.inset(1, 0), setting, pair);
}

/// Seven vertebrae in a gentle curve, bodies to the left, spinous processes to the right.
struct Column {
    x: f32,
    y: f32,
    width: f32,
    pitch: f32,
}

impl Column {
    fn vertebra(&self, i: u8, mark: Mark) -> (Vec<Shape>, Rgb888) {
        let forms = match i {
            0 => self.atlas(),
            1 => self.axis(),
            _ => vec![self.body(i, 0.0), self.process(i)],
        };
        let line = (self.pitch * 0.09).max(1.2);
        let shape = |form| match mark {
            Mark::Seen | Mark::Suspected => Shape::filled(form),
            Mark::Awaited | Mark::Missing => Shape::outlined(form, line),
        };
        let colour = match mark {
            Mark::Awaited => LINE,
            Mark::Seen => BONE,
            Mark::Suspected => RED,
            Mark::Missing => YELLOW,
        };
        (forms.into_iter().map(shape).collect(), colour)
    }

    /// A place beside the middle of level `i`, in parts of the width and of the pitch, turned with the curve.
    fn at(&self, i: u8, across: f32, down: f32) -> Place {
        let t = (f32::from(i) + 0.5) / 7.0;
        let lordosis = 0.10 * (t * std::f32::consts::PI).sin();
        let tilt = -0.22 * (t * std::f32::consts::PI).cos();
        let (dx, dy) = (across * self.width, down * self.pitch);
        [
            self.x + self.width * (0.30 - lordosis) + dx - dy * tilt,
            self.y + self.pitch * (f32::from(i) + 0.5) + dy + dx * tilt * 0.6,
        ]
    }

    fn polygon(&self, i: u8, corners: &[Place]) -> Form {
        let round = self.pitch * 0.09;
        Form::Polygon { corners: corners.iter().map(|[x, y]| self.at(i, *x, *y)).collect(), round }
    }

    fn body(&self, i: u8, above: f32) -> Form {
        self.polygon(i, &[[-0.17, -0.29 + above], [0.15, -0.29 + above], [0.17, 0.29], [-0.19, 0.29]])
    }

    fn process(&self, i: u8) -> Form {
        let length = if i == 6 { 0.64 } else { 0.50 + 0.015 * f32::from(i) };
        self.polygon(i, &[[0.27, -0.22], [0.34, -0.22], [length, 0.12], [length, 0.34], [0.27, 0.14]])
    }

    /// A ring without a body: its front and back arch.
    fn atlas(&self) -> Vec<Form> {
        vec![
            self.polygon(0, &[[-0.19, -0.16], [-0.12, -0.16], [-0.12, 0.18], [-0.19, 0.18]]),
            self.polygon(0, &[[0.27, -0.10], [0.40, -0.14], [0.46, 0.10], [0.27, 0.14]]),
        ]
    }

    /// A body with the dens that reaches up behind the atlas.
    fn axis(&self) -> Vec<Form> {
        let body = [
            [-0.17, -0.29],
            [-0.06, -0.36],
            [-0.05, -1.12],
            [0.07, -1.12],
            [0.09, -0.36],
            [0.15, -0.29],
            [0.17, 0.29],
            [-0.19, 0.29],
        ];
        vec![
            self.polygon(1, &body),
            self.polygon(1, &[[0.27, -0.26], [0.36, -0.30], [0.56, 0.06], [0.56, 0.36], [0.27, 0.16]]),
        ]
    }

    /// The crack that runs through a suspected level.
    fn crack(&self, i: u8) -> Vec<Shape> {
        let width = (self.pitch * 0.1).max(1.3);
        let path: &[Place] = match i {
            0 => &[[0.36, -0.3], [0.32, -0.02], [0.37, 0.04], [0.33, 0.3]],
            _ => &[[0.04, -0.42], [-0.04, -0.08], [0.05, 0.06], [-0.03, 0.42]],
        };
        let at = |p: &Place| self.at(i, p[0], p[1]);
        path.windows(2).map(|w| Shape::filled(Form::Stroke { from: at(&w[0]), to: at(&w[1]), width })).collect()
    }
}
