//! C1, the atlas: a ring of two arches and two lateral masses, without a body.

use super::{Measures, SHOULDER_SLOPE, Shape, leaning};
use crate::phantom::geometry::{Vec3, v};
use crate::phantom::solid::{Solid, ball, plate, rod};

/// The left occipital condyle in the frame of C1, at scale 1.
pub(in crate::phantom) const CONDYLE: Vec3 = v(16.5, 0.5, 19.5);
/// Its half axes.
pub(in crate::phantom) const CONDYLE_RADII: Vec3 = v(7.0, 11.5, 9.0);

/// The ring of C1; `cleft_mm` is the width of a gap in the middle of the posterior arch, 0 where it has closed.
pub(in crate::phantom) fn atlas(m: &Measures, cleft_mm: f32) -> Shape {
    let k = m.k;
    let mut shape = Shape::skewed(m.skew);
    arches(&mut shape, k);
    lateral_masses(&mut shape, k);
    shape.both(|s| plate(v(s * 20.0 * k, -1.0, -1.0), v(s * 34.5 * k, 1.5, -4.5), 2.1 * k, 0.7));
    shape.both(|s| plate(v(s * 20.0 * k, 8.0, -1.5), v(s * 35.0 * k, 5.0, -5.5), 2.3 * k, 0.7));
    shape.both(|s| ball(v(s * 36.0 * k, 3.2, -5.5), v(3.2, 4.2, 4.4) * k));
    shape.both_hollows(|s| Solid::Tube { c: v(s * 29.0 * k, 3.4, 0.0), half: [3.2 * k * m.foramen, 3.3 * k] });
    joints(&mut shape, m);
    if cleft_mm > 0.0 {
        let axes = [v(0.96, 0.28, 0.0), v(-0.28, 0.96, 0.0), v(0.0, 0.0, 1.0)];
        let half = v(0.5 * cleft_mm, 9.0, 12.0);
        shape.hollows.push(Solid::Slab { c: v(0.8, 27.5 * k, -4.0), axes, half, round: 0.4 });
    }
    shape
}

fn arches(shape: &mut Shape, k: f32) {
    let arc = |c, radius, side, r, flat| Solid::Arc { c, radius, side, r, flat };
    shape.solids.push(arc(v(0.0, 1.0, 0.5), [15.5 * k, 11.4 * k], -1.0, 2.5 * k, 0.5));
    shape.solids.push(ball(v(0.0, -12.6 * k, 0.0), v(3.4, 2.6, 4.4) * k));
    shape.solids.push(arc(v(0.0, 6.0 * k, -3.5), [18.8 * k, 21.0 * k], 1.0, 2.6 * k, 0.6));
    shape.solids.push(ball(v(0.0, 28.3 * k, -4.5), v(3.2, 2.6, 4.6) * k));
    // The groove of the vertebral artery behind the lateral mass.
    shape.both_hollows(|s| rod(v(s * 25.0 * k, 11.0 * k, 2.6), v(s * 12.0 * k, 19.0 * k, 3.4), 2.7, 2.5));
}

/// The masses draw closer to each other in front.
fn lateral_masses(shape: &mut Shape, k: f32) {
    shape.both(|s| {
        let (sin, cos) = (0.36 * s.signum()).sin_cos();
        let axes = [v(cos, -sin, 0.0), v(sin, cos, 0.0), v(0.0, 0.0, 1.0)];
        Solid::Slab { c: v(s * 16.6 * k, 1.5, -0.5), axes, half: v(7.2, 10.2, 13.6) * k, round: 6.4 * k }
    });
    // Where the transverse ligament holds on.
    shape.both(|s| ball(v(s * 10.2 * k, -1.5, 0.0), v(2.2, 2.6, 2.6) * k));
}

/// The sockets of the occipital condyles above, and the plane of the joint with C2 below.
fn joints(shape: &mut Shape, m: &Measures) {
    let k = m.k;
    shape.both_hollows(|s| ball(v(s * CONDYLE.x, CONDYLE.y, CONDYLE.z) * k, CONDYLE_RADII * k + v(1.6, 1.6, 1.6)));
    shape.both_hollows(|s| {
        let axes = leaning(s, SHOULDER_SLOPE);
        // 1.6 mm above the shoulder of C2, as `axis` builds it.
        let face = v(s * 14.6 * k, 0.5, 3.2 * k - m.below) + axes[2] * (4.6 * k + 1.6);
        Solid::Slab { c: face - axes[2] * 8.0, axes, half: v(13.0, 17.0, 8.0), round: 0.5 }
    });
}
