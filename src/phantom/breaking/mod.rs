//! Where a vertebra breaks, and where the pieces go: from a named pattern to fragments.
//!
//! One file for each region of the vertebra. Difficulty 0 is a wide gap with pieces moved by up to 5 mm and turned;
//! 1 is a hair line of 0.4 mm, nothing moved, often only through part of the section.

mod arch;
mod atlas;
mod axis;
mod body;
mod processes;

use std::cell::RefCell;

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::fracture::{Fracture, FractureKind};
use super::geometry::{Frame, Vec3, mix, v};
use super::solid::{Fragment, Plane};
use super::vertebra::Measures;

/// Half space `normal . p < normal . through`.
fn behind(normal: Vec3, through: Vec3) -> Plane {
    let n = normal.unit();
    (n, n.dot(through))
}

/// The half space on the inner side of `x`, seen from the midline.
fn within_side(side: f32, x: f32) -> Plane {
    behind(v(side, 0.0, 0.0), v(side * x, 0.0, 0.0))
}

/// The half space on the outer side of `x`, seen from the midline.
fn beyond_side(side: f32, x: f32) -> Plane {
    behind(v(-side, 0.0, 0.0), v(side * x, 0.0, 0.0))
}

/// A difficulty from which on a break may be incomplete.
const INCOMPLETE_FROM: f32 = 0.7;

/// Draws fragments for one fracture.
struct Breaker<'a> {
    // Shared so that a draw can stand among the arguments of `piece`.
    rng: RefCell<&'a mut Xoshiro256PlusPlus>,
    difficulty: f32,
}

impl Breaker<'_> {
    fn within(&self, low: f32, high: f32) -> f32 {
        self.rng.borrow_mut().random_range(low..=high)
    }

    fn side(&self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    fn chance(&self, rate: f64) -> bool {
        self.rng.borrow_mut().random_bool(rate)
    }

    fn seed(&self) -> u32 {
        self.rng.borrow_mut().random()
    }

    /// How far displacement has gone: 1 at difficulty 0, 0 at 1, faster than straight.
    fn loose(&self) -> f32 {
        (1.0 - self.difficulty).max(0.0).powf(1.4)
    }

    /// A piece inside `planes` that broke off at `at`, the middle of its first plane, and drifted along `way`;
    /// `far` stretches the usual 5 mm.
    fn piece(&self, at: Vec3, planes: Vec<Plane>, way: Vec3, far: f32) -> Fragment {
        let incomplete = f64::from(((self.difficulty - INCOMPLETE_FROM) / (1.0 - INCOMPLETE_FROM)).clamp(0.0, 1.0));
        let end = if self.chance(0.5 * incomplete) { self.end(at, &planes) } else { None };
        let still = if end.is_some() { 0.0 } else { 1.0 };
        let shift = 5.0 * self.loose() * self.within(0.8, 1.15) * far * still;
        let turn = 0.13 * self.loose() * still;
        let angle = || self.within(-turn, turn);
        let moved = Frame::new(way.unit() * shift, angle(), angle(), angle());
        Fragment { planes, moved, pivot: at, gap: self.lost(1.2), end, seed: self.seed() }
    }

    /// A break that gapes on one side and holds beyond `end`: nothing moves, up to 2.6 mm are lost.
    fn split(&self, at: Vec3, planes: Vec<Plane>, end: Plane) -> Fragment {
        let moved = Frame::new(v(0.0, 0.0, 0.0), 0.0, 0.0, 0.0);
        Fragment { planes, moved, pivot: at, gap: self.lost(2.6), end: Some(end), seed: self.seed() }
    }

    /// A piece driven into its neighbour along `way`: a dense band instead of a gap.
    fn impacted(&self, at: Vec3, planes: Vec<Plane>, way: Vec3, far: f32) -> Fragment {
        let shift = mix(0.8, 4.5, self.loose()) * self.within(0.85, 1.15) * far;
        let turn = 0.1 * self.loose();
        let moved = Frame::new(way.unit() * shift, self.within(0.0, turn), self.within(-turn, turn) * 0.5, 0.0);
        Fragment { planes, moved, pivot: at, gap: 0.0, end: None, seed: self.seed() }
    }

    /// What is lost along the line: `wide` mm down to a hair line.
    fn lost(&self, wide: f32) -> f32 {
        mix(0.42, wide, self.loose()) * self.within(0.9, 1.15)
    }

    /// A place across the first plane where an incomplete break stops.
    fn end(&self, at: Vec3, planes: &[Plane]) -> Option<Plane> {
        let (n, _) = planes.first()?;
        let any = v(self.within(-1.0, 1.0), self.within(-1.0, 1.0), self.within(-0.6, 0.6));
        let along = any - *n * any.dot(*n);
        (along.length() > 0.2).then(|| behind(along, at + along.unit() * self.within(0.5, 4.0)))
    }
}

/// The pieces of a vertebra with the measures `m`.
pub(super) fn fragments(fracture: &Fracture, m: &Measures, rng: &mut Xoshiro256PlusPlus) -> Vec<Fragment> {
    let b = &Breaker { rng: RefCell::new(rng), difficulty: fracture.difficulty };
    match fracture.kind {
        FractureKind::Jefferson => atlas::jefferson(b, m),
        FractureKind::AtlasArch => vec![atlas::arch(b, m)],
        FractureKind::LateralMass => vec![atlas::lateral_mass(b, m)],
        FractureKind::DensType1 => vec![axis::tip(b, m)],
        FractureKind::DensType2 => vec![axis::base(b, m)],
        FractureKind::DensType3 => vec![axis::into_the_body(b, m)],
        FractureKind::Hangman => vec![axis::hangman(b, m)],
        FractureKind::Burst => body::burst(b, m),
        FractureKind::Wedge => body::wedge(b, m),
        FractureKind::Teardrop => vec![body::teardrop(b, m, fracture.level)],
        FractureKind::ExtensionTeardrop => vec![body::extension_teardrop(b, m, fracture.level)],
        FractureKind::Lamina => vec![arch::lamina(b, m)],
        FractureKind::Pedicle => vec![arch::pedicle(b, m)],
        FractureKind::ArticularMass => vec![arch::articular_mass(b, m)],
        FractureKind::Facet => vec![arch::facet(b, m, fracture.level)],
        FractureKind::Spinous => vec![processes::spinous(b, m)],
        FractureKind::Transverse => vec![processes::transverse(b, m, fracture.level)],
    }
}
