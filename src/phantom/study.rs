//! One synthetic study: from a specification to slices in Hounsfield units, each with its truth.
//!
//! A slice is rendered when it is asked for; the study itself holds only shapes. Writes nothing.

use std::ops::RangeInclusive;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::anatomy::{Anatomy, stream};
use super::canvas::Canvas;
use super::fracture::{Fracture, FractureKind};
use super::geometry::{index_below, ramp, to_i16, v};
use super::noise::{hash, normal};
use super::soft::paint;
use crate::triage::Level;

/// Bone of a vertebra in a slice from which on the slice shows that vertebra, mm2.
pub const SHOWN_MM2: f32 = 8.0;
/// Difference from the intact bone along the fracture line from which on a slice shows the fracture, mm2.
pub const FRACTURE_MM2: f32 = 4.0;
/// A truth box is drawn this far around the fracture, mm, as a reader draws it.
const BOX_MARGIN_MM: f32 = 7.0;

/// Which fractures a study has.
#[derive(Clone, Debug, PartialEq)]
pub enum Fractures {
    /// None.
    Intact,
    /// One level or, less often, more; drawn from the seed.
    Fractured,
    /// `Fractured` with this probability, drawn from the seed, else intact.
    Sometimes(f64),
    /// Exactly these.
    Exactly(Vec<(Level, FractureKind)>),
}

/// The order of the slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Slice 1 is the highest.
    HeadToFoot,
    /// Slice 1 is the lowest.
    FootToHead,
    /// One study in ten runs from foot to head, drawn from the seed.
    Drawn,
}

/// What to generate. The same specification gives the same study, byte for byte, on one platform.
#[derive(Clone, Debug, PartialEq)]
pub struct StudySpec {
    /// Decides everything that the other fields leave open.
    pub seed: u64,
    /// Which fractures.
    pub fractures: Fractures,
    /// Range of the difficulty of each fracture: 0 wide and displaced, 1 hair line.
    pub difficulty: RangeInclusive<f32>,
    /// Number of slices; the spacing follows from it. `None`: the number follows from `spacing_mm`.
    pub slices: Option<usize>,
    /// Range of the distance between slices in mm, drawn from the seed.
    pub spacing_mm: RangeInclusive<f32>,
    /// Rows and columns.
    pub matrix: u16,
    /// Order of the slices.
    pub direction: Direction,
}

impl StudySpec {
    /// A study as the training data has them: 512 x 512, fractured or not, 0.8 to 2.5 mm apart.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            fractures: Fractures::Sometimes(0.5),
            difficulty: 0.0..=0.4,
            slices: None,
            spacing_mm: 0.8..=2.5,
            matrix: 512,
            direction: Direction::Drawn,
        }
    }
}

/// A box around a fracture, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TruthBox {
    /// The fractured vertebra.
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
    /// Fractures of which at least [`FRACTURE_MM2`] is in the slice.
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
    corner_mm: [f32; 2],
    noise_hu: f32,
    edge_mm: f32,
}

impl Geometry {
    fn draw(spec: &StudySpec, anatomy: &Anatomy) -> Self {
        let rng = &mut stream(spec.seed, 3);
        let [top, bottom] = anatomy.neck();
        let extent = rng.random_range(180.0..=230.0_f32).max(top - bottom + 34.0);
        let above = (extent - (top - bottom)) * rng.random_range(0.3..=0.65);
        let spacing = rng.random_range(spec.spacing_mm.clone());
        let slices = spec.slices.unwrap_or_else(|| index_below(extent / spacing));
        let spacing = if spec.slices.is_some() { extent / slices.max(1) as f32 } else { spacing };
        let fov = 512.0 * rng.random_range(0.30..=0.45_f32);
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
            padding_hu: padded.then_some(padding),
            top_mm: top + above,
            corner_mm: [centre.x + shift[0] - 0.5 * fov, centre.y + shift[1] - 0.5 * fov],
            noise_hu: 10.0 * rng.random_range(0.0..=1.4_f32).exp(),
            edge_mm: rng.random_range(0.6..=1.2),
        }
    }

    /// Height of a slice in the phantom, mm.
    fn height(&self, index: usize) -> f32 {
        let from_top = if self.foot_to_head { self.slices - 1 - index } else { index };
        self.top_mm - from_top as f32 * self.spacing_mm
    }

    /// `ImagePositionPatient` of a slice: centre of its first pixel, mm.
    pub fn image_position_patient(&self, index: usize) -> [f64; 3] {
        let [x, y, z] = self.table_offset_mm;
        [self.corner_mm[0] + x, self.corner_mm[1] + y, self.height(index) + z].map(f64::from)
    }
}

/// A synthetic study.
pub struct Study {
    seed: u64,
    anatomy: Anatomy,
    fractures: Vec<Fracture>,
    geometry: Geometry,
}

