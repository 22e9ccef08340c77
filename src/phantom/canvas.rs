//! One slice being drawn: Hounsfield units on a grid, painted layer over layer with soft edges.
//!
//! Knows bones and ellipses, not anatomy. Also measures what it paints: bone area and where a fracture shows.

use super::geometry::{Vec3, index_below, mix, ramp, v};
use super::noise::bumps;
use super::solid::{Bone, Fragment, Solid};

/// Bones are culled in squares of this many pixels.
const BLOCK: usize = 8;
/// Differences from the intact bone belong to the fracture up to here from the fracture surface, mm ...
const FRACTURE_REACH_MM: f32 = 8.0;
/// ... and up to here they are its line, which an eye finds; further away they are only a shift.
const FRACTURE_LINE_MM: f32 = 4.0;

/// What painting one bone showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Painted {
    /// Bone in the slice, mm2.
    pub area: f32,
    /// Where broken and intact bone differ along the fracture line, mm2.
    pub line: f32,
    /// The pixels of all that differs near the fracture: left, top, right, bottom, all inclusive.
    pub extent: Option<[usize; 4]>,
    /// Index of the pixel that holds most bone, and its share of bone.
    pub densest: (usize, f32),
}

impl Painted {
    fn differ(&mut self, x: usize, y: usize) {
        let [l, t, r, b] = self.extent.unwrap_or([x, y, x, y]);
        self.extent = Some([l.min(x), t.min(y), r.max(x), b.max(y)]);
    }
}

/// An ellipse of tissue in the plane of the slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ellipse {
    /// Centre, mm in the world.
    pub at: [f32; 2],
    /// Half axes, mm; the second one to the front (smaller y), the third to the back.
    pub half: [f32; 3],
    /// Cosine and sine of its turn in the plane.
    pub turn: [f32; 2],
    /// Hounsfield units.
    pub hu: f32,
    /// Width of the edge, mm.
    pub edge: f32,
}

/// The grid of one slice.
pub(super) struct Canvas {
    pub size: usize,
    /// Pixel spacing, mm.
    pub pitch: f32,
    /// World position of the centre of the first pixel, mm.
    pub origin: Vec3,
    /// Width of the edge of a bone, mm: the blur of the scanner.
    pub edge: f32,
    pub hu: Vec<f32>,
    /// What each pixel shows, for masks: 0, or the `label` of the bone that was painted last.
    pub labels: Vec<u8>,
    /// Label of what is painted now; 0 for none.
    pub label: u8,
}

/// The solids of a bone that matter in one block of pixels, for the main piece or one fragment.
struct Piece<'a> {
    fragment: Option<&'a Fragment>,
    solids: Vec<Solid>,
}

impl Canvas {
    pub(super) fn new(size: usize, pitch: f32, origin: Vec3, edge: f32) -> Self {
        let (hu, labels) = (vec![-1000.0; size * size], vec![0; size * size]);
        Self { size, pitch, origin, edge, hu, labels, label: 0 }
    }

    /// World position of a pixel's centre.
    pub(super) fn place(&self, x: usize, y: usize) -> Vec3 {
        v(self.origin.x + x as f32 * self.pitch, self.origin.y + y as f32 * self.pitch, self.origin.z)
    }

    /// Pixel range along one axis that covers `low..high` mm.
    fn span(&self, origin: f32, low: f32, high: f32) -> std::ops::Range<usize> {
        let from = index_below((low - origin) / self.pitch).min(self.size);
        from..index_below((high - origin) / self.pitch + 2.0).min(self.size)
    }

    /// Paints over everything inside the ellipse.
    pub(super) fn ellipse(&mut self, e: &Ellipse) {
        let [rx, front, back] = e.half;
        if rx <= 0.0 || front <= 0.0 || back <= 0.0 {
            return;
        }
        let reach = rx.max(front).max(back) + e.edge;
        let columns = self.span(self.origin.x, e.at[0] - reach, e.at[0] + reach);
        for row in self.span(self.origin.y, e.at[1] - reach, e.at[1] + reach) {
            for column in columns.clone() {
                let p = self.place(column, row);
                let (dx, dy) = (p.x - e.at[0], p.y - e.at[1]);
                let (x, y) = (dx * e.turn[0] + dy * e.turn[1], dy * e.turn[0] - dx * e.turn[1]);
                let ry = if y < 0.0 { front } else { back };
                let q = (x / rx).powi(2) + (y / ry).powi(2);
                let small = rx.min(ry);
                // Distance from the edge, to first order.
                let d = (q - 1.0) * 0.5 * small;
                if d < e.edge {
                    let at = &mut self.hu[row * self.size + column];
                    let d = if d > -e.edge { (q.sqrt() - 1.0) * small } else { d };
                    *at = mix(*at, e.hu, (0.5 - d / e.edge).clamp(0.0, 1.0));
                }
            }
        }
    }

