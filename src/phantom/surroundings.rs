//! The bones around the neck: skull base, jaws with teeth, hyoid and larynx, ribs, collar bones, shoulder blades.
//!
//! Only as true as it takes to make the neck look at home; none of it carries a level.

use super::geometry::{Frame, Vec3, v};
use super::solid::{Bone, Solid, ball, plate, rod};
use super::vertebra::{CONDYLE, CONDYLE_RADII};

/// Densities that differ from patient to patient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Density {
    pub cortex_hu: f32,
    pub inner_hu: f32,
    pub seed: u32,
}

impl Density {
    fn bone(&self, frame: Frame, solids: Vec<Solid>, hollows: Vec<Solid>) -> Bone {
        Bone {
            level: None,
            frame,
            solids,
            hollows,
            fragments: Vec::new(),
            inclusions: Vec::new(),
            cortex_hu: self.cortex_hu,
            inner_hu: self.inner_hu,
            cortex_mm: 1.6,
            grain_hu: 120.0,
            seed: self.seed,
        }
    }
}

const SIDES: [f32; 2] = [1.0, -1.0];

/// Everything that moves with the head; `head` has its origin at the centre of C1, `k` scales.
pub(super) fn head(head: Frame, k: f32, density: &Density, teeth: bool) -> Vec<Bone> {
    let mut bones = vec![skull(head, k, density)];
    bones.extend([mastoids(head, k, density), mandible(head, k, density), palate(head, k, density)]);
    if teeth {
        bones.push(dentition(head, k, density));
    }
    bones
}

fn skull(frame: Frame, k: f32, density: &Density) -> Bone {
    let centre = v(0.0, 24.0, 72.0) * k;
    let mut solids = vec![ball(centre, v(72.0, 80.0, 62.0) * k)];
    let mut hollows = vec![
        ball(centre + v(0.0, 0.0, 1.0), v(66.0, 74.0, 56.5) * k),
        // The foramen magnum.
        Solid::Tube { c: v(0.0, 15.0, 0.0) * k, half: [14.5 * k, 17.0 * k] },
    ];
    for s in SIDES {
        solids.push(ball(v(s * CONDYLE.x, CONDYLE.y, CONDYLE.z) * k, CONDYLE_RADII * k));
        solids.push(rod(v(s * 20.0, -14.0, 33.0) * k, v(s * 54.0, 8.0, 30.0) * k, 7.0 * k, 10.0 * k));
    }
    // The clivus in front of the foramen magnum.
    let (a, b) = (v(0.0, -9.0, 22.0) * k, v(0.0, -28.0, 44.0) * k);
    solids.push(Solid::Rod { a, b, r0: 4.5 * k, r1: 6.0 * k, flat: v(0.45, 1.0, 1.0) });
    hollows.push(ball(v(0.0, -40.0, 48.0) * k, v(14.0, 10.0, 9.0) * k));
    density.bone(frame, solids, hollows)
}

fn mastoids(frame: Frame, k: f32, density: &Density) -> Bone {
    let mut bone = density.bone(frame, Vec::new(), Vec::new());
    for s in SIDES {
        bone.solids.push(ball(v(s * 52.0, 10.0, 18.0) * k, v(10.0, 14.0, 19.0) * k));
        bone.solids.push(rod(v(s * 43.0, 0.0, 18.0) * k, v(s * 41.0, -5.0, -4.0) * k, 3.0 * k, 1.5 * k));
    }
    // Air cells.
    bone.inner_hu = -350.0;
    bone.grain_hu = 700.0;
    bone
}

fn mandible(frame: Frame, k: f32, density: &Density) -> Bone {
    let mut solids = vec![Solid::Arc {
        c: v(0.0, -32.0, -38.0) * k,
        radius: [43.0 * k, 50.0 * k],
        side: -1.0,
        r: 5.0 * k,
        flat: 0.42,
    }];
    for s in SIDES {
        let (a, b) = (v(s * 43.0, -26.0, -34.0) * k, v(s * 50.0, -14.0, 8.0) * k);
        solids.push(Solid::Rod { a, b, r0: 4.2 * k, r1: 3.4 * k, flat: v(1.0, 0.34, 1.0) });
        solids.push(ball(v(s * 51.0, -10.0, 18.0) * k, v(8.0, 5.0, 6.0) * k));
    }
    density.bone(frame, solids, Vec::new())
}

