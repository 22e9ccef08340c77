//! How the scanner looks at the patient: matrix, spacing, thickness, position, direction, tilt.
//!
//! Everything is laid out as the gantry sees it: with a tilted gantry the patient lies turned, and the slices are straight.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::anatomy::Anatomy;
use super::geometry::{Frame, Vec3, index_below, v};
use super::spec::{Direction, Padding, Protocol, Region, StudySpec};
use super::stream::{Purpose, stream};
use crate::published;

/// Slices of a spacing that is asked for are at most so thick, mm.
const THICKEST_MM: f32 = 1.0;

/// How the scanner looked at the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    /// Number of slices.
    pub slices: usize,
    /// Distance between slices along their normal, mm.
    pub spacing_mm: f32,
    /// SliceThickness, mm.
    pub thickness_mm: f32,
    /// Between rows and between columns, mm.
    pub pixel_spacing_mm: f32,
    /// Rows and columns.
    pub matrix: u16,
    /// Whether slice 0 is the lowest.
    pub foot_to_head: bool,
    /// What to add to a place in the phantom for `ImagePositionPatient`, mm.
    pub table_offset_mm: [f32; 3],
    /// Value outside the scanned circle, where the study has one.
    pub padding_hu: Option<i16>,
    /// Tilt of the gantry.
    pub tilt: Tilt,
    top_mm: f32,
    corner_mm: [f32; 2],
}

/// A gantry turned about the axis from the patient's right to the left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tilt {
    /// Radians; positive with the back of each slice nearer to the head than its front.
    pub angle: f32,
    /// What stays where it is: y and z, mm.
    pivot: [f32; 2],
}

impl Tilt {
    /// The tilt that the seed gives.
    pub(super) fn draw(spec: &StudySpec, anatomy: &Anatomy) -> Self {
        let rng = &mut stream(spec.seed, Purpose::Tilt);
        let centre = anatomy.centre();
        let degrees = if spec.protocol == Protocol::Spacing { 0.0 } else { spec.profile.scanner().tilt_deg(rng) };
        Self { angle: degrees.to_radians(), pivot: [centre.y, centre.z] }
    }

    /// A direction as the patient has it, from how the gantry has it.
    fn of_patient(&self, d: Vec3) -> Vec3 {
        let (sin, cos) = self.angle.sin_cos();
        v(d.x, d.y * cos - d.z * sin, d.y * sin + d.z * cos)
    }

    /// A direction as the gantry has it, from how the patient has it.
    fn of_gantry(&self, d: Vec3) -> Vec3 {
        let (sin, cos) = self.angle.sin_cos();
        v(d.x, d.y * cos + d.z * sin, d.z * cos - d.y * sin)
    }

    fn pivot(&self) -> Vec3 {
        v(0.0, self.pivot[0], self.pivot[1])
    }

    /// Turns the patient so that the slices of the gantry lie straight.
    pub(super) fn turn(&self, anatomy: &mut Anatomy) {
        if self.angle == 0.0 {
            return;
        }
        let turned = |p: Vec3| self.pivot() + self.of_gantry(p - self.pivot());
        for bone in &mut anatomy.bones {
            let Frame { origin, axes } = bone.frame;
            bone.frame = Frame { origin: turned(origin), axes: axes.map(|axis| self.of_gantry(axis)) };
        }
        anatomy.head = self.of_gantry(anatomy.head);
        anatomy.centres.iter_mut().for_each(|centre| *centre = turned(*centre));
    }

    /// How far the table, which moves straight, has shifted the patient to the back at a height, mm.
    fn shift(&self, height: f32) -> f32 {
        (height - self.pivot[1]) * self.angle.tan()
    }

    /// Where a slice at a height cuts a level surface at `y` mm, such as the table.
    pub(super) fn level(&self, y: f32, height: f32) -> f32 {
        let (sin, cos) = self.angle.sin_cos();
        self.pivot[0] + (y - self.pivot[0] + (height - self.pivot[1]) * sin) / cos
    }
}

/// Thickness and distance of the slices and width of the field of view, mm.
struct Settings {
    thickness: f32,
    spacing: f32,
    extent: f32,
    field: f32,
}

impl Settings {
    fn draw(spec: &StudySpec, [top, bottom]: [f32; 2], rng: &mut Xoshiro256PlusPlus) -> Self {
        let neck = top - bottom;
        let spacing = rng.random_range(spec.spacing_mm.clone());
        let quick = Self {
            thickness: spacing.min(THICKEST_MM),
            spacing,
            extent: rng.random_range(180.0..=230.0_f32).max(neck + 34.0),
            field: 512.0 * rng.random_range(0.30..=0.45_f32),
        };
        if spec.protocol == Protocol::Spacing {
            return quick;
        }
        let range = spec.profile.scanner();
        let [thickness, usual] = range.slices(rng);
        let spacing = if spec.protocol == Protocol::Respaced { spacing } else { usual };
        let finest = 0.31 * if spec.matrix > 512 { f32::from(spec.matrix) } else { 512.0 };
        Self { thickness, spacing, extent: neck + beyond_mm(rng), field: range.field_mm(rng).max(finest) }
    }
}

