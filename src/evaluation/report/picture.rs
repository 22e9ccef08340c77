//! A slice in Hounsfield units and boxes in, a picture for the page out: the part around the boxes in the bone window, the
//! boxes drawn over it. Pure.

use super::html::data_url;
use super::misses::Miss;
use crate::dicom::Slice;
use crate::evaluation::TrueBox;

/// Bone window, as the packages see it: centre and width in Hounsfield units.
const WINDOW: (f32, f32) = (400.0, 1800.0);
/// A picture shows at least so many pixels of the slice each way.
const LEAST: usize = 240;
/// Around the boxes.
const AROUND: f32 = 24.0;

/// Part of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// The picture as an `<svg>` element: fractures dashed, boxes that count in full, fainter ones thin.
///
/// # Errors
/// When the pixels cannot be written as PNG.
pub(super) fn draw(slice: &Slice, miss: &Miss, score: f32) -> Result<String, png::EncodingError> {
    let (rows, columns) = (usize::from(slice.header.rows), usize::from(slice.header.columns));
    let part = part(&boxes(miss), columns, rows);
    let image = data_url("image/png", &png(&grey(slice, part), part)?);
    let Part { left, top, width, height } = part;
    let mut svg = format!(
        "<svg class=\"slice\" viewBox=\"{left} {top} {width} {height}\" role=\"img\" aria-label=\"slice {}\">\
         <image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" href=\"{image}\"/>\n",
        miss.slice
    );
    for b in miss.found.iter().rev() {
        let class = if b.score >= score { "found" } else { "faint" };
        svg += &rectangle(class, [b.x, b.y, b.width, b.height]);
        let (x, y) = (b.x + b.width, b.y - 3.0);
        svg += &format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{:.2}</text>\n", b.score);
    }
    for TrueBox { x, y, width, height } in &miss.truth {
        svg += &rectangle("truth", [*x, *y, *width, *height]);
    }
    Ok(svg + "</svg>\n")
}

fn boxes(miss: &Miss) -> Vec<[f32; 4]> {
    let truth = miss.truth.iter().map(|b| [b.x, b.y, b.width, b.height]);
    truth.chain(miss.found.iter().map(|b| [b.x, b.y, b.width, b.height])).collect()
}

fn rectangle(class: &str, [x, y, width, height]: [f32; 4]) -> String {
    format!("<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n")
}

/// A square around all boxes, within the slice.
fn part(boxes: &[[f32; 4]], columns: usize, rows: usize) -> Part {
    let low = |i: usize| boxes.iter().map(|b| b[i]).fold(f32::INFINITY, f32::min) - AROUND;
    let high = |i: usize| boxes.iter().map(|b| b[i] + b[i + 2]).fold(f32::NEG_INFINITY, f32::max) + AROUND;
    let side = [0, 1].map(|i| whole(high(i) - low(i))).into_iter().fold(LEAST, usize::max);
    let along = |i: usize, most: usize| {
        let side = side.min(most);
        let start = whole(f32::midpoint(low(i), high(i)) - side as f32 / 2.0);
        (start.min(most - side), side)
    };
    let ((left, width), (top, height)) = (along(0, columns), along(1, rows));
    Part { left, top, width, height }
}

/// Rounded up, 0 for what lies below it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, at most a slice's side")]
fn whole(value: f32) -> usize {
    value.clamp(0.0, 65_535.0).ceil() as usize
}

/// Grey values of the part, row by row.
fn grey(slice: &Slice, part: Part) -> Vec<u8> {
    let columns = usize::from(slice.header.columns).max(1);
    let rows = slice.hounsfield.chunks_exact(columns).skip(part.top).take(part.height);
    rows.flat_map(|row| row.iter().skip(part.left).take(part.width).map(|value| shade(*value))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
fn shade(hounsfield: i16) -> u8 {
    let (centre, width) = WINDOW;
    let share = (f32::from(hounsfield) - centre) / width + 0.5;
    (share.clamp(0.0, 1.0) * 255.0).round() as u8
}

fn png(grey: &[u8], part: Part) -> Result<Vec<u8>, png::EncodingError> {
    let side = |n: usize| u32::try_from(n).unwrap_or(0);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(part.width), side(part.height));
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(grey)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_holds_the_boxes_and_lies_within_the_slice() {
        let inner = part(&[[300.0, 250.0, 40.0, 30.0]], 512, 512);
        assert_eq!((inner.left, inner.top, inner.width, inner.height), (200, 145, 240, 240));
        let corner = part(&[[480.0, 0.0, 30.0, 30.0]], 512, 512);
        assert_eq!((corner.left, corner.top), (272, 0));
        let wide = part(&[[10.0, 10.0, 10.0, 10.0], [400.0, 10.0, 60.0, 10.0]], 512, 512);
        assert!(wide.left == 0 && wide.width >= 484, "{wide:?}");
        assert_eq!(part(&[[0.0, 0.0, 9.0, 9.0]], 128, 64), Part { left: 0, top: 0, width: 128, height: 64 });
    }

    #[test]
    fn the_window_is_that_of_bone() {
        assert_eq!([-1024, -500, 400, 1300, 3000].map(shade), [0, 0, 128, 255, 255]);
    }
}
