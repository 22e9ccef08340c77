//! Mandible, maxilla and palate, cheek bones, and the teeth with what dentists left in them.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Density, SIDES};
use crate::phantom::geometry::{Frame, Vec3, v};
use crate::phantom::solid::{Bone, Solid, ball, plate, rod};

pub(super) fn jaws(head: Frame, k: f32, density: &Density) -> Vec<Bone> {
    vec![mandible(head, k, density), maxilla(head, k, density)]
}

fn mandible(frame: Frame, k: f32, density: &Density) -> Bone {
    let c = v(0.0, -36.0, -38.0) * k;
    let arc = |radius: [f32; 2], dz: f32, r: f32, flat: f32| Solid::Arc {
        c: c + v(0.0, 0.0, dz * k),
        radius: radius.map(|mm| mm * k),
        side: -1.0,
        r: r * k,
        flat,
    };
    let mut solids = vec![arc([43.0, 46.0], -2.0, 5.0, 0.45), arc([36.0, 44.0], 7.0, 4.0, 0.6)];
    for s in SIDES {
        let angle = v(s * 45.0, -26.0, -34.0) * k;
        let head = v(s * 50.0, -12.0, 17.0) * k;
        solids.push(Solid::Rod { a: angle, b: v(s * 50.0, -18.0, 2.0) * k, r0: 3.6 * k, r1: 3.0 * k, flat: v(1.0, 0.26, 1.0) });
        solids.push(rod(v(s * 50.0, -14.0, 2.0) * k, head, 3.6 * k, 3.6 * k));
        solids.push(ball(head, v(9.0, 4.4, 5.0) * k));
        let (a, b) = (v(s * 48.0, -28.0, 0.0) * k, v(s * 47.0, -31.0, 16.0) * k);
        solids.push(Solid::Rod { a, b, r0: 2.2 * k, r1: 1.4 * k, flat: v(1.0, 0.4, 1.0) });
    }
    let mut bone = density.bone(frame, solids, Vec::new());
    bone.cortex_mm = 2.0;
    bone
}

fn maxilla(frame: Frame, k: f32, density: &Density) -> Bone {
    let at = |x: f32, y: f32, z: f32| v(x, y, z) * k;
    let arch = Solid::Arc { c: at(0.0, -40.0, -3.0), radius: [26.0 * k, 42.0 * k], side: -1.0, r: 4.5 * k, flat: 0.55 };
    let mut solids = vec![arch, ball(at(0.0, -62.0, 5.0), v(26.0, 20.0, 2.4) * k)];
    for s in SIDES {
        // Walls of the nose and the maxillary sinuses, cheek bones.
        solids.push(plate(at(s * 14.0, -40.0, 26.0), at(s * 15.0, -76.0, 26.0), 0.8, 0.05));
        solids.push(plate(at(s * 16.0, -36.0, 26.0), at(s * 42.0, -48.0, 26.0), 0.8, 0.06));
        solids.push(plate(at(s * 42.0, -48.0, 26.0), at(s * 26.0, -82.0, 26.0), 0.9, 0.06));
        solids.push(plate(at(s * 46.0, -54.0, 28.0), at(s * 62.0, -20.0, 30.0), 2.4, 0.5));
        solids.push(plate(at(s * 8.0, -46.0, 18.0), at(s * 8.0, -74.0, 18.0), 1.6, 0.5));
    }
    solids.push(plate(at(0.0, -40.0, 26.0), at(0.0, -80.0, 26.0), 0.7, 0.06));
    density.bone(frame, solids, Vec::new())
}

/// Teeth in two rows, some missing, some with metal; in one patient of eight there are none.
pub(in crate::phantom) fn dentition(frame: Frame, k: f32, density: &Density, rng: &mut Xoshiro256PlusPlus) -> Vec<Bone> {
    let (toothless, metal) = (rng.random_bool(0.12), rng.random_bool(0.45));
    let missing = if rng.random_bool(0.3) { 0.3 } else { 0.05 };
    let (mut teeth, mut fillings) = (Vec::new(), Vec::new());
    for (z, rx, ry, up) in [(-12.0, 26.0, 42.0, 1.0), (-23.0, 30.0, 41.0, -1.0)] {
        for i in -7..=7_i16 {
            let angle = f32::from(i) * 0.2;
            let at = v(rx * angle.sin(), -39.0 - ry * angle.cos(), z) * k;
            let wide = if i.abs() > 4 { 4.2 } else { 3.0 };
            let (gone, filled) = (rng.random_bool(missing), rng.random_bool(0.28));
            if toothless || gone {
                continue;
            }
            teeth.extend(tooth(at, wide * k, up * k));
            if metal && filled && i.abs() > 3 {
                fillings.push(ball(at - v(0.0, 0.0, 1.6 * up * k), v(2.4, 2.4, 2.0) * k));
            }
        }
    }
    let mut crowns = density.bone(frame, teeth, Vec::new());
    (crowns.cortex_hu, crowns.inner_hu, crowns.grain_hu, crowns.cortex_mm) = (2450.0, 1550.0, 60.0, 1.3);
    let mut inlays = density.bone(frame, fillings, Vec::new());
    (inlays.cortex_hu, inlays.inner_hu, inlays.grain_hu) = (3071.0, 3071.0, 0.0);
    [crowns, inlays].into_iter().filter(|bone| !bone.solids.is_empty()).collect()
}

/// A crown and the taper of its root; `up` points from the crown to the root.
fn tooth(at: Vec3, wide: f32, up: f32) -> [Solid; 2] {
    let crown = ball(at, v(wide, wide, 1.35 * wide));
    [crown, rod(at, at + v(0.0, 1.0 * up.abs(), 13.0 * up), 0.75 * wide, 0.3 * wide)]
}
