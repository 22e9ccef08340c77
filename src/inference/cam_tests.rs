//! Promises of the heat map: it is what PyTorch's differentiation gives.
//!
//! `tests/inference/cam` is written by `python -m spinewatch_training cam-fixtures tests/inference/cam`.

#![allow(clippy::unwrap_used)]

use super::*;

const CHANNELS: usize = 6;
const SIDE: usize = 16;

fn features_output(channels: usize) -> FeaturesOutput {
    FeaturesOutput {
        name: "features".into(),
        shape: [1, channels, SIDE, SIDE],
        weights: "head.npy".into(),
        bias: "bias.npy".into(),
    }
}

fn head() -> LinearHead {
    let weights = include_bytes!("../../tests/inference/cam/head.npy");
    let bias = include_bytes!("../../tests/inference/cam/bias.npy");
    LinearHead::read(&features_output(CHANNELS), weights, bias).unwrap()
}

fn features() -> Vec<f32> {
    npy::read(include_bytes!("../../tests/inference/cam/features.npy"), &[CHANNELS, SIDE, SIDE]).unwrap()
}

#[test]
fn the_heat_is_grad_cam_as_autograd_computes_it() {
    let wanted: Vec<f32> = npy::read(include_bytes!("../../tests/inference/cam/heat.npy"), &[7, SIDE, SIDE]).unwrap();
    let (head, features) = (head(), features());
    for (level, wanted) in Level::ALL.into_iter().zip(wanted.chunks_exact(SIDE * SIDE)) {
        let heat = head.heat(level, &features, SIDE, SIDE);
        let hottest = wanted.iter().copied().fold(0.0, f32::max);
        assert!(hottest > 0.0, "{level:?}: the fixture shows something");
        let apart = heat.values.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4 * hottest, "{level:?}: {apart} of {hottest}");
    }
}

#[test]
fn the_probabilities_are_those_of_the_network() {
    let wanted: Vec<f32> = npy::read(include_bytes!("../../tests/inference/cam/probabilities.npy"), &[7]).unwrap();
    let apart = head().probabilities(&features()).iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-5, "{apart}");
    assert!(wanted.iter().any(|p| *p > 0.6) && wanted.iter().any(|p| *p < 0.4), "{wanted:?}");
}

#[test]
fn heat_is_read_between_the_cells_and_is_one_at_the_hottest() {
    let heat = Heat::new(1, 2, vec![0.0, 2.0]);
    assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|across| heat.at(0.5, across)), [0.0, 0.0, 0.5, 1.0, 1.0]);
    let cold = Heat::new(1, 2, vec![0.0, 0.0]);
    assert_eq!(cold.at(0.5, 0.5), 0.0);
}

#[test]
fn a_head_of_another_width_is_named() {
    let weights = include_bytes!("../../tests/inference/cam/head.npy");
    let bias = include_bytes!("../../tests/inference/cam/bias.npy");
    let (file, why) = LinearHead::read(&features_output(CHANNELS + 1), weights, bias).unwrap_err();
    assert_eq!(file, "head.npy");
    assert!(why.contains("(7, 6)"), "{why}");
    assert_eq!(LinearHead::read(&features_output(CHANNELS), bias, bias).unwrap_err().0, "head.npy");
}