/// How far the scan reaches beyond the neck, mm: most by a few centimetres, some far into head or chest, a few too short.
fn beyond_mm(rng: &mut Xoshiro256PlusPlus) -> f32 {
    let kind: f32 = rng.random();
    match kind {
        ..0.03 => rng.random_range(-60.0..=10.0),
        ..0.85 => rng.random_range(38.0..=92.0),
        _ => rng.random_range(80.0..=175.0),
    }
}

impl Geometry {
    /// The scan of this patient that the seed gives.
    pub(super) fn draw(spec: &StudySpec, anatomy: &Anatomy, tilt: Tilt) -> Self {
        let rng = &mut stream(spec.seed, Purpose::Scan);
        let [top, bottom] = anatomy.neck();
        let Settings { thickness, spacing, extent, field } = Settings::draw(spec, [top, bottom], rng);
        let above = (extent - (top - bottom)) * rng.random_range(0.3..=0.65);
        let (top, extent) = match spec.region {
            Region::Neck => (top + above, extent),
            Region::Head => (top + 92.0, 66.0),
            Region::Chest => (top, extent),
        };
        let slices = spec.slices.unwrap_or_else(|| index_below(extent / spacing));
        let spacing = if spec.slices.is_some() { extent / slices.max(1) as f32 } else { spacing };
        let field = if spec.region == Region::Chest { 2.0 * field } else { field };
        let centre = anatomy.centre();
        let shift: [f32; 2] = [rng.random_range(-12.0..=12.0), rng.random_range(-6.0..=50.0)];
        let backwards = rng.random_bool(published::FOOT_TO_HEAD);
        let padded = rng.random_bool(0.35);
        let padding = *[-1024, -2048, -2048, -3024].choose(rng).unwrap_or(&-1024);
        Self {
            slices,
            spacing_mm: spacing,
            thickness_mm: thickness,
            pixel_spacing_mm: field / f32::from(spec.matrix),
            matrix: spec.matrix,
            foot_to_head: match spec.direction {
                Direction::HeadToFoot => false,
                Direction::FootToHead => true,
                Direction::Drawn => backwards,
            },
            table_offset_mm: [0.0, rng.random_range(-60.0..=60.0), rng.random_range(-1100.0..=400.0)],
            padding_hu: match spec.padding {
                Padding::Drawn => padded.then_some(padding),
                Padding::Nothing => None,
                Padding::Hounsfield(value) => Some(value),
            },
            tilt,
            top_mm: top,
            corner_mm: [centre.x + shift[0] - 0.5 * field, centre.y + shift[1] - 0.5 * field],
        }
    }

    /// Height of a slice in the phantom, as the gantry sees it, mm.
    pub(super) fn height(&self, index: usize) -> f32 {
        let from_top = if self.foot_to_head { self.slices - 1 - index } else { index };
        self.top_mm - from_top as f32 * self.spacing_mm
    }

    /// Centre of the first pixel of a slice at a height, as the gantry sees it, mm.
    pub(super) fn corner(&self, height: f32) -> Vec3 {
        let [x, y] = self.corner_mm;
        v(x, y + self.tilt.shift(height), height)
    }

    /// `ImagePositionPatient` of a slice: centre of its first pixel, mm.
    pub fn image_position_patient(&self, index: usize) -> [f64; 3] {
        let pivot = self.tilt.pivot();
        let corner = pivot + self.tilt.of_patient(self.corner(self.height(index)) - pivot);
        let [x, y, z] = self.table_offset_mm;
        [corner.x + x, corner.y + y, corner.z + z].map(f64::from)
    }

