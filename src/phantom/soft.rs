//! Soft tissue of one slice: outline, fat, muscles, vessels, airway, cord, lungs, and the table below.
//!
//! Everything is an ellipse in the plane that shifts and grows along the neck; bones are painted on top.

use super::canvas::{Canvas, Ellipse};
use super::geometry::{mix, ramp, v};
use super::noise::bumps;

/// What differs from patient to patient.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoftTissue {
    /// Scale of the whole patient.
    pub size: f32,
    /// Turn of the patient in the plane of the slices, radians.
    pub turn: f32,
    /// Thickness of the fat under the skin, mm.
    pub fat_mm: f32,
    /// Scale of the neck's girth on top of `size`.
    pub girth: f32,
    /// Hounsfield units of the blood: 45 plain, 150 to 300 with contrast.
    pub blood_hu: f32,
    /// Half width and half depth of the airway, relative to the usual one.
    pub airway: f32,
    /// Height of the table's surface in the world (y), mm.
    pub table_y: f32,
    pub seed: u32,
}

/// Where the neck is in this slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Midline {
    /// Centre of the vertebral bodies in the world, mm.
    pub at: [f32; 2],
    /// Height above the centre of C1, mm at scale 1 (negative below).
    pub height: f32,
}

/// Half width, front and back of the body's outline over the height above C1, mm.
const OUTLINE: [[f32; 4]; 10] = [
    [60.0, 76.0, 96.0, 96.0],
    [20.0, 74.0, 96.0, 80.0],
    [0.0, 71.0, 95.0, 66.0],
    [-46.0, 65.0, 97.0, 56.0],
    [-60.0, 58.0, 52.0, 56.0],
    [-85.0, 63.0, 46.0, 63.0],
    [-103.0, 96.0, 48.0, 72.0],
    [-120.0, 160.0, 60.0, 80.0],
    [-140.0, 200.0, 74.0, 86.0],
    [-180.0, 215.0, 90.0, 92.0],
];

/// A row of the table at a height: linear between rows.
fn outline(height: f32) -> [f32; 3] {
    let below = OUTLINE.iter().position(|row| row[0] < height).unwrap_or(OUTLINE.len() - 1).max(1);
    let (high, low) = (OUTLINE[below - 1], OUTLINE[below]);
    let t = ramp(high[0], low[0], height);
    let t = t * t * (3.0 - 2.0 * t);
    [1, 2, 3].map(|i| mix(high[i], low[i], t))
}

/// Paints one slice's soft tissue.
struct Painter<'a> {
    canvas: &'a mut Canvas,
    tissue: &'a SoftTissue,
    midline: Midline,
}

