//! The column of the neck: where each vertebra from C1 to T5 sits, how it is turned, and its measures. No shapes.

use rand::Rng;

use super::build::Build;
use super::geometry::{Frame, Vec3, v};
use super::stream::{Purpose, stream};
use super::vertebra::Measures;

/// Vertebrae from C1 to T5: enough for the longest scan of a neck.
pub(super) const COUNT: usize = 12;
/// Height of each vertebra's origin above the centre of C1, C1 to T5, mm at scale 1.
const HEIGHTS: [f32; COUNT] = [0.0, -22.5, -39.5, -55.0, -70.5, -86.3, -102.8, -120.5, -139.0, -158.0, -177.5, -197.5];
/// Height of T1.
pub(super) const T1: f32 = HEIGHTS[7];
/// How much of the head's turn against the chest each of them has made: two thirds lie between C1 and C2.
const TURNED: [f32; COUNT] = [1.0, 0.34, 0.28, 0.22, 0.16, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0];

/// The vertebrae's places and measures, C1 to T5.
pub(super) struct Column {
    pub frames: [Frame; COUNT],
    pub measures: [Measures; COUNT],
    /// Turn of each about the body's long axis, radians.
    pub turns: [f32; COUNT],
    /// The skull, with its origin at the centre of C1.
    pub head: Frame,
}

impl Column {
    pub(super) fn new(build: &Build, seed: u64) -> Self {
        let rng = &mut stream(seed, Purpose::Column);
        let jitter: [f32; COUNT] = std::array::from_fn(|_| rng.random_range(-1.0..=1.0) * build.jitter);
        let centres = centres(build, &jitter);
        let turns = TURNED.map(|share| build.pose.turn + share * build.pose.head_turn);
        let frames: [Frame; COUNT] = std::array::from_fn(|i| frame(&centres, i, turns[i]));
        let measures = std::array::from_fn(|i| {
            let mut m = measures(build, &centres, i);
            let wide = build.broad * (1.0 + rng.random_range(-1.0..=1.0) * build.jitter);
            (m.k, m.a, m.b) = (m.k * wide, m.a * wide, m.b * wide);
            m.b *= 1.0 + rng.random_range(-1.0..=1.0) * build.jitter;
            m.spine *= build.spine * rng.random_range(0.92..=1.08);
            m.swerve = rng.random_range(-2.5..=2.5);
            m.fork = rng.random_range(0.6..=1.35);
            m.foramen = rng.random_range(0.85..=1.15);
            m.canal = build.canal;
            m.skew = rng.random_range(-1.0..=1.0) * build.jitter;
            m
        });
        let head = head(build, &centres, turns[0]);
        Self { frames, measures, turns, head }
    }
}

/// How far the curve bows at `z` mm from its middle, 1 at 60 mm: a parabola that straightens in the chest.
fn bow(z: f32) -> f32 {
    let u = z.abs() / 60.0;
    if u > 1.0 { 1.0 + 2.0 * (u - 1.0) - 0.6 * (u - 1.0).powi(2) } else { u * u }
}

/// Centres in the world, bowed to the front and to the side, then posed around C4.
fn centres(build: &Build, jitter: &[f32; COUNT]) -> [Vec3; COUNT] {
    let pivot = HEIGHTS[3] * build.size;
    let pose = Frame::new(v(0.0, 0.0, pivot), build.pose.flexion, build.pose.lean, build.pose.turn);
    std::array::from_fn(|i| {
        // The space that a taller neighbour takes; C1 on C2 stays as it is, for the joints' sake.
        let z = (HEIGHTS[i] + if i > 1 { 12.0 * jitter[i] } else { 0.0 }) * build.size - pivot;
        let bow = bow(z) * build.size;
        pose.outside(v(build.bend * bow, build.lordosis * bow, z))
    })
}

/// Upright along the curve. C1 is parallel to C2 but for its turn: it spins on the dens.
fn frame(centres: &[Vec3; COUNT], index: usize, turn: f32) -> Frame {
    let at = index.max(1);
    let way = (centres[at - 1] - centres[(at + 1).min(COUNT - 1)]).unit();
    let follow = if index < 2 { 0.85 } else { 1.0 };
    Frame::new(centres[index], -(way.y / way.z).atan() * follow, (way.x / way.z).atan(), turn)
}

fn measures(build: &Build, centres: &[Vec3; COUNT], index: usize) -> Measures {
    let gap = |i: usize| (centres[i] - centres[(i + 1).min(COUNT - 1)]).length().max(1.0);
    let above = gap(index.saturating_sub(1));
    let below = if index == COUNT - 1 { above } else { gap(index) };
    let bifid = (1..=4).contains(&index) || (index == 5 && build.bifid_c6);
    let mut m = Measures::new(index, build.size, above, below, bifid);
    // Behind the bodies, the vertebrae of a neck that bows to the front are closer to each other.
    let lever = m.pillar().y * 2.0 * build.lordosis / (60.0 * 60.0 * build.size);
    let lever = if index > 6 { 0.4 * lever } else { lever };
    m.pillar_above -= lever * above;
    m.pillar_below -= lever * below;
    m
}

/// The skull follows C1, nods a little on it, and is held level against the curve.
fn head(build: &Build, centres: &[Vec3; COUNT], turn: f32) -> Frame {
    let c1 = frame(centres, 0, 0.0);
    let flexion = c1.axes[1].z.atan2(c1.axes[1].y);
    let lean = -c1.axes[0].z.atan2(c1.axes[0].x);
    Frame::new(centres[0], 0.7 * flexion + build.pose.nod * 0.6, lean, turn)
}
