//! The skull base: vault, foramen magnum with its condyles, clivus, petrous bones, mastoids with air cells.

use super::{Density, SIDES};
use crate::phantom::geometry::{Frame, v};
use crate::phantom::solid::{Bone, Solid, ball, rod};
use crate::phantom::vertebra::{CONDYLE, CONDYLE_RADII};

pub(super) fn skull(head: Frame, k: f32, joint: f32, density: &Density) -> Vec<Bone> {
    vec![
        vault(head, k, density),
        occiput(head, k, joint, density),
        petrous(head, k, density),
        mastoids(head, k, density),
        sphenoid(head, k, density),
    ]
}

/// The roof over the brain down to the floor of the middle cranial fossa.
fn vault(frame: Frame, k: f32, density: &Density) -> Bone {
    let c = v(0.0, 8.0, 92.0) * k;
    let solids = vec![ball(c, v(72.0, 90.0, 60.0) * k)];
    let hollows = vec![ball(c, v(66.5, 84.0, 56.0) * k), ball(v(0.0, 34.0, 46.0) * k, v(56.0, 53.0, 34.0) * k)];
    density.bone(frame, solids, hollows)
}

/// The bowl under the cerebellum with the foramen magnum, the condyles, and the bump at the back of the head.
fn occiput(frame: Frame, k: f32, joint: f32, density: &Density) -> Bone {
    let c = v(0.0, 34.0, 48.0) * k;
    let mut solids = vec![ball(c, v(58.0, 55.0, 36.5) * k), ball(v(0.0, 88.0, 44.0) * k, v(7.0, 5.0, 7.0) * k)];
    for s in SIDES {
        solids.push(ball(v(s * CONDYLE.x, CONDYLE.y, CONDYLE.z) * joint, CONDYLE_RADII * joint));
        solids.push(rod(v(s * 17.0, 4.0, 23.0) * k, v(s * 30.0, 6.0, 24.0) * k, 5.0 * k, 3.5 * k));
    }
    let hollows = vec![
        ball(c, v(54.0, 51.0, 33.5) * k),
        Solid::Tube { c: v(0.0, 11.5, 0.0) * k, half: [14.5 * k, 18.0 * k] },
        ball(v(0.0, 8.0, 92.0) * k, v(66.5, 84.0, 56.0) * k),
    ];
    density.bone(frame, solids, hollows)
}

/// The dense pyramids from the sides towards the clivus.
fn petrous(frame: Frame, k: f32, density: &Density) -> Bone {
    let mut bone = density.bone(frame, Vec::new(), Vec::new());
    for s in SIDES {
        bone.solids.push(rod(v(s * 13.0, -22.0, 34.0) * k, v(s * 48.0, 8.0, 32.0) * k, 5.0 * k, 10.0 * k));
        // The canal of the carotid and the passage of the outer ear.
        bone.hollows.push(rod(v(s * 27.0, -10.0, 20.0) * k, v(s * 25.0, -12.0, 36.0) * k, 3.2 * k, 3.0 * k));
        bone.hollows.push(rod(v(s * 40.0, -4.0, 28.0) * k, v(s * 70.0, -2.0, 27.0) * k, 3.4 * k, 4.0 * k));
    }
    (bone.cortex_hu, bone.inner_hu) = (density.cortex_hu + 250.0, density.inner_hu + 450.0);
    bone
}

fn mastoids(frame: Frame, k: f32, density: &Density) -> Bone {
    let mut bone = density.bone(frame, Vec::new(), Vec::new());
    for s in SIDES {
        bone.solids.push(ball(v(s * 53.0, 19.0, 27.0) * k, v(11.0, 18.0, 15.0) * k));
        bone.solids.push(ball(v(s * 52.5, 9.0, 13.0) * k, v(8.5, 10.0, 15.0) * k));
        bone.solids.push(ball(v(s * 43.0, 14.0, 30.0) * k, v(8.0, 9.0, 7.0) * k));
        bone.solids.push(rod(v(s * 44.0, 1.0, 20.0) * k, v(s * 40.0, -8.0, -6.0) * k, 2.6 * k, 1.2 * k));
    }
    // Air cells.
    (bone.inner_hu, bone.grain_hu, bone.cortex_mm) = (-250.0, 700.0, 1.3);
    bone
}

/// The clivus, the body of the sphenoid around its air, the pterygoid plates.
fn sphenoid(frame: Frame, k: f32, density: &Density) -> Bone {
    let (a, b) = (v(0.0, -10.5, 16.0) * k, v(0.0, -30.0, 46.0) * k);
    let mut solids = vec![Solid::Rod { a, b, r0: 3.8 * k, r1: 6.0 * k, flat: v(0.4, 1.0, 1.0) }];
    solids.push(ball(v(0.0, -44.0, 46.0) * k, v(19.0, 15.0, 13.0) * k));
    for s in SIDES {
        let (a, b) = (v(s * 15.0, -34.0, 34.0) * k, v(s * 17.0, -32.0, 2.0) * k);
        solids.push(Solid::Rod { a, b, r0: 1.4, r1: 1.0, flat: v(1.0, 0.17, 1.0) });
        solids.push(rod(v(s * 18.0, -42.0, 40.0) * k, v(s * 56.0, -40.0, 46.0) * k, 3.0 * k, 2.0 * k));
    }
    density.bone(frame, solids, vec![ball(v(0.0, -45.0, 47.0) * k, v(15.0, 11.5, 9.5) * k)])
}
