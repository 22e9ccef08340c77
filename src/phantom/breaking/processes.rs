//! The spinous and transverse processes.

use super::{Breaker, behind, beyond_side};
use crate::phantom::geometry::v;
use crate::phantom::solid::Fragment;
use crate::phantom::vertebra::Measures;
use crate::triage::Level;

/// Across the spinous process; muscles pull the tip down (at C6 and C7 the clay shoveler's fracture).
pub(super) fn spinous(b: &Breaker<'_>, m: &Measures) -> Fragment {
    let way = v(0.0, m.spine, -m.drop).unit();
    let at = m.spinolaminar() + way * (b.within(0.25, 0.6) * m.spine.max(9.0));
    let normal = v(b.within(-0.4, 0.4), -1.0, b.within(-0.1, 1.0));
    b.piece(at, vec![behind(normal, at)], v(b.within(-0.35, 0.35), 0.7, -0.7), 1.0)
}

/// One transverse process, near its tip or through the foramen of the vertebral artery.
pub(super) fn transverse(b: &Breaker<'_>, m: &Measures, level: Level) -> Fragment {
    let (k, s) = (m.k, b.side());
    let [near, far] = match level {
        Level::C1 => [26.0 * k, 31.5 * k],
        Level::C2 => [17.5 * k, 20.5 * k],
        _ => [m.a + 4.0 * k, m.a + 8.5 * k],
    };
    let at = v(s * b.within(near, far), 2.0, -1.5);
    let mut planes = vec![behind(v(-s, b.within(-0.35, 0.35), b.within(-0.3, 0.3)), at), beyond_side(s, 0.7 * near)];
    // The articular pillar stays.
    let back = if level == Level::C1 { 12.0 * k } else { m.b - 2.5 * k };
    planes.push(behind(v(0.0, 1.0, 0.0), v(0.0, back, 0.0)));
    b.piece(at, planes, v(s, b.within(-0.6, 0.2), -0.4), 0.7)
}
