//! The bones around the neck: skull base, jaws with teeth, hyoid and larynx, ribs, collar bones, shoulder blades.
//!
//! They make the neck look at home; none of them carries a level.

mod jaws;

mod skull;

mod thorax;

mod throat;

pub(super) use jaws::dentition;
pub(super) use thorax::{cervical_rib, ribs, shoulders};
pub(super) use throat::throat;

use super::geometry::Frame;
use super::solid::{Bone, Solid, Substance};

/// Densities that differ from patient to patient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Density {
    pub cortex_hu: f32,
    pub inner_hu: f32,
    pub seed: u32,
}

impl Density {
    fn bone(&self, frame: Frame, solids: Vec<Solid>, hollows: Vec<Solid>) -> Bone {
        Bone::new(frame, solids, hollows, &self.substance(1.5, 110.0))
    }

    /// Bone with a cortex of `cortex_mm` mm and trabeculae that differ by `grain_hu`.
    pub(super) const fn substance(&self, cortex_mm: f32, grain_hu: f32) -> Substance {
        Substance { cortex_hu: self.cortex_hu, inner_hu: self.inner_hu, cortex_mm, grain_hu, seed: self.seed }
    }
}

const SIDES: [f32; 2] = [1.0, -1.0];

/// Everything that moves with the head but the teeth; `head` has its origin at the centre of C1, `k` scales, `joint`
/// is the scale of C1.
pub(super) fn head(head: Frame, k: f32, joint: f32, density: &Density) -> Vec<Bone> {
    let mut bones = skull::skull(head, k, joint, density);
    bones.extend(jaws::jaws(head, k, density));
    bones
}
