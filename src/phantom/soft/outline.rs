//! The outline of the body over the height, and what is under the skin and beyond it.

use crate::phantom::geometry::{mix, ramp};

/// Half width, front and back of a lean body's outline over the height above C1, mm.
const OUTLINE: [[f32; 4]; 12] = [
    [60.0, 72.0, 92.0, 98.0],
    [20.0, 70.0, 97.0, 82.0],
    [0.0, 67.0, 98.0, 63.0],
    [-28.0, 64.0, 97.0, 56.0],
    [-44.0, 61.0, 92.0, 55.0],
    [-60.0, 56.0, 56.0, 54.0],
    [-85.0, 59.0, 52.0, 60.0],
    [-103.0, 86.0, 53.0, 68.0],
    [-120.0, 152.0, 61.0, 72.0],
    [-140.0, 190.0, 73.0, 78.0],
    [-180.0, 206.0, 88.0, 84.0],
    [-260.0, 210.0, 104.0, 90.0],
];

/// Half width, front and back of the skin at a height, mm at scale 1: smooth between the rows. Only the neck differs
/// in `girth`; raised shoulders come earlier.
pub(super) fn skin(height: f32, girth: f32, fat_mm: f32, raise_mm: f32) -> [f32; 3] {
    let height = height - raise_mm * ramp(-78.0, -104.0, height);
    let below = OUTLINE.iter().position(|row| row[0] < height).unwrap_or(OUTLINE.len() - 1).max(1);
    let (high, low) = (OUTLINE[below - 1], OUTLINE[below]);
    let t = ramp(high[0], low[0], height);
    let t = t * t * (3.0 - 2.0 * t);
    // The chest's cage gives less, and nobody is so thin that larynx or spinous processes pierce the skin.
    let girth = mix(1.0, girth, ramp(-30.0, -58.0, height) * mix(1.0, 0.3, ramp(-95.0, -125.0, height)));
    let behind = mix(girth, girth.max(1.0), ramp(-65.0, -90.0, height));
    let fat = mix(0.4, 1.0, ramp(-10.0, -58.0, height)) * (fat_mm - 4.0);
    let lean = [1, 2, 3].map(|i| mix(high[i], low[i], t));
    [lean[0] * girth + fat, lean[1] * girth.max(0.95) + fat, lean[2] * behind + fat]
}

/// Distance from the outline in mm, positive outside; far away only its sign is sure.
pub(super) fn beyond(x: f32, y: f32, half: [f32; 3]) -> f32 {
    let deep = if y < 0.0 { half[1] } else { half[2] };
    let (u, w) = (x / half[0], y / deep);
    let q = u * u + w * w;
    if q < 0.3 {
        return -40.0;
    }
    if q > 4.0 {
        return 40.0;
    }
    let k0 = q.sqrt();
    let (gu, gw) = (u / half[0], w / deep);
    k0 * (k0 - 1.0) / (gu * gu + gw * gw).sqrt()
}
