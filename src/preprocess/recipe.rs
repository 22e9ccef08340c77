//! The `[preprocessing]` table of a model package: checked values, nothing done with them here.

use serde::Deserialize;

/// How Hounsfield units become the network's input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Middle of the window, HU.
    pub window_center_hu: f32,
    /// Width of the window, HU, > 0.
    pub window_width_hu: f32,
    /// Filter between the slice's matrix and the network's.
    pub resize: Resize,
    /// What the channels carry.
    pub neighbours: Neighbours,
    /// Subtracted from a value of 0 to 1.
    pub mean: f32,
    /// Divides what is left, > 0.
    pub std: f32,
    /// Of a slice with a wider field of view, mm, the network sees the middle only; `None`: all of every slice.
    pub widest_field_mm: Option<f32>,
}

/// Filter between the slice's matrix and the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// Box filter: the mean over the source area that an output pixel covers, with fractional coverage at its edges.
    Area,
    /// The source pixel under the centre of the output pixel.
    Nearest,
}

/// What the channels of the image input carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Neighbours {
    /// The slice itself in every channel.
    None,
    /// The slice above (towards the head), the slice, the slice below.
    Adjacent,
}

/// A number beside the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataField {
    /// Position along the series normal in metres, growing towards the head.
    ImagePositionM,
    /// 0 at the head end to 1 at the foot end of the series; 0 while unknown.
    SliceRatio,
    /// 1 when the slice ratio is known, 0 while slices still arrive.
    SliceRatioKnown,
}

impl Recipe {
    /// What is wrong with the values, in words that name the key; `None` when the recipe can be used.
    pub fn fault(&self) -> Option<String> {
        let numbers = [
            ("window_center_hu", self.window_center_hu, false),
            ("window_width_hu", self.window_width_hu, true),
            ("mean", self.mean, false),
            ("std", self.std, true),
            ("widest_field_mm", self.widest_field_mm.unwrap_or(f32::MAX), true),
        ];
        numbers.into_iter().find_map(|(key, value, positive)| {
            let good = value.is_finite() && (!positive || value > 0.0);
            let wanted = if positive { "a number above 0" } else { "a finite number" };
            (!good).then(|| format!("[preprocessing] {key} = {value}: must be {wanted}"))
        })
    }

    /// Values of 8 bits as the network takes them: `(value / 255 - mean) / std`.
    pub fn normalised(&self, values: &[u8]) -> Vec<f32> {
        let table = self.table();
        values.iter().map(|&value| table[usize::from(value)]).collect()
    }

    /// What each of the 256 values becomes.
    pub(super) fn table(&self) -> [f32; 256] {
        std::array::from_fn(|value| (value as f32 / 255.0 - self.mean) / self.std)
    }

    /// The window as `value = (hu - low) * scale`, 0 to 255 before clamping.
    pub(super) fn window(&self) -> (f32, f32) {
        (self.window_center_hu - self.window_width_hu / 2.0, 255.0 / self.window_width_hu)
    }
}
