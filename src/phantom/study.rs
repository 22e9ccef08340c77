//! One synthetic study: from a specification to slices in Hounsfield units, each with its truth.
//!
//! A slice is rendered when it is asked for; the study itself holds only shapes. Writes nothing.

use super::anatomy::Anatomy;
use super::canvas::Canvas;
use super::chest;
use super::fracture::Fracture;
use super::geometry::{ramp, to_i16, v};
use super::marking;
use super::noise::{hash, normal};
use super::scan::Geometry;
use super::soft::{self, Midline};
use super::spec::{Region, StudySpec, draw_fractures};
use crate::triage::Level;

/// Bone of a vertebra in a slice from which on the slice shows that vertebra, mm2.
pub const SHOWN_MM2: f32 = 8.0;
/// Difference from the intact bone along the fracture line from which on a slice shows the fracture, mm2.
pub const FRACTURE_MM2: f32 = 2.5;

/// A box around a fracture, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TruthBox {
    /// The fractured vertebra; of several in one box, the one that shows most.
    pub level: Level,
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Width, > 0.
    pub width: usize,
    /// Height, > 0.
    pub height: usize,
}

/// What one slice shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SliceTruth {
    /// C1 to C7: at least [`SHOWN_MM2`] of its bone is in the slice.
    pub levels: [bool; 7],
    /// C1 to C7: at least [`FRACTURE_MM2`] of its fracture is in the slice.
    pub fractured: [bool; 7],
    /// Around those fractures; neighbours share one.
    pub boxes: Vec<TruthBox>,
}

/// A slice with its truth.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedSlice {
    /// Row by row.
    pub hounsfield: Vec<i16>,
    /// What it shows.
    pub truth: SliceTruth,
}

/// A synthetic study.
pub struct Study {
    seed: u64,
    region: Region,
    anatomy: Anatomy,
    fractures: Vec<Fracture>,
    geometry: Geometry,
}

impl Study {
    /// Draws the patient, the fractures and the scan. Cheap: no slice is rendered yet.
    pub fn generate(spec: &StudySpec) -> Self {
        let fractures = draw_fractures(spec);
        let anatomy = match spec.region {
            Region::Neck | Region::Head => Anatomy::new(spec.seed, &fractures),
            Region::Chest => chest::anatomy(spec.seed),
        };
        let geometry = Geometry::draw(spec, &anatomy);
        Self { seed: spec.seed, region: spec.region, anatomy, fractures, geometry }
    }

    /// The seed it came from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The part of the body.
    pub const fn region(&self) -> Region {
        self.region
    }

    /// The fractures, from head to foot.
    pub fn fractures(&self) -> &[Fracture] {
        &self.fractures
    }

    /// C1 to C7: fractured or not.
    pub fn truth(&self) -> [bool; 7] {
        Level::ALL.map(|level| self.fractures.iter().any(|f| f.level == level))
    }

    /// Slices, spacings, positions.
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Number of slices.
    pub const fn len(&self) -> usize {
        self.geometry.slices
    }

    /// Whether there is no slice at all.
    pub const fn is_empty(&self) -> bool {
        self.geometry.slices == 0
    }

    /// Renders slice `index`, 0 to `len() - 1`, in the order of the series. About 20 ms at 512 x 512.
    pub fn render(&self, index: usize) -> RenderedSlice {
        let g = &self.geometry;
        let (mut canvas, midline, truth) = self.plane(g.height(index), usize::from(g.matrix));
        // Shoulders starve the detector of photons from side to side.
        let shadow = if self.region == Region::Neck { ramp(-85.0, -125.0, midline.height) } else { 0.0 };
        self.scanner_noise(&mut canvas, index, shadow);
        RenderedSlice { hounsfield: self.quantise(&canvas), truth }
    }

    /// The plane at a height of the phantom without noise, on a grid of `size` x `size` over the same field of view.
    pub(super) fn plane(&self, height: f32, size: usize) -> (Canvas, Midline, SliceTruth) {
        let g = &self.geometry;
        let [x, y] = g.corner_mm;
        let pitch = g.pixel_spacing_mm * (f32::from(g.matrix) / size as f32);
        let mut canvas = Canvas::new(size, pitch, v(x, y, height), g.edge_mm);
        let midline = self.anatomy.midline(height);
        match self.region {
            Region::Neck | Region::Head => soft::paint(&mut canvas, &self.anatomy.tissue, midline),
            Region::Chest => chest::paint(&mut canvas, &self.anatomy.tissue, midline),
        }
        let mut truth = SliceTruth::default();
        let mut cervical = Vec::new();
        for bone in &self.anatomy.bones {
            let painted = canvas.bone(bone);
            let Some(level) = bone.level else { continue };
            truth.levels[level as usize] = painted.area >= SHOWN_MM2;
            truth.fractured[level as usize] = painted.line >= FRACTURE_MM2;
            cervical.push((level, painted));
        }
        truth.boxes = marking::boxes(&cervical, size, pitch, marking::hand(self.seed));
        (canvas, midline, truth)
    }

    fn scanner_noise(&self, canvas: &mut Canvas, index: usize, shadow: f32) {
        let size = canvas.size;
        let mut state = hash(self.seed ^ hash(index as u64));
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            normal(hash(state))
        };
        let rows: Vec<f32> = (0..size).map(|_| next() * 16.0 * shadow).collect();
        let white: Vec<f32> = (0..size * size).map(|_| next()).collect();
        // Sharp kernels leave noise that is correlated with the next pixel only; 1.75 restores its deviation.
        let strength = self.geometry.noise_hu * (1.0 + 1.2 * shadow) * 1.75;
        for (y, streak) in rows.iter().enumerate() {
            let (up, down) = (y.saturating_sub(1) * size, (y + 1).min(size - 1) * size);
            for x in 0..size {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(size - 1));
                let row = y * size;
                let near = white[up + x] + white[down + x] + white[row + left] + white[row + right];
                canvas.hu[row + x] += strength * (0.5 * white[row + x] + 0.125 * near) + streak;
            }
        }
    }

    fn quantise(&self, canvas: &Canvas) -> Vec<i16> {
        let mut hounsfield: Vec<i16> = canvas.hu.iter().map(|hu| to_i16(hu.clamp(-1024.0, 3071.0))).collect();
        if let Some(padding) = self.geometry.padding_hu {
            let middle = 0.5 * (canvas.size as f32 - 1.0);
            let radius = 0.5 * canvas.size as f32;
            for (i, value) in hounsfield.iter_mut().enumerate() {
                let (dx, dy) = ((i % canvas.size) as f32 - middle, (i / canvas.size) as f32 - middle);
                if dx * dx + dy * dy > radius * radius {
                    *value = padding;
                }
            }
        }
        hounsfield
    }
}
