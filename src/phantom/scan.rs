//! How the scanner looks at the patient: matrix, spacing, position, direction, noise.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::anatomy::{Anatomy, stream};
use super::geometry::index_below;
use super::spec::{Direction, Padding, Region, StudySpec};

/// How the scanner looked at the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    /// Number of slices.
    pub slices: usize,
    /// Distance between slices, mm.
    pub spacing_mm: f32,
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
    top_mm: f32,
    pub(super) corner_mm: [f32; 2],
    pub(super) noise_hu: f32,
    pub(super) edge_mm: f32,
}

impl Geometry {
    /// The scan of this patient that the seed gives.
    pub(super) fn draw(spec: &StudySpec, anatomy: &Anatomy) -> Self {
        let rng = &mut stream(spec.seed, 3);
        let [top, bottom] = anatomy.neck();
        let extent = rng.random_range(180.0..=230.0_f32).max(top - bottom + 34.0);
        let above = (extent - (top - bottom)) * rng.random_range(0.3..=0.65);
        let (top, extent) = match spec.region {
            Region::Neck => (top + above, extent),
            Region::Head => (top + 92.0, 66.0),
            Region::Chest => (top, extent),
        };
        let spacing = rng.random_range(spec.spacing_mm.clone());
        let slices = spec.slices.unwrap_or_else(|| index_below(extent / spacing));
        let spacing = if spec.slices.is_some() { extent / slices.max(1) as f32 } else { spacing };
        let wide = if spec.region == Region::Chest { 2.0 } else { 1.0 };
        let fov = 512.0 * rng.random_range(0.30..=0.45_f32) * wide;
        let centre = anatomy.centre();
        let shift: [f32; 2] = [rng.random_range(-12.0..=12.0), rng.random_range(-8.0..=28.0)];
        let backwards = rng.random_bool(0.1);
        let padded = rng.random_bool(0.35);
        let padding = *[-1024, -2000, -2048, -3024].choose(rng).unwrap_or(&-1024);
        Self {
            slices,
            spacing_mm: spacing,
            pixel_spacing_mm: fov / f32::from(spec.matrix),
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
            top_mm: top,
            corner_mm: [centre.x + shift[0] - 0.5 * fov, centre.y + shift[1] - 0.5 * fov],
            noise_hu: 10.0 * rng.random_range(0.0..=1.4_f32).exp(),
            edge_mm: rng.random_range(0.6..=1.2),
        }
    }

    /// Height of a slice in the phantom, mm.
    pub(super) fn height(&self, index: usize) -> f32 {
        let from_top = if self.foot_to_head { self.slices - 1 - index } else { index };
        self.top_mm - from_top as f32 * self.spacing_mm
    }

    /// `ImagePositionPatient` of a slice: centre of its first pixel, mm.
    pub fn image_position_patient(&self, index: usize) -> [f64; 3] {
        let [x, y, z] = self.table_offset_mm;
        [self.corner_mm[0] + x, self.corner_mm[1] + y, self.height(index) + z].map(f64::from)
    }
}
