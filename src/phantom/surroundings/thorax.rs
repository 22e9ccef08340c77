//! Ribs, also a rare one of C7, and the shoulder girdle.

use super::{Density, SIDES};
use crate::phantom::geometry::{Frame, Vec3, v};
use crate::phantom::solid::{Bone, Solid, ball, plate, rod};

/// Ribs of one thoracic vertebra of the scale `k`; `order` 0 is the first rib, short and tightly curved.
pub(in crate::phantom) fn ribs(frame: Frame, k: f32, order: f32, density: &Density) -> Vec<Bone> {
    SIDES
        .into_iter()
        .map(|s| {
            let wide = 46.0 + 12.5 * order.min(4.0);
            let path: [Vec3; 7] = [
                v(14.6, 2.6, 3.0),
                v(24.0, 8.6, 2.0),
                v(35.8, 13.6, 1.0),
                v(wide, 15.0 + 5.0 * order, -7.0),
                v(wide + 8.0, -11.0, -18.0),
                v(wide - 6.0, -36.0, -29.0),
                v(26.0, -48.0, -40.0),
            ];
            let at = |p: Vec3| v(s * p.x, p.y, p.z) * k;
            let thick = [2.3, 2.1, 2.5, 2.7, 2.7, 2.8];
            let mut solids: Vec<Solid> =
                path.windows(2).zip(thick).map(|(w, r)| plate(at(w[0]), at(w[1]), r * k, 0.62)).collect();
            // The head at the side of the body, the tubercle at the transverse process: both with a joint's gap.
            solids.push(ball(at(v(14.6, 2.4, 3.4)), v(2.9, 3.1, 4.0) * k));
            let mut bone = density.bone(frame, solids, Vec::new());
            (bone.cortex_mm, bone.inner_hu) = (1.1, density.inner_hu * 0.7);
            bone
        })
        .collect()
}

/// A short rib of C7 on the left (1), the right (-1) or both sides (0).
pub(in crate::phantom) fn cervical_rib(frame: Frame, k: f32, side: f32, density: &Density) -> Vec<Bone> {
    SIDES
        .into_iter()
        .filter(|s| side * s >= 0.0)
        .map(|s| {
            let at = |x: f32, y: f32, z: f32| v(s * x, y, z) * k;
            let path = [at(31.5, 3.0, -2.5), at(41.0, -2.0, -9.0), at(44.0, -16.0, -19.0), at(40.0, -26.0, -26.0)];
            let solids = path.windows(2).map(|w| plate(w[0], w[1], 2.6 * k, 0.65)).collect();
            density.bone(frame, solids, Vec::new())
        })
        .collect()
}

/// Breast bone, collar bones, shoulder blades and heads of the humeri; `chest` is upright and has its origin at the body of T1.
/// `raise` lifts the shoulders, mm.
pub(in crate::phantom) fn shoulders(chest: Frame, k: f32, raise: f32, density: &Density) -> Vec<Bone> {
    let axes = [v(1.0, 0.0, 0.0), v(0.0, 0.94, 0.34), v(0.0, -0.34, 0.94)];
    let breast = Solid::Slab { c: v(0.0, -52.0, -64.0) * k, axes, half: v(26.0, 6.0, 24.0) * k, round: 5.0 * k };
    let mut bones = vec![density.bone(chest, vec![breast], Vec::new())];
    for s in SIDES {
        let at = |x: f32, y: f32, z: f32| v(s * x, y, z) * k;
        let lift = |x: f32, y: f32, z: f32| at(x, y, z + raise);
        let collar = vec![
            ball(at(16.0, -46.0, -36.0), v(8.0, 7.0, 9.0) * k),
            rod(at(17.0, -46.0, -34.0), lift(50.0, -44.0, -20.0), 6.0 * k, 5.0 * k),
            rod(lift(50.0, -44.0, -20.0), lift(90.0, -28.0, -9.0), 5.0 * k, 4.6 * k),
            rod(lift(90.0, -30.0, -8.0), lift(120.0, -10.0, -4.0), 4.6 * k, 5.0 * k),
        ];
        bones.push(density.bone(chest, collar, Vec::new()));
        let blade = vec![
            plate(lift(70.0, 50.0, -44.0), lift(108.0, 24.0, -34.0), 2.2 * k, 0.09),
            rod(lift(74.0, 52.0, -22.0), lift(108.0, 34.0, -12.0), 3.4 * k, 4.4 * k),
            rod(lift(108.0, 34.0, -12.0), lift(130.0, 4.0, -4.0), 4.4 * k, 5.0 * k),
            rod(lift(104.0, 14.0, -26.0), lift(112.0, -18.0, -18.0), 5.0 * k, 4.5 * k),
            ball(lift(116.0, 8.0, -32.0), v(7.0, 13.0, 18.0) * k),
        ];
        bones.push(density.bone(chest, blade, Vec::new()));
        let humerus = vec![ball(lift(141.0, 2.0, -30.0), v(22.0, 22.0, 22.0) * k)];
        let mut humerus = density.bone(chest, humerus, Vec::new());
        humerus.inner_hu *= 0.7;
        bones.push(humerus);
    }
    bones
}
