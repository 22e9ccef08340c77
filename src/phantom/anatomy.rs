//! One patient: every bone in its place, broken where asked, and the soft tissue around them. From random numbers to shapes.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::breaking::fragments;
use super::build::{AnatomyRange, Build};
use super::column::{Column, T1};
use super::fracture::Fracture;
use super::geometry::{Frame, Vec3, mix, ramp, v};
use super::haematoma::swelling;
use super::lookalike::Lookalikes;
use super::soft::{Devices, Midline, SoftTissue};
use super::solid::{Bone, Solid, Substance};
use super::stream::{Purpose, stream};
use super::surroundings::{Density, cervical_rib, dentition, head, ribs, shoulders, throat};
use super::vertebra::{Measures, Shape, atlas, axis, subaxial, thoracic};
use crate::triage::Level;

/// A patient.
pub(super) struct Anatomy {
    pub bones: Vec<Bone>,
    /// Label of each bone in a mask: C1 to C7 are 1 to 7, T1 to T12 are 8 to 19, the others 0.
    pub labels: Vec<u8>,
    pub tissue: SoftTissue,
    /// Centres of C1 to T5 (of the chest: T4 to T12) in the world, mm.
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
        let mut rng = stream(seed, Purpose::Build);
        let build = Build::draw(range, &mut rng);
        let column = Column::new(&build, seed);
        let density = Density { cortex_hu: build.cortex_hu, inner_hu: build.inner_hu, seed: rng.random() };
        let mut bones = surroundings(&build, &column, &density, &mut rng);
        let fractured = Level::ALL.map(|level| fractures.iter().any(|f| f.level == level));
        let lookalikes = Lookalikes::draw(&range.lookalikes, build.wear, seed, fractured);
        for index in 1..column.frames.len() - 1 {
            let mut disc = disc(&build, &column, index, rng.random());
            lookalikes.disc(index, &column.measures[index], &mut disc);
            bones.push(disc);
        }
        let pattern = bone(&build, None, column.frames[0], Shape::default(), rng.random());
        // Bones are painted over what has swollen. The vertebrae come last: masks count them.
        bones.splice(0..0, swelling(seed, fractures, lookalikes.is_swollen(), &column, &pattern));
        bones.extend(lookalikes.loose(&column, &pattern));
        let mut labels = vec![0; bones.len()];
        for (index, label) in (0..column.frames.len()).zip(1..) {
            bones.push(vertebra(&build, &column, index, fractures, &lookalikes, seed));
            labels.push(label);
        }
        Self {
            bones,
            labels,
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
            return Midline { at: [at.x, at.y], height, turn: self.turns[0], tilt, slope: 0.0, drift: 0.0 };
        }
        let last = self.centres.len() - 1;
        let below = self.centres.iter().position(|c| c.z < z).unwrap_or(last).max(1);
        let (a, b) = (self.centres[below - 1], self.centres[below]);
        let t = ramp(a.z, b.z, z);
        let turn = mix(self.turns[below - 1], self.turns[below], t);
        let y = mix(a.y, b.y, t);
        let drift = self.centres.get(7).map_or(0.0, |t1| (y - t1.y).max(0.0)) / self.size;
        let drift = drift * ramp(T1, T1 - 20.0, height);
        Midline { at: [mix(a.x, b.x, t), y], height, turn, tilt, slope: 0.0, drift }
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
    let Build { cortex_hu, inner_hu, cortex_mm, .. } = *build;
    let substance = Substance { cortex_hu, inner_hu, cortex_mm, grain_hu: 0.32 * inner_hu, seed };
    Bone { level, ..Bone::new(frame, shape.solids, shape.hollows, &substance) }
}

fn vertebra(
    build: &Build,
    column: &Column,
    index: usize,
    fractures: &[Fracture],
    lookalikes: &Lookalikes,
    seed: u64,
) -> Bone {
    let level = Level::ALL.get(index).copied();
    let mut rng = stream(seed, Purpose::Vertebra(index));
    let mut m = column.measures[index];
    lookalikes.shape(index, &mut m);
    let shape = shape(&m, index, build.cleft_mm);
    let mut bone = bone(build, level, column.frames[index], shape, rng.random());
    lookalikes.dress(index, &m, &mut bone);
    for fracture in fractures.iter().filter(|f| Some(f.level) == level) {
        let mut rng = stream(seed, Purpose::Break(index, fracture.kind));
        bone.fragments.extend(fragments(fracture, &m, &mut rng));
    }
    bone
}

