//! The shapes that stand for states: each has its own outline, so that none is known by its colour alone. Pure.
//!
//! Never a tick: nothing on this device clears a study.

use super::Fault;
use super::alarm::Pair;
use super::area::Area;
use super::scene::Scene;
use super::shape::{Form, Place, Shape};
use crate::triage::Verdict;

/// What a shape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A filled triangle with an exclamation mark: suspected.
    Alert,
    /// A disc of which one half is missing: partly analysed.
    Half,
    /// A struck-out square: not analysed.
    StruckOut,
    /// An open eye: none suspected, look yourself.
    Eye,
    /// A cross: failed.
    Cross,
    /// A clock.
    Clock,
    /// A folder that is struck out: the share.
    Folder,
    /// An antenna that is struck out: the broker.
    Antenna,
    /// A stack of discs: disk and database.
    Disk,
    /// A chip: the model, the accelerator.
    Chip,
    /// A sheet: files.
    Sheet,
    /// An open padlock: identifiers in clear.
    Padlock,
}

impl Icon {
    /// The shape of a verdict.
    pub const fn of_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Suspected => Self::Alert,
            Verdict::NoneSuspected => Self::Eye,
            Verdict::PartlyAnalysed { .. } => Self::Half,
            Verdict::NotAnalysed { .. } => Self::StruckOut,
        }
    }

    /// The shape of a fault.
    pub const fn of_fault(fault: &Fault) -> Self {
        match fault {
            Fault::ModelRefused { .. }
            | Fault::AcceleratorFault { .. }
            | Fault::ModelReplaced { .. }
            | Fault::ControlsFault { .. } => Self::Chip,
            Fault::DiskFull { .. } | Fault::StateInMemory | Fault::RecordsReset | Fault::ResultsNotWritten { .. } => {
                Self::Disk
            }
            Fault::ShareLost { .. } => Self::Folder,
            Fault::BrokerOffline { .. } | Fault::MessagesRefused { .. } | Fault::AcksRefused { .. } => Self::Antenna,
            Fault::FilesRefused { .. } => Self::Sheet,
            Fault::UpdateFailed { .. } | Fault::UpdateRefused { .. } => Self::Cross,
            Fault::ClockUntrusted => Self::Clock,
            Fault::CertificateUnusable { .. } | Fault::CertificateExpires { .. } | Fault::IdentifiersInClear => {
                Self::Padlock
            }
        }
    }

    /// Draws it as large as `area` allows.
    pub(super) fn draw(self, scene: &mut Scene, area: Area, pair: Pair) {
        let square = area.square();
        let pen = Pen { x: square.x as f32, y: square.y as f32, side: square.width as f32 };
        let (ink, cut) = pen.shapes(self);
        scene.shapes(ink, pair.ink);
        scene.shapes(cut, pair.paper);
    }
}

/// Draws in a unit square.
struct Pen {
    x: f32,
    y: f32,
    side: f32,
}

impl Pen {
    /// What is drawn in ink, and what is then cut out of it.
    fn shapes(&self, icon: Icon) -> (Vec<Shape>, Vec<Shape>) {
        match icon {
            Icon::Alert => (
                vec![self.polygon(&[[0.5, 0.14], [0.92, 0.86], [0.08, 0.86]], 0.06)],
                vec![
                    self.polygon(&[[0.46, 0.38], [0.54, 0.38], [0.52, 0.60], [0.48, 0.60]], 0.02),
                    self.disc([0.5, 0.73], 0.055),
                ],
            ),
            Icon::Half => (vec![self.ring([0.5, 0.5], 0.42, 0.09), self.arc_fill()], Vec::new()),
            Icon::StruckOut => {
                (vec![self.frame([0.12, 0.12], [0.88, 0.88], 0.09), self.line([0.2, 0.8], [0.8, 0.2], 0.1)], Vec::new())
            }
            Icon::Eye => (self.eye(), Vec::new()),
            Icon::Cross => {
                (vec![self.line([0.2, 0.2], [0.8, 0.8], 0.17), self.line([0.8, 0.2], [0.2, 0.8], 0.17)], Vec::new())
            }
            Icon::Clock => (
                vec![
                    self.ring([0.5, 0.5], 0.43, 0.09),
                    self.line([0.5, 0.5], [0.5, 0.25], 0.09),
                    self.line([0.5, 0.5], [0.68, 0.58], 0.09),
                ],
                Vec::new(),
            ),
            Icon::Folder => self.folder(),
            Icon::Antenna => self.antenna(),
            Icon::Disk => (self.disk(), Vec::new()),
            Icon::Chip => self.chip(),
            Icon::Sheet => self.sheet(),
            Icon::Padlock => self.padlock(),
        }
    }

    fn eye(&self) -> Vec<Shape> {
        let lid = |y: f32, turns: [f32; 2]| self.arc([0.5, y], 0.56, turns, 0.09);
        vec![lid(0.86, [-0.135, 0.135]), lid(0.14, [0.365, 0.635]), self.disc([0.5, 0.5], 0.15)]
    }