fn palate(frame: Frame, k: f32, density: &Density) -> Bone {
    let arch =
        Solid::Arc { c: v(0.0, -38.0, 0.0) * k, radius: [27.0 * k, 44.0 * k], side: -1.0, r: 4.0 * k, flat: 0.5 };
    let mut solids = vec![arch, ball(v(0.0, -58.0, 8.0) * k, v(26.0, 24.0, 2.5) * k)];
    for s in SIDES {
        // Walls of the nose and the maxillary sinuses, pterygoid plates, cheek bones.
        solids.push(plate(v(s * 14.0, -40.0, 24.0) * k, v(s * 15.0, -78.0, 24.0) * k, 1.0, 0.06));
        solids.push(plate(v(s * 16.0, -36.0, 24.0) * k, v(s * 44.0, -50.0, 24.0) * k, 1.1, 0.07));
        solids.push(plate(v(s * 44.0, -50.0, 24.0) * k, v(s * 28.0, -84.0, 24.0) * k, 1.2, 0.07));
        solids.push(plate(v(s * 14.0, -30.0, 10.0) * k, v(s * 18.0, -40.0, 10.0) * k, 1.3, 0.1));
    }
    density.bone(frame, solids, vec![ball(v(0.0, -62.0, 60.0) * k, v(60.0, 60.0, 18.0) * k)])
}

fn dentition(frame: Frame, k: f32, density: &Density) -> Bone {
    let mut solids = Vec::new();
    for (z, rx, ry) in [(-11.0, 26.0, 43.0), (-25.0, 28.0, 42.0)] {
        for i in -6..=6_i16 {
            let angle = f32::from(i) * 0.235;
            let at = v(rx * angle.sin(), -38.0 - ry * angle.cos(), z) * k;
            let wide = if i.abs() > 3 { 4.3 } else { 3.3 };
            solids.push(ball(at, v(wide, wide, 8.0) * k));
        }
    }
    let mut bone = density.bone(frame, solids, Vec::new());
    (bone.cortex_hu, bone.inner_hu, bone.grain_hu) = (2300.0, 1700.0, 100.0);
    bone
}

/// Hyoid and thyroid cartilage; `throat` has its origin at the front of C4's body.
pub(super) fn throat(throat: Frame, k: f32, density: &Density) -> Vec<Bone> {
    let arc = |z: f32, radius: [f32; 2], r: f32, flat: f32| {
        let radius = [radius[0] * k, radius[1] * k];
        Solid::Arc { c: v(0.0, -16.0, z) * k, radius, side: -1.0, r: r * k, flat }
    };
    let hyoid = density.bone(throat, vec![arc(16.0, [19.0, 26.0], 2.2, 0.7)], Vec::new());
    let mut larynx = density.bone(throat, vec![arc(-10.0, [17.0, 24.0], 1.5, 0.14)], Vec::new());
    (larynx.cortex_hu, larynx.inner_hu) = (330.0, 220.0);
    vec![hyoid, larynx]
}

/// Ribs of one thoracic vertebra with half body width `a`; `order` 0 is the first rib.
pub(super) fn ribs(frame: Frame, k: f32, order: f32, density: &Density) -> Vec<Bone> {
    SIDES
        .into_iter()
        .map(|s| {
            let wide = 50.0 + 16.0 * order;
            let path: [Vec3; 6] = [
                v(12.0, 7.0, 3.0),
                v(32.0, 20.0, 1.0),
                v(wide, 16.0 + 6.0 * order, -8.0),
                v(wide + 10.0, -12.0, -20.0),
                v(wide - 8.0, -40.0, -32.0),
                v(22.0, -60.0, -42.0),
            ];
            let at = |p: Vec3| v(s * p.x, p.y, p.z) * k;
            let solids = path.windows(2).map(|w| plate(at(w[0]), at(w[1]), 3.2 * k, 0.65)).collect();
            density.bone(frame, solids, Vec::new())
        })
        .collect()
}

/// Collar bones, shoulder blades and heads of the humeri; `chest` has its origin at the body of T1.
/// `raise` lifts the shoulders, mm.
pub(super) fn shoulders(chest: Frame, k: f32, raise: f32, density: &Density) -> Vec<Bone> {
    let mut bones = Vec::new();
    for s in SIDES {
        let at = |x: f32, y: f32, z: f32| v(s * x, y, z) * k;
        let lift = |x: f32, y: f32, z: f32| at(x, y, z + raise);
        let collar = [
            rod(at(16.0, -62.0, -28.0), lift(62.0, -48.0, -14.0), 6.5 * k, 5.5 * k),
            rod(lift(62.0, -48.0, -14.0), lift(118.0, -8.0, -2.0), 5.5 * k, 5.5 * k),
        ];
        bones.push(density.bone(chest, collar.to_vec(), Vec::new()));
        let blade = vec![
            plate(lift(70.0, 48.0, -40.0), lift(108.0, 22.0, -30.0), 2.6 * k, 0.09),
            rod(lift(74.0, 54.0, -18.0), lift(122.0, 20.0, -6.0), 4.5 * k, 5.0 * k),
            ball(lift(142.0, 4.0, -28.0), v(24.0, 24.0, 25.0) * k),
        ];
        bones.push(density.bone(chest, blade, Vec::new()));
    }
    bones
}
