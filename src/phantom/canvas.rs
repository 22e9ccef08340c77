//! One slice being drawn: Hounsfield units on a grid, painted layer over layer with soft edges.
//!
//! Knows bones and ellipses, not anatomy. Also measures what it paints: bone area and where a fracture shows.

use super::geometry::{Vec3, index_below, mix, v};
use super::solid::{Bone, Solid};

/// Bones are culled in squares of this many pixels.
const BLOCK: usize = 8;

/// Greatest displacement of an outline, mm.
const WARP_MM: f32 = 3.5;

/// What painting one bone showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Painted {
    /// Bone in the slice, mm2.
    pub area: f32,
    /// Where broken and intact bone differ along the fracture line, mm2, weighted by contrast.
    pub line: f32,
    /// Bone of the broken vertebra along the fracture line, mm2.
    pub stump: f32,
    /// The pixels of all that differs near the fracture: left, top, right, bottom, all inclusive.
    pub extent: Option<[usize; 4]>,
    /// Index of the pixel that holds most bone, and its share of bone.
    pub densest: (usize, f32),
}

impl Painted {
    pub(super) fn differ(&mut self, x: usize, y: usize) {
        self.reach([x, y, x, y]);
    }

    fn reach(&mut self, [l, t, r, b]: [usize; 4]) {
        let [left, top, right, bottom] = self.extent.unwrap_or([l, t, r, b]);
        self.extent = Some([left.min(l), top.min(t), right.max(r), bottom.max(b)]);
    }

    /// The mean of the same bone in two planes of one slice: half of each plane's areas, and the extent of both.
    pub(super) fn mean(self, other: Self) -> Self {
        let half = |a: f32, b: f32| 0.5 * (a + b);
        let mut mean = Self {
            area: half(self.area, other.area),
            line: half(self.line, other.line),
            stump: half(self.stump, other.stump),
            extent: self.extent,
            densest: if other.densest.1 > self.densest.1 { other.densest } else { self.densest },
        };
        other.extent.into_iter().for_each(|extent| mean.reach(extent));
        mean
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
    /// Width of the edge of a bone, mm: partial volume. The blur of the scanner's kernel comes later.
    pub edge: f32,
    pub hu: Vec<f32>,
    /// Displacements of each pixel along x and along y, each at most `WARP_MM`, that make the outlines of soft tissue uneven.
    pub warp: Option<[Vec<f32>; 2]>,
    /// What each pixel shows, for masks: 0, or the `label` of the bone that was painted last.
    pub labels: Vec<u8>,
    /// Label of what is painted now; 0 for none.
    pub label: u8,
}

impl Canvas {
    pub(super) fn new(size: usize, pitch: f32, origin: Vec3, edge: f32) -> Self {
        let (hu, labels) = (vec![-1000.0; size * size], vec![0; size * size]);
        Self { size, pitch, origin, edge, hu, warp: None, labels, label: 0 }
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

    /// Displacements of the outlines along one row, mm.
    fn warp_of(&self, row: usize) -> Option<[&[f32]; 2]> {
        let [dx, dy] = self.warp.as_ref()?;
        Some([&dx[row * self.size..][..self.size], &dy[row * self.size..][..self.size]])
    }

    /// Notes in the mask what was painted over a pixel.
    pub(super) fn mark(&mut self, at: usize, cover: f32, painted: &mut Painted) {
        if cover >= 0.5 {
            self.labels[at] = self.label;
        }
        if cover > painted.densest.1 {
            painted.densest = (at, cover);
        }
    }

    /// Calls `visit` with each pixel of a row and its place relative to `at`, moved by the unevenness of the outlines.
    pub(super) fn row(
        &mut self,
        row: usize,
        columns: std::ops::Range<usize>,
        at: [f32; 2],
        mut visit: impl FnMut(f32, f32, &mut f32),
    ) {
        let (x, y) = (self.origin.x - at[0], self.origin.y + row as f32 * self.pitch - at[1]);
        let mut hu = std::mem::take(&mut self.hu);
        let line = &mut hu[row * self.size..][..self.size];
        if let Some([dx, dy]) = self.warp_of(row) {
            let moved = dx[columns.clone()].iter().zip(&dy[columns.clone()]);
            for ((hu, column), (dx, dy)) in line[columns.clone()].iter_mut().zip(columns).zip(moved) {
                visit(x + column as f32 * self.pitch + dx, y + dy, hu);
            }
        } else {
            for (hu, column) in line[columns.clone()].iter_mut().zip(columns) {
                visit(x + column as f32 * self.pitch, y, hu);
            }
        }
        self.hu = hu;
    }

    /// Paints over everything inside the ellipse.
    pub(super) fn ellipse(&mut self, e: &Ellipse) {
        let [rx, front, back] = e.half;
        if rx <= 0.0 || front <= 0.0 || back <= 0.0 {
            return;
        }
        let ([cos, sin], deep) = (e.turn, front.max(back));
        let margin = e.edge + if self.warp.is_some() { WARP_MM } else { 0.0 };
        let reach_x = (rx * cos).hypot(deep * sin) + margin;
        let reach_y = (rx * sin).hypot(deep * cos) + margin;
        let columns = self.span(self.origin.x, e.at[0] - reach_x, e.at[0] + reach_x);
        let small = rx.min(front).min(back);
        let inverse = [1.0 / (rx * rx), 1.0 / (front * front), 1.0 / (back * back)];
        // Where the distance, to first order, is beyond the edge.
        let (full, none) = (1.0 - 2.0 * e.edge / small, 1.0 + 2.0 * e.edge / small);
        for row in self.span(self.origin.y, e.at[1] - reach_y, e.at[1] + reach_y) {
            self.row(row, columns.clone(), e.at, |dx, dy, hu| {
                let (x, y) = (dx * cos + dy * sin, dy * cos - dx * sin);
                let q = x * x * inverse[0] + y * y * inverse[if y < 0.0 { 1 } else { 2 }];
                if q < full {
                    *hu = e.hu;
                } else if q < none {
                    *hu = mix(*hu, e.hu, (0.5 - (q.sqrt() - 1.0) * small / e.edge).clamp(0.0, 1.0));
                }
            });
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

    /// Adds the labels of another plane of the same slice where this one has none.
    pub(super) fn join_labels(&mut self, other: &Self) {
        for (label, too) in self.labels.iter_mut().zip(&other.labels) {
            *label = if *label == 0 { *too } else { *label };
        }
    }

    /// Paints a bone, whole or in its pieces.
    pub(super) fn bone(&mut self, bone: &Bone) -> Painted {
        let mut painted = Painted::default();
        let (low, high) = bone.bounds();
        if self.origin.z < low.z || self.origin.z > high.z {
            return painted;
        }
        let bone = &bone.sliced(self.origin.z);
        if bone.solids.is_empty() {
            return painted;
        }
        let (low, high) = bone.bounds();
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
                    let at = row * self.size + column;
                    self.hu[at] = mix(self.hu[at], bone.density(-whole, p, &inclusions, self.edge), cover);
                    self.mark(at, cover, painted);
                }
            }
        }
    }
}
