//! Points, rotations and smooth joins: the little geometry that the anatomy is built from. No anatomy in here.
//!
//! Millimetres; x to the patient's left, y to the back, z to the head (the axes of DICOM's patient coordinates).

use std::ops::{Add, Mul, Sub};

/// A point or a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vec3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

/// Shorthand, for the shapes are long lists of points.
pub(super) const fn v(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    pub(super) fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub(super) fn unit(self) -> Self {
        self * (1.0 / self.length())
    }

    /// Component by component.
    pub(super) const fn scaled(self, o: Self) -> Self {
        v(self.x * o.x, self.y * o.y, self.z * o.z)
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        v(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        v(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, k: f32) -> Self {
        v(self.x * k, self.y * k, self.z * k)
    }
}

/// A rigid frame: where a bone sits and how it is turned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub origin: Vec3,
    /// The frame's own x, y and z directions, seen from outside.
    pub axes: [Vec3; 3],
}

impl Frame {
    /// Angles in radians: `flexion` leans the top forward, `lean` leans it to the left, `turn` turns the front to the right.
    pub(super) fn new(origin: Vec3, flexion: f32, lean: f32, turn: f32) -> Self {
        let rotate = |p: Vec3| {
            let (s, c) = flexion.sin_cos();
            let p = v(p.x, p.y * c - p.z * s, p.y * s + p.z * c);
            let (s, c) = lean.sin_cos();
            let p = v(p.x * c + p.z * s, p.y, p.z * c - p.x * s);
            let (s, c) = turn.sin_cos();
            v(p.x * c - p.y * s, p.x * s + p.y * c, p.z)
        };
        Self { origin, axes: [rotate(v(1.0, 0.0, 0.0)), rotate(v(0.0, 1.0, 0.0)), rotate(v(0.0, 0.0, 1.0))] }
    }

    /// A direction seen from inside the frame.
    pub(super) fn direction_inside(&self, d: Vec3) -> Vec3 {
        v(d.dot(self.axes[0]), d.dot(self.axes[1]), d.dot(self.axes[2]))
    }

    /// A point seen from inside the frame.
    pub(super) fn inside(&self, p: Vec3) -> Vec3 {
        self.direction_inside(p - self.origin)
    }

    /// A point of the frame seen from outside.
    pub(super) fn outside(&self, p: Vec3) -> Vec3 {
        self.origin + self.axes[0] * p.x + self.axes[1] * p.y + self.axes[2] * p.z
    }
}

/// The smaller of two distances with a fillet of about `k` mm where they meet.
pub(super) fn smooth_min(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0);
    a.min(b) - h * h / (4.0 * k)
}

/// Straight from 0 at `from` to 1 at `to`, flat outside.
pub(super) fn ramp(from: f32, to: f32, at: f32) -> f32 {
    ((at - from) / (to - from)).clamp(0.0, 1.0)
}

/// Linear between `a` and `b`.
pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Nearest whole number at or below, as an index; negative values give 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to integer casts saturate")]
pub(super) fn index_below(at: f32) -> usize {
    at.max(0.0) as usize
}

/// Rounded and saturated to 16 bits.
#[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
pub(super) fn to_i16(value: f32) -> i16 {
    value.round() as i16
}
