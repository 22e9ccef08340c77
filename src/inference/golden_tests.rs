//! Promises of the golden cases: what counts as the same output, and which cases prove nothing.

#![allow(clippy::unwrap_used)]

use super::*;

fn manifest(kind: &str) -> Manifest {
    let (shape, classes, point) = match kind {
        "vertebra-classifier" => (
            "[1, 7]",
            r#"["C1","C2","C3","C4","C5","C6","C7"]"#,
            "thresholds = [0.5,0.5,0.5,0.5,0.5,0.5,0.5]\ngate = 0.3",
        ),
        "fracture-classifier" => (
            "[1, 7]",
            r#"["C1","C2","C3","C4","C5","C6","C7"]
[features]
name = "f"
shape = [1, 2, 1, 2]
weights = "head.npy"
bias = "bias.npy""#,
            "thresholds = [0.5,0.5,0.5,0.5,0.5,0.5,0.5]",
        ),
        _ => ("[1, 5, 2]", r#"["fracture"]"#, "score = 0.25\nnms_iou = 0.5\nfinding_score = 0.5"),
    };
    let text = format!(
        r#"format = 1
name = "x"
kind = "{kind}"
version = "1"
model = "model.onnx"
trained_on = ""
intended_use = ""
[input]
name = "image"
shape = [1, 3, 100, 100]
[preprocessing]
window_center_hu = 400.0
window_width_hu = 1800.0
resize = "area"
neighbours = "none"
mean = 0.5
std = 0.25
[output]
name = "o"
shape = {shape}
classes = {classes}
[operating_point]
{point}
[golden]
cases = 1
tolerance = 0.03
"#
    );
    Manifest::parse(&text).unwrap()
}

fn case(expected: &[f32]) -> GoldenCase {
    GoldenCase { image: vec![0; 3], metadata: None, expected: expected.to_vec() }
}

#[test]
fn a_classifier_differs_by_its_worst_probability() {
    let manifest = manifest("vertebra-classifier");
    let expected = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
    let mut output = expected;
    output[3] = 0.35;
    assert!((difference(&manifest, &expected, &output) - 0.05).abs() < 1e-6);
    assert_eq!(difference(&manifest, &expected, &expected), 0.0);
    output[0] = f32::NAN;
    assert_eq!(difference(&manifest, &expected, &output), f32::INFINITY);
    assert_eq!(difference(&manifest, &expected, &output[..6]), f32::INFINITY);
}

#[test]
fn a_detector_differs_by_scores_and_by_the_places_of_boxes_that_are_read() {
    let manifest = manifest("fracture-detector");
    // rows: x, y, width, height, score; the second box is below the score of 0.25
    let expected = [50.0, 10.0, 50.0, 10.0, 20.0, 5.0, 20.0, 5.0, 0.8, 0.1];
    let moved = |index: usize, by: f32| {
        let mut output = expected;
        output[index] += by;
        difference(&manifest, &expected, &output)
    };
    assert!((moved(0, 4.0) - 0.04).abs() < 1e-6, "4 of 100 pixels");
    assert_eq!(moved(1, 40.0), 0.0, "a box that nobody reads");
    assert!((moved(8, -0.5) - 0.5).abs() < 1e-6);
    assert!((moved(9, 0.1) - 0.1).abs() < 1e-6);
    assert!(moved(9, 0.2) >= 0.2);
}

#[test]
fn cases_that_a_constant_output_would_pass_prove_nothing() {
    let classifier = manifest("vertebra-classifier");
    let (none, all) = (case(&[0.1; 7]), case(&[0.9; 7]));
    assert!(!tell_apart(std::slice::from_ref(&none), &classifier));
    assert!(!tell_apart(std::slice::from_ref(&all), &classifier));
    assert!(tell_apart(&[none, all], &classifier));
    let detector = manifest("fracture-detector");
    assert!(!tell_apart(&[case(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.1])], &detector));
    assert!(tell_apart(&[case(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.3])], &detector));
}

#[test]
fn a_feature_map_that_leads_elsewhere_differs() {
    let manifest = manifest("fracture-classifier");
    let npy = |shape: &str, values: &[f32]| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        let values: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), &values].concat()
    };
    let weights: Vec<f32> = (0..14).map(|n| if n == 0 { 1.0 } else { 0.0 }).collect();
    let (weights, bias) = (npy("(7, 2)", &weights), npy("(7,)", &[0.0; 7]));
    let head = LinearHead::read(manifest.features.as_ref().unwrap(), &weights, &bias).unwrap();
    // C1 has the logit 2: the mean of the first channel
    let expected = [0.880_797, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
    let same = [expected.as_slice(), &[1.0, 3.0, 9.0, 9.0]].concat();
    assert!(difference_with_features(&manifest, &head, &expected, &same) < 1e-5);
    let elsewhere = [expected.as_slice(), &[0.0, 0.0, 9.0, 9.0]].concat();
    assert!((difference_with_features(&manifest, &head, &expected, &elsewhere) - 0.380_797).abs() < 1e-5);
    assert_eq!(difference_with_features(&manifest, &head, &expected, &same[..5]), f32::INFINITY);
}
