//! One slice being drawn: Hounsfield units on a grid, painted layer over layer with soft edges.
//!
//! Knows bones and ellipses, not anatomy. Also measures what it paints: bone area and where a fracture shows.

use super::geometry::{Vec3, index_below, mix, v};
use super::solid::{Bone, Solid};

/// Bones are culled in squares of this many pixels.
const BLOCK: usize = 8;
/// What painting one bone showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Painted {
    /// Bone in the slice, mm2.
    pub area: f32,
    /// Where broken and intact bone differ along the fracture line, mm2.
    pub line: f32,
    /// The pixels of all that differs near the fracture: left, top, right, bottom, all inclusive.
    pub extent: Option<[usize; 4]>,
}

impl Painted {
    pub(super) fn differ(&mut self, x: usize, y: usize) {
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
}

impl Canvas {
    pub(super) fn new(size: usize, pitch: f32, origin: Vec3, edge: f32) -> Self {
        Self { size, pitch, origin, edge, hu: vec![-1000.0; size * size] }
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
        if !bone.fragments.is_empty() {
            self.broken_block(bone, centre, near, columns, rows, painted);
            return;
        }
        let solids: Vec<Solid> = bone.solids.iter().filter(|s| s.distance(centre) < near).copied().collect();
        if solids.is_empty() {
            return;
        }
        let inclusions = bone.inclusions_near(centre, near);
        for row in rows {
            for column in columns.clone() {
                let p = bone.frame.inside(self.place(column, row));
                let whole = bone.intact(p, &solids);
                let cover = (0.5 - whole / self.edge).clamp(0.0, 1.0);
                if cover > 0.0 {
                    painted.area += cover * self.pitch * self.pitch;
                    let at = &mut self.hu[row * self.size + column];
                    *at = mix(*at, bone.density(-whole, p, &inclusions, self.edge), cover);
                }
            }
        }
    }
}
