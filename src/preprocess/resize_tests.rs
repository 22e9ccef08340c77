//! Promises of the resize: exact areas, kept means, and agreement with the definition written naively.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::*;
use crate::preprocess::Neighbours;
use proptest::prelude::*;

fn recipe(resize: Resize) -> Recipe {
    Recipe {
        window_center_hu: 400.0,
        window_width_hu: 1800.0,
        resize,
        neighbours: Neighbours::None,
        mean: 0.5,
        std: 0.25,
        widest_field_mm: None,
    }
}

fn windowed(hu: i16) -> f64 {
    ((f64::from(hu) + 500.0) / 1800.0).clamp(0.0, 1.0) * 255.0
}

/// The definition: the mean of the windowed image over the area of an output pixel, in f64.
fn naive_area(hounsfield: &[i16], rows: usize, columns: usize, size: usize) -> Vec<f64> {
    let overlap = |i: usize, source: usize, pixel: usize| {
        let step = source as f64 / size as f64;
        let (from, to) = (i as f64 * step, (i + 1) as f64 * step);
        (to.min((pixel + 1) as f64) - from.max(pixel as f64)).max(0.0) / step
    };
    let mut out = Vec::new();
    for y in 0..size {
        for x in 0..size {
            let mut sum = 0.0;
            for row in 0..rows {
                for column in 0..columns {
                    let weight = overlap(y, rows, row) * overlap(x, columns, column);
                    sum += weight * windowed(hounsfield[row * columns + column]);
                }
            }
            out.push(sum);
        }
    }
    out
}

fn images() -> impl Strategy<Value = (usize, usize, usize, Vec<i16>)> {
    (1_usize..24, 1_usize..24, 1_usize..20).prop_flat_map(|(rows, columns, size)| {
        let pixels = proptest::collection::vec(-1200_i16..2500, rows * columns);
        (Just(rows), Just(columns), Just(size), pixels)
    })
}

/// Of all of a matrix.
fn whole(rows: usize, columns: usize, size: usize, resize: Resize) -> Resizer {
    let matrix = [rows, columns].map(|pixels| u16::try_from(pixels).unwrap());
    Resizer::new(matrix, View::whole(matrix), size, resize)
}

proptest! {
    #[test]
    fn area_agrees_with_its_definition((rows, columns, size, hu) in images()) {
        let plane = whole(rows, columns, size, Resize::Area).apply(&hu, &recipe(Resize::Area)).unwrap();
        for (got, wanted) in plane.pixels.iter().zip(naive_area(&hu, rows, columns, size)) {
            // a value within 1e-3 of a half may round either way in f32
            prop_assert!((f64::from(*got) - wanted).abs() <= 0.5 + 1e-3, "{got} for {wanted}");
        }
    }

    #[test]
    fn a_constant_image_stays_constant(rows in 1_usize..70, columns in 1_usize..70, size in 1_usize..70, hu: i16) {
        for resize in [Resize::Area, Resize::Nearest] {
            let plane = whole(rows, columns, size, resize).apply(&vec![hu; rows * columns], &recipe(resize));
            let plane = plane.unwrap();
            let wanted = (windowed(hu) + 0.5).floor();
            let near_half = ((windowed(hu) + 0.5).fract() - 0.5).abs() > 0.499;
            let tolerance = if near_half { 1.0 } else { 0.0 };
            prop_assert_eq!(plane.pixels.len(), size * size);
            prop_assert!(plane.pixels.iter().all(|&v| (f64::from(v) - wanted).abs() <= tolerance));
        }
    }

    #[test]
    fn a_part_is_resized_as_if_there_were_nothing_else(
        (rows, columns, size, hu) in images(),
        [above, left, below, right] in [0_u16..5, 0_u16..5, 0_u16..5, 0_u16..5],
    ) {
        let [high, wide] = [rows, columns].map(|pixels| u16::try_from(pixels).unwrap());
        let matrix = [high + above + below, wide + left + right];
        let view = View { row: above, column: left, rows: high, columns: wide };
        let mut around = vec![i16::MAX; usize::from(matrix[0]) * usize::from(matrix[1])];
        let lines = around.chunks_exact_mut(usize::from(matrix[1])).skip(usize::from(above));
        for (line, part) in lines.zip(hu.chunks_exact(columns)) {
            line[usize::from(left)..][..columns].copy_from_slice(part);
        }
        for resize in [Resize::Area, Resize::Nearest] {
            let cut = Resizer::new(matrix, view, size, resize).apply(&around, &recipe(resize));
            prop_assert_eq!(cut, whole(rows, columns, size, resize).apply(&hu, &recipe(resize)));
        }
    }

    #[test]
    fn the_mean_is_kept((rows, columns, size, hu) in images()) {
        let plane = whole(rows, columns, size, Resize::Area).apply(&hu, &recipe(Resize::Area)).unwrap();
        let before = hu.iter().map(|&v| windowed(v)).sum::<f64>() / hu.len() as f64;
        let after = plane.pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / (size * size) as f64;
        prop_assert!((before - after).abs() <= 0.5 + 1e-3, "{before} became {after}");
    }

    #[test]
    fn nearest_takes_the_pixel_under_the_centre((rows, columns, size, hu) in images()) {
        let plane = whole(rows, columns, size, Resize::Nearest).apply(&hu, &recipe(Resize::Nearest)).unwrap();
        for (i, &got) in plane.pixels.iter().enumerate() {
            let under = |i: usize, source: usize| ((i as f64 + 0.5) * source as f64 / size as f64) as usize;
            let wanted = windowed(hu[under(i / size, rows) * columns + under(i % size, columns)]);
            prop_assert!((f64::from(got) - wanted).abs() <= 0.5 + 1e-3, "{got} for {wanted}");
        }
    }
}

#[test]
fn a_plain_average_is_rounded_half_up() {
    // window of 255 HU from 0: one HU is one grey level
    let recipe = Recipe { window_center_hu: 127.5, window_width_hu: 255.0, ..recipe(Resize::Area) };
    let hu = [0, 1, 10, 10, 0, 1, 11, 11, 255, 300, -5, 0, 255, 300, 0, 0];
    let plane = whole(4, 4, 2, Resize::Area).apply(&hu, &recipe).unwrap();
    assert_eq!(plane.pixels, [1, 11, 255, 0]);
}

#[test]
fn a_slice_that_is_not_its_matrix_is_refused() {
    let resizer = whole(4, 4, 2, Resize::Area);
    assert!(resizer.apply(&[0; 15], &recipe(Resize::Area)).is_none());
    assert!(whole(0, 4, 2, Resize::Area).apply(&[], &recipe(Resize::Area)).is_none());
}
