//! Soft tissue of one slice: skin, fat, muscles, vessels, airway, cord, lungs, and the devices around the patient.
//!
//! Everything is an ellipse in the plane that shifts and grows along the neck; bones are painted on top.

mod devices;

mod outline;

mod strands;

mod throat;

pub(super) use devices::Devices;

use strands::{STRANDS, Strand, Tissue};

use super::canvas::{Canvas, Ellipse};
use super::field::Field;
use super::geometry::{mix, ramp, v};
use super::noise::bumps;

/// What differs from patient to patient.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoftTissue {
    /// Scale of the whole patient.
    pub size: f32,
    /// Thickness of the fat under the skin, mm.
    pub fat_mm: f32,
    /// Scale of the neck's girth on top of `size`.
    pub girth: f32,
    /// Hounsfield units of the blood: 45 plain, 150 to 330 with contrast.
    pub blood_hu: f32,
    /// Half width and half depth of the airway and of the canal of the cord, relative to the usual ones.
    pub airway: f32,
    pub canal: f32,
    /// Fat in the muscles: 0 none, 1 much.
    pub marbling: f32,
    pub raise_mm: f32,
    pub devices: Devices,
    pub seed: u32,
}

/// Where the neck is in this slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Midline {
    /// Centre of the vertebral bodies in the world, mm.
    pub at: [f32; 2],
    /// Height above the centre of C1, mm at scale 1 (negative below).
    pub height: f32,
    /// Turn in the plane of the slices, radians.
    pub turn: f32,
    /// How much higher the head lies per mm to the back: its nod.
    pub tilt: f32,
    /// How much further up the patient a slice lies per mm to the back: a tilted gantry.
    pub slope: f32,
    /// How far the spine has gone back from where it enters the chest, mm at scale 1: the breast stays in front.
    pub drift: f32,
}

/// Paints one slice's soft tissue.
struct Painter<'a> {
    canvas: &'a mut Canvas,
    tissue: &'a SoftTissue,
    midline: Midline,
    /// Distance of each pixel from the skin, mm, positive outside.
    skin: Vec<f32>,
}

/// Paints soft tissue and devices onto an empty canvas.
pub(super) fn paint(canvas: &mut Canvas, tissue: &SoftTissue, midline: Midline) {
    canvas.warp = Some(warp(canvas, tissue.seed));
    let skin = distances(canvas, tissue, midline);
    let mut painter = Painter { canvas, tissue, midline, skin };
    painter.fat();
    painter.lungs();
    for strand in &STRANDS {
        painter.strand(strand);
    }
    painter.throat();
    painter.canal();
    painter.skin_and_beyond();
    mottle(canvas, tissue);
}

/// Unevenness of every outline, mm.
fn warp(canvas: &Canvas, seed: u32) -> [Vec<f32>; 2] {
    [21, 22].map(|i| {
        Field::sampled(canvas, 12, |p| {
            2.2 * bumps(seed ^ i, p * 0.05) + 1.3 * bumps(seed ^ (i + 2), v(p.x * 0.13, p.y * 0.13, p.z * 0.09))
        })
        .dense(canvas.size)
    })
}

fn distances(canvas: &mut Canvas, tissue: &SoftTissue, midline: Midline) -> Vec<f32> {
    let (sin, cos) = midline.turn.sin_cos();
    let k = tissue.size;
    let mut skin = Vec::with_capacity(canvas.size * canvas.size);
    for row in 0..canvas.size {
        let back = canvas.place(0, row).y - midline.at[1];
        let height = midline.height + (back / k).clamp(-90.0, 90.0) * midline.slope;
        let [wide, front, back] = outline::skin(height, tissue.girth, tissue.fat_mm, tissue.raise_mm);
        let half = [wide, front + midline.drift, back].map(|mm| mm * k);
        canvas.row(row, 0..canvas.size, midline.at, |dx, dy, _| {
            skin.push(outline::beyond(dx * cos + dy * sin, dy * cos - dx * sin, half));
        });
    }
    skin
}

