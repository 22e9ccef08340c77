//! Smooth shapes as signed distances: takes in a place, hands on how far it lies inside or outside. Pure.
//!
//! Everything that is not a letter or a picture on a screen is made of these: icons, lamps, the spine.

use super::area::{Area, round};

/// A place in pixels; the middle of the first pixel is (0.5, 0.5).
pub type Place = [f32; 2];

/// An outline.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A disc.
    Disc {
        /// Middle.
        centre: Place,
        /// Radius.
        radius: f32,
    },
    /// A line with round ends.
    Stroke {
        /// From.
        from: Place,
        /// To.
        to: Place,
        /// Thickness.
        width: f32,
    },
    /// A rectangle on whole pixels with rounded corners.
    Slab {
        /// The rectangle.
        area: Area,
        /// Radius of its corners, at most half of the shorter side.
        radius: f32,
    },
    /// A closed polygon whose corners are rounded outwards.
    Polygon {
        /// Corners in order.
        corners: Vec<Place>,
        /// Radius of the corners.
        round: f32,
    },
    /// A part of a circle's line with round ends.
    Arc {
        /// Middle.
        centre: Place,
        /// Radius.
        radius: f32,
        /// Where it begins and ends, clockwise in turns from the top, `from < to`.
        turns: [f32; 2],
        /// Thickness.
        width: f32,
    },
}

/// An outline, filled or as a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The outline.
    pub form: Form,
    /// Thickness of the line, inside the outline; filled where there is none.
    pub line: Option<f32>,
}

impl Shape {
    /// A filled shape.
    pub const fn filled(form: Form) -> Self {
        Self { form, line: None }
    }

    /// The outline only.
    pub const fn outlined(form: Form, width: f32) -> Self {
        Self { form, line: Some(width) }
    }

    /// How much of the pixel at `place` is covered, 0 to 1.
    pub fn cover(&self, place: Place) -> f32 {
        let d = self.form.distance(place);
        let d = self.line.map_or(d, |width| (d + width / 2.0).abs() - width / 2.0);
        (0.5 - d).clamp(0.0, 1.0)
    }

    /// Pixels that are covered for certain: the middle of a filled slab, for painting it fast. May be empty.
    pub fn core(&self) -> Area {
        match (&self.form, self.line) {
            (Form::Slab { area, radius }, None) => area.inset(0, round(radius.ceil())),
            _ => Area::default(),
        }
    }

    /// Pixels that may be covered.
    pub fn bounds(&self) -> Area {
        if let Form::Slab { area, .. } = &self.form {
            return *area;
        }
        let (places, margin): (Vec<Place>, f32) = match &self.form {
            Form::Disc { centre, radius } => (vec![*centre], *radius),
            Form::Stroke { from, to, width } => (vec![*from, *to], width / 2.0),
            Form::Polygon { corners, round } => (corners.clone(), *round),
            Form::Arc { centre, radius, width, .. } => (vec![*centre], radius + width / 2.0),
            Form::Slab { .. } => (Vec::new(), 0.0),
        };
        let low = |i: usize| places.iter().map(|p| p[i]).fold(f32::MAX, f32::min) - margin - 0.5;
        let high = |i: usize| places.iter().map(|p| p[i]).fold(f32::MIN, f32::max) + margin + 0.5;
        let (x, y) = (round(low(0).floor()), round(low(1).floor()));
        Area::new(x, y, round(high(0).ceil()) - x, round(high(1).ceil()) - y)
    }
}

/// A rectangle with rounded corners.
pub fn slab(area: Area, radius: f32) -> Form {
    Form::Slab { area, radius: radius.min(area.width.min(area.height) as f32 / 2.0) }
}

impl Form {
    /// Signed distance from the outline in pixels: negative inside.
    pub fn distance(&self, p: Place) -> f32 {
        match self {
            Self::Disc { centre, radius } => length(sub(p, *centre)) - radius,
            Self::Stroke { from, to, width } => segment(p, *from, *to) - width / 2.0,
            Self::Slab { area, radius } => rounded(p, *area, *radius),
            Self::Polygon { corners, round } => polygon(p, corners) - round,
            Self::Arc { centre, radius, turns, width } => arc(sub(p, *centre), *radius, *turns) - width / 2.0,
        }
    }
}