/// The vertebra `index` from C1 = 0, whole and healthy.
fn shape(m: &Measures, index: usize, cleft_mm: f32) -> Shape {
    match index {
        0 => atlas(m, cleft_mm),
        1 => axis(m),
        2..=6 => subaxial(m, index),
        _ => thoracic(m, index == 7),
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
    let fronts = [2, 4, 5].map(|i: usize| Frame { origin: frames[i].outside(front), ..frames[i] });
    bones.extend(throat(fronts, k * if build.female { 0.88 } else { 1.0 }, build.wear, density));
    let chest = Frame::new(frames[7].origin, 0.0, 0.0, column.turns[7]);
    bones.extend(shoulders(chest, k, build.raise_mm, density));
    for (index, order) in [(7, 0.0), (8, 1.0), (9, 2.0), (10, 3.0), (11, 4.0)] {
        bones.extend(ribs(frames[index], column.measures[index].k, order, density));
    }
    if let Some(side) = build.cervical_rib {
        bones.extend(cervical_rib(frames[6], k, side, density));
    }
    bones
}

fn soft_tissue(build: &Build, column: &Column, seed: u64) -> SoftTissue {
    let rng = &mut stream(seed, Purpose::SoftTissue);
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

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;
    use crate::phantom::build::Pose;

    /// C1 to T5, whole and healthy.
    fn column_of(seed: u64, range: &AnatomyRange) -> Vec<Bone> {
        let build = Build::draw(range, &mut stream(seed, Purpose::Build));
        let column = Column::new(&build, seed);
        let places = column.frames.iter().zip(&column.measures).enumerate();
        places.map(|(i, (frame, m))| bone(&build, Level::ALL.get(i).copied(), *frame, shape(m, i, 0.0), 7)).collect()
    }

    /// How deep two bones are inside each other, mm, and in how many points of a grid of 1.5 mm.
    fn overlap(a: &Bone, b: &Bone) -> (f32, usize) {
        let ((low, high), (low_b, high_b)) = (a.bounds(), b.bounds());
        let range = |low: f32, high: f32| (0..).map(move |i| low + 1.5 * i as f32).take_while(move |at| *at < high);
        let depth = |bone: &Bone, p: Vec3| -bone.intact(bone.frame.inside(p), &bone.solids);
        let (mut deepest, mut points) = (0.0_f32, 0);
        for z in range(low.z.max(low_b.z), high.z.min(high_b.z)) {
            for y in range(low.y.max(low_b.y), high.y.min(high_b.y)) {
                for x in range(low.x.max(low_b.x), high.x.min(high_b.x)) {
                    let p = v(x, y, z);
                    let inside = depth(a, p);
                    let both = if inside > 0.2 { inside.min(depth(b, p)) } else { 0.0 };
                    if both > 0.2 {
                        (deepest, points) = (deepest.max(both), points + 1);
                    }
                }
            }
        }
        (deepest, points)
    }

    #[test]
    fn neighbouring_vertebrae_touch_at_most() {
        let cases: Vec<(u64, AnatomyRange, f32)> = (1..4)
            .flat_map(|seed| {
                [
                    (seed, AnatomyRange::standard(), 1.0),
                    (seed, AnatomyRange::varied(), 1.5),
                    (seed, AnatomyRange::unseen(), 1.5),
                ]
            })
            .collect();
        cases.par_iter().for_each(|(seed, range, allowed)| {
            for (i, pair) in column_of(*seed, range).windows(2).enumerate() {
                let (deep, points) = overlap(&pair[0], &pair[1]);
                assert!(deep < *allowed && points < 60, "seed {seed}, vertebra {i}: {deep} mm deep, {points} points");
            }
        });
    }

    #[test]
    fn c1_turns_with_the_head_and_the_neck_follows_less_and_less() {
        let build =
            Build { pose: turned(0.3), ..Build::draw(&AnatomyRange::standard(), &mut stream(3, Purpose::Build)) };
        let turns = Column::new(&build, 3).turns;
        assert!(turns.windows(2).all(|pair| pair[0] >= pair[1]), "{turns:?}");
        assert!(turns[0] - turns[1] > 0.55 * (turns[0] - turns[7]), "most of it between C1 and C2: {turns:?}");
    }

    fn turned(head_turn: f32) -> Pose {
        Pose { flexion: 0.0, lean: 0.0, turn: 0.0, head_turn, nod: 0.0 }
    }

    #[test]
    fn unseen_patients_are_others_than_the_standard_ones() {
        let draw = |range: &AnatomyRange| -> Vec<Build> {
            (0..300).map(|seed| Build::draw(range, &mut stream(seed, Purpose::Build))).collect()
        };
        let [standard, varied, unseen] =
            [AnatomyRange::standard(), AnatomyRange::varied(), AnatomyRange::unseen()].map(|range| draw(&range));
        let most = |builds: &[Build], of: fn(&Build) -> f32| builds.iter().map(of).fold(f32::MIN, f32::max);
        let measures: [fn(&Build) -> f32; 5] =
            [|b| b.lordosis, |b| -b.lordosis, |b| b.pose.head_turn, |b| b.girth, |b| -b.cortex_mm];
        for of in measures {
            assert!(most(&unseen, of) > most(&varied, of) && most(&varied, of) > most(&standard, of));
        }
        let rare = |builds: &[Build]| builds.iter().filter(|b| b.cleft_mm > 0.0 || b.cervical_rib.is_some()).count();
        assert!(rare(&standard) < 30 && rare(&unseen) > 45, "{} {}", rare(&standard), rare(&unseen));
        let mean = |builds: &[Build]| builds.iter().map(|b| b.inner_hu).sum::<f32>() / 300.0;
        assert!(mean(&unseen) < mean(&standard) - 40.0);
    }

    #[test]
    fn a_cleft_opens_the_posterior_arch_of_c1() {
        let build = Build::draw(&AnatomyRange::standard(), &mut stream(4, Purpose::Build));
        let column = Column::new(&build, 4);
        let middle = |cleft_mm: f32| {
            let shape = atlas(&column.measures[0], cleft_mm);
            let bone = bone(&build, Some(Level::C1), column.frames[0], shape, 1);
            bone.intact(v(0.8, 27.0 * column.measures[0].k, -3.5), &bone.solids)
        };
        assert!(middle(0.0) < -0.5 && middle(4.0) > 0.5, "{} {}", middle(0.0), middle(4.0));
    }
}
