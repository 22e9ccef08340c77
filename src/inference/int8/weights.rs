//! Integer weights, found again in the real numbers that tract makes of them when it folds constants.

use crate::inference::int8::graph::Weights;

/// Finds, for each output channel (`per_channel` values), a step of which every value is a multiple between -128 and
/// 127. Any such step gives back exactly the network's weights, whichever it was stored with. `None` if a channel has
/// none: its weights are not quantised.
pub fn find(values: &[f32], per_channel: usize) -> Option<Weights> {
    let mut found = Weights { values: Vec::with_capacity(values.len()), scale: Vec::new() };
    for channel in values.chunks_exact(per_channel) {
        let largest = channel.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        if largest == 0.0 {
            found.values.extend(std::iter::repeat_n(0, per_channel));
            found.scale.push(1.0);
            continue;
        }
        let scale = (1..=128_u8).rev().map(|steps| largest / f32::from(steps)).find(|&scale| fits(channel, scale))?;
        #[allow(clippy::cast_possible_truncation, reason = "between -128 and 127")]
        found.values.extend(channel.iter().map(|x| (x / scale).round() as i8));
        found.scale.push(scale);
    }
    Some(found)
}

fn fits(channel: &[f32], scale: f32) -> bool {
    channel.iter().all(|x| {
        let steps = x / scale;
        let whole = steps.round();
        (steps - whole).abs() < 1e-3 && (-128.0..=127.0).contains(&whole)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_integers_are_found_whatever_their_step() {
        let scales = [0.0123_f32, 3.3e-5];
        let integers: [[i8; 4]; 2] = [[-128, 3, 90, 0], [50, -50, 25, 7]];
        let real: Vec<f32> =
            integers.iter().zip(scales).flat_map(|(row, scale)| row.map(|w| f32::from(w) * scale)).collect();
        let found = find(&real, 4).unwrap();
        for (place, (&w, x)) in found.values.iter().zip(&real).enumerate() {
            assert!((f32::from(w) * found.scale[place / 4] - x).abs() <= x.abs() * 1e-6);
        }
        assert_eq!(found.values[..4], integers[0]);
    }

    #[test]
    fn real_weights_are_not_taken_for_integers() {
        let noise = |n: u32| n.wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32 - 0.5;
        assert!(find(&(0..64).map(noise).collect::<Vec<_>>(), 64).is_none());
    }
}
