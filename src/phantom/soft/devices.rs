//! What lies around and in the patient: table, mattress, head holder, collar, breathing tube. Hounsfield units at a place.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::phantom::geometry::ramp;

const AIR_HU: f32 = -1000.0;

/// A stiff collar, as ambulances put it on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Collar {
    /// Thickness of the foam under the shell, and of the shell, mm.
    foam_mm: f32,
    shell_mm: f32,
    shell_hu: f32,
    /// Upper edge in front and behind, and lower edge: height above C1, mm at scale 1.
    edges: [f32; 3],
}

/// The devices of one study.
#[derive(Clone, Copy, Debug)]
pub(in crate::phantom) struct Devices {
    /// Height of the table's surface in the world (y), mm.
    pub(in crate::phantom) table_y: f32,
    mattress_mm: f32,
    holder: bool,
    pub(super) collar: Option<Collar>,
    /// Outer radius of a tube in the windpipe, mm.
    pub(super) tube_mm: Option<f32>,
}

impl Devices {
    pub(in crate::phantom) fn draw(table_y: f32, rng: &mut Xoshiro256PlusPlus) -> Self {
        let collar = Collar {
            foam_mm: rng.random_range(4.0..=11.0),
            shell_mm: rng.random_range(1.6..=3.0),
            shell_hu: rng.random_range(50.0..=150.0),
            edges: [rng.random_range(-56.0..=-44.0), rng.random_range(-30.0..=-8.0), rng.random_range(-100.0..=-90.0)],
        };
        let tube = rng.random_range(4.6..=5.8);
        Self {
            table_y,
            mattress_mm: rng.random_range(0.0..=26.0),
            holder: rng.random_bool(0.6),
            collar: rng.random_bool(0.4).then_some(collar),
            tube_mm: rng.random_bool(0.08).then_some(tube),
        }
    }

    /// Table and mattress alone.
    pub(in crate::phantom) const fn table(table_y: f32) -> Self {
        Self { table_y, mattress_mm: 0.0, holder: false, collar: None, tube_mm: None }
    }

    /// The same with the table at another height.
    pub(in crate::phantom) const fn on_table(self, table_y: f32) -> Self {
        Self { table_y, ..self }
    }

    /// Beyond the skin: `x`, `y` in the world with `x` from the table's middle, `height` of the slice above C1.
    pub(in crate::phantom) fn around(&self, x: f32, y: f32, height: f32) -> f32 {
        if y < self.table_y - 130.0 {
            return AIR_HU;
        }
        let mut hu = AIR_HU;
        if self.holder && height > -62.0 {
            hu = hu.max(holder(x, y - self.table_y + 6.0));
        }
        // A shallow arc: a carbon shell with foam inside, and the mattress on it.
        let depth = (x * x + (y - self.table_y + 300.0).powi(2)).sqrt() - 300.0;
        if depth > -self.mattress_mm - 1.0 && depth < 19.0 {
            let shell = ramp(0.0, 0.6, depth) * ramp(18.0, 17.4, depth);
            let core = ramp(2.0, 2.6, depth) * ramp(16.0, 15.4, depth);
            let mattress = ramp(-self.mattress_mm, 1.0 - self.mattress_mm, depth) * ramp(0.4, -0.4, depth);
            hu = hu.max(AIR_HU + shell * 800.0 - core * 710.0 + mattress * 55.0);
        }
        hu
    }
}

/// The trough that holds the head: a thin shell, padded inside; `y` from its floor.
fn holder(x: f32, y: f32) -> f32 {
    let depth = (x.powi(2) + 1.25 * (y + 105.0).powi(2)).sqrt() - 112.0;
    let wall = ramp(0.0, 0.6, depth) * ramp(3.2, 2.6, depth);
    let pad = ramp(-9.0, -8.0, depth) * ramp(0.4, -0.4, depth);
    if y < -92.0 { AIR_HU } else { AIR_HU + 870.0 * wall + 45.0 * pad }
}

impl Collar {
    /// Hounsfield units at `beyond` mm outside the skin, `y` mm behind the spine, where the collar is.
    pub(super) fn at(&self, beyond: f32, y: f32, height: f32) -> Option<f32> {
        let outer = self.foam_mm + 2.0 * self.shell_mm + 4.0;
        if !(0.0..=outer).contains(&beyond) || height < self.edges[2] {
            return None;
        }
        let top = self.edges[0] + (self.edges[1] - self.edges[0]) * ramp(-25.0, 25.0, y);
        if height > top {
            return None;
        }
        let shell =
            |from: f32| ramp(from, from + 0.5, beyond) * ramp(from + self.shell_mm, from + self.shell_mm - 0.5, beyond);
        // Two halves, the back one outside, that overlap at the sides.
        let front = shell(self.foam_mm) * ramp(9.0, 8.0, y);
        let back = shell(self.foam_mm + self.shell_mm + 0.8) * ramp(-9.0, -8.0, y);
        let foam = ramp(0.8, 1.6, beyond) * ramp(self.foam_mm + 0.2, self.foam_mm - 0.2, beyond);
        Some(AIR_HU + 60.0 * foam + (self.shell_hu - AIR_HU) * front.max(back))
    }
}
