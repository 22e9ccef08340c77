//! A synthetic axial slice of a neck with a cracked vertebra, for the sample pictures.

use std::sync::Arc;

/// Columns and rows.
pub const SIDE: u16 = 256;

/// Grey values in a bone window, row by row.
pub fn grey() -> Arc<[u8]> {
    (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| value(f32::from(x), f32::from(y)))).collect()
}

/// Distance-like measure of an ellipse: below 1 inside.
fn ellipse(x: f32, y: f32, [cx, cy, rx, ry]: [f32; 4]) -> f32 {
    ((x - cx) / rx).hypot((y - cy) / ry)
}

/// 1 within a shape whose edge lies at `m == 1`, 0 outside, soft over `soft`.
fn within(m: f32, soft: f32) -> f32 {
    ((1.0 - m) / soft + 0.5).clamp(0.0, 1.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 255")]
fn value(x: f32, y: f32) -> u8 {
    let (dx, side) = ((x - 128.0).abs(), if x < 128.0 { -1.0 } else { 1.0 });
    let grain = ((x * 12.9 + y * 78.2).sin() * 43758.5).fract() * 9.0 + ((x * 0.9).sin() * (y * 0.7).cos()) * 3.0;
    let mut v = 6.0 + within(ellipse(x, y, [128.0, 132.0, 104.0, 92.0]), 0.03) * 58.0;
    let muscle =
        within(ellipse(dx, y, [46.0, 186.0, 36.0, 30.0]), 0.2) + within(ellipse(dx, y, [66.0, 116.0, 20.0, 28.0]), 0.2);
    v += muscle * 10.0;
    v -= within(ellipse(x, y, [128.0, 66.0, 15.0, 12.0]), 0.12) * 62.0; // airway
    let body = ellipse(x, y, [128.0, 112.0, 38.0, 25.0]);
    v = bone(v, within(body, 0.08), shell(body));
    let pillar = ellipse(dx, y, [40.0, 138.0, 15.0, 17.0]);
    v = bone(v, within(pillar, 0.12), shell(pillar));
    let along = (y - 146.0) * 0.62 + (dx - 40.0) * 0.78; // lamina: from the pillar to the midline
    let across = ((y - 146.0) * 0.78 - (dx - 40.0) * -0.62).abs() / 6.5;
    let lamina = if (-50.0..4.0).contains(&along) && y > 140.0 { across } else { 2.0 };
    v = bone(v, within(lamina, 0.2) * f32::from(dx > 2.0 && dx < 42.0), 0.7);
    let spinous = ellipse(x, y, [128.0 + 2.0 * side * 0.0, 192.0, 7.5, 22.0]);
    v = bone(v, within(spinous, 0.15), shell(spinous));
    let canal = ellipse(x, y, [128.0, 146.0, 24.0, 15.0]);
    v += (70.0 - v) * within(canal, 0.06);
    v += within(ellipse(x, y, [128.0, 146.0, 13.0, 8.5]), 0.1) * 14.0; // cord
    v += (48.0 - v) * within(ellipse(dx, y, [42.0, 118.0, 5.5, 5.5]), 0.3); // transverse foramen
    let crack = (x - 158.0 - (y * 0.55).sin() * 2.2 - (y - 112.0) * 0.28).abs() / 1.9;
    let cracked = within(crack, 0.6) * f32::from((96.0..139.0).contains(&y) && x > 140.0);
    v += (58.0 - v) * cracked;
    (v + grain).clamp(0.0, 255.0) as u8
}

/// 1 at the rim of a bone, less inside.
fn shell(m: f32) -> f32 {
    (0.45 + (m - 0.6) * 1.5).clamp(0.45, 1.0)
}

fn bone(under: f32, cover: f32, density: f32) -> f32 {
    under + (90.0 + 150.0 * density - under) * cover
}
