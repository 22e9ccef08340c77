//! Noise from hashes: the same seed and place give the same value, in any order and on any thread.

use super::geometry::{Vec3, mix};

/// `SplitMix64`'s finaliser: a good and cheap hash of 64 bits.
pub(super) const fn hash(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Approximately normal with mean 0 and deviation 1: the sum of the hash's four 16-bit quarters.
pub(super) fn normal(bits: u64) -> f32 {
    let sum = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
    // Four uniform values of variance 65536^2 / 12.
    (sum as f32 - 131_070.0) * (1.0 / 37_837.0)
}

/// Smooth noise in -1..1 with bumps about one unit wide.
#[expect(clippy::cast_possible_truncation, reason = "cells are small whole numbers; wrapping is harmless in a hash")]
#[expect(clippy::cast_sign_loss, reason = "the bit pattern is hashed")]
pub(super) fn bumps(seed: u32, p: Vec3) -> f32 {
    let cell = |x: f32| (x.floor() as i32, x - x.floor());
    let ((ix, fx), (iy, fy), (iz, fz)) = (cell(p.x), cell(p.y), cell(p.z));
    let fade = |t: f32| t * t * (3.0 - 2.0 * t);
    let corner = |dx: i32, dy: i32, dz: i32| {
        let mut h = seed
            ^ (ix.wrapping_add(dx) as u32).wrapping_mul(0x8DA6_B343)
            ^ (iy.wrapping_add(dy) as u32).wrapping_mul(0xD816_3841)
            ^ (iz.wrapping_add(dz) as u32).wrapping_mul(0xCB1A_B31F);
        h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
        (h >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
    };
    let (u, w, t) = (fade(fx), fade(fy), fade(fz));
    let edge = |dy, dz| mix(corner(0, dy, dz), corner(1, dy, dz), u);
    mix(mix(edge(0, 0), edge(1, 0), w), mix(edge(0, 1), edge(1, 1), w), t)
}
