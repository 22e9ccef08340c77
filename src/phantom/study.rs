//! One synthetic study: from a specification to slices in Hounsfield units, each with its truth.
//!
//! A slice is rendered when it is asked for; the study itself holds only shapes. Writes nothing.

use super::anatomy::Anatomy;
use super::canvas::Canvas;
use super::chest;
use super::fracture::Fracture;
use super::geometry::{to_i16, v};
use super::marking;
use super::scan::{Geometry, Tilt};
use super::scanner::{self, Scanner};
use super::soft::{self, Midline, SoftTissue};
use super::spec::{Region, StudySpec, draw_fractures};
use super::stream::{Purpose, stream};
use super::truth::{Showing, SliceTruth};
use crate::triage::Level;

/// Thicker slices are the mean of two planes, mm.
const THIN_MM: f32 = 1.2;
/// Width of the edge of a bone in a very thin slice, mm.
const EDGE_MM: f32 = 0.45;
/// Teeth lie further in front of the vertebral bodies than this, mm.
const TEETH_MM: f32 = 22.0;

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
    uid_seed: u64,
    region: Region,
    anatomy: Anatomy,
    fractures: Vec<Fracture>,
    geometry: Geometry,
    scanner: Scanner,
}

impl Study {
    /// Draws the patient, the fractures and the scan. Cheap: no slice is rendered yet.
    pub fn generate(spec: &StudySpec) -> Self {
        let fractures = draw_fractures(spec);
        let mut anatomy = match spec.region {
            Region::Neck | Region::Head => Anatomy::new(spec.seed, &spec.profile.anatomy(), &fractures),
            Region::Chest => chest::anatomy(spec.seed),
        };
        let tilt = Tilt::draw(spec, &anatomy);
        tilt.turn(&mut anatomy);
        let geometry = Geometry::draw(spec, &anatomy, tilt);
        let scanner = Scanner::draw(&spec.profile.scanner(), anatomy.neck(), &mut stream(spec.seed, Purpose::Scanner));
        Self { seed: spec.seed, uid_seed: spec.seed, region: spec.region, anatomy, fractures, geometry, scanner }
    }

    /// The same study under other UIDs; 0 leaves them as they are.
    #[must_use]
    pub(super) fn with_uid_salt(self, salt: u64) -> Self {
        Self { uid_seed: self.seed ^ salt, ..self }
    }

    /// The seed it came from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What its UIDs are made from: the seed, unless they were salted.
    pub(super) const fn uid_seed(&self) -> u64 {
        self.uid_seed
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

    /// The slice nearest to `above` mm above the middle of a vertebra.
    pub(super) fn nearest_slice(&self, level: Level, above: f32) -> usize {
        let wanted = self.anatomy.centres.get(level as usize).map_or(0.0, |centre| centre.z) + above;
        let away = |index: &usize| (self.geometry.height(*index) - wanted).abs();
        (0..self.len()).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(0)
    }

    /// Renders slice `index`, 0 to `len() - 1`, in the order of the series. About 40 ms at 512 x 512.
    pub fn render(&self, index: usize) -> RenderedSlice {
        self.render_with_mask(index).0
    }

    /// Renders slice `index` with its mask, row by row: 0, C1 to C7 as 1 to 7, T1 to T12 as 8 to 19.
    /// A vertebra is in the mask of those slices that show it by [`SliceTruth::levels`], or would, were it cervical.
    pub fn render_with_mask(&self, index: usize) -> (RenderedSlice, Vec<u8>) {
        let g = &self.geometry;
        let height = g.height(index);
        let (mut canvas, midline, truth) = self.slab(height);
        let (corner, pitch) = scanner::around(&canvas, self.body_side());
        let mut body = Canvas::new(self.body_side(), pitch, corner, pitch);
        self.paint(&mut body);
        self.scanner.expose(&mut canvas, &body, midline.at[1] - TEETH_MM, g.thickness_mm, index);
        (RenderedSlice { hounsfield: self.quantise(&canvas), truth }, canvas.labels)
    }

    /// Squares a side of the coarse picture of the whole body.
    fn body_side(&self) -> usize {
        (usize::from(self.geometry.matrix) / 6).clamp(32, 80)
    }

    /// The slice at a height without noise: a plane, or the mean of two where it is thick.
    fn slab(&self, height: f32) -> (Canvas, Midline, SliceTruth) {
        let (size, thickness) = (usize::from(self.geometry.matrix), self.geometry.thickness_mm);
        if thickness <= THIN_MM {
            return self.plane(height, size);
        }
        let (mut canvas, midline, above) = self.painted(height + 0.25 * thickness, size);
        let (mut lower, _, below) = self.painted(height - 0.25 * thickness, size);
        let showing = above.mean(&below);
        canvas.hu.iter_mut().zip(&lower.hu).for_each(|(hu, other)| *hu = 0.5 * (*hu + other));
        for plane in [&mut canvas, &mut lower] {
            plane.keep_labels(&showing.labels());
        }
        canvas.join_labels(&lower);
        canvas.origin.z = height;
        let truth = self.truth_of(&showing, &canvas);
        (canvas, midline, truth)
    }

    /// The plane at a height of the phantom without noise, on a grid of `size` x `size` over the same field of view.
    pub(super) fn plane(&self, height: f32, size: usize) -> (Canvas, Midline, SliceTruth) {
        let (mut canvas, midline, showing) = self.painted(height, size);
        canvas.keep_labels(&showing.labels());
        let truth = self.truth_of(&showing, &canvas);
        (canvas, midline, truth)
    }

    fn truth_of(&self, showing: &Showing, canvas: &Canvas) -> SliceTruth {
        showing.truth(canvas.size, canvas.pitch, marking::hand(self.seed))
    }

    /// As [`Self::plane`], with what painting showed and the labels of all that was painted.
    fn painted(&self, height: f32, size: usize) -> (Canvas, Midline, Showing) {
        let g = &self.geometry;
        let pitch = g.pixel_spacing_mm * (f32::from(g.matrix) / size as f32);
        let corner = g.corner(height) - v(0.0, self.scanner.shift(height), 0.0);
        let edge = EDGE_MM + 0.3 * g.thickness_mm.min(THIN_MM);
        let mut canvas = Canvas::new(size, pitch, corner, edge);
        let (midline, showing) = self.paint(&mut canvas);
        (canvas, midline, showing)
    }

    /// Paints the plane of the canvas, and says what it shows.
    fn paint(&self, canvas: &mut Canvas) -> (Midline, Showing) {
        let height = canvas.origin.z;
        let slope = self.geometry.tilt.angle.sin();
        let midline = Midline { slope, ..self.anatomy.midline(height) };
        let table_y = self.geometry.tilt.level(self.anatomy.tissue.devices.table_y, height);
        let devices = self.anatomy.tissue.devices.on_table(table_y);
        let tissue = SoftTissue { devices, ..self.anatomy.tissue };
        match self.region {
            Region::Neck | Region::Head => soft::paint(canvas, &tissue, midline),
            Region::Chest => chest::paint(canvas, &tissue, midline),
        }
        let mut showing = Showing::default();
        for (bone, label) in self.anatomy.bones.iter().zip(&self.anatomy.labels) {
            canvas.label = *label;
            let painted = canvas.bone(bone);
            if *label > 0 {
                showing.add(*label, painted);
            }
        }
        (midline, showing)
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