impl Painter<'_> {
    /// An ellipse at `x`, `y` mm from the midline, half axes `rx` and `ry`.
    fn spot(&mut self, x: f32, y: f32, rx: f32, ry: f32, hu: f32) {
        self.egg(x, y, [rx, ry, ry], hu, 1.2);
    }

    fn egg(&mut self, x: f32, y: f32, half: [f32; 3], hu: f32, edge: f32) {
        let (sin, cos) = self.tissue.turn.sin_cos();
        let k = self.tissue.size;
        let at = [self.midline.at[0] + k * (x * cos - y * sin), self.midline.at[1] + k * (x * sin + y * cos)];
        self.canvas.ellipse(&Ellipse { at, half: half.map(|h| h * k), turn: [cos, sin], hu, edge });
    }

    /// The same to both sides.
    fn pair(&mut self, x: f32, y: f32, rx: f32, ry: f32, hu: f32) {
        self.spot(x, y, rx, ry, hu);
        self.spot(-x, y, rx, ry, hu);
    }

    /// Half width, front and back of the outline, mm at scale 1. Only the neck differs in girth, not the head.
    fn skin(&self) -> [f32; 3] {
        let h = self.midline.height;
        let girth = mix(1.0, self.tissue.girth, ramp(-35.0, -60.0, h));
        outline(h).map(|mm| mm * girth)
    }

    fn body(&mut self) {
        let [wide, front, back] = self.skin();
        let fat = self.tissue.fat_mm;
        self.egg(0.0, 0.0, [wide, front, back], 10.0, 1.0);
        self.egg(0.0, 0.0, [wide - 1.8, front - 1.8, back - 1.8], -105.0, 1.5);
        self.egg(0.0, 0.0, [wide - fat, front - fat, back - 1.4 * fat], -55.0, 3.0);
    }

    fn muscles(&mut self) {
        let h = self.midline.height;
        let neck = ramp(15.0, -5.0, h);
        if h > -8.0 {
            // Face and the muscles of mastication.
            self.spot(0.0, -52.0, 46.0, 34.0, 20.0);
            self.pair(40.0, -18.0, 18.0, 14.0, 50.0);
        }
        self.pair(53.0, -38.0, 8.0 * ramp(-45.0, -25.0, h), 19.0, 58.0);
        self.spot(0.0, -50.0, 24.0 * ramp(-48.0, -36.0, h), 28.0 * ramp(12.0, -4.0, h), 55.0);
        self.pair(21.0, 34.0, 18.0 * neck, 17.0 * neck, 54.0);
        self.pair(8.5, 25.0, 9.0 * neck, 10.0 * neck, 50.0);
        self.pair(34.0, 12.0, 12.0 * neck, 15.0 * neck, 56.0);
        self.pair(8.0, -11.5, 7.5, 4.0, 54.0);
        // Sternocleidomastoid: from behind the ear to the breast bone.
        let down = ramp(10.0, -130.0, h);
        self.pair(mix(50.0, 16.0, down), mix(6.0, -44.0, down), 8.0, 14.0, 60.0);
        let low = ramp(-75.0, -110.0, h);
        self.pair(62.0, 34.0, 52.0 * low, 20.0 * low, 55.0);
        self.pair(95.0, -8.0, 48.0 * low, 28.0 * low, 55.0);
        self.spot(0.0, -29.0, 25.0 * ramp(-36.0, -46.0, h), 16.0, 52.0);
    }

    fn throat(&mut self) {
        let (h, air, blood) = (self.midline.height, self.tissue.airway, self.tissue.blood_hu);
        self.pair(25.0, -12.0, 3.4, 3.4, blood);
        self.pair(31.0, -7.0, 5.4, 4.2, blood * 0.92);
        let thyroid = ramp(-72.0, -84.0, h) * ramp(-116.0, -104.0, h);
        self.pair(15.0, -29.0, 8.0 * thyroid, 12.0 * thyroid, 115.0);
        if h > 14.0 {
            self.spot(0.0, -58.0, 12.0, 26.0, -1000.0);
            self.pair(27.0, -64.0, 11.0, 15.0, -1000.0);
            self.spot(0.0, -66.0, 2.5, 16.0, 60.0);
        }
        self.airway(air);
        if h < -72.0 {
            self.spot(-4.0, -16.5, 7.5, 4.2, 42.0);
            self.spot(-4.0, -16.5, 1.4, 0.8, -500.0);
        }
    }

    /// Nasopharynx to windpipe: centre, half width and half depth over the height.
    fn airway(&mut self, wide: f32) {
        const WAY: [[f32; 4]; 7] = [
            [20.0, -30.0, 11.0, 9.0],
            [0.0, -24.0, 12.0, 7.0],
            [-30.0, -21.0, 10.0, 5.5],
            [-48.0, -23.0, 12.0, 6.0],
            [-62.0, -28.0, 5.0, 9.5],
            [-76.0, -31.0, 6.5, 9.0],
            [-90.0, -32.0, 8.8, 9.0],
        ];
        let h = self.midline.height;
        if h > WAY[0][0] {
            return;
        }
        let below = WAY.iter().position(|row| row[0] < h).unwrap_or(WAY.len() - 1);
        let (a, b) = (WAY[below - 1], WAY[below]);
        let t = ramp(a[0], b[0], h);
        let [y, rx, ry] = [1, 2, 3].map(|i| mix(a[i], b[i], t));
        let wall = 1.8 * ramp(-70.0, -80.0, h);
        self.spot(0.0, y, (rx + wall) * wide, (ry + wall) * wide, 90.0);
        self.spot(0.0, y, rx * wide, ry * wide, -1000.0);
    }

    fn chest(&mut self) {
        let h = self.midline.height;
        let lung = ramp(-124.0, -175.0, h).sqrt();
        self.pair(44.0, -2.0, 32.0 * lung, 36.0 * lung, -860.0);
    }

    fn canal(&mut self) {
        let h = self.midline.height;
        let y = mix(14.0, 16.0, ramp(-10.0, -25.0, h));
        if h > 24.0 {
            // Inside the skull.
            let r = (1.0 - ((h - 72.0) / 56.0).powi(2)).max(0.0).sqrt();
            self.spot(0.0, 24.0, 66.0 * r, 74.0 * r, 34.0);
            self.spot(0.0, 12.0, 14.0, 12.0, 30.0);
            return;
        }
        self.spot(0.0, y, 12.0, 8.5, -40.0);
        self.spot(0.0, y, mix(11.5, 10.0, ramp(0.0, -30.0, h)), 7.2, 14.0);
        self.spot(0.0, y + 0.4, mix(6.0, 6.8, ramp(-30.0, -70.0, h)), 4.2, 42.0);
    }

    /// Clears what was painted beyond the skin: air, and the table.
    fn outside(&mut self) {
        let (sin, cos) = self.tissue.turn.sin_cos();
        let half = self.skin().map(|mm| mm * self.tissue.size);
        let middle = self.canvas.place(self.canvas.size / 2, 0).x;
        for row in 0..self.canvas.size {
            for column in 0..self.canvas.size {
                let p = self.canvas.place(column, row);
                let (dx, dy) = (p.x - self.midline.at[0], p.y - self.midline.at[1]);
                let (x, y) = (dx * cos + dy * sin, dy * cos - dx * sin);
                let deep = if y < 0.0 { half[1] } else { half[2] };
                let q = (x / half[0]).powi(2) + (y / deep).powi(2);
                if q > 0.97 {
                    let distance = (q.sqrt() - 1.0) * half[0].min(deep);
                    let at = &mut self.canvas.hu[row * self.canvas.size + column];
                    *at = mix(self.tissue.around(p.x - middle, p.y), *at, (0.5 - distance / 1.0).clamp(0.0, 1.0));
                }
            }
        }
    }
}

