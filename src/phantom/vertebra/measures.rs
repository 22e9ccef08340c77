//! The measures from which a vertebra is built, and by which a fracture finds its parts. Numbers only.

use crate::phantom::geometry::{Vec3, mix, v};

/// Millimetres, in the frame of the vertebra.
#[derive(Clone, Copy, Debug)]
pub(in crate::phantom) struct Measures {
    /// Scale against the mean adult's C5.
    pub k: f32,
    /// Half width and half depth of the body.
    pub a: f32,
    pub b: f32,
    /// Half height of the body, front and back.
    pub front: f32,
    pub back: f32,
    /// Length and drop of the spinous process.
    pub spine: f32,
    pub drop: f32,
    pub bifid: bool,
    /// Distance along the neck to the vertebra above and to the one below.
    pub above: f32,
    pub below: f32,
    /// The same at the articular pillars: less than at the bodies where the neck bends backwards.
    pub pillar_above: f32,
    pub pillar_below: f32,
    /// How far the tip of the spinous process lies to the left.
    pub swerve: f32,
    /// Spread of a bifid process, width of the canal and of the transverse foramina, all relative to the usual one.
    pub fork: f32,
    pub canal: f32,
    pub foramen: f32,
    /// By how much of its width the left half is wider than the right one.
    pub skew: f32,
}

impl Measures {
    /// `index` counts from C1 = 0; `above` and `below` are distances to the neighbours' origins.
    pub(in crate::phantom) fn new(index: usize, size: f32, above: f32, below: f32, bifid: bool) -> Self {
        const SPINE: [f32; 8] = [0.0, 16.0, 11.5, 12.5, 15.0, 22.0, 31.0, 32.0];
        const DROP: [f32; 8] = [0.0, 6.0, 8.5, 9.0, 10.0, 11.5, 16.0, 18.0];
        let k = size * (0.91 + 0.04 * (index as f32 - 2.0).clamp(0.0, 7.0));
        // The disc takes a good quarter of the way to the next body.
        let height = 0.5 * (below - mix(4.2, 5.0, 0.1 * index as f32) * size);
        Self {
            k,
            a: 9.8 * k,
            b: 8.0 * k,
            front: height,
            back: height,
            spine: SPINE[index.min(7)] * size,
            drop: DROP[index.min(7)] * size,
            bifid,
            above,
            below,
            pillar_above: above,
            pillar_below: below,
            swerve: 0.0,
            fork: 1.0,
            canal: 1.0,
            foramen: 1.0,
            skew: 0.0,
        }
    }

    /// Centre of the left articular pillar.
    pub(in crate::phantom) fn pillar(&self) -> Vec3 {
        v(18.5 * self.k, self.b + 6.0 * self.k, 0.0)
    }

    /// Where the laminae meet.
    pub(in crate::phantom) fn spinolaminar(&self) -> Vec3 {
        v(0.0, self.b + 17.5 * self.k, -3.5 * self.k)
    }
}
