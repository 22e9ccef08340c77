//! Promises of the manifest: what is right is read, and what is wrong is named by key.

#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use super::*;

pub const CLASSIFIER: &str = r#"format = 1
name = "vertebra-classifier-edge"
kind = "vertebra-classifier"
version = "0.1.0"
model = "model.onnx"
trained_on = "phantom"
intended_use = "triage"
[input]
name = "image"
shape = [1, 3, 128, 128]
[metadata]
name = "metadata"
shape = [1, 3]
fields = ["image_position_m", "slice_ratio", "slice_ratio_known"]
[preprocessing]
window_center_hu = 400.0
window_width_hu = 1800
resize = "area"
neighbours = "adjacent"
mean = 0.5
std = 0.25
[output]
name = "probabilities"
shape = [1, 7]
classes = ["C1","C2","C3","C4","C5","C6","C7"]
[operating_point]
thresholds = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
gate = 0.3
[quantisation]
method = "static int8, QDQ, per channel"
activations = "u8"
float_layers = []
[metrics]
macro_f1 = 0.96
studies = 40
[golden]
cases = 4
tolerance = 0.03
"#;

pub fn detector() -> String {
    let text = CLASSIFIER.replace("vertebra-classifier", "fracture-detector").replace("128", "256");
    let text = text.replace("shape = [1, 7]", "shape = [1, 5, 1344]");
    let text = text.replace(r#"["C1","C2","C3","C4","C5","C6","C7"]"#, r#"["fracture"]"#);
    let point = "thresholds = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]\ngate = 0.3";
    text.replace(point, "score = 0.25\nnms_iou = 0.5\nfinding_score = 0.5")
}

fn fracture_classifier() -> String {
    let text = CLASSIFIER.replace("vertebra-classifier", "fracture-classifier").replace("\ngate = 0.3", "");
    let text = text.replace("neighbours = \"adjacent\"", "neighbours = \"none\"");
    let metadata = "[metadata]\nname = \"metadata\"\nshape = [1, 3]\n\
                    fields = [\"image_position_m\", \"slice_ratio\", \"slice_ratio_known\"]\n";
    let features = "[features]\nname = \"features\"\nshape = [1, 64, 128, 128]\n\
                    weights = \"head.npy\"\nbias = \"bias.npy\"\n";
    text.replace(metadata, features)
}

#[test]
fn a_fracture_classifier_is_read_and_gives_two_outputs() {
    let manifest = Manifest::parse(&fracture_classifier()).unwrap();
    assert_eq!(manifest.head.fractures(), Some(FracturePoint { thresholds: [0.5; 7] }));
    assert_eq!(manifest.head.kind(), Kind::FractureClassifier);
    let outputs: Vec<_> = manifest.outputs().collect();
    assert_eq!(outputs, [("probabilities", [1, 7].as_slice()), ("features", [1, 64, 128, 128].as_slice())]);
}

#[test]
fn a_fracture_classifier_without_what_its_heat_needs_is_refused_by_key() {
    for (from, to, words) in [
        ("[features]", "[featuers]", "unknown field `featuers`"),
        ("[1, 64, 128, 128]", "[1, 0, 128, 128]", "[features] shape = [1, 0, 128, 128]: must be"),
        ("\"head.npy\"", "\"../head.npy\"", "[features] weights = \"../head.npy\": must be the name of a file"),
        ("\"bias.npy\"", "\"\"", "[features] bias = \"\": must be the name of a file"),
        ("\"none\"", "\"adjacent\"", "a fracture-classifier takes one slice alone"),
        ("fracture-classifier\"\nversion", "vertebra-classifier\"\nversion", "missing field `gate`"),
    ] {
        let error = Manifest::parse(&fracture_classifier().replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(words), "{words:?} is not in {error:?}");
    }
    let bare: String = fracture_classifier().split("[features]").next().unwrap().to_owned();
    let rest = fracture_classifier().split("[preprocessing]").nth(1).unwrap().to_owned();
    let error = Manifest::parse(&format!("{bare}[preprocessing]{rest}")).unwrap_err();
    assert!(error.contains("[features] is missing"), "{error}");
    let features = "[features]\nname = \"f\"\nshape = [1, 1, 1, 1]\nweights = \"w\"\nbias = \"b\"\n[golden]";
    let error = Manifest::parse(&CLASSIFIER.replace("[golden]", features)).unwrap_err();
    assert!(error.contains("[features]: a vertebra-classifier has none"), "{error}");
}

#[test]
fn a_classifier_is_read() {
    let manifest = Manifest::parse(CLASSIFIER).unwrap();
    assert_eq!(manifest.head, Head::Classifier(ClassifierPoint { thresholds: [0.5; 7], gate: 0.3 }));
    assert_eq!((manifest.input.channels(), manifest.input.size()), (3, 128));
    assert_eq!(manifest.metadata.unwrap().fields[2], MetadataField::SliceRatioKnown);
    assert_eq!(manifest.metrics["studies"], 40.0);
}

#[test]
fn a_detector_is_read() {
    let manifest = Manifest::parse(&detector()).unwrap();
    assert_eq!(manifest.head, Head::Detector(DetectorPoint { score: 0.25, nms_iou: 0.5, finding_score: 0.5 }));
}

#[test]
fn a_fault_is_named_by_its_key() {
    for (from, to, words) in [
        ("[input]\n", "[input]\nlayout = \"NCHW\"\n", "line 9: unknown field `layout`, expected `name` or `shape`"),
        ("std = 0.25", "std = 0.25\ngamma = 1", "line 22: unknown field `gamma`, expected one of `window_center_hu`"),
        ("version = \"0.1.0\"\n", "", "missing field `version`"),
        ("\"area\"", "\"bicubic\"", "unknown variant `bicubic`, expected `area` or `nearest`"),
        (
            "\"vertebra-classifier\"",
            "\"segmenter\"",
            "unknown variant `segmenter`, expected one of `vertebra-classifier`",
        ),
        ("format = 1", "format = 2", "format = 2: this version reads format 1"),
        ("name = \"vertebra", "name = \"Vertebra", "name = \"Vertebra-classifier-edge\": must be 1 to 64 of a-z"),
        (
            "model = \"model.onnx\"",
            "model = \"../model.onnx\"",
            "model = \"../model.onnx\": must be the name of a file",
        ),
        ("model = \"model.onnx\"", "model = \"/model.onnx\"", "model = \"/model.onnx\": must be the name of a file"),
        ("[1, 3, 128, 128]", "[1, 3, 128, 64]", "[input] shape = [1, 3, 128, 64]: must be [1, 1 or 3, size, size]"),
        ("[1, 3, 128, 128]", "[1, 1, 128, 128]", "neighbours = \"adjacent\" needs 3 channels"),
        ("shape = [1, 3]\n", "shape = [1, 2]\n", "[metadata] shape = [1, 2]: must be [1, 3]"),
        (
            "window_width_hu = 1800",
            "window_width_hu = 0",
            "[preprocessing] window_width_hu = 0: must be a number above 0",
        ),
        ("std = 0.25", "std = nan", "[preprocessing] std = NaN"),
        (
            "std = 0.25",
            "std = 0.25\nwidest_field_mm = 0",
            "[preprocessing] widest_field_mm = 0: must be a number above 0",
        ),
        ("[1, 7]", "[7]", "[output] shape = [7]: must be [1, 7]"),
        ("\"C1\",\"C2\"", "\"C2\",\"C1\"", "must be C1 to C7 in this order"),
        ("gate = 0.3", "gate = 1.5", "[operating_point] gate = 1.5: must be above 0, at most 1"),
        ("gate = 0.3", "score = 0.3", "[operating_point]: unknown field `score`, expected `thresholds` or `gate`"),
        ("cases = 4", "cases = 0", "[golden] cases = 0: must be 1 to 32"),
        ("tolerance = 0.03", "tolerance = 1.0", "[golden] tolerance = 1: must be above 0 and at most 0.25"),
        ("tolerance = 0.03", "tolerance = nan", "[golden] tolerance = NaN"),
    ] {
        assert!(CLASSIFIER.contains(from), "{from}");
        let fault = Manifest::parse(&CLASSIFIER.replace(from, to)).unwrap_err();
        assert!(fault.contains(words), "{to}: {fault}");
        assert_eq!(fault.lines().count(), 1, "{fault}");
    }
}

#[test]
fn a_transposed_detector_is_told_to_export_without_transposing() {
    let fault = Manifest::parse(&detector().replace("[1, 5, 1344]", "[1, 1344, 5]")).unwrap_err();
    assert!(fault.contains("must be [1, 5, N]") && fault.contains("without transposing"), "{fault}");
}
