//! Hyoid bone and the cartilages of the larynx, which calcify with age.

use super::{Density, SIDES};
use crate::phantom::geometry::{Frame, v};
use crate::phantom::solid::{Bone, Solid, ball, rod};

/// `fronts` have their origins at the fronts of the bodies of C3, C5 and C6, beside which hyoid, thyroid and cricoid
/// lie; `age` from 0, soft cartilage, to 1, calcified.
pub(in crate::phantom) fn throat(fronts: [Frame; 3], k: f32, age: f32, density: &Density) -> Vec<Bone> {
    let [hyoid_at, thyroid_at, cricoid_at] = fronts;
    let mut hyoid = density.bone(hyoid_at, hyoid(k), Vec::new());
    hyoid.cortex_mm = 1.0;
    let mut larynx = density.bone(thyroid_at, thyroid_cartilage(k), Vec::new());
    let mut cricoid = density.bone(cricoid_at, cricoid_cartilage(k), Vec::new());
    for cartilage in [&mut larynx, &mut cricoid] {
        (cartilage.cortex_hu, cartilage.inner_hu) = (130.0 + 420.0 * age, 105.0 + 40.0 * age);
        // Patchy: some of it is bone, some of it is not yet.
        (cartilage.grain_hu, cartilage.cortex_mm) = (40.0 + 200.0 * age, 0.9);
    }
    vec![hyoid, larynx, cricoid]
}

fn hyoid(k: f32) -> Vec<Solid> {
    let body =
        Solid::Arc { c: v(0.0, -26.0, -2.0) * k, radius: [12.0 * k, 9.0 * k], side: -1.0, r: 2.4 * k, flat: 0.55 };
    let mut solids = vec![body];
    for s in SIDES {
        solids.push(rod(v(s * 12.5, -26.0, -2.0) * k, v(s * 20.0, -6.0, 2.0) * k, 2.0 * k, 1.3 * k));
        solids.push(ball(v(s * 20.0, -6.0, 2.0) * k, v(2.0, 2.4, 2.0) * k));
    }
    solids
}

/// Two plates that meet in front at the prominence, with horns up and down behind.
fn thyroid_cartilage(k: f32) -> Vec<Solid> {
    let mut solids = Vec::new();
    for s in SIDES {
        let (front, back) = (v(s * 1.2, -37.0, 2.0) * k, v(s * 19.0, -9.0, 2.0) * k);
        let way = (back - front).unit();
        let axes = [way, v(-way.y, way.x, 0.0), v(0.0, 0.0, 1.0)];
        let half = v(0.5 * (back - front).length(), 1.3 * k, 9.5 * k);
        solids.push(Solid::Slab { c: (front + back) * 0.5, axes, half, round: 1.2 * k });
        solids.push(rod(back, back + v(0.0, 3.0, 22.0) * k, 1.7 * k, 1.3 * k));
        solids.push(rod(back, back + v(-2.0 * s, 1.0, -16.0) * k, 1.7 * k, 1.4 * k));
    }
    solids
}

/// A signet ring: low in front, high behind; and the arytenoids on it.
fn cricoid_cartilage(k: f32) -> Vec<Solid> {
    let arc = |side: f32, r: f32, flat: f32, z: f32| Solid::Arc {
        c: v(0.0, -17.2, z) * k,
        radius: [11.5 * k, 11.6 * k],
        side,
        r: r * k,
        flat,
    };
    let mut solids = vec![arc(-1.0, 1.7, 0.5, -0.5), arc(1.0, 2.0, 0.2, 4.0)];
    for s in SIDES {
        solids.push(rod(v(s * 5.5, -9.0, 14.0) * k, v(s * 4.5, -11.5, 20.0) * k, 2.2 * k, 1.2 * k));
    }
    solids
}
