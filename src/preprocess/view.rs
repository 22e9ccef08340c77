//! Which part of a slice a network sees: all of it, or the middle of a field of view that is too wide, so that a vertebra is
//! about as large in every slice as in those that the network learnt from.

use crate::preprocess::Recipe;

/// A part of a slice, in stored pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// First row.
    pub row: u16,
    /// First column.
    pub column: u16,
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

impl View {
    /// All of a slice of `rows` x `columns`.
    pub const fn whole([rows, columns]: [u16; 2]) -> Self {
        Self { row: 0, column: 0, rows, columns }
    }

    /// What a recipe shows of a slice of `rows` x `columns` with `PixelSpacing` in mm (between rows, between columns).
    pub fn of([rows, columns]: [u16; 2], pixel_spacing: [f64; 2], recipe: &Recipe) -> Self {
        let Some(widest_mm) = recipe.widest_field_mm.map(f64::from) else { return Self::whole([rows, columns]) };
        let seen = [within(rows, pixel_spacing[0], widest_mm), within(columns, pixel_spacing[1], widest_mm)];
        Self { row: (rows - seen[0]) / 2, column: (columns - seen[1]) / 2, rows: seen[0], columns: seen[1] }
    }

    /// A place in shares of what is seen, 0 to 1 across and down -> x and y in stored pixels.
    pub fn to_slice(self, [across, down]: [f32; 2]) -> [f32; 2] {
        [f32::from(self.column) + across * f32::from(self.columns), f32::from(self.row) + down * f32::from(self.rows)]
    }

    /// x and y in stored pixels -> shares of what is seen; beyond 0 to 1 where it is not seen.
    pub fn of_slice(self, [x, y]: [f32; 2]) -> [f32; 2] {
        [
            (x - f32::from(self.column)) / f32::from(self.columns.max(1)),
            (y - f32::from(self.row)) / f32::from(self.rows.max(1)),
        ]
    }
}

/// How many of `pixels` lie within `widest_mm`: one at least, where there is one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65,535 by the clamp")]
fn within(pixels: u16, spacing_mm: f64, widest_mm: f64) -> u16 {
    (widest_mm / spacing_mm + 0.5).floor().max(1.0).min(f64::from(pixels)) as u16
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "tests")]
mod tests {
    use super::*;
    use crate::preprocess::{Neighbours, Resize};

    fn recipe(widest_field_mm: Option<f32>) -> Recipe {
        Recipe {
            window_center_hu: 400.0,
            window_width_hu: 1800.0,
            resize: Resize::Area,
            neighbours: Neighbours::None,
            mean: 0.5,
            std: 0.25,
            widest_field_mm,
        }
    }

    #[test]
    fn of_a_wide_field_the_middle_is_seen_and_of_another_all() {
        let limited = recipe(Some(215.0));
        // 215.04 and 204.8 mm
        assert_eq!(View::of([512, 512], [0.42, 0.4], &limited), View::whole([512, 512]));
        // 215 / 0.7 = 307.1 and 215 / 0.5 = 430; as `models/training/tests/test_preprocessing.py` says
        let wide = View::of([512, 513], [0.7, 0.5], &limited);
        assert_eq!(wide, View { row: 102, column: 41, rows: 307, columns: 430 });
        assert_eq!(View::of([512, 513], [0.7, 0.5], &recipe(None)), View::whole([512, 513]));
    }

    #[test]
    fn one_pixel_is_always_seen() {
        let view = View::of([512, 512], [9.0, 9.0], &recipe(Some(1.0)));
        assert_eq!(view, View { row: 255, column: 255, rows: 1, columns: 1 });
        assert_eq!(View::of([0, 0], [0.4, 0.4], &recipe(Some(215.0))), View::whole([0, 0]), "of nothing nothing");
    }

    #[test]
    fn places_go_there_and_back() {
        let view = View { row: 100, column: 40, rows: 300, columns: 400 };
        assert_eq!(view.to_slice([0.5, 0.1]), [240.0, 130.0]);
        assert_eq!(view.of_slice([240.0, 130.0]), [0.5, 0.1]);
        assert_eq!(view.of_slice([0.0, 0.0])[0], -0.1, "not seen");
    }
}
