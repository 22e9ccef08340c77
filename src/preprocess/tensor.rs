//! Planes and positions in, the network's inputs out.

use crate::preprocess::{MetadataField, Neighbours, Plane, Recipe};

/// Where a slice lies in its series, for the inputs beside the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlicePosition {
    /// Position along the series normal in mm, growing towards the head.
    pub z_mm: f64,
    /// 0 at the head end to 1 at the foot end; `None` while slices still arrive.
    pub slice_ratio: Option<f32>,
}

/// The image input, `channels` x `size` x `size`, `(value / 255 - mean) / std`.
///
/// `planes` are the slice above (towards the head), the slice itself, and the slice below, all of one size;
/// where a neighbour is missing, the caller passes the slice itself. With one channel only the slice itself is used.
pub fn image_tensor(planes: [&Plane; 3], recipe: &Recipe, channels: usize) -> Vec<f32> {
    let table = recipe.table();
    let mut tensor = Vec::with_capacity(channels * planes[1].pixels.len());
    for channel in 0..channels {
        let plane = match recipe.neighbours {
            Neighbours::Adjacent if channels == planes.len() => planes[channel],
            _ => planes[1],
        };
        tensor.extend(plane.pixels.iter().map(|&value| table[usize::from(value)]));
    }
    tensor
}

/// The numbers beside the image, in the order of `fields`.
pub fn metadata(fields: &[MetadataField], position: SlicePosition) -> Vec<f32> {
    fields
        .iter()
        .map(|field| match field {
            MetadataField::ImagePositionM => metres(position.z_mm),
            MetadataField::SliceRatio => position.slice_ratio.unwrap_or(0.0),
            MetadataField::SliceRatioKnown => f32::from(u8::from(position.slice_ratio.is_some())),
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a network input needs no more than the 24 bits of an f32")]
fn metres(mm: f64) -> f32 {
    (mm / 1000.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::Resize;

    fn recipe(neighbours: Neighbours) -> Recipe {
        Recipe {
            window_center_hu: 400.0,
            window_width_hu: 1800.0,
            resize: Resize::Area,
            neighbours,
            mean: 0.5,
            std: 0.25,
            widest_field_mm: None,
        }
    }

    fn filled(value: u8) -> Plane {
        Plane { size: 2, pixels: vec![value; 4] }
    }

    #[test]
    fn channels_carry_above_this_and_below() {
        let (above, this, below) = (filled(0), filled(51), filled(255));
        let tensor = image_tensor([&above, &this, &below], &recipe(Neighbours::Adjacent), 3);
        assert_eq!(tensor.len(), 12);
        for (channel, expected) in [-2.0, -1.2, 2.0].into_iter().enumerate() {
            assert!(tensor[4 * channel..4 * channel + 4].iter().all(|v| (v - expected).abs() < 1e-6), "{tensor:?}");
        }
    }

    #[test]
    fn without_neighbours_every_channel_is_the_slice() {
        let (other, this) = (filled(0), filled(51));
        let tensor = image_tensor([&other, &this, &other], &recipe(Neighbours::None), 3);
        assert!(tensor.iter().all(|v| (v + 1.2).abs() < 1e-6), "{tensor:?}");
        assert_eq!(image_tensor([&other, &this, &other], &recipe(Neighbours::None), 1).len(), 4);
    }

    #[test]
    fn an_unknown_slice_ratio_is_masked() {
        use MetadataField::{ImagePositionM, SliceRatio, SliceRatioKnown};
        let fields = [ImagePositionM, SliceRatio, SliceRatioKnown];
        let arriving = SlicePosition { z_mm: -250.0, slice_ratio: None };
        let complete = SlicePosition { z_mm: -250.0, slice_ratio: Some(0.75) };
        assert_eq!(metadata(&fields, arriving), [-0.25, 0.0, 0.0]);
        assert_eq!(metadata(&fields, complete), [-0.25, 0.75, 1.0]);
        assert_eq!(metadata(&[SliceRatioKnown, ImagePositionM], complete), [1.0, -0.25]);
    }
}
