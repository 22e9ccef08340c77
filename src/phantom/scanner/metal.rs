//! Metal in the teeth: fillings and crowns where enamel is.

use super::super::canvas::Canvas;
use super::super::geometry::v;
use super::super::noise::bumps;

/// Denser than this is enamel or dentine, HU; the cortex of a bone stays below.
const TOOTH_HU: f32 = 1650.0;
/// Amalgam and gold, as far as the beam is concerned, HU.
const METAL_HU: f32 = 11_000.0;
/// Brightest value that is handed to the kernel, HU: a scanner clips at 3071.
const BRIGHTEST_HU: f32 = 3600.0;

/// Turns part of the teeth into metal: `share` 0 none to 1 most; in front of `front` mm only.
pub(super) fn fill(canvas: &mut Canvas, seed: u32, share: f32, front: f32) {
    let size = canvas.size;
    for y in 0..size {
        if canvas.place(0, y).y > front {
            break;
        }
        for x in 0..size {
            if canvas.hu[y * size + x] > TOOTH_HU {
                let p = canvas.place(x, y);
                // Blobs of about a tooth.
                if bumps(seed, v(p.x, p.y, p.z) * 0.11) > 0.75 - share {
                    canvas.hu[y * size + x] = METAL_HU;
                }
            }
        }
    }
}

/// Clips metal before the kernel enhances its edges.
pub(super) fn clip(picture: &mut [f32]) {
    picture.iter_mut().for_each(|hu| *hu = hu.min(BRIGHTEST_HU));
}