impl Painter<'_> {
    /// How much further up the head's own axis this slice lies per mm to the back; further down, up the neck.
    fn incline(&self) -> f32 {
        let Midline { height: h, tilt, slope, .. } = self.midline;
        mix(slope, -tilt, ramp(-60.0, -25.0, h))
    }

    /// Height of the head's own plane that this slice meets `y` mm behind the midline; further down, the slice's height.
    fn height_at(&self, y: f32) -> f32 {
        self.midline.height + y * self.incline()
    }

    /// Where this slice cuts an ellipsoid around (0, `y`, `z`) in the head's own axes.
    fn ellipsoid(&mut self, y: f32, z: f32, [rx, ry, rz]: [f32; 3], hu: f32) {
        let (incline, deep) = (self.incline(), self.height_at(0.0) - z);
        let curve = 1.0 / (ry * ry) + (incline / rz).powi(2);
        let middle = (y / (ry * ry) - incline * deep / (rz * rz)) / curve;
        let left = 1.0 - ((middle - y) / ry).powi(2) - ((deep + incline * middle) / rz).powi(2);
        if left > 0.0 {
            self.spot(0.0, middle, rx * left.sqrt(), (left / curve).sqrt(), hu);
        }
    }

    /// An ellipse at `x`, `y` mm from the midline, half axes `rx` and `ry`.
    fn spot(&mut self, x: f32, y: f32, rx: f32, ry: f32, hu: f32) {
        self.egg([x, y], [rx, ry, ry], 0.0, hu);
    }

    fn egg(&mut self, [x, y]: [f32; 2], half: [f32; 3], turn: f32, hu: f32) {
        let (sin, cos) = self.midline.turn.sin_cos();
        let k = self.tissue.size;
        let at = [self.midline.at[0] + k * (x * cos - y * sin), self.midline.at[1] + k * (x * sin + y * cos)];
        let (sin, cos) = (self.midline.turn + turn).sin_cos();
        self.canvas.ellipse(&Ellipse { at, half: half.map(|h| h * k), turn: [cos, sin], hu, edge: 1.1 });
    }

    /// The same to both sides.
    fn pair(&mut self, x: f32, y: f32, rx: f32, ry: f32, hu: f32) {
        self.spot(x, y, rx, ry, hu);
        self.spot(-x, y, rx, ry, hu);
    }

    /// Under the skin, and between the muscles, which the girth spreads.
    fn fat(&mut self) {
        for (hu, beyond) in self.canvas.hu.iter_mut().zip(&self.skin) {
            if *beyond < 1.0 {
                *hu = mix(-104.0, -78.0, ramp(-1.6 * self.tissue.fat_mm, -2.6 * self.tissue.fat_mm, *beyond));
            }
        }
    }

    fn strand(&mut self, strand: &Strand) {
        let h = self.height_at(strand.rows[0][2]);
        let Some(next) = strand.rows.iter().position(|row| row[0] < h).filter(|next| *next > 0) else { return };
        let (a, b) = (strand.rows[next - 1], strand.rows[next]);
        let t = ramp(a[0], b[0], h);
        let [x, y, rx, ry, turn] = [1, 2, 3, 4, 5].map(|i| mix(a[i], b[i], t));
        let (blood, tissue) = (self.tissue.blood_hu, self.tissue);
        let hu = match strand.tissue {
            Tissue::Muscle => 58.0 - 16.0 * tissue.marbling,
            Tissue::Artery => blood,
            Tissue::Vein => blood * 0.88 + 4.0,
            Tissue::Gland(hu) => hu + 0.25 * (blood - 45.0),
        };
        let muscle = strand.tissue == Tissue::Muscle;
        let spread = if muscle { mix(1.0, tissue.girth, 0.7 * ramp(-15.0, -55.0, h)) } else { 1.0 };
        let (x, y) = (x * mix(1.0, spread, ramp(8.0, 30.0, x)), y * mix(1.0, spread, ramp(8.0, 30.0, y.abs())));
        // Ends are rounded off.
        let (first, last) = (strand.rows[0][0], strand.rows[strand.rows.len() - 1][0]);
        let end = (ramp(first, first - 9.0, h) * ramp(last, last + 9.0, h)).sqrt();
        let full = end * if muscle { spread * 1.14 } else { 1.0 };
        let half = [rx * full, ry * full, ry * full];
        self.egg([x, y], half, turn, hu);
        if x > 0.0 {
            self.egg([-x, y], half, -turn, hu);
        }
    }

    fn lungs(&mut self) {
        let lung = ramp(-126.0, -178.0, self.midline.height).sqrt();
        for side in [1.0, -1.0] {
            self.egg([side * 45.0, -4.0], [33.0 * lung, 40.0 * lung, 30.0 * lung], 0.0, -850.0);
        }
    }

    fn canal(&mut self) {
        // Inside the skull: cerebellum and brain.
        self.ellipsoid(34.0, 48.0, [55.5, 52.5, 35.0], 36.0);
        self.ellipsoid(8.0, 92.0, [68.0, 85.5, 57.5], 36.0);
        let h = self.midline.height;
        if h > 15.0 {
            self.spot(0.0, 7.0, 15.0, 13.0, 14.0);
            self.spot(0.0, 7.0, 9.5, 8.5, 34.0);
            return;
        }
        let (wide, y) = (self.tissue.canal, mix(12.0, 16.0, ramp(2.0, -25.0, h)));
        self.spot(0.0, y + 0.5, 12.4 * wide, 8.8 * wide, -60.0);
        self.spot(0.0, y, mix(12.0, 10.3, ramp(0.0, -30.0, h)) * wide, 7.0 * wide, 12.0);
        self.spot(0.0, y + 0.3, mix(6.0, 6.9, ramp(-30.0, -70.0, h)), 4.1, 42.0);
    }

    /// Skin, and clears what was painted beyond it: air, collar, table.
    fn skin_and_beyond(&mut self) {
        let middle = self.canvas.place(self.canvas.size / 2, 0).x;
        let (devices, h, size) = (&self.tissue.devices, self.midline.height, self.canvas.size);
        for row in 0..size {
            for column in 0..size {
                let beyond = self.skin[row * size + column];
                if beyond < -2.6 {
                    continue;
                }
                let p = self.canvas.place(column, row);
                let at = &mut self.canvas.hu[row * size + column];
                *at = mix(*at, 20.0, ramp(-2.2, -1.4, beyond));
                if beyond > -0.6 {
                    let worn = devices.collar.and_then(|c| c.at(beyond, p.y - self.midline.at[1], h));
                    let outside = worn.unwrap_or_else(|| devices.around(p.x - middle, p.y, h));
                    *at = mix(*at, outside, ramp(-0.6, 0.6, beyond));
                }
            }
        }
    }
}

/// Slow unevenness of fat and muscle, and streaks of fat in the muscles.
fn mottle(canvas: &mut Canvas, tissue: &SoftTissue) {
    let field = Field::sampled(canvas, 4, |p| {
        bumps(tissue.seed, p * 0.3) * 13.0 + bumps(tissue.seed ^ 7, v(p.x * 0.08, p.y * 0.08, p.z * 0.05)) * 14.0
    });
    let streaks = Field::sampled(canvas, 3, |p| bumps(tissue.seed ^ 9, v(p.x * 0.42, p.y * 0.3, p.z * 0.07)));
    let (field, streaks) = (field.dense(canvas.size), streaks.dense(canvas.size));
    for ((at, slow), streak) in canvas.hu.iter_mut().zip(field).zip(streaks) {
        if *at > -300.0 {
            if *at > 30.0 && *at < 64.0 {
                *at -= 150.0 * tissue.marbling * (streak - 0.25).max(0.0);
            }
            *at += slow;
        }
    }
}
