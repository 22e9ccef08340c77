//! Takes in a grey picture and an area, paints it smoothly scaled; says where a place of it lies on the screen.
//!
//! Never changes the picture's proportions: where the area has others, the part around the fracture box is shown.

use embedded_graphics::pixelcolor::Rgb888;

use super::area::{Area, index};
use super::{Frame, Picture};

/// The part of the picture that is shown in `area`: as much as `area`'s proportions allow, around the fracture box.
/// Left, top, and picture pixels per screen pixel.
fn window(area: Area, picture: &Picture) -> [f32; 3] {
    let (width, height) = (f32::from(picture.width), f32::from(picture.height));
    let step = (width / area.width.max(1) as f32).min(height / area.height.max(1) as f32);
    let [x, y, w, h] = picture.mark;
    let corner = |middle: f32, shown: f32, whole: f32| (middle - shown / 2.0).clamp(0.0, (whole - shown).max(0.0));
    [corner(x + w / 2.0, area.width as f32 * step, width), corner(y + h / 2.0, area.height as f32 * step, height), step]
}

/// Paints the picture over the whole of `area`: averaging where it shrinks, bilinear where it grows.
pub fn paint(frame: &mut Frame, area: Area, picture: &Picture) {
    let [left, top, step] = window(area, picture);
    for y in 0..area.height {
        for x in 0..area.width {
            let value = sample(picture, [left + x as f32 * step, top + y as f32 * step], step);
            frame.fill(Area::new(area.x + x, area.y + y, 1, 1), Rgb888::new(value, value, value));
        }
    }
}

/// Bilinear where the picture grows; the mean over 2 x 2 places of the pixel's footprint where it shrinks.
fn sample(picture: &Picture, corner: [f32; 2], step: f32) -> u8 {
    let at = |fx: f32, fy: f32| bilinear(picture, corner[0] + step * fx - 0.5, corner[1] + step * fy - 0.5);
    let value = if step <= 1.0 {
        at(0.5, 0.5)
    } else {
        (at(0.25, 0.25) + at(0.75, 0.25) + at(0.25, 0.75) + at(0.75, 0.75)) / 4.0
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let value = value.round().clamp(0.0, 255.0) as u8;
    value
}

fn bilinear(picture: &Picture, x: f32, y: f32) -> f32 {
    let (x, y) = (x.clamp(0.0, f32::from(picture.width) - 1.0), y.clamp(0.0, f32::from(picture.height) - 1.0));
    #[expect(clippy::cast_possible_truncation, reason = "within the picture")]
    let (left, top) = (x as i32, y as i32);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let grey = |dx: i32, dy: i32| {
        let column = index(left + dx).min(usize::from(picture.width) - 1);
        let row = index(top + dy).min(usize::from(picture.height) - 1);
        picture.grey.get(row * usize::from(picture.width) + column).map_or(0.0, |v| f32::from(*v))
    };
    let upper = grey(0, 0) * (1.0 - fx) + grey(1, 0) * fx;
    let lower = grey(0, 1) * (1.0 - fx) + grey(1, 1) * fx;
    upper * (1.0 - fy) + lower * fy
}

/// The fracture box on the screen, for a picture that is painted over `area`.
pub fn mark(area: Area, picture: &Picture) -> [f32; 4] {
    let [left, top, step] = window(area, picture);
    let [x, y, width, height] = picture.mark;
    [area.x as f32 + (x - left) / step, area.y as f32 + (y - top) / step, width / step, height / step]
}

#[cfg(test)]
mod tests {
    use embedded_graphics::geometry::Size;

    use super::*;

    fn gradient() -> Picture {
        let grey: Vec<u8> = (0..64_u8).flat_map(|_| (0..64_u8).map(|x| x * 4)).collect();
        Picture { grey: grey.into(), width: 64, height: 64, mark: [16.0, 8.0, 32.0, 16.0], slice: None }
    }

    #[test]
    fn a_picture_keeps_its_brightness_at_any_size() {
        for side in [16, 64, 200] {
            let mut frame = Frame::new(Size::new(200, 200));
            paint(&mut frame, Area::new(0, 0, side, side), &gradient());
            let middle = i32::from(frame.pixel(side / 2, side / 2)[0]);
            assert!((middle - 128).abs() <= 8, "{side}: {middle}");
        }
    }

    #[test]
    fn the_box_lies_where_the_picture_lies() {
        let mark = mark(Area::new(100, 50, 128, 128), &gradient());
        assert_eq!(mark, [132.0, 66.0, 64.0, 32.0]);
    }

    #[test]
    fn a_wide_area_shows_the_part_around_the_box_in_true_proportions() {
        let [x, y, width, height] = mark(Area::new(0, 0, 128, 64), &gradient());
        assert_eq!([width, height], [64.0, 32.0]);
        assert!(x >= 0.0 && y >= 0.0 && x + width <= 128.0 && y + height <= 64.0);
    }
}
