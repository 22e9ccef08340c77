//! C1: the ring breaks at its thin places, the grooves behind the lateral masses and beside the front tubercle.

use super::{Breaker, behind, beyond_side};
use crate::phantom::geometry::v;
use crate::phantom::solid::Fragment;
use crate::phantom::vertebra::Measures;

/// Both arches: one or both lateral masses drift outwards.
pub(super) fn jefferson(b: &Breaker<'_>, m: &Measures) -> Vec<Fragment> {
    let k = m.k;
    let side = |s: f32| {
        let front = v(s * b.within(3.0, 7.0) * k, -13.0 * k, 0.0);
        let back = v(s * b.within(6.0, 12.0) * k, 26.0 * k, 0.0);
        let line = back - front;
        // Everything to the side of the line from the front break to the back break.
        let normal = v(-s * line.y, s * line.x, b.within(-6.0, 6.0));
        b.piece((front + back) * 0.5, vec![behind(normal, front)], v(s, b.within(-0.3, 0.4), 0.0), 0.8)
    };
    if b.chance(0.65) { vec![side(1.0), side(-1.0)] } else { vec![side(b.side())] }
}

/// One arch: mostly the back one, on both sides or on one.
pub(super) fn arch(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let k = m.k;
    if b.chance(0.25) {
        return anterior_arch(b, m);
    }
    let s = b.side();
    let cut = |s: f32, x: f32| behind(v(s, b.within(-0.6, 0.2), b.within(-0.3, 0.3)), v(s * x * k, 23.0 * k, -3.0));
    let planes = vec![
        cut(s, b.within(9.0, 15.0)),
        cut(-s, b.within(9.0, 15.0)),
        behind(v(0.0, -1.0, 0.0), v(0.0, 13.5 * k, 0.0)),
    ];
    let at = v(s * 12.0 * k, 23.0 * k, -3.0);
    if b.chance(0.45) {
        b.split(at, planes, beyond_side(s, 2.0 * k))
    } else {
        b.piece(at, planes, v(b.within(-0.4, 0.4), 1.0, b.within(0.0, 0.5)), 0.7)
    }
}

fn anterior_arch(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let (k, s) = (m.k, b.side());
    let at = v(s * b.within(3.5, 8.0) * k, -11.5 * k, 1.0);
    let planes = vec![
        behind(v(s, b.within(-0.4, 0.4), b.within(-0.3, 0.3)), at),
        beyond_side(s, -11.0 * k),
        behind(v(0.0, 1.0, 0.0), v(0.0, -7.0 * k, 0.0)),
    ];
    b.split(at, planes, beyond_side(s, 1.0 * k))
}

/// Lengthwise through one lateral mass; the outer part drifts away with the transverse process.
pub(super) fn lateral_mass(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let (k, s) = (m.k, b.side());
    let at = v(s * b.within(15.0, 20.0) * k, 2.0, 0.0);
    let planes = vec![
        behind(v(-s, b.within(-0.35, 0.35), b.within(-0.25, 0.25)), at),
        beyond_side(s, 9.0 * k),
        // The back arch stays.
        behind(v(0.0, 1.0, 0.0), v(0.0, 13.0 * k, 0.0)),
    ];
    b.piece(at, planes, v(s, b.within(-0.4, 0.4), 0.1), 0.6)
}
