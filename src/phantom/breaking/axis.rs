//! C2: the three types of dens fracture (Anderson and D'Alonzo) and the hangman's fracture (Levine and Edwards).

use super::{Breaker, behind, within_side};
use crate::phantom::geometry::v;
use crate::phantom::solid::{Fragment, Plane};
use crate::phantom::vertebra::Measures;

/// A column around the dens, `wide` mm to each side at scale 1.
fn column(m: &Measures, wide: f32, back: f32) -> [Plane; 3] {
    let wide = wide * m.k;
    [within_side(1.0, wide), within_side(-1.0, wide), behind(v(0.0, 1.0, 0.0), v(0.0, back * m.k, 0.0))]
}

/// Type I: the tip, pulled off obliquely by an alar ligament.
pub(super) fn tip(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let s = b.side();
    let at = v(s * 1.5, -0.8, b.within(22.5, 25.5) * m.k);
    let mut planes = vec![behind(v(-s * b.within(0.3, 0.8), b.within(-0.3, 0.3), -1.0), at)];
    planes.extend(column(m, 7.6, 8.5));
    b.piece(at, planes, v(s * 0.4, b.within(-0.2, 0.4), 1.0), 0.6)
}

/// Type II: through the waist or the base; the dens slides along the slope of the break.
pub(super) fn base(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let slope = b.side() * b.within(0.35, 1.0);
    let at = v(0.0, -0.8, b.within(10.0, 15.0) * m.k);
    let mut planes = vec![behind(v(b.within(-0.35, 0.35), -slope, -1.0), at)];
    planes.extend(column(m, 7.6, 8.5));
    b.piece(at, planes, v(b.within(-0.3, 0.3), slope.signum(), 0.35), 0.9)
}

/// Type III: through the cancellous body; dens and upper body tilt and sink in.
pub(super) fn into_the_body(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let slope = b.side() * b.within(0.15, 0.5);
    let at = v(0.0, -0.8, b.within(1.0, 4.5) * m.k);
    let mut planes = vec![behind(v(b.within(-0.3, 0.3), -slope, -1.0), at)];
    // A bowl: its sides rise outwards.
    let wide = b.within(3.0, 8.0) * m.k;
    planes.extend([1.0, -1.0].map(|s| behind(v(s, 0.0, -b.within(0.7, 1.2)), at + v(s * wide, 0.0, 0.0))));
    planes.push(behind(v(0.0, 1.0, 0.0), v(0.0, m.b + 2.0, 0.0)));
    b.piece(at, planes, v(b.within(-0.3, 0.3), slope.signum(), 0.1), 0.6)
}

/// Through both partes interarticulares, rarely alike on both sides; the body leaves the arch behind.
pub(super) fn hangman(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let normal = v(b.within(-0.4, 0.4), -1.0, b.within(-0.1, 0.4));
    let at = v(0.0, b.within(0.7, 1.15) * m.b, 0.0);
    b.piece(at, vec![behind(normal, at)], v(b.within(-0.2, 0.2), 1.0, -0.3), 0.9)
}