impl SoftTissue {
    /// Air, or the table: a shallow arc, a carbon shell with foam inside. `x` from its middle.
    fn around(&self, x: f32, y: f32) -> f32 {
        if y < self.table_y - 40.0 {
            return -1000.0;
        }
        let depth = (x.powi(2) + (y - self.table_y + 300.0).powi(2)).sqrt() - 300.0;
        let foam = ramp(0.0, 0.6, depth) * ramp(18.0, 17.4, depth);
        let core = ramp(2.0, 2.6, depth) * ramp(16.0, 15.4, depth);
        -1000.0 + foam * 800.0 - core * 710.0
    }
}

/// Paints soft tissue and table onto an empty canvas.
pub(super) fn paint(canvas: &mut Canvas, tissue: &SoftTissue, midline: Midline) {
    let mut painter = Painter { canvas, tissue, midline };
    painter.body();
    painter.muscles();
    painter.chest();
    painter.throat();
    painter.canal();
    painter.outside();
    mottle(canvas, tissue);
}

/// Slow unevenness of fat and muscle, from a coarse grid.
fn mottle(canvas: &mut Canvas, tissue: &SoftTissue) {
    const STEP: usize = 4;
    let side = canvas.size / STEP + 2;
    let coarse: Vec<f32> = (0..side * side)
        .map(|i| {
            let p = canvas.place((i % side) * STEP, (i / side) * STEP);
            bumps(tissue.seed, p * 0.28) * 16.0 + bumps(tissue.seed ^ 7, v(p.x * 0.08, p.y * 0.08, p.z * 0.05)) * 22.0
        })
        .collect();
    for y in 0..canvas.size {
        for x in 0..canvas.size {
            let at = &mut canvas.hu[y * canvas.size + x];
            if *at > -300.0 {
                let (cell, fx) = (y / STEP * side + x / STEP, (x % STEP) as f32 / STEP as f32);
                let fy = (y % STEP) as f32 / STEP as f32;
                let upper = mix(coarse[cell], coarse[cell + 1], fx);
                let lower = mix(coarse[cell + side], coarse[cell + side + 1], fx);
                *at += mix(upper, lower, fy);
            }
        }
    }
}