fn sub(a: Place, b: Place) -> Place {
    [a[0] - b[0], a[1] - b[1]]
}

fn dot(a: Place, b: Place) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

fn length(a: Place) -> f32 {
    a[0].hypot(a[1])
}

fn segment(p: Place, from: Place, to: Place) -> f32 {
    let (along, rel) = (sub(to, from), sub(p, from));
    let t = (dot(rel, along) / dot(along, along).max(1e-6)).clamp(0.0, 1.0);
    length([rel[0] - along[0] * t, rel[1] - along[1] * t])
}

/// Distance from a rectangle with rounded corners.
fn rounded(p: Place, area: Area, radius: f32) -> f32 {
    let half = [area.width as f32 / 2.0, area.height as f32 / 2.0];
    let middle = [area.x as f32 + half[0], area.y as f32 + half[1]];
    let q = [(p[0] - middle[0]).abs() - half[0] + radius, (p[1] - middle[1]).abs() - half[1] + radius];
    length([q[0].max(0.0), q[1].max(0.0)]) + q[0].max(q[1]).min(0.0) - radius
}

/// Even-odd for the sign, the nearest edge for the value.
fn polygon(p: Place, corners: &[Place]) -> f32 {
    let mut inside = false;
    let mut nearest = f32::MAX;
    for (i, a) in corners.iter().enumerate() {
        let b = corners[(i + 1) % corners.len()];
        nearest = nearest.min(segment(p, *a, b));
        if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0] {
            inside = !inside;
        }
    }
    if inside { -nearest } else { nearest }
}

fn arc(p: Place, radius: f32, turns: [f32; 2]) -> f32 {
    let at = |turn: f32| {
        let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
        [radius * sin, -radius * cos]
    };
    let turn = p[0].atan2(-p[1]) / std::f32::consts::TAU;
    if (turn - turns[0]).rem_euclid(1.0) <= turns[1] - turns[0] {
        return (length(p) - radius).abs();
    }
    length(sub(p, at(turns[0]))).min(length(sub(p, at(turns[1]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_geometry() {
        let disc = Form::Disc { centre: [10.0, 10.0], radius: 4.0 };
        assert!((disc.distance([10.0, 17.0]) - 3.0).abs() < 1e-5);
        let slab = slab(Area::new(0, 0, 20, 10), 3.0);
        assert!((slab.distance([10.0, 5.0]) + 5.0).abs() < 1e-5);
        assert!((slab.distance([10.0, -2.0]) - 2.0).abs() < 1e-5);
        let half = Form::Arc { centre: [0.0, 0.0], radius: 5.0, turns: [0.0, 0.5], width: 2.0 };
        assert!((half.distance([5.0, 0.0]) + 1.0).abs() < 1e-5, "the right half is drawn");
        assert!(half.distance([-5.0, 0.0]) > 4.0, "the left half is not");
    }

    #[test]
    fn no_shape_covers_a_pixel_outside_its_bounds() {
        let forms = [
            Form::Disc { centre: [20.3, 20.7], radius: 6.2 },
            Form::Stroke { from: [12.0, 30.0], to: [33.0, 11.0], width: 5.0 },
            Form::Polygon { corners: vec![[14.0, 14.0], [30.0, 16.0], [22.0, 31.0]], round: 2.0 },
            Form::Arc { centre: [22.0, 22.0], radius: 9.0, turns: [0.1, 0.7], width: 3.0 },
            slab(Area::new(9, 12, 30, 17), 5.0),
        ];
        for form in forms {
            let shape = Shape::filled(form);
            let bounds = shape.bounds();
            for (x, y) in (0..50).flat_map(|y| (0..50).map(move |x| (x, y))) {
                let inside = bounds.holds(&Area::new(x, y, 1, 1));
                let cover = shape.cover([x as f32 + 0.5, y as f32 + 0.5]);
                assert!(inside || cover == 0.0, "{shape:?} at {x},{y}");
                let core = shape.core().holds(&Area::new(x, y, 1, 1));
                assert!(!core || cover == 1.0, "{shape:?} at {x},{y}");
            }
        }
    }
}