impl Study {
    /// Draws the patient, the fractures and the scan. Cheap: no slice is rendered yet.
    pub fn generate(spec: &StudySpec) -> Self {
        let fractures = draw_fractures(spec);
        let anatomy = Anatomy::new(spec.seed, &fractures);
        let geometry = Geometry::draw(spec, &anatomy);
        Self { seed: spec.seed, anatomy, fractures, geometry }
    }

    /// The seed it came from.
    pub const fn seed(&self) -> u64 {
        self.seed
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
        let [x, y] = g.corner_mm;
        let origin = v(x, y, g.height(index));
        let mut canvas = Canvas::new(usize::from(g.matrix), g.pixel_spacing_mm, origin, g.edge_mm);
        let midline = self.anatomy.midline(origin.z);
        paint(&mut canvas, &self.anatomy.tissue, midline);
        let mut truth = SliceTruth::default();
        for bone in &self.anatomy.bones {
            let painted = canvas.bone(bone);
            let Some(level) = bone.level else { continue };
            truth.levels[level as usize] = painted.area >= SHOWN_MM2;
            if let (Some(extent), true) = (painted.extent, painted.line >= FRACTURE_MM2) {
                truth.boxes.push(around(level, extent, &canvas));
            }
        }
        // Shoulders starve the detector of photons from side to side.
        let shadow = ramp(-85.0, -125.0, midline.height);
        self.scanner_noise(&mut canvas, index, shadow);
        RenderedSlice { hounsfield: self.quantise(&canvas), truth }
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
        for y in 0..size {
            let (up, down) = (y.saturating_sub(1) * size, (y + 1).min(size - 1) * size);
            for x in 0..size {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(size - 1));
                let row = y * size;
                let near = white[up + x] + white[down + x] + white[row + left] + white[row + right];
                canvas.hu[row + x] += strength * (0.5 * white[row + x] + 0.125 * near) + rows[y];
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

fn around(level: Level, [l, t, r, b]: [usize; 4], canvas: &Canvas) -> TruthBox {
    let margin = index_below(BOX_MARGIN_MM / canvas.pitch);
    let (x, y) = (l.saturating_sub(margin), t.saturating_sub(margin));
    let (right, bottom) = ((r + margin + 1).min(canvas.size), (b + margin + 1).min(canvas.size));
    TruthBox { level, x, y, width: right - x, height: bottom - y }
}

fn draw_fractures(spec: &StudySpec) -> Vec<Fracture> {
    let rng = &mut stream(spec.seed, 2);
    let chosen: Vec<(Level, FractureKind)> = match &spec.fractures {
        Fractures::Intact => Vec::new(),
        Fractures::Exactly(list) => list.clone(),
        Fractures::Fractured => draw_levels(rng),
        Fractures::Sometimes(rate) => {
            if rng.random_bool(rate.clamp(0.0, 1.0)) {
                draw_levels(rng)
            } else {
                Vec::new()
            }
        }
    };
    let mut fractures: Vec<Fracture> = chosen
        .into_iter()
        .map(|(level, kind)| Fracture { level, kind, difficulty: rng.random_range(spec.difficulty.clone()) })
        .collect();
    fractures.sort_by_key(|f| f.level);
    fractures
}

/// How often each vertebra breaks: the square roots of the rates in the published data, so that rare ones are learnt too.
const LEVEL_WEIGHTS: [(Level, f32); 7] = [
    (Level::C1, 0.27),
    (Level::C2, 0.38),
    (Level::C3, 0.19),
    (Level::C4, 0.23),
    (Level::C5, 0.28),
    (Level::C6, 0.37),
    (Level::C7, 0.44),
];

/// One level mostly; a second or third one is a neighbour two times in three.
fn draw_levels(rng: &mut Xoshiro256PlusPlus) -> Vec<(Level, FractureKind)> {
    let count = [1, 1, 1, 1, 1, 1, 2, 2, 2, 3].choose(rng).copied().unwrap_or(1);
    let mut levels: Vec<Level> = Vec::new();
    while levels.len() < count {
        let last = levels.last().map(|l| *l as usize);
        let level = match last {
            Some(last) if rng.random_bool(0.65) => {
                Level::ALL[(if rng.random::<bool>() { last + 1 } else { last.wrapping_sub(1) }).min(6)]
            }
            _ => LEVEL_WEIGHTS.choose_weighted(rng, |w| w.1).map_or(Level::C7, |w| w.0),
        };
        if !levels.contains(&level) {
            levels.push(level);
        }
    }
    levels.into_iter().map(|level| (level, draw_kind(level, rng))).collect()
}

fn draw_kind(level: Level, rng: &mut Xoshiro256PlusPlus) -> FractureKind {
    let weight = |kind: &FractureKind| match kind {
        FractureKind::Dens => 3.0,
        FractureKind::Hangman | FractureKind::Burst => 2.0,
        FractureKind::Wedge | FractureKind::Teardrop => 1.3,
        _ => 1.0,
    };
    let fitting: Vec<FractureKind> = FractureKind::ALL.into_iter().filter(|kind| kind.fits(level)).collect();
    fitting.choose_weighted(rng, weight).copied().unwrap_or(FractureKind::Jefferson)
}
