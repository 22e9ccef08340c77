//! Swollen tissue in front of the spine: often with a fracture of the body or of C1 and C2, now and then without one.

use rand::Rng;

use super::column::Column;
use super::fracture::Fracture;
use super::geometry::v;
use super::solid::{Bone, ball};
use super::stream::{Purpose, stream};

/// Share of the displaced fractures in front that bleed visibly.
const BLEEDS: f64 = 0.55;
/// Beyond this difficulty nothing is displaced enough to bleed.
const DISPLACED: f32 = 0.75;

/// Blood or oedema, to be painted before the bones; `without` a fracture: whether there is some all the same.
pub(super) fn swelling(
    seed: u64,
    fractures: &[Fracture],
    without: bool,
    column: &Column,
    pattern: &Bone,
) -> Option<Bone> {
    let rng = &mut stream(seed, Purpose::Swelling);
    let idle = rng.random_range(1..=5);
    let bleeding = fractures
        .iter()
        .find(|f| f.kind.in_front() && f.difficulty < DISPLACED && rng.random_bool(BLEEDS))
        .map(|f| f.level as usize);
    let index = bleeding.or_else(|| (fractures.is_empty() && without).then_some(idle))?;
    let (m, thick) = (&column.measures[index], rng.random_range(2.0..=7.0));
    let half = v(rng.random_range(13.0..=18.0), 2.0 + thick, rng.random_range(16.0..=26.0));
    let at = v(rng.random_range(-2.0..=2.0), -m.b - 1.5 - 0.5 * thick, rng.random_range(-5.0..=5.0));
    let mut bone = pattern.like(column.frames[index], vec![ball(at, half)]);
    (bone.cortex_hu, bone.inner_hu, bone.grain_hu) = (48.0, 54.0, 12.0);
    Some(bone)
}
