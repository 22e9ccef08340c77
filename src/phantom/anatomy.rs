//! One patient: every bone in its place, broken where asked, and the soft tissue around them. From random numbers to shapes.

use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::breaking::fragments;
use super::fracture::Fracture;
use super::geometry::{Frame, Vec3, mix, ramp, v};
use super::haematoma::swelling;
use super::lookalike::{LookalikeRange, Lookalikes};
use super::noise::hash;
use super::soft::{Midline, SoftTissue};
use super::solid::{Bone, Solid};
use super::surroundings::{Density, head, ribs, shoulders, throat};
use super::vertebra::{Measures, Shape, atlas, axis, subaxial};
use crate::triage::Level;

/// Height of each vertebra's origin above the centre of C1, C1 to T3, mm at scale 1.
const HEIGHTS: [f32; 10] = [0.0, -22.5, -39.5, -55.0, -70.5, -86.3, -102.8, -120.5, -139.0, -158.0];

/// A stream of random numbers of its own for each purpose, so that a change in one does not shift the others.
pub(super) fn stream(seed: u64, purpose: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(hash(hash(seed) ^ purpose))
}

/// A patient.
pub(super) struct Anatomy {
    pub bones: Vec<Bone>,
    pub tissue: SoftTissue,
    /// Centres of C1 to T3 (of the chest: T4 to T12) in the world, mm.
    pub centres: Vec<Vec3>,
    pub size: f32,
}

/// What differs from patient to patient in the spine.
struct Build {
    size: f32,
    /// Scale of widths against heights.
    broad: f32,
    lordosis: f32,
    /// 0 young, 1 worn: spurs on the rims of the bodies.
    wear: f32,
    bifid_c6: bool,
    pose: Pose,
    density: Density,
}

#[derive(Clone, Copy)]
struct Pose {
    flexion: f32,
    lean: f32,
    turn: f32,
}

fn truncated(rng: &mut Xoshiro256PlusPlus, mean: f32, deviation: f32, low: f32, high: f32) -> f32 {
    // The deviation is a positive constant, so the fallback is never taken.
    Normal::new(mean, deviation).map_or(mean, |n| n.sample(rng)).clamp(low, high)
}

impl Build {
    fn draw(rng: &mut Xoshiro256PlusPlus) -> Self {
        let strength = truncated(rng, 0.0, 1.0, -1.8, 1.8);
        Self {
            size: truncated(rng, 1.0, 0.055, 0.87, 1.13),
            broad: truncated(rng, 1.0, 0.04, 0.9, 1.1),
            lordosis: truncated(rng, 6.0, 3.0, -1.0, 12.0),
            wear: rng.random::<f32>().powi(2),
            bifid_c6: rng.random::<bool>(),
            pose: Pose {
                flexion: truncated(rng, 0.02, 0.06, -0.14, 0.16),
                lean: truncated(rng, 0.0, 0.035, -0.09, 0.09),
                turn: truncated(rng, 0.0, 0.06, -0.15, 0.15),
            },
            density: Density {
                cortex_hu: 1080.0 + 130.0 * strength,
                inner_hu: 310.0 + 85.0 * strength,
                seed: rng.random(),
            },
        }
    }

    /// Centres of C1 to T3 in the world: a parabola, then posed around C4.
    fn centres(&self) -> [Vec3; 10] {
        let pivot = HEIGHTS[3] * self.size;
        let pose = Frame::new(v(0.0, 0.0, pivot), self.pose.flexion, self.pose.lean, self.pose.turn);
        HEIGHTS.map(|height| {
            let z = height * self.size - pivot;
            pose.outside(v(0.0, self.lordosis * (z / 60.0).powi(2) * self.size, z))
        })
    }

    /// The frame of one vertebra: upright along the curve.
    fn frame(&self, centres: &[Vec3; 10], index: usize) -> Frame {
        let from = centres[(index + 1).min(9)];
        let to = centres[index.saturating_sub(1)];
        let way = (to - from).unit();
        // C1 and C2 turn a little less than the curve's end.
        let follow = if index < 2 { 0.85 } else { 1.0 };
        Frame::new(centres[index], -(way.y / way.z).atan() * follow, (way.x / way.z).atan(), self.pose.turn)
    }

    fn measures(&self, centres: &[Vec3; 10], index: usize) -> Measures {
        let to_next = |i: usize| (centres[i] - centres[(i + 1).min(9)]).length().max(1.0);
        let above = to_next(index.saturating_sub(1));
        let below = if index == 9 { above } else { to_next(index) };
        let bifid = (1..=4).contains(&index) || (index == 5 && self.bifid_c6);
        let mut m = Measures::new(index, self.size, above, below, bifid);
        m.k *= self.broad;
        m.a *= self.broad;
        m.b *= self.broad;
        m
    }

    fn bone(&self, level: Option<Level>, frame: Frame, shape: Shape, seed: u32) -> Bone {
        Bone {
            level,
            frame,
            solids: shape.solids,
            hollows: shape.hollows,
            fragments: Vec::new(),
            inclusions: Vec::new(),
            cortex_hu: self.density.cortex_hu,
            inner_hu: self.density.inner_hu,
            cortex_mm: 1.1,
            grain_hu: 95.0,
            seed,
        }
    }
}

