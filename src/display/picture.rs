//! Takes in a grey picture and an area, paints it smoothly scaled; says where a place of it lies on the screen.
//!
//! Never changes the picture's proportions.

use embedded_graphics::pixelcolor::Rgb888;

use super::area::{Area, index};
use super::{Frame, Picture};

/// The largest area of the picture's proportions in the middle of `room`.
pub fn place(room: Area, picture: &Picture) -> Area {
    let (w, h) = (i32::from(picture.width), i32::from(picture.height));
    let (width, height) = if room.width * h <= room.height * w {
        (room.width, room.width * h / w)
    } else {
        (room.height * w / h, room.height)
    };
    Area::new(room.x + (room.width - width) / 2, room.y + (room.height - height) / 2, width, height)
}

/// Paints the picture over the whole of `area`: averaging where it shrinks, bilinear where it grows.
pub fn paint(frame: &mut Frame, area: Area, picture: &Picture) {
    let (sx, sy) =
        (f32::from(picture.width) / area.width.max(1) as f32, f32::from(picture.height) / area.height.max(1) as f32);
    for y in 0..area.height {
        for x in 0..area.width {
            let value = sample(picture, [x as f32 * sx, y as f32 * sy], [sx, sy]);
            frame.fill(Area::new(area.x + x, area.y + y, 1, 1), Rgb888::new(value, value, value));
        }
    }
}

/// Mean over 2 x 2 bilinear samples spread over the pixel's footprint.
fn sample(picture: &Picture, corner: [f32; 2], step: [f32; 2]) -> u8 {
    let at = |fx: f32, fy: f32| bilinear(picture, corner[0] + step[0] * fx - 0.5, corner[1] + step[1] * fy - 0.5);
    let sum = at(0.25, 0.25) + at(0.75, 0.25) + at(0.25, 0.75) + at(0.75, 0.75);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let value = (sum / 4.0).round().clamp(0.0, 255.0) as u8;
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
    let (sx, sy) = (area.width as f32 / f32::from(picture.width), area.height as f32 / f32::from(picture.height));
    let [x, y, width, height] = picture.mark;
    [area.x as f32 + x * sx, area.y as f32 + y * sy, width * sx, height * sy]
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
}
