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

/// Width that the drawing takes at a height, with its labels.
pub(super) fn width(height: i32) -> i32 {
    round(height as f32 / 7.0 * WIDTH)
}

/// In heights of a level: a label, from there to the middle of the outer bodies, and from there to the tip of C7.
const LABEL: f32 = 1.5;
const TO_BODY: f32 = 1.15;
const REACH: f32 = 2.75;
const WIDTH: f32 = LABEL + TO_BODY + REACH;

/// Draws the seven levels with their names, from the left and in the middle of the height of `area`.
pub(super) fn draw(scene: &mut Scene, area: Area, marks: [Mark; 7]) {
    let pitch = (area.height as f32 / 7.0).min(area.width as f32 / WIDTH);
    let top = area.y + round((area.height as f32 - pitch * 7.0) / 2.0);
    let column = Column { x: area.x as f32 + pitch * (LABEL + TO_BODY), y: top as f32, pitch };
    let edge = |i: u8| top + round(pitch * f32::from(i));
    for ((i, level), mark) in (0_u8..).zip(Level::ALL).zip(marks) {
        let (shapes, colour) = column.vertebra(i, mark);
        scene.shapes(shapes, colour);
        if mark == Mark::Suspected {
            scene.shapes(column.crack(i), WHITE);
        }
        let name = Area::new(area.x, edge(i), round(pitch * LABEL), edge(i + 1) - edge(i));
        label(scene, name, level, mark, pitch);
    }
}

fn label(scene: &mut Scene, area: Area, level: Level, mark: Mark, pitch: f32) {
    let pair = match mark {
        Mark::Awaited => Pair { ink: SOFT, paper: NIGHT },
        Mark::Seen => Pair { ink: WHITE, paper: NIGHT },
        Mark::Missing => Pair { ink: YELLOW, paper: NIGHT },
        Mark::Suspected => {
            let tag = Area { height: area.height - 1, ..area };
            scene.shape(Shape::filled(slab(tag, pitch * 0.16)), RED);
            Pair { ink: WHITE, paper: RED }
        }
    };
    let name = if mark == Mark::Missing { format!("{}?", level.name()) } else { level.name().to_owned() };
    scene.text(&name, area, Setting::line(Face::Bold, pitch * 0.92).centred(), pair);
}

/// Seven vertebrae in a gentle curve, bodies to the left, spinous processes to the right.
struct Column {
    /// Where the middles of the first and last body lie.
    x: f32,
    y: f32,
    /// Height of a level with its disc.
    pitch: f32,
}

impl Column {
    fn vertebra(&self, i: u8, mark: Mark) -> (Vec<Shape>, Rgb888) {
        let forms = match i {
            0 => self.atlas(),
            1 => self.axis(),
            _ => vec![self.body(i), self.pillar(i), self.process(i)],
        };
        let line = (self.pitch * 0.08).max(1.1);
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

    /// A place in level `i`: backwards and downwards from the middle of its body in heights of a level, turned with the curve.
    fn at(&self, i: u8, back: f32, down: f32) -> Place {
        const BEND: f32 = 0.42;
        let t = (f32::from(i) + 0.5) / 7.0 * std::f32::consts::PI;
        let slope = -BEND * std::f32::consts::PI / 7.0 * t.cos();
        let scale = self.pitch / slope.hypot(1.0);
        let middle = [self.x - BEND * self.pitch * t.sin(), self.y + self.pitch * (f32::from(i) + 0.5)];
        [middle[0] + (back + slope * down) * scale, middle[1] + (down - slope * back) * scale]
    }

    fn polygon(&self, i: u8, corners: &[Place], round: f32) -> Form {
        let corners = corners.iter().map(|[back, down]| self.at(i, *back, *down)).collect();
        Form::Polygon { corners, round: self.pitch * round }
    }

    /// Nearly a box, waisted in front and behind.
    fn body(&self, i: u8) -> Form {
        let corners = [
            [-0.50, -0.27],
            [0.0, -0.23],
            [0.48, -0.27],
            [0.42, 0.0],
            [0.50, 0.28],
            [0.0, 0.25],
            [-0.54, 0.28],
            [-0.44, 0.0],
        ];
        self.polygon(i, &corners, 0.09)
    }

    /// The joint behind the body: a slanting lozenge.
    fn pillar(&self, i: u8) -> Form {
        self.polygon(i, &[[0.76, -0.36], [1.02, -0.20], [1.08, 0.30], [0.82, 0.14]], 0.08)
    }

    /// The spinous process, longest at C7.
    fn process(&self, i: u8) -> Form {
        let tip = if i == 6 { 2.62 } else { 1.90 + 0.06 * f32::from(i) };
        self.polygon(i, &[[1.34, -0.10], [1.50, -0.12], [tip, 0.26], [tip - 0.06, 0.42], [1.36, 0.14]], 0.09)
    }

    /// A ring without a body: its front arch, its side and its back arch.
    fn atlas(&self) -> Vec<Form> {
        vec![
            self.polygon(0, &[[-0.44, -0.06], [-0.36, -0.10], [-0.36, 0.26], [-0.46, 0.22]], 0.11),
            self.polygon(0, &[[0.66, -0.14], [0.98, -0.16], [1.02, 0.20], [0.70, 0.22]], 0.09),
            self.polygon(0, &[[1.36, -0.02], [1.76, -0.08], [1.80, 0.16], [1.38, 0.12]], 0.09),
        ]
    }

    /// A body with the dens that reaches up behind the front arch of the atlas.
    fn axis(&self) -> Vec<Form> {
        let body = [
            [-0.44, -0.22],
            [-0.16, -0.36],
            [-0.10, -0.92],
            [0.04, -1.06],
            [0.20, -0.92],
            [0.22, -0.36],
            [0.46, -0.24],
            [0.44, 0.02],
            [0.50, 0.28],
            [0.0, 0.25],
            [-0.54, 0.28],
            [-0.42, 0.0],
        ];
        vec![
            self.polygon(1, &body, 0.09),
            self.polygon(1, &[[0.74, -0.34], [1.02, -0.22], [1.08, 0.30], [0.82, 0.14]], 0.08),
            self.polygon(1, &[[1.34, -0.22], [1.60, -0.30], [2.16, 0.12], [2.12, 0.40], [1.36, 0.14]], 0.09),
        ]
    }

    /// The crack that runs through a suspected level.
    fn crack(&self, i: u8) -> Vec<Shape> {
        let width = (self.pitch * 0.09).max(1.2);
        let path: &[Place] = match i {
            0 => &[[0.80, -0.34], [0.92, -0.02], [0.76, 0.04], [0.88, 0.40]],
            _ => &[[0.16, -0.46], [-0.12, -0.06], [0.14, 0.04], [-0.14, 0.46]],
        };
        let at = |p: &Place| self.at(i, p[0], p[1]);
        path.windows(2).map(|w| Shape::filled(Form::Stroke { from: at(&w[0]), to: at(&w[1]), width })).collect()
    }
}
