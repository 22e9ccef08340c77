//! The vertebral body: compressed, burst, or with a corner broken or pulled off.

use super::{Breaker, behind, within_side};
use crate::phantom::geometry::v;
use crate::phantom::solid::{Fragment, Plane};
use crate::phantom::vertebra::Measures;
use crate::triage::Level;

/// The body in front of the pedicles, without the transverse processes.
fn body(m: &Measures) -> [Plane; 3] {
    let wide = m.a + 1.5;
    [within_side(1.0, wide), within_side(-1.0, wide), behind(v(0.0, 1.0, 0.0), v(0.0, 1.1 * m.b, 0.0))]
}

/// How far the lower front edge of the body lies below the origin.
fn lower_edge(m: &Measures, level: Level) -> f32 {
    // The body of C2 reaches lower in front.
    m.front + if level == Level::C2 { 1.0 } else { 0.0 }
}

/// The upper endplate sinks in towards the front; now and then its front corner breaks off.
pub(super) fn wedge(b: &Breaker<'_>, m: &Measures) -> Vec<Fragment> {
    let at = v(0.0, -0.35 * m.b, b.within(0.05, 0.4) * m.front);
    // Steeper than the endplate: the band of crushed bone crosses several slices.
    let mut planes = vec![behind(v(b.within(-0.35, 0.35), b.within(0.35, 0.6), -1.0), at)];
    planes.extend(body(m));
    let plate = b.impacted(at, planes.clone(), v(b.within(-0.15, 0.15), -0.25, -1.0), 0.8);
    let corner = v(0.0, -b.within(0.35, 0.6) * m.b, m.front);
    let normal = v(b.within(-0.3, 0.3), 1.0, -b.within(0.3, 0.6));
    if !b.chance(0.45) {
        return vec![plate];
    }
    let mut front = vec![behind(normal, corner)];
    front.extend(body(m));
    let piece = b.piece(corner, front, v(b.within(-0.3, 0.3), -1.0, -0.3), 0.7);
    // The plate ends where the corner begins.
    let mut behind_corner = planes;
    behind_corner.push(behind(normal * -1.0, corner));
    vec![Fragment { planes: behind_corner, ..plate }, piece]
}

/// Split lengthwise, the back wall pushed into the canal, the front crushed.
pub(super) fn burst(b: &Breaker<'_>, m: &Measures) -> Vec<Fragment> {
    let (wide, deep) = (m.a, m.b);
    let wall = v(0.0, b.within(0.15, 0.5) * deep, 0.0);
    let wall_normal = v(b.within(-0.25, 0.25), -1.0, b.within(-0.2, 0.2));
    let split = v(b.within(-0.3, 0.3) * wide, 0.0, 0.0);
    let (lean, tilt, s) = (b.within(-0.4, 0.4), b.within(-0.25, 0.25), b.side());
    let back = vec![
        behind(wall_normal, wall),
        within_side(1.0, 0.66 * wide),
        within_side(-1.0, 0.66 * wide),
        behind(v(0.0, 1.0, 0.0), v(0.0, 1.4 * deep, 0.0)),
    ];
    let half = vec![behind(v(-s, lean, tilt), split), behind(wall_normal * -1.0, wall), within_side(s, wide + 2.0)];
    let mut pieces = vec![
        b.piece(v(0.0, 0.7 * deep, 0.0), back, v(b.within(-0.2, 0.2), 1.0, 0.1), 0.9),
        b.piece(split, half, v(0.8 * s, -0.6, -0.2), 0.55),
    ];
    if b.chance(0.6) {
        pieces.push(crushed_quarter(b, m, [behind(v(s, -lean, -tilt), split), behind(wall_normal * -1.0, wall)], s));
    }
    pieces
}

/// The upper part of the other half of a burst body, driven down.
fn crushed_quarter(b: &Breaker<'_>, m: &Measures, borders: [Plane; 2], s: f32) -> Fragment {
    let at = v(-0.4 * s * m.a, -0.3 * m.b, b.within(0.0, 0.4) * m.front);
    let mut planes = vec![behind(v(b.within(-0.4, 0.4), b.within(0.2, 0.6), -1.0), at)];
    planes.extend(borders);
    planes.push(within_side(-s, m.a + 2.0));
    b.impacted(at, planes, v(-0.2 * s, -0.3, -1.0), 0.6)
}

/// Flexion: a large piece of the lower front corner, and the body slips back from it.
pub(super) fn teardrop(b: &Breaker<'_>, m: &Measures, level: Level) -> Fragment {
    let normal = v(b.within(-0.3, 0.3), 1.0, b.within(0.35, 0.65));
    let at = v(0.0, -b.within(0.1, 0.4) * m.b, -0.3 * lower_edge(m, level));
    let mut planes = vec![behind(normal, at)];
    planes.extend(body(m));
    b.piece(at, planes, v(b.within(-0.3, 0.3), -1.0, -0.2), 0.9)
}

/// Extension: a thin rim of the lower front corner pulled off by the ligament.
pub(super) fn extension_teardrop(b: &Breaker<'_>, m: &Measures, level: Level) -> Fragment {
    let normal = v(b.within(-0.4, 0.4), 1.0, b.within(0.1, 0.4));
    let edge = lower_edge(m, level);
    let at = v(0.0, -b.within(0.5, 0.72) * m.b, -0.8 * edge);
    let top = behind(v(0.0, b.within(0.2, 0.6), 1.0), v(0.0, -m.b, -b.within(-0.15, 0.3) * edge));
    let mut planes = vec![behind(normal, at), top];
    planes.extend(body(m));
    b.piece(at, planes, v(b.within(-0.2, 0.2), -1.0, -0.35), 0.65)
}
