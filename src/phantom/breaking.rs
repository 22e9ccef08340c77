//! Where a vertebra breaks, and where the pieces go: from a named pattern to fragments.

use std::cell::RefCell;

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::fracture::{Fracture, FractureKind};
use super::geometry::{Frame, Vec3, mix, v};
use super::solid::Fragment;
use super::vertebra::Measures;

/// Half space `normal . p < normal . through`.
fn behind(normal: Vec3, through: Vec3) -> (Vec3, f32) {
    let n = normal.unit();
    (n, n.dot(through))
}

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
        if self.rng.borrow_mut().random::<bool>() { 1.0 } else { -1.0 }
    }

    /// A piece inside `planes` that drifted along `way`; `far` stretches the usual 1.2 to 4.5 mm.
    fn piece(&self, planes: Vec<(Vec3, f32)>, pivot: Vec3, way: Vec3, far: f32) -> Fragment {
        let shift = mix(4.2, 1.2, self.difficulty) * self.within(0.85, 1.2) * far;
        let turn = mix(0.10, 0.02, self.difficulty);
        let angle = || self.rng.borrow_mut().random_range(-turn..=turn);
        let moved = Frame::new(way.unit() * shift, angle(), angle(), angle());
        let gap = mix(2.2, 0.8, self.difficulty) * self.within(0.85, 1.25);
        Fragment { planes, moved, pivot, gap, seed: self.rng.borrow_mut().random() }
    }
}

/// The pieces of a vertebra with the measures `m`, and what is left of its height in front (1 when nothing is lost).
pub(super) fn fragments(fracture: &Fracture, m: &Measures, rng: &mut Xoshiro256PlusPlus) -> (Vec<Fragment>, f32) {
    let breaker = Breaker { rng: RefCell::new(rng), difficulty: fracture.difficulty };
    let b = &breaker;
    let pieces = match fracture.kind {
        FractureKind::Jefferson => jefferson(b, m),
        FractureKind::Dens => vec![dens(b, m)],
        FractureKind::Hangman => vec![hangman(b, m)],
        FractureKind::Burst => burst(b, m),
        FractureKind::Wedge => vec![wedge(b, m)],
        FractureKind::Teardrop => vec![teardrop(b, m)],
        FractureKind::Lamina => vec![lamina(b, m)],
        FractureKind::Pedicle => vec![pedicle(b, m)],
        FractureKind::ArticularMass => vec![articular_mass(b, m)],
        FractureKind::Spinous => vec![spinous(b, m)],
        FractureKind::Transverse => vec![transverse(b, m)],
    };
    let height = match fracture.kind {
        FractureKind::Wedge => mix(0.72, 0.9, fracture.difficulty),
        FractureKind::Burst => mix(0.82, 0.95, fracture.difficulty),
        _ => 1.0,
    };
    (pieces, height)
}

fn jefferson(b: &Breaker<'_>, m: &Measures) -> Vec<Fragment> {
    let k = m.k;
    [1.0, -1.0]
        .into_iter()
        .map(|s| {
            let front = v(s * b.within(3.0, 7.0) * k, -13.0 * k, 0.0);
            let back = v(s * b.within(6.0, 12.0) * k, 26.0 * k, 0.0);
            let line = back - front;
            // Everything to the side of the line from the front break to the back break.
            let normal = v(-s * line.y, s * line.x, b.within(-6.0, 6.0));
            b.piece(vec![behind(normal, front)], v(s * 18.0 * k, 2.0, 0.0), v(s, b.within(-0.3, 0.4), 0.0), 0.8)
        })
        .collect()
}

fn dens(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let k = m.k;
    let slope = b.side() * b.within(0.75, 1.1);
    let base = v(0.0, -0.8, 11.5 * k);
    let planes = vec![
        behind(v(b.within(-0.3, 0.3), -slope, -1.0), base),
        behind(v(1.0, 0.0, 0.0), v(7.6 * k, 0.0, 0.0)),
        behind(v(-1.0, 0.0, 0.0), v(-7.6 * k, 0.0, 0.0)),
        behind(v(0.0, 1.0, 0.0), v(0.0, 8.5 * k, 0.0)),
    ];
    // Slides along its slope and rises a little.
    let way = v(b.within(-0.3, 0.3), slope.signum(), 0.35);
    b.piece(planes, base, way, 0.9)
}

fn hangman(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let normal = v(b.within(-0.35, 0.35), -1.0, b.within(-0.1, 0.3));
    let through = v(0.0, b.within(0.75, 1.15) * m.b, 0.0);
    b.piece(vec![behind(normal, through)], m.pillar(), v(0.0, 1.0, -0.3), 1.0)
}

