//! Promises of the manifest: what is right is read, and what is wrong is named by key.

#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use super::*;

const CLASSIFIER: &str = r#"format = 1
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

fn detector() -> String {
    let text = CLASSIFIER.replace("vertebra-classifier", "fracture-detector").replace("128", "256");
    let text = text.replace("shape = [1, 7]", "shape = [1, 5, 1344]");
    let text = text.replace(r#"["C1","C2","C3","C4","C5","C6","C7"]"#, r#"["fracture"]"#);
    let point = "thresholds = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]\ngate = 0.3";
    text.replace(point, "score = 0.25\nnms_iou = 0.5\nfinding_score = 0.5")
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
        ("\"vertebra-classifier\"", "\"segmenter\"", "unknown variant `segmenter`, expected `vertebra-classifier` or"),
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
