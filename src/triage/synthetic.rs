//! A spine, slices and fractures in; evidence as two imperfect networks would give it out. For tests only.
//!
//! Extents and overlaps are the medians of the real data (two vertebrae in 39 % of the slices of a neck).

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::rule::{TYPICAL_EXTENT_MM, TYPICAL_PITCH_MM};
use super::{Evidence, FractureBox, Level, OperatingPoint};

pub const OPERATING_POINT: OperatingPoint =
    OperatingPoint { thresholds: [0.5; 7], gate: 0.3, score: 0.25, finding_score: 0.5 };

/// Distances of the vertebrae as a share of the typical ones, so that this neck is not the one that triage expects.
const LONGER: f64 = 1.06;

/// A fracture: where it lies in its vertebra's extent and how good the detector is at it.
#[derive(Clone, Copy, Debug)]
pub struct Fracture {
    pub level: Level,
    /// From the upper to the lower end of the extent, 0 to 1.
    pub range: [f64; 2],
    pub score: f32,
}

/// What is scanned, and how wrong the networks are.
#[derive(Clone, Debug)]
pub struct Scan {
    pub seed: u64,
    pub spacing_mm: f64,
    /// Slices above C1 and below C7, mm; negative cuts into them.
    pub above_mm: f64,
    pub below_mm: f64,
    pub fractures: Vec<Fracture>,
    /// Share of slices in which the classifier says anything.
    pub misread: f64,
    /// Share of slices with a false box.
    pub false_boxes: f64,
    /// Share of true boxes that the detector misses.
    pub missed_boxes: f64,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            seed: 1,
            spacing_mm: 0.625,
            above_mm: 40.0,
            below_mm: 40.0,
            fractures: vec![],
            misread: 0.0,
            false_boxes: 0.0,
            missed_boxes: 0.0,
        }
    }
}

/// Upper and lower end of a vertebra along the body, mm, C4 centred on 0.
pub fn extent(level: Level) -> [f64; 2] {
    let index = level as usize;
    let below = |level: usize| LONGER * TYPICAL_PITCH_MM[..level].iter().sum::<f64>();
    let centre = below(3) - below(index);
    let half = 0.5 * TYPICAL_EXTENT_MM[index];
    [centre + half, centre - half]
}

impl Scan {
    pub fn fractured(level: Level) -> Self {
        Self { fractures: vec![Fracture { level, range: [0.2, 0.8], score: 0.8 }], ..Self::default() }
    }

    /// The slices from head to foot.
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let top = extent(Level::C1)[0] + self.above_mm;
        let bottom = extent(Level::C7)[1] - self.below_mm;
        let mut evidence = Vec::new();
        let mut z = top;
        while z >= bottom {
            evidence.push(self.slice(evidence.len(), z, &mut random));
            z -= self.spacing_mm;
        }
        evidence
    }

    fn slice(&self, index: usize, z_mm: f64, random: &mut impl Rng) -> Evidence {
        let mut vertebrae = Level::ALL.map(|level| {
            let [top, bottom] = extent(level);
            let depth = (top - z_mm).min(z_mm - bottom);
            (1.0 / (1.0 + (-2.0 * depth).exp()) * 0.96 + 0.02) as f32
        });
        if random.random_bool(self.misread) {
            vertebrae = std::array::from_fn(|_| random.random());
        }
        let mut boxes: Vec<FractureBox> = Vec::new();
        for fracture in &self.fractures {
            let [top, bottom] = extent(fracture.level);
            let depth = (top - z_mm) / (top - bottom);
            if (fracture.range[0]..=fracture.range[1]).contains(&depth) && !random.random_bool(self.missed_boxes) {
                let jitter = |random: &mut dyn FnMut() -> f32| (random() - 0.5) * 12.0;
                let mut next = || random.random::<f32>();
                boxes.push(FractureBox {
                    x: 215.0 + jitter(&mut next),
                    y: 185.0 + jitter(&mut next) + 3.0 * fracture.level as usize as f32,
                    width: 89.0 + jitter(&mut next),
                    height: 70.0 + jitter(&mut next),
                    score: (fracture.score + jitter(&mut next) / 80.0).clamp(0.0, 1.0),
                });
            }
        }
        if random.random_bool(self.false_boxes) {
            let (x, y) = (random.random_range(20.0..420.0), random.random_range(20.0..420.0));
            boxes.push(FractureBox { x, y, width: 40.0, height: 40.0, score: random.random_range(0.2..0.9) });
        }
        boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
        // Fractures are drawn in nearly the same place, and the detector suppresses all but the best of such boxes.
        boxes.dedup_by(|b, a| (a.x - b.x).hypot(a.y - b.y) < 40.0);
        let instance_number = i32::try_from(index + 1).ok();
        Evidence { slice_key: format!("{index:032x}"), instance_number, z_mm, matrix: [512, 512], vertebrae, boxes }
    }
}
