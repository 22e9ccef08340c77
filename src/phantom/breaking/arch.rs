//! The neural arch: laminae, pedicles, articular pillars and the tips of their processes.

use super::{Breaker, behind, beyond_side};
use crate::phantom::geometry::v;
use crate::phantom::solid::Fragment;
use crate::phantom::vertebra::Measures;
use crate::triage::Level;

/// One lamina gapes, or both break and the spinous process floats.
pub(super) fn lamina(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let k = m.k;
    let s = b.side();
    let place = |s: f32| {
        let x = b.within(3.5, 8.5);
        v(s * x * k, m.b + (17.5 - 0.43 * x) * k, -3.0 * k)
    };
    let cut = |s: f32, at| behind(v(s, b.within(-0.6, 0.1), b.within(-0.35, 0.35)), at);
    let at = place(s);
    let planes = vec![cut(s, at), cut(-s, place(-s)), behind(v(0.0, -1.0, 0.0), v(0.0, m.b + 9.0 * k, 0.0))];
    if b.chance(0.55) {
        b.split(at, planes, beyond_side(s, 1.5 * k))
    } else {
        b.piece(at, planes, v(b.within(-0.6, 0.6), 1.0, -0.2), 0.8)
    }
}

/// Pedicle and lamina of one side: the articular mass floats.
pub(super) fn pedicle(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let (k, s) = (m.k, b.side());
    let at = v(s * 11.5 * k, m.b + 0.5 * k, 0.0);
    let planes = vec![
        behind(v(-s, -0.7, b.within(-0.3, 0.3)), at),
        behind(v(-s, 0.25, b.within(-0.2, 0.2)), v(s * b.within(9.0, 11.5) * k, m.b + 13.0 * k, 0.0)),
    ];
    b.piece(at, planes, v(s, b.within(0.2, 0.7), 0.0), 0.75)
}

/// Through one articular pillar: from side to side, or lengthwise.
pub(super) fn articular_mass(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let (k, s, pillar) = (m.k, b.side(), m.pillar());
    let at = v(s * pillar.x, pillar.y + b.within(-1.5, 1.5) * k, 0.0);
    if b.chance(0.35) {
        let at = v(s * b.within(17.0, 20.5) * k, pillar.y, 0.0);
        let planes = vec![
            behind(v(-s, b.within(-0.4, 0.4), b.within(-0.3, 0.3)), at),
            behind(v(0.0, -1.0, 0.0), v(0.0, pillar.y - 6.0 * k, 0.0)),
        ];
        return b.piece(at, planes, v(s, b.within(-0.2, 0.5), 0.0), 0.6);
    }
    let planes = vec![
        behind(v(b.within(-0.3, 0.3), -1.0, b.within(-0.45, 0.1)), at),
        behind(v(-s, 0.2, 0.0), v(s * 11.5 * k, pillar.y + 4.0 * k, 0.0)),
    ];
    b.piece(at, planes, v(s * b.within(0.2, 0.8), 1.0, 0.0), 0.7)
}

/// The tip of an upper or lower articular process. C2's upper facets are on its shoulders: there it is the lower one.
pub(super) fn facet(b: &Breaker<'_>, m: &Measures, level: Level) -> Fragment {
    let (k, s, pillar) = (m.k, b.side(), m.pillar());
    let upper = level != Level::C2 && b.chance(0.6);
    let way = if upper { 1.0 } else { -1.0 };
    let half = 0.5 * if upper { m.above } else { m.below };
    // Facets slope up and to the back: the upper tip is in front, the lower one behind.
    let at = v(s * pillar.x, pillar.y - way * 2.0 * k, way * b.within(0.3, 0.55) * half);
    let normal = v(b.within(-0.35, 0.35), way * b.within(0.1, 0.6), -way);
    let planes = vec![behind(normal, at), beyond_side(s, 11.8 * k)];
    b.piece(at, planes, v(s * b.within(0.0, 0.6), -way, way * 0.3), 0.6)
}
