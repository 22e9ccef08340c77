//! One patient: every bone in its place, broken where asked, and the soft tissue around them. From random numbers to shapes.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::breaking::fragments;
use super::build::{AnatomyRange, Build};
use super::column::Column;
use super::fracture::Fracture;
use super::geometry::{Frame, Vec3, mix, ramp, v};
use super::noise::hash;
use super::soft::{Devices, Midline, SoftTissue};
use super::solid::{Bone, Solid, rod};
use super::surroundings::{Density, cervical_rib, dentition, head, ribs, shoulders, throat};
use super::vertebra::{Measures, Shape, atlas, axis, subaxial, thoracic};
use crate::triage::Level;

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
    /// Turn of each of them about the body's long axis, radians.
    pub turns: Vec<f32>,
    /// Which way the head points from C1.
    pub head: Vec3,
    pub size: f32,
}

impl Anatomy {
    /// The patient of this seed, with these fractures.
    pub(super) fn new(seed: u64, range: &AnatomyRange, fractures: &[Fracture]) -> Self {
        let mut rng = stream(seed, 1);
        let build = Build::draw(range, &mut rng);
        let column = Column::new(&build, seed);
        let density = Density { cortex_hu: build.cortex_hu, inner_hu: build.inner_hu, seed: rng.random() };
        let mut bones = surroundings(&build, &column, &density, &mut rng);
        for index in 1..9 {
            bones.push(disc(&build, &column, index, rng.random()));
        }
        for index in 0..column.frames.len() {
            bones.push(vertebra(&build, &column, index, fractures, seed));
        }
        Self {
            bones,
            tissue: soft_tissue(&build, &column, seed),
            centres: column.frames.iter().map(|f| f.origin).collect(),
            turns: column.turns.to_vec(),
            head: column.head.axes[2],
            size: build.size,
        }
    }

    /// Where the neck's midline is at the height `z` in the world.
    pub(super) fn midline(&self, z: f32) -> Midline {
        let height = (z - self.centres[0].z) / self.size;
        let (sin, cos) = self.turns[0].sin_cos();
        let tilt = (self.head.x * sin - self.head.y * cos) / self.head.z;
        if height > 0.0 {
            let at = self.centres[0] + self.head * ((z - self.centres[0].z) / self.head.z);
            return Midline { at: [at.x, at.y], height, turn: self.turns[0], tilt };
        }
        let last = self.centres.len() - 1;
        let below = self.centres.iter().position(|c| c.z < z).unwrap_or(last).max(1);
        let (a, b) = (self.centres[below - 1], self.centres[below]);
        let t = ramp(a.z, b.z, z);
        let turn = mix(self.turns[below - 1], self.turns[below], t);
        Midline { at: [mix(a.x, b.x, t), mix(a.y, b.y, t)], height, turn, tilt }
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

fn bone(build: &Build, level: Option<Level>, frame: Frame, shape: Shape, seed: u32) -> Bone {
    Bone {
        level,
        frame,
        solids: shape.solids,
        hollows: shape.hollows,
        fragments: Vec::new(),
        inclusions: Vec::new(),
        cortex_hu: build.cortex_hu,
        inner_hu: build.inner_hu,
        cortex_mm: build.cortex_mm,
        grain_hu: 0.32 * build.inner_hu,
        seed,
    }
}

fn vertebra(build: &Build, column: &Column, index: usize, fractures: &[Fracture], seed: u64) -> Bone {
    let level = Level::ALL.get(index).copied();
    let mut rng = stream(seed, 100 + index as u64);
    let m = column.measures[index];
    let mut pieces = Vec::new();
    for fracture in fractures.iter().filter(|f| Some(f.level) == level) {
        let mut rng = stream(seed, 1000 + 100 * index as u64 + fracture.kind as u64);
        pieces.extend(fragments(fracture, &m, &mut rng));
    }
    let mut shape = match index {
        0 => atlas(&m, build.cleft_mm),
        1 => axis(&m),
        2..=6 => subaxial(&m, index),
        _ => thoracic(&m, index == 7),
    };
    if index > 1 {
        spurs(&mut shape, &m, build.wear, &mut rng);
    }
    let mut bone = bone(build, level, column.frames[index], shape, rng.random());
    bone.fragments = pieces;
    bone
}

/// Bony spurs on the front and side rims of a worn body.
fn spurs(shape: &mut Shape, m: &Measures, wear: f32, rng: &mut Xoshiro256PlusPlus) {
    for way in [1.0, -1.0] {
        let (strength, x): (f32, f32) = (rng.random::<f32>() * wear, rng.random_range(-0.6..=0.6));
        if strength > 0.3 {
            let (wide, z) = (rng.random_range(2.0..=5.0), way * (m.front - 0.6));
            let y = -m.b - 1.8 * strength + 1.0;
            let (a, b) = (v(x * m.a - wide, y + 0.6, z), v(x * m.a + wide, y + 0.6, z));
            shape.solids.push(rod(a, b, 1.0 + strength, 1.0 + strength));
        }
    }
}

/// The disc between the vertebra `index` and the next one.
fn disc(build: &Build, column: &Column, index: usize, seed: u32) -> Bone {
    let (m, upper, lower) = (&column.measures[index], &column.frames[index], &column.frames[index + 1]);
    let frame = Frame { origin: (upper.origin + lower.origin) * 0.5, ..*upper };
    let height = 0.5 * m.below - m.front.min(m.back) + 1.6;
    let solid = Solid::Body { c: Vec3::default(), half: [m.a * 0.96, m.b * 0.97], front: height, back: height };
    let mut bone = bone(build, None, frame, Shape { solids: vec![solid], ..Shape::default() }, seed);
    (bone.cortex_hu, bone.inner_hu, bone.grain_hu, bone.cortex_mm) = (120.0, 92.0, 12.0, 3.0);
    bone
}

/// All bones without a level, and the cartilages.
fn surroundings(build: &Build, column: &Column, density: &Density, rng: &mut Xoshiro256PlusPlus) -> Vec<Bone> {
    let (k, frames) = (build.size, &column.frames);
    let mut bones = head(column.head, k, column.measures[0].k, density);
    bones.extend(dentition(column.head, k, density, rng));
    let front = v(0.0, -9.0 * k, 0.0);
    let neck = Frame { origin: frames[3].outside(front), ..frames[3] };
    bones.extend(throat(neck, k * if build.female { 0.88 } else { 1.0 }, build.wear, density));
    bones.extend(shoulders(frames[7], k, build.raise_mm, density));
    for (index, order) in [(7, 0.0), (8, 1.0), (9, 2.0)] {
        bones.extend(ribs(frames[index], column.measures[index].k, order, density));
    }
    if let Some(side) = build.cervical_rib {
        bones.extend(cervical_rib(frames[6], k, side, density));
    }
    bones
}

fn soft_tissue(build: &Build, column: &Column, seed: u64) -> SoftTissue {
    let rng = &mut stream(seed, 12);
    let contrast = rng.random_bool(0.15);
    let (top, low) = (column.frames[0].origin, column.frames[7].origin);
    let back = low.y.max(top.y + 20.0) + rng.random_range(66.0..=88.0) * build.girth.max(1.0);
    SoftTissue {
        size: build.size,
        fat_mm: build.fat_mm,
        girth: build.girth,
        blood_hu: if contrast { rng.random_range(150.0..=330.0) } else { 45.0 },
        airway: build.airway,
        canal: build.canal,
        marbling: 0.15 + 0.85 * build.wear,
        raise_mm: build.raise_mm,
        devices: Devices::draw(back, rng),
        seed: rng.random(),
    }
}