    /// Takes the labels away that are not `shown`; each of those comes with its densest pixel, which keeps it.
    pub(super) fn keep_labels(&mut self, shown: &[(u8, usize)]) {
        for label in &mut self.labels {
            if !shown.iter().any(|(kept, _)| kept == label) {
                *label = 0;
            }
        }
        shown.iter().for_each(|(label, at)| self.labels[*at] = *label);
    }

    /// Paints a bone, whole or in its pieces.
    pub(super) fn bone(&mut self, bone: &Bone) -> Painted {
        let mut painted = Painted::default();
        let (low, high) = bone.bounds();
        if self.origin.z < low.z || self.origin.z > high.z {
            return painted;
        }
        let rows = self.span(self.origin.y, low.y, high.y);
        let columns = self.span(self.origin.x, low.x, high.x);
        for top in rows.clone().step_by(BLOCK) {
            for left in columns.clone().step_by(BLOCK) {
                self.block(bone, left..(left + BLOCK).min(columns.end), top..(top + BLOCK).min(rows.end), &mut painted);
            }
        }
        painted
    }

    fn block(
        &mut self,
        bone: &Bone,
        columns: std::ops::Range<usize>,
        rows: std::ops::Range<usize>,
        painted: &mut Painted,
    ) {
        let half = BLOCK as f32 * 0.5;
        let centre = self.place(columns.start, rows.start) + v(half * self.pitch, half * self.pitch, 0.0);
        let centre = bone.frame.inside(centre);
        let near = half * 1.5 * self.pitch + 2.5;
        let pieces: Vec<Piece<'_>> = std::iter::once(None)
            .chain(bone.fragments.iter().map(Some))
            .map(|fragment| {
                let at = fragment.map_or(centre, |f| f.before(centre));
                let solids = bone.solids.iter().filter(|s| s.distance(at) < near).copied().collect();
                Piece { fragment, solids }
            })
            .collect();
        if pieces.iter().all(|piece| piece.solids.is_empty()) {
            return;
        }
        for row in rows {
            for column in columns.clone() {
                let p = bone.frame.inside(self.place(column, row));
                let (broken, depth, texture_at) = nearest_piece(bone, &pieces, p);
                let cover = (0.5 - broken / self.edge).clamp(0.0, 1.0);
                if cover > 0.0 {
                    painted.area += cover * self.pitch * self.pitch;
                    let at = row * self.size + column;
                    self.hu[at] = mix(self.hu[at], density(bone, depth, texture_at), cover);
                    if cover >= 0.5 {
                        self.labels[at] = self.label;
                    }
                    if cover > painted.densest.1 {
                        painted.densest = (at, cover);
                    }
                }
                let Some(distance) = difference(bone, &pieces[0], p, broken) else { continue };
                if distance < FRACTURE_REACH_MM {
                    painted.differ(column, row);
                }
                if distance < FRACTURE_LINE_MM {
                    painted.line += self.pitch * self.pitch;
                }
            }
        }
    }
}

/// Distance to the broken bone; depth below the intact surface of the piece that is nearest; where that piece was.
fn nearest_piece(bone: &Bone, pieces: &[Piece<'_>], p: Vec3) -> (f32, f32, Vec3) {
    let mut best = (f32::MAX, 0.0, p);
    for piece in pieces.iter().filter(|piece| !piece.solids.is_empty()) {
        let at = piece.fragment.map_or(p, |f| f.before(p));
        let whole = bone.intact(at, &piece.solids);
        let line = match piece.fragment {
            Some(f) => f.surface(at) + 0.5 * f.gap,
            None => bone.fragments.iter().map(|f| 0.5 * f.gap - f.surface(p)).fold(f32::MIN, f32::max),
        };
        let d = whole.max(line);
        if d < best.0 {
            best = (d, -whole, at);
        }
    }
    best
}

/// Where there is bone and the intact vertebra has none, or the other way round: how far the fracture surface is, mm.
fn difference(bone: &Bone, main: &Piece<'_>, p: Vec3, broken: f32) -> Option<f32> {
    // The piece's own surface has moved along with it.
    let near = |f: &Fragment| f.surface(p).abs().min(f.surface(f.before(p)).abs());
    let distance = bone.fragments.iter().map(near).reduce(f32::min)?;
    let intact = if main.solids.is_empty() { f32::MAX } else { bone.intact(p, &main.solids) };
    ((intact < -0.4 && broken > 0.0) || (intact > 0.4 && broken < 0.0)).then_some(distance)
}

/// Hounsfield units at a depth of `depth` mm below the surface.
fn density(bone: &Bone, depth: f32, p: Vec3) -> f32 {
    let inside = ramp(bone.cortex_mm - 0.5, bone.cortex_mm + 0.7, depth);
    if inside <= 0.0 {
        return bone.cortex_hu;
    }
    let grain = bumps(bone.seed, p * 0.9) + 0.6 * bumps(bone.seed ^ 1, p * 0.35);
    mix(bone.cortex_hu, bone.inner_hu + bone.grain_hu * grain, inside)
}