    /// `ImageOrientationPatient`: directions of a row and of a column.
    pub fn image_orientation_patient(&self) -> [f64; 6] {
        let down = self.tilt.of_patient(v(0.0, 1.0, 0.0));
        [1.0, 0.0, 0.0, down.x, down.y, down.z].map(f64::from)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::phantom::{Fractures, Profile, Study};

    fn drawn(seed: u64, profile: Profile) -> StudySpec {
        let spec = StudySpec { profile, protocol: Protocol::Drawn, matrix: 128, ..StudySpec::new(seed) };
        StudySpec { fractures: Fractures::Intact, direction: Direction::HeadToFoot, ..spec }
    }

    #[test]
    fn scans_are_as_thin_and_as_long_as_the_published_ones() {
        let all: Vec<Geometry> = (0..400).map(|i| *Study::generate(&drawn(i, Profile::Standard)).geometry()).collect();
        let mean = all.iter().map(|g| g.slices).sum::<usize>() / all.len();
        assert!((mean as f64 / published::SLICES_MEAN - 1.0).abs() < 0.08, "here {mean}");
        let mut slices: Vec<usize> = all.iter().map(|g| g.slices).collect();
        slices.sort_unstable();
        for (percent, published) in [(5, published::SLICES[1]), (95, published::SLICES[2])] {
            let found = slices[slices.len() * percent / 100];
            assert!((found as f64 / published - 1.0).abs() < 0.12, "p{percent}: {found}, published {published}");
        }
        let share = |thickness: f32| all.iter().filter(|g| g.thickness_mm == thickness).count() as f32 / 400.0;
        for (thickness, published) in [(0.625, published::THICKNESS_625), (1.0, published::THICKNESS_1000)] {
            assert!((f64::from(share(thickness)) - published).abs() < 0.07, "{thickness} mm");
        }
        assert!(all.iter().all(|g| g.tilt.angle == 0.0 && g.spacing_mm <= g.thickness_mm));
    }

    #[test]
    fn scanners_for_training_vary_and_unseen_ones_lie_beyond() {
        let scans =
            |profile| -> Vec<Geometry> { (0..60).map(|i| *Study::generate(&drawn(i, profile)).geometry()).collect() };
        let tilt = |g: &Geometry| g.tilt.angle.to_degrees().abs();
        let field = |g: &Geometry| g.pixel_spacing_mm * f32::from(g.matrix);
        let most = |scans: &[Geometry], of: &dyn Fn(&Geometry) -> f32| scans.iter().map(of).fold(0.0, f32::max);
        let (varied, unseen) = (scans(Profile::Varied), scans(Profile::UnseenScanner));
        assert!(unseen.iter().all(|g| g.spacing_mm >= 1.25 && (10.0..=25.0).contains(&tilt(g))));
        assert!(varied.iter().all(|g| g.thickness_mm <= 1.5 && tilt(g) <= 14.0));
        assert!(most(&varied, &tilt) > 12.0 && most(&unseen, &tilt) > most(&varied, &tilt) + 5.0);
        assert!(most(&varied, &field) > 300.0 && most(&unseen, &field) > most(&varied, &field) + 20.0);
    }

    #[test]
    fn a_distance_that_is_asked_for_changes_nothing_else_of_an_unseen_scanner() {
        let spec = drawn(5, Profile::UnseenScanner);
        let usual = *Study::generate(&spec).geometry();
        let asked = StudySpec { protocol: Protocol::spaced(spec.profile), spacing_mm: 4.0..=4.0, ..spec };
        let spaced = *Study::generate(&asked).geometry();
        let [before, after] = [usual, spaced].map(|g| g.slices as f32 * g.spacing_mm);
        assert!((before - after).abs() < 4.0, "as long: {before} and {after} mm");
        let rest = Geometry { slices: usual.slices, spacing_mm: usual.spacing_mm, ..spaced };
        assert_eq!((rest, spaced.spacing_mm), (usual, 4.0));
        assert_eq!(Protocol::spaced(Profile::Standard), Protocol::Spacing);
    }

    #[test]
    fn a_tilted_gantry_is_in_the_header_and_cuts_the_same_patient_aslant() {
        let tilted = Study::generate(&drawn(3, Profile::UnseenScanner));
        let straight = Study::generate(&StudySpec { protocol: Protocol::Spacing, ..drawn(3, Profile::UnseenScanner) });
        let (g, level) = (tilted.geometry(), straight.geometry());
        let [down_y, down_z] = [g.image_orientation_patient()[4], g.image_orientation_patient()[5]];
        assert!((down_z.atan2(down_y) - f64::from(g.tilt.angle)).abs() < 1e-6 && g.tilt.angle.abs() > 0.17);
        let step = (0..3).map(|i| g.image_position_patient(1)[i] - g.image_position_patient(0)[i]).collect::<Vec<_>>();
        assert!(step[0].abs() < 1e-4 && step[1].abs() < 1e-3, "the table moves straight: {step:?}");
        let (mut bone, mut agree) = (0, 0);
        for index in (0..g.slices).step_by(g.slices / 12) {
            let (slanting, ..) = tilted.plane(g.height(index), 128);
            for row in (30..100).step_by(2) {
                // The patient's place of a pixel in the middle column, and what the straight scan has there.
                let pivot = g.tilt.pivot();
                let p = pivot + g.tilt.of_patient(slanting.place(64, row) - pivot);
                let (flat, ..) = straight.plane(p.z, 128);
                let corner = level.corner(p.z);
                let at = |from: f32, to: f32| index_below((to - from) / flat.pitch + 0.5).min(127);
                let [there, here] = [flat.hu[at(corner.y, p.y) * 128 + at(corner.x, p.x)], slanting.hu[row * 128 + 64]];
                if there.max(here) > 300.0 {
                    bone += 1;
                    agree += usize::from(there.min(here) > 100.0);
                }
            }
        }
        assert!(bone > 30 && agree * 10 > bone * 7, "{agree} of {bone}");
    }
}