fn disc(build: &Build, frames: [&Frame; 2], m: &Measures, seed: u32) -> Bone {
    let middle = (frames[0].origin + frames[1].origin) * 0.5;
    let frame = Frame { origin: middle, ..*frames[0] };
    let height = 0.5 * m.below - m.front.min(m.back) + 1.2;
    let solid = Solid::Body { c: Vec3::default(), half: [m.a * 0.97, m.b * 0.97], front: height, back: height };
    let mut bone = build.bone(None, frame, Shape { solids: vec![solid], hollows: Vec::new() }, seed);
    (bone.cortex_hu, bone.inner_hu, bone.grain_hu, bone.cortex_mm) = (115.0, 92.0, 12.0, 3.0);
    bone
}

impl Anatomy {
    /// The patient of this seed, with these fractures.
    pub(super) fn new(seed: u64, fractures: &[Fracture]) -> Self {
        let mut rng = stream(seed, 1);
        let build = Build::draw(&mut rng);
        let centres = build.centres();
        let frames: [Frame; 10] = std::array::from_fn(|i| build.frame(&centres, i));
        let head_frame = Frame::new(
            centres[0],
            build.pose.flexion - 0.5 * (build.lordosis / 60.0) + truncated(&mut rng, 0.0, 0.05, -0.12, 0.12),
            build.pose.lean,
            build.pose.turn + truncated(&mut rng, 0.0, 0.03, -0.07, 0.07),
        );
        let k = build.size;
        let mut bones = head(head_frame, k, &build.density, rng.random_bool(0.85));
        let front = v(0.0, -9.0 * k, 0.0);
        bones.extend(throat(Frame { origin: frames[3].outside(front), ..frames[3] }, k, &build.density));
        let raise = rng.random_range(-12.0..=14.0);
        bones.extend(shoulders(frames[7], k, raise, &build.density));
        for (index, order) in [(7, 0.0), (8, 1.0), (9, 2.0)] {
            bones.extend(ribs(frames[index], k, order, &build.density));
        }
        let fractured = Level::ALL.map(|level| fractures.iter().any(|f| f.level == level));
        let lookalikes = Lookalikes::draw(&LookalikeRange::standard(), build.wear, seed, fractured);
        let measures: [Measures; 10] = std::array::from_fn(|index| build.measures(&centres, index));
        for (index, m) in measures.iter().enumerate().take(9).skip(1) {
            let mut disc = disc(&build, [&frames[index], &frames[index + 1]], m, rng.random());
            lookalikes.disc(index, m, &mut disc);
            bones.push(disc);
        }
        for (index, frame) in frames.iter().enumerate() {
            bones.push(vertebra(&build, &measures[index], index, *frame, fractures, &lookalikes, seed));
        }
        if let Some(pattern) = bones.last() {
            let swelling = swelling(seed, fractures, lookalikes.is_swollen(), &frames, &measures, pattern);
            let loose = lookalikes.loose(&frames, &measures, pattern);
            bones.extend(loose);
            // Bones are painted over what has swollen.
            bones.splice(0..0, swelling);
        }
        let tissue = soft_tissue(&mut rng, &build, &centres);
        Self { bones, tissue, centres: centres.to_vec(), size: k }
    }

    /// Where the neck's midline is at the height `z` in the world.
    pub(super) fn midline(&self, z: f32) -> Midline {
        let last = self.centres.len() - 1;
        let below = self.centres.iter().position(|c| c.z < z).unwrap_or(last).max(1);
        let (a, b) = (self.centres[below - 1], self.centres[below]);
        let t = ramp(a.z, b.z, z);
        let height = (z - self.centres[0].z) / self.size;
        Midline { at: [mix(a.x, b.x, t), mix(a.y, b.y, t)], height }
    }

    /// Centre of C4's body (of the chest: T7's) in the world, mm.
    pub(super) fn centre(&self) -> Vec3 {
        self.centres[3]
    }

    /// Upper end of the first and lower end of the seventh vertebra in the world, about, mm.
    pub(super) fn neck(&self) -> [f32; 2] {
        [self.centres[0].z + 13.0 * self.size, self.centres[6].z - 22.0 * self.size]
    }
}

fn vertebra(
    build: &Build,
    measures: &Measures,
    index: usize,
    frame: Frame,
    fractures: &[Fracture],
    lookalikes: &Lookalikes,
    seed: u64,
) -> Bone {
    let level = Level::ALL.get(index).copied();
    let mut rng = stream(seed, 100 + index as u64);
    let mut m = *measures;
    lookalikes.shape(index, &mut m);
    let shape = match index {
        0 => atlas(m.k, m.below),
        1 => axis(&m),
        _ => subaxial(&m, index > 6),
    };
    let mut bone = build.bone(level, frame, shape, rng.random());
    lookalikes.dress(index, &m, &mut bone);
    for fracture in fractures.iter().filter(|f| Some(f.level) == level) {
        let mut rng = stream(seed, 1000 + 100 * index as u64 + fracture.kind as u64);
        bone.fragments.extend(fragments(fracture, &m, &mut rng));
    }
    bone
}

fn soft_tissue(rng: &mut Xoshiro256PlusPlus, build: &Build, centres: &[Vec3; 10]) -> SoftTissue {
    let girth = truncated(rng, 1.0, 0.09, 0.82, 1.25);
    let contrast = rng.random_bool(0.15);
    let back = centres[7].y.max(centres[0].y + 20.0) + rng.random_range(62.0..=85.0);
    SoftTissue {
        size: build.size,
        turn: build.pose.turn,
        fat_mm: mix(3.5, 12.0, rng.random::<f32>().powi(2)) * girth,
        girth,
        blood_hu: if contrast { rng.random_range(150.0..=300.0) } else { 45.0 },
        airway: truncated(rng, 1.0, 0.15, 0.7, 1.35),
        table_y: back,
        seed: rng.random(),
    }
}