fn burst(b: &Breaker<'_>, m: &Measures) -> Vec<Fragment> {
    let (wide, deep) = (m.a, m.b);
    let wall = v(0.0, b.within(0.25, 0.5) * deep, 0.0);
    let split = v(b.within(-0.3, 0.3) * wide, 0.0, 0.0);
    let lean = b.within(-0.4, 0.4);
    let back_wall = vec![
        behind(v(0.0, -1.0, 0.0), wall),
        behind(v(1.0, 0.0, 0.0), v(0.62 * wide, 0.0, 0.0)),
        behind(v(-1.0, 0.0, 0.0), v(-0.62 * wide, 0.0, 0.0)),
        behind(v(0.0, 1.0, 0.0), v(0.0, 1.4 * deep, 0.0)),
    ];
    let half = vec![
        behind(v(-1.0, lean, 0.0), split),
        behind(v(0.0, 1.0, 0.0), wall),
        behind(v(1.0, 0.0, 0.0), v(wide + 2.0, 0.0, 0.0)),
    ];
    vec![
        b.piece(back_wall, v(0.0, 0.7 * deep, 0.0), v(b.within(-0.2, 0.2), 1.0, 0.1), 0.95),
        b.piece(half, v(0.5 * wide, -0.3 * deep, 0.0), v(0.8, -0.6, 0.0), 0.7),
    ]
}

/// The body in front of a plane, without the transverse processes.
fn front_of_body(normal: Vec3, through: Vec3, m: &Measures) -> Vec<(Vec3, f32)> {
    let side = |s: f32| behind(v(s, 0.0, 0.0), v(s * (m.a + 1.5), 0.0, 0.0));
    vec![behind(normal, through), side(1.0), side(-1.0)]
}

fn wedge(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let normal = v(b.within(-0.3, 0.3), 1.0, b.within(-0.7, -0.4));
    let through = v(0.0, -b.within(0.1, 0.35) * m.b, 0.0);
    b.piece(front_of_body(normal, through, m), v(0.0, -m.b, m.front), v(b.within(-0.3, 0.3), -1.0, 0.15), 0.85)
}

fn teardrop(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let normal = v(b.within(-0.3, 0.3), 1.0, b.within(0.35, 0.65));
    let through = v(0.0, -b.within(0.15, 0.4) * m.b, 0.0);
    b.piece(front_of_body(normal, through, m), v(0.0, -m.b, -m.front), v(b.within(-0.3, 0.3), -1.0, -0.2), 0.9)
}

fn lamina(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let k = m.k;
    let deep = v(0.0, m.b + 9.0 * k, 0.0);
    let cut = |b: &Breaker<'_>, s: f32| {
        let at = v(s * b.within(5.5, 9.5) * k, m.b + 14.0 * k, 0.0);
        behind(v(s, b.within(-0.5, 0.1), b.within(-0.2, 0.2)), at)
    };
    let planes = vec![cut(b, 1.0), cut(b, -1.0), behind(v(0.0, -1.0, 0.0), deep)];
    let way = v(b.within(-0.6, 0.6), 1.0, -0.2);
    b.piece(planes, m.spinolaminar(), way, 0.8)
}

fn pedicle(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let (k, s) = (m.k, b.side());
    let planes = vec![
        behind(v(-s, -0.7, b.within(-0.3, 0.3)), v(s * 11.5 * k, m.b + 0.5 * k, 0.0)),
        behind(v(-s, 0.25, b.within(-0.2, 0.2)), v(s * b.within(9.0, 11.5) * k, m.b + 13.0 * k, 0.0)),
    ];
    let pillar = m.pillar();
    b.piece(planes, v(s * pillar.x, pillar.y, 0.0), v(s, b.within(0.2, 0.7), 0.0), 0.8)
}

fn articular_mass(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let (k, s, pillar) = (m.k, b.side(), m.pillar());
    let planes = vec![
        behind(v(b.within(-0.3, 0.3), -1.0, b.within(-0.45, 0.1)), v(s * pillar.x, pillar.y - 0.5 * k, 0.0)),
        behind(v(-s, 0.2, 0.0), v(s * 11.5 * k, pillar.y + 4.0 * k, 0.0)),
    ];
    b.piece(planes, v(s * pillar.x, pillar.y + 3.0, 0.0), v(s * b.within(0.2, 0.8), 1.0, 0.0), 0.75)
}

fn spinous(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let way = v(0.0, m.spine, -m.drop).unit();
    let at = m.spinolaminar() + way * (b.within(0.25, 0.45) * m.spine.max(9.0));
    let normal = v(b.within(-0.3, 0.3), -1.0, b.within(0.2, 1.1));
    b.piece(vec![behind(normal, at)], at, v(b.within(-0.35, 0.35), 0.85, -0.5), 1.0)
}

fn transverse(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let s = b.side();
    let at = v(s * (m.a + b.within(4.5, 8.0) * m.k), 2.0, 0.0);
    let planes = vec![
        behind(v(-s, b.within(-0.2, 0.3), b.within(-0.2, 0.2)), at),
        behind(v(0.0, 1.0, 0.0), v(0.0, m.b + 0.5, 0.0)),
    ];
    b.piece(planes, at, v(s, b.within(-0.6, 0.2), -0.4), 0.85)
}
