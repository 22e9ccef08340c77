//! Views address what they say.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::inference::int8::tests::reference::place;

#[test]
fn windows_of_an_image_are_partitioned_without_moving_values_until_they_must_be_one_axis() {
    let image = View::contiguous(0, &[1, 32, 32, 64]);
    let cut = image.reshaped(&[1, 8, 4, 8, 4, 64]).unwrap().permuted(&[0, 1, 3, 2, 4, 5]);
    assert_eq!(cut.strides[1..], [8192, 256, 2048, 64, 1]);
    assert_eq!(cut.reshaped(&[1024, 64]), None);
    assert_eq!(cut.permuted(&[0, 1, 3, 2, 4, 5]).reshaped(&[1, 32, 32, 64]).unwrap().strides[1..], [2048, 64, 1]);
}

#[test]
fn channels_last_images_become_rows_of_pixels() {
    let image = View::ordered(3, &[1, 80, 8, 8], &[0, 2, 3, 1]);
    assert_eq!(image.order(), [0, 2, 3, 1]);
    assert_eq!(image.reshaped(&[1, 80, 64]).unwrap().strides[1..], [1, 80]);
    assert_eq!(image.reshaped(&[1, 5, 16, 64]).unwrap().strides[1..], [16, 1, 80]);
    assert!(image.reshaped(&[80 * 64]).is_none());
    assert!(image.covers(80 * 64) && !image.sliced(1, 8, 16).covers(80 * 64));
    assert_eq!(image.sliced(1, 8, 16).end(), 63 * 80 + 24);
}

#[test]
fn loops_merge_what_lies_together() {
    let image = View::ordered(0, &[1, 80, 8, 8], &[0, 2, 3, 1]);
    let gate = View::contiguous(1, &[1, 80, 1, 1]).broadcast(&[1, 80, 8, 8]);
    let loops = Loops::over(&[&image, &gate]);
    assert_eq!((loops.extents.as_slice(), loops.run), (&[64][..], 80));
    assert_eq!((loops.start(0, 3), loops.start(1, 3)), (240, 0));
    assert_eq!(Loops::over(&[&image, &image]).run, 80 * 64);
    let planes = View::contiguous(0, &[1, 3, 20, 20]);
    let pixels = View::ordered(1, &[1, 3, 20, 20], &[0, 2, 3, 1]);
    let loops = Loops::over(&[&pixels, &planes]);
    assert_eq!((loops.extents.as_slice(), loops.run, loops.run_steps.as_slice()), (&[3][..], 400, &[3, 1][..]));
}

/// Indices into the buffer, in the order of the axes.
fn indices(view: &View) -> Vec<usize> {
    let at =
        |place: Vec<usize>| view.offset + place.iter().zip(&view.strides).map(|(i, stride)| i * stride).sum::<usize>();
    (0..view.len()).map(|number| at(place(&view.shape, number))).collect()
}

/// A whole buffer, perhaps cut, perhaps stretched.
fn views() -> impl Strategy<Value = View> {
    let shape = proptest::collection::vec(prop_oneof![1 => Just(1_usize), 3 => 1..5_usize], 1..5);
    let order = |axes: usize| Just((0..axes).collect::<Vec<_>>()).prop_shuffle();
    let shape = shape.prop_flat_map(move |shape| (Just(shape.clone()), order(shape.len()), 0..shape.len(), 0..4_usize));
    shape.prop_map(|(shape, order, axis, kind)| {
        let view = View::ordered(0, &shape, &order);
        match kind {
            0 => view.sliced(axis, shape[axis] / 2, shape[axis].div_ceil(2)),
            1 => view.sliced(axis, 0, 1).broadcast(&shape),
            _ => view,
        }
    })
}

/// Another shape of as many values.
fn refactored(shape: &[usize], choices: &[usize]) -> Vec<usize> {
    let mut left: usize = shape.iter().product();
    let mut made = Vec::new();
    for choice in choices {
        let factor = [1, 2, 3, 4, 6][choice % 5];
        if left.is_multiple_of(factor) {
            made.push(factor);
            left /= factor;
        }
    }
    made.insert(choices.first().map_or(0, |choice| choice % (made.len() + 1)), left);
    made
}

proptest! {
    #[test]
    fn a_view_of_another_shape_addresses_the_same_values(view in views(), choices: [usize; 4]) {
        let shape = refactored(&view.shape, &choices);
        if let Some(other) = view.reshaped(&shape) {
            prop_assert_eq!(&other.shape, &shape);
            prop_assert_eq!(indices(&other), indices(&view));
        } else {
            // a whole buffer in order can have every shape
            prop_assert!(!(view.offset == 0 && view.is_nested_in_order() && !view.repeats()));
        }
        prop_assert_eq!(view.reshaped(&view.shape).map(|same| indices(&same)), Some(indices(&view)));
        prop_assert_eq!(view.end(), indices(&view).into_iter().max().unwrap() + 1);
    }

    #[test]
    fn loops_visit_every_value_once_and_together(view in views(), rows: bool) {
        let whole = View::contiguous(1, &view.shape);
        let loops = if rows { Loops::rows(&[&whole, &view]) } else { Loops::over(&[&whole, &view]) };
        let mut found = vec![None; view.len()];
        let mut run = 0;
        while run < loops.runs() {
            let together = loops.together(run, 3);
            for number in 0..together {
                for at in 0..loops.run {
                    let place = |of: usize| loops.start(of, run) + number * loops.step_between(of) + at * loops.run_steps[of];
                    prop_assert_eq!(loops.start(0, run) + number * loops.step_between(0), loops.start(0, run + number));
                    prop_assert_eq!(found[place(0)].replace(view.offset + place(1)), None);
                }
            }
            run += together;
        }
        prop_assert_eq!(found.into_iter().collect::<Option<Vec<_>>>(), Some(indices(&view)));
    }
}