    fn folder(&self) -> (Vec<Shape>, Vec<Shape>) {
        let body = self.polygon(&[[0.1, 0.24], [0.4, 0.24], [0.48, 0.34], [0.9, 0.34], [0.9, 0.8], [0.1, 0.8]], 0.03);
        (vec![body, self.line([0.1, 0.94], [0.9, 0.1], 0.08)], vec![self.line([0.14, 1.02], [1.0, 0.12], 0.06)])
    }

    fn antenna(&self) -> (Vec<Shape>, Vec<Shape>) {
        let wave = |r: f32, turns: [f32; 2]| self.arc([0.5, 0.38], r, turns, 0.08);
        let ink = vec![
            self.disc([0.5, 0.38], 0.1),
            self.line([0.5, 0.45], [0.5, 0.9], 0.09),
            wave(0.25, [0.13, 0.37]),
            wave(0.25, [0.63, 0.87]),
            wave(0.42, [0.14, 0.36]),
            wave(0.42, [0.64, 0.86]),
            self.line([0.12, 0.9], [0.88, 0.08], 0.08),
        ];
        (ink, vec![self.line([0.18, 0.96], [0.96, 0.12], 0.05)])
    }

    fn disk(&self) -> Vec<Shape> {
        [0.22, 0.5, 0.78]
            .iter()
            .map(|y| self.polygon(&[[0.2, y - 0.06], [0.8, y - 0.06], [0.8, y + 0.06], [0.2, y + 0.06]], 0.05))
            .collect()
    }

    fn chip(&self) -> (Vec<Shape>, Vec<Shape>) {
        let mut ink = vec![self.polygon(&[[0.27, 0.27], [0.73, 0.27], [0.73, 0.73], [0.27, 0.73]], 0.05)];
        for at in [0.34, 0.5, 0.66] {
            ink.push(self.line([at, 0.1], [at, 0.9], 0.07));
            ink.push(self.line([0.1, at], [0.9, at], 0.07));
        }
        (ink, vec![self.line([0.39, 0.39], [0.61, 0.61], 0.09), self.line([0.61, 0.39], [0.39, 0.61], 0.09)])
    }

    fn sheet(&self) -> (Vec<Shape>, Vec<Shape>) {
        let page = self.polygon(&[[0.24, 0.12], [0.6, 0.12], [0.78, 0.3], [0.78, 0.88], [0.24, 0.88]], 0.04);
        (vec![page], vec![self.line([0.38, 0.46], [0.64, 0.72], 0.09), self.line([0.64, 0.46], [0.38, 0.72], 0.09)])
    }

    fn padlock(&self) -> (Vec<Shape>, Vec<Shape>) {
        let body = self.polygon(&[[0.22, 0.5], [0.78, 0.5], [0.78, 0.86], [0.22, 0.86]], 0.05);
        let shackle = self.arc([0.5, 0.34], 0.19, [-0.25, 0.25], 0.09);
        (vec![body, shackle, self.line([0.31, 0.34], [0.31, 0.48], 0.09)], vec![self.disc([0.5, 0.68], 0.07)])
    }

    fn at(&self, p: Place) -> Place {
        [self.x + p[0] * self.side, self.y + p[1] * self.side]
    }

    fn disc(&self, centre: Place, radius: f32) -> Shape {
        Shape::filled(Form::Disc { centre: self.at(centre), radius: radius * self.side })
    }

    fn ring(&self, centre: Place, radius: f32, width: f32) -> Shape {
        Shape::outlined(Form::Disc { centre: self.at(centre), radius: radius * self.side }, width * self.side)
    }

    fn line(&self, from: Place, to: Place, width: f32) -> Shape {
        Shape::filled(Form::Stroke { from: self.at(from), to: self.at(to), width: width * self.side })
    }

    fn arc(&self, centre: Place, radius: f32, turns: [f32; 2], width: f32) -> Shape {
        let (centre, radius) = (self.at(centre), radius * self.side);
        Shape::filled(Form::Arc { centre, radius, turns, width: width * self.side })
    }

    fn polygon(&self, corners: &[Place], round: f32) -> Shape {
        let corners = corners.iter().map(|c| self.at(*c)).collect();
        Shape::filled(Form::Polygon { corners, round: round * self.side })
    }

    fn frame(&self, from: Place, to: Place, width: f32) -> Shape {
        let corners = [from, [to[0], from[1]], to, [from[0], to[1]]].iter().map(|c| self.at(*c)).collect();
        Shape::outlined(Form::Polygon { corners, round: 0.02 * self.side }, width * self.side)
    }

    /// The left half of the disc of [`Icon::Half`].
    fn arc_fill(&self) -> Shape {
        let points = (0..=16_u8).map(|i| {
            let turn = 0.5 + f32::from(i) / 32.0;
            let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
            [0.5 + 0.4 * sin, 0.5 - 0.4 * cos]
        });
        self.polygon(&points.collect::<Vec<_>>(), 0.0)
    }
}
